/** What a caller sees of an engine, on a real tiny checkpoint through the real library. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import { loadNative } from "../native/library.ts";
import {
  cpuInfo,
  type FeedProgress,
  FlashMoE,
  FlashmoeError,
  type OpenOptions,
  type Session,
  type Token,
} from "./index.ts";

const tiny = tinyModels();
const fresh = temporaryPaths();
const prompt = Array.from({ length: 37 }, (_, i) => (i * 53 + 7) % 320);

const open = async (options: OpenOptions = {}) => FlashMoE.open(await tiny(), { threads: 2, context: 256, ...options });

async function collect(tokens: AsyncIterable<Token>): Promise<Token[]> {
  const out: Token[] = [];
  for await (const token of tokens) out.push(token);
  return out;
}
const ids = (tokens: Token[]) => tokens.map((token) => token.id);

async function failure(action: Promise<unknown> | (() => unknown)): Promise<FlashmoeError> {
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    expect(error).toBeInstanceOf(FlashmoeError);
    return error as FlashmoeError;
  }
  throw new Error("it succeeded");
}

afterAll(async () => expect((await loadNative()).call("fm_handle_count")).toBe(0));

describe("opening", () => {
  test("reports progress up to the total, then the plan", async () => {
    const seen: number[] = [];
    let total = 0;
    await using model = await open({
      onProgress: (progress) => {
        seen.push(progress.loadedBytes);
        total = progress.totalBytes;
      },
    });
    expect(seen.at(-1)).toBe(total);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    const { plan } = model;
    expect(plan.context).toBe(256);
    expect(plan.threads).toBe(2);
    expect(plan.expertsPerToken).toBe(2);
    expect(plan.slotCount).toBe(4 * 4); // no limit: every expert of every layer
    expect(plan.cpuLevel).toBe((await cpuInfo()).level);
    expect(await FlashMoE.plan(await tiny(), { threads: 2, context: 256 })).toMatchObject({
      denseBytes: plan.denseBytes,
      kvBytes: plan.kvBytes,
      scratchBytes: plan.scratchBytes,
      slotsBytes: plan.slotsBytes,
      slotCount: plan.slotCount,
    });
  });

  test("refuses options by name", async () => {
    const cases: [OpenOptions, string, RegExp][] = [
      [{ expertsPerToken: 5 }, "invalid_argument", /5 experts per token.* 1 to 4/],
      [{ context: 4097 }, "invalid_argument", /context of 4097.* 4096/],
      [{ memoryBytes: 1000 }, "memory_too_small", /\d/],
      [{ cpuLevel: "fast" as never }, "invalid_argument", /cpuLevel is one of automatic, .*"fast"/],
      [{ threads: -1 }, "invalid_argument", /threads/],
      [{ threads: 1.5 }, "invalid_argument", /threads/],
      [{ sessions: 0 }, "invalid_argument", /sessions/],
    ];
    for (const [options, code, message] of cases) {
      const error = await failure(open(options));
      expect(error.code).toBe(code as never);
      expect(error.message).toMatch(message);
    }
    const other = (await cpuInfo()).level.startsWith("neon") ? "avx2" : "neon";
    expect((await failure(open({ cpuLevel: other }))).code).toBe("unsupported");
  });

  test("memory_too_small names a limit that is then accepted", async () => {
    const needed = (await FlashMoE.plan(await tiny(), { context: 256, threads: 2 })).minimumBytes;
    // The limit counts what the process already holds, which moves a little between two calls.
    await using model = await open({ memoryBytes: Math.ceil(needed * 1.25) });
    expect(model.plan.limitBytes).toBe(Math.ceil(needed * 1.25));
  });

  test("a checkpoint that changed since it was described is refused", async () => {
    const description = structuredClone(await tiny());
    description.files[0]!.bytes += 1;
    const error = await failure(FlashMoE.open(description));
    expect(error.message).toContain("model.safetensors");
    const gone = structuredClone(await tiny());
    gone.files[0]!.path += ".gone";
    expect((await failure(FlashMoE.open(gone))).message).toContain(".gone");
  });

  test("an aborted signal opens nothing", async () => {
    expect((await failure(open({ signal: AbortSignal.abort() }))).code).toBe("cancelled");
  });
});

describe("generating", () => {
  test("is greedy by default, the same every time, whoever feeds the prompt", async () => {
    await using model = await open();
    await using session = await model.createSession();
    const first = await collect(session.generate({ prompt, maxTokens: 12 }));
    expect(first).toHaveLength(12);
    expect(session.position).toBe(prompt.length + 12);
    await session.reset();
    expect(session.position).toBe(0);
    expect(ids(await collect(session.generate({ prompt, maxTokens: 12 })))).toEqual(ids(first));
    await session.reset();
    await session.prefill(prompt);
    expect(session.position).toBe(prompt.length);
    expect(ids(await collect(session.generate({ maxTokens: 5 })))).toEqual(ids(first.slice(0, 5)));
    // Going on continues the same timeline: the fifth token was waiting to be fed.
    expect(ids(await collect(session.generate({ maxTokens: 7 })))).toEqual(ids(first.slice(5)));
    expect(session.position).toBe(prompt.length + 12);
  });

  test("ends for a stop token, for the limit, for a full context, and says which", async () => {
    await using model = await open({ context: 64 });
    await using session = await model.createSession();
    const byLength = session.generate({ prompt, maxTokens: 6 });
    expect(byLength.reason).toBeNull();
    const tokens = ids(await collect(byLength));
    expect(byLength.reason).toBe("length");
    expect(byLength.promptMs).toBeGreaterThan(0);
    await session.reset();
    const stop = tokens[3]!;
    const byStop = session.generate({ prompt, maxTokens: 6, stopTokens: [stop] });
    expect(ids(await collect(byStop))).toEqual(tokens.slice(0, tokens.indexOf(stop) + 1));
    expect(byStop.reason).toBe("stop");
    await session.reset();
    const byContext = session.generate({ prompt });
    expect(await collect(byContext)).toHaveLength(64 - prompt.length + 1);
    expect(byContext.reason).toBe("context");
    expect((await failure(session.generate({ maxTokens: 1 }).next())).code).toBe("context_full");
    await session.reset();
    const long = await failure(session.prefill(Array.from({ length: 65 }, () => 1)));
    expect([long.code, session.position]).toEqual(["context_full", 0]);
  });

  test("reports alternatives in order, the sampled one among the likely", async () => {
    await using model = await open();
    await using session = await model.createSession({ topLogprobs: 4 });
    for (const token of await collect(session.generate({ prompt, maxTokens: 8 }))) {
      expect(token.top).toHaveLength(4);
      expect(token.top[0]).toEqual({ id: token.id, logprob: token.logprob });
      const logprobs = token.top.map((entry) => entry.logprob);
      expect(logprobs).toEqual(logprobs.toSorted((a, b) => b - a));
      expect(logprobs[0]).toBeLessThan(0);
      expect(token.stepMs).toBeGreaterThan(0);
    }
  });

  test("a seed repeats its draws, another seed draws others", async () => {
    await using model = await open({ sessions: 2 });
    const draw = async (seed: number | bigint) => {
      await using session = await model.createSession({ temperature: 1.5, seed });
      return ids(await collect(session.generate({ prompt, maxTokens: 24 })));
    };
    const first = await draw(1);
    expect(await draw(1n)).toEqual(first);
    expect(await draw(2)).not.toEqual(first);
    const error = await failure(model.createSession({ temperature: -1 }));
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toContain("temperature");
  });

  test("refuses what is no token, an empty prompt, and nothing to continue", async () => {
    await using model = await open();
    await using session = await model.createSession();
    for (const id of [320, -1, 1.5, Number.NaN]) {
      const error = await failure(session.prefill([1, id]));
      expect([error.code, error.message]).toEqual(["invalid_argument", expect.stringContaining(String(id))]);
    }
    expect((await failure(session.prefill([]))).message).toContain("empty");
    expect((await failure(session.generate().next())).message).toContain("nothing to continue");
    expect((await failure(() => session.generate({ prompt, maxTokens: 0 }))).message).toContain("maxTokens");
    expect((await failure(session.score([1], []))).message).toContain("targets");
  });

  test("breaking out of the loop stops the engine and leaves the session usable", async () => {
    await using model = await open();
    await using session = await model.createSession();
    let seen = 0;
    for await (const _ of session.generate({ prompt })) if (++seen === 3) break;
    expect(seen).toBe(3);
    expect(session.position).toBeGreaterThanOrEqual(prompt.length + 3);
    expect(await collect(session.generate({ maxTokens: 2 }))).toHaveLength(2);
  });
});

describe("evaluating", () => {
  test("scores are the log-softmax of the logits, and both advance the timeline alike", async () => {
    await using model = await open({ chunkTokens: 8 });
    await using session = await model.createSession();
    const targets = prompt.map((_, i) => (i % 5 === 4 ? null : (i * 31) % 320));
    const expected: number[] = [];
    for await (const logits of session.logits(prompt)) {
      expect(logits).toHaveLength(320);
      const target = targets[expected.length]!;
      const max = logits.reduce((a, b) => Math.max(a, b));
      const total = logits.reduce((sum, value) => sum + Math.exp(value - max), 0);
      expected.push(target === null ? Number.NaN : logits[target]! - max - Math.log(total));
    }
    expect(expected).toHaveLength(prompt.length);
    expect(session.position).toBe(prompt.length);
    await session.reset();
    const progress: number[] = [];
    const onProgress = ({ doneTokens }: FeedProgress) => progress.push(doneTokens);
    const scores = await session.score(prompt, targets, { onProgress, progressEveryMs: Number.POSITIVE_INFINITY });
    expect(progress).toEqual([8, 16, 24, 32, 37]);
    scores.forEach((score, i) => {
      if (targets[i] === null) expect(score).toBeNaN();
      else expect(Math.abs(score - expected[i]!)).toBeLessThan(1e-4);
    });
  });

  test("logits after a waiting token are those of the same timeline fed at once", async () => {
    await using model = await open();
    await using session = await model.createSession();
    const whole: Float32Array[] = [];
    for await (const logits of session.logits(prompt)) whole.push(logits);
    await session.reset();
    await session.prefill(prompt.slice(0, 20)); // the twentieth waits
    const rest: Float32Array[] = [];
    for await (const logits of session.logits(prompt.slice(20))) rest.push(logits);
    expect(rest).toHaveLength(17);
    rest.forEach((logits, i) => {
      const other = whole[20 + i]!;
      for (let v = 0; v < 320; v++) expect(Math.abs(logits[v]! - other[v]!)).toBeLessThan(2e-2);
    });
  });
});

describe("sessions", () => {
  test("saved and loaded, they go on byte for byte: sampling, random numbers and the waiting token included", async () => {
    const path = fresh("session");
    const options = { temperature: 1.2, topP: 0.95, repeatPenalty: 1.1, seed: 99n, topLogprobs: 3 };
    const run = async (model: FlashMoE, session: Session) => {
      const tokens = await collect(session.generate({ maxTokens: 20 }));
      const stable = tokens.map(({ stepMs: _, ...token }) => token);
      const logits: number[][] = [];
      for await (const row of session.logits([5, 6])) logits.push([...row]);
      expect(model.plan.context).toBe(256);
      return { stable, logits };
    };
    const user = new TextEncoder().encode("the caller's own words");
    await using model = await open();
    const expected = await (async () => {
      await using session = await model.createSession(options);
      await collect(session.generate({ prompt, maxTokens: 9 }));
      await session.save(path, user);
      return await run(model, session);
    })();
    await using loaded = await model.loadSession(path);
    expect(loaded.user).toEqual(user);
    expect(loaded.position).toBe(prompt.length + 9);
    expect(await run(model, loaded)).toEqual(expected);
    await loaded.close();
    await using other = await open();
    await using again = await other.loadSession(path);
    expect(await run(other, again)).toEqual(expected);
  });

  test("a damaged file, a file of another model, and no file are told apart from each other", async () => {
    const path = fresh("session");
    await using model = await open();
    {
      await using session = await model.createSession();
      await session.prefill(prompt);
      await session.save(path);
    }
    const bytes = readFileSync(path);
    for (const at of [0, 40, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      writeFileSync(`${path}.damaged`, damaged);
      expect((await failure(model.loadSession(`${path}.damaged`))).code).toBe("session_file_invalid");
    }
    writeFileSync(`${path}.short`, bytes.subarray(0, bytes.length - 7));
    expect((await failure(model.loadSession(`${path}.short`))).code).toBe("session_file_invalid");
    expect((await failure(model.loadSession(`${path}.none`))).message).toContain(".none");
    await using other = await FlashMoE.open(await tiny({ experts: 6 }), { context: 256 });
    const foreign = await failure(other.loadSession(path));
    expect(foreign.code).toBe("session_file_invalid");
    // Nothing of the failed attempts stays open.
    await using fine = await model.loadSession(path);
    expect(fine.position).toBe(prompt.length);
  });

  test("as many as the engine was opened for; closing one makes room; they do not mix", async () => {
    await using model = await open({ sessions: 2 });
    const one = await model.createSession();
    const two = await model.createSession();
    expect((await failure(model.createSession())).message).toContain("2 sessions");
    const [a, b] = await Promise.all([
      collect(one.generate({ prompt, maxTokens: 10 })),
      collect(two.generate({ prompt: prompt.toReversed(), maxTokens: 10 })),
    ]);
    expect(ids(a)).not.toEqual(ids(b));
    await one.close();
    await using three = await model.createSession();
    expect(ids(await collect(three.generate({ prompt, maxTokens: 10 })))).toEqual(ids(a));
    await two.close();
  });

  test("closed objects fail loudly, twice closed is once closed", async () => {
    const model = await open();
    const session = await model.createSession();
    await session.close();
    await session.close();
    for (const use of [
      () => session.prefill([1]),
      () => session.generate({ prompt: [1] }),
      () => session.save("x"),
      () => session.reset(),
      () => session.setSampling({}),
      () => session.logits([1]).next(),
    ]) {
      const error = await failure(use);
      expect([error.code, error.message]).toEqual(["invalid_handle", "the session is closed"]);
    }
    const left = await model.createSession();
    await model.close();
    await model.close();
    expect((await failure(model.stats())).message).toBe("the model is closed");
    expect((await failure(model.createSession())).message).toBe("the model is closed");
    expect((await failure(left.prefill([1]))).message).toBe("the model is closed");
    await left.close(); // closed with the model: not an error
  });

  test("statistics count tokens, steps and the experts' bytes exactly", async () => {
    await using model = await open();
    await using session = await model.createSession();
    await collect(session.generate({ prompt, maxTokens: 10 }));
    const stats = await model.stats();
    expect(stats.steps).toBe(10);
    expect(stats.tokens).toBe(prompt.length + 9);
    expect(stats.expertMisses).toBeGreaterThan(0);
    expect(stats.expertMisses).toBeLessThanOrEqual(16);
    expect(stats.expertBytesRead).toBe(stats.expertMisses * model.plan.recordBytes);
    expect(stats.denseBytesRead).toBeGreaterThan(0);
    expect(stats.rssBytes).toBeGreaterThan(0);
  });
});
