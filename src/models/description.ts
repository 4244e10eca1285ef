/**
 * What the engine is told about a model: plain data, validated by this room, encoded for the native
 * core by src/engine/descriptor.ts. No native import here: `models` is a leaf.
 */

/** How a tensor's values are stored; `affine` is MLX's value = q * scale + bias. */
export type TensorFormat = "f32" | "f16" | "bf16" | "affine";

/** What a tensor is for; the same names as `Role` in zig/abi/types.zig, in camelCase. */
export type TensorRole =
  | "embedding"
  | "finalNorm"
  | "lmHead"
  | "inputNorm"
  | "postAttentionNorm"
  | "attentionQ"
  | "attentionK"
  | "attentionV"
  | "attentionO"
  | "attentionQNorm"
  | "attentionKNorm"
  | "deltaQkv"
  | "deltaZ"
  | "deltaB"
  | "deltaA"
  | "deltaConv"
  | "deltaALog"
  | "deltaDtBias"
  | "deltaNorm"
  | "deltaOut"
  | "router"
  | "sharedGateProj"
  | "sharedUpProj"
  | "sharedDownProj"
  | "sharedGate"
  | "expertGateProj"
  | "expertUpProj"
  | "expertDownProj";

/** A range of bytes in `ModelDescription.files[file]`. Expert e of an expert tensor lies e * stride bytes later. */
export interface Extent {
  file: number;
  /** From the start of the file (8 + header length + data_offsets[0] in safetensors). */
  offset: number;
  /** Of one expert for expert tensors, else of the tensor. */
  bytes: number;
  /** 0 for dense tensors. */
  stride: number;
}

export interface TensorDescription {
  /** Name in the checkpoint, for messages. */
  name: string;
  role: TensorRole;
  /** null for the model's own tensors (embedding, final norm, lm_head). */
  layer: number | null;
  format: TensorFormat;
  /** 2, 3, 4, 5, 6, 8 for affine, else 0. */
  bits: number;
  /** 32, 64, 128 for affine, else 0. */
  group: number;
  /** Format of scales and biases of an affine tensor. */
  scaleFormat: "f32" | "f16" | "bf16";
  rows: number;
  cols: number;
  /** 0, 0 for dense tensors. */
  expertFirst: number;
  expertCount: number;
  weight: Extent;
  scales: Extent | null;
  biases: Extent | null;
}

export type LayerKind = "deltaNet" | "attention";

/** All sizes of the architecture, from config.json. */
export interface ModelShape {
  hidden: number;
  layers: number;
  layerKinds: LayerKind[];
  vocab: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  rotaryDim: number;
  ropeTheta: number;
  normEps: number;
  deltaValueHeads: number;
  deltaKeyHeads: number;
  deltaKeyDim: number;
  deltaValueDim: number;
  convKernel: number;
  experts: number;
  /** Trained K. */
  expertsPerToken: number;
  expertWidth: number;
  sharedWidth: number;
  contextMax: number;
  normTopk: boolean;
  tied: boolean;
}

export interface ModelDescription {
  /** Name shown to people: directory name or store name. */
  name: string;
  directory: string;
  layout: "mlx" | "huggingface" | "packed";
  architecture: "qwen3_5_moe";
  shape: ModelShape;
  /** Norm weights are stored zero-centred (raw Hugging Face checkpoints): 1 is added on load. */
  normZeroCentred: boolean;
  files: { path: string; bytes: number }[];
  tensors: TensorDescription[];
  /** 16 hex digits; hash of config, headers and a sample of the weights. */
  hash: string;
  /** From config.json / generation_config.json. */
  eosTokenIds: number[];
  /** Tensors deliberately not read, by group, e.g. vision tower. */
  skipped: { what: string; tensors: number; bytes: number }[];
  /** What a packed model says of itself; null for checkpoints as they are published. */
  packed: PackedDescription | null;
}

export interface PackedDescription {
  /** What was packed. */
  source: { name: string; hash: string; layout: string };
  requantised: Requantised | null;
  /** The dense tensors' file and the hash table, as indices into `files`. */
  denseFile: number;
  hashFile: number;
  /** Where in the hash table the records' hashes begin: u64[layers][experts]. */
  recordHashesOffset: number;
  /** Every file but the manifest with its size and the SHA-256 the manifest holds of it. */
  contents: PackedFile[];
}

export interface Requantised {
  bits: number;
  group: number;
  fit: "minmax" | "search";
}

export interface PackedFile {
  name: string;
  bytes: number;
  /** Of a text or the hash table: of its bytes. Of the dense file or an expert file: of its part of the hash table. */
  sha256: string;
}
