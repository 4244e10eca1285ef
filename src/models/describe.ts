/** `describeModel`: a model directory -> validated ModelDescription. Reads config, headers and a few pieces of the weights. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type CheckpointFiles, openCheckpointFiles } from "./checkpoint-files.ts";
import { architecture, type ModelConfig, parseModelConfig } from "./config.ts";
import type { ModelDescription, ModelShape, TensorDescription } from "./description.ts";
import { expertLayout, takeExperts } from "./expert-tensors.ts";
import { Fields } from "./fields.ts";
import { modelError } from "./model-error.ts";
import { parseJsonObject, readOptionalBytes, readOptionalJson, requireDirectory } from "./model-files.ts";
import { parseQuantization } from "./quantization.ts";
import { TensorTable } from "./tensor-table.ts";

/** Reads, checks and describes the checkpoint in `directory`; every defect is a named `model_invalid` error. */
export async function describeModel(directory: string, name?: string): Promise<ModelDescription> {
  await requireDirectory(directory);
  const configBytes = await readOptionalBytes(join(directory, "config.json"));
  if (configBytes === null) {
    throw modelError(
      `${directory} holds no config.json: it is no model directory.`,
      "Give the directory of a downloaded MLX or Hugging Face safetensors model.",
    );
  }
  const config = parseModelConfig(parseJsonObject(configBytes, "config.json"));
  const quantization = parseQuantization(config.top, config.text);
  const files = await openCheckpointFiles(directory);
  const table = new TensorTable(files, quantization);
  const { shape } = config;
  decideTied(config, table);
  const layout = expertLayout(table, 0) === "stacked" ? "mlx" : "huggingface";
  const { tensors, modules } = takeTensors(table, shape);
  const skipped = table.finish(modules);
  for (const file of files.unlisted)
    skipped.push({ what: `file outside the shard list: ${file}`, tensors: 0, bytes: 0 });
  return {
    name: name ?? basename(resolve(directory)),
    directory,
    layout,
    architecture,
    shape,
    normZeroCentred: normsAreZeroCentred(tensors, files, layout),
    files: files.files.map(({ path, bytes }) => ({ path, bytes })),
    tensors,
    hash: await hashOf(configBytes, files),
    eosTokenIds: await eosTokenIds(directory, config),
    skipped,
  };
}

/** The tensors decide: with an lm_head and both levels not saying "tied" it is used, without one the config must say so. */
function decideTied(config: ModelConfig, table: TensorTable): void {
  const { shape, tiedText, tiedTop } = config;
  const hasHead = table.has("lm_head.weight");
  const disagree = tiedText !== null && tiedTop !== null && tiedText !== tiedTop;
  if (disagree) shape.tied = !hasHead;
  if (shape.tied && hasHead) table.skipModule("lm_head (tied to the embedding)", "lm_head");
}

function takeTensors(table: TensorTable, shape: ModelShape): { tensors: TensorDescription[]; modules: Set<string> } {
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
    for (const expert of takeExperts(table, shape, layer, modules)) tensors.push(expert);
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

/**
 * Raw Hugging Face norms are zero-centred, converted ones have the 1 folded in. The convolution's shape tells: [C, 1, K]
 * raw, [C, K, 1] converted. Without a delta-net layer the experts' layout has to tell.
 */
function normsAreZeroCentred(
  tensors: TensorDescription[],
  files: CheckpointFiles,
  layout: "mlx" | "huggingface",
): boolean {
  let first: { name: string; raw: boolean } | undefined;
  for (const { role, name } of tensors) {
    if (role !== "deltaConv") continue;
    const raw = files.tensors.get(name)?.shape[1] === 1;
    first ??= { name, raw };
    if (first.raw !== raw) {
      throw modelError(
        `${first.name} and ${name} have their convolution stored in different orders.`,
        "The checkpoint mixes converted and raw layers; download it again from one release.",
      );
    }
  }
  return first?.raw ?? layout === "huggingface";
}

/** 64 bits over config.json, and name, size and header of every file in order. */
/** Config, headers and a sample of the weights: two fine-tunes of one model have equal headers. */
async function hashOf(configBytes: Uint8Array, files: CheckpointFiles): Promise<string> {
  const samples = await Promise.all(files.files.map(({ path, bytes }) => sampleOf(path, bytes)));
  const hash = createHash("sha256").update(configBytes);
  for (const [i, file] of files.files.entries()) {
    hash.update(`\n${file.name} ${file.bytes}\n`).update(file.raw);
    for (const piece of samples[i] ?? []) hash.update(piece);
  }
  return hash.digest("hex").slice(0, 16);
}

const samplePieces = 8;
const samplePieceBytes = 4096;

/** Pieces of a file at even distances, the last one at its end. Read by position: slices of Bun.file hold the whole file. */
async function sampleOf(path: string, bytes: number): Promise<Uint8Array[]> {
  const file = await open(path);
  try {
    const lastStart = Math.max(0, bytes - samplePieceBytes);
    const pieces: Uint8Array[] = [];
    for (let i = 1; i <= samplePieces; i++) {
      const piece = new Uint8Array(samplePieceBytes);
      const { bytesRead } = await file.read(piece, 0, piece.length, Math.floor((lastStart * i) / samplePieces));
      pieces.push(piece.subarray(0, bytesRead));
    }
    return pieces;
  } finally {
    await file.close();
  }
}

/** Ends of text by generation_config.json first, then config.json: any of them ends a reply. */
async function eosTokenIds(directory: string, config: ModelConfig): Promise<number[]> {
  const generation = await readOptionalJson(join(directory, "generation_config.json"));
  const own =
    generation === null
      ? []
      : new Fields(generation, "generation_config.json").tokenIds("eos_token_id", config.shape.vocab);
  return [...new Set([...own, ...config.eosTokenIds])];
}
