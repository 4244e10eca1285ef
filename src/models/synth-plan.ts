/**
 * The files of a synthetic checkpoint: shard headers byte for byte, texts, and the slices the native filler writes.
 * Data starts on a page, and tensors of whole pages come first, so that they and every expert in them start on a page.
 */
import { createHash } from "node:crypto";
import { FlashmoeError } from "../errors.ts";
import { orderByAlignment, paddedHeader } from "./safetensors-write.ts";
import type { SynthOptions } from "./synth-shape.ts";
import {
  convKernel,
  type Distribution,
  fullAttentionInterval,
  isAttentionLayer,
  type SynthTensor,
  synthTensors,
} from "./synth-tensors.ts";
import { synthTokenizer } from "./synth-tokenizer.ts";

export const pageBytes = 4096;
/** Slices are small enough that progress and Ctrl+C come through between two. */
const sliceBytesMax = 32 * 1024 * 1024;

/** One call of the native filler; `createFiller` of src/engine takes it as it is. */
export interface FillSlice extends Distribution {
  seed: bigint;
  /** Where the tensor's data starts in the file. */
  fileOffset: number;
  /** Start of the slice within the tensor, a multiple of 64. */
  firstByte: number;
  bytes: number;
}

export interface SynthFile {
  name: string;
  /** Length, JSON and padding: everything before the data. */
  header: Uint8Array;
  bytes: number;
  tensors: { tensor: SynthTensor; offset: number }[];
}

export interface SynthPlan {
  options: SynthOptions;
  files: SynthFile[];
  /** Small text files: config, tokenizer, template, shard list. */
  texts: { name: string; text: string }[];
  /** Of everything that will be written. */
  totalBytes: number;
}

export function planSynth(options: SynthOptions): SynthPlan {
  const { tensors, gateModules } = synthTensors(options);
  const shards = intoShards(tensors, options.shardBytes);
  const files = shards.map((shard, index) => planFile(shardName(index, shards.length), shard, options.seed));
  const texts = planTexts(options, gateModules, files);
  const textBytes = texts.reduce((total, { text }) => total + Buffer.byteLength(text), 0);
  return { options, files, texts, totalBytes: files.reduce((total, file) => total + file.bytes, textBytes) };
}

/** The slices of one file in order of place. */
export function* fillSlices(file: SynthFile, seed: number): Generator<FillSlice> {
  for (const { tensor, offset } of file.tensors) {
    const key = { seed: tensorSeed(seed, tensor.seedKey), fileOffset: offset, ...tensor.values };
    for (let first = 0; first < tensor.bytes; first += sliceBytesMax) {
      yield { ...key, firstByte: first, bytes: Math.min(sliceBytesMax, tensor.bytes - first) };
    }
  }
}

export function tensorSeed(seed: number, key: string): bigint {
  return createHash("sha256").update(`${seed} ${key}`).digest().readBigUInt64LE();
}

