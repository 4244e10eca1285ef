/** Flags before what was tuned, tuned before defaults. */
import { expect, test } from "bun:test";
import { describeOptions, mergeOptions } from "./tuned.ts";

test("a flag goes before what was tuned, and what was not asked for is tuned", () => {
  const tuned = { threads: 1, prefetch: "off" } as const;
  expect(mergeOptions({ threads: 2, context: undefined }, tuned)).toEqual({ threads: 2, prefetch: "off" });
  expect(mergeOptions({ memoryBytes: 5 }, tuned)).toEqual({ memoryBytes: 5, threads: 1, prefetch: "off" });
});

test("a flag about reading sets aside all that was tuned about reading", () => {
  const tuned = { reader: "uring", queueDepth: 64, readSplit: 2, threads: 1 } as const;
  expect(mergeOptions({ reader: "pread" }, tuned)).toEqual({ reader: "pread", threads: 1 });
  expect(mergeOptions({ queueDepth: 8 }, tuned)).toEqual({ queueDepth: 8, threads: 1 });
  expect(mergeOptions({ directIo: false }, tuned)).toEqual({ directIo: false, threads: 1 });
  expect(mergeOptions({ prefetch: "on" }, tuned)).toEqual({ ...tuned, prefetch: "on" });
});

test("options in words", () => {
  expect(describeOptions({})).toBe("defaults");
  expect(describeOptions({ threads: 1, readSplit: 2 })).toBe("threads 1, readSplit 2");
});
