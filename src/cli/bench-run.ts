/** The runs of one memory limit: a prompt, then tokens, each phase a row with the counters of that phase alone. */

import { type Rates, rooflineOf, touchedBytesPerToken } from "../bench/roofline.ts";
import type { BenchRow, PhaseStatistics } from "../bench/row.ts";
import type { FlashMoE, Session, Stats } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import { expertBits } from "./locate-model.ts";
import { runStatistics, type Timing } from "./run-result.ts";

export interface BenchRuns {
  model: FlashMoE;
  flags: { runs: number; maxTokens: number };
  rates: Rates;
  promptOf(run: number): number[];
  signal: AbortSignal;
}

/** Rows as they are measured; ends early, without the unfinished phase, when the signal fires. */
export async function* measureRows(runs: BenchRuns): AsyncGenerator<BenchRow, void> {
  const { model, flags, signal } = runs;
  // Sampled, not greedy: greedy replies of random weights run in circles, and a circle is always cached.
  await using session = await model.createSession({ temperature: 1, seed: 1 });
  try {
    for (let run = 1; run <= flags.runs; run++) {
      await session.reset();
      await session.setSampling({ temperature: 1, seed: run });
      const prompt = runs.promptOf(run);
      yield await prefillRow(runs, session, run, prompt);
      if (flags.maxTokens > 0) yield await decodeRow(runs, session, run, prompt.length);
    }
  } catch (error) {
    if (!(error instanceof FlashmoeError && error.code === "cancelled" && signal.aborted)) throw error;
  }
}

/** The whole prompt and the first token after it, as `run` counts it. */
async function prefillRow(runs: BenchRuns, session: Session, run: number, prompt: number[]): Promise<BenchRow> {
  const before = await runs.model.stats();
  const startedAt = performance.now();
  for await (const _ of session.generate({ prompt, maxTokens: 1, signal: runs.signal }));
  const promptMs = performance.now() - startedAt;
  const timing: Timing = { promptMs, stepMs: [] };
  const row = await rowOf(runs, "prefill", run, prompt.length, prompt.length, before, timing);
  row.stats.tokens_per_s = (1000 * prompt.length) / promptMs;
  return row;
}

async function decodeRow(runs: BenchRuns, session: Session, run: number, promptTokens: number): Promise<BenchRow> {
  const before = await runs.model.stats();
  const stepMs: number[] = [];
  for await (const token of session.generate({ maxTokens: runs.flags.maxTokens, signal: runs.signal })) stepMs.push(token.stepMs);
  return rowOf(runs, "decode", run, promptTokens, stepMs.length, before, { promptMs: 0, stepMs });
}

async function rowOf(
  { model, rates }: BenchRuns,
  phase: BenchRow["phase"],
  run: number,
  promptTokens: number,
  tokens: number,
  before: Stats,
  timing: Timing,
): Promise<BenchRow> {
  const stats: PhaseStatistics = runStatistics(model.plan, since(before, await model.stats()), timing);
  const wanted = stats.expert_hits + stats.expert_misses;
  const { description, plan } = model;
  const touched = touchedBytesPerToken(description, plan);
  return {
    phase,
    model: description.name,
    bits: expertBits(description),
    cache: run === 1 && phase === "prefill" ? "cold" : "warm",
    run,
    threads: plan.threads,
    prompt_tokens: promptTokens,
    tokens,
    hit_rate: wanted === 0 ? 0 : stats.expert_hits / wanted,
    bytes_per_token: stats.expert_bytes_read / tokens,
    roofline:
      phase === "prefill"
        ? null
        : rooflineOf(rates, stats.expert_bytes_read / tokens, touched, (1000 * stats.decode_s) / tokens),
    stats,
  };
}

/** Counters of a phase; sizes and peaks stay as they are at its end. */
function since(before: Stats, after: Stats): Stats {
  const kept = new Set<keyof Stats>(["cacheBytes", "memoryLimitBytes", "peakRssBytes", "rssBytes"]);
  const entries = Object.entries(after) as [keyof Stats, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, kept.has(name) ? value : value - before[name]]),
  ) as unknown as Stats;
}
