/**
 * `flashmoe bench`: speed of prefill and decode with what bounds it, one row per phase, run and memory limit; or, with
 * --compare, one setting of the engine against another.
 */
import { type Command, InvalidArgumentError } from "commander";
import { plotOf } from "../bench/plot.ts";
import { type BenchRow, csvOf, formatRows } from "../bench/row.ts";
import { exportTrace } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { COMPARABLE, type ComparableName, compare } from "./bench-compare.ts";
import { type PromptFlags, type PromptSource, promptSource } from "./bench-prompts.ts";
import { replay } from "./bench-replay.ts";
import { measureRows } from "./bench-run.ts";
import { oneOf, parseSize, wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { type MeasuredRates, measureRates } from "./measure-rates.ts";
import { checkOpen, openEngine } from "./open-engine.ts";
import { OutputFile } from "./output-file.ts";
import { startProgress } from "./progress.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { chooseOptions, noteTuned } from "./tuned.ts";
import { usage } from "./usage.ts";

export interface BenchFlags extends EngineFlags, OutputFlags, PromptFlags {
  model?: string;
  maxTokens: number;
  runs?: number;
  sweep?: number[];
  csv?: string;
  plot?: string;
  compare?: ComparableName;
  trace?: string;
  perfetto?: string;
  replay?: string;
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command("bench")
    .description("measure prefill and decode beside what disk and memory allow")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addPromptOptions(command)
    .option(
      "-n, --max-tokens <n>",
      "tokens each run generates; 0 measures the prompt only",
      wholeNumber(0, 2 ** 20),
      64,
    )
    .option(
      "--runs <n>",
      "runs after one another, each with another prompt (default: 2, with --compare 5)",
      wholeNumber(1, 1000),
    )
    .option("--sweep <sizes>", "memory limits to measure one after the other: 4GiB,8GiB,12GiB", sizes)
    .option("--csv <file>", "also write the rows to this file")
    .option("--plot <file>", "also draw tok/s and hit rate against the memory limit, as SVG; needs --sweep")
    .option(
      "--compare <setting>",
      "measure the engine with a setting against without it, in turns: prefetch or hits-first",
      oneOf(COMPARABLE),
    )
    .option("--trace <file>", "record routing and timing of the runs")
    .option("--replay <file>", "score cache policies at many sizes on a recorded trace; needs no model")
    .option("--perfetto <file>", "also write the trace for a timeline viewer: ui.perfetto.dev, chrome://tracing");
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: BenchFlags) =>
    bench(chosenModel(model, flags.model), flags),
  );
}

/** Of `bench` and `tune`. */
export function addPromptOptions(command: Command, tokens = 512): Command {
  return command
    .option("-p, --prompt-tokens <n>", "tokens of each run's prompt", wholeNumber(1, 2 ** 20), tokens)
    .option("--text <file>", "cut the prompts from this text (default: from the questions of the built-in suite)")
    .option("--random-ids", "prompts of random token ids, for models with random weights");
}

function sizes(text: string): number[] {
  const all = text.split(",").map(parseSize);
  if (new Set(all).size === all.length) return all.sort((a, b) => a - b);
  throw new InvalidArgumentError("a size is named twice.");
}

