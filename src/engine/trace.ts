/** What can be done with a trace that `FlashMoE.startTrace` recorded: scoring cache policies on it, and looking at it. */
import { ReplayArgs, ReplayPolicy, ReplayScore as ReplayScoreLayout } from "../native/bindings.gen.ts";
import { allocate, readStruct, structBuffer } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";
import { textArgument } from "../native/native.ts";

/** `decayed` is the engine's own; `belady` knows the future and is what no policy can beat. */
export type ReplayPolicyName = keyof typeof ReplayPolicy;

export const replayPolicies = Object.keys(ReplayPolicy) as ReplayPolicyName[];

/** The policy that the engine uses (zig/experts/slots.zig). */
export const enginePolicy: ReplayPolicyName = "decayed";

export interface ReplayOptions {
  policy: ReplayPolicyName;
  /** Expert slots; left out: as many as the trace was recorded with. */
  slotCount?: number;
  /** Leave out steps of several tokens. */
  decodeOnly?: boolean;
  /** Steps at the start that fill the cache and are not scored; default 0. */
  warmSteps?: number;
}

export interface ReplayScore {
  policy: ReplayPolicyName;
  slotCount: number;
  /** Slots over all experts of the model, 0 to 1. */
  share: number;
  accesses: number;
  hits: number;
  /** 0 for an empty trace. */
  hitRate: number;
  layers: number;
  experts: number;
  expertsPerToken: number;
}

/** Hits of one policy at one cache size. Blocks for as long as the trace takes; sweeps are loops of it. */
export async function replayTrace(path: string, options: ReplayOptions): Promise<ReplayScore> {
  const native = await loadNative();
  const text = textArgument(path);
  const args = structBuffer(ReplayArgs, {
    policy: ReplayPolicy[options.policy],
    slotCount: options.slotCount ?? 0,
    decodeOnly: options.decodeOnly ? 1 : 0,
    warmSteps: options.warmSteps ?? 0,
  });
  const place = allocate(ReplayScoreLayout.size);
  native.check("fm_trace_replay", text.view, text.bytes, args, place);
  const score = readStruct(place, 0, ReplayScoreLayout);
  return {
    policy: options.policy,
    slotCount: score.slotCount,
    share: score.slotCount / (score.layers * score.experts),
    accesses: score.accesses,
    hits: score.hits,
    hitRate: score.accesses === 0 ? 0 : score.hits / score.accesses,
    layers: score.layers,
    experts: score.experts,
    expertsPerToken: score.expertsPerToken,
  };
}

/** Writes the trace as JSON that chrome://tracing and ui.perfetto.dev open. */
export async function exportTrace(path: string, target: string): Promise<void> {
  const native = await loadNative();
  const from = textArgument(path);
  const to = textArgument(target);
  native.check("fm_trace_export", from.view, from.bytes, to.view, to.bytes);
}
