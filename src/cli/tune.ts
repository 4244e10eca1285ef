/**
 * `flashmoe tune`: measures the engine's settings for one model on this machine, in turns on the same prompts, and saves
 * what wins by 3 % or more. A setting that changes a single bit of the output is a failure, not a choice.
 */
import type { Command } from "commander";
import { FlashMoE, type Plan } from "../engine/index.ts";
import { addPromptOptions } from "./bench.ts";
import { differs } from "./bench-compare.ts";
import { type PromptFlags, promptSource } from "./bench-prompts.ts";
import { wholeNumber } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { measureRates } from "./measure-rates.ts";
import { checkOpen } from "./open-engine.ts";
import { startProgress } from "./progress.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  engineOptions,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { recordRouting } from "./tune-record.ts";
import { prefetchStage, readingStage, type Stage, type StageInput, threadsStage } from "./tune-stages.ts";
import { describeOptions, machineKey, type TunableOptions, type Tuned, writeTuned } from "./tuned.ts";

interface TuneFlags extends EngineFlags, OutputFlags, PromptFlags {
  model?: string;
  maxTokens: number;
  runs: number;
}

export function addTuneCommand(program: Command): void {
  const command = program
    .command("tune")
    .description("measure this machine with a model, and save the settings that win with the same output")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addPromptOptions(command, 128)
    .option("-n, --max-tokens <n>", "tokens that each trial generates", wholeNumber(2, 2 ** 20), 32)
    .option("--runs <n>", "trials of each setting, each with another prompt", wholeNumber(1, 1000), 3);
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: TuneFlags) =>
    tune(chosenModel(model, flags.model), flags),
  );
}

async function tune(modelName: string | undefined, flags: TuneFlags): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const asked = engineOptions(flags); // never what an earlier run saved
  await checkOpen(description, asked, flags.promptTokens + flags.maxTokens);
  const promptOf = await promptSource(description, flags);
  const plan = await FlashMoE.plan(description, asked); // after what the prompts take, as the trials will find it
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const input: StageInput = {
    description,
    asked,
    plan,
    promptOf,
    tokens: flags.maxTokens,
    rounds: flags.runs,
    signal,
    onTrial,
  };
  const progress = startProgress(terminal, `Tuning ${description.name}`, "items");
  let trials = 0;
  function onTrial(): void {
    progress.update(trials++, Math.max(trials, 8 * flags.runs));
  }
  const stages: Stage[] = [];
  let options: TunableOptions = {};
  try {
    for (const run of [threadsStage, readingStage, prefetchStage]) {
      const stage = await run(input, options);
      if (stage === null) continue;
      stages.push(stage);
      options = { ...options, ...stage.chosen };
    }
  } finally {
    progress.stop();
  }
  const different = stages.flatMap(({ settings }) => settings).find(({ identical }) => !identical);
  const chosen = { ...asked, ...options };
  const rates = await measureRates(description, chosen, terminal, signal);
  const recorded = await recordRouting({ ...input, asked: chosen }, rates, terminal);
  const tuned: Tuned = {
    version: 1,
    model: description.name,
    model_hash: description.hash,
    machine: machineKey(),
    memory_limit_bytes: plan.limitBytes,
    options,
    measured: {
      disk_bytes_per_s: rates.diskBytesPerS,
      disk_by_depth: [...rates.diskByDepth],
      memory_bytes_per_s: rates.memoryBytesPerS,
      ...recorded,
    },
  };
  const path = different === undefined ? writeTuned(tuned) : null;
  report(terminal, flags, { tuned, stages, path, bits: expertBits(description), plan });
  if (different !== undefined) throw differs(different.setting);
}

interface Outcome {
  tuned: Tuned;
  stages: Stage[];
  /** Null when nothing was saved. */
  path: string | null;
  bits: string;
  plan: Plan;
}

function report(terminal: Terminal, flags: OutputFlags, { tuned, stages, path, bits, plan }: Outcome): void {
  const { options, measured, memory_limit_bytes } = tuned;
  if (flags.json) {
    const named = { model: tuned.model, bits, experts_per_token: plan.expertsPerToken, memory_limit_bytes, path };
    terminal.write(`${JSON.stringify({ ...named, options, stages, measured })}\n`);
    return;
  }
  const width = Math.max(...stages.flatMap(({ settings }) => settings.map(({ setting }) => setting.length)), 0) + 2;
  const lines = stages.flatMap(({ name, settings, note }) => [
    `${name}${note === null ? "" : `: ${note}`}`,
    ...settings.map(
      ({ setting, token_ms, gain, identical, chosen }) =>
        `  ${setting.padEnd(width)}${token_ms.toFixed(2).padStart(9)} ms a token  ${`${(100 * (gain - 1)).toFixed(1)} %`.padStart(8)}` +
        `${identical ? "" : "  OUTPUT DIFFERS"}${chosen ? "  chosen" : ""}`,
    ),
  ]);
  terminal.write(
    `${tuned.model}, K=${plan.expertsPerToken}, ${bits}\n${lines.join("\n")}\n` +
      `computing a token takes ${measured.compute_ms.toFixed(2)} ms; settings: ${describeOptions(options)}\n` +
      `${path === null ? "nothing was saved" : `saved in ${path}`}\n`,
  );
}
