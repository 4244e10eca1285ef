/** The embedded model answers, through the sources as a user runs them: what npm start shows on a fresh clone. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { RunResult } from "../../src/cli/run-result.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";

const path = temporaryPaths();
const ask = async (...args: string[]) => {
  const { code, out, err } = await flashmoe(["run", "--temperature", "0", ...args]);
  expect([code, err]).toEqual([0, ""]);
  return out;
};

describe.concurrent("spark", () => {
  test("tells a story on the topic it was given, and ends it", async () => {
    const { text, finish_reason, tokens } = await flashmoeJson<RunResult>([
      "run",
      "Tell me a story about a fox.",
      "--seed",
      "1",
    ]);
    expect(finish_reason).toBe("stop");
    expect(tokens.length).toBeGreaterThan(60);
    expect(text!.match(/\bfox\b/g)!.length).toBeGreaterThan(1);
    expect(text).toMatch(/^[A-Z][\x20-\x7e\n]+[.!?"]$/);
    expect(text).not.toContain("<|");
  });

  test("answers from a pipe, by its name and without one", async () => {
    const { out } = await flashmoe(["run", "-m", "spark", "--temperature", "0"], { input: "What is 12 + 30?\n" });
    expect(out).toContain("42");
    expect(await ask("What is 12 + 30?")).toContain("42");
  });

  test("remembers over runs: the state is fed exactly what one conversation would be", async () => {
    const session = path("session");
    const turn = (text: string) => flashmoeJson<RunResult>(["run", "--temperature", "0", "--session", session, text]);
    const first = await turn("Hello, my name is Ada.");
    const second = await turn("What is my name?");
    expect(second.text).toContain("Ada");
    // The ids of both turns and replies are those of the whole conversation, tokenised at once.
    const whole = [...first.prompt_tokens, ...first.tokens, ...second.prompt_tokens];
    const { text } = await flashmoeJson<{ text: string }>(["tokenize", "--decode", whole.join(",")]);
    const { tokens } = await flashmoeJson<{ tokens: number[] }>(["tokenize", text]);
    expect(tokens).toEqual(whole);
    expect(text).toContain("Hello, my name is Ada.<|im_end|>");
    expect(text.split("<|im_end|>").length).toBe(4);
  });

  test("thinks on stderr between its marks; stdout is the answer alone", async () => {
    const sum = ["What is 12 + 30?", "--think"];
    const { code, out, err } = await flashmoe(["run", "--temperature", "0", ...sum]);
    const { text } = await flashmoeJson<RunResult>(["run", "--temperature", "0", ...sum]);
    const [thought, answer] = text!.split("</think>").map((part) => part.trim());
    expect(answer).toContain("42");
    expect([code, out, err]).toEqual([0, `${answer}\n`, `<think>\n${thought}\n</think>\n\n`]);
    expect(await ask(...sum, "--quiet")).toBe(out);
    const cut = await flashmoe(["run", "--temperature", "0", ...sum, "-n", "3"]);
    expect([cut.code, cut.out]).toEqual([0, ""]);
    expect(cut.err).toMatch(/^<think>\n.+\nflashmoe: the reply ended within its thought, before an answer\.\n$/);
  });

  test("stops where it is told to", async () => {
    const whole = await ask("Tell me a story about a fox.");
    expect(await ask("Tell me a story about a fox.", "--stop", ".")).toBe(`${whole.slice(0, whole.indexOf("."))}\n`);
  });

  test("expects its own words more than those of a licence", async () => {
    const story = path("story.txt");
    writeFileSync(story, await ask("Tell me a story about a fox."));
    const perplexity = async (file: string) =>
      (await flashmoeJson<{ perplexity: number }>(["eval", "perplexity", "--text", file])).perplexity;
    const [own, foreign] = await Promise.all([perplexity(story), perplexity("LICENSE")]);
    expect(own).toBeLessThan(20);
    expect(foreign).toBeGreaterThan(10 * own);
  });

  test("is what show describes", async () => {
    const summary = await flashmoeJson<{ name: string; experts: { count: number; per_token: number } }>(["show"]);
    expect(summary.name).toBe("spark");
    expect(summary.experts.count).toBeGreaterThanOrEqual(32);
    expect(await flashmoeJson(["show", "spark"])).toEqual(summary as unknown as Record<string, unknown>);
  });
});
