/**
 * The two rates behind every roofline, measured where they are used: random direct reads of the model's own expert
 * records through the engine's own reader, and a streaming read of memory with the engine's threads. In short slices,
 * between which Ctrl+C gets through; the memory they take is given back before a model is opened.
 */
import type { Rates } from "../bench/roofline.ts";
import { median } from "../bench/statistics.ts";
import { type EngineOptions, FlashMoE, measureDisk, measureMemory } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export interface MeasuredRates extends Rates {
  recordBytes: number;
  /** The reader that was opened, and whether it read past the page cache. */
  reader: string;
  direct: boolean;
  /** Records at once that read fastest. */
  recordsInFlight: number;
}

/** Records at once; the reader's queue holds no more of an unpacked model's. */
const DEPTHS = [1, 2, 4, 8, 16, 24];
const ROUNDS = 3;
/** Shorter ones read a tenth slower on a disk that others use too. */
const DISK_SLICE_MS = 120;
const MEMORY_SLICE_MS = 100;
const BLOCK_BYTES = 128 * 2 ** 20;

/** `options` as the engine would be opened with: its reader, its threads, its memory limit. */
export async function measureRates(
  description: ModelDescription,
  options: EngineOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<MeasuredRates> {
  const plan = await FlashMoE.plan(description, options);
  // Inside a limit the measurement may take what experts will take later, and no more.
  const room = plan.limitBytes === 0 ? BLOCK_BYTES : Math.max(2 ** 20, (plan.limitBytes - plan.processBytes) / 2);
  const depths = DEPTHS.filter((depth, i) => i === 0 || depth * plan.slotBytes <= Math.min(room, BLOCK_BYTES));
  const progress = startProgress(terminal, "Measuring disk and memory", "items");
  const slices = ROUNDS * (depths.length + 1);
  let done = 0;
  const begin = async () => {
    await new Promise(setImmediate); // signals arrive between slices
    if (signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
    progress.update(done++, slices);
  };
  try {
    const disk = depths.map((inFlight) => ({ inFlight, rates: [] as number[] }));
    const memory: number[] = [];
    let opened = { reader: "", direct: false };
    for (let round = 1; round <= ROUNDS; round++) {
      for (const { inFlight, rates } of disk) {
        await begin();
        const slice = { milliseconds: DISK_SLICE_MS, inFlight, seed: round * 1000 + inFlight };
        const { bytesPerS, reader, direct } = await measureDisk(description, options, slice);
        rates.push(bytesPerS);
        opened = { reader, direct };
      }
      await begin();
      const blockBytes = Math.floor(Math.min(BLOCK_BYTES, room));
      memory.push(
        (await measureMemory({ milliseconds: MEMORY_SLICE_MS, threads: plan.threads, blockBytes })).bestBytesPerS,
      );
    }
    const diskByDepth = disk.map(({ inFlight, rates }) => ({ records: inFlight, bytes_per_s: median(rates) }));
    const best = diskByDepth.reduce((a, b) => (b.bytes_per_s > a.bytes_per_s ? b : a));
    return {
      diskBytesPerS: best.bytes_per_s,
      diskByDepth,
      // The fastest pass of all: what disturbs it is not the memory.
      memoryBytesPerS: Math.max(...memory),
      recordBytes: plan.recordBytes,
      recordsInFlight: best.records,
      ...opened,
    };
  } finally {
    progress.stop();
  }
}
