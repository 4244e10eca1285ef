/** `eval suite` through the executable: answers as `run` gives them, figures that belong together, what is refused. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../src/cli/run-result.ts";
import type { suiteObject } from "../../src/cli/suite-report.ts";
import { environment, flashmoe, flashmoeJson, program } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

type Figures = ReturnType<typeof suiteObject> & { tasks: { parsed?: number; valid?: number }[] };
type Fields = Record<string, unknown>;

const folder = temporaryPaths()("folder");
mkdirSync(folder);
const path = (name: string) => join(folder, name);
const model = path("model");
const suite = path("suite.jsonl");
const tool = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const user = (content: string) => [{ role: "user", content }];
const items: Fields[] = [
  { id: "sum-1", task: "sums", messages: user("2 + 3"), max_tokens: 6, check: { kind: "number", value: 5 } },
  {
    id: "json-1",
    task: "json",
    messages: user("n is 3"),
    max_tokens: 4,
    check: { kind: "json", schema: { type: "object" }, value: { n: 3 } },
  },
  {
    id: "sum-2",
    task: "sums",
    messages: user("2 + 4"),
    think: true,
    max_tokens: 5,
    check: { kind: "number", value: 6 },
  },
  {
    id: "tool-1",
    task: "tools",
    messages: user("Rome?"),
    tools: [tool],
    max_tokens: 4,
    check: { kind: "tool_call", name: "weather", arguments: { city: "Rome" } },
  },
  {
    id: "json-2",
    task: "json",
    messages: user("n is 4"),
    max_tokens: 4,
    check: { kind: "json", schema: { type: "object" }, value: { n: 4 } },
  },
  { id: "sum-3", task: "sums", messages: user("2 + 3"), max_tokens: 6, check: { kind: "number", value: 5 } },
];
const right: Record<string, string> = {
  "sum-1": "It is 5.",
  "json-1": '{"n": 3}',
  "sum-2": "2 + 4 is 6\n</think>\n\n6",
  "tool-1": "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>",
  "json-2": '{"n": 4}',
  "sum-3": "5",
};

const lines = (objects: unknown[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join("");
const written = (name: string, objects: unknown[]) => {
  const file = path(name);
  writeFileSync(file, lines(objects));
  return file;
};
const answersFile = (changes: Record<string, string> = {}) =>
  written(
    `answers-${Object.keys(changes).length}.jsonl`,
    Object.entries({ ...right, ...changes }).map(([id, text]) => ({ id, text, tokens: [1, 2] })),
  );
const answersOf = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: string; text: string; tokens: number[]; open_thought: boolean });

beforeAll(() => {
  writeTinyCheckpoint(model);
  writeFileSync(suite, lines(items));
});

describe.concurrent("a model on a suite", () => {
  test("every item is answered as run answers its prompt alone", async () => {
    const output = path("output.jsonl");
    const figures = await flashmoeJson<Figures>(["eval", "suite", model, "--suite", suite, "--output", output]);
    const answers = answersOf(output);
    expect(answers.map(({ id }) => id)).toEqual(items.map(({ id }) => id as string));
    expect(answers.map(({ open_thought }) => open_thought)).toEqual([false, false, true, false, false, false]);
    for (const index of [0, 2, 4, 5]) {
      const item = items[index]!;
      const prompt = (item.messages as { content: string }[])[0]!.content;
      const think = item.think === true ? "--think" : "--no-think";
      const args = ["run", "-m", model, prompt, think, "--temperature", "0", "-n", String(item.max_tokens)];
      const { text, tokens } = await flashmoeJson<RunResult>(args);
      expect([answers[index]!.text, answers[index]!.tokens]).toEqual([text!, tokens]);
    }
    expect(answers[5]).toEqual({ ...answers[0]!, id: "sum-3" });
    const tokens = answers.reduce((sum, answer) => sum + answer.tokens.length, 0);
    expect(figures).toMatchObject({ suite: "suite.jsonl", wanted: 6, items: 6, interrupted: false, tokens });
    expect(figures).toMatchObject({ bits: "4-bit", experts_per_token: 2, kv_format: "f16", unsupported: [] });
    expect(figures.tasks.map(({ task, items: count }) => [task, count])).toEqual([
      ["sums", 3],
      ["json", 2],
      ["tools", 1],
    ]);
    expect(figures.correct + figures.wrong.length).toBe(6);
    expect(figures.stats.prompt_tokens).toBeGreaterThan(60);
    // Grading the written answers again gives the same figures, but for the speeds.
    const again = await flashmoeJson<Figures>(["eval", "suite", "--suite", suite, "--answers", output]);
    const still = ({ task, items: count, correct, score, valid, parsed, tokens: made }: Figures["tasks"][number]) => ({
      task,
      count,
      correct,
      score,
      valid,
      parsed,
      made,
    });
    expect(again.tasks.map(still)).toEqual(figures.tasks.map(still));
    expect(again.wrong).toEqual(figures.wrong);
  });

  test("K and the cache's precision are named, and the table ends with one line that sums up", async () => {
    const args = ["eval", "suite", "-m", model, "--suite", suite, "--experts-per-token", "1", "--kv-format", "f32"];
    const { code, out, err } = await flashmoe(args);
    expect([code, err]).toEqual([0, ""]);
    const rows = out.trimEnd().split("\n");
    expect(rows[0]).toMatch(/^task +items +correct +score +well formed +tokens +tok\/s$/);
    expect(rows.slice(1, 5).map((row) => row.split(" ")[0])).toEqual(["sums", "json", "tools", "all"]);
    expect(rows[5]).toMatch(/^score \d+\.\d % of 6 items \(.+, K=1, 4-bit, kv f32\); decode [\d.]+ tok\/s; .+s$/);
  });

  test("tasks and a number of items can be chosen", async () => {
    const args = ["eval", "suite", model, "--suite", suite, "--task", "sums", "--task", "tools", "--limit", "2"];
    const { tasks, wanted } = await flashmoeJson<Figures>(args);
    expect(tasks.map(({ task, items: count }) => [task, count])).toEqual([
      ["sums", 2],
      ["tools", 1],
    ]);
    expect(wanted).toBe(3);
  });

  test("Ctrl+C keeps the answers made so far, and says how many", async () => {
    const many = Array.from({ length: 4000 }, (_, index) => ({ ...items[0], id: `sum-${index}` }));
    const long = written("many.jsonl", many);
    const output = path("kept.jsonl");
    const args = ["eval", "suite", model, "--suite", long, "--output", output, "--json"];
    const begun = Promise.withResolvers<void>();
    const watcher = watch(folder, () => {
      if ((statSync(`${output}.partial`, { throwIfNoEntry: false })?.size ?? 0) > 0) begun.resolve();
    });
    const child = Bun.spawn([...program, ...args], {
      env: environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    await Promise.race([begun.promise, child.exited]);
    child.kill("SIGINT");
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    watcher.close();
    expect(code).toBe(130);
    const figures = JSON.parse(out) as Figures;
    expect(figures).toMatchObject({ interrupted: true, wanted: 4000 });
    expect(existsSync(`${output}.partial`)).toBe(false);
    expect(figures.items).toBeGreaterThan(0);
    expect(answersOf(output).map(({ id }) => id)).toEqual(many.slice(0, figures.items).map(({ id }) => id));
    expect(err).toContain(`holds the ${figures.items} answers made so far, of 4000.`);
  });
});

describe.concurrent("answers made elsewhere", () => {
  const gradeFile = (file: string, ...args: string[]) =>
    flashmoe(["eval", "suite", "--suite", suite, "--answers", file, ...args]);

  test("are graded without a model", async () => {
    const wrong = { "sum-3": "6", "json-2": "{n: 4}", "tool-1": right["tool-1"]!.replace("Rome", "Oslo") };
    const { code, out, err } = await gradeFile(answersFile(wrong));
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(
      [
        "task   items  correct   score     well formed  tokens  tok/s",
        "sums       3        2  66.7 %                       6",
        "json       2        1  50.0 %    valid 50.0 %       4",
        "tools      1        0   0.0 %  parsed 100.0 %       2",
        "all        6        3  50.0 %                      12",
        "score 50.0 % of 6 items",
        "",
      ].join("\n"),
    );
    const figures = await flashmoeJson<Figures>(["eval", "suite", "--suite", suite, "--answers", answersFile(wrong)]);
    expect(figures).toMatchObject({ model: null, bits: null, score: 0.5, tokens: 12, tokens_per_s: null });
    expect(figures.tasks).toMatchObject([
      { correct: 2 },
      { valid: 1, valid_score: 0.5 },
      { parsed: 1, parsed_score: 1 },
    ]);
    expect(figures.wrong.map(({ id }) => id)).toEqual(
      ["json-2", "tool-1", "sum-3"].sort((a, b) => orderOf(a) - orderOf(b)),
    );
  });

  test("all right is 100 %; an item without an answer is refused, unless others were chosen", async () => {
    expect((await gradeFile(answersFile())).out).toContain("score 100.0 % of 6 items\n");
    const some = written("some.jsonl", [{ id: "sum-1", text: "5" }]);
    expect(await gradeFile(some)).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("has no answer to 5 of 6 items, the first is json-1."),
    });
    expect((await gradeFile(some, "--task", "sums", "--limit", "1")).out).toContain("score 100.0 % of 1 items\n");
  });

  test("without tokens no number of tokens is shown", async () => {
    const bare = written(
      "bare.jsonl",
      Object.entries(right).map(([id, text]) => ({ id, text })),
    );
    expect((await gradeFile(bare)).out).toContain("\nall        6        6  100.0 %\n");
  });
});

const orderOf = (id: string) => items.findIndex((item) => item.id === id);

describe.concurrent("refused", () => {
  const refused = async (args: string[], code: number, message: string, hint?: string) => {
    const result = await flashmoe(["eval", "suite", ...args]);
    expect([result.code, result.out]).toEqual([code, ""]);
    expect(result.err).toMatch(/^flashmoe: .+\n {2}hint: .+\n$/);
    expect(result.err).toContain(message);
    if (hint !== undefined) expect(result.err).toContain(hint);
  };

  test("calls that contradict themselves", async () => {
    await refused([model, "--answers", answersFile()], 2, "--answers and a model were both given.");
    await refused(["--answers", answersFile(), "--output", path("o")], 2, "--output writes answers");
    await refused([model, "--suite", suite, "--task", "sum"], 2, 'the suite has no task "sum".', "sums, json, tools");
    await refused([model, "--suite", suite, "--limit", "0"], 2, "--limit");
  });

  test("files that are not what they should be, by line and field", async () => {
    const bad = written("bad.jsonl", [items[0], { ...items[1], max_tokens: "4" }]);
    await refused([model, "--suite", bad], 2, "bad.jsonl line 2: max_tokens must be a whole number from 1.");
    await refused([model, "--suite", path("absent")], 2, "cannot be read (ENOENT)");
    const answers = written("bad-answers.jsonl", [{ id: "sum-1" }]);
    await refused(["--suite", suite, "--answers", answers], 2, "bad-answers.jsonl line 1: text must be a text.");
    await refused([model, "--suite", suite, "--output", folder], 2, "is a directory.");
  });

  test("a context that would cut an answer short", async () => {
    const args = [model, "--suite", suite, "--context", "20"];
    await refused(args, 2, "needs ", "Raise --context");
    const long = written("long.jsonl", [{ ...items[0], max_tokens: 5000 }]);
    await refused([model, "--suite", long], 2, "the item sum-1 needs 50", "Choose other tasks");
  });
});

describe.concurrent("a model that cannot be asked", () => {
  const withTemplate = (name: string, template: string | null) => {
    const directory = path(name);
    writeTinyCheckpoint(directory);
    const file = join(directory, "chat_template.jinja");
    if (template === null) rmSync(file);
    else writeFileSync(file, template);
    return directory;
  };

  test("for lack of a template is refused by name", async () => {
    const bare = withTemplate("bare", null);
    const { code, out, err } = await flashmoe(["eval", "suite", bare, "--suite", suite]);
    expect([code, out]).toEqual([3, ""]);
    expect(err).toContain("bare");
    expect(err).toContain("has no chat template, so it cannot be asked the suite.");
  });

  test("about tools is asked the rest, and what was left out is named", async () => {
    const simple = withTemplate("simple", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
    const figures = await flashmoeJson<Figures>(["eval", "suite", simple, "--suite", suite]);
    expect(figures.tasks.map(({ task }) => task)).toEqual(["sums", "json"]);
    expect(figures.wanted).toBe(5);
    expect(figures.unsupported).toEqual([
      { task: "tools", items: 1, reason: "the model's chat template leaves tools out" },
    ]);
    const { out } = await flashmoe(["eval", "suite", simple, "--suite", suite]);
    expect(out).toContain("\ntools: 1 items not asked: the model's chat template leaves tools out\n");
    const only = await flashmoe(["eval", "suite", simple, "--suite", suite, "--task", "tools"]);
    expect([only.code, only.out]).toEqual([1, ""]);
    expect(only.err).toContain("can be asked none of the items: the model's chat template leaves tools out");
  });

  test("because its template drops or refuses messages, likewise", async () => {
    const system = written("system.jsonl", [
      { ...items[0], messages: [{ role: "system", content: "Be brief." }, ...user("2 + 3")] },
      items[2],
    ]);
    const dropping = withTemplate("dropping", "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}");
    const strict = withTemplate(
      "strict",
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ messages[0].content }}",
    );
    const reasonOf = async (directory: string) =>
      (await flashmoeJson<Figures>(["eval", "suite", directory, "--suite", system])).unsupported[0]!.reason;
    expect(await reasonOf(dropping)).toBe("the model's chat template leaves system messages out");
    expect(await reasonOf(strict)).toContain("no system");
  });
});

describe.concurrent("spark", () => {
  test("answers where no model is named", async () => {
    const { model: name, items: count, tokens } = await flashmoeJson<Figures>(["eval", "suite", "--suite", suite]);
    expect([name, count]).toEqual(["spark", 6]);
    expect(tokens).toBeGreaterThan(5);
  });
});
