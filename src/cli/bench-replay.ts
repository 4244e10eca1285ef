/** `bench --replay`: cache policies scored on a recorded trace at many sizes, beside the best that any policy could do. */
import { exportTrace, type ReplayScore, replayPolicies, replayTrace } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { OutputFile } from "./output-file.ts";
import { startProgress } from "./progress.ts";
import type { OutputFlags } from "./shared-flags.ts";
import type { Terminal } from "./terminal.ts";
import { usage } from "./usage.ts";

/** Of all experts, in percent: the sizes at which a policy is judged. */
const SHARES = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 80];

export interface ReplayInput {
  trace: string;
  flags: OutputFlags & { perfetto?: string };
  csv: OutputFile | null;
  terminal: Terminal;
  signal: AbortSignal;
}

export async function replay({ trace, flags, csv, terminal, signal }: ReplayInput): Promise<void> {
  const scores = await scoresOf(trace, terminal, signal);
  if (flags.perfetto !== undefined) await exportTrace(trace, flags.perfetto);
  const header = ["policy", "share", "slots", "accesses", "hits", "hit_rate"];
  const lines = scores.map(objectOf).map((score) => Object.values(score).join(","));
  csv?.writeText(`${[header.join(","), ...lines].join("\n")}\n`);
  const { layers, experts, expertsPerToken } = scores[0]!;
  const shape = { layers, experts, experts_per_token: expertsPerToken };
  terminal.write(
    flags.json ? `${JSON.stringify({ trace, ...shape, scores: scores.map(objectOf) })}\n` : format(trace, scores),
  );
}

/** Decode alone: a step of many tokens asks for most of a layer, whatever the policy. */
async function scoresOf(trace: string, terminal: Terminal, signal: AbortSignal): Promise<ReplayScore[]> {
  const progress = startProgress(terminal, "Replaying", "items");
  const scores: ReplayScore[] = [];
  try {
    const { layers, experts, accesses } = await opened(trace);
    if (accesses === 0)
      throw usage(`${trace} holds no step of a single token.`, "Record it with --max-tokens above 0.");
    const policies = SHARES.flatMap((percent) => replayPolicies.map((policy) => ({ policy, percent })));
    for (const [done, { policy, percent }] of policies.entries()) {
      await new Promise(setImmediate); // Ctrl+C gets through between two replays
      if (signal.aborted) throw new FlashmoeError("cancelled", "interrupted");
      const slotCount = Math.max(1, Math.round((percent / 100) * layers * experts));
      scores.push(await replayTrace(trace, { policy, slotCount, decodeOnly: true }));
      progress.update(done + 1, policies.length);
    }
  } finally {
    progress.stop();
  }
  return scores;
}

/** What is in the trace; a file that is none is refused with the next step. */
async function opened(trace: string): Promise<ReplayScore> {
  try {
    return await replayTrace(trace, { policy: "lru", decodeOnly: true });
  } catch (cause) {
    if (!(cause instanceof FlashmoeError)) throw cause;
    throw new FlashmoeError(cause.code, `${trace}: ${cause.message}.`, {
      hint: "Give a file that bench --trace wrote with this version.",
      cause,
    });
  }
}

function objectOf({ policy, share, slotCount, accesses, hits, hitRate }: ReplayScore) {
  return { policy, share, slots: slotCount, accesses, hits, hit_rate: hitRate };
}

/** A line for each size, a column for each policy. */
function format(trace: string, scores: ReplayScore[]): string {
  const [{ layers, experts, expertsPerToken, accesses }] = scores as [ReplayScore];
  const width = Math.max(...replayPolicies.map((policy) => policy.length)) + 2;
  const sizes = [...new Set(scores.map(({ slotCount }) => slotCount))];
  const lines = sizes.map((size) => {
    const row = scores.filter(({ slotCount }) => slotCount === size);
    const cells = replayPolicies.map((policy) => percent(row.find((score) => score.policy === policy)!.hitRate));
    return `${percent(row[0]!.share).padStart(6)} ${`${size}`.padStart(7)} ${cells.map((cell) => cell.padStart(width)).join("")}`;
  });
  const names = replayPolicies.map((policy) => policy.padStart(width)).join("");
  return (
    `${trace}: ${layers} layers of ${experts} experts, K=${expertsPerToken}; hits among ${accesses} experts of decode steps\n` +
    `${["cached   slots ".padStart(15) + names, ...lines].join("\n")}\n`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
