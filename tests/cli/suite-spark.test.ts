/** A floor under what spark can do: the first items of every task of the built-in suite, greedily, as a user would ask them. */
import { expect, test } from "bun:test";
import type { suiteObject } from "../../src/cli/suite-report.ts";
import { flashmoeJson } from "../kit/command.ts";

/** Per task, of four items: one slip is allowed. models/spark/README.md has the scores of the whole suite. */
const atLeast: Record<string, number> = {
  arithmetic: 3,
  arithmetic_think: 3,
  memory: 3,
  json: 3,
  tools: 3,
  tool_results: 3,
  flashmoe: 3,
  recall: 3,
  stories: 3,
  passages: 3,
  instructions: 3,
  refusals: 3,
};

test("spark keeps what it scores on the suite", async () => {
  const { tasks } = await flashmoeJson<ReturnType<typeof suiteObject>>([
    "eval",
    "suite",
    ...Object.keys(atLeast).flatMap((task) => ["--task", task]),
    "--limit",
    "4",
    "--quiet",
  ]);
  expect(tasks.map(({ task }) => task).sort()).toEqual(Object.keys(atLeast).sort());
  const below = tasks
    .filter(({ task, correct }) => correct < atLeast[task]!)
    .map(({ task, correct }) => ({ task, correct }));
  expect(below).toEqual([]);
}, 240_000);
