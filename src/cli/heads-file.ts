/**
 * The trained heads of a model: where `tune` keeps them, and whether a command uses them. One file per model, beside what
 * was tuned: `$FLASHMOE_HOME/tuned/<model>.heads`. They only speed reading up, so what keeps them out is told, not an error.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { type EngineOptions, FlashMoE } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { homeDirectory } from "../models/store.ts";
import { formatBytes } from "./format.ts";

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

/** Leaves heads out where every expert stays in memory, and where the memory limit holds the model but not them. */
export async function decideHeads(description: ModelDescription, options: EngineOptions): Promise<HeadsDecision> {
  const { heads, ...plain } = options;
  if (heads === undefined) return { options, note: null };
  const { layers, experts } = description.shape;
  const without = await FlashMoE.plan(description, plain);
  if (without.slotCount === layers * experts) return { options: plain, note: null };
  const plan = await FlashMoE.plan(description, options);
  const fits = ({ limitBytes, minimumBytes }: typeof plan) => limitBytes === 0 || limitBytes >= minimumBytes;
  if (fits(plan) || !fits(without)) return { options, note: null };
  const size = formatBytes(statSync(heads).size);
  return { options: plain, note: `the memory limit leaves no room for the trained heads (${size}); going on without` };
}
