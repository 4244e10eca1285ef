/**
 * The trained heads of a model: where `tune` keeps them, and whether a command uses them. One file per model, beside what
 * was tuned: `$FLASHMOE_HOME/tuned/<model>.heads`. They only speed reading up, so what keeps them out is told, not an error.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type EngineOptions, FlashMoE, type Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { homeDirectory } from "../models/store.ts";
import { formatBytes } from "./format.ts";

/**
 * Of the slots for experts, what heads may take the place of. They name a tenth more of the needed experts than the routers
 * do; slots lost in the same measure cost as many hits.
 */
const SLOT_SHARE_MAX = 0.1;

export function headsPath(modelHash: string): string {
  return join(homeDirectory(), "tuned", `${modelHash}.heads`);
}

/** Null where none were trained. */
export function headsOf({ hash }: ModelDescription): { path: string; bytes: number } | null {
  const path = headsPath(hash);
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? { path, bytes: stat.size } : null;
}

export interface HeadsDecision {
  /** With `heads` only where they are of use. */
  options: EngineOptions;
  /** Why heads that there are stay out, for the user; null where there is nothing to say. */
  note: string | null;
}

type PlanFigures = Pick<Plan, "slotCount" | "limitBytes" | "minimumBytes">;

/** What keeps heads out: nothing they could guess, no room, or too many experts whose place they would take. */
export function objection(
  without: PlanFigures,
  withHeads: PlanFigures,
  allSlots: number,
): "idle" | "no room" | "dear" | null {
  if (without.slotCount === allSlots) return "idle";
  const fits = ({ limitBytes, minimumBytes }: PlanFigures) => limitBytes === 0 || limitBytes >= minimumBytes;
  // Where the model itself does not fit, its opening says so.
  if (!fits(without)) return null;
  if (!fits(withHeads)) return "no room";
  return without.slotCount - withHeads.slotCount > SLOT_SHARE_MAX * without.slotCount ? "dear" : null;
}

/** Leaves heads out where every expert stays in memory, and where the memory limit has no room for them or too little. */
export async function decideHeads(description: ModelDescription, options: EngineOptions): Promise<HeadsDecision> {
  const { heads, ...plain } = options;
  if (heads === undefined) return { options, note: null };
  const { layers, experts } = description.shape;
  const without = await FlashMoE.plan(description, plain);
  const withHeads = await FlashMoE.plan(description, options);
  const why = objection(without, withHeads, layers * experts);
  if (why === null) return { options, note: null };
  if (why === "idle") return { options: plain, note: null };
  const size = formatBytes(statSync(heads).size);
  const lost = without.slotCount - withHeads.slotCount;
  const note =
    why === "no room"
      ? `the memory limit leaves no room for the trained heads (${size})`
      : `within this memory limit the trained heads (${size}) would take the place of ${lost} of ${without.slotCount} experts`;
  return { options: plain, note: `${note}; going on without` };
}
