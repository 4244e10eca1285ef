/**
 * The last part of `tune`: a longer decode with the chosen settings, its routing recorded and replayed at many cache
 * sizes. It gives `plan` the hit rate of this model at any limit, the time of a token's arithmetic, and how much of the
 * reading hides behind it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mostlyHidden, readMsOf } from "../bench/predict.ts";
import { median } from "../bench/statistics.ts";
import { enginePolicy, FlashMoE, replayTrace } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { MeasuredRates } from "./measure-rates.ts";
import { statsBetween } from "./phase-stats.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";
import type { StageInput } from "./tune-stages.ts";
import type { Tuned } from "./tuned.ts";

/** Of all experts: the cache sizes whose hit rate is kept. */
const SHARES = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/** Tokens that are recorded at least; the first half of them fills the cache. */
const RECORDED_MIN = 192;

type Recorded = Pick<
  Tuned["measured"],
  "threads" | "experts_per_token" | "compute_ms" | "reading" | "hidden" | "hit_curve"
>;

/** `input.asked` are the chosen settings. */
export async function recordRouting(input: StageInput, rates: MeasuredRates, terminal: Terminal): Promise<Recorded> {
  const folder = mkdtempSync(join(tmpdir(), "flashmoe-tune-"));
  try {
    const trace = join(folder, "trace");
    const decoded = await decodeInto(trace, input, terminal);
    const { layers, experts } = input.description.shape;
    const curve: { share: number; hit_rate: number }[] = [];
    for (const share of SHARES) {
      await new Promise(setImmediate);
      stopIfCancelled(input.signal);
      const slotCount = Math.max(1, Math.round(share * layers * experts));
      const warmSteps = Math.floor(decoded.tokens / 2);
      const score = await replayTrace(trace, { policy: enginePolicy, slotCount, decodeOnly: true, warmSteps });
      curve.push({ share: score.share, hit_rate: score.hitRate });
    }
    return { ...decoded.measured, ...overlapOf(decoded, rates, input.asked.prefetch !== "off"), hit_curve: curve };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Decoded {
  tokens: number;
  measured: { threads: number; experts_per_token: number; compute_ms: number };
  // Per token.
  waitMs: number;
  /** A read was under way. */
  diskMs: number;
  /** What was read and needed. */
  missedBytes: number;
  /** Records of it, per layer. */
  misses: number;
}

/** Several prompts in turn, each followed by a part of the tokens; only the second half is measured: its cache is warm. */
async function decodeInto(trace: string, input: StageInput, terminal: Terminal): Promise<Decoded> {
  const { description, promptOf, rounds, signal } = input;
  const each = Math.ceil(Math.max(RECORDED_MIN, 2 * rounds * input.tokens) / (2 * rounds));
  const progress = startProgress(terminal, "Recording", "tokens");
  try {
    await using model = await FlashMoE.open(description, { ...input.asked, signal });
    await using session = await model.createSession({ temperature: 1, seed: 1 });
    await model.startTrace(trace);
    const computeMs: number[] = [];
    const total = { tokens: 0, waitMs: 0, diskMs: 0, missedBytes: 0 };
    for (let part = 0; part < 2 * rounds; part++) {
      await session.reset();
      for await (const _ of session.generate({ prompt: promptOf(part + 1), maxTokens: 1, signal }));
      const before = await model.stats();
      let sum = 0;
      let tokens = 0;
      for await (const { stepMs } of session.generate({ maxTokens: each, signal })) {
        sum += stepMs;
        progress.update(part * each + ++tokens, 2 * rounds * each);
      }
      stopIfCancelled(signal);
      if (part < rounds) continue;
      const stats = statsBetween(before, await model.stats());
      const waitMs = stats.readWaitNs / 1e6;
      computeMs.push((sum - waitMs) / tokens);
      total.tokens += tokens;
      total.waitMs += waitMs;
      total.diskMs += stats.diskBusyNs / 1e6;
      total.missedBytes += stats.expertBytesRead - stats.prefetchWastedBytes;
    }
    await model.stopTrace();
    const { threads, expertsPerToken, recordBytes } = model.plan;
    const missedBytes = total.missedBytes / total.tokens;
    return {
      tokens: 2 * rounds * each,
      measured: { threads, experts_per_token: expertsPerToken, compute_ms: median(computeMs) },
      waitMs: total.waitMs / total.tokens,
      diskMs: total.diskMs / total.tokens,
      missedBytes,
      misses: missedBytes / recordBytes / description.shape.layers,
    };
  } finally {
    progress.stop();
  }
}

/**
 * How decode's reading went: its time over what the disk's rates say for what was needed, which takes in wrong guesses and
 * pauses; and the time that it shared with computing. Nulls where too little was read to tell.
 */
function overlapOf(decoded: Decoded, rates: MeasuredRates, guesses: boolean): Pick<Recorded, "reading" | "hidden"> {
  const { waitMs, diskMs, missedBytes, misses, measured } = decoded;
  if (missedBytes === 0 || diskMs < 0.05 * measured.compute_ms) return { reading: null, hidden: null };
  return {
    reading: diskMs / readMsOf(rates, missedBytes, misses, guesses),
    hidden: Math.max(0, diskMs - waitMs) / mostlyHidden(diskMs, measured.compute_ms),
  };
}

function stopIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
}
