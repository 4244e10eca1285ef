/**
 * What `pack` will write: the files of a packed model, step by step, and for each the blocks that the native packer makes of
 * the source's tensors. Pure; made from the source's description alone, so that a plan can be made again when it resumes.
 */
import { createHash } from "node:crypto";
import type { Extent, ModelDescription, Requantised, TensorDescription, TensorRole } from "./description.ts";
import type { PackBlock, PackPiece } from "./pack-slice.ts";
import {
  denseBlocks,
  denseName,
  type ExpertStorage,
  expertMatrix,
  expertRoles,
  expertsName,
  hashBytes,
  hashesMagic,
  pageBytes,
  partBytes,
  recordLayout,
  roundUp,
  type Storage,
} from "./packed-layout.ts";
import { orderByAlignment, paddedHeader } from "./safetensors-write.ts";

/** One file of the packed model. */
export interface PackStep {
  name: string;
  bytes: number;
  /** Written before the blocks: the dense file's header. */
  header: Uint8Array | null;
  /** Its entries of the hash table, the header's among them. */
  hashes: number;
  /** Files of the source that it is made from. */
  sources: Set<number>;
  blocks(): Iterable<PackBlock>;
}

export interface PackPlan {
  source: ModelDescription;
  /** Null when no tensor changes. */
  requantised: Requantised | null;
  /** Dense first, then layer by layer. */
  steps: PackStep[];
  layers: { file: string; storages: ExpertStorage }[];
  /** Dense tensors as they will be, extents within the dense file. */
  dense: TensorDescription[];
  hashTableBytes: number;
  /** Of source and options: an unfinished pack goes on only with the same. */
  id: string;
}

/** mlx-lm keeps these at 8 bits in groups of 64, whatever the rest has. */
const gates: ReadonlySet<TensorRole> = new Set(["router", "sharedGate"]);
const gateParameters = { bits: 8, group: 64 };
const vectors: ReadonlySet<TensorRole> = new Set([
  "finalNorm",
  "inputNorm",
  "postAttentionNorm",
  "attentionQNorm",
  "attentionKNorm",
  "deltaConv",
  "deltaALog",
  "deltaDtBias",
  "deltaNorm",
]);

export function planPack(source: ModelDescription, wanted: Requantised | null): PackPlan {
  const { shape } = source;
  const changes = new Map<TensorDescription, Requantised>();
  for (const tensor of wanted === null ? [] : source.tensors) {
    const to = requantisation(tensor, wanted!);
    if (to !== null) changes.set(tensor, to);
  }
  const dense = planDense(source, changes);
  const layers = Array.from({ length: shape.layers }, (_, layer) => planLayer(source, layer, changes));
  const steps = [dense.step, ...layers.map(({ step }) => step)];
  const requantised = changes.size === 0 ? null : wanted;
  const identity = JSON.stringify([source.hash, source.layout, requantised]);
  return {
    source,
    requantised,
    steps,
    layers: layers.map(({ step, storages }) => ({ file: step.name, storages })),
    dense: dense.tensors,
    hashTableBytes: hashesMagic.length + hashBytes * steps.reduce((sum, { hashes }) => sum + hashes, 0),
    id: createHash("sha256").update(identity).digest("hex"),
  };
}

/** What becomes of a tensor; null: it stays as it is. Bits are never raised: that would cost space and give nothing back. */
function requantisation(tensor: TensorDescription, wanted: Requantised): Requantised | null {
  if (vectors.has(tensor.role)) return null;
  const gate = gates.has(tensor.role);
  let { bits, group } = gate ? gateParameters : wanted;
  if (tensor.format === "affine" && tensor.bits <= bits) return null;
  if (tensor.cols % group !== 0) {
    if (!gate || tensor.cols % wanted.group !== 0) return null;
    ({ group } = wanted);
  }
  // Gates have codes enough; the search is for few.
  return { bits, group, fit: gate ? "minmax" : wanted.fit };
}

function storageOf(tensor: TensorDescription, to: Requantised | undefined): Storage {
  const { format, bits, group, scaleFormat } = tensor;
  if (to === undefined) return { format, bits, group, scaleFormat };
  return { format: "affine", bits: to.bits, group: to.group, scaleFormat: format === "affine" ? scaleFormat : format };
}

