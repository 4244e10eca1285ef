/** `flashmoe bench`: speed of prefill and decode with what bounds it, one row per phase, run and memory limit. */
import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { plotOf } from "../bench/plot.ts";
import { cutFrom, randomIds } from "../bench/prompts.ts";
import type { Rates } from "../bench/roofline.ts";
import { type BenchRow, csvOf, formatRows } from "../bench/row.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { measureRows } from "./bench-run.ts";
import { parseSize, wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { measureRates } from "./measure-rates.ts";
import { openEngine } from "./open-engine.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  engineOptions,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { readTextFile } from "./text-input.ts";
import { usage } from "./usage.ts";

export interface BenchFlags extends EngineFlags, OutputFlags {
  model?: string;
  promptTokens: number;
  maxTokens: number;
  runs: number;
  text?: string;
  sweep?: number[];
  csv?: string;
  plot?: string;
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command("bench")
    .description("measure prefill and decode beside what disk and memory allow")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  command
    .option("-p, --prompt-tokens <n>", "tokens of each run's prompt (default: 512)", wholeNumber(1, 2 ** 20), 512)
    .option("-n, --max-tokens <n>", "tokens each run generates; 0 measures the prompt only (default: 64)", wholeNumber(0, 2 ** 20), 64)
    .option("--runs <n>", "runs after one another, each with another prompt (default: 2)", wholeNumber(1, 1000), 2)
    .option("--text <file>", "cut the prompts from this text (default: random token ids)")
    .option("--sweep <sizes>", "memory limits to measure one after the other: 4GiB,8GiB,12GiB", sizes)
    .option("--csv <file>", "also write the rows to this file")
    .option("--plot <file>", "also draw tok/s and hit rate against the memory limit, as SVG; needs --sweep");
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: BenchFlags) =>
    bench(chosenModel(model, flags.model), flags),
  );
}

function sizes(text: string): number[] {
  const all = text.split(",").map(parseSize);
  if (new Set(all).size === all.length) return all;
  throw new InvalidArgumentError("a size is named twice.");
}

async function bench(modelName: string | undefined, flags: BenchFlags): Promise<void> {
  checkCombination(flags);
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const promptOf = await promptSource(description, flags);
  using interrupt = onInterrupt();
  const rates = await measureRates(description, flags, terminal, interrupt.signal);
  const rows: BenchRow[] = [];
  for (const memory of flags.sweep ?? [flags.memory]) {
    const options = engineOptions({ ...flags, memory });
    await using model = await openEngine({
      description,
      options,
      terminal,
      signal: interrupt.signal,
      promptTokens: flags.promptTokens + flags.maxTokens,
    });
    for await (const row of measureRows({ model, flags, rates, promptOf, signal: interrupt.signal })) rows.push(row);
    if (interrupt.signal.aborted) break;
  }
  report(rows, rates, description, flags, terminal);
  if (interrupt.signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
}

function checkCombination(flags: BenchFlags): void {
  if (flags.plot !== undefined && flags.sweep === undefined)
    throw usage("--plot needs sizes to draw.", "Add --sweep with two or more sizes, like --sweep 4GiB,8GiB,12GiB.");
  if (flags.plot !== undefined && flags.maxTokens === 0)
    throw usage("--plot draws the decode speed, and --max-tokens is 0.", "Give --max-tokens 32 or so.");
  if (flags.sweep !== undefined && flags.memory !== undefined)
    throw usage("--memory and --sweep were both given.", "Give one of them.");
}

/** Prompt of run `run`. */
async function promptSource(description: ModelDescription, flags: BenchFlags): Promise<(run: number) => number[]> {
  const { directory, shape } = description;
  if (flags.text === undefined) return (run) => randomIds(shape.vocab, flags.promptTokens, run);
  const text = readTextFile(flags.text);
  const ids = (await requireTokenizer(directory, shape.vocab)).encode(text);
  if (ids.length === 0) throw usage(`${flags.text} is empty.`, "Give a file with text.");
  return (run) => cutFrom(ids, flags.promptTokens, run);
}

function report(
  rows: BenchRow[],
  rates: Rates,
  description: ModelDescription,
  flags: BenchFlags,
  terminal: Terminal,
): void {
  if (rows.length === 0) return;
  if (flags.csv !== undefined) write(flags.csv, csvOf(rows));
  const title = `${description.name}, K=${rows[0]!.stats.experts_per_token}, ${expertBits(description)}, ${rows[0]!.threads} threads`;
  if (flags.plot !== undefined) write(flags.plot, plotOf(plotPoints(rows), { title: `decode, ${title}` }));
  if (flags.json) return terminal.write(`${JSON.stringify({ model: description.name, rows })}\n`);
  const rate = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB/s`;
  terminal.write(`${title}; disk ${rate(rates.diskBytesPerS)}, memory ${rate(rates.memoryBytesPerS)}\n${formatRows(rows)}`);
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

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new FlashmoeError("io_failed", `${path} cannot be written (${code}).`, { hint: "Give another path.", cause });
  }
}
