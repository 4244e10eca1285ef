/** Counters of one phase from those before and after it, and what `bench` says of guessing and of the disk. Pure. */
import type { DiskRow, PredictorRow } from "../bench/row.ts";
import type { Stats } from "../engine/index.ts";

/** What is no counter: it stays as it is at the end of the phase. */
const STATES: ReadonlySet<string> = new Set(["cacheBytes", "memoryLimitBytes", "peakRssBytes", "rssBytes"]);

export function statsBetween(before: Stats, after: Stats): Stats {
  const entries = Object.entries(after).map(([name, value]) => {
    const earlier = before[name as keyof Stats];
    const counts = typeof value === "number" && typeof earlier === "number" && !STATES.has(name);
    return [name, counts ? value - earlier : value];
  });
  return Object.fromEntries(entries) as Stats;
}

export function predictorRow(stats: Stats): PredictorRow {
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  return {
    issued: stats.prefetchIssued,
    used: stats.prefetchUsed,
    late: stats.prefetchLate,
    recall: share(stats.guessRight, stats.guessNeeded),
    recall_all: share(stats.guessRightAll, stats.guessNeeded),
    recall_first_layer: share(stats.guessFirstRight, stats.guessFirstNeeded),
    coverage: share(stats.prefetchUsed, stats.prefetchUsed + stats.expertMisses),
    wasted_bytes: stats.prefetchWastedBytes,
  };
}

export function diskRow(stats: Stats): DiskRow {
  return { busy_s: stats.diskBusyNs / 1e9, idle_s: stats.diskIdleNs / 1e9 };
}
