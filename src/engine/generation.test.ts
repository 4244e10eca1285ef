import { expect, test } from "bun:test";
import { Generation, type GenerationOutcome } from "./generation.ts";
import type { Token } from "./types.ts";

const token = (id: number): Token => ({ id, logprob: -1, top: [], stepMs: 1 });

/** A generation whose source does what the test says, when it says so. */
function controlled() {
  const outcome = Promise.withResolvers<GenerationOutcome>();
  let push: (tokens: Token[]) => void = () => {};
  let signal: AbortSignal = AbortSignal.abort();
  const generation = new Generation((pushTokens, stop) => {
    push = pushTokens;
    signal = stop;
    return outcome.promise;
  });
  return { generation, outcome, push: (...ids: number[]) => push(ids.map(token)), stopped: () => signal.aborted };
}

test("tokens come in order, whether they are asked for before or after they are made", async () => {
  const { generation, outcome, push } = controlled();
  push(1, 2);
  expect((await generation.next()).value?.id).toBe(1);
  expect((await generation.next()).value?.id).toBe(2);
  const waiting = generation.next();
  push(3);
  expect((await waiting).value?.id).toBe(3);
  push(4);
  outcome.resolve({ reason: "stop", promptMs: 5 });
  expect((await generation.next()).value?.id).toBe(4);
  expect(await generation.next()).toEqual({ done: true, value: undefined });
  expect([generation.reason, generation.promptMs]).toEqual(["stop", 5]);
});

test("an error comes after the tokens that were made before it, once", async () => {
  const { generation, outcome, push } = controlled();
  push(1);
  outcome.reject(new Error("disk"));
  await Promise.resolve();
  expect((await generation.next()).value?.id).toBe(1);
  expect(generation.next()).rejects.toThrow("disk");
  expect((await generation.next()).done).toBe(true);
  expect(generation.reason).toBeNull();
});

test("an error while waiting reaches the waiting one", async () => {
  const { generation, outcome } = controlled();
  const waiting = generation.next();
  outcome.reject(new Error("late"));
  expect(waiting).rejects.toThrow("late");
});

test("return stops the source, waits for it, and swallows its cancel", async () => {
  const { generation, outcome, push, stopped } = controlled();
  push(1, 2, 3);
  expect((await generation.next()).value?.id).toBe(1);
  const returned = generation.return();
  expect(stopped()).toBe(true);
  let settled = false;
  void returned.then(() => {
    settled = true;
  });
  push(4);
  await Promise.resolve();
  expect(settled).toBe(false);
  outcome.reject(new Error("cancelled"));
  expect((await returned).done).toBe(true);
  expect((await generation.next()).done).toBe(true);
});
