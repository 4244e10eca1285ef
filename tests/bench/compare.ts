/**
 * flashmoe against llama.cpp on the same shape, under the same real memory limits, taking turns. docs/benchmarks.md has the
 * method. usage: npm run bench:compare -- --llama-bench PATH --gguf FILE --model DIR [flags, see below]
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/cli/flags.ts";
import type { EngineOptions } from "../../src/engine/index.ts";
import type { EngineRun, EngineRunRequest } from "./engine-run.ts";
import { availableBytes, dropPageCache, type Finished, memoryGroupsWork, runInGroup } from "./memory-group.ts";

const GIB = 2 ** 30;
/** flashmoe's --memory within the limit: it promises to stay below 1.05 times that. */
const limitSlack = 1.05;
/** What must be free beside a resident model. */
const residentMargin = 1.5 * GIB;

const { values: flags } = parseArgs({
  options: {
    "llama-bench": { type: "string" },
    gguf: { type: "string" },
    model: { type: "string" },
    limits: { type: "string", default: "4GiB,12GiB,resident" },
    rounds: { type: "string", default: "2" },
    threads: { type: "string", default: String(availableParallelism()) },
    tokens: { type: "string", default: "64" },
    "llama-tokens": { type: "string", default: "16" },
    prompt: { type: "string", default: "2048" },
    only: { type: "string", default: "decode,prefill" },
    engines: { type: "string", default: "llama.cpp,flashmoe" },
    /** More engine options as JSON, like '{"prefetch":"off"}'. */
    options: { type: "string", default: "{}" },
    json: { type: "string" },
  },
});

type Kind = "decode" | "prefill";

interface Row {
  engine: "llama.cpp" | "flashmoe";
  kind: Kind;
  limit: string;
  round: number;
  tokensPerS: number;
  maxUseBytes: number;
  limitHits: number;
  diskBytes: number;
  detail: EngineRun | null;
}

const rows: Row[] = [];
const threads = Number(flags.threads);

