/** `bench --compare`: decode with a setting against without it, in turns on the same prompts; outputs must be equal. */
import { median } from "../bench/statistics.ts";
import { type EngineOptions, FlashMoE } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import type { PromptSource } from "./bench-prompts.ts";
import { decideHeads } from "./heads-file.ts";
import { expertBits } from "./locate-model.ts";
import { checkOpen } from "./open-engine.ts";
import { predictorRow } from "./phase-stats.ts";
import { startProgress } from "./progress.ts";
import type { EngineFlags, OutputFlags } from "./shared-flags.ts";
import type { Terminal } from "./terminal.ts";
import { compareSettings, type Trial } from "./trial.ts";
import { chooseOptions } from "./tuned.ts";

export const COMPARABLE = ["prefetch", "hits-first"] as const;
export type ComparableName = (typeof COMPARABLE)[number];

export interface CompareInput {
  description: ModelDescription;
  flags: EngineFlags & OutputFlags & { compare: ComparableName; promptTokens: number; maxTokens: number; runs: number };
  promptOf: PromptSource;
  terminal: Terminal;
  signal: AbortSignal;
}

/** What is compared: the setting that is measured against, and the one that should win. */
function settingsOf(name: ComparableName, options: EngineOptions): { without: EngineOptions; with: EngineOptions } {
  if (name === "hits-first")
    return { without: { ...options, waitForMisses: true }, with: { ...options, waitForMisses: false } };
  const mode = options.prefetch === undefined || options.prefetch === "off" ? "automatic" : options.prefetch;
  return { without: { ...options, prefetch: "off" }, with: { ...options, prefetch: mode } };
}

export async function compare({ description, flags, promptOf, terminal, signal }: CompareInput): Promise<void> {
  const { options, note } = await decideHeads(description, chooseOptions(description, flags).options);
  if (note !== null) terminal.note(note);
  await checkOpen(description, options, flags.promptTokens + flags.maxTokens);
  const plan = await FlashMoE.plan(description, options);
  const settings = settingsOf(flags.compare, options);
  const progress = startProgress(terminal, `Comparing ${flags.compare}`, "items");
  let done = 0;
  const onTrial = () => progress.update(done++, 2 * flags.runs);
  const compared = await compareSettings({
    description,
    settings: [settings.without, settings.with],
    rounds: flags.runs,
    tokens: flags.maxTokens,
    promptOf,
    signal,
    onTrial,
  }).finally(() => progress.stop());
  const [without, with_] = compared.trials as [Trial[], Trial[]];
  const identical = compared.identical.every((same) => same);
  const result = {
    model: description.name,
    bits: expertBits(description),
    experts_per_token: plan.expertsPerToken,
    memory_limit_bytes: plan.limitBytes,
    threads: plan.threads,
    compare: flags.compare,
    runs: flags.runs,
    tokens: flags.maxTokens,
    identical,
    /** Median over the runs of the time without over the time with; above 1 the setting is faster. */
    ratio: compared.gains[1]!,
    ratios: without.map((trial, i) => trial.tokenMs / with_[i]!.tokenMs),
    without: sideOf(without),
    with: sideOf(with_),
  };
  terminal.write(flags.json ? `${JSON.stringify(result)}\n` : format(result));
  if (!identical) throw differs(flags.compare);
}

function sideOf(trials: Trial[]) {
  const sum = (value: (trial: Trial) => number) => trials.reduce((total, trial) => total + value(trial), 0);
  const hits = sum(({ stats }) => stats.expertHits);
  const busy = sum(({ stats }) => stats.diskBusyNs);
  const idle = sum(({ stats }) => stats.diskIdleNs);
  return {
    token_ms: median(trials.map((trial) => trial.tokenMs)),
    wait_ms: median(trials.map((trial) => trial.waitMs)),
    hit_rate: hits / Math.max(1, hits + sum(({ stats }) => stats.expertMisses)),
    expert_bytes_read: sum(({ stats }) => stats.expertBytesRead),
    disk_idle: busy + idle === 0 ? null : idle / (busy + idle),
    predictor: predictorRow(trials.at(-1)!.stats),
  };
}

interface Printed {
  model: string;
  bits: string;
  experts_per_token: number;
  compare: string;
  runs: number;
  identical: boolean;
  ratio: number;
  ratios: number[];
  without: ReturnType<typeof sideOf>;
  with: ReturnType<typeof sideOf>;
}

function format(result: Printed): string {
  const side = (name: string, { token_ms, wait_ms, hit_rate, disk_idle }: Printed["with"]) =>
    `  ${name.padEnd(8)} ${token_ms.toFixed(2)} ms a token, waiting ${wait_ms.toFixed(2)} ms; hit rate ${(100 * hit_rate).toFixed(1)} %` +
    `${disk_idle === null ? "" : `; disk idle ${(100 * disk_idle).toFixed(1)} %`}\n`;
  const [low, high] = [Math.min(...result.ratios), Math.max(...result.ratios)];
  return (
    `${result.compare}: ${result.ratio.toFixed(3)} times as fast with it (${low.toFixed(3)} to ${high.toFixed(3)} in ${result.runs} ` +
    `paired runs; ${result.model}, K=${result.experts_per_token}, ${result.bits}; ` +
    `outputs ${result.identical ? "identical" : "DIFFER"})\n${side("without", result.without)}${side("with", result.with)}`
  );
}

export function differs(setting: string): FlashmoeError {
  return new FlashmoeError("internal", `${setting} changes the output, which it must never do.`, {
    hint: "Report this with the model, the flags and the output of flashmoe doctor.",
  });
}
