/** Options that several commands take, declared once: their flags, their help, their meaning for the engine. */
import { type Command, InvalidArgumentError } from "commander";
import type { EngineOptions, Sampling } from "../engine/index.ts";
import type { GenerationDefaults } from "../models/generation-config.ts";
import { decimal, oneOf, parseSize, wholeNumber } from "./flags.ts";

const MOST_TOKENS = 2 ** 31 - 1;

export interface EngineFlags {
  memory?: number;
  context?: number;
  threads?: number;
  backend: "auto" | "cpu";
  expertsPerToken?: number;
  cpuLevel?: EngineOptions["cpuLevel"];
  kvFormat?: EngineOptions["kvFormat"];
  chunk?: number;
  directIo: boolean;
  prefetch?: "auto" | "on" | "off";
  reader?: EngineOptions["reader"];
  readerThreads?: number;
  queueDepth?: number;
  readSplit?: number;
  paranoid?: boolean;
  /** False with --no-heads. */
  heads: boolean;
  /** False with --no-tuned. */
  tuned: boolean;
}

export interface OutputFlags {
  json?: boolean;
  quiet?: boolean;
  debug?: boolean;
}

export interface SamplingFlags {
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  repeatPenalty?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  seed?: number;
  logprobs?: number;
}

const KV_FORMATS = ["f16", "f32"] as const;
const READERS = ["automatic", "uring", "pread"] as const;
const CPU_LEVELS = ["automatic", "scalar", "avx2", "avx512", "neon", "neonDotprod"] as const;

export function addModelOption(command: Command): Command {
  return command.option("-m, --model <model>", "store name or directory (default: the embedded model)");
}

export function addEngineOptions(command: Command): Command {
  return command
    .option("--memory <size>", "hard cap on everything flashmoe holds, like 12GiB (default: none)", parseSize)
    .option(
      "--context <n>",
      "tokens a session can hold (default: the model's, at most 8192)",
      wholeNumber(1, MOST_TOKENS),
    )
    .option("--threads <n>", "compute threads (default: one per core)", wholeNumber(1, 1024))
    .option("--backend <name>", "cpu or auto", backend, "auto")
    .option("--experts-per-token <k>", "experts used per token (default: as trained)", wholeNumber(1, 65535))
    .option(
      "--chunk <n>",
      "most prompt tokens of one step (default: 512 to 2048, as memory allows)",
      wholeNumber(1, 65536),
    )
    .option(
      "--cpu-level <level>",
      `kernels: ${CPU_LEVELS.join(", ")}; scalar is the exact reference (default: automatic, the fastest here)`,
      oneOf(CPU_LEVELS),
    )
    .option("--kv-format <format>", "precision of the attention cache, f16 or f32 (default: f16)", oneOf(KV_FORMATS))
    .option("--no-direct-io", "read experts through the system's page cache")
    .option(
      "--prefetch <mode>",
      "read the next layer's experts early by guessing them: auto (while it pays), on or off (default: auto)",
      oneOf(["auto", "on", "off"] as const),
    )
    .option(
      "--reader <name>",
      `how experts are read: ${READERS.join(", ")} (default: automatic, io_uring where the system has it)`,
      oneOf(READERS),
    )
    .option(
      "--queue-depth <n>",
      "reads at once (default: the reader's, 32 for uring, 8 for pread)",
      wholeNumber(1, 256),
    )
    .option("--read-split <n>", "parts that each range of a record is read in (default: 1)", wholeNumber(1, 16))
    .option("--reader-threads <n>", "threads of the pread reader (default: its queue depth)", wholeNumber(1, 64))
    .option("--paranoid", "compare everything that is read with its hash; packed models only")
    .option("--no-heads", "leave unused the heads that tune trained to guess the next layer's experts")
    .option("--no-tuned", "leave unused what tune saved for this model and machine");
}

export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "nothing on stderr but errors")
    .option("--debug", "stack traces with errors");
}

/** Defaults come from the checkpoint's generation_config.json, else they are the neutral values given here. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option("--temperature <t>", "0 takes the most likely token (default: the model's, else 1)", decimal(0, 100))
    .option("--top-p <p>", "keep the likeliest tokens that sum to p (default: the model's, else 1)", decimal(0, 1))
    .option(
      "--top-k <k>",
      "keep the k likeliest tokens; 0 keeps all (default: the model's, else 0)",
      wholeNumber(0, MOST_TOKENS),
    )
    .option("--min-p <p>", "drop tokens below p times the likeliest (default: the model's, else 0)", decimal(0, 1))
    .option(
      "--repeat-penalty <x>",
      "divide the logits of tokens seen before (default: the model's, else 1)",
      decimal(0.01, 100),
    )
    .option(
      "--presence-penalty <x>",
      "subtract once from tokens seen before (default: the model's, else 0)",
      decimal(-100, 100),
    )
    .option(
      "--frequency-penalty <x>",
      "subtract for each time a token was seen (default: the model's, else 0)",
      decimal(-100, 100),
    )
    .option("--seed <n>", "makes sampling repeatable (default: random)", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--logprobs <n>", "with --json: log probability of each token and of the n likeliest", wholeNumber(0, 20));
}

function backend(text: string): "auto" | "cpu" {
  if (text === "metal" || text === "cuda") {
    throw new InvalidArgumentError(`this version computes on the CPU only; ${text} is not built yet.`);
  }
  return oneOf(["auto", "cpu"])(text);
}

export function engineOptions(flags: EngineFlags): EngineOptions {
  return {
    memoryBytes: flags.memory,
    context: flags.context,
    threads: flags.threads,
    cpuLevel: flags.cpuLevel,
    kvFormat: flags.kvFormat,
    expertsPerToken: flags.expertsPerToken,
    chunkTokens: flags.chunk,
    directIo: flags.directIo ? undefined : false,
    prefetch: flags.prefetch === "auto" ? "automatic" : flags.prefetch,
    reader: flags.reader,
    readerThreads: flags.readerThreads,
    queueDepth: flags.queueDepth,
    readSplit: flags.readSplit,
    paranoid: flags.paranoid,
  };
}

/** How tokens are drawn, everything settled: a session keeps it, and goes on with it. */
export type SamplingSettings = Required<Omit<Sampling, "topLogprobs" | "seed">> & { seed: number };

/** What was asked for, else what the conversation went on with, else what the checkpoint recommends, else plain sampling. */
export function samplingOf(
  flags: SamplingFlags,
  defaults: GenerationDefaults,
  saved: SamplingSettings | null,
): SamplingSettings {
  const inherited = saved ?? defaults;
  return {
    temperature: flags.temperature ?? inherited.temperature ?? 1,
    topP: flags.topP ?? inherited.topP ?? 1,
    topK: flags.topK ?? inherited.topK ?? 0,
    minP: flags.minP ?? inherited.minP ?? 0,
    repeatPenalty: flags.repeatPenalty ?? inherited.repeatPenalty ?? 1,
    presencePenalty: flags.presencePenalty ?? inherited.presencePenalty ?? 0,
    frequencyPenalty: flags.frequencyPenalty ?? inherited.frequencyPenalty ?? 0,
    // The same seed lets the saved random numbers go on where they were.
    seed: flags.seed ?? saved?.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
  };
}
