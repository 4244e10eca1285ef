/** Hashing the large files of a packed model and comparing them with the table: what to read, in the order of the table. */
import { FlashmoeError } from "../errors.ts";
import type { ModelShape, TensorDescription } from "./description.ts";
import { type PackBlock, type Packer, rangeBytes, slicesOf } from "./pack-slice.ts";
import { denseBlocks, type ExpertStorage, hashBytes, recordLayout } from "./packed-layout.ts";

/** One entry of the table, and what a message calls it. */
export interface HashedRange {
  offset: number;
  bytes: number;
  padding: number;
  what: { layer: number; expert: number } | { tensor: string; part: number } | { header: true };
}

/** The records of a layer's file. */
export function recordRanges(shape: ModelShape, layer: number, storages: ExpertStorage): HashedRange[] {
  const { bytes, stride } = recordLayout(shape, storages);
  return Array.from({ length: shape.experts }, (_, expert) => ({
    offset: expert * stride,
    bytes,
    padding: stride - bytes,
    what: { layer, expert },
  }));
}

/** The dense file: its header, then its tensors. */
export function denseRanges(tensors: TensorDescription[]): HashedRange[] {
  const blocks = denseBlocks(tensors);
  const start = Math.min(...blocks.flatMap(({ ranges }) => ranges.map(({ offset }) => offset)));
  const header: HashedRange = { offset: 0, bytes: start, padding: 0, what: { header: true } };
  const rest = blocks.flatMap(({ tensor, ranges }) =>
    ranges.map(({ part, offset, bytes }) => ({ offset, bytes, padding: 0, what: { tensor: tensor.name, part } })),
  );
  return [header, ...rest];
}

export interface HashOptions {
  pack: Packer;
  signal?: AbortSignal;
  onBytes?(bytes: number): void;
}

/** Hashes ranges of one file in their order; a part of the hash table. */
export async function hashRanges(
  file: { path: string; bytes: number },
  ranges: HashedRange[],
  options: HashOptions,
): Promise<{ hashes: Uint8Array; dirty: number[] }> {
  const hashes = new DataView(new ArrayBuffer(ranges.length * hashBytes));
  const dirty: number[] = [];
  const blocks = ranges.map(
    ({ offset, bytes, padding }): PackBlock => ({
      bufferBytes: 0,
      pieces: [],
      ranges: [{ file: 0, offset, bytes, padding, place: 0 }],
    }),
  );
  let index = 0;
  for (const slice of slicesOf(blocks, rangeBytes)) {
    if (options.signal?.aborted) throw new FlashmoeError("cancelled", "Checking the model was interrupted.");
    for (const block of options.pack({ task: "hash", files: [file], blocks: slice })) {
      const [range] = block.ranges;
      hashes.setBigUint64(index * hashBytes, range!.hash, true);
      if (range!.paddingDirty) dirty.push(index);
      index += 1;
    }
    options.onBytes?.(slice.reduce((sum, block) => sum + rangeBytes(block), 0));
    await new Promise((resume) => setImmediate(resume)); // lets signals and drawing in
  }
  return { hashes: new Uint8Array(hashes.buffer), dirty };
}

/** Indices of the ranges that do not have the expected hash, or whose padding is not zero. */
export async function mismatches(
  file: { path: string; bytes: number },
  ranges: HashedRange[],
  expected: Uint8Array,
  options: HashOptions,
): Promise<number[]> {
  const { hashes, dirty } = await hashRanges(file, ranges, options);
  const wrong = new Set(dirty);
  for (let i = 0; i < ranges.length; i++) {
    for (let byte = i * hashBytes; byte < (i + 1) * hashBytes; byte++)
      if (hashes[byte] !== expected[byte]) wrong.add(i);
  }
  return [...wrong].sort((a, b) => a - b);
}
