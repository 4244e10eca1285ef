/** The comparison of two answers files: it must see a difference, and tell a near tie from a real one. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment, flashmoe } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const folder = temporaryPaths()("agree");
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  mkdirSync(folder);
  writeTinyCheckpoint(at("model"));
  const items = ["one", "two"].map((content, index) => ({
    id: `i-${index}`,
    task: "t",
    messages: [{ role: "user", content }],
    max_tokens: 8,
    check: { kind: "number", value: 1 },
  }));
  writeFileSync(at("suite.jsonl"), items.map((item) => `${JSON.stringify(item)}\n`).join(""));
  const made = await flashmoe([
    "eval",
    "suite",
    at("model"),
    "--suite",
    at("suite.jsonl"),
    "--output",
    at("ours.jsonl"),
  ]);
  expect([made.code, made.err]).toEqual([0, ""]);
});

async function agree(theirs: string, bound: string) {
  const files = ["--model", at("model"), "--suite", at("suite.jsonl"), "--bound", bound, at("ours.jsonl"), theirs];
  const child = Bun.spawn([process.execPath, "--no-env-file", join(import.meta.dir, "agree.ts"), ...files], {
    env: environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const out = await new Response(child.stdout).text();
  return { code: await child.exited, out };
}

/** Our answers with the last but one token of the second changed. */
function changed(name: string, change: (tokens: number[]) => number[]): string {
  const lines = readFileSync(at("ours.jsonl"), "utf8").trimEnd().split("\n");
  const last = JSON.parse(lines[1]!) as { tokens: number[] };
  const line = JSON.stringify({ ...last, tokens: change(last.tokens) });
  writeFileSync(at(name), `${lines[0]}\n${line}\n`);
  return at(name);
}

describe("two answers files", () => {
  test("that are the same agree", async () => {
    const { code, out } = await agree(at("ours.jsonl"), "0");
    expect([code, out]).toEqual([
      0,
      "2 of 2 answers are the same; 0 part, 0 of them beyond 0; widest gap 0.00e+0 standard deviations\n",
    ]);
  });

  test("that part are judged by our logits at that place", async () => {
    const other = changed("other.jsonl", (tokens) => tokens.with(1, (tokens[1]! + 1) % 300));
    const narrow = await agree(other, "0.0001");
    expect(narrow.code).toBe(1);
    expect(narrow.out).toMatch(/^BEYOND i-1: token 1, \d+ and \d+, gap \d\.\d\de/);
    expect(narrow.out).toContain("1 of 2 answers are the same; 1 part, 1 of them beyond 0.0001;");
    const wide = await agree(other, "1000");
    expect(wide.code).toBe(0);
    expect(wide.out).toStartWith("within i-1");
  });

  test("of which one ends early part beyond any bound", async () => {
    const { code, out } = await agree(
      changed("short.jsonl", (tokens) => tokens.slice(0, -1)),
      "1000",
    );
    expect(code).toBe(1);
    expect(out).toContain("gap Infinity");
  });
});
