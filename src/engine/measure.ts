/**
 * What the machine can do, for the rooflines beside every speed. Each call measures one bounded slice and holds its
 * memory only meanwhile; it blocks its thread for that long, so callers take several short slices rather than a long one.
 */
import type { ModelDescription } from "../models/description.ts";
import { DiskMeasurement, MemoryMeasurement } from "../native/bindings.gen.ts";
import { readStruct, structBuffer } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import { encodeDescription } from "./descriptor.ts";
import { encodeOptions, readerName } from "./options.ts";
import type { EngineOptions, ReaderName } from "./types.ts";

export interface DiskSlice {
  /** How long once `inFlight` records have arrived, at most 10,000; default 250. A slow disk may take longer: one more is read. */
  milliseconds?: number;
  /** Records at once; default 16. */
  inFlight?: number;
  /** Which records; another seed, others. */
  seed?: number;
}

export interface DiskRate {
  bytesPerS: number;
  bytes: number;
  records: number;
  ms: number;
  inFlight: number;
  /** The reader that was opened. */
  reader: ReaderName;
  /** Read past the page cache; without that the figure is not the disk's. */
  direct: boolean;
}

/**
 * Random direct reads of the model's own expert records through the reader, queue depth and split of `options`. Holds
 * `inFlight` records beside whatever engine is open.
 */
export async function measureDisk(
  description: ModelDescription,
  options: EngineOptions = {},
  slice: DiskSlice = {},
): Promise<DiskRate> {
  const native = await loadNative();
  const encoded = encodeDescription(description);
  const place = structBuffer(DiskMeasurement, {
    seed: slice.seed ?? 1,
    milliseconds: slice.milliseconds ?? 250,
    inFlight: slice.inFlight ?? 0,
  });
  native.check("fm_measure_disk", encoded, encoded.byteLength, encodeOptions(options), place);
  const { bytes, records, ns, inFlight, reader, direct } = readStruct(place, 0, DiskMeasurement);
  return {
    bytesPerS: (bytes * 1e9) / ns,
    bytes,
    records,
    ms: ns / 1e6,
    inFlight,
    reader: readerName(reader),
    direct: direct !== 0,
  };
}

export interface MemorySlice {
  /** How long, at most 10,000; default 250. One pass is always made. */
  milliseconds?: number;
  /** Compute threads; default all cores. */
  threads?: number;
  /** What is read again and again, several times the caches; default 256 MiB. */
  blockBytes?: number;
}

export interface MemoryRate {
  bytesPerS: number;
  /** Of the fastest pass over the block: what a machine that does other things too can do when it does not. */
  bestBytesPerS: number;
  bytes: number;
  ms: number;
  threads: number;
}

/** A streaming read of memory with as many threads as the engine computes with. */
export async function measureMemory(slice: MemorySlice = {}): Promise<MemoryRate> {
  const native = await loadNative();
  const place = structBuffer(MemoryMeasurement, {
    blockBytes: slice.blockBytes ?? 256 * 2 ** 20,
    milliseconds: slice.milliseconds ?? 250,
    threads: slice.threads ?? 0,
  });
  native.check("fm_measure_memory", place);
  const { bytes, ns, passBytes, fastestNs, threads } = readStruct(place, 0, MemoryMeasurement);
  return {
    bytesPerS: (bytes * 1e9) / ns,
    bestBytesPerS: (passBytes * 1e9) / fastestNs,
    bytes,
    ms: ns / 1e6,
    threads,
  };
}
