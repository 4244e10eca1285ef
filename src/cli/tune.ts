/**
 * `flashmoe tune`: measures the engine's settings for one model on this machine, in turns on the same prompts, and saves
 * what wins by 3 % or more; trains heads that guess the next layer's experts. A setting that changes a single bit of the
 * output is a failure, not a choice.
 */
import type { Command } from "commander";
import { type EngineOptions, FlashMoE, type Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { addPromptOptions } from "./bench.ts";
import { differs } from "./bench-compare.ts";
import { type PromptFlags, promptSource } from "./bench-prompts.ts";
import { wholeNumber } from "./flags.ts";
import { decideHeads, headsOf } from "./heads-file.ts";
import { headsTexts } from "./heads-texts.ts";
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
import { describeHeads, type HeadsOutcome, headsStage } from "./tune-heads.ts";
import { recordRouting } from "./tune-record.ts";
import { prefetchStage, readingStage, type Stage, type StageInput, threadsStage } from "./tune-stages.ts";
import { describeOptions, machineKey, TUNED_VERSION, type TunableOptions, type Tuned, writeTuned } from "./tuned.ts";

interface TuneFlags extends EngineFlags, OutputFlags, PromptFlags {
  model?: string;
  maxTokens: number;
  runs: number;
  headsSeconds?: number;
}

export function addTuneCommand(program: Command): void {
  const command = program
    .command("tune")
    .description("measure this machine with a model, and save the settings that win with the same output")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addPromptOptions(command, 128)
    .option("-n, --max-tokens <n>", "tokens that each trial generates", wholeNumber(2, 2 ** 20), 32)
    .option("--runs <n>", "trials of each setting, each with another prompt", wholeNumber(1, 1000), 3)
    .option(
      "--heads-seconds <s>",
      "time to train heads in, about; 0 trains none (default: 120, none where every expert stays in memory)",
      wholeNumber(0, 86400),
    );
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: TuneFlags) =>
    tune(chosenModel(model, flags.model), flags),
  );
}

async function tune(modelName: string | undefined, flags: TuneFlags): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  let asked = engineOptions(flags); // never what an earlier run saved
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
  const begin = () => startProgress(terminal, `Tuning ${description.name}`, "items");
  let progress = begin();
  let trials = 0;
  function onTrial(): void {
    progress.update(trials++, Math.max(trials, 8 * flags.runs));
  }
  const stages: Stage[] = [];
  let options: TunableOptions = {};
  const runStage = async (run: typeof threadsStage, given: StageInput) => {
    const stage = await run(given, options);
    if (stage === null) return;
    stages.push(stage);
    options = { ...options, ...stage.chosen };
  };
  let heads: HeadsOutcome;
  try {
    for (const run of [threadsStage, readingStage]) await runStage(run, input);
    progress.stop();
    heads = await headsStage({
      input,
      options: { ...asked, ...options, threads: asked.threads }, // what is best for a token is not for many
      seconds: flags.headsSeconds,
      textsFor: (room) => headsTexts(description, flags, room),
      terminal,
    });
    asked = await withHeads(description, { ...asked, ...options }, asked);
    progress = begin();
    await runStage(prefetchStage, { ...input, asked });
  } finally {
    progress.stop();
  }
  const different = stages.flatMap(({ settings }) => settings).find(({ identical }) => !identical);
  const chosen = { ...asked, ...options };
  const rates = await measureRates(description, chosen, terminal, signal);
  const recorded = await recordRouting({ ...input, asked: chosen }, rates, terminal);
  const tuned: Tuned = {
    version: TUNED_VERSION,
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
  report(terminal, flags, { tuned, stages, heads, path, bits: expertBits(description), plan });
  if (different !== undefined) throw differs(different.setting);
}

/** What the heads just trained, or an earlier run's, are used with from here on, as later runs will. */
async function withHeads(
  description: ModelDescription,
  all: EngineOptions,
  asked: EngineOptions,
): Promise<EngineOptions> {
  const heads = headsOf(description);
  if (heads === null) return asked;
  const { options } = await decideHeads(description, { ...all, heads: heads.path });
  return options.heads === undefined ? asked : { ...asked, heads: heads.path };
}

interface Outcome {
  tuned: Tuned;
  stages: Stage[];
  heads: HeadsOutcome;
  /** Null when nothing was saved. */
  path: string | null;
  bits: string;
  plan: Plan;
}

function report(terminal: Terminal, flags: OutputFlags, { tuned, stages, heads, path, bits, plan }: Outcome): void {
  const { options, measured, memory_limit_bytes } = tuned;
  if (flags.json) {
    const named = { model: tuned.model, bits, experts_per_token: plan.expertsPerToken, memory_limit_bytes, path };
    terminal.write(`${JSON.stringify({ ...named, options, stages, heads, measured })}\n`);
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
    `${tuned.model}, K=${plan.expertsPerToken}, ${bits}\n${lines.join("\n")}\n${describeHeads(heads)}` +
      `computing a token takes ${measured.compute_ms.toFixed(2)} ms; settings: ${describeOptions(options)}\n` +
      `${path === null ? "nothing was saved" : `saved in ${path}`}\n`,
  );
}
