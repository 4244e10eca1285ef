/**
 * The product's promise, through the whole stack and from a real disk: where experts lie, how many threads compute and
 * what the cache holds never changes a bit of the logits; the way a prompt is cut stays within a small bound.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { planSynth } from "../models/synth-plan.ts";
import { synthOptions } from "../models/synth-shape.ts";
import { writeSynth } from "../models/synth-write.ts";
import { cpuInfo, createFiller, type EngineOptions, FlashMoE } from "./index.ts";

const fresh = temporaryPaths();
const context = 128;
const tokens = Array.from({ length: 24 }, (_, i) => (i * 389 + 11) % 1024);
let description: ModelDescription;

/** About 40 MiB of experts: the cache sizes below differ by far more than the process' own memory moves. */
beforeAll(async () => {
  const shape = { layers: 4, hidden: 256, experts: 96, expertsPerToken: 6, expertWidth: 256, vocab: 1024 };
  const directory = fresh("synth");
  await writeSynth(planSynth(synthOptions("tiny", shape)), directory, { fill: await createFiller() });
  description = await describeModel(directory);
});

interface Outcome {
  hash: string;
  rows: Float32Array[];
  misses: number;
  slots: number;
  /** Records that guesses had read. */
  guessed: number;
}

/** Logits of the tokens, twice in one engine when `warm`; the second time counts. */
async function outcomeOf(options: EngineOptions, warm = false): Promise<Outcome> {
  await using model = await FlashMoE.open(description, { context, ...options });
  await using session = await model.createSession();
  let rows: Float32Array[] = [];
  for (let pass = 0; pass < (warm ? 2 : 1); pass++) {
    await session.reset();
    rows = [];
    for await (const row of session.logits(tokens)) rows.push(row);
  }
  const hash = createHash("sha256");
  for (const row of rows) hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  const { expertMisses, prefetchIssued } = await model.stats();
  const { slotCount } = model.plan;
  return { hash: hash.digest("hex"), rows, misses: expertMisses, slots: slotCount, guessed: prefetchIssued };
}

type Limit = "none" | "least" | "middle";

/** Asked for right before opening: a limit counts what the process holds by then, with room for its worker. */
async function limitBytes(limit: Limit, options: EngineOptions): Promise<number> {
  if (limit === "none") return 0;
  const plan = await FlashMoE.plan(description, { context, ...options });
  const least = plan.minimumBytes + (10 << 20);
  return limit === "least" ? least : least + Math.round((plan.fullBytes - plan.minimumBytes) / 3);
}

describe("byte-identical logits", () => {
  test("for three memory limits, one and two threads, cold and warm, on every level", async () => {
    const { supportedLevels } = await cpuInfo();
    expect(supportedLevels).toContain("scalar");
    for (const cpuLevel of supportedLevels) {
      const base = { cpuLevel, chunkTokens: 8 };
      const reference = await outcomeOf({ ...base, threads: 1 });
      expect(reference.slots).toBe(4 * 96);
      const cases: [string, EngineOptions, Limit, boolean][] = [
        ["least memory", { threads: 1 }, "least", false],
        ["least memory, warm, two threads", { threads: 2 }, "least", true],
        ["half the memory, two threads", { threads: 2 }, "middle", false],
        ["all resident, warm", { threads: 2 }, "none", true],
        ["through the page cache, one reader", { threads: 1, directIo: false, readerThreads: 1 }, "least", false],
        ["threads that read thirds", { reader: "pread", readerThreads: 3, readSplit: 3 }, "least", false],
        ["one read at a time", { queueDepth: 1 }, "least", false],
        ["many reads of small parts", { queueDepth: 64, readSplit: 5 }, "least", true],
        ["simulated reads", { reader: "simulated" }, "least", false],
      ];
      for (const [name, options, limit, warm] of cases) {
        const memoryBytes = await limitBytes(limit, { ...base, ...options });
        const outcome = await outcomeOf({ ...base, ...options, memoryBytes }, warm);
        expect({ cpuLevel, name, hash: outcome.hash }).toEqual({ cpuLevel, name, hash: reference.hash });
        if (limit === "none") expect(outcome.misses).toBe(reference.misses);
        else {
          expect(outcome.slots).toBeLessThan(4 * 96);
          expect(outcome.misses).toBeGreaterThan(reference.misses); // it did stream
        }
      }
    }
  });

  test("token by token: guessing off, on and automatic, cached experts first or not, for three memory limits", async () => {
    const base = { threads: 2, chunkTokens: 1 };
    const reference = await outcomeOf(base);
    for (const limit of ["least", "middle", "none"] as const) {
      for (const prefetch of ["off", "automatic", "on"] as const) {
        for (const waitForMisses of [false, true]) {
          const options = { ...base, prefetch, waitForMisses };
          const outcome = await outcomeOf(
            { ...options, memoryBytes: await limitBytes(limit, options) },
            limit !== "none",
          );
          const name = { limit, prefetch, waitForMisses };
          expect({ ...name, hash: outcome.hash }).toEqual({ ...name, hash: reference.hash });
          if (limit === "none") continue;
          expect(outcome.guessed > 0).toBe(prefetch !== "off");
        }
      }
    }
  });

  test("levels agree with the scalar definition within the rounding of their activations", async () => {
    const { supportedLevels } = await cpuInfo();
    const reference = await outcomeOf({ cpuLevel: "scalar", kvFormat: "f32" });
    for (const cpuLevel of supportedLevels) {
      const { rows } = await outcomeOf({ cpuLevel, kvFormat: "f32" });
      expect(relativeError(rows, reference.rows)).toBeLessThan(1e-3);
    }
  });
});

test("chunks of 1, 7, 64 and 512 tokens give the same logits within a bound", async () => {
  const reference = await outcomeOf({ kvFormat: "f32", chunkTokens: 512 });
  for (const chunkTokens of [1, 7, 64]) {
    const { rows } = await outcomeOf({ kvFormat: "f32", chunkTokens });
    expect(relativeError(rows, reference.rows)).toBeLessThan(1e-3);
  }
});

/** Root of the mean squared difference over the deviation of the reference. */
function relativeError(rows: Float32Array[], reference: Float32Array[]): number {
  expect(rows.length).toBe(reference.length);
  let difference = 0;
  let square = 0;
  let sum = 0;
  let count = 0;
  rows.forEach((row, i) => {
    const other = reference[i]!;
    for (let v = 0; v < row.length; v++) {
      difference += (row[v]! - other[v]!) ** 2;
      square += other[v]! ** 2;
      sum += other[v]!;
      count++;
    }
  });
  return Math.sqrt(difference / count / (square / count - (sum / count) ** 2));
}
