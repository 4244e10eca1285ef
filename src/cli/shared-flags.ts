/** Options that several commands take, declared once: their flags, their help, their meaning for the engine. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { EngineOptions, Sampling } from "../engine/types.ts";
import type { GenerationDefaults } from "../models/generation-config.ts";
import { decimal, parseSize, wholeNumber } from "./flags.ts";

const MOST_TOKENS = 2 ** 31 - 1;

export interface EngineFlags {
  memory?: number;
  context?: number;
  threads?: number;
  backend: "auto" | "cpu";
  expertsPerToken?: number;
  cpuLevel?: EngineOptions["cpuLevel"];
  kvFormat?: "f16" | "f32";
  chunk?: number;
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

export function addModelOption(command: Command): Command {
  return command.option("-m, --model <model>", "store name or directory; without it the embedded model answers");
}

export function addEngineOptions(command: Command): Command {
  return command
    .option("--memory <size>", "hard cap on everything flashmoe holds, e.g. 12GiB (default: no cap)", parseSize)
    .option(
      "--context <n>",
      "tokens a session can hold (default: the model's, at most 8192)",
      wholeNumber(1, MOST_TOKENS),
    )
    .option("--threads <n>", "compute threads (default: all cores)", wholeNumber(1, 1024))
    .option("--backend <name>", "cpu or auto", backend, "auto")
    .option("--experts-per-token <k>", "experts used per token (default: as trained)", wholeNumber(1, 65535))
    .option("--chunk <n>", "most prompt tokens of one step (default: 512)", wholeNumber(1, 65536))
    .addOption(
      new Option("--cpu-level <level>", "kernels to use; scalar is the exact reference")
        .choices(["automatic", "scalar", "avx2", "avx512", "neon", "neonDotprod"])
        .default(undefined, "the best this machine has"),
    )
    .addOption(new Option("--kv-format <format>", "precision of the attention cache").choices(["f16", "f32"]));
}

export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "nothing on stderr but errors")
    .option("--debug", "stack traces with errors");
}

export function addSamplingOptions(command: Command): Command {
  return command
    .option("--temperature <t>", "0 always takes the most likely token", decimal(0, 100))
    .option("--top-p <p>", "keep the most likely tokens that sum to p", decimal(0, 1))
    .option("--top-k <k>", "keep the k most likely tokens; 0 keeps all", wholeNumber(0, MOST_TOKENS))
    .option("--min-p <p>", "drop tokens below p times the most likely one", decimal(0, 1))
    .option("--repeat-penalty <x>", "divide the logits of tokens seen before; 1 is off", decimal(0.01, 100))
    .option("--presence-penalty <x>", "subtract once from tokens seen before", decimal(-100, 100))
    .option("--frequency-penalty <x>", "subtract for each time a token was seen", decimal(-100, 100))
    .option("--seed <n>", "makes sampling repeatable (default: random)", wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option("--logprobs <n>", "with --json: log probabilities of each token and the n likeliest", wholeNumber(0, 20));
}

function backend(text: string): "auto" | "cpu" {
  if (text === "auto" || text === "cpu") return text;
  if (text === "metal" || text === "cuda") {
    throw new InvalidArgumentError(`This version computes on the CPU only; ${text} is not built yet.`);
  }
  throw new InvalidArgumentError("Allowed choices are auto, cpu.");
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
  };
}

/** What was asked for, else what the checkpoint recommends, else plain sampling at temperature 1. */
export function samplingOf(flags: SamplingFlags, defaults: GenerationDefaults): Sampling {
  return {
    temperature: flags.temperature ?? defaults.temperature ?? 1,
    topP: flags.topP ?? defaults.topP,
    topK: flags.topK ?? defaults.topK,
    minP: flags.minP ?? defaults.minP,
    repeatPenalty: flags.repeatPenalty ?? defaults.repeatPenalty,
    presencePenalty: flags.presencePenalty ?? defaults.presencePenalty,
    frequencyPenalty: flags.frequencyPenalty ?? defaults.frequencyPenalty,
    seed: flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
    topLogprobs: flags.logprobs ?? 0,
  };
}
