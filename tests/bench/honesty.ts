/**
 * The honesty tables of docs/quality.md: task scores, perplexity and KL against the reference's logits, beside decode
 * speed, for bits, K and the precision of the attention cache. Every measurement is a command of its own and is kept as
 * a line in the cache folder, so that an interrupted run goes on. Speeds come last, every setting in turn, round after
 * round: the median of the rounds' median tokens.
 * usage: npm run honesty -- --reference DIR --main DIR [--models DIR,DIR] --text FILE [--suite FILE] [--limit N]
 *        [--k 1,2,4] [--cache build/honesty] [--output docs/quality.md] [--engine dist/flashmoe]
 *        [--title NAME] [--rounds 5]
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../../src/bench/statistics.ts";
import { type Row, type TaskFigures, withTables } from "./honesty-tables.ts";

const root = join(import.meta.dir, "../..");

const { values: flags } = parseArgs({
  options: {
    reference: { type: "string" },
    main: { type: "string" },
    models: { type: "string", default: "" },
    text: { type: "string" },
    suite: { type: "string" },
    limit: { type: "string" },
    k: { type: "string" },
    cache: { type: "string", default: join(root, "build/honesty") },
    output: { type: "string", default: join(root, "docs/quality.md") },
    engine: { type: "string" },
    title: { type: "string" },
    rounds: { type: "string", default: "5" },
  },
});

function required(name: "reference" | "main" | "text"): string {
  const value = flags[name];
  if (value === undefined)
    throw new Error(`--${name} is missing; the head of tests/bench/honesty.ts says what it takes`);
  return value;
}

const engine =
  flags.engine === undefined ? [process.execPath, "--no-env-file", join(root, "src/main.ts")] : [flags.engine];

/** Runs a command of flashmoe to its end and returns the object it prints. */
function measure<T>(args: string[]): T {
  console.error(`flashmoe ${args.join(" ")}`);
  const child = Bun.spawnSync([...engine, ...args, "--json", "--quiet"], { stdin: "ignore", stderr: "inherit" });
  if (child.exitCode !== 0)
    throw new Error(`flashmoe ${args.join(" ")} ended with ${child.exitCode ?? child.signalCode}`);
  return JSON.parse(child.stdout.toString()) as T;
}

/** Measurements by what they depend on: one line each, written when it is complete. */
class Measurements {
  private readonly path: string;
  private readonly known = new Map<string, unknown>();

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.path = join(folder, "measurements.jsonl");
    if (!existsSync(this.path)) return;
    const lines = readFileSync(this.path, "utf8").split("\n");
    // A last line that was cut short by a kill is closed, and measured again.
    if (lines.at(-1) !== "") appendFileSync(this.path, "\n");
    for (const line of lines.slice(0, -1)) {
      const entry = parsed(line);
      if (entry !== null) this.known.set(entry.key, entry.value);
    }
  }

  of<T>(parts: Record<string, unknown>, make: () => T): T {
    const key = JSON.stringify(parts);
    if (!this.known.has(key)) {
      const value = make();
      this.known.set(key, value);
      appendFileSync(this.path, `${JSON.stringify({ key, value })}\n`);
    }
    return this.known.get(key) as T;
  }
}

/** Null for a line that was cut short. */
function parsed(line: string): { key: string; value: unknown } | null {
  try {
    return JSON.parse(line) as { key: string; value: unknown };
  } catch {
    return null;
  }
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 16);
}

interface Model {
  directory: string;
  hash: string;
  name: string;
  trainedK: number;
}

function modelAt(directory: string): Model {
  const shown = measure<{ hash: string; name: string; experts: { per_token: number } }>(["show", directory]);
  return { directory, hash: shown.hash, name: shown.name, trainedK: shown.experts.per_token };
}

interface SuiteFigures {
  bits: string;
  items: number;
  score: number;
  tasks: TaskFigures[];
}

const measurements = new Measurements(flags.cache);
const text = required("text");
const suitePath = flags.suite ?? join(root, "models/spark/suite/held-out.jsonl");
const inputs = { text: hashOf(text), suite: hashOf(suitePath), limit: flags.limit ?? "all" };
const reference = modelAt(required("reference"));

/** The reference's logits after every token of the text, with nothing rounded that need not be. */
function referenceLogits(): string {
  const path = join(flags.cache, `reference-${reference.hash.slice(0, 16)}-${inputs.text}.npy`);
  if (!existsSync(path)) {
    measure(["eval", "logits", reference.directory, "--text", text, "--kv-format", "f32", "--output", path]);
  }
  return path;
}

interface Setting {
  model: Model;
  expertsPerToken: number;
  kvFormat: "f16" | "f32";
}

