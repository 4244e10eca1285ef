import { expect, test } from "bun:test";
import type { Plan, Stats } from "../engine/index.ts";
import { formatBytes, formatSeconds } from "./format.ts";
import { percentile, runStatistics, statisticsLine } from "./run-result.ts";

const stats = {
  expertHits: 3,
  expertMisses: 1,
  expertBytesRead: 4096,
  readWaitNs: 2_500_000,
  reader: "uring",
  readerRefusal: null,
  prefetchIssued: 0,
  prefetchUsed: 0,
  cacheBytes: 8192,
  memoryLimitBytes: 0,
  peakRssBytes: 3 * 2 ** 20,
} as Stats;

test("speeds are of the decode steps alone", () => {
  const result = runStatistics({ expertsPerToken: 8 } as Plan, stats, { promptMs: 1500, stepMs: [10, 30, 20, 40] });
  expect(result).toMatchObject({ prompt_s: 1.5, decode_s: 0.1, tokens_per_s: 40, token_ms_p50: 20, token_ms_p99: 40 });
  expect(result.read_wait_s).toBe(0.0025);
  expect(statisticsLine(result, 12, "4-bit")).toBe(
    "prompt 12 tokens in 1.50 s; decode 40.00 tok/s (K=8, 4-bit, p99 40.0 ms); hit rate 75.0 %; 4.00 KiB read by uring, waited 3 ms; peak 3.00 MiB",
  );
  const refused = runStatistics(
    { expertsPerToken: 8 } as Plan,
    { ...stats, reader: "pread", readerRefusal: "EPERM" },
    {
      promptMs: 1,
      stepMs: [],
    },
  );
  expect(refused).toMatchObject({ reader: "pread", reader_refusal: "EPERM" });
  expect(statisticsLine(refused, 1, "4-bit")).toContain("4.00 KiB read by pread (io_uring refused: EPERM), waited");
});

test("percentiles by nearest rank", () => {
  expect(percentile([], 0.5)).toBe(0);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([4, 1, 3, 2], 0.5)).toBe(2);
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(percentile(hundred, 0.99)).toBe(99);
});

test("numbers for people", () => {
  expect([0, 1023, 1024, 1536, 123 * 2 ** 30].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "1.50 KiB",
    "123 GiB",
  ]);
  expect([0.0123, 0.9996, 61].map(formatSeconds)).toEqual(["12 ms", "1.00 s", "61.00 s"]);
});
