/** Hit rates between measured shares, and prompts that differ from run to run. */
import { expect, test } from "bun:test";
import { hitRateAt } from "./predict.ts";
import { cutFrom, randomIds } from "./prompts.ts";
import { rooflineOf } from "./roofline.ts";

test("the hit rate runs through the points, from nothing to everything", () => {
  const curve = [
    { share: 0.1, hitRate: 0.3 },
    { share: 0.5, hitRate: 0.8 },
  ];
  const rates = [0, 0.05, 0.1, 0.3, 0.5, 0.75, 1, 1.5].map((share) => hitRateAt(curve, share));
  const expected = [0, 0.15, 0.3, 0.55, 0.8, 0.9, 1, 1];
  for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(expected[i]!, 10);
  expect(hitRateAt([], 0.25)).toBeCloseTo(0.25, 10);
});

test("the slower of disk and memory is the roof", () => {
  const rates = { diskBytesPerS: 1e9, memoryBytesPerS: 2e10 };
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