function shardName(index: number, count: number): string {
  const five = (n: number) => String(n).padStart(5, "0");
  return count === 1 ? "model.safetensors" : `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

function intoShards(tensors: SynthTensor[], shardBytes: number): SynthTensor[][] {
  const shards: SynthTensor[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    if (bytes > 0 && bytes + tensor.bytes > shardBytes) {
      shards.push([]);
      bytes = 0;
    }
    (shards.at(-1) as SynthTensor[]).push(tensor);
    bytes += tensor.bytes;
  }
  if (shards.length > 99_999) {
    throw new FlashmoeError("usage", `The model would have ${shards.length} files.`, {
      hint: "Give a larger --shard-size.",
    });
  }
  return shards;
}

/** The seed is named because a model is told from another by its headers. */
export function planFile(name: string, shard: SynthTensor[], seed: number): SynthFile {
  const order = orderByAlignment(shard, pageBytes);
  const header = paddedHeader(order, { format: "mlx", synth_seed: String(seed) }, pageBytes);
  const tensors = order.map((tensor) => ({ tensor, offset: header.places.get(tensor.name)!.offset }));
  return { name, header: header.bytes, bytes: header.end, tensors };
}

export function planTexts(options: SynthOptions, gateModules: string[], files: SynthFile[]): SynthPlan["texts"] {
  const tokenizer = synthTokenizer(options.vocab);
  const config = configOf(options, gateModules, tokenizer?.eosTokenIds ?? []);
  const texts = [{ name: "config.json", text: jsonText(config) }, ...(tokenizer?.files ?? [])];
  if (tokenizer !== null) {
    texts.push({
      name: "generation_config.json",
      text: jsonText({
        do_sample: true,
        eos_token_id: tokenizer.eosTokenIds,
        pad_token_id: tokenizer.padTokenId,
        temperature: 0.6,
        top_k: 20,
        top_p: 0.95,
      }),
    });
  }
  if (files.length > 1) texts.push({ name: "model.safetensors.index.json", text: jsonText(indexOf(files)) });
  return texts;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function indexOf(files: SynthFile[]): unknown {
  const weightMap: Record<string, string> = {};
  let total = 0;
  for (const file of files) {
    for (const { tensor } of file.tensors) {
      weightMap[tensor.name] = file.name;
      total += tensor.bytes;
    }
  }
  return { metadata: { total_size: total }, weight_map: weightMap };
}

/** In the form of the family's releases: text_config nested, quantisation beside it with its copy. */
function configOf(options: SynthOptions, gateModules: string[], eosTokenIds: number[]): unknown {
  const { layers, headDim, dtype } = options;
  const half = headDim / 8; // pairs that rotate: a quarter of the dimensions, two a pair
  const third = Math.ceil(half / 3);
  const sections = [third, Math.min(third, half - third)];
  const dtypeName = { bf16: "bfloat16", f16: "float16", f32: "float32" }[dtype];
  const text = {
    attention_bias: false,
    attn_output_gate: true,
    dtype: dtypeName,
    eos_token_id: eosTokenIds.at(-1) ?? null,
    full_attention_interval: fullAttentionInterval,
    head_dim: headDim,
    hidden_act: "silu",
    hidden_size: options.hidden,
    layer_types: Array.from({ length: layers }, (_, i) =>
      isAttentionLayer(i) ? "full_attention" : "linear_attention",
    ),
    linear_conv_kernel_dim: convKernel,
    linear_key_head_dim: options.deltaKeyDim,
    linear_num_key_heads: options.deltaKeyHeads,
    linear_num_value_heads: options.deltaValueHeads,
    linear_value_head_dim: options.deltaValueDim,
    max_position_embeddings: 262_144,
    model_type: "qwen3_5_moe_text",
    moe_intermediate_size: options.expertWidth,
    num_attention_heads: options.heads,
    num_experts: options.experts,
    num_experts_per_tok: options.expertsPerToken,
    num_hidden_layers: layers,
    num_key_value_heads: options.kvHeads,
    rms_norm_eps: 1e-6,
    rope_parameters: {
      mrope_interleaved: true,
      mrope_section: [...sections, half - (sections[0] as number) - (sections[1] as number)],
      partial_rotary_factor: 0.25,
      rope_theta: 10_000_000,
      rope_type: "default",
    },
    shared_expert_intermediate_size: options.sharedWidth,
    tie_word_embeddings: options.tie,
    vocab_size: options.vocab,
  };
  const base = { architectures: ["Qwen3_5MoeForConditionalGeneration"], model_type: "qwen3_5_moe" };
  const rest = { text_config: text, tie_word_embeddings: options.tie };
  if (options.bits === 0) return { ...base, ...rest };
  const gates = gateModules.map((module) => [module, { group_size: options.group, bits: options.gateBits }] as const);
  const quantization = { group_size: options.group, bits: options.bits, mode: "affine", ...Object.fromEntries(gates) };
  return { ...base, quantization, quantization_config: quantization, ...rest };
}
