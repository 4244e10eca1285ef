/**
 * One run of the engine for the benchmarks, in a process of its own: rooflines of the machine, then prompt, then decode, with
 * the counters of each apart. Prints one JSON object. usage: engine-run.ts JSON-OF-EngineRunRequest
 */
import { type EngineOptions, FlashMoE, measureDisk, measureMemory, type Stats } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import type { ModelDescription } from "../../src/models/description.ts";

export interface EngineRunRequest {
  model: string;
  options: EngineOptions;
  promptTokens: number;
  /** Fed to a session of its own before anything is counted, so that a resident model's experts are there; default none. */
  warmTokens?: number;
  /** 0: the prompt only. */
  decodeTokens: number;
}

export interface Rooflines {
  diskBytesPerS: number;
  memoryBytesPerS: number;
}

export interface Phase {
  tokens: number;
  seconds: number;
  hits: number;
  misses: number;
  /** Of experts that were read. */
  bytesRead: number;
  /** Of these, guesses that nobody needed. */
  wastedBytes: number;
  readWaitS: number;
  /** Guesses that were there when their layer needed them. */
  prefetchUsed: number;
}

export interface EngineRun {
  experts: { perToken: number; bits: string; recordBytes: number };
  reader: string;
  /** Right before the run and right after it, the better of each: other load can only slow them. */
  rooflines: Rooflines;
  prompt: Phase;
  decode: Phase & { p50Ms: number; p99Ms: number };
  /** Dense weights and experts that one decoded token reads from memory. */
  touchedBytesPerToken: number;
  memory: { planBytes: number; cacheBytes: number; slots: number; peakBytes: number };
}

function difference(before: Stats, after: Stats, tokens: number, seconds: number): Phase {
  return {
    tokens,
    seconds,
    hits: after.expertHits - before.expertHits,
    misses: after.expertMisses - before.expertMisses,
    bytesRead: after.expertBytesRead - before.expertBytesRead,
    wastedBytes: after.prefetchWastedBytes - before.prefetchWastedBytes,
    prefetchUsed: after.prefetchUsed - before.prefetchUsed,
    readWaitS: (after.readWaitNs - before.readWaitNs) / 1e9,
  };
}

/** All but the embedding, of which a token reads one row. */
function denseBytes({ tensors, shape }: ModelDescription): number {
  const bytes = (extent: { bytes: number } | null) => extent?.bytes ?? 0;
  return tensors
    .filter(({ role, expertCount }) => expertCount === 0 && (role !== "embedding" || shape.tied))
    .reduce((sum, { weight, scales, biases }) => sum + bytes(weight) + bytes(scales) + bytes(biases), 0);
}

async function measureRooflines(description: ModelDescription, options: EngineOptions): Promise<Rooflines> {
  let diskBytesPerS = 0;
  let memoryBytesPerS = 0;
  for (let seed = 1; seed <= 3; seed++) {
    // Its block and its records must fit the limit beside nothing else: the model is not open.
    const disk = await measureDisk(description, options, { milliseconds: 700, inFlight: 16, seed });
    const memory = await measureMemory({ milliseconds: 300, threads: options.threads ?? 0 });
    diskBytesPerS = Math.max(diskBytesPerS, disk.bytesPerS);
    memoryBytesPerS = Math.max(memoryBytesPerS, memory.bestBytesPerS);
  }
  return { diskBytesPerS, memoryBytesPerS };
}

function better(a: Rooflines, b: Rooflines): Rooflines {
  return {
    diskBytesPerS: Math.max(a.diskBytesPerS, b.diskBytesPerS),
    memoryBytesPerS: Math.max(a.memoryBytesPerS, b.memoryBytesPerS),
  };
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
}

/** Token ids without a pattern: a repeated prompt measures the cache. */
function promptOf(count: number, vocab: number): number[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return state % vocab;
  });
}

async function warm(engine: FlashMoE, ids: number[]): Promise<void> {
  const session = await engine.createSession({ temperature: 0 });
  await session.prefill(ids);
  await session.close();
}

async function run({
  model,
  options,
  promptTokens,
  warmTokens = 0,
  decodeTokens,
}: EngineRunRequest): Promise<EngineRun> {
  const description = await describeModel(model);
  const before = await measureRooflines(description, options);
  const engine = await FlashMoE.open(description, options);
  if (warmTokens > 0) await warm(engine, promptOf(warmTokens, description.shape.vocab));
  const session = await engine.createSession({ temperature: 0 });
  const opened = await engine.stats();
  const prompt = promptOf(promptTokens, description.shape.vocab);
  const begun = performance.now();
  // The first token belongs to the prompt, as everywhere.
  const stepMs: number[] = [];
  let promptS = 0;
  let fed = opened;
  let decodeBegun = 0;
  if (decodeTokens === 0) {
    await session.prefill(prompt);
    promptS = (performance.now() - begun) / 1000;
    fed = await engine.stats();
  } else {
    for await (const _ of session.generate({ prompt, maxTokens: 1 })) promptS = (performance.now() - begun) / 1000;
    fed = await engine.stats();
    decodeBegun = performance.now();
    for await (const token of session.generate({ maxTokens: decodeTokens })) stepMs.push(token.stepMs);
  }
  const decodeS = decodeTokens === 0 ? 0 : (performance.now() - decodeBegun) / 1000;
  const ended = await engine.stats();
  const { plan } = engine;
  await session.close();
  await engine.close();
  const after = await measureRooflines(description, options);
  const sorted = [...stepMs].sort((a, b) => a - b);
  const expert = description.tensors.find(({ expertCount }) => expertCount > 0)!;
  return {
    experts: {
      perToken: plan.expertsPerToken,
      bits: expert.format === "affine" ? `${expert.bits}-bit, group ${expert.group}` : expert.format,
      recordBytes: plan.recordBytes,
    },
    reader: ended.reader,
    rooflines: better(before, after),
    prompt: difference(opened, fed, promptTokens, promptS),
    decode: {
      ...difference(fed, ended, stepMs.length, decodeS),
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
    },
    touchedBytesPerToken: plan.bytesPerToken + denseBytes(description),
    memory: {
      planBytes: plan.limitBytes,
      cacheBytes: plan.slotsBytes,
      slots: plan.slotCount,
      peakBytes: ended.peakRssBytes,
    },
  };
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as EngineRunRequest)));
