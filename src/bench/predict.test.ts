/** Hit rates between measured shares, and prompts that differ from run to run. */
import { describe, expect, test } from "bun:test";
import type { Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { hitRateAt, predict } from "./predict.ts";
import { cutFrom, randomIds } from "./prompts.ts";
import { rooflineOf } from "./roofline.ts";

test("the hit rate runs through the points, from nothing to everything", () => {
  const curve = [
    { share: 0.1, hit_rate: 0.3 },
    { share: 0.5, hit_rate: 0.8 },
  ];
  const rates = [0, 0.05, 0.1, 0.3, 0.5, 0.75, 1, 1.5].map((share) => hitRateAt(curve, share));
  const expected = [0, 0.15, 0.3, 0.55, 0.8, 0.9, 1, 1];
  for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(expected[i]!, 10);
  expect(hitRateAt([], 0.25)).toBeCloseTo(0.25, 10);
});

test("the slower of disk and memory is the roof", () => {
  const rates = { diskBytesPerS: 1e9, diskByDepth: [], memoryBytesPerS: 2e10 };
  expect(rooflineOf(rates, 5e8, 2e9, 1000)).toMatchObject({ ideal_ms: 500, ratio: 0.5, binds: "disk" });
  expect(rooflineOf(rates, 1e6, 2e9, 125)).toMatchObject({ ideal_ms: 100, ratio: 0.8, binds: "memory" });
});

test("prompts are repeatable, inside the vocabulary, and another one for every run", () => {
  expect(randomIds(100, 50, 3)).toEqual(randomIds(100, 50, 3));
  expect(randomIds(100, 50, 3)).not.toEqual(randomIds(100, 50, 4));
  expect(Math.max(...randomIds(7, 1000, 1))).toBeLessThan(7);
  const ids = Array.from({ length: 40 }, (_, i) => i);
  const cut = cutFrom(ids, 100, 2);
  expect(cut).toHaveLength(100);
  expect(cut.slice(1).every((id, i) => id === (cut[i]! + 1) % 40)).toBe(true);
  expect(cutFrom(ids, 10, 1)).not.toEqual(cutFrom(ids, 10, 2));
});

describe("a prediction", () => {
  const gigabyte = 1e9;
  const shape = { layers: 10, experts: 10, tied: true };
  const description = { shape, tensors: [] } as unknown as ModelDescription;
  const plan = {
    slotCount: 50,
    bytesPerToken: gigabyte / 10,
    stateBytes: 0,
    kvBytes: 0,
    context: 1,
    expertsPerToken: 4,
  } as Plan;
  const rates = {
    diskBytesPerS: 2 * gigabyte,
    diskByDepth: [
      { records: 1, bytes_per_s: 0.5 * gigabyte },
      { records: 3, bytes_per_s: 1.5 * gigabyte },
    ],
    memoryBytesPerS: 10 * gigabyte,
  };

  test("reads what misses at the rate of as many reads as a layer misses", () => {
    const seen = predict(description, plan, rates, { computeMs: 10 });
    // Half of 0.1 GB misses, two records a layer: between 0.5 and 1.5 GB/s.
    expect(seen).toMatchObject({ hit_rate: 0.5, hit_rate_source: "uniform", compute_source: "measured" });
    expect(seen.read_ms).toBeCloseTo(50, 6);
    // All that is computed are experts, and half of them while the others are read.
    expect(seen.token_ms).toBeCloseTo(50 + 10 - 5, 6);
    expect(seen.binds).toBe("disk");
  });

  test("with guesses reads a few at once, hides more, and finds arithmetic slowed by the reading", () => {
    const few = { ...plan, slotCount: 80 };
    const seen = predict(description, few, rates, { computeMs: 10, guesses: true });
    // 0.02 GB at the 1.5 GB/s of three records, though a layer misses less than one.
    expect(seen.read_ms).toBeCloseTo(20 / 1.5, 6);
    expect(seen.token_ms).toBeCloseTo(20 / 1.5 + 10 - (20 / 1.5) * (10 / (20 / 1.5 + 10)), 6);
    expect(predict(description, few, rates, { computeMs: 10, hidden: 3, guesses: true }).token_ms).toBeCloseTo(
      20 / 1.5,
      6,
    );
    const alone = predict(description, { ...plan, slotCount: 100 }, rates, { guesses: true });
    expect(predict(description, plan, rates, { guesses: true }).compute_ms).toBeCloseTo(1.2 * alone.compute_ms, 6);
  });

  test("with everything resident is arithmetic alone, estimated from the memory rate", () => {
    const seen = predict(description, { ...plan, slotCount: 100 }, rates);
    expect(seen).toMatchObject({ hit_rate: 1, read_ms: 0, binds: "compute", compute_source: "estimated" });
    expect(seen.compute_ms).toBeGreaterThan(10);
    expect(seen.token_ms).toBe(seen.compute_ms);
  });

  test("takes the recorded hit rate where there is one", () => {
    const seen = predict(description, plan, rates, { curve: [{ share: 0.5, hit_rate: 0.75 }] });
    expect(seen).toMatchObject({ hit_rate: 0.75, hit_rate_source: "recorded" });
    expect(seen.missed_bytes_per_token).toBeCloseTo(gigabyte / 40, 3);
  });
});
