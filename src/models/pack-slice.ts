/** One call of the native packer as plain data; `createPacker` of src/engine encodes it. A slice is small enough to wait for. */
import type { Extent, TensorDescription } from "./description.ts";

export interface PackRange {
  /** Index into `PackSlice.files`, for `hash`. */
  file: number;
  offset: number;
  bytes: number;
  /** Zeros that follow in the file. */
  padding: number;
  /** Where the bytes lie in the block's memory, for `write`. */
  place: number;
}

/** A matrix or some rows of it: what is read, what becomes of it, and where that goes in the block's memory. */
export interface PackPiece {
  from: Pick<TensorDescription, "format" | "bits" | "group" | "scaleFormat">;
  rows: number;
  cols: number;
  /** Weights, scales and biases; null where there are none. */
  extents: (Extent | null)[];
  /** Null: copied as it is. */
  to: { bits: number; group: number; fit: "minmax" | "search" } | null;
  places: [number, number, number];
}

export interface PackBlock {
  bufferBytes: number;
  pieces: PackPiece[];
  ranges: PackRange[];
}

export interface PackSlice {
  task: "write" | "hash" | "finite";
  /** The file that is written. */
  target?: string;
  /** What the slice before wrote: brought to disk and out of the page cache. */
  settle?: { offset: number; bytes: number };
  files: { path: string; bytes: number }[];
  blocks: PackBlock[];
}

export interface PackedBlock {
  ranges: { hash: bigint; paddingDirty: boolean }[];
  /** Of `finite`: per piece the first value that is infinite or not a number. */
  damaged: ({ part: number; index: number } | null)[];
  error: QuantisationError;
}

/** Sums over requantised values: of their squares, of the squared errors, and of those MLX's own rule would have made. */
export interface QuantisationError {
  squares: number;
  errors: number;
  minmaxErrors: number;
}

export type Packer = (slice: PackSlice) => PackedBlock[];

/** Cuts blocks into slices by the bytes they read; a slice has at least some blocks, so that all threads have work. */
export function* slicesOf(blocks: Iterable<PackBlock>, bytesOf: (block: PackBlock) => number): Generator<PackBlock[]> {
  let slice: PackBlock[] = [];
  let bytes = 0;
  for (const block of blocks) {
    slice.push(block);
    bytes += bytesOf(block);
    if (bytes < sliceBytes || (slice.length < sliceBlocksMin && bytes < 4 * sliceBytes)) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}

const sliceBytes = 64 * 1024 * 1024;
const sliceBlocksMin = 8;

export function pieceBytes(block: PackBlock): number {
  return block.pieces.reduce(
    (sum, piece) => sum + piece.extents.reduce((bytes, extent) => bytes + (extent?.bytes ?? 0), 0),
    0,
  );
}

export function rangeBytes(block: PackBlock): number {
  return block.ranges.reduce((sum, range) => sum + range.bytes + range.padding, 0);
}
