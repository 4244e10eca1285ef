/** `--session FILE`: a conversation over several runs continues as if it had never been interrupted. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { RunResult } from "../../src/cli/run-result.ts";
import { FlashMoE, type Sampling, type Token } from "../../src/engine/index.ts";
import { describeModel } from "../../src/models/describe.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
const model = path("tiny-model");

beforeAll(() => void writeTinyCheckpoint(model));

const run = (session: string, ...args: string[]) =>
  flashmoeJson<RunResult>(["run", "-m", model, "--session", session, "--ignore-eos", "--logprobs", "4", ...args]);

/** The same turns without interruption: one engine, one session; [prompt, tokens to generate] each. */
async function uninterrupted(turns: [number[], number][], sampling: Sampling): Promise<Token[][]> {
  await using engine = await FlashMoE.open(await describeModel(model));
  await using session = await engine.createSession({ ...sampling, topLogprobs: 4 });
  const replies: Token[][] = [];
  for (const [prompt, maxTokens] of turns) {
    const reply: Token[] = [];
    for await (const token of session.generate({ prompt, maxTokens })) reply.push(token);
    replies.push(reply);
  }
  return replies;
}

const withoutTime = (tokens: Token[]) => tokens.map(({ id, logprob, top }) => ({ id, logprob, top }));

describe.concurrent("a resumed session", () => {
  for (const [name, flags, sampling] of [
    ["greedy", ["--temperature", "0"], { temperature: 0 }],
    [
      "sampled",
      ["--temperature", "0.9", "--top-k", "50", "--top-p", "0.9", "--seed", "5"],
      { temperature: 0.9, topK: 50, topP: 0.9, seed: 5 },
    ],
  ] as const) {
    test(`gives the tokens and log probabilities of an uninterrupted one, ${name}`, async () => {
      const file = path("session");
      // The settings are kept in the file: the later turns do not repeat them. Threads and memory may change.
      const turns = [
        await run(file, "--token-ids", "5,6,7,8,9", "-n", "12", ...flags),
        await run(file, "--token-ids", "10,11", "-n", "10", "--threads", "1"),
        await run(file, "--token-ids", "12", "-n", "8", "--memory", "1GiB"),
      ];
      const expected = await uninterrupted(
        [
          [[5, 6, 7, 8, 9], 12],
          [[10, 11], 10],
          [[12], 8],
        ],
        sampling,
      );
      for (const [index, turn] of turns.entries()) expect(turn.logprobs).toEqual(withoutTime(expected[index]!));
    });
  }

  test("knows exactly the tokens that were reported, also after a stop string", async () => {
    const file = path("session");
    const text = (
      await flashmoeJson<RunResult>([
        "run",
        "-m",
        model,
        "--raw",
        "hi",
        "-n",
        "40",
        "--ignore-eos",
        "--temperature",
        "0",
      ])
    ).text!;
    const stop = /[ -~]{2}/.exec(text.slice(2))![0];
    const first = await run(file, "--raw", "hi", "--temperature", "0", "--stop", stop);
    expect(first.finish_reason).toBe("stop");
    const second = await run(file, "--token-ids", "5,6", "-n", "6");
    const [, expected] = await uninterrupted(
      [
        [first.prompt_tokens, first.tokens.length],
        [[5, 6], 6],
      ],
      { temperature: 0 },
    );
    expect(second.logprobs).toEqual(withoutTime(expected!));
  });

  test("takes other settings for one turn and after", async () => {
    const file = path("session");
    await run(file, "--token-ids", "5,6,7", "-n", "4", "--seed", "3", "--temperature", "1.5");
    const greedy = await run(file, "--token-ids", "8", "-n", "8", "--temperature", "0");
    for (const { id, top } of greedy.logprobs!) expect(top[0]!.id).toBe(id);
    const still = await run(file, "--token-ids", "8", "-n", "8");
    for (const { id, top } of still.logprobs!) expect(top[0]!.id).toBe(id);
  });

  test("feeds the new turn only, inside the model's own template", async () => {
    const file = path("session");
    const first = await run(file, "one", "-n", "6", "--system", "be brief");
    const second = await run(file, "two", "-n", "6");
    const whole = [...first.prompt_tokens, ...first.tokens, ...second.prompt_tokens].join(",");
    const { text } = await flashmoeJson<{ text: string }>(["tokenize", "-m", model, "--decode", whole]);
    expect(text.match(/<\|im_start\|>(\w+)/g)).toEqual([
      "<|im_start|>system",
      "<|im_start|>user",
      "<|im_start|>assistant",
      "<|im_start|>user",
      "<|im_start|>assistant",
    ]);
    expect(second.prompt_tokens.length).toBeLessThan(first.prompt_tokens.length);
  });
});

