/** The honesty tables: the Markdown they become, and a whole run on tiny models that goes on where it was interrupted. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";
import { type Row, withTables } from "./honesty-tables.ts";

const row = (changes: Partial<Row>): Row => ({
  bits: "4-bit",
  expertsPerToken: 8,
  kvFormat: "f16",
  items: 3,
  score: 2 / 3,
  tasks: [
    { task: "sums", items: 2, score: 1 },
    { task: "json", items: 1, score: 0, valid_score: 1 },
  ],
  perplexity: 1.5,
  meanKl: 0.00123,
  top1: 0.99,
  tokensPerSecond: 512.34,
  ...changes,
});

describe("the tables", () => {
  test("stand between the markers, and replace those before", () => {
    const tables = {
      about: "tiny, 3 items.",
      bits: [row({ bits: "bf16", score: 1 }), row({})],
      experts: [row({ expertsPerToken: 1 })],
      kv: [row({ kvFormat: "f32" })],
    };
    const once = withTables("# A\n<!-- honesty -->\nold\n<!-- /honesty -->\nend\n", tables);
    expect(once).toBe(
      [
        "# A",
        "<!-- honesty -->",
        "tiny, 3 items.",
        "",
        "### Bits",
        "| experts | setting | score | perplexity | mean KL, nats | same likeliest token | decode tok/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| bf16 | bf16, K=8, kv f16 | 100.0 % | 1.5000 | 1.23e-3 | 99.0 % | 512.3 |",
        "| 4-bit | 4-bit, K=8, kv f16 | 66.7 % | 1.5000 | 1.23e-3 | 99.0 % | 512.3 |",
        "",
        "| task, right | items | bf16 | 4-bit |",
        "| --- | --- | --- | --- |",
        "| sums | 2 | 100.0 % | 100.0 % |",
        "| json | 1 | 0.0 % (valid 100.0 %) | 0.0 % (valid 100.0 %) |",
        "",
        "### Experts per token",
        "| K | setting | score | perplexity | mean KL, nats | same likeliest token | decode tok/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| 1 | 4-bit, K=1, kv f16 | 66.7 % | 1.5000 | 1.23e-3 | 99.0 % | 512.3 |",
        "",
        "| task, right | items | K=1 |",
        "| --- | --- | --- |",
        "| sums | 2 | 100.0 % |",
        "| json | 1 | 0.0 % (valid 100.0 %) |",
        "",
        "### Precision of the attention cache",
        "| keys and values | setting | score | perplexity | mean KL, nats | same likeliest token | decode tok/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| f32 | 4-bit, K=8, kv f32 | 66.7 % | 1.5000 | 1.23e-3 | 99.0 % | 512.3 |",
        "<!-- /honesty -->",
        "end",
        "",
      ].join("\n"),
    );
    expect(withTables(once, tables)).toBe(once);
  });

  test("need the markers once", () => {
    const tables = { about: "", bits: [], experts: [], kv: [] };
    for (const text of [
      "",
      "<!-- honesty -->",
      "<!-- /honesty --><!-- honesty -->",
      "<!-- honesty --><!-- honesty --><!-- /honesty -->",
    ])
      expect(() => withTables(text, tables)).toThrow("needs <!-- honesty -->");
  });

  test("docs/quality.md has them", () => {
    const document = readFileSync(join(import.meta.dir, "../../docs/quality.md"), "utf8");
    expect(withTables(document, { about: "x", bits: [], experts: [], kv: [] })).toContain("\n<!-- honesty -->\nx\n");
  });
});

describe("a run", () => {
  const folder = temporaryPaths()("honesty");
  const at = (name: string) => join(folder, name);

  beforeAll(() => {
    mkdirSync(folder);
    writeTinyCheckpoint(at("full"), { bits: 0 });
    writeTinyCheckpoint(at("four"), { bits: 4 });
    writeFileSync(at("text.txt"), "Once upon a time, there was a fox.\n");
    writeFileSync(at("quality.md"), "<!-- honesty -->\n<!-- /honesty -->\n");
    const item = { task: "sums", messages: [{ role: "user", content: "2" }], max_tokens: 3 };
    const check = { kind: "number", value: 2 };
    writeFileSync(at("suite.jsonl"), `${JSON.stringify({ id: "1", ...item, check })}\n`);
  });

  async function honesty() {
    const args = [
      "--reference",
      at("full"),
      "--main",
      at("four"),
      "--text",
      at("text.txt"),
      "--suite",
      at("suite.jsonl"),
    ];
    const files = ["--cache", at("cache"), "--output", at("quality.md"), "--rounds", "1"];
    const child = Bun.spawn(
      [process.execPath, "--no-env-file", join(import.meta.dir, "honesty.ts"), ...args, ...files],
      { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const err = await new Response(child.stderr).text();
    return { code: await child.exited, commands: err.split("\n").filter((line) => line.startsWith("flashmoe ")) };
  }

  test("measures every row once; after an interruption only what is missing", async () => {
    const first = await honesty();
    expect(first.code).toBe(0);
    // Two descriptions, the reference's logits, three measurements and a speed of four settings: bf16, K=1, K=2 (f16 and f32).
    expect(first.commands.length).toBe(2 + 1 + 4 * 4);
    const document = readFileSync(at("quality.md"), "utf8");
    expect(document).toMatch(/\| bf16 \| bf16, K=2, kv f16 \| .+ \|\n\| 4-bit \| 4-bit, K=2, kv f16 \|/);
    expect(document).toMatch(/\| 1 \| 4-bit, K=1, kv f16 \| .+ \|\n\| 2 \| 4-bit, K=2, kv f16 \|/);
    const kept = readFileSync(at("cache/measurements.jsonl"), "utf8").trimEnd().split("\n");
    writeFileSync(at("cache/measurements.jsonl"), `${kept.slice(0, -1).join("\n")}\n${kept.at(-1)!.slice(0, 40)}`);
    const second = await honesty();
    expect([second.code, second.commands.length]).toEqual([0, 2 + 1]);
    // What was cut off is the last speed; all else is as it was.
    const resumed = readFileSync(at("quality.md"), "utf8");
    const withoutSpeeds = (text: string) => text.replace(/[0-9.]+ \|$/gm, "");
    expect(withoutSpeeds(resumed)).toBe(withoutSpeeds(document));
    const third = await honesty();
    expect([third.code, third.commands.length]).toEqual([0, 2]);
    expect(readFileSync(at("quality.md"), "utf8")).toBe(resumed);
    // What the reference differs from itself by is the rounding of keys and values alone.
    const kl = Number(/\| bf16 \| bf16, K=2, kv f16 \| [^|]+ \| [^|]+ \| ([^|]+) \|/.exec(document)![1]);
    expect(kl).toBeLessThan(1e-4);
  }, 120_000);
});
