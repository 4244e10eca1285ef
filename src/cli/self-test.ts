/**
 * The kernels' self-test: the embedded model answers the same tokens on this machine's best level and on the scalar
 * reference, and both must mean the same. A wrong answer is worse than a slow one.
 */
import { type CpuLevelName, FlashMoE } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { divergence, largest } from "./eval-kl.ts";

export interface SelfTest {
  level: CpuLevelName;
  positions: number;
  /** nats, KL(scalar || level). */
  mean_kl: number;
  max_kl: number;
  top1_agreement: number;
  passed: boolean;
  seconds: number;
}

/** What the self-test saw of reading: the reader that an automatic choice opens here, and why it is not io_uring. */
export interface ReaderSeen {
  reader: string;
  refusal: string | null;
}

/** Bounds of the agreement that docs/architecture.md promises between a level and the reference. */
const MEAN_KL_MAX = 1e-3;
const TOP1_MIN = 0.95;
const POSITIONS = 48;

export async function selfTest(
  description: ModelDescription,
  level: CpuLevelName,
): Promise<{ test: SelfTest; seen: ReaderSeen }> {
  const startedAt = performance.now();
  // Spread over the vocabulary, the same on every machine.
  const ids = Array.from({ length: POSITIONS }, (_, i) => (i * 7919 + 11) % description.shape.vocab);
  const { rows: reference } = await answer(description, ids, "scalar");
  const { rows: ours, seen } = await answer(description, ids, level);
  const distances = reference.map((row, i) => divergence(row, ours[i]!));
  const agreed = reference.filter((row, i) => largest(row) === largest(ours[i]!)).length;
  const meanKl = distances.reduce((sum, kl) => sum + kl, 0) / ids.length;
  const test = {
    level,
    positions: ids.length,
    mean_kl: meanKl,
    max_kl: Math.max(...distances),
    top1_agreement: agreed / ids.length,
    // Written so that a logit that is no number fails.
    passed: meanKl <= MEAN_KL_MAX && agreed / ids.length >= TOP1_MIN,
    seconds: (performance.now() - startedAt) / 1000,
  };
  return { test, seen };
}

async function answer(
  description: ModelDescription,
  ids: number[],
  cpuLevel: CpuLevelName,
): Promise<{ rows: Float32Array[]; seen: ReaderSeen }> {
  await using model = await FlashMoE.open(description, { cpuLevel, context: 64 });
  await using session = await model.createSession();
  const rows: Float32Array[] = [];
  for await (const row of session.logits(ids)) rows.push(row.slice());
  const { reader, readerRefusal: refusal } = await model.stats();
  return { rows, seen: { reader, refusal } };
}