async function bench(modelName: string | undefined, flags: BenchFlags): Promise<void> {
  checkCombination(flags);
  const files = { csv: target(flags.csv), plot: target(flags.plot) };
  for (const path of [flags.trace, flags.perfetto]) target(path);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  if (flags.replay !== undefined) return replayOnly(modelName, flags.replay, flags, files.csv, terminal);
  const description = await locateModel(modelName);
  const promptOf = await promptSource(description, flags);
  using interrupt = onInterrupt();
  if (flags.compare !== undefined) {
    const runs = flags.runs ?? 5;
    return compare({
      description,
      flags: { ...flags, runs, compare: flags.compare },
      promptOf,
      terminal,
      signal: interrupt.signal,
    });
  }
  const { rates, rows } = await measure(description, flags, promptOf, terminal, interrupt.signal);
  if (rates !== null && rows.length > 0) report(rows, rates, description, flags, files, terminal);
  if (interrupt.signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
}

async function replayOnly(
  modelName: string | undefined,
  trace: string,
  flags: BenchFlags,
  csv: OutputFile | null,
  terminal: Terminal,
): Promise<void> {
  const other =
    modelName !== undefined
      ? "a model"
      : (["sweep", "plot", "memory"] as const).find((name) => flags[name] !== undefined);
  if (other !== undefined)
    throw usage(
      `--replay and ${other === "a model" ? other : `--${other}`} were both given.`,
      "A trace is all it needs.",
    );
  using interrupt = onInterrupt();
  await replay({ trace, flags, csv, terminal, signal: interrupt.signal });
}

/** All limits, one after the other; each with the rates measured just before it. */
async function measure(
  description: ModelDescription,
  flags: BenchFlags,
  promptOf: PromptSource,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<{ rates: MeasuredRates | null; rows: BenchRow[] }> {
  const rows: BenchRow[] = [];
  let rates: MeasuredRates | null = null;
  const limits = flags.sweep ?? [flags.memory];
  const runs = flags.runs ?? 2;
  const phases = limits.length * runs * (flags.maxTokens > 0 ? 2 : 1);
  let phase = 0;
  for (const memory of limits) {
    const chosen = chooseOptions(description, { ...flags, memory });
    noteTuned(chosen, flags, terminal);
    const { options } = chosen;
    const promptTokens = flags.promptTokens + flags.maxTokens;
    await checkOpen(description, options, promptTokens);
    rates = await measureRates(description, options, terminal, signal);
    await using model = await openEngine({ description, options, terminal, signal, promptTokens });
    const progress = startProgress(terminal, `Measuring ${description.name}`, "items");
    const onPhase = () => progress.update(phase++, phases);
    const tuned = chosen.tuned !== null;
    try {
      if (flags.trace !== undefined) await model.startTrace(flags.trace);
      const { maxTokens } = flags;
      for await (const row of measureRows({ model, runs, maxTokens, rates, tuned, promptOf, signal, onPhase }))
        rows.push(row);
    } finally {
      progress.stop();
    }
    if (flags.trace !== undefined) await model.stopTrace();
    if (signal.aborted) break;
  }
  if (flags.trace !== undefined && flags.perfetto !== undefined) await exportTrace(flags.trace, flags.perfetto);
  return { rates, rows };
}

function checkCombination(flags: BenchFlags): void {
  if (flags.plot !== undefined && flags.sweep === undefined)
    throw usage("--plot needs sizes to draw.", "Add --sweep with two or more sizes, like --sweep 4GiB,8GiB,12GiB.");
  if (flags.plot !== undefined && flags.maxTokens === 0)
    throw usage("--plot draws the decode speed, and --max-tokens is 0.", "Give --max-tokens 32 or so.");
  if (flags.sweep !== undefined && flags.memory !== undefined)
    throw usage("--memory and --sweep were both given.", "Give one of them.");
  if (flags.trace !== undefined && flags.sweep !== undefined)
    throw usage("--trace and --sweep were both given.", "A trace is of one memory limit: give --memory.");
  if (flags.trace !== undefined && flags.replay !== undefined)
    throw usage("--trace and --replay were both given.", "Record first, then replay.");
  if (flags.perfetto !== undefined && flags.trace === undefined && flags.replay === undefined)
    throw usage(
      "--perfetto writes a trace, and there is none.",
      "Add --trace FILE, or --replay FILE of a recorded one.",
    );
  if (flags.perfetto !== undefined && flags.perfetto === (flags.trace ?? flags.replay))
    throw usage("--perfetto names the trace itself.", "Give another file.");
  if (flags.compare === undefined) return;
  const other = (["sweep", "csv", "plot", "trace", "replay"] as const).find((name) => flags[name] !== undefined);
  if (other !== undefined) throw usage(`--compare and --${other} were both given.`, "Give one of them.");
  if (flags.maxTokens < 2) throw usage("--compare measures decode; --max-tokens is less than 2.", "Give 32 or so.");
}

/** Refused before the work when it could not be written after it. */
function target(path: string | undefined): OutputFile | null {
  return path === undefined ? null : new OutputFile(path);
}

function report(
  rows: BenchRow[],
  rates: MeasuredRates,
  description: ModelDescription,
  flags: BenchFlags,
  files: { csv: OutputFile | null; plot: OutputFile | null },
  terminal: Terminal,
): void {
  files.csv?.writeText(csvOf(rows));
  const { stats, threads } = rows[0]!;
  const title = `${description.name}, K=${stats.experts_per_token}, ${expertBits(description)}, ${threads} threads`;
  const points = plotPoints(rows);
  if (points.length > 0) files.plot?.writeText(plotOf(points, { title: `decode, ${title}` }));
  const rate = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB/s`;
  const disk = `disk ${rate(rates.diskBytesPerS)} (${rates.reader}${rates.direct ? "" : ", through the page cache"})`;
  terminal.write(
    flags.json
      ? `${JSON.stringify({ model: description.name, rows })}\n`
      : `${title}; ${disk}, memory ${rate(rates.memoryBytesPerS)}\n${formatRows(rows)}`,
  );
}

/** The last decode row of each limit: the warmest cache. */
function plotPoints(rows: BenchRow[]) {
  const last = new Map(rows.filter((row) => row.phase === "decode").map((row) => [row.stats.memory_limit_bytes, row]));
  return [...last].map(([memoryBytes, row]) => ({
    memoryBytes,
    tokensPerS: row.stats.tokens_per_s,
    hitRate: row.hit_rate,
  }));
}
