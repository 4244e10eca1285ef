/** The built-in suite as it is committed: every item can be read, asked and told apart. */
import { expect, test } from "bun:test";
import { prepareSuite } from "../../src/cli/suite-run.ts";
import { parseSuite } from "../../src/evaluation/items.ts";
import { describeModel } from "../../src/models/describe.ts";
import { embeddedModelDirectory, embeddedSuiteText } from "../../src/models/embedded.ts";

const text = embeddedSuiteText();
const items = parseSuite(text, "held-out.jsonl");

test("has the tasks and numbers of items that docs/quality.md names", () => {
  const counts: Record<string, number> = {};
  for (const { task } of items) counts[task] = (counts[task] ?? 0) + 1;
  expect(counts).toEqual({
    arithmetic: 150,
    arithmetic_think: 50,
    memory: 150,
    json: 150,
    tools: 120,
    tool_results: 40,
    flashmoe: 150,
    recall: 80,
    stories: 80,
    passages: 100,
    instructions: 100,
    refusals: 50,
  });
  expect(text.length).toBeLessThanOrEqual(2 << 20);
});

test("asks nothing twice", () => {
  const prompts = new Set(items.map(({ messages, tools }) => JSON.stringify([messages, tools])));
  expect(prompts.size).toBe(items.length);
});

test("can be asked of spark whole, within its context", async () => {
  const description = await describeModel(embeddedModelDirectory());
  const { asked, unsupported } = await prepareSuite(description, items, () => {});
  expect(unsupported).toEqual([]);
  expect(asked.length).toBe(items.length);
  const needs = asked.map(({ item, ids }) => ids.length + item.maxTokens);
  expect(Math.max(...needs)).toBeLessThanOrEqual(description.shape.contextMax);
  for (const { item, openThought } of asked) expect(openThought, item.id).toBe(item.think);
  const recall = asked.filter(({ item }) => item.task === "recall").map(({ ids }) => ids.length);
  expect(Math.min(...recall)).toBeGreaterThan(1500);
});
