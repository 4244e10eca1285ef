/** The texts that heads are trained on: nothing lost or read twice, begun and ended where the model would. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "../models/describe.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { headsTexts } from "./heads-texts.ts";

const fresh = temporaryPaths();
const spark = await describeModel("models/spark/model");
const tokenizer = await requireTokenizer(spark.directory, spark.shape.vocab);

async function textsOf(text: string | undefined, room: number): Promise<number[][]> {
  const path = fresh("text.txt");
  if (text !== undefined) writeFileSync(path, text);
  return [...(await headsTexts(spark, { promptTokens: 1, text: text === undefined ? undefined : path }, room))];
}

const turn = (n: number) =>
  `<|im_start|>user\nHow much is ${n} plus 4?\nSay it.<|im_end|>\n<|im_start|>assistant\n${n + 4}<|im_end|>\n`;

test("a text is cut after the end of a turn, and nothing of it is lost", async () => {
  const text = Array.from({ length: 40 }, (_, n) => turn(n)).join("");
  const pieces = await textsOf(text, 200);
  expect(pieces.flat()).toEqual(tokenizer.encode(text));
  expect(pieces.length).toBeGreaterThan(4);
  for (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(200);
    expect(tokenizer.decode(piece)).toEndWith("<|im_end|>\n");
  }
});

test("without turns it is cut after a line, without lines where the room ends", async () => {
  const lines = await textsOf("One two three four five six seven.\n".repeat(60), 100);
  for (const piece of lines) expect(tokenizer.decode(piece)).toEndWith("\n");
  expect(lines.flat()).toEqual(tokenizer.encode("One two three four five six seven.\n".repeat(60)));
  const running = await textsOf("one two ".repeat(200), 64);
  for (const piece of running.slice(0, -1)) expect(piece).toHaveLength(64);
});

test("left out, the suite's conversations as the model's template has them, in an order that is always the same", async () => {
  const texts = await textsOf(undefined, 300);
  expect(texts.length).toBeGreaterThan(1000);
  expect(texts.every((text) => text.length <= 300)).toBe(true);
  for (const text of texts) expect(tokenizer.decode(text.slice(0, 1))).toBe("<|im_start|>");
  expect(await textsOf(undefined, 300)).toEqual(texts);
});

test("random ids where they are asked for", async () => {
  const [first] = await headsTexts(spark, { promptTokens: 1, randomIds: true }, 50);
  expect(first).toHaveLength(50);
});
