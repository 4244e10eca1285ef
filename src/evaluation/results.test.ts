import { expect, test } from "bun:test";
import type { Check } from "./checks.ts";
import { type GradedItem, overall, taskResults } from "./results.ts";

function entry(task: string, kind: "number" | "json" | "tool_call", marks: string, ms = 0): GradedItem {
  const checks: Record<typeof kind, Check> = {
    number: { kind: "number", value: 1 },
    json: { kind: "json", schema: true, value: 1 },
    tool_call: { kind: "tool_call", name: "f", arguments: {} },
  };
  const item = { id: "", task, messages: [], tools: [], think: false, maxTokens: 1, check: checks[kind] };
  const correct = marks === "right";
  return {
    item,
    grade: { correct, wellFormed: kind === "number" ? null : marks !== "broken", reason: null },
    tokens: ms === 0 ? null : 11,
    cost: ms === 0 ? null : { promptTokens: 5, promptMs: 1, decodeTokens: 10, decodeMs: ms },
  };
}

test("figures per task, in the order of the suite, and overall", () => {
  const graded = [
    entry("sums", "number", "right", 20),
    entry("json", "json", "right", 5),
    entry("sums", "number", "wrong", 30),
    entry("json", "json", "wrong", 5),
    entry("json", "json", "broken", 10),
    entry("tools", "tool_call", "right"),
    entry("mixed", "json", "right"),
    entry("mixed", "number", "right"),
  ];
  expect(taskResults(graded)).toEqual([
    { task: "sums", items: 2, correct: 1, score: 0.5, wellFormed: null, tokens: 22, tokensPerSecond: 400 },
    {
      task: "json",
      items: 3,
      correct: 1,
      score: 1 / 3,
      wellFormed: { name: "valid", count: 2, score: 2 / 3 },
      tokens: 33,
      tokensPerSecond: 1500,
    },
    {
      task: "tools",
      items: 1,
      correct: 1,
      score: 1,
      wellFormed: { name: "parsed", count: 1, score: 1 },
      tokens: null,
      tokensPerSecond: null,
    },
    { task: "mixed", items: 2, correct: 2, score: 1, wellFormed: null, tokens: null, tokensPerSecond: null },
  ]);
  expect(overall(graded)).toMatchObject({ items: 8, correct: 5, score: 0.625, tokens: 55, wellFormed: null });
});

test("nothing graded is no score, and no crash", () => {
  expect(taskResults([])).toEqual([]);
  expect(overall([])).toMatchObject({ items: 0, score: 0, tokens: null, tokensPerSecond: null });
});
