import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../tests/kit/random.ts";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { FlashmoeError } from "../errors.ts";
import { synthTokenizer } from "./synth-tokenizer.ts";
import { loadTokenizer, requireTokenizer, type Tokenizer } from "./tokenizer.ts";

const path = temporaryPaths();
const vocab = 2048;

/** Made by tests/golden/tokenizer_and_chat.py with the Rust library. */
const golden: { text: string; ids: number[]; decoded: string; plain: string }[] = JSON.parse(
  readFileSync(join(import.meta.dir, "../../tests/golden/tokenizer-ids.json"), "utf8"),
);

let tokenizer: Tokenizer;

beforeAll(async () => {
  const directory = path("tokenizer");
  mkdirSync(directory);
  for (const { name, text } of synthTokenizer(vocab)!.files) writeFileSync(join(directory, name), text);
  tokenizer = await requireTokenizer(directory, vocab);
});

describe("ids are those of the Rust library", () => {
  for (const { text, ids, decoded, plain } of golden) {
    test(JSON.stringify(text.slice(0, 30)), () => {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(plain);
    });
  }
});

describe("streaming", () => {
  test("a character appears with its last byte, and the pieces join to the whole", () => {
    const ids = tokenizer.encode("a🦊b漢");
    const decoder = tokenizer.decoder();
    const pieces = ids.map((id) => decoder.push(id));
    expect(pieces).toEqual(["a", "", "", "", "🦊", "b", "", "", "漢"]);
    expect(decoder.finish()).toBe("");
  });

  test("bytes that never became a character end as one replacement character", () => {
    const ids = tokenizer.encode("🦊").slice(0, 3);
    const decoder = tokenizer.decoder();
    expect(ids.map((id) => decoder.push(id)).join("")).toBe("");
    expect(decoder.finish()).toBe("\ufffd");
  });

  test("random ids stream to what they decode to at once, and never to half a character", () => {
    const seed = 77;
    const random = seededRandom(seed);
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 40 }, () => random.below(300));
      const decoder = tokenizer.decoder();
      let text = "";
      for (const id of ids) {
        const piece = decoder.push(id);
        expect(piece.isWellFormed()).toBe(true);
        text += piece;
      }
      text += decoder.finish();
      const bytes = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
      expect(text, `seed ${seed}, round ${round}`).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    }
  });
});

describe("edges", () => {
  test("special tokens are known by name; thinking tokens are ordinary text", () => {
    const end = tokenizer.idOf("<|im_end|>")!;
    expect(tokenizer.isSpecial(end)).toBe(true);
    expect(tokenizer.isSpecial(tokenizer.idOf("<think>")!)).toBe(false);
    expect(tokenizer.encode("<|im_end|>")).toEqual([end]);
    expect(tokenizer.idOf("<|no_such|>")).toBeUndefined();
  });

  test("an empty text has no tokens", () => {
    expect(tokenizer.encode("")).toEqual([]);
    expect(tokenizer.decode([])).toBe("");
  });

  for (const id of [-1, vocab, 1.5, Number.NaN]) {
    test(`the id ${id} is refused`, () => {
      expect(() => tokenizer.decode([id])).toThrow(FlashmoeError);
      expect(() => tokenizer.decode([id])).toThrow(/outside the vocabulary/);
    });
  }

  test("every id of the vocabulary decodes; ids that pad it have no text", () => {
    const padded = synthTokenizer(4096)!;
    const json = JSON.parse(padded.files[0]!.text);
    expect(Math.max(...json.added_tokens.map((token: { id: number }) => token.id))).toBe(4096 - 250 - 1);
    for (let id = 0; id < vocab; id++) expect(tokenizer.tokenBytes(id).length).toBeGreaterThan(0);
  });

  test("a model without tokenizer has none, which is an error only where one is needed", async () => {
    const directory = path("empty");
    mkdirSync(directory);
    expect(await loadTokenizer(directory, vocab)).toBeNull();
    await expect(requireTokenizer(directory, vocab)).rejects.toThrow(/has no tokenizer\.json/);
  });

  test("a tokenizer made for a vocabulary fills it and no more", () => {
    expect(synthTokenizer(281)).toBeNull();
    for (const size of [282, 300, 1000, 4095, 5000]) {
      const made = synthTokenizer(size)!;
      const json = JSON.parse(made.files[0]!.text);
      const ids = [...Object.values<number>(json.model.vocab), ...json.added_tokens.map((t: { id: number }) => t.id)];
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBe(size >= 4096 ? size - 250 : size);
      expect(Math.max(...made.eosTokenIds)).toBeLessThan(size);
    }
  });
});
