/** Processes, threads, cancel and crossings: what only a whole engine with its worker can show. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { tinyModels } from "../../tests/kit/tiny-model.ts";
import { loadNative } from "../native/library.ts";
import { FlashMoE, FlashmoeError } from "./index.ts";

const tiny = tinyModels();
const prompt = (length: number) => Array.from({ length }, (_, i) => (i * 53 + 7) % 320);
const childScript = join(import.meta.dir, "../../tests/kit/engine-child.ts");

async function child(scenario: string, env: Record<string, string> = {}) {
  const { directory } = await tiny();
  const start = performance.now();
  const { exitCode, signalCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, "--no-env-file", childScript, scenario, directory],
    { env: { ...process.env, ...env }, timeout: 30_000 },
  );
  const lines = stdout.toString().trim().split("\n").filter(Boolean);
  const said = Object.assign({}, ...lines.map((line) => JSON.parse(line))) as Record<string, unknown>;
  return { exitCode, signalCode, said, stderr: stderr.toString(), seconds: (performance.now() - start) / 1000 };
}

describe("crossings", () => {
  test("one per decode step, one per prefill chunk, and nothing else", async () => {
    const { exitCode, said, stderr } = await child("budget", { FLASHMOE_TRACE_FFI: "1" });
    expect(exitCode).toBe(0);
    const { before, fed, generated, both, closed } = said as Record<string, Record<string, number>>;
    const added = (from: Record<string, number>, to: Record<string, number>) =>
      Object.fromEntries(
        Object.entries(to)
          .map(([name, count]) => [name, count - (from[name] ?? 0)] as const)
          .filter(([, count]) => count !== 0),
      );
    // 100 tokens: 99 are fed in 7 chunks of 16, the last one waits for the generation.
    expect(added(before!, fed!)).toEqual({ fm_engine_step: 7 });
    expect(added(fed!, generated!)).toEqual({ fm_engine_step: 30 });
    // The waiting token and 33 more are 3 chunks, the last of which samples the first of 5 tokens.
    expect(added(generated!, both!)).toEqual({ fm_engine_step: 3 + 4 });
    expect(added(both!, closed!)).toEqual({ fm_engine_close: 1 });
    expect(stderr).toMatch(/^fm_engine_step +44 /m);
  });
});

describe("the process", () => {
  test("ends by itself while an engine is open and idle", async () => {
    const { exitCode, said } = await child("idle");
    expect([exitCode, said.position]).toEqual([0, 10]);
  });

  test("exits in the middle of a step, at once", async () => {
    const { exitCode, signalCode, said } = await child("exit");
    expect([exitCode, signalCode ?? null]).toEqual([7, null]);
    expect(said).toEqual({});
  });

  test("closing in the middle of a step cancels it, returns, and the process ends by itself", async () => {
    const { exitCode, said, stderr } = await child("close");
    expect(stderr).toBe("");
    expect([exitCode, said.outcome]).toEqual([0, "cancelled"]);
  });

  test("an error nobody catches still ends it", async () => {
    const { exitCode, stderr } = await child("crash");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("nobody catches this");
  });
});

describe("cancel", () => {
  const longStep = { context: 4096, chunkTokens: 4096, cpuLevel: "scalar", threads: 1 } as const;
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "finished",
      (error: unknown) => (error instanceof FlashmoeError ? error.code : String(error)),
    );

  test("between chunks keeps the session: what was fed stays", async () => {
    await using model = await FlashMoE.open(await tiny(), { context: 4096, chunkTokens: 16 });
    await using session = await model.createSession();
    const abort = new AbortController();
    let seen = 0;
    const outcome = await codeOf(
      session.prefill(prompt(4000), {
        signal: abort.signal,
        onProgress: ({ doneTokens }) => {
          seen = doneTokens;
          abort.abort();
        },
        progressEveryMs: Number.POSITIVE_INFINITY,
      }),
    );
    expect(outcome).toBe("cancelled");
    expect(session.position % 16).toBe(0);
    expect(session.position).toBeGreaterThanOrEqual(16);
    expect(session.position).toBeGreaterThanOrEqual(seen);
    expect(session.position).toBeLessThan(3999);
    const position = session.position;
    await session.prefill(prompt(10));
    expect(session.position).toBe(position + 10);
  });

  test("between tokens keeps the session, and the same generation goes on", async () => {
    await using model = await FlashMoE.open(await tiny(), { context: 4096 });
    await using session = await model.createSession();
    const whole: number[] = [];
    for await (const token of session.generate({ prompt: prompt(20), maxTokens: 400 })) whole.push(token.id);
    await session.reset();
    const abort = new AbortController();
    const got: number[] = [];
    const generation = session.generate({ prompt: prompt(20), maxTokens: 4000, signal: abort.signal });
    const outcome = await codeOf(
      (async () => {
        for await (const token of generation) {
          got.push(token.id);
          abort.abort();
        }
      })(),
    );
    expect(outcome).toBe("cancelled");
    expect(generation.reason).toBeNull();
    expect(got.length).toBeGreaterThan(0);
    expect(session.position).toBe(20 + got.length); // every token of the timeline was handed out
    const rest = 400 - got.length;
    if (rest > 0) for await (const token of session.generate({ maxTokens: rest })) got.push(token.id);
    expect(got.slice(0, 400)).toEqual(whole);
  });

  test("inside a step is prompt, breaks the session, and reset mends it", async () => {
    await using model = await FlashMoE.open(await tiny(), { ...longStep, cancelGrace: { prefillMs: 0 } });
    await using session = await model.createSession();
    const begun = performance.now();
    await session.prefill(prompt(800));
    const wholeMs = performance.now() - begun;
    await session.reset();
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    const start = performance.now();
    expect(await codeOf(session.prefill(prompt(800), { signal: abort.signal }))).toBe("cancelled");
    expect(performance.now() - start).toBeLessThan(20 + wholeMs / 2);
    expect(await codeOf(session.prefill([1, 2]))).toBe("session_broken");
    expect(await codeOf(session.generate({ prompt: [1] }).next())).toBe("session_broken");
    await session.reset();
    await session.prefill([1, 2]);
    expect(session.position).toBe(2);
  });

  test("a cancel that comes too late does not hit the next request", async () => {
    await using model = await FlashMoE.open(await tiny(), {
      context: 4096,
      cancelGrace: { prefillMs: 0, decodeMs: 0 },
    });
    await using session = await model.createSession();
    for (let round = 0; round < 60; round++) {
      const abort = new AbortController();
      const first = codeOf(session.generate({ prompt: [1, 2, 3], maxTokens: 2, signal: abort.signal }).next());
      if (round % 3 === 0) abort.abort();
      else if (round % 3 === 1) queueMicrotask(() => abort.abort());
      else setTimeout(() => abort.abort(), 0);
      expect(["finished", "cancelled"]).toContain(await first);
      abort.abort();
      if ((await codeOf(session.prefill([4, 5]))) === "session_broken") await session.reset();
      expect(await codeOf(session.prefill([6, 7]))).toBe("finished");
    }
  });

  test("a request that waits is dropped without disturbing the one that runs", async () => {
    await using model = await FlashMoE.open(await tiny(), { context: 4096, sessions: 2 });
    await using one = await model.createSession();
    await using two = await model.createSession();
    const abort = new AbortController();
    const running = codeOf(one.prefill(prompt(600)));
    const waiting = codeOf(two.prefill(prompt(50), { signal: abort.signal }));
    abort.abort();
    expect(await waiting).toBe("cancelled");
    expect(await running).toBe("finished");
    expect([one.position, two.position]).toEqual([600, 0]);
  });
});

describe("callbacks that throw", () => {
  test("cancel the request, which rejects with what they threw; the session goes on", async () => {
    await using model = await FlashMoE.open(await tiny(), { context: 4096, chunkTokens: 16 });
    await using session = await model.createSession();
    const mine = new Error("from the caller");
    const onProgress = () => {
      throw mine;
    };
    const caught = await session.prefill(prompt(3000), { onProgress }).catch((error: unknown) => error);
    expect(caught).toBe(mine);
    expect(session.position).toBeLessThan(2999);
    await session.prefill([1, 2, 3]);
    const rejected = FlashMoE.open(await tiny(), { onProgress });
    expect(await rejected.catch((error: unknown) => error)).toBe(mine);
  });
});

describe("many times", () => {
  test("models open and close with their worker; no handle, no thread stays", async () => {
    const native = await loadNative();
    for (let round = 0; round < 25; round++) {
      const model = await FlashMoE.open(await tiny(), { context: 64 });
      const session = await model.createSession();
      await session.prefill([1, 2, 3]);
      await model.close();
    }
    expect(native.call("fm_handle_count")).toBe(0);
  });
});
