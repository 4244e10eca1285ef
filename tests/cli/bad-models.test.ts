/** Every damaged or unsupported model through the executable: the named message, exit code 3, nothing on stdout. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type BadCheckpoint, badCheckpoints, writeBadCheckpoint } from "../kit/bad-checkpoints.ts";
import { type CommandResult, flashmoe, inParallel } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
/** Every second case where only the description is involved: tests/models has them all, without a process each. */
const cases = badCheckpoints.filter((bad, index) => bad.stage !== "model" || index % 2 === 0);
const limit = 240_000;

/** The shortest command that meets the defect. */
const commands: Record<BadCheckpoint["stage"], (directory: string) => string[]> = {
  model: (directory) => ["show", directory],
  tokenizer: (directory) => ["tokenize", "-m", directory, "hi"],
  template: (directory) => ["run", "-m", directory, "-n", "1", "hi"],
};

function expectRefusal({ code, out, err }: CommandResult, exitCode: number, message: RegExp): void {
  const [first = "", second = "", rest] = err.split("\n");
  expect(first).toStartWith("flashmoe: ");
  expect(first).toMatch(message);
  expect(first).not.toMatch(/undefined|NaN|\[object|unexpected error/);
  expect(second).toMatch(/^ {2}hint: .{10}/);
  expect(rest).toBe("");
  expect(out).toBe("");
  expect(code).toBe(exitCode);
}

describe("a bad checkpoint is refused by the executable", () => {
  const outcomes = new Map<string, CommandResult>();

  beforeAll(async () => {
    await inParallel(cases, 3, async (bad) => {
      const directory = path(bad.name);
      writeBadCheckpoint(directory, bad);
      outcomes.set(bad.name, await flashmoe(commands[bad.stage](directory)));
    });
  }, limit);

  test("in cases enough", () => expect(outcomes.size).toBeGreaterThanOrEqual(60));

  for (const bad of cases) {
    test(bad.name, () => expectRefusal(outcomes.get(bad.name)!, bad.exitCode, singleLine(bad.message)));
  }
});

/** The table's patterns are about messages before control characters are spelled out. */
function singleLine(pattern: RegExp): RegExp {
  return new RegExp(pattern.source.replaceAll("\\n", " "), pattern.flags);
}

describe("MODEL is no checkpoint", () => {
  test("nothing there, by path and by name", async () => {
    expectRefusal(await flashmoe(["show", path("nothing")]), 3, /There is no model at /);
    expectRefusal(await flashmoe(["show", "no-such-model"]), 3, /There is no model named no-such-model/);
    expectRefusal(await flashmoe(["run", "-m", "no-such-model", "hi"]), 3, /There is no model named no-such-model/);
  });

  test("a file, an empty directory, a name with control characters", async () => {
    const file = path("file");
    writeFileSync(file, "x");
    expectRefusal(await flashmoe(["show", file]), 3, /is a file, not a model directory/);
    const empty = path("empty");
    mkdirSync(empty);
    expectRefusal(await flashmoe(["run", "-m", empty, "hi"]), 3, /holds no config\.json/);
    const odd = `${path("odd")}\x1b[31m\u202e\n`;
    mkdirSync(odd);
    const { err } = await flashmoe(["show", odd]);
    expect(err).toMatch(/odd\\x1b\[31m\\u\{202e\} +holds no config\.json/);
    expect(err.match(/\p{Cc}/gu)).toEqual(["\n", "\n"]);
  });

  test("a model without tokenizer or template says what works instead", async () => {
    const bare = path("bare");
    writeTinyCheckpoint(bare, { tokenizer: false });
    expectRefusal(await flashmoe(["run", "-m", bare, "hi"]), 3, /has no tokenizer\.json/);
    expectRefusal(await flashmoe(["tokenize", "-m", bare, "hi"]), 3, /has no tokenizer\.json/);
    expectRefusal(await flashmoe(["run", "-m", bare, "--token-ids", "1", "--stop", "x"]), 2, /--stop needs text/);
    const { code } = await flashmoe(["run", "-m", bare, "--token-ids", "1", "-n", "1"]);
    expect(code).toBe(0);
  });
});
