/**
 * Where things lie in a packed model: an expert's record, the blocks of the dense file, the table of hashes. Pure; packing,
 * describing and verifying all take it from here. docs/packed.md has the drawing.
 */
import type { Extent, ModelShape, TensorDescription, TensorFormat } from "./description.ts";

/** Unit of direct reads: records and the dense data start on it. */
export const pageBytes = 4096;
/** Parts of a record start on a cache line. */
const partAlignment = 64;
/** Rows of a dense tensor are hashed together up to so many bytes of weights. */
const denseBlockBytes = 4 * 1024 * 1024;

export const denseName = "dense.safetensors";
export const hashesName = "hashes.bin";
export const manifestName = "manifest.json";
/** The first bytes of the hash table; the records' hashes follow. */
export const hashesMagic = new TextEncoder().encode("fmXXH3\r\n");
export const recordHashesOffset = hashesMagic.length;
export const hashBytes = 8;

export function expertsName(layer: number): string {
  return `experts-${String(layer).padStart(5, "0")}.bin`;
}

/** How the values of a matrix are stored. */
export interface Storage {
  format: TensorFormat;
  bits: number;
  group: number;
  scaleFormat: "f32" | "f16" | "bf16";
}

/** Of gate, up and down. */
export type ExpertStorage = [Storage, Storage, Storage];

export const expertRoles = ["expertGateProj", "expertUpProj", "expertDownProj"] as const;

const valueBytes = { f32: 4, f16: 2, bf16: 2 } as const;

/** Bytes of weights, scales and biases of a matrix; 0 where there are none. */
export function partBytes(storage: Storage, rows: number, cols: number): [number, number, number] {
  if (storage.format !== "affine") return [rows * cols * valueBytes[storage.format], 0, 0];
  const scales = ((rows * cols) / storage.group) * valueBytes[storage.scaleFormat];
  return [(rows * cols * storage.bits) / 8, scales, scales];
}

export function expertMatrix(shape: ModelShape, projection: number): { rows: number; cols: number } {
  return projection === 2
    ? { rows: shape.hidden, cols: shape.expertWidth }
    : { rows: shape.expertWidth, cols: shape.hidden };
}

export interface RecordLayout {
  /** Of weights, scales and biases of gate, up and down, from the record's start. */
  places: [number, number, number][];
  /** Up to the end of the last part: what is hashed. */
  bytes: number;
  /** From one record to the next; zeros fill the rest. */
  stride: number;
}

export function recordLayout(shape: ModelShape, storages: ExpertStorage): RecordLayout {
  let bytes = 0;
  const places = storages.map((storage, projection) => {
    const { rows, cols } = expertMatrix(shape, projection);
    return partBytes(storage, rows, cols).map((part) => {
      if (part === 0) return 0;
      const place = roundUp(bytes, partAlignment);
      bytes = place + part;
      return place;
    }) as [number, number, number];
  });
  return { places, bytes, stride: roundUp(bytes, pageBytes) };
}

/** The three expert tensors of a packed layer, whose records fill `file`. */
export function packedExperts(
  shape: ModelShape,
  layer: number,
  storages: ExpertStorage,
  file: number,
): TensorDescription[] {
  const { places, stride } = recordLayout(shape, storages);
  return storages.map((storage, projection) => {
    const { rows, cols } = expertMatrix(shape, projection);
    const bytes = partBytes(storage, rows, cols);
    const extents = bytes.map((part, i): Extent | null =>
      part === 0 ? null : { file, offset: places[projection]![i]!, bytes: part, stride },
    );
    return {
      name: `layers.${layer}.mlp.switch_mlp.${["gate", "up", "down"][projection]}_proj.weight`,
      role: expertRoles[projection]!,
      layer,
      ...storage,
      rows,
      cols,
      expertFirst: 0,
      expertCount: shape.experts,
      weight: extents[0]!,
      scales: extents[1]!,
      biases: extents[2]!,
    };
  });
}

export interface DenseRange {
  /** 0 weights, 1 scales, 2 biases. */
  part: number;
  /** In the dense file. */
  offset: number;
  bytes: number;
}

/** Some rows of a dense tensor: what is made, hashed and compared at once. */
export interface DenseBlock {
  tensor: TensorDescription;
  firstRow: number;
  rows: number;
  /** One hash each, in this order in the table. */
  ranges: DenseRange[];
}

/** All blocks of the dense tensors in the order of the hash table: that of their weights in the file. */
export function denseBlocks(tensors: TensorDescription[]): DenseBlock[] {
  const dense = tensors.filter((tensor) => tensor.expertCount === 0);
  dense.sort((a, b) => a.weight.offset - b.weight.offset);
  return dense.flatMap((tensor) => {
    const { rows, cols } = tensor;
    const step = Math.max(1, Math.floor(denseBlockBytes / (tensor.weight.bytes / rows)));
    const blocks: DenseBlock[] = [];
    for (let firstRow = 0; firstRow < rows; firstRow += step) {
      const count = Math.min(step, rows - firstRow);
      const before = partBytes(tensor, firstRow, cols);
      const sizes = partBytes(tensor, count, cols);
      const ranges = [tensor.weight, tensor.scales, tensor.biases].flatMap((extent, part) =>
        extent === null ? [] : [{ part, offset: extent.offset + before[part]!, bytes: sizes[part]! }],
      );
      blocks.push({ tensor, firstRow, rows: count, ranges });
    }
    return blocks;
  });
}

/** Entries of the hash table: one a record, one for the dense file's header, one a range of its blocks. */
export function hashCount(shape: ModelShape, blocks: DenseBlock[]): number {
  return shape.layers * shape.experts + 1 + blocks.reduce((sum, block) => sum + block.ranges.length, 0);
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
