/** Traces through the whole stack: recorded by the engine, replayed by the same policy to the same hits, and exported. */
import { beforeAll, expect, test } from "bun:test";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { planSynth } from "../models/synth-plan.ts";
import { synthOptions } from "../models/synth-shape.ts";
import { writeSynth } from "../models/synth-write.ts";
import { createFiller, exportTrace, FlashMoE, type FlashmoeError, replayPolicies, replayTrace } from "./index.ts";

const fresh = temporaryPaths();
let description: ModelDescription;

beforeAll(async () => {
  const shape = { layers: 4, hidden: 256, experts: 96, expertsPerToken: 6, expertWidth: 256, vocab: 1024 };
  const directory = fresh("synth");
  await writeSynth(planSynth(synthOptions("tiny", shape)), directory, { fill: await createFiller() });
  description = await describeModel(directory);
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return (error as FlashmoeError).code;
  }
  return "nothing was wrong";
}

async function recorded(path: string) {
  const options = { context: 128, chunkTokens: 8, prefetch: "off" } as const;
  const { minimumBytes, slotBytes } = await FlashMoE.plan(description, options);
  await using model = await FlashMoE.open(description, {
    ...options,
    memoryBytes: minimumBytes + 120 * slotBytes + (10 << 20),
  });
  await using session = await model.createSession();
  await model.startTrace(path);
  expect(await codeOf(model.startTrace(path))).toBe("busy");
  for await (const _ of session.generate({ prompt: [5, 9, 2, 7, 7, 1, 3, 8], maxTokens: 40 }));
  await model.stopTrace();
  expect(await codeOf(model.stopTrace())).toBe("invalid_argument");
  return { stats: await model.stats(), slotCount: model.plan.slotCount };
}

test("what the engine hit is what the replay of its policy hits; no policy beats Belady", async () => {
  const path = fresh("routing.trace");
  const { stats, slotCount } = await recorded(path);
  const own = await replayTrace(path, { policy: "decayed" });
  expect(own).toMatchObject({ slotCount, layers: 4, experts: 96, expertsPerToken: 6 });
  expect(own.accesses).toBe(stats.expertHits + stats.expertMisses);
  expect(own.hits).toBe(stats.expertHits);
  const best = await replayTrace(path, { policy: "belady" });
  for (const policy of replayPolicies) {
    const score = await replayTrace(path, { policy, decodeOnly: true, slotCount: 100 });
    expect(score.accesses).toBe(39 * 4 * 6);
    expect((await replayTrace(path, { policy })).hits).toBeLessThanOrEqual(best.hits);
  }
  await expect(replayTrace(path, { policy: "lru", slotCount: 385 })).rejects.toMatchObject({
    code: "invalid_argument",
  });
});

test("a trace is exported as events with a duration, one per layer and step", async () => {
  const path = fresh("routing.trace");
  const target = fresh("routing.json");
  const { stats } = await recorded(path);
  await exportTrace(path, target);
  const { traceEvents } = (await Bun.file(target).json()) as { traceEvents: Record<string, unknown>[] };
  const layers = traceEvents.filter(({ ph, tid }) => ph === "X" && tid === 1);
  expect(layers.length).toBe(stats.steps * 4);
  const sum = (name: string) => layers.reduce((total, { args }) => total + (args as Record<string, number>)[name]!, 0);
  expect(sum("hits")).toBe(stats.expertHits);
  expect(sum("bytes")).toBe(stats.expertBytesRead);
  expect(layers.every(({ ts, dur }) => Number(ts) >= 0 && Number(dur) >= 0)).toBe(true);
});

test("a prompt's progress tells the bytes of experts that were read", async () => {
  await using model = await FlashMoE.open(description, { context: 128, chunkTokens: 8 });
  await using session = await model.createSession();
  const seen: number[] = [];
  const prompt = Array.from({ length: 33 }, (_, i) => i * 29);
  await session.prefill(prompt, {
    onProgress: ({ readBytes }) => seen.push(readBytes),
    progressEveryMs: Number.POSITIVE_INFINITY,
  });
  const { expertBytesRead, expertMisses } = await model.stats();
  expect(seen.length).toBe(4);
  expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
  expect(seen.at(-1)).toBe(expertBytesRead);
  expect(expertBytesRead).toBe(expertMisses * model.plan.recordBytes);
});

test("a file that is no trace is refused", async () => {
  const path = fresh("no.trace");
  await Bun.write(path, "this is text of more than forty-eight bytes, and certainly no trace of anything");
  expect(await codeOf(replayTrace(path, { policy: "lru" }))).toBe("invalid_argument");
  expect(await codeOf(replayTrace(fresh("absent"), { policy: "lru" }))).toBe("io_failed");
});
