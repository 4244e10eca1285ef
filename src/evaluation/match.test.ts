import { describe, expect, test } from "bun:test";
import { holds, lastNumber, occurrences, sentencesOf, wordsOf } from "./match.ts";

describe("words in a text", () => {
  test("are whole, in any case, over any white space", () => {
    expect(holds("Her name is ADA.", "ada")).toBe(true);
    expect(holds("Adam and Canada", "Ada")).toBe(false);
    expect(holds("the red\n kite", "red kite")).toBe(true);
    expect(holds("Ada's hat", "Ada")).toBe(true);
    expect(holds("42nd", "42")).toBe(false);
    expect(holds("naïve", "na")).toBe(false);
    expect(occurrences("a cat, Cat; concat", "cat")).toBe(2);
  });

  test("edges that are no letters may touch anything", () => {
    expect(holds("use --memory=4GiB", "--memory")).toBe(true);
    expect(holds("costs 3 €", "€")).toBe(true);
    expect(holds("a+b", "+")).toBe(true);
  });

  test("are read without marks", () => {
    expect(wordsOf("“It's a well-known fox,” said he.")).toEqual(["it's", "a", "well-known", "fox", "said", "he"]);
  });
});

test("sentences", () => {
  expect(sentencesOf('One. "Two!" Three? Mr. Four')).toEqual(["One.", '"Two!"', "Three?", "Mr. Four"]);
  expect(sentencesOf("1. First. 2. Second, 3.5 of it.")).toEqual(["1. First.", "2. Second, 3.5 of it."]);
  expect(sentencesOf("He is 12. She is 13.")).toEqual(["He is 12.", "She is 13."]);
  expect(sentencesOf(" ... ")).toEqual([]);
});

describe("the last number", () => {
  test.each([
    ["12 + 30 = 42.", 42],
    ["It is 1,234,567 now.", 1234567],
    ["- 5", -5],
    ["The answer is -5.", -5],
    ["The answer is - 5.", -5],
    ["3 \u2212 8 = \u22125", -5],
    ["12 - 5", 5],
    ["12-5", 5],
    ["(3) - 5", 5],
    ["2.50 dollars", 2.5],
    ["7, 8", 8],
    ["42,", 42],
    ["none", null],
  ] as [string, number | null][])("%s", (text, value) => expect(lastNumber(text)).toBe(value));
});
