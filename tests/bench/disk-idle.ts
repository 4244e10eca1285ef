/**
 * How long the disk idles inside a token with and without guesses, where nothing but the engine decides it: a model under a
 * small cache over simulated reads of an even speed. The speed is chosen so that reading takes a given multiple of computing.
 * Every trial is a process of its own: what an earlier one leaves in memory would count against the next one's cache.
 * usage: npm run bench:idle -- MODEL [--memory 1100MiB] [--share 0.25] [--ratios 0.5,1,2] [--rounds 3] [--tokens 64]
 */
import { parseArgs } from "node:util";
import { median } from "../../src/bench/statistics.ts";
import { parseSize } from "../../src/cli/flags.ts";
import { runTrial, type Trial } from "../../src/cli/trial.ts";
import { type EngineOptions, FlashMoE } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** The limit; left out, the one that holds `share` of the experts. */
    memory: { type: "string" },
    share: { type: "string", default: "0.25" },
    /** Time to read over time to compute, of a token. */
    ratios: { type: "string", default: "0.5,1,2" },
    rounds: { type: "string", default: "3" },
    tokens: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    /** One trial, as JSON: what the processes of this program are started with. */
    trial: { type: "string" },
  },
});

const description = await describeModel(positionals[0] ?? "models/spark/model");
const threads = Number(flags.threads);
const tokens = Number(flags.tokens);
const rounds = Number(flags.rounds);

async function limitBytes(): Promise<number> {
  if (flags.memory !== undefined) return parseSize(flags.memory);
  const { minimumBytes, fullBytes } = await FlashMoE.plan(description, { threads });
  // Beside this process, which holds more than an engine alone.
  return Math.round(minimumBytes + Number(flags.share) * (fullBytes - minimumBytes)) + 16 * 2 ** 20;
}

interface Request {
  options: EngineOptions;
  round: number;
}

if (flags.trial !== undefined) {
  const { options, round } = JSON.parse(flags.trial) as Request;
  const signal = new AbortController().signal;
  const done = await runTrial({ description, options, prompt: promptOf(round), tokens, seed: round, signal });
  console.log(JSON.stringify(done));
  process.exit(0);
}

const memoryBytes = await limitBytes();
/** Through the page cache: what simulated reads deliver is copied when they are due, by the thread that waits for them. */
const base: EngineOptions = { threads, memoryBytes, directIo: false };

/** Token ids without a pattern. */
function promptOf(round: number): number[] {
  let state = round + 1;
  return Array.from({ length: 16 }, () => {
    state = (state * 48271) % 2147483647;
    return state % description.shape.vocab;
  });
}

function trial(options: EngineOptions, round: number): Trial {
  const request: Request = { options, round };
  const command = [process.execPath, import.meta.path, description.directory, "--tokens", flags.tokens];
  const child = Bun.spawnSync([...command, "--trial", JSON.stringify(request)], { stderr: "inherit" });
  if (child.exitCode !== 0) throw new Error(`a trial ended with ${child.exitCode}`);
  return JSON.parse(child.stdout.toString()) as Trial;
}

function idleShare({ stats }: Trial): number {
  return stats.diskIdleNs / (stats.diskIdleNs + stats.diskBusyNs);
}

function row(name: string, trials: Trial[], without: Trial[]): string {
  const of = (value: (one: Trial) => number) => median(trials.map(value));
  const gain = median(trials.map(({ meanMs }, i) => without[i]!.meanMs / meanMs));
  const hits = of(({ stats }) => stats.expertHits / (stats.expertHits + stats.expertMisses));
  const wasted = of(({ stats }) => stats.prefetchWastedBytes / Math.max(1, stats.expertBytesRead));
  const recall = trials.some(({ stats }) => stats.guessNeeded > 0)
    ? of(({ stats }) => stats.guessRight / stats.guessNeeded).toFixed(2)
    : "-";
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const slots = of(({ slotCount }) => slotCount).toFixed(0);
  const cells = [name, slots, of(({ meanMs }) => meanMs).toFixed(2), percent(of(idleShare)), percent(hits)];
  return `| ${[...cells, percent(wasted), recall, gain.toFixed(3)].join(" | ")} |`;
}

// What computing takes: the reads of this trial are as good as free.
const free = trial({ ...base, prefetch: "off", reader: "simulated", throttleBytesPerSecond: 100e9 }, 1);
const computeMs = free.meanMs - free.waitMs;
const bytesPerToken = free.stats.expertBytesRead / tokens;
console.log(
  `${description.name}: ${(memoryBytes / 2 ** 20).toFixed(0)} MiB, ${free.slotCount} slots, ${computeMs.toFixed(2)} ms of arithmetic and ` +
    `${(bytesPerToken / 1e6).toFixed(2)} MB of misses a token, ${tokens} tokens, ${rounds} rounds that take turns`,
);
console.log(
  "| reading : computing, guesses | slots | ms a token | disk idle | hits | wasted | recall | times as fast |",
);
console.log("|---|---|---|---|---|---|---|---|");
for (const ratio of flags.ratios.split(",").map(Number)) {
  const speed = Math.round(bytesPerToken / ((ratio * computeMs) / 1000));
  const throttled: EngineOptions = { ...base, reader: "simulated", throttleBytesPerSecond: speed };
  const modes = ["off", "automatic", "on"] as const;
  const trials: Record<(typeof modes)[number], Trial[]> = { off: [], automatic: [], on: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const mode of round % 2 === 1 ? modes : modes.toReversed())
      trials[mode].push(trial({ ...throttled, prefetch: mode }, round));
  }
  // What the runtime itself holds when an engine opens varies a little, and comes off the cache.
  const slots = modes.flatMap((mode) => trials[mode].map(({ slotCount }) => slotCount));
  if (Math.min(...slots) < 0.85 * Math.max(...slots)) throw new Error(`the caches differ: ${slots.join(", ")} slots`);
  for (const mode of modes)
    for (let round = 0; round < rounds; round++)
      if (trials[mode][round]!.output !== trials.off[round]!.output) throw new Error(`${mode} changed the output`);
  for (const mode of modes)
    console.log(row(`${ratio} (${(speed / 1e6).toFixed(0)} MB/s), ${mode}`, trials[mode], trials.off));
}
