/** show, tokenize, synth and eval through the executable: what they print, and that the numbers belong together. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NpyReader, NpyWriter } from "../../src/cli/npy.ts";
import type { RunResult } from "../../src/cli/run-result.ts";
import type { ModelSummary } from "../../src/models/summary.ts";
import { flashmoe, flashmoeJson } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
const model = path("tiny-model");
const ids = Array.from({ length: 40 }, (_, i) => (i * 53 + 7) % 320);

beforeAll(() => void writeTinyCheckpoint(model));

function rowsOf(file: string): Float32Array[] {
  const reader = new NpyReader(file);
  const rows = Array.from({ length: reader.rows }, (_, index) => reader.row(index));
  reader.close();
  return rows;
}

describe.concurrent("show", () => {
  test("prints the same facts for people and for scripts", async () => {
    const summary = await flashmoeJson<ModelSummary>(["show", model]);
    const { code, out, err } = await flashmoe(["show", "-m", model]);
    expect([code, err]).toEqual([0, ""]);
    expect(summary.layers).toEqual({ total: 4, attention: 1, delta_net: 3 });
    expect(out).toContain(`${summary.experts.count} per layer, ${summary.experts.per_token} per token (K)`);
    for (const bytes of [summary.bytes.resident, summary.bytes.per_expert, summary.bytes.per_token]) {
      expect(out).toContain(`(${bytes} B)`);
    }
    expect(summary.bytes.per_token).toBe(summary.bytes.per_expert * 2 * 4);
  });
});

describe.concurrent("tokenize", () => {
  test("goes both ways, byte for byte", async () => {
    const text = "Grüße, 世界! 👋🏽\r\n\tdone  \n";
    const { out, code } = await flashmoe(["tokenize", "-m", model], { input: text });
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+(,\d+)*\n$/);
    expect((await flashmoe(["tokenize", "-m", model, "--decode"], { input: out })).out).toBe(text);
  });

  test("names the pieces in its object", async () => {
    const { tokens, pieces } = await flashmoeJson<{ tokens: number[]; pieces: string[] }>([
      "tokenize",
      "-m",
      model,
      "fox<|im_end|>",
    ]);
    expect(pieces.length).toBe(tokens.length);
    expect(pieces.join("")).toBe("fox<|im_end|>");
    expect(pieces.at(-1)).toBe("<|im_end|>");
  });
});

describe.concurrent("synth", () => {
  const shape = [
    "--layers",
    "4",
    "--hidden",
    "64",
    "--experts",
    "4",
    "--expert-width",
    "32",
    "--group",
    "32",
    "--vocab",
    "512",
  ];
  const bytesOf = (directory: string) =>
    readdirSync(directory)
      .sort()
      .map((name) => [name, Bun.hash(readFileSync(join(directory, name)))]);

  test("writes a model that answers; the same seed writes the same bytes", async () => {
    const [first, second, other] = [path("synth"), path("synth"), path("synth")];
    const written = await flashmoeJson<{ directory: string; files: number; bytes: number }>(["synth", first, ...shape]);
    expect(written.directory).toBe(first);
    expect(written.files).toBe(readdirSync(first).length);
    const said = await flashmoe(["synth", second, ...shape]);
    expect([said.code, said.out]).toEqual([0, ""]);
    expect(said.err).toMatch(/^Wrote [\d.]+ \w+ to .+\.\n$/);
    await flashmoeJson(["synth", other, ...shape, "--seed", "2"]);
    expect(bytesOf(second)).toEqual(bytesOf(first));
    expect(bytesOf(other)).not.toEqual(bytesOf(first));
    const { tokens } = await flashmoeJson<RunResult>(["run", "-m", first, "hello", "-n", "4", "--ignore-eos"]);
    expect(tokens.length).toBe(4);
  });

  test("leaves nothing where it could not finish", async () => {
    const folder = path("read-only");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "");
    const { code, out } = await flashmoe(["synth", join(folder, "file", "inside"), ...shape]);
    expect([code, out]).toEqual([1, ""]);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe.concurrent("eval", () => {
  const given = ["--token-ids", ids.join(",")];

  test("perplexity is what the logits say", async () => {
    const output = path("logits.npy");
    await flashmoeJson(["eval", "logits", model, ...given, "--output", output]);
    let negativeLog = 0;
    for (const [index, row] of rowsOf(output).slice(0, -1).entries()) {
      const top = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
      negativeLog -= row[ids[index + 1]!]! - top - Math.log(sum);
    }
    const result = await flashmoeJson<Record<string, number>>(["eval", "perplexity", model, ...given]);
    expect(result.nll).toBeCloseTo(negativeLog / (ids.length - 1), 4);
    expect(result.perplexity).toBeCloseTo(Math.exp(result.nll!), 8);
    expect([result.tokens, result.scored, result.windows, result.experts_per_token]).toEqual([40, 39, 1, 2]);
    const { out } = await flashmoe(["eval", "perplexity", "-m", model, ...given]);
    expect(out).toBe(
      `perplexity ${result.perplexity!.toFixed(4)} (${result.nll!.toFixed(4)} nats per token; 39 of 40 tokens scored; K=2, 4-bit)\n`,
    );
  });

  test("perplexity of more than the context goes in windows, and says so", async () => {
    const whole = await flashmoe(["eval", "perplexity", model, ...given, "--context", "13"]);
    expect(whole.out).toContain("36 of 40 tokens scored in 3 windows of at most 13");
    const parts = await Promise.all(
      [0, 13, 26].map((start) =>
        flashmoeJson<{ nll: number }>([
          "eval",
          "perplexity",
          model,
          "--token-ids",
          ids.slice(start, start + 13).join(","),
        ]),
      ),
    );
    const { nll } = await flashmoeJson<{ nll: number }>(["eval", "perplexity", model, ...given, "--context", "13"]);
    expect(nll).toBeCloseTo(parts.reduce((sum, part) => sum + part.nll, 0) / 3, 6);
  });

  test("a text and its ids are the same evaluation", async () => {
    const file = path("text.txt");
    const text = "The quick brown fox jumps over the lazy dog.\n".repeat(3);
    writeFileSync(file, text);
    const { tokens } = await flashmoeJson<{ tokens: number[] }>(["tokenize", "-m", model, text]);
    const list = path("ids.txt");
    writeFileSync(list, tokens.join("\n"));
    const [byText, byIds] = await Promise.all([
      flashmoeJson(["eval", "perplexity", model, "--text", file]),
      flashmoeJson(["eval", "perplexity", model, "--token-ids", list]),
    ]);
    expect(byText).toEqual(byIds);
  });

  test("kl of a model to itself is nothing, to one with fewer experts it is not", async () => {
    const output = path("reference.npy");
    const said = await flashmoe(["eval", "logits", model, ...given, "--output", output]);
    expect([said.code, said.out]).toEqual([0, ""]);
    expect(said.err).toBe(`Wrote the logits of 40 tokens to ${output}.\n`);
    expect(existsSync(`${output}.partial`)).toBe(false);
    const kl = (...args: string[]) =>
      flashmoeJson<Record<string, number>>(["eval", "kl", model, ...given, "--reference", output, ...args]);
    expect(await kl()).toMatchObject({ tokens: 40, mean_kl: 0, max_kl: 0, top1_agreement: 1, experts_per_token: 2 });
    const fewer = await kl("--experts-per-token", "1");
    expect(fewer.mean_kl).toBeGreaterThan(0.01);
    expect(fewer.max_kl).toBeGreaterThanOrEqual(fewer.mean_kl!);
    expect(fewer.top1_agreement).toBeLessThan(1);
    const wrong = await flashmoe(["eval", "kl", model, "--token-ids", "1,2,3", "--reference", output]);
    expect(wrong.err).toContain("is [40, 320], the evaluation is [3, 320].");
    expect(wrong.code).toBe(2);
  });
});

describe.concurrent("NumPy files", () => {
  test("a matrix is read as it was written; what is unfinished has no name", () => {
    const file = path("matrix.npy");
    const writer = new NpyWriter(file, [2, 3]);
    writer.begin();
    writer.push(Float32Array.of(1, -2.5, 3e-7));
    expect(() => writer.finish()).toThrow("rows are missing");
    expect(existsSync(file)).toBe(false);
    writer.push(Float32Array.of(4, 5, Number.POSITIVE_INFINITY));
    expect(() => writer.push(Float32Array.of(1, 2, 3))).toThrow("row outside");
    writer.finish();
    writer.abandon();
    expect(rowsOf(file)).toEqual([Float32Array.of(1, -2.5, 3e-7), Float32Array.of(4, 5, Number.POSITIVE_INFINITY)]);
    // The data starts on a multiple of 64, as NumPy wants it.
    expect((readFileSync(file).length - 2 * 3 * 4) % 64).toBe(0);
    const unwanted = path("dropped.npy");
    const dropped = new NpyWriter(unwanted, [1, 1]);
    dropped.begin();
    expect(existsSync(`${unwanted}.partial`)).toBe(true);
    dropped.abandon();
    expect([existsSync(unwanted), existsSync(`${unwanted}.partial`)]).toEqual([false, false]);
  });
});
