/** The forms of a benchmark row: table and CSV. */
import { expect, test } from "bun:test";
import { type BenchRow, csvOf, formatRows } from "./row.ts";

function row(change: Partial<BenchRow> = {}): BenchRow {
  return {
    phase: "decode",
    model: 'tiny, "quoted"',
    bits: "4-bit",
    cache: "warm",
    run: 2,
    threads: 2,
    prompt_tokens: 32,
    tokens: 8,
    hit_rate: 0.25,
    bytes_per_token: 3_000_000,
    roofline: {
      disk_bytes_per_s: 1e9,
      memory_bytes_per_s: 2e10,
      missed_bytes: 3e6,
      touched_bytes: 1e7,
      ideal_ms: 3,
      measured_ms: 4,
      ratio: 0.75,
      binds: "disk",
    },
    predictor: {
      issued: 4,
      used: 2,
      late: 1,
      recall: 0.875,
      recall_all: 0.9,
      recall_first_layer: null,
      coverage: 0.4,
      wasted_bytes: 10,
    },
    disk: { busy_s: 3, idle_s: 1 },
    stats: {
      backend: "cpu",
      experts_per_token: 8,
      prompt_s: 0,
      decode_s: 0.032,
      tokens_per_s: 250,
      token_ms_p50: 4,
      token_ms_p99: 5,
      expert_hits: 1,
      expert_misses: 3,
      expert_bytes_read: 24_000_000,
      read_wait_s: 0.01,
      reader: "uring",
      reader_refusal: null,
      tuned: false,
      prefetch_issued: 0,
      prefetch_used: 0,
      cache_bytes: 1,
      memory_limit_bytes: 2 ** 30,
      peak_rss_bytes: 2,
    },
    ...change,
  };
}

test("the table lines columns up and names what binds", () => {
  const lines = formatRows([row(), row({ phase: "prefill", roofline: null, cache: "cold" })])
    .trimEnd()
    .split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain("1.00 GiB");
  expect(lines[1]).toContain("25.0 %");
  expect(lines[1]).toEndWith("0.75 (disk)   87.5 %     25.0 %");
  expect(lines[2]).not.toContain("(disk)");
  const end = (line: string, cell: string) => line.indexOf(cell) + cell.length;
  expect(end(lines[1]!, "25.0 %")).toBe(end(lines[0]!, "hits"));
});

test("CSV quotes what commas and quotes would break, and leaves missing fields empty", () => {
  const [header, first, second, ...rest] = csvOf([row(), row({ phase: "prefill", roofline: null })]).split("\n");
  expect(rest).toEqual([""]);
  const names = header!.split(",");
  expect(names).toContain("stats_tokens_per_s");
  expect(names).toContain("roofline_ratio");
  expect(first).toContain('"tiny, ""quoted"""');
  expect(second!.split(",").filter((cell) => cell === "")).toHaveLength(
    names.filter((name) => name.startsWith("roofline_")).length + 2, // and what is null
  );
});
