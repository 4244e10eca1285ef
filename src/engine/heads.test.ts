/** Heads through the whole stack, on spark's own routing: trained, saved, loaded, refused; guesses get better, output stays. */
import { beforeAll, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { parseSuite } from "../evaluation/items.ts";
import { describeModel } from "../models/describe.ts";
import type { ModelDescription } from "../models/description.ts";
import { embeddedSuiteText } from "../models/embedded.ts";
import { requireTokenizer } from "../models/tokenizer.ts";
import { FlashMoE, type LayerHeads, trainHeads } from "./index.ts";

const fresh = temporaryPaths();
const path = fresh("spark.heads");
let spark: ModelDescription;
let ids: number[];
let figures: LayerHeads[];

beforeAll(async () => {
  spark = await describeModel("models/spark/model");
  const tokenizer = await requireTokenizer(spark.directory, spark.shape.vocab);
  const items = parseSuite(embeddedSuiteText(), "built-in");
  const text = items
    .filter((_, i) => i % 8 === 0)
    .map(({ messages }) => messages.map((m) => m.content ?? "").join("\n"));
  ids = tokenizer.encode(text.join("\n\n"));
  const texts = Array.from({ length: 16 }, (_, i) => ids.slice(i * 256, (i + 1) * 256));
  const trained = await trainHeads(spark, texts, path, {
    engine: { context: 512 },
    trainingBytes: 128 << 20,
    steps: 120,
    seed: 1,
  });
  expect(trained).toMatchObject({ tokens: 4096 - 16, steps: 120, saved: true });
  figures = trained.layers;
}, 180_000);

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("trained on some thousand tokens, heads name more of the experts of others than the routers do", () => {
  expect(figures).toHaveLength(spark.shape.layers);
  // The first layer's mixer runs ahead: there is nothing to guess.
  expect(figures[0]).toMatchObject({ used: false, heldTokens: 0 });
  const later = figures.slice(1);
  for (const { heldTokens } of later) expect(heldTokens).toBeGreaterThan(500);
  const best = mean(later.map(({ used, head, router }) => (used ? head : router)));
  // The routers alone name 81 % here, on the finished layer before.
  expect(best).toBeGreaterThan(0.84);
  expect(best).toBeGreaterThan(mean(later.map(({ router }) => router)) + 0.05);
  // The second layer is the hard one for its router.
  expect(figures[1]!.head).toBeGreaterThan(0.7);
  expect(figures[1]!.headAll).toBeGreaterThan(0.85);
  for (const { used, head, router } of later) expect(used).toBe(head >= Math.fround(router + 0.01));
});

interface Outcome {
  tokens: number[];
  logprobs: number[];
  recall: number;
}

async function decoded(heads: string | undefined): Promise<Outcome> {
  const options = { context: 512, prefetch: "on" as const, ...(heads === undefined ? {} : { heads }) };
  await using model = await FlashMoE.open(spark, options);
  await using session = await model.createSession({ temperature: 1, seed: 4 });
  const made: Outcome = { tokens: [], logprobs: [], recall: 0 };
  for await (const { id, logprob } of session.generate({ prompt: ids.slice(4096, 4160), maxTokens: 64 })) {
    made.tokens.push(id);
    made.logprobs.push(logprob);
  }
  const stats = await model.stats();
  made.recall = stats.guessRight / stats.guessNeeded;
  return made;
}

test("with heads more guesses are right, and the output is the same bit for bit", async () => {
  const plain = await decoded(undefined);
  const headed = await decoded(path);
  expect(headed.tokens).toEqual(plain.tokens);
  expect(headed.logprobs).toEqual(plain.logprobs);
  expect(headed.recall).toBeGreaterThan(plain.recall);
});

test("the plan counts the file; a missing or damaged one is refused by name", async () => {
  const bytes = statSync(path).size;
  const plan = await FlashMoE.plan(spark, { heads: path });
  expect(plan.scratchBytes).toBeGreaterThanOrEqual((await FlashMoE.plan(spark)).scratchBytes + bytes);
  await expect(FlashMoE.open(spark, { heads: fresh("none.heads") })).rejects.toMatchObject({ code: "io_failed" });
  const damaged = fresh("damaged.heads");
  const content = readFileSync(path);
  content[bytes >> 1]! ^= 1;
  writeFileSync(damaged, content);
  await expect(FlashMoE.open(spark, { heads: damaged })).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("damaged_heads cannot be used: its checksum is wrong"),
  });
});
