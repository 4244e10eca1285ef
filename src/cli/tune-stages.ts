/**
 * The stages of `tune`, one kind of setting each: threads, the way of reading, guessing. A stage starts from the engine's
 * own choice and what earlier stages chose; a flag the caller gave is never tuned over.
 */
import { cpus } from "node:os";
import { median } from "../bench/statistics.ts";
import { type EngineOptions, measureDisk, type Plan } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import type { PromptSource } from "./bench-prompts.ts";
import { compareSettings } from "./trial.ts";
import { describeOptions, type TunableOptions } from "./tuned.ts";

/** What another setting must gain over the engine's own to be worth keeping. */
const GAIN_MIN = 1.03;
const SCREEN_ROUNDS = 3;
const SCREEN_MS = 60;

export interface StageInput {
  description: ModelDescription;
  /** What the caller's flags ask for. */
  asked: EngineOptions;
  plan: Plan;
  promptOf: PromptSource;
  tokens: number;
  rounds: number;
  signal: AbortSignal;
  onTrial(): void;
}

export interface StageSetting {
  setting: string;
  /** Median over the trials. */
  token_ms: number;
  /** Median of the paired ratios to the first setting; above 1 is faster. */
  gain: number;
  /** Tokens, log probabilities and logits are those of the first setting, bit for bit. */
  identical: boolean;
  chosen: boolean;
}

export interface Stage {
  name: string;
  note: string | null;
  settings: StageSetting[];
  chosen: TunableOptions;
}

/** Null where the caller chose, or there is nothing to choose. */
export async function threadsStage(input: StageInput, current: TunableOptions): Promise<Stage | null> {
  if (input.asked.threads !== undefined) return null;
  const all = input.plan.threads;
  const fewer = [Math.ceil((all * 3) / 4), Math.ceil(all / 2), 1].filter((threads) => threads < all);
  const candidates = [...new Set(fewer)].map((threads) => ({ threads }));
  return candidates.length === 0 ? null : contest("threads", input, current, candidates);
}

/**
 * Readers, queue depths and splits are first measured alone, at as many reads at once as decode makes; what reads
 * fastest then decodes against the engine's own choice.
 */
export async function readingStage(input: StageInput, current: TunableOptions): Promise<Stage | null> {
  const { asked } = input;
  const given = asked.reader ?? asked.readerThreads ?? asked.queueDepth ?? asked.readSplit ?? asked.directIo;
  if (given !== undefined || !streams(input)) return null;
  const [own, ...others] = await screened(input, current);
  const best = others.reduce((a, b) => (b.rate > a.rate ? b : a), own!);
  const gain = best.rate / own!.rate;
  if (gain < GAIN_MIN) {
    const note = `no other way of reading is ${((GAIN_MIN - 1) * 100).toFixed(0)} % faster than the default (${others.length} tried)`;
    return { name: "reading", note, settings: [], chosen: {} };
  }
  const stage = await contest("reading", input, current, [best.options]);
  return { ...stage, note: `reads ${((gain - 1) * 100).toFixed(0)} % faster alone` };
}

export async function prefetchStage(input: StageInput, current: TunableOptions): Promise<Stage | null> {
  if (input.asked.prefetch !== undefined || !streams(input)) return null;
  return contest("prefetch", input, current, [{ prefetch: "off" }, { prefetch: "on" }]);
}

/** Whether some experts must be read again and again. */
function streams({ plan, description }: StageInput): boolean {
  return plan.slotCount < description.shape.layers * description.shape.experts;
}

/** The engine's own choice, first, against the candidates. */
async function contest(
  name: string,
  input: StageInput,
  current: TunableOptions,
  candidates: TunableOptions[],
): Promise<Stage> {
  const contenders: TunableOptions[] = [{}, ...candidates];
  const { trials, gains, identical } = await compareSettings({
    ...input,
    settings: contenders.map((options) => ({ ...input.asked, ...current, ...options })),
  });
  const times = trials.map((own) => median(own.map(({ tokenMs }) => tokenMs)));
  const winner = winnerOf(gains, times, identical);
  const settings = contenders.map((options, i) => ({
    setting: i === 0 ? "default" : describeOptions(options),
    token_ms: times[i]!,
    gain: gains[i]!,
    identical: identical[i]!,
    chosen: i === winner,
  }));
  return { name, note: null, settings, chosen: contenders[winner]! };
}

/** The first setting, unless another has the same output and is faster by enough, both pair by pair and in its median. */
export function winnerOf(gains: readonly number[], times: readonly number[], identical: readonly boolean[]): number {
  const wins = (i: number) => identical[i] && gains[i]! >= GAIN_MIN && times[0]! / times[i]! >= GAIN_MIN;
  return gains.reduce((best, gain, i) => (wins(i) && (best === 0 || gain > gains[best]!) ? i : best), 0);
}

interface Screened {
  options: TunableOptions;
  /** Median, bytes per second. */
  rate: number;
}

/** The default first; a reader that this system refuses is left out. */
async function screened(input: StageInput, current: TunableOptions): Promise<Screened[]> {
  const { description, plan, asked, signal } = input;
  const resident = plan.slotCount / (description.shape.layers * description.shape.experts);
  const inFlight = Math.min(24, Math.max(1, Math.round(plan.expertsPerToken * (1 - resident))));
  const rates = new Map<TunableOptions, number[]>(readings().map((options) => [options, []]));
  for (let round = 1; round <= SCREEN_ROUNDS; round++) {
    for (const [options, seen] of rates) {
      await new Promise(setImmediate); // Ctrl+C gets through between slices
      if (signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
      try {
        const slice = { milliseconds: SCREEN_MS, inFlight, seed: round };
        seen.push((await measureDisk(description, { ...asked, ...current, ...options }, slice)).bytesPerS);
      } catch (error) {
        if (options.reader !== "uring" || !(error instanceof FlashmoeError)) throw error;
        rates.delete(options);
      }
    }
  }
  return [...rates].map(([options, seen]) => ({ options, rate: median(seen) }));
}

function readings(): TunableOptions[] {
  const splits = [1, 2, 4];
  const uring = [16, 64].flatMap((queueDepth) => splits.map((readSplit) => ({ queueDepth, readSplit })));
  const depths = [...new Set([4, 8, 2 * cpus().length, 16])];
  const pread = depths.flatMap((queueDepth) => splits.slice(0, 2).map((readSplit) => ({ queueDepth, readSplit })));
  return [
    {},
    { readSplit: 2 },
    { readSplit: 4 },
    ...(process.platform === "linux" ? uring.map((options) => ({ reader: "uring" as const, ...options })) : []),
    ...pread.map((options) => ({ reader: "pread" as const, ...options })),
  ];
}
