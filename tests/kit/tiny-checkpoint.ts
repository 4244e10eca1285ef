/**
 * Writes tiny valid qwen3_5_moe checkpoints (MLX affine or unquantised, Hugging Face fused or per expert) with lively
 * random values. The layout code here is independent of src/models/synth*, so each checks the other.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { synthTokenizer } from "../../src/models/synth-tokenizer.ts";
import { encodeFloats, type FloatFormat, floatDtype } from "./floats.ts";
import { type Random, seededRandom } from "./random.ts";
import { safetensorsBytes, type WrittenTensor } from "./safetensors-writer.ts";

export interface TinyOptions {
  layout: "mlx" | "huggingface" | "huggingface-separate";
  /** 0: unquantised. */
  bits: number;
  group: number;
  /** Bits of router and shared gate of a quantised checkpoint. */
  gateBits: number;
  /** Of unquantised tensors and of scales and biases. */
  format: FloatFormat;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  experts: number;
  expertsPerToken: number;
  expertWidth: number;
  sharedWidth: number;
  valueHeads: number;
  keyHeads: number;
  keyDim: number;
  valueDim: number;
  vocab: number;
  tied: boolean;
  /** text_config nested, with a vision config beside it. */
  nested: boolean;
  /** Before "layers.0...". */
  prefix: string;
  shards: number;
  /** Adds a few vision-tower and multi-token-prediction tensors, which readers skip. */
  extras: boolean;
  tokenizer: boolean;
  seed: number;
}

export const tinyDefaults: TinyOptions = {
  layout: "mlx",
  bits: 4,
  group: 32,
  gateBits: 8,
  format: "bf16",
  layers: 4,
  hidden: 64,
  heads: 2,
  kvHeads: 1,
  headDim: 32,
  experts: 4,
  expertsPerToken: 2,
  expertWidth: 32,
  sharedWidth: 32,
  valueHeads: 2,
  keyHeads: 1,
  keyDim: 32,
  valueDim: 32,
  vocab: 320,
  tied: false,
  nested: true,
  prefix: "language_model.model.",
  shards: 1,
  extras: false,
  tokenizer: true,
  seed: 1,
};

/** Writes a checkpoint into `directory` (created) and returns the options in full. */
export function writeTinyCheckpoint(directory: string, options: Partial<TinyOptions> = {}): TinyOptions {
  const full = { ...tinyDefaults, ...options };
  mkdirSync(directory, { recursive: true });
  const writer = new TinyWriter(full);
  writeShards(directory, writer.tensors(), full.shards);
  const tokenizer = full.tokenizer ? synthTokenizer(full.vocab) : null;
  for (const file of tokenizer?.files ?? []) writeFileSync(join(directory, file.name), file.text);
  const config = tinyConfig(full, writer.overrides, tokenizer?.eosTokenIds[1]);
  writeFileSync(join(directory, "config.json"), JSON.stringify(config, null, 2));
  if (tokenizer !== null) {
    const generation = {
      eos_token_id: tokenizer.eosTokenIds,
      do_sample: true,
      temperature: 0.6,
      top_k: 20,
      top_p: 0.95,
    };
    writeFileSync(join(directory, "generation_config.json"), JSON.stringify(generation));
  }
  return full;
}

