/** What `show` says about a model: sizes, bits per kind of tensor, bytes resident, per expert and per token. Pure. */
import type { LayerKind, ModelDescription, TensorDescription, TensorRole } from "./description.ts";

/** One line of the tensors' table: all tensors of a kind that are stored alike. */
export interface TensorGroup {
  kind: string;
  /** "f32", "f16", "bf16" or "affine". */
  format: string;
  bits: number;
  group: number;
  scale_format: string | null;
  tensors: number;
  bytes: number;
}

/** Written by `show --json` as it is. */
export interface ModelSummary {
  name: string;
  directory: string;
  architecture: string;
  layout: string;
  hash: string;
  norms: "zero_centred" | "plain";
  layers: { total: number; attention: number; delta_net: number };
  hidden: number;
  vocab: number;
  context: number;
  attention: { heads: number; kv_heads: number; head_dim: number; rotary_dim: number; rope_theta: number };
  delta_net: { value_heads: number; key_heads: number; key_dim: number; value_dim: number; conv_kernel: number };
  experts: { count: number; per_token: number; width: number; shared_width: number; renormalised: boolean };
  tied: boolean;
  eos_token_ids: number[];
  files: number;
  tensors: TensorGroup[];
  bytes: {
    /** Of all files together. */
    files: number;
    /** Of everything read: resident and experts. */
    total: number;
    /** Everything but the routed experts. */
    resident: number;
    experts: number;
    /** One expert of the layer where they are largest. */
    per_expert: number;
    /** Expert bytes one token touches at the trained K: K experts of every layer. */
    per_token: number;
  };
  skipped: { what: string; tensors: number; bytes: number }[];
}

const kinds: Record<TensorRole, string> = {
  embedding: "embedding",
  lmHead: "lm head",
  finalNorm: "norms and vectors",
  inputNorm: "norms and vectors",
  postAttentionNorm: "norms and vectors",
  attentionQNorm: "norms and vectors",
  attentionKNorm: "norms and vectors",
  deltaConv: "norms and vectors",
  deltaALog: "norms and vectors",
  deltaDtBias: "norms and vectors",
  deltaNorm: "norms and vectors",
  attentionQ: "attention",
  attentionK: "attention",
  attentionV: "attention",
  attentionO: "attention",
  deltaQkv: "delta net",
  deltaZ: "delta net",
  deltaB: "delta net",
  deltaA: "delta net",
  deltaOut: "delta net",
  router: "router",
  sharedGate: "shared expert gate",
  sharedGateProj: "shared expert",
  sharedUpProj: "shared expert",
  sharedDownProj: "shared expert",
  expertGateProj: "routed experts",
  expertUpProj: "routed experts",
  expertDownProj: "routed experts",
};

const kindOrder = [
  "routed experts",
  "shared expert",
  "shared expert gate",
  "router",
  "attention",
  "delta net",
  "embedding",
  "lm head",
  "norms and vectors",
];

export function summarizeModel(description: ModelDescription): ModelSummary {
  const { shape } = description;
  const count = (kind: LayerKind) => shape.layerKinds.filter((layer) => layer === kind).length;
  return {
    name: description.name,
    directory: description.directory,
    architecture: description.architecture,
    layout: description.layout,
    hash: description.hash,
    norms: description.normZeroCentred ? "zero_centred" : "plain",
    layers: { total: shape.layers, attention: count("attention"), delta_net: count("deltaNet") },
    hidden: shape.hidden,
    vocab: shape.vocab,
    context: shape.contextMax,
    attention: {
      heads: shape.heads,
      kv_heads: shape.kvHeads,
      head_dim: shape.headDim,
      rotary_dim: shape.rotaryDim,
      rope_theta: shape.ropeTheta,
    },
    delta_net: {
      value_heads: shape.deltaValueHeads,
      key_heads: shape.deltaKeyHeads,
      key_dim: shape.deltaKeyDim,
      value_dim: shape.deltaValueDim,
      conv_kernel: shape.convKernel,
    },
    experts: {
      count: shape.experts,
      per_token: shape.expertsPerToken,
      width: shape.expertWidth,
      shared_width: shape.sharedWidth,
      renormalised: shape.normTopk,
    },
    tied: shape.tied,
    eos_token_ids: description.eosTokenIds,
    files: description.files.length,
    tensors: groupTensors(description.tensors),
    bytes: countBytes(description),
    skipped: description.skipped,
  };
}