function planDense(source: ModelDescription, changes: Map<TensorDescription, Requantised>) {
  const from = new Map<string, TensorDescription>();
  const parts: { name: string; dtype: string; shape: number[]; bytes: number }[] = [];
  for (const tensor of source.tensors) {
    if (tensor.expertCount > 0) continue;
    from.set(tensor.name, tensor);
    parts.push(...headerParts(source, tensor, storageOf(tensor, changes.get(tensor))));
  }
  const header = paddedHeader(orderByAlignment(parts, pageBytes), { format: "mlx" }, pageBytes);
  const extent = (name: string): Extent => {
    const { offset, bytes } = header.places.get(name)!;
    return { file: 0, offset, bytes, stride: 0 };
  };
  const tensors = [...from.values()].map((tensor): TensorDescription => {
    const storage = storageOf(tensor, changes.get(tensor));
    const affine = storage.format === "affine";
    return {
      ...tensor,
      ...storage,
      weight: extent(tensor.name),
      scales: affine ? extent(partName(tensor.name, "scales")) : null,
      biases: affine ? extent(partName(tensor.name, "biases")) : null,
    };
  });
  const blocks = denseBlocks(tensors);
  const step: PackStep = {
    name: denseName,
    bytes: header.end,
    header: header.bytes,
    hashes: 1 + blocks.reduce((sum, { ranges }) => sum + ranges.length, 0),
    sources: filesOf([...from.values()]),
    *blocks() {
      for (const block of blocks) {
        const original = from.get(block.tensor.name)!;
        let bufferBytes = 0;
        const ranges = block.ranges.map(({ offset, bytes }) => {
          const place = bufferBytes;
          bufferBytes += roundUp(bytes, 64);
          return { file: 0, offset, bytes, padding: 0, place };
        });
        const places = ranges.map(({ place }) => place);
        const rows = { first: block.firstRow, count: block.rows };
        const piece = pieceOf(original, rows, changes.get(original), 0, [places[0]!, places[1] ?? 0, places[2] ?? 0]);
        yield { bufferBytes, pieces: [piece], ranges };
      }
    },
  };
  return { step, tensors };
}

function partName(weight: string, part: "scales" | "biases"): string {
  return weight.replace(/\.weight$/, `.${part}`);
}

const dtypes = { f32: "F32", f16: "F16", bf16: "BF16" } as const;

/** The tensor's entries of the header, in the shapes the checkpoint's kind has. */
function headerParts(source: ModelDescription, tensor: TensorDescription, storage: Storage) {
  const { name, role, rows, cols } = tensor;
  const [bytes, scaleBytes] = partBytes(storage, rows, cols);
  if (storage.format !== "affine") {
    let shape = [rows, cols];
    if (role === "deltaConv") shape = source.normZeroCentred ? [rows, 1, cols] : [rows, cols, 1];
    else if (vectors.has(role)) shape = [cols];
    return [{ name, dtype: dtypes[storage.format], shape, bytes }];
  }
  const scale = { dtype: dtypes[storage.scaleFormat], shape: [rows, cols / storage.group], bytes: scaleBytes };
  return [
    { name, dtype: "U32", shape: [rows, (cols * storage.bits) / 32], bytes },
    { name: partName(name, "scales"), ...scale },
    { name: partName(name, "biases"), ...scale },
  ];
}

function planLayer(source: ModelDescription, layer: number, changes: Map<TensorDescription, Requantised>) {
  const { shape } = source;
  const runs = expertRoles.map((role) =>
    source.tensors.filter((tensor) => tensor.layer === layer && tensor.role === role),
  );
  // Runs of one projection are stored alike: the description was checked.
  const storages = runs.map((list) => storageOf(list[0]!, changes.get(list[0]!))) as ExpertStorage;
  const { places, bytes, stride } = recordLayout(shape, storages);
  const step: PackStep = {
    name: expertsName(layer),
    bytes: stride * shape.experts,
    header: null,
    hashes: shape.experts,
    sources: filesOf(runs.flat()),
    *blocks() {
      const at = [0, 0, 0]; // the run that holds the expert
      const sorted = runs.map((list) => [...list].sort((a, b) => a.expertFirst - b.expertFirst));
      for (let expert = 0; expert < shape.experts; expert++) {
        const pieces = sorted.map((list, projection) => {
          while (expert >= list[at[projection]!]!.expertFirst + list[at[projection]!]!.expertCount)
            at[projection]! += 1;
          const run = list[at[projection]!]!;
          const rows = { first: 0, count: expertMatrix(shape, projection).rows };
          return pieceOf(run, rows, changes.get(run), expert - run.expertFirst, places[projection]!);
        });
        const range = { file: 0, offset: expert * stride, bytes, padding: stride - bytes, place: 0 };
        yield { bufferBytes: stride, pieces, ranges: [range] };
      }
    },
  };
  return { step, storages };
}

/** Rows of a tensor, or of one of its experts. */
function pieceOf(
  tensor: TensorDescription,
  rows: { first: number; count: number },
  to: Requantised | undefined,
  expert: number,
  places: [number, number, number],
): PackPiece {
  const before = partBytes(tensor, rows.first, tensor.cols);
  const sizes = partBytes(tensor, rows.count, tensor.cols);
  const extents = [tensor.weight, tensor.scales, tensor.biases].map((extent, part) =>
    extent === null
      ? null
      : {
          file: extent.file,
          offset: extent.offset + expert * extent.stride + before[part]!,
          bytes: sizes[part]!,
          stride: 0,
        },
  );
  const { format, bits, group, scaleFormat, cols } = tensor;
  return { from: { format, bits, group, scaleFormat }, rows: rows.count, cols, extents, to: to ?? null, places };
}

function filesOf(tensors: TensorDescription[]): Set<number> {
  const files = new Set<number>();
  for (const { weight, scales, biases } of tensors) {
    for (const extent of [weight, scales, biases]) if (extent !== null) files.add(extent.file);
  }
  return files;
}
