/**
 * What a step could cost at best: the bytes it must move over the rates measured in the same run. Pure.
 * Ideal token time = max(missed bytes / disk rate, touched bytes / memory rate).
 */
import type { Plan } from "../engine/index.ts";
import type { ModelDescription, TensorDescription } from "../models/description.ts";

export interface DepthRate {
  /** Records at once. */
  records: number;
  bytes_per_s: number;
}

/** Measured by us, on the same file and with the same threads, in the same run. */
export interface Rates {
  /** Direct random reads of one expert record at the best queue depth, bytes per second. */
  diskBytesPerS: number;
  /** The same at other numbers of records at once, ascending; the best of them is above. */
  diskByDepth: readonly DepthRate[];
  /** Streaming read of memory, bytes per second. */
  memoryBytesPerS: number;
}

/** As printed by `bench --json`. */
export interface Roofline {
  disk_bytes_per_s: number;
  memory_bytes_per_s: number;
  /** Per token. */
  missed_bytes: number;
  touched_bytes: number;
  ideal_ms: number;
  measured_ms: number;
  /** ideal / measured: 1 is as fast as disk or memory allow. */
  ratio: number;
  binds: "disk" | "memory";
}

export function rooflineOf(rates: Rates, missedBytes: number, touchedBytes: number, measuredMs: number): Roofline {
  const diskMs = (1000 * missedBytes) / rates.diskBytesPerS;
  const memoryMs = (1000 * touchedBytes) / rates.memoryBytesPerS;
  const idealMs = Math.max(diskMs, memoryMs);
  return {
    disk_bytes_per_s: rates.diskBytesPerS,
    memory_bytes_per_s: rates.memoryBytesPerS,
    missed_bytes: missedBytes,
    touched_bytes: touchedBytes,
    ideal_ms: idealMs,
    measured_ms: measuredMs,
    ratio: measuredMs > 0 ? idealMs / measuredMs : 0,
    binds: diskMs > memoryMs ? "disk" : "memory",
  };
}

/**
 * Bytes one decoded token reads of memory at K experts: every dense tensor but the rows of an untied embedding, K
 * experts of each layer, the delta-net state, which is read and written, and the keys and values of `position` tokens.
 */
export function touchedBytesPerToken(description: ModelDescription, plan: Plan, position: number): number {
  let dense = 0;
  for (const tensor of description.tensors) {
    if (tensor.expertCount > 0) continue;
    if (tensor.role === "embedding" && !description.shape.tied) continue;
    dense += storedBytes(tensor);
  }
  return dense + plan.bytesPerToken + 2 * plan.stateBytes + (plan.kvBytes * position) / plan.context;
}

function storedBytes({ weight, scales, biases }: TensorDescription): number {
  return weight.bytes + (scales?.bytes ?? 0) + (biases?.bytes ?? 0);
}