const flagsOf = ({ expertsPerToken, kvFormat }: Setting) => [
  "--experts-per-token",
  String(expertsPerToken),
  "--kv-format",
  kvFormat,
];

const keyOf = ({ model, expertsPerToken, kvFormat }: Setting) => ({ hash: model.hash, expertsPerToken, kvFormat });

const rounds = Number(flags.rounds);
if (!(rounds % 2 === 1)) throw new Error("--rounds is an odd number, so that one of the rounds is the median");

/** Tokens a second of decode's median token, experts in memory. */
const speeds = (setting: Setting, round: number) =>
  measurements.of({ ...keyOf(setting), measure: "speed", round }, () => {
    const bench = ["bench", setting.model.directory, "--prompt-tokens", "64", "--max-tokens", "128", "--runs", "2"];
    const { rows } = measure<{ rows: { phase: string; stats: { token_ms_p50: number } }[] }>([
      ...bench,
      ...flagsOf(setting),
    ]);
    return 1000 / rows.filter(({ phase }) => phase === "decode").at(-1)!.stats.token_ms_p50;
  });

const speedOf = (setting: Setting) => median(Array.from({ length: rounds }, (_, round) => speeds(setting, round)));

function rowOf(one: Setting): Omit<Row, "tokensPerSecond"> {
  const { model, expertsPerToken, kvFormat } = one;
  const { directory } = model;
  const setting = flagsOf(one);
  const by = keyOf(one);
  const suite = measurements.of({ ...by, measure: "suite", suite: inputs.suite, limit: inputs.limit }, () => {
    const chosen = [...(flags.suite ? ["--suite", flags.suite] : []), ...(flags.limit ? ["--limit", flags.limit] : [])];
    const { bits, items, score, tasks } = measure<SuiteFigures>(["eval", "suite", directory, ...chosen, ...setting]);
    return { bits, items, score, tasks };
  });
  const perplexity = measurements.of({ ...by, measure: "perplexity", text: inputs.text }, () =>
    measure<{ perplexity: number }>(["eval", "perplexity", directory, "--text", text, ...setting]),
  );
  const kl = measurements.of({ ...by, measure: "kl", text: inputs.text, reference: reference.hash }, () =>
    measure<{ mean_kl: number; top1_agreement: number; tokens: number }>([
      "eval",
      "kl",
      directory,
      ...["--text", text, "--reference", referenceLogits(), ...setting],
    ]),
  );
  return {
    bits: suite.bits,
    expertsPerToken,
    kvFormat,
    items: suite.items,
    score: suite.score,
    tasks: suite.tasks,
    perplexity: perplexity.perplexity,
    meanKl: kl.mean_kl,
    top1: kl.top1_agreement,
  };
}

referenceLogits(); // first, since it fails where the text does not fit
const main = modelAt(required("main"));
const others = flags.models.split(",").filter((directory) => directory !== "");
const models = [reference, ...others.map(modelAt), main];
const counts = flags.k?.split(",").map(Number) ?? Array.from({ length: main.trainedK }, (_, index) => index + 1);
const widthOf = (row: Row) => Number.parseInt(row.bits.replace(/^\D+/, ""), 10);
const byBits = models.map((model): Setting => ({ model, expertsPerToken: model.trainedK, kvFormat: "f16" }));
const byExperts = counts.map((expertsPerToken): Setting => ({ model: main, expertsPerToken, kvFormat: "f16" }));
const byCache = (["f16", "f32"] as const).map(
  (kvFormat): Setting => ({ model: main, expertsPerToken: main.trainedK, kvFormat }),
);
const settings = [...byBits, ...byExperts, ...byCache];
for (const setting of settings) rowOf(setting);
for (let round = 0; round < rounds; round++) for (const setting of settings) speeds(setting, round);
const measured = (setting: Setting): Row => ({ ...rowOf(setting), tokensPerSecond: speedOf(setting) });
const bits = byBits.map(measured).sort((a, b) => widthOf(b) - widthOf(a));
const experts = byExperts.map(measured);
const kv = byCache.map(measured);
const processors = cpus();
const about =
  `${flags.title ?? main.name}, ${bits[0]!.items} items${flags.limit === undefined ? "" : ` (${flags.limit} of each task)`}; ` +
  `K and the attention cache are varied at ${experts[0]!.bits}. ${processors.length} cores of ${processors[0]?.model.trim() ?? "an unnamed CPU"}.`;
const partial = `${flags.output}.partial`;
writeFileSync(partial, withTables(readFileSync(flags.output, "utf8"), { about, bits, experts, kv }));
renameSync(partial, flags.output);
console.error(`wrote ${flags.output}`);