describe.concurrent("a session that cannot be continued is refused", () => {
  const start = async (...args: string[]) => {
    const file = path("session");
    await run(file, "-n", "3", ...(args.length > 0 ? args : ["hello"]));
    return file;
  };
  const resume = (file: string, ...args: string[]) =>
    flashmoe(["run", "-m", model, "--session", file, "-n", "2", ...(args.length > 0 ? args : ["more"])]);

  test("damaged at any place, cut short, empty, or something else", async () => {
    const file = await start();
    const whole = readFileSync(file);
    const spoiled: Uint8Array[] = [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 40),
      new Uint8Array(),
      new TextEncoder().encode("a shopping list\n".repeat(100)),
    ];
    for (const at of [0, 9, 70, whole.length >> 1, whole.length - 3]) {
      const flipped = Uint8Array.from(whole);
      flipped[at] = flipped[at]! ^ 0x10;
      spoiled.push(flipped);
    }
    for (const bytes of spoiled) {
      writeFileSync(file, bytes);
      const { code, out, err } = await resume(file);
      expect(err).toMatch(/^flashmoe: .*session.*\n {2}hint: .+\n$/);
      expect([code, out]).toEqual([1, ""]);
      expect(readFileSync(file).equals(bytes)).toBe(true);
    }
  });

  test("of another model", async () => {
    const other = path("other-model");
    writeTinyCheckpoint(other, { experts: 8 });
    const file = await start();
    const { code, out, err } = await flashmoe(["run", "-m", other, "--session", file, "hi"]);
    expect(err).toMatch(/^flashmoe: .*model.*\n {2}hint: .+\n$/);
    expect([code, out]).toEqual([1, ""]);
  });

  test("written by another program over the same engine", async () => {
    const file = path("foreign");
    await using engine = await FlashMoE.open(await describeModel(model));
    await using session = await engine.createSession();
    await session.prefill([1, 2, 3]);
    for (const user of ["", "{}", '{"version":1}', '{"version":1,"messages":[1],"lastToken":null}', "null", "\xff"]) {
      await session.save(file, Buffer.from(user, "latin1"));
      const { code, out, err } = await resume(file);
      expect(err).toStartWith(`flashmoe: ${file} was not written by`);
      expect([code, out]).toEqual([1, ""]);
    }
  });

  test("with a new system message, without a conversation, or over the context", async () => {
    const system = await resume(await start(), "more", "--system", "be brief");
    expect(system.err).toStartWith("flashmoe: --system cannot change a conversation that has begun.");
    expect([system.code, system.out]).toEqual([2, ""]);
    const raw = await resume(await start("--raw", "hello"));
    expect(raw.err).toStartWith("flashmoe: the session was made with --raw or --token-ids");
    expect([raw.code, raw.out]).toEqual([2, ""]);
    const ids = Array.from({ length: 50 }, (_, i) => i + 5).join(",");
    const long = await start("--token-ids", ids, "--context", "64");
    const full = await resume(long, "--token-ids", ids, "--context", "64");
    expect(full.err).toMatch(/^flashmoe: the prompt has 50 tokens, and the session holds 53 of 64 already\./);
    expect([full.code, full.out]).toEqual([2, ""]);
    const smaller = await resume(long, "--token-ids", "1", "--context", "32");
    expect(smaller.err).toMatch(/^flashmoe: .+\n {2}hint: .+\n$/);
    expect(smaller.out).toBe("");
    expect([1, 2]).toContain(smaller.code!);
  });
});