function required(name: "llama-bench" | "gguf" | "model"): string {
  const value = flags[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

function note(row: Row): void {
  rows.push(row);
  const parts = [
    `${row.kind} ${row.limit} round ${row.round} ${row.engine}: ${row.tokensPerS.toFixed(3)} tok/s`,
    `use ${(row.maxUseBytes / GIB).toFixed(2)} GiB`,
    `disk ${(row.diskBytes / GIB).toFixed(2)} GiB`,
  ];
  if (row.detail !== null) parts.push(...describe(row.kind, row.detail));
  console.log(parts.join(", "));
}

/** Seconds that a decoded token must take: its misses from the disk or its weights from memory, whichever is longer. */
function idealSeconds({ decode, rooflines, touchedBytesPerToken }: EngineRun): { disk: number; memory: number } {
  const missed = (decode.bytesRead - decode.wastedBytes) / decode.tokens;
  return { disk: missed / rooflines.diskBytesPerS, memory: touchedBytesPerToken / rooflines.memoryBytesPerS };
}

function describe(kind: Kind, run: EngineRun): string[] {
  const { rooflines, experts, memory, reader } = run;
  const rates = `B_disk ${(rooflines.diskBytesPerS / 1e6).toFixed(0)} MB/s, B_mem ${(rooflines.memoryBytesPerS / 1e9).toFixed(1)} GB/s`;
  const setup = `K=${experts.perToken}, ${experts.bits}, ${memory.slots} slots, ${reader}`;
  if (kind === "prefill") {
    const { bytesRead, readWaitS, seconds } = run.prompt;
    return [
      `read ${(bytesRead / GIB).toFixed(2)} GiB, waited ${readWaitS.toFixed(1)} of ${seconds.toFixed(1)} s`,
      rates,
      setup,
    ];
  }
  const { decode } = run;
  const ideal = idealSeconds(run);
  const binds = ideal.disk > ideal.memory ? "disk" : "memory";
  const roofline = Math.max(ideal.disk, ideal.memory) / (decode.seconds / decode.tokens);
  return [
    `roofline ${roofline.toFixed(2)} (${binds} binds)`,
    `p50 ${decode.p50Ms.toFixed(0)} ms p99 ${decode.p99Ms.toFixed(0)} ms`,
    `hit rate ${((100 * decode.hits) / Math.max(1, decode.hits + decode.misses)).toFixed(1)} %`,
    `${(decode.bytesRead / decode.tokens / 1e6).toFixed(0)} MB a token, ${((100 * decode.wastedBytes) / Math.max(1, decode.bytesRead)).toFixed(1)} % wasted`,
    rates,
    setup,
  ];
}

function ended(finished: Finished, what: string): Finished {
  if (finished.exitCode !== 0)
    throw new Error(`${what} ended with ${finished.exitCode}: ${finished.stderr.slice(-2000)}`);
  return finished;
}

async function runLlama(kind: Kind, limit: string, limitBytes: number | null, round: number): Promise<void> {
  const count = kind === "decode" ? ["-p", "0", "-n", flags["llama-tokens"]] : ["-p", flags.prompt, "-n", "0"];
  const common = ["-t", String(threads), "-lm", "mmap", "--repack", "0", "-r", "1", "-o", "json"];
  // Within a limit the first pass is no warmer than the next: the warm-up run would only double the time.
  const cold = limitBytes === null ? [] : ["--no-warmup"];
  const command = [required("llama-bench"), "-m", required("gguf"), ...count, ...common, ...cold];
  const done = ended(await runInGroup(command, limitBytes), "llama-bench");
  const [result] = JSON.parse(done.stdout) as { avg_ts: number }[];
  const { maxBytes, limitHits } = done.use;
  const row = { engine: "llama.cpp", kind, limit, round, tokensPerS: result!.avg_ts, maxUseBytes: maxBytes } as const;
  note({ ...row, limitHits, diskBytes: done.diskBytes, detail: null });
}

async function runOurs(kind: Kind, limit: string, limitBytes: number | null, round: number): Promise<void> {
  const memory = limitBytes === null ? {} : { memoryBytes: Math.floor(limitBytes / limitSlack) };
  const options = { threads, ...memory, ...(JSON.parse(flags.options) as EngineOptions) };
  const decode = kind === "decode";
  const request: EngineRunRequest = {
    model: required("model"),
    options,
    // A resident model must have read every expert before it is timed; llama-bench warms itself up likewise.
    warmTokens: limitBytes === null ? 512 : 0,
    promptTokens: decode ? 64 : Number(flags.prompt),
    decodeTokens: decode ? Number(flags.tokens) : 0,
  };
  const command = [process.execPath, join(import.meta.dir, "engine-run.ts"), JSON.stringify(request)];
  const done = ended(await runInGroup(command, limitBytes), "flashmoe");
  const detail = JSON.parse(done.stdout) as EngineRun;
  const { tokens, seconds } = decode ? detail.decode : detail.prompt;
  const { maxBytes, limitHits } = done.use;
  const row = { engine: "flashmoe", kind, limit, round, tokensPerS: tokens / seconds, maxUseBytes: maxBytes } as const;
  note({ ...row, limitHits, diskBytes: done.diskBytes, detail });
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function summary(): string[] {
  const lines = [
    "",
    "| | limit | llama.cpp tok/s | flashmoe tok/s | ratio | ratio by round |",
    "|---|---|---|---|---|---|",
  ];
  for (const kind of ["decode", "prefill"] as const) {
    for (const limit of flags.limits.split(",")) {
      const of = (engine: Row["engine"]) =>
        rows.filter((row) => row.kind === kind && row.limit === limit && row.engine === engine);
      const theirs = of("llama.cpp");
      const ours = of("flashmoe");
      if (theirs.length === 0 || ours.length === 0) continue;
      const speed = (list: Row[]) => median(list.map(({ tokensPerS }) => tokensPerS));
      const byRound = ours.map(({ tokensPerS }, i) => (tokensPerS / (theirs[i]?.tokensPerS ?? Number.NaN)).toFixed(2));
      const ratio = speed(ours) / speed(theirs);
      lines.push(
        `| ${kind} | ${limit} | ${speed(theirs).toFixed(3)} | ${speed(ours).toFixed(3)} | ${ratio.toFixed(2)} | ${byRound.join(", ")} |`,
      );
    }
  }
  return lines;
}

/** The larger of the two models and a margin must be free: a resident run must not push others out of memory. */
function requireRoom(): void {
  const need = Bun.file(required("gguf")).size + residentMargin;
  const free = availableBytes();
  if (free >= need) return;
  throw new Error(`a resident run needs ${(need / GIB).toFixed(1)} GiB, ${(free / GIB).toFixed(1)} GiB are free`);
}

async function main(): Promise<void> {
  if (!memoryGroupsWork()) throw new Error("this needs root and the memory cgroup (v1)");
  const kinds = flags.only.split(",") as Kind[];
  const engines = flags.engines.split(",");
  for (const limit of flags.limits.split(",")) {
    const limitBytes = limit === "resident" ? null : parseSize(limit);
    for (const kind of kinds) {
      for (let round = 1; round <= Number(flags.rounds); round++) {
        for (const engine of engines) {
          if (limitBytes === null) requireRoom();
          dropPageCache();
          if (engine === "llama.cpp") await runLlama(kind, limit, limitBytes, round);
          else await runOurs(kind, limit, limitBytes, round);
        }
      }
    }
  }
  for (const line of summary()) console.log(line);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, null, 1)}\n`);
}

await main();
