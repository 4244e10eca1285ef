/** What is told of a running prompt: from made-up looks at a step, and from the steps of a real engine. */
import { describe, expect, test } from "bun:test";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import { type FeedProgress, FlashMoE, progressTokens } from "./index.ts";
import { StepWatch } from "./step-watch.ts";

const tiny = tinyModels();
const idle = { position: 0, tokens: 0, doneLayers: 0, layers: 0, expertBytes: 0 };

describe("a watch", () => {
  const at = (position: number, doneLayers: number, expertBytes = 0) => ({
    position,
    tokens: 16,
    doneLayers,
    layers: 4,
    expertBytes,
  });

  test("tells a look at the next step once, with the bytes of the steps before", () => {
    const watch = new StepWatch(100, 40);
    expect(watch.look(idle)).toBeNull();
    expect(watch.look(at(100, 0))).toBeNull(); // it has only begun
    const step = { tokens: 16, doneLayers: 2, layers: 4 };
    expect(watch.look(at(100, 2, 7000))).toEqual({ doneTokens: 0, totalTokens: 40, readBytes: 7000, step });
    expect(watch.look(at(100, 2, 8000))).toBeNull();
    watch.ended({ doneTokens: 16, totalTokens: 40, readBytes: 10_000, step: null });
    expect(watch.look(at(116, 2, 500))).toEqual({ doneTokens: 16, totalTokens: 40, readBytes: 10_500, step });
    expect(watch.done).toBe(false);
    watch.ended({ doneTokens: 40, totalTokens: 40, readBytes: 20_000, step: null });
    expect(watch.done).toBe(true);
  });

  test("passes over a step whose predecessor's end is still under way, and a step that has ended", () => {
    const watch = new StepWatch(0, 48);
    expect(watch.look(at(16, 3))).toBeNull();
    watch.ended({ doneTokens: 16, totalTokens: 48, readBytes: 0, step: null });
    expect(watch.look(at(0, 4))).toBeNull();
    expect(watch.look(at(16, 3))?.step?.doneLayers).toBe(3);
  });

  test("as one number grows evenly from step to step", () => {
    const whole = { doneTokens: 16, totalTokens: 40, readBytes: 0, step: null };
    expect(progressTokens(whole)).toBe(16);
    expect(progressTokens({ ...whole, step: { tokens: 16, doneLayers: 1, layers: 4 } })).toBe(20);
    expect(progressTokens({ ...whole, step: { tokens: 16, doneLayers: 4, layers: 4 } })).toBe(32);
  });
});

describe("a prompt", () => {
  const prompt = Array.from({ length: 1500 }, (_, i) => (i * 53 + 7) % 320);
  const oneTake = { context: 2048, chunkTokens: 512, cpuLevel: "scalar", threads: 1 } as const;

  function rises(told: FeedProgress[], total: number): void {
    const tokens = told.map(progressTokens);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
    const bytes = told.map(({ readBytes }) => readBytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(told.every(({ totalTokens }) => totalTokens === total)).toBe(true);
    expect(told.at(-1)).toMatchObject({ doneTokens: total, step: null });
    for (const { doneTokens, step } of told) {
      expect(doneTokens % 512 === 0 || doneTokens === total).toBe(true);
      if (step === null) continue;
      expect(step).toMatchObject({ tokens: Math.min(512, total - doneTokens), layers: 4 });
      expect(step.doneLayers).toBeGreaterThan(0);
      expect(step.doneLayers).toBeLessThanOrEqual(4);
    }
  }

  /** Looks are made when the timer comes; steps are repeated until one was met. */
  async function untilMet(feed: (tell: (progress: FeedProgress) => void) => Promise<unknown>): Promise<FeedProgress[]> {
    for (;;) {
      const told: FeedProgress[] = [];
      await feed((progress) => told.push(progress));
      if (told.some(({ step }) => step !== null)) return told;
    }
  }

  test("is told by layer while its steps run; every end of a step is told, and the bytes are the engine's", async () => {
    await using model = await FlashMoE.open(await tiny(), oneTake);
    await using session = await model.createSession();
    let before = 0;
    let read = 0;
    const told = await untilMet(async (onProgress) => {
      await session.reset();
      before = (await model.stats()).expertBytesRead;
      await session.prefill([...prompt, 1], { onProgress, progressEveryMs: 1 });
      read = (await model.stats()).expertBytesRead - before;
    });
    rises(told, 1500);
    expect(told.filter(({ step }) => step === null).map(({ doneTokens }) => doneTokens)).toEqual([512, 1024, 1500]);
    expect(told.at(-1)!.readBytes).toBe(read);
  });

  test("is told by layer before a generation, when scored and when its logits are taken", async () => {
    await using model = await FlashMoE.open(await tiny(), oneTake);
    await using session = await model.createSession();
    const generated = await untilMet(async (onProgress) => {
      await session.reset();
      for await (const _ of session.generate({ prompt, maxTokens: 3, onProgress, progressEveryMs: 1 })) {
      }
    });
    rises(generated, 1500);
    const scored = await untilMet(async (onProgress) => {
      await session.reset();
      await session.score(
        prompt,
        prompt.map(() => 5),
        { onProgress, progressEveryMs: 1 },
      );
    });
    rises(scored, 1500);
    const taken = await untilMet(async (onProgress) => {
      await session.reset();
      for await (const _ of session.logits(prompt, { onProgress, progressEveryMs: 1 })) {
      }
    });
    rises(taken, 1500);
  });

  test("is told of whole steps only where that is asked for; no interval below nothing", async () => {
    await using model = await FlashMoE.open(await tiny(), oneTake);
    await using session = await model.createSession();
    const told: FeedProgress[] = [];
    const onProgress = (progress: FeedProgress) => told.push(progress);
    await session.prefill([...prompt, 1], { onProgress, progressEveryMs: Number.POSITIVE_INFINITY });
    expect(told.map(({ doneTokens, step }) => [doneTokens, step])).toEqual([
      [512, null],
      [1024, null],
      [1500, null],
    ]);
    for (const progressEveryMs of [0, -1, Number.NaN]) {
      await expect(session.prefill([1], { onProgress, progressEveryMs })).rejects.toMatchObject({
        code: "invalid_argument",
      });
    }
  });
});
