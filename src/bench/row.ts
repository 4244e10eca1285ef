/** One measurement of `bench` and its forms: JSON object, table line, CSV line. Pure. */
import type { Roofline } from "./roofline.ts";

/** The counters of one phase of one run; the names are those of `run --json`. */
export interface PhaseStatistics {
  backend: string;
  experts_per_token: number;
  prompt_s: number;
  decode_s: number;
  tokens_per_s: number;
  token_ms_p50: number;
  token_ms_p99: number;
  expert_hits: number;
  expert_misses: number;
  expert_bytes_read: number;
  read_wait_s: number;
  /** The reader that was opened, and why an automatic one is not io_uring. */
  reader: string;
  reader_refusal: string | null;
  /** Settings came from what `tune` saved. */
  tuned: boolean;
  prefetch_issued: number;
  prefetch_used: number;
  cache_bytes: number;
  memory_limit_bytes: number;
  peak_rss_bytes: number;
}

/** What guessing the next layer's experts came to in a phase. Shares are null where there was nothing to share. */
export interface PredictorRow {
  /** Records that guesses had read, and of these: there in time, still being read when needed. */
  issued: number;
  used: number;
  late: number;
  /** Of the experts needed from the second layer on: among the first K guesses, and among all guesses. */
  recall: number | null;
  recall_all: number | null;
  /** The same of the first layer, whose router spoke ahead of the step: all of them, where what was sampled is fed. */
  recall_first_layer: number | null;
  /** Would-be misses that were there in time. */
  coverage: number | null;
  /** Read for guesses and not needed by their layer. */
  wasted_bytes: number;
}

/** Time inside steps with and without a read in flight. */
export interface DiskRow {
  busy_s: number;
  idle_s: number;
}

export interface BenchRow {
  phase: "prefill" | "decode";
  model: string;
  bits: string;
  /** "cold": the first run after the model was opened; its cache was empty when the prompt began. */
  cache: "cold" | "warm";
  /** Counted from 1; every run has a prompt of its own. */
  run: number;
  threads: number;
  prompt_tokens: number;
  /** Of the phase: prompt tokens of a prefill, generated tokens of a decode. */
  tokens: number;
  /** Hits among the experts wanted, 0 to 1. */
  hit_rate: number;
  bytes_per_token: number;
  /** Null for a prefill: arithmetic binds there, and no bytes bound says how much. */
  roofline: Roofline | null;
  predictor: PredictorRow;
  disk: DiskRow;
  stats: PhaseStatistics;
}

/** Header and lines of the table on stdout, columns aligned. */
export function formatRows(rows: readonly BenchRow[]): string {
  const header = [
    "phase",
    "memory",
    "cache",
    "prompt",
    "tokens",
    "tok/s",
    "p50 ms",
    "p99 ms",
    "hits",
    "MB/token",
    "roofline",
    "guessed",
    "disk idle",
  ];
  const lines = rows.map(({ stats, roofline, predictor, disk, ...row }) => [
    row.phase,
    stats.memory_limit_bytes === 0 ? "all" : `${(stats.memory_limit_bytes / 2 ** 30).toFixed(2)} GiB`,
    row.cache,
    `${row.prompt_tokens}`,
    `${row.tokens}`,
    stats.tokens_per_s.toFixed(2),
    row.phase === "decode" ? stats.token_ms_p50.toFixed(1) : "",
    row.phase === "decode" ? stats.token_ms_p99.toFixed(1) : "",
    percent(row.hit_rate),
    (row.bytes_per_token / 1e6).toFixed(2),
    roofline === null ? "" : `${roofline.ratio.toFixed(2)} (${roofline.binds})`,
    predictor.recall === null ? "" : percent(predictor.recall),
    disk.busy_s === 0 ? "" : percent(disk.idle_s / (disk.busy_s + disk.idle_s)),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]!.length)));
  const draw = (cells: string[]) =>
    cells
      .map((cell, column) => (column < 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ");
  return `${[header, ...lines].map((line) => draw(line).trimEnd()).join("\n")}\n`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** All fields of the rows as comma-separated values, one header line; nested objects become `stats_…`, `roofline_…` and so on. */
export function csvOf(rows: readonly BenchRow[]): string {
  const flat = rows.map((row) => flatten(row));
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  const lines = flat.map((row) => names.map((name) => field(row[name] ?? "")).join(","));
  return `${[names.join(","), ...lines].join("\n")}\n`;
}

type Cell = string | number | boolean | null;

function flatten({ stats, roofline, predictor, disk, ...row }: BenchRow): Record<string, Cell> {
  const prefixed = (prefix: string, object: object) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [`${prefix}_${name}`, value as Cell]));
  return {
    ...row,
    ...prefixed("stats", stats),
    ...prefixed("predictor", predictor),
    ...prefixed("disk", disk),
    ...(roofline === null ? {} : prefixed("roofline", roofline)),
  };
}

/** RFC 4180: quoted where a comma, a quote or a line break would be misread. */
function field(value: Cell): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
