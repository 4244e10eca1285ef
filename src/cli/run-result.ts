/** What a run says about itself: the object of `run --json` and the line of --stats, K and bits beside every speed. Pure. */
import type { PhaseStatistics } from "../bench/row.ts";
import type { Plan, Stats, TopToken } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { formatBytes, formatSeconds } from "./format.ts";
import type { ReplyOutcome } from "./stream-reply.ts";

/** The object of `run --json`; the field names are a contract with scripts. */
export interface RunResult {
  model: string;
  prompt_tokens: number[];
  tokens: number[];
  /** Null for a model without tokenizer. */
  text: string | null;
  finish_reason: "stop" | "length" | "cancelled";
  /** Only with --logprobs. */
  logprobs?: { id: number; logprob: number; top: TopToken[] }[];
  stats: RunStatistics;
}

export function runResult(
  { name, shape }: ModelDescription,
  hasText: boolean,
  promptTokens: number[],
  { reply, tokens }: ReplyOutcome,
  stats: RunStatistics,
  withLogprobs: boolean,
): RunResult {
  // A vocabulary smaller than the number asked for leaves entries without a token.
  const top = (list: TopToken[]) => list.filter(({ id }) => id < shape.vocab);
  return {
    model: name,
    prompt_tokens: promptTokens,
    tokens: reply.tokens,
    text: hasText ? reply.text : null,
    finish_reason: reply.finishReason ?? "cancelled",
    ...(withLogprobs
      ? { logprobs: tokens.map((token) => ({ id: token.id, logprob: token.logprob, top: top(token.top) })) }
      : {}),
    stats,
  };
}

/** One run is one phase of its own. */
export type RunStatistics = PhaseStatistics;

export interface Timing {
  promptMs: number;
  /** One entry per decode step, the time of the step that made the token. */
  stepMs: number[];
}

export function runStatistics(plan: Plan, stats: Stats, timing: Timing, tuned = false): RunStatistics {
  const decodeMs = timing.stepMs.reduce((sum, ms) => sum + ms, 0);
  return {
    backend: "cpu",
    experts_per_token: plan.expertsPerToken,
    prompt_s: timing.promptMs / 1000,
    decode_s: decodeMs / 1000,
    tokens_per_s: decodeMs > 0 ? (timing.stepMs.length * 1000) / decodeMs : 0,
    token_ms_p50: percentile(timing.stepMs, 0.5),
    token_ms_p99: percentile(timing.stepMs, 0.99),
    expert_hits: stats.expertHits,
    expert_misses: stats.expertMisses,
    expert_bytes_read: stats.expertBytesRead,
    read_wait_s: stats.readWaitNs / 1e9,
    reader: stats.reader,
    reader_refusal: stats.readerRefusal,
    tuned,
    prefetch_issued: stats.prefetchIssued,
    prefetch_used: stats.prefetchUsed,
    cache_bytes: stats.cacheBytes,
    memory_limit_bytes: stats.memoryLimitBytes,
    peak_rss_bytes: stats.peakRssBytes,
  };
}

/** Nearest-rank percentile; 0 for nothing. */
export function percentile(values: number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

export function statisticsLine(stats: RunStatistics, promptTokens: number, bits: string): string {
  const touched = stats.expert_hits + stats.expert_misses;
  const rate = touched === 0 ? "no experts touched" : `hit rate ${((100 * stats.expert_hits) / touched).toFixed(1)} %`;
  const refusal = stats.reader_refusal === null ? "" : ` (io_uring refused: ${stats.reader_refusal})`;
  return [
    `prompt ${promptTokens} tokens in ${formatSeconds(stats.prompt_s)}`,
    `decode ${stats.tokens_per_s.toFixed(2)} tok/s (K=${stats.experts_per_token}, ${bits}, p99 ${stats.token_ms_p99.toFixed(1)} ms)`,
    rate,
    `${formatBytes(stats.expert_bytes_read)} read by ${stats.reader}${refusal}, waited ${formatSeconds(stats.read_wait_s)}`,
    `peak ${formatBytes(stats.peak_rss_bytes)}`,
    ...(stats.tuned ? ["tuned"] : []),
  ].join("; ");
}
