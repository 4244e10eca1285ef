/** config.json of `qwen3_5_moe` -> ModelShape. Everything about sizes comes from here; nothing is compiled in. */
import type { LayerKind, ModelShape } from "./description.ts";
import { Fields } from "./fields.ts";
import { modelError, shown } from "./model-error.ts";
import type { JsonObject } from "./strict-json.ts";

export const architecture = "qwen3_5_moe";
const modelTypes = ["qwen3_5_moe", "qwen3_5_moe_text"];
const architectures = ["Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM"];

const dimensionMax = 1 << 24;

export interface ModelConfig {
  /** `tied` is what the config says; the tensors decide when its two levels disagree. */
  shape: ModelShape;
  /** tie_word_embeddings at both levels of the config; null where absent. */
  tiedText: boolean | null;
  tiedTop: boolean | null;
  eosTokenIds: number[];
  top: Fields;
  text: Fields;
}

/** Validates and reads the config; refuses what the engine would compute differently, by name. */
export function parseModelConfig(json: JsonObject): ModelConfig {
  const top = new Fields(json, "config.json");
  checkArchitecture(top);
  const text = top.object("text_config") ?? top;
  text.require("model_type", modelTypes);
  refuseVariants(top, text);
  const shape = parseShape(text);
  const tiedText = text.has("tie_word_embeddings") ? text.boolean("tie_word_embeddings", false) : null;
  const tiedTop = top.has("tie_word_embeddings") ? top.boolean("tie_word_embeddings", false) : null;
  shape.tied = tiedText ?? tiedTop ?? false;
  const eosTokenIds = [...top.tokenIds("eos_token_id", shape.vocab), ...text.tokenIds("eos_token_id", shape.vocab)];
  return { shape, tiedText, tiedTop, eosTokenIds: [...new Set(eosTokenIds)], top, text };
}

function checkArchitecture(top: Fields): void {
  const type = top.text("model_type");
  if (type === undefined) {
    throw modelError(
      "config.json has no model_type: this is not a model's config.",
      "Give the directory of a downloaded model.",
    );
  }
  const named = top.list("architectures");
  const unknown =
    named !== undefined && named.length > 0 && !named.some((name) => architectures.includes(String(name)));
  if (!modelTypes.includes(type) || unknown) {
    const what = modelTypes.includes(type) ? shown(named) : JSON.stringify(type);
    throw modelError(
      `The architecture ${what} is not supported.`,
      `flashmoe runs ${architecture} models (Qwen3.5 and Qwen3.6 mixture-of-experts releases).`,
    );
  }
}

function refuseVariants(top: Fields, text: Fields): void {
  top.require("quantize_activations", [false]);
  for (const fields of top === text ? [top] : [top, text]) {
    if (fields.has("model_file") || fields.has("auto_map")) {
      throw modelError(
        `${fields.where} asks for the model's own program code (model_file or auto_map).`,
        "flashmoe runs no code from a model directory; use a release of the standard architecture.",
      );
    }
  }
  text.require("hidden_act", ["silu", "swish"]);
  text.require("output_gate_type", ["silu", "swish"]);
  text.require("attention_bias", [false]);
  text.require("attn_output_gate", [true]);
  text.require("use_sliding_window", [false]);
  text.require("decoder_sparse_step", [1]);
  const dense = text.list("mlp_only_layers");
  if (dense !== undefined && dense.length > 0) {
    throw modelError(
      `${text.where}: mlp_only_layers = ${shown(dense)} is not supported (every layer must have experts).`,
      "This variant of the architecture cannot be run by flashmoe.",
    );
  }
}

