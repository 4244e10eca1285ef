/** The tensors a model of this shape must have, taken from the table by name: shapes and roles of the whole architecture. */
import type { ModelConfig } from "./config.ts";
import type { ModelShape, TensorDescription } from "./description.ts";
import type { TensorTable } from "./tensor-table.ts";

/** The routed experts of a layer; `modules` collects the canonical module names, for checking the config's overrides. */
export type ExpertTaker = (layer: number, modules: Set<string>) => TensorDescription[];

/** The tensors decide: with an lm_head and both levels not saying "tied" it is used, without one the config must say so. */
export function decideTied(config: ModelConfig, table: TensorTable): void {
  const { shape, tiedText, tiedTop } = config;
  const hasHead = table.has("lm_head.weight");
  const disagree = tiedText !== null && tiedTop !== null && tiedText !== tiedTop;
  if (disagree) shape.tied = !hasHead;
  if (shape.tied && hasHead) table.skipModule("lm_head (tied to the embedding)", "lm_head");
}

/** Every tensor of the model in layer order; what is taken is missing from the table afterwards. */
export function takeTensors(
  table: TensorTable,
  shape: ModelShape,
  experts: ExpertTaker,
): { tensors: TensorDescription[]; modules: Set<string> } {
  const modules = new Set<string>();
  const matrix = (
    module: string,
    role: TensorDescription["role"],
    layer: number | null,
    rows: number,
    cols: number,
  ) => {
    modules.add(module);
    return table.matrix({ module, role, layer, rows, cols });
  };
  const tensors = [
    matrix("embed_tokens", "embedding", null, shape.vocab, shape.hidden),
    table.vector("norm.weight", "finalNorm", null, [[shape.hidden]], shape.hidden),
  ];
  if (!shape.tied) tensors.push(matrix("lm_head", "lmHead", null, shape.vocab, shape.hidden));
  for (let layer = 0; layer < shape.layers; layer++) {
    const at = `layers.${layer}`;
    const norm = (name: string, role: TensorDescription["role"]) =>
      table.vector(`${at}.${name}.weight`, role, layer, [[shape.hidden]], shape.hidden);
    tensors.push(norm("input_layernorm", "inputNorm"), norm("post_attention_layernorm", "postAttentionNorm"));
    const linear: LinearTaker = (module, role, rows, cols) =>
      tensors.push(matrix(`${at}.${module}`, role, layer, rows, cols));
    if (shape.layerKinds[layer] === "attention") takeAttention(table, shape, layer, tensors, linear);
    else takeDeltaNet(table, shape, layer, tensors, linear);
    linear("mlp.gate", "router", shape.experts, shape.hidden);
    linear("mlp.shared_expert.gate_proj", "sharedGateProj", shape.sharedWidth, shape.hidden);
    linear("mlp.shared_expert.up_proj", "sharedUpProj", shape.sharedWidth, shape.hidden);
    linear("mlp.shared_expert.down_proj", "sharedDownProj", shape.hidden, shape.sharedWidth);
    linear("mlp.shared_expert_gate", "sharedGate", 1, shape.hidden);
    for (const expert of experts(layer, modules)) tensors.push(expert);
  }
  return { tensors, modules };
}

type LinearTaker = (module: string, role: TensorDescription["role"], rows: number, cols: number) => void;

function takeAttention(
  table: TensorTable,
  shape: ModelShape,
  layer: number,
  tensors: TensorDescription[],
  linear: LinearTaker,
): void {
  const { hidden, heads, kvHeads, headDim } = shape;
  linear("self_attn.q_proj", "attentionQ", heads * 2 * headDim, hidden); // per head query then gate
  linear("self_attn.k_proj", "attentionK", kvHeads * headDim, hidden);
  linear("self_attn.v_proj", "attentionV", kvHeads * headDim, hidden);
  linear("self_attn.o_proj", "attentionO", hidden, heads * headDim);
  for (const [name, role] of [
    ["q_norm", "attentionQNorm"],
    ["k_norm", "attentionKNorm"],
  ] as const) {
    tensors.push(table.vector(`layers.${layer}.self_attn.${name}.weight`, role, layer, [[headDim]], headDim));
  }
}

function takeDeltaNet(
  table: TensorTable,
  shape: ModelShape,
  layer: number,
  tensors: TensorDescription[],
  linear: LinearTaker,
): void {
  const { hidden, deltaValueHeads, deltaKeyHeads, deltaKeyDim, deltaValueDim, convKernel } = shape;
  const values = deltaValueHeads * deltaValueDim;
  const channels = 2 * deltaKeyHeads * deltaKeyDim + values;
  linear("linear_attn.in_proj_qkv", "deltaQkv", channels, hidden);
  linear("linear_attn.in_proj_z", "deltaZ", values, hidden);
  linear("linear_attn.in_proj_b", "deltaB", deltaValueHeads, hidden);
  linear("linear_attn.in_proj_a", "deltaA", deltaValueHeads, hidden);
  linear("linear_attn.out_proj", "deltaOut", hidden, values);
  const at = `layers.${layer}.linear_attn`;
  const convShapes = [
    [channels, convKernel, 1], // MLX
    [channels, 1, convKernel], // Hugging Face
  ];
  tensors.push(
    table.vector(`${at}.conv1d.weight`, "deltaConv", layer, convShapes, convKernel),
    table.vector(`${at}.A_log`, "deltaALog", layer, [[deltaValueHeads]], deltaValueHeads),
    table.vector(`${at}.dt_bias`, "deltaDtBias", layer, [[deltaValueHeads]], deltaValueHeads),
    table.vector(`${at}.norm.weight`, "deltaNorm", layer, [[deltaValueDim]], deltaValueDim),
  );
}
