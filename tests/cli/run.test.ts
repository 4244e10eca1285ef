/** `flashmoe run` through the executable: the JSON contract, prompts, sampling, stop rules. */
import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../src/cli/run-result.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
const model = path("tiny-model");
const bare = path("bare-model");

beforeAll(() => {
  writeTinyCheckpoint(model);
  writeTinyCheckpoint(bare, { tokenizer: false });
});

const greedy = ["--temperature", "0", "--ignore-eos"];
const run = (...args: string[]) => flashmoeJson<RunResult>(["run", "-m", model, ...args]);

describe.concurrent("run --json", () => {
  test("has exactly the fields of the contract", async () => {
    const result = await run("hi", "-n", "3", ...greedy);
    expect(Object.keys(result)).toEqual(["model", "prompt_tokens", "tokens", "text", "finish_reason", "stats"]);
    expect(result.model).toEndWith("tiny-model");
    expect(result.tokens.length).toBe(3);
    expect(result.finish_reason).toBe("length");
    expect(typeof result.text).toBe("string");
    const { backend, reader, reader_refusal: refusal, tuned, ...numbers } = result.stats;
    expect(backend).toBe("cpu");
    expect(tuned).toBe(false);
    // A system without io_uring says so.
    expect(reader).toBe(process.platform === "linux" && refusal === null ? "uring" : "pread");
    expect(Object.keys(numbers)).toEqual([
      "experts_per_token",
      "prompt_s",
      "decode_s",
      "tokens_per_s",
      "token_ms_p50",
      "token_ms_p99",
      "expert_hits",
      "expert_misses",
      "expert_bytes_read",
      "read_wait_s",
      "prefetch_issued",
      "prefetch_used",
      "cache_bytes",
      "memory_limit_bytes",
      "peak_rss_bytes",
    ]);
    for (const value of Object.values(numbers)) expect(value).toBeGreaterThanOrEqual(0);
    expect(numbers.experts_per_token).toBe(2);
    expect(numbers.prompt_s).toBeGreaterThan(0);
    expect(numbers.tokens_per_s).toBeGreaterThan(0);
    expect(Number(numbers.expert_hits) + Number(numbers.expert_misses)).toBeGreaterThan(0);
    expect(numbers.peak_rss_bytes).toBeGreaterThan(2 ** 20);
  });

  test("says nothing of a speed it did not measure: one token has no decode step", async () => {
    const { stats } = await run("hi", "-n", "1", ...greedy);
    expect([stats.decode_s, stats.tokens_per_s]).toEqual([0, 0]);
  });

  test("has log probabilities when asked, none more than asked", async () => {
    const { tokens, logprobs } = await run("hi", "-n", "4", "--logprobs", "3", ...greedy);
    expect(logprobs!.map(({ id }) => id)).toEqual(tokens);
    for (const { id, logprob, top } of logprobs!) {
      expect(top.length).toBe(3);
      // Greedy: the chosen one leads, and the list descends.
      expect(top[0]).toEqual({ id, logprob });
      expect(top.map((entry) => entry.logprob)).toEqual(top.map((entry) => entry.logprob).sort((a, b) => b - a));
      expect(logprob).toBeLessThanOrEqual(0);
    }
    const none = await run("hi", "-n", "2", "--logprobs", "0", ...greedy);
    expect(none.logprobs!.map(({ top }) => top)).toEqual([[], []]);
  });

  test("is the text of the plain output, which ends with a line break", async () => {
    const args = ["hi", "--no-think", "-n", "12", ...greedy];
    const json = await run(...args);
    const { code, out, err } = await flashmoe(["run", "-m", model, ...args]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(json.text!.endsWith("\n") ? json.text! : `${json.text}\n`);
  });

  test("is what the model wrote, also of a thought, which the plain output has on stderr", async () => {
    const args = ["hi", "--think", "-n", "12", ...greedy];
    const json = await run(...args);
    const { code, out, err } = await flashmoe(["run", "-m", model, ...args]);
    expect([code, out]).toEqual([0, ""]);
    expect(err).toStartWith(`<think>\n${json.text!.trimStart()}`);
    expect(err).toEndWith("\nflashmoe: the reply ended within its thought, before an answer.\n");
  });

  test("of a model without tokenizer has text null", async () => {
    const result = await flashmoeJson<RunResult>(["run", "-m", bare, "--token-ids", "5,6", "-n", "2"]);
    expect(result.text).toBeNull();
    expect(result.prompt_tokens).toEqual([5, 6]);
    expect(result.tokens.length).toBe(2);
    const plain = await flashmoe(["run", "-m", bare, "--token-ids", "5,6", "-n", "2"]);
    expect([plain.code, plain.out, plain.err]).toEqual([0, "", ""]);
  });
});

describe.concurrent("the prompt", () => {
  const idsOf = async (args: string[], input?: string) =>
    (await flashmoeJson<RunResult>(["run", "-m", model, "-n", "1", ...args], input === undefined ? {} : { input }))
      .prompt_tokens;
  const textOf = async (ids: number[]) =>
    (await flashmoeJson<{ text: string }>(["tokenize", "-m", model, "--decode", ids.join(",")])).text;

  test("comes from the argument, standard input, or both with a blank line between", async () => {
    const argument = await idsOf(["--raw", "first"]);
    const input = await idsOf(["--raw"], "second\n");
    const both = await idsOf(["--raw", "first"], "second\n");
    expect(await textOf(argument)).toBe("first");
    expect(await textOf(input)).toBe("second\n");
    expect(await textOf(both)).toBe("first\n\nsecond\n");
  });

  test("goes through the chat template, with the system message before it", async () => {
    const text = await textOf(await idsOf(["hello", "--system", "be brief"]));
    expect(text).toContain("be brief");
    expect(text.indexOf("hello")).toBeGreaterThan(text.indexOf("be brief"));
    expect(text).toMatch(/<\|im_start\|>assistant\n/);
  });

  test("switches thoughts by the template, and refuses where the template has no say", async () => {
    const [think, noThink] = [await idsOf(["hello", "--think"]), await idsOf(["hello", "--no-think"])];
    expect(think).not.toEqual(noThink);
    const deaf = path("deaf-model");
    writeTinyCheckpoint(deaf);
    writeFileSync(join(deaf, "chat_template.jinja"), "{{ messages[-1].content }}");
    for (const flag of ["--think", "--no-think"]) {
      const { code, out, err } = await flashmoe(["run", "-m", deaf, "hello", flag]);
      expect(err).toStartWith("flashmoe: the model's chat template has no switch for thoughts.");
      expect([code, out]).toEqual([2, ""]);
    }
    const { code, err } = await flashmoe(["run", "-m", deaf, "hello", "--system", "be brief"]);
    expect(err).toStartWith("flashmoe: the model's chat template leaves the system message out.");
    expect(code).toBe(2);
  });

  test("may be ids, in the argument or in a file", async () => {
    const file = path("ids.txt");
    writeFileSync(file, "7, 8\n9\n");
    expect(await idsOf(["--token-ids", "7,8,9"])).toEqual([7, 8, 9]);
    expect(await idsOf(["--token-ids", file])).toEqual([7, 8, 9]);
  });

  test("may begin with a dash after --, and may be as long as an argument can be", async () => {
    expect(await textOf(await idsOf(["--raw", "--", "--debug"]))).toBe("--debug");
    const long = "word ".repeat(24_000); // 120,000 bytes; the system allows 131,071 in one argument
    const { code, err } = await flashmoe(["run", "-m", model, long]);
    expect(err).toMatch(/^flashmoe: the prompt has \d{5,6} tokens, the context holds 4096\./);
    expect(code).toBe(2);
  });

  test("that just fits leaves room for one token, and the end of the context is announced", async () => {
    const ids = Array.from({ length: 16 }, (_, i) => i + 5).join(",");
    const args = ["run", "-m", model, "--token-ids", ids, "--context", "16", "--ignore-eos"];
    const { code, out, err } = await flashmoe([...args, "--json"]);
    const { tokens, finish_reason } = JSON.parse(out) as RunResult;
    expect([code, tokens.length, finish_reason]).toEqual([0, 1, "length"]);
    expect(err).toBe("flashmoe: the context of 16 tokens is full; raise --context for a longer reply.\n");
    expect((await flashmoe([...args, "--quiet"])).err).toBe("");
    // The number asked for was made: nothing was cut.
    expect((await flashmoe([...args, "-n", "1"])).err).toBe("");
  });
});

describe.concurrent("sampling", () => {
  const hot = ["--temperature", "1.5", "--ignore-eos", "-n", "24", "--token-ids", "5,6,7"];

  test("with a seed repeats itself, another seed differs", async () => {
    const [first, again, other] = await Promise.all([
      run(...hot, "--seed", "7"),
      run(...hot, "--seed", "7", "--threads", "1"),
      run(...hot, "--seed", "8"),
    ]);
    expect(again.tokens).toEqual(first.tokens);
    expect(other.tokens).not.toEqual(first.tokens);
  });

  test("without a seed differs", async () => {
    const [first, second] = await Promise.all([run(...hot), run(...hot)]);
    expect(first.tokens).not.toEqual(second.tokens);
  });

  test("follows generation_config.json where no flag says otherwise", async () => {
    const greedyModel = path("greedy-model");
    writeTinyCheckpoint(greedyModel);
    writeFileSync(join(greedyModel, "generation_config.json"), JSON.stringify({ do_sample: false, eos_token_id: 1 }));
    const ask = (...args: string[]) =>
      flashmoeJson<RunResult>(["run", "-m", greedyModel, "--token-ids", "5,6,7", "-n", "8", ...args]);
    const [byFile, byFlag] = await Promise.all([ask(), ask("--temperature", "0")]);
    expect(byFile.tokens).toEqual(byFlag.tokens);
  });

  test("K is the one asked for", async () => {
    const [trained, one] = await Promise.all([
      run("--token-ids", "5,6,7", "-n", "8", ...greedy),
      run("--token-ids", "5,6,7", "-n", "8", "--experts-per-token", "1", ...greedy),
    ]);
    expect([trained.stats.experts_per_token, one.stats.experts_per_token]).toEqual([2, 1]);
    const touched = ({ stats }: RunResult) => Number(stats.expert_hits) + Number(stats.expert_misses);
    expect(touched(one)).toBeLessThan(touched(trained));
  });
});

describe.concurrent("stop rules", () => {
  test("a stop string ends the reply before itself, wherever tokens end", async () => {
    const all = ["hi", "--no-think", "-n", "40", ...greedy];
    const whole = (await run(...all)).text!;
    const printable = /[ -~]{2}/.exec(whole.slice(4));
    expect(printable).not.toBeNull();
    const stop = printable![0];
    const cut = await run(...all, "--stop", stop);
    expect(cut.text).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(cut.finish_reason).toBe("stop");
    const two = await run(...all, "--stop", "never in there", "--stop", stop);
    expect(two.text).toBe(cut.text);
    const plain = await flashmoe(["run", "-m", model, ...all, "--stop", stop]);
    expect(plain.out.trimEnd()).toBe(cut.text!.trimEnd());
  });

  test("a stop string that does not occur changes nothing", async () => {
    const free = await run("hi", "-n", "20", ...greedy);
    const watched = await run("hi", "-n", "20", "--stop", "never in there", ...greedy);
    expect(watched.tokens).toEqual(free.tokens);
    expect(watched.text).toBe(free.text);
    expect(watched.finish_reason).toBe("length");
    expect(watched.stats.expert_hits).toBe(free.stats.expert_hits!);
  });

  test("an end token ends it and is not shown; --ignore-eos goes on", async () => {
    const free = await run("--token-ids", "5,6,7", "-n", "12", ...greedy);
    const end = free.tokens[4]!;
    const ending = path("ending-model");
    writeTinyCheckpoint(ending);
    writeFileSync(join(ending, "generation_config.json"), JSON.stringify({ eos_token_id: end }));
    const args = ["run", "-m", ending, "--token-ids", "5,6,7", "-n", "12", "--temperature", "0"];
    const stopped = await flashmoeJson<RunResult>(args);
    const first = free.tokens.indexOf(end);
    expect(stopped.tokens).toEqual(free.tokens.slice(0, first + 1));
    expect(stopped.finish_reason).toBe("stop");
    const shown = await flashmoeJson<{ text: string }>([
      "tokenize",
      "-m",
      model,
      "--decode",
      free.tokens.slice(0, first).join(",") || "0",
    ]);
    if (first > 0) expect(stopped.text).toBe(shown.text);
    expect((await flashmoeJson<RunResult>([...args, "--ignore-eos"])).tokens).toEqual(free.tokens);
  });
});

describe.concurrent("--stats and --quiet", () => {
  test("one line with K and bits beside the speed; nothing with --quiet", async () => {
    const args = ["run", "-m", model, "hi", "--no-think", "-n", "4", ...greedy, "--stats"];
    const { err } = await flashmoe(args);
    expect(err).toMatch(/^prompt \d+ tokens in .+; decode [\d.]+ tok\/s \(K=2, 4-bit, p99 [\d.]+ ms\); hit rate .+\n$/);
    expect((await flashmoe([...args, "--quiet"])).err).toBe("");
  });
});

describe.concurrent("--memory", () => {
  test("too small is refused with the number that would do, and that number does", async () => {
    const small = await flashmoe(["run", "-m", model, "hi", "-n", "1", "--memory", "1MiB"]);
    expect([small.code, small.out]).toEqual([2, ""]);
    const needed = Number(/smallest that would do is .*?\((\d+) bytes\)/.exec(small.err)?.[1]);
    expect(needed).toBeGreaterThan(2 ** 20);
    const enough = String(needed + 16 * 2 ** 20); // a process differs from the next by a little
    const { stats } = await run("hi", "-n", "1", "--memory", enough);
    expect(stats.memory_limit_bytes).toBe(Number(enough));
    expect(Number(stats.peak_rss_bytes)).toBeLessThanOrEqual(Number(enough));
  });
});