function parseShape(text: Fields): ModelShape {
  const size = (key: string) => text.whole(key, 1, dimensionMax);
  const layers = text.whole("num_hidden_layers", 1, 4096);
  const hidden = size("hidden_size");
  const heads = size("num_attention_heads");
  const headDim = text.has("head_dim") ? size("head_dim") : hidden / heads;
  const experts = text.whole("num_experts", 1, 1 << 16);
  const shape: ModelShape = {
    hidden,
    layers,
    layerKinds: parseLayerKinds(text, layers),
    vocab: text.whole("vocab_size", 1, 1 << 28),
    heads,
    kvHeads: size("num_key_value_heads"),
    headDim,
    ...parseRope(text, headDim),
    normEps: text.real("rms_norm_eps", 0, 1, 1e-6),
    deltaValueHeads: size("linear_num_value_heads"),
    deltaKeyHeads: size("linear_num_key_heads"),
    deltaKeyDim: size("linear_key_head_dim"),
    deltaValueDim: size("linear_value_head_dim"),
    convKernel: text.whole("linear_conv_kernel_dim", 2, 8, 4),
    experts,
    expertsPerToken: text.whole("num_experts_per_tok", 1, experts),
    expertWidth: size("moe_intermediate_size"),
    sharedWidth: size("shared_expert_intermediate_size"),
    contextMax: text.whole("max_position_embeddings", 1, 1 << 30),
    // mlx-lm's and transformers' default for this family is to renormalise.
    normTopk: text.boolean("norm_topk_prob", true),
    tied: false,
  };
  requireMultiple(text, "num_attention_heads", shape.heads, "num_key_value_heads", shape.kvHeads);
  requireMultiple(text, "linear_num_value_heads", shape.deltaValueHeads, "linear_num_key_heads", shape.deltaKeyHeads);
  if (!Number.isInteger(headDim)) throw text.error("head_dim", "given, since heads do not divide hidden_size");
  return shape;
}

function requireMultiple(text: Fields, name: string, value: number, ofName: string, of: number): void {
  if (value % of === 0) return;
  throw modelError(
    `${text.where}: ${name} (${value}) is not a multiple of ${ofName} (${of}).`,
    "The config contradicts itself; compare it with the original release.",
  );
}

function parseLayerKinds(text: Fields, layers: number): LayerKind[] {
  const interval = text.whole("full_attention_interval", 1, 4096, 4);
  const types = text.list("layer_types");
  if (types === undefined) {
    return Array.from({ length: layers }, (_, i) => ((i + 1) % interval === 0 ? "attention" : "deltaNet"));
  }
  if (types.length !== layers) {
    throw modelError(
      `${text.where}: layer_types names ${types.length} layers but num_hidden_layers is ${layers}.`,
      "The config contradicts itself; compare it with the original release.",
    );
  }
  return types.map((type, layer) => {
    if (type === "full_attention") return "attention";
    if (type === "linear_attention") return "deltaNet";
    throw modelError(
      `${text.where}: layer_types[${layer}] = ${shown(type)} is not supported.`,
      'Only "linear_attention" and "full_attention" layers can be run.',
    );
  });
}

/**
 * Rotary settings: `rope_parameters` (also nested by layer type), the older `rope_scaling`, or plain fields. Text
 * positions make multi-section RoPE equal to the plain one.
 */
function parseRope(text: Fields, headDim: number): { ropeTheta: number; rotaryDim: number } {
  const parameters = text.object("rope_parameters");
  const sources = [parameters?.object("full_attention") ?? parameters, text.object("rope_scaling"), text];
  for (const source of sources.slice(0, 2)) {
    source?.require("rope_type", ["default", "mrope"]);
    source?.require("type", ["default", "mrope"]);
  }
  const thetaFrom = sources.find((source) => source?.has("rope_theta"));
  if (thetaFrom === undefined) throw text.error("rope_theta", "given in rope_parameters or beside it");
  const ropeTheta = thetaFrom.real("rope_theta", 1, 1e12);
  const factorFrom = sources.find((source) => source?.has("partial_rotary_factor")) ?? text;
  const factor = factorFrom.real("partial_rotary_factor", 0, 1, 0.25);
  const rotaryDim = Math.trunc(headDim * factor);
  if (rotaryDim < 2 || rotaryDim % 2 !== 0) {
    throw factorFrom.error("partial_rotary_factor", `such that an even number of ${headDim} dimensions rotate`);
  }
  return { ropeTheta, rotaryDim };
}