function writeShards(directory: string, tensors: WrittenTensor[], shards: number): void {
  if (shards === 1) {
    writeFileSync(join(directory, "model.safetensors"), safetensorsBytes(tensors, { format: "mlx" }));
    return;
  }
  const weightMap: Record<string, string> = {};
  const perShard = Math.ceil(tensors.length / shards);
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-${String(shard + 1).padStart(5, "0")}-of-${String(shards).padStart(5, "0")}.safetensors`;
    const part = tensors.slice(shard * perShard, (shard + 1) * perShard);
    for (const tensor of part) weightMap[tensor.name] = name;
    writeFileSync(join(directory, name), safetensorsBytes(part));
  }
  const index = { metadata: { total_size: 0 }, weight_map: weightMap };
  writeFileSync(join(directory, "model.safetensors.index.json"), JSON.stringify(index));
}

function tinyConfig(options: TinyOptions, overrides: Record<string, unknown>, eos: number | undefined): unknown {
  const text = {
    model_type: options.nested ? "qwen3_5_moe_text" : "qwen3_5_moe",
    hidden_size: options.hidden,
    num_hidden_layers: options.layers,
    num_attention_heads: options.heads,
    num_key_value_heads: options.kvHeads,
    head_dim: options.headDim,
    full_attention_interval: 4,
    linear_num_value_heads: options.valueHeads,
    linear_num_key_heads: options.keyHeads,
    linear_key_head_dim: options.keyDim,
    linear_value_head_dim: options.valueDim,
    linear_conv_kernel_dim: 4,
    num_experts: options.experts,
    num_experts_per_tok: options.expertsPerToken,
    moe_intermediate_size: options.expertWidth,
    shared_expert_intermediate_size: options.sharedWidth,
    hidden_act: "silu",
    rms_norm_eps: 1e-6,
    vocab_size: options.vocab,
    max_position_embeddings: 4096,
    rope_parameters: {
      rope_type: "default",
      rope_theta: 10000000,
      partial_rotary_factor: 0.25,
      mrope_section: [1, 1, 2],
    },
    tie_word_embeddings: options.tied,
    eos_token_id: eos ?? 0,
  };
  const quantization =
    options.bits === 0
      ? {}
      : { quantization: { group_size: options.group, bits: options.bits, mode: "affine", ...overrides } };
  if (!options.nested) return { architectures: ["Qwen3_5MoeForCausalLM"], ...text, ...quantization };
  return {
    architectures: ["Qwen3_5MoeForConditionalGeneration"],
    model_type: "qwen3_5_moe",
    tie_word_embeddings: options.tied,
    text_config: text,
    vision_config: { depth: 2 },
    ...quantization,
  };
}

class TinyWriter {
  /** Per-module entries of config.json `quantization`. */
  readonly overrides: Record<string, unknown> = {};
  private readonly list: WrittenTensor[] = [];
  private readonly random: Random;
  private readonly raw: boolean;

  constructor(private readonly options: TinyOptions) {
    this.random = seededRandom(options.seed);
    this.raw = options.layout !== "mlx";
  }

  tensors(): WrittenTensor[] {
    const { options } = this;
    const { prefix } = options;
    this.matrix(`${prefix}embed_tokens`, options.vocab, options.hidden, 1);
    for (let layer = 0; layer < options.layers; layer++) this.layer(`${prefix}layers.${layer}`, layer);
    this.norm(`${prefix}norm.weight`, options.hidden);
    if (!options.tied) {
      const head = prefix.startsWith("language_model.") ? "language_model.lm_head" : "lm_head";
      this.matrix(head, options.vocab, options.hidden, 2.5 / Math.sqrt(options.hidden));
    }
    if (options.extras) {
      this.floats(
        this.raw ? "model.visual.blocks.0.attn.qkv.weight" : "vision_tower.blocks.0.attn.qkv.weight",
        [6, 2],
        () => 0,
      );
      this.floats("mtp.fc.weight", [4, 8], () => 0);
    }
    return this.list;
  }

  private layer(at: string, layer: number): void {
    const { options } = this;
    const { hidden } = options;
    this.norm(`${at}.input_layernorm.weight`, hidden);
    this.norm(`${at}.post_attention_layernorm.weight`, hidden);
    if ((layer + 1) % 4 === 0) this.attention(`${at}.self_attn`);
    else this.deltaNet(`${at}.linear_attn`);
    const unit = 1 / Math.sqrt(hidden);
    this.matrix(`${at}.mlp.gate`, options.experts, hidden, 1.5 * unit, options.gateBits);
    this.matrix(`${at}.mlp.shared_expert_gate`, 1, hidden, unit, options.gateBits);
    this.matrix(`${at}.mlp.shared_expert.gate_proj`, options.sharedWidth, hidden, unit);
    this.matrix(`${at}.mlp.shared_expert.up_proj`, options.sharedWidth, hidden, unit);
    this.matrix(`${at}.mlp.shared_expert.down_proj`, hidden, options.sharedWidth, 1 / Math.sqrt(options.sharedWidth));
    this.experts(`${at}.mlp`, unit, 1 / Math.sqrt(options.expertWidth));
  }

  private attention(at: string): void {
    const { hidden, heads, kvHeads, headDim } = this.options;
    const unit = 1 / Math.sqrt(hidden);
    this.matrix(`${at}.q_proj`, heads * 2 * headDim, hidden, unit);
    this.matrix(`${at}.k_proj`, kvHeads * headDim, hidden, unit);
    this.matrix(`${at}.v_proj`, kvHeads * headDim, hidden, unit);
    this.matrix(`${at}.o_proj`, hidden, heads * headDim, 1 / Math.sqrt(heads * headDim));
    this.norm(`${at}.q_norm.weight`, headDim);
    this.norm(`${at}.k_norm.weight`, headDim);
  }

  private deltaNet(at: string): void {
    const { hidden, valueHeads, keyHeads, keyDim, valueDim } = this.options;
    const unit = 1 / Math.sqrt(hidden);
    const values = valueHeads * valueDim;
    const channels = 2 * keyHeads * keyDim + values;
    this.matrix(`${at}.in_proj_qkv`, channels, hidden, unit);
    this.matrix(`${at}.in_proj_z`, values, hidden, unit);
    this.matrix(`${at}.in_proj_b`, valueHeads, hidden, unit);
    this.matrix(`${at}.in_proj_a`, valueHeads, hidden, unit);
    this.matrix(`${at}.out_proj`, hidden, values, 1 / Math.sqrt(values));
    this.floats(
      `${at}.conv1d.weight`,
      this.raw ? [channels, 1, 4] : [channels, 4, 1],
      () => 0.5 * this.random.normal(),
    );
    this.floats(`${at}.A_log`, [valueHeads], () => Math.log(0.05 + 2 * this.random.uniform()), "f32");
    this.floats(`${at}.dt_bias`, [valueHeads], () => -2 + this.random.normal());
    this.floats(`${at}.norm.weight`, [valueDim], () => 1 + 0.1 * this.random.normal());
  }

  private experts(at: string, unit: number, downUnit: number): void {
    const { layout, experts, expertWidth, hidden } = this.options;
    if (layout === "huggingface") {
      this.floats(`${at}.experts.gate_up_proj`, [experts, 2 * expertWidth, hidden], () => unit * this.random.normal());
      this.floats(`${at}.experts.down_proj`, [experts, hidden, expertWidth], () => downUnit * this.random.normal());
      return;
    }
    const modules: [string, number | null][] =
      layout === "mlx"
        ? [[`${at}.switch_mlp`, experts]]
        : Array.from({ length: experts }, (_, e) => [`${at}.experts.${e}`, null]);
    for (const [module, stack] of modules) {
      this.matrix(`${module}.gate_proj`, expertWidth, hidden, unit, undefined, stack);
      this.matrix(`${module}.up_proj`, expertWidth, hidden, unit, undefined, stack);
      this.matrix(`${module}.down_proj`, hidden, expertWidth, downUnit, undefined, stack);
    }
  }

  /** Norm weights around 1; raw Hugging Face checkpoints store them zero-centred. */
  private norm(name: string, size: number): void {
    this.floats(name, [size], () => (this.raw ? 0 : 1) + 0.1 * this.random.normal());
  }

  private floats(name: string, shape: number[], value: () => number, format: FloatFormat = this.options.format): void {
    const values = Array.from({ length: product(shape) }, value);
    this.list.push({ name, dtype: floatDtype[format], shape, data: encodeFloats(values, format) });
  }

  private matrix(
    module: string,
    rows: number,
    cols: number,
    std: number,
    bits?: number,
    stack: number | null = null,
  ): void {
    const { options } = this;
    const lead = stack === null ? [] : [stack];
    if (options.bits === 0) {
      this.floats(`${module}.weight`, [...lead, rows, cols], () => std * this.random.normal());
      return;
    }
    const width = bits ?? options.bits;
    if (width !== options.bits) this.overrides[module] = { group_size: options.group, bits: width };
    const { group, format } = options;
    const packed = [...lead, rows, (cols * width) / 32];
    const grouped = [...lead, rows, cols / group];
    const words = Uint32Array.from({ length: product(packed) }, () => this.random.bits());
    // q is uniform over 0..top: scale * q + bias has mean 0 and the wanted deviation.
    const top = 2 ** width - 1;
    const scale = std / Math.sqrt((top * (top + 2)) / 12);
    const scales = Array.from({ length: product(grouped) }, () => scale * (0.9 + 0.2 * this.random.uniform()));
    const biases = scales.map((value) => (-value * top) / 2);
    this.list.push(
      { name: `${module}.weight`, dtype: "U32", shape: packed, data: new Uint8Array(words.buffer) },
      { name: `${module}.scales`, dtype: floatDtype[format], shape: grouped, data: encodeFloats(scales, format) },
      { name: `${module}.biases`, dtype: floatDtype[format], shape: grouped, data: encodeFloats(biases, format) },
    );
  }
}

function product(shape: number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
