/**
 * One setting of the engine measured on one prompt: opened, prompted, decoded, closed. Trials of several settings take
 * turns on the same prompts, and what they computed is compared bit for bit.
 */
import { createHash } from "node:crypto";
import { median } from "../bench/statistics.ts";
import { type EngineOptions, FlashMoE, type Stats } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { statsBetween } from "./phase-stats.ts";

export interface TrialInput {
  description: ModelDescription;
  options: EngineOptions;
  prompt: number[];
  tokens: number;
  seed: number;
  signal: AbortSignal;
}

export interface Trial {
  /** Median time of a decoded token. */
  tokenMs: number;
  /** Mean time of a decoded token, and of that, standing still for reads. */
  meanMs: number;
  waitMs: number;
  /** Hash of the tokens, their log probabilities, and all logits after two more tokens. */
  output: string;
  /** Counters of the decode alone. */
  stats: Stats;
  slotCount: number;
}

export async function runTrial(input: TrialInput): Promise<Trial> {
  const { description, options, prompt, tokens, seed, signal } = input;
  await using model = await FlashMoE.open(description, { ...options, signal });
  // Sampled, not greedy: greedy replies of random weights run in circles, and a circle is always cached.
  await using session = await model.createSession({ temperature: 1, seed });
  const hash = createHash("sha256");
  const note = (id: number, logprob: number) => hash.update(Float64Array.of(id, logprob));
  for await (const { id, logprob } of session.generate({ prompt, maxTokens: 1, signal })) note(id, logprob);
  const before = await model.stats();
  const stepMs: number[] = [];
  for await (const token of session.generate({ maxTokens: tokens, signal })) {
    note(token.id, token.logprob);
    stepMs.push(token.stepMs);
  }
  const stats = statsBetween(before, await model.stats());
  if (signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
  for await (const row of session.logits([1, 2], { signal })) hash.update(row);
  const sum = stepMs.reduce((total, ms) => total + ms, 0);
  return {
    tokenMs: median(stepMs),
    meanMs: sum / stepMs.length,
    waitMs: stats.readWaitNs / 1e6 / stepMs.length,
    output: hash.digest("hex"),
    stats,
    slotCount: model.plan.slotCount,
  };
}

export interface Compared {
  /** Trials of each setting, round by round, in the order the settings were given. */
  trials: Trial[][];
  /** Of each setting: median over the rounds of the first setting's time over its own; above 1 is faster. */
  gains: number[];
  /** Of each setting: the same output as the first one in every round. */
  identical: boolean[];
}

export interface Comparison extends Omit<TrialInput, "options" | "prompt" | "seed"> {
  settings: EngineOptions[];
  rounds: number;
  promptOf(run: number): number[];
  onTrial(): void;
}

/** Settings take turns, forwards in odd rounds and backwards in even ones; every round has a prompt of its own. */
export async function compareSettings(comparison: Comparison): Promise<Compared> {
  const { settings, rounds, promptOf } = comparison;
  const trials: Trial[][] = settings.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    const order = settings.map((_, i) => i);
    if (round % 2 === 0) order.reverse();
    for (const i of order) {
      comparison.onTrial();
      trials[i]!.push(await runTrial({ ...comparison, options: settings[i]!, prompt: promptOf(round), seed: round }));
    }
  }
  const first = trials[0]!;
  return {
    trials,
    gains: trials.map((own) => median(own.map((trial, round) => first[round]!.tokenMs / trial.tokenMs))),
    identical: trials.map((own) => own.every((trial, round) => trial.output === first[round]!.output)),
  };
}
