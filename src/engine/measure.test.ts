/** The measurements through the whole stack: what they count, and what is refused. No speed is asserted. */
import { beforeAll, describe, expect, test } from "bun:test";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { planSynth } from "../models/synth-plan.ts";
import { synthOptions } from "../models/synth-shape.ts";
import { writeSynth } from "../models/synth-write.ts";
import { createFiller, type EngineOptions, FlashMoE, FlashmoeError, measureDisk, measureMemory } from "./index.ts";

const fresh = temporaryPaths();
let description: ModelDescription;

beforeAll(async () => {
  const directory = fresh("synth");
  await writeSynth(planSynth(synthOptions("tiny", {})), directory, { fill: await createFiller() });
  description = await describeModel(directory);
});

async function failure(promise: Promise<unknown>): Promise<FlashmoeError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FlashmoeError);
  return error as FlashmoeError;
}

describe("the disk", () => {
  test("is read in whole records of the model, by the reader and depth asked for", async () => {
    const { recordBytes } = await FlashMoE.plan(description);
    const settings: EngineOptions[] = [{}, { reader: "pread", readerThreads: 2 }, { queueDepth: 3, readSplit: 2 }];
    for (const options of settings) {
      const rate = await measureDisk(description, options, { milliseconds: 10, inFlight: 4 });
      expect(rate.records).toBeGreaterThan(0);
      expect(rate.bytes).toBe(rate.records * recordBytes);
      expect(rate.bytesPerS).toBeCloseTo((rate.bytes * 1000) / rate.ms, 0);
      expect(rate.inFlight).toBe(4);
      if (options.reader !== undefined) expect(rate.reader).toBe(options.reader);
      else expect(["uring", "pread"]).toContain(rate.reader);
    }
    expect((await measureDisk(description, { directIo: false }, { milliseconds: 1 })).direct).toBe(false);
  });

  test("takes the engine's own bounds", async () => {
    const cases = [
      [{}, { milliseconds: 20_000 }, "20000 ms"],
      [{}, { inFlight: 1000 }, "1000 records at once"],
      [{ queueDepth: 5000 }, {}, "5000 reads at once"],
      [{ reader: "simulated" }, {}, "simulated reads say nothing"],
    ] as const;
    for (const [options, slice, text] of cases) {
      const error = await failure(measureDisk(description, options, slice));
      expect([error.code, error.message]).toEqual(["invalid_argument", expect.stringContaining(text)]);
    }
  });
});

describe("memory", () => {
  test("is read whole, at least once, by the threads asked for", async () => {
    const rate = await measureMemory({ milliseconds: 1, threads: 2, blockBytes: 8 * 2 ** 20 });
    expect(rate.threads).toBe(2);
    expect(rate.bytes).toBeGreaterThanOrEqual(8 * 2 ** 20);
    expect(rate.bytes % (8 * 2 ** 20)).toBe(0);
    expect(rate.bestBytesPerS).toBeGreaterThanOrEqual(rate.bytesPerS);
  });

  test("a block that no machine has is refused", async () => {
    const error = await failure(measureMemory({ blockBytes: 2 ** 45 }));
    expect(error.code).toBe("invalid_argument");
  });
});