/** Bytes of a description's tensor over all its experts. */
function tensorBytes(tensor: TensorDescription): number {
  const once = tensor.weight.bytes + (tensor.scales?.bytes ?? 0) + (tensor.biases?.bytes ?? 0);
  return once * Math.max(1, tensor.expertCount);
}

function groupTensors(tensors: TensorDescription[]): TensorGroup[] {
  const groups = new Map<string, TensorGroup>();
  for (const tensor of tensors) {
    const { format, bits, group } = tensor;
    const scale = format === "affine" ? tensor.scaleFormat : null;
    const kind = kinds[tensor.role];
    const key = [kind, format, bits, group, scale].join(" ");
    const entry = groups.get(key) ?? { kind, format, bits, group, scale_format: scale, tensors: 0, bytes: 0 };
    entry.tensors += 1;
    entry.bytes += tensorBytes(tensor);
    groups.set(key, entry);
  }
  const rank = (entry: TensorGroup) => kindOrder.indexOf(entry.kind);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.bytes - a.bytes);
}

function countBytes({ tensors, files, shape }: ModelDescription): ModelSummary["bytes"] {
  /** Layer -> bytes of one expert. */
  const perExpert = new Map<number, number>();
  let resident = 0;
  let experts = 0;
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor);
    if (tensor.expertCount === 0 || tensor.layer === null) {
      resident += bytes;
      continue;
    }
    experts += bytes;
    // Runs of several experts and runs of one both add up to one expert's share.
    perExpert.set(tensor.layer, (perExpert.get(tensor.layer) ?? 0) + bytes / shape.experts);
  }
  const layers = [...perExpert.values()];
  return {
    files: files.reduce((total, file) => total + file.bytes, 0),
    total: resident + experts,
    resident,
    experts,
    per_expert: Math.max(...layers),
    per_token: layers.reduce((total, bytes) => total + bytes * shape.expertsPerToken, 0),
  };
}

/** The same for people: aligned lines, ending in a newline. */
export function formatSummary(summary: ModelSummary): string {
  const { layers, experts, attention, delta_net: delta, bytes } = summary;
  const facts: [string, string][] = [
    ["model", `${summary.name} (${summary.architecture}, ${summary.layout} layout, ${plural(summary.files, "file")})`],
    ["layers", `${layers.total}: ${layers.delta_net} delta net, ${layers.attention} attention`],
    [
      "experts",
      `${experts.count} per layer, ${experts.per_token} per token (K), width ${experts.width}, shared ${experts.shared_width}`,
    ],
    ["hidden", `${summary.hidden}, vocabulary ${summary.vocab}${summary.tied ? ", head tied to the embedding" : ""}`],
    [
      "attention",
      `${attention.heads} heads, ${attention.kv_heads} kv heads of ${attention.head_dim}, ${attention.rotary_dim} rotary`,
    ],
    [
      "delta net",
      `${delta.value_heads} value heads of ${delta.value_dim}, ${delta.key_heads} key heads of ${delta.key_dim}`,
    ],
    ["context", `${summary.context} tokens`],
    ["end tokens", summary.eos_token_ids.join(", ") || "none"],
    ["norms", summary.norms === "plain" ? "plain" : "zero-centred (1 is added)"],
    ["hash", summary.hash],
  ];
  const sizes: [string, string][] = [
    ["resident", sizeText(bytes.resident)],
    ["experts", sizeText(bytes.experts)],
    ["one expert", sizeText(bytes.per_expert)],
    ["one token", `${sizeText(bytes.per_token)} of experts at K=${experts.per_token}`],
    ["total", sizeText(bytes.total)],
  ];
  const rows = summary.tensors.map((entry) => [
    entry.kind,
    entry.format === "affine"
      ? `${entry.bits}-bit affine, groups of ${entry.group}, ${entry.scale_format} scales`
      : entry.format,
    plural(entry.tensors, "tensor"),
    sizeText(entry.bytes),
  ]);
  const skipped = summary.skipped.map(({ what, tensors, bytes: size }) => [
    what,
    tensors === 0 ? "not read" : `${plural(tensors, "tensor")} not read, ${sizeText(size)}`,
  ]);
  const parts = [facts, rows, sizes, skipped].filter((part) => part.length > 0);
  return parts.map((part) => alignColumns(part)).join("\n");
}

function alignColumns(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Binary units with the exact count, since plans and budgets are made from it. */
function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(2)} ${units[unit]} (${bytes} B)`;
}
