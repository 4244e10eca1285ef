import { describe, expect, test } from "bun:test";
import { collect, decimal, oneOf, parseSize, wholeNumber } from "./flags.ts";
import { checkTokenIds, joinPrompt, parseTokenIds, readTokenIds } from "./text-input.ts";
import { quoted } from "./usage.ts";

describe("sizes", () => {
  test("take decimal and binary units", () => {
    expect(["1", "1b", "2kb", "1.5GiB", "800MB", "4g", " 3 TiB ", "0.5k"].map(parseSize)).toEqual([
      1,
      1,
      2000,
      1.5 * 2 ** 30,
      8e8,
      2 ** 32,
      3 * 2 ** 40,
      512,
    ]);
  });

  test.each(["", "GiB", "1.2.3", "-1", "1e9", "4 GiBs", "0", "0.2", "9".repeat(20)])("refuse %p", (text) => {
    expect(() => parseSize(text)).toThrow(/is (not a size|out of range)/);
  });
});

describe("numbers", () => {
  test("whole ones keep to their range", () => {
    const parse = wholeNumber(1, 10);
    expect([parse("1"), parse("+7"), parse(" 10 ")]).toEqual([1, 7, 10]);
    for (const text of ["0", "11", "1.0", "1e1", "0x5", "", "ten"]) expect(() => parse(text)).toThrow("from 1 to 10");
  });

  test("decimal ones are decimal", () => {
    const parse = decimal(0, 2);
    expect([parse("0"), parse(".5"), parse("1."), parse("5e-1"), parse("+2")]).toEqual([0, 0.5, 1, 0.5, 2]);
    for (const text of ["-0.1", "2.1", "0x1", "Infinity", "nan", "1,5", ".", ""]) {
      expect(() => parse(text)).toThrow("is not a number from 0 to 2");
    }
  });
});

describe("words and lists", () => {
  test("one of several", () => {
    expect(oneOf(["f16", "f32"])("f32")).toBe("f32");
    expect(() => oneOf(["f16", "f32"])("F32")).toThrow('"F32" is not one of f16, f32.');
  });

  test("repeated options add up in order", () => {
    expect(collect("b", collect("a", undefined))).toEqual(["a", "b"]);
  });

  test("a long value is shortened in messages", () => {
    expect(quoted("x".repeat(60))).toBe(`"${"x".repeat(60)}"`);
    expect(quoted("x".repeat(61))).toBe(`"${"x".repeat(57)}..."`);
  });
});

describe("ids and prompts", () => {
  test("ids by commas, spaces or lines", () => {
    expect(parseTokenIds("1,2 3\n4,\n", "--decode")).toEqual([1, 2, 3, 4]);
    expect(readTokenIds("007")).toEqual([7]);
    expect(() => parseTokenIds("1,-2", "--decode")).toThrow('--decode: "-2" is not a token id.');
    expect(() => readTokenIds("")).toThrow("holds no token ids");
    expect(() => checkTokenIds([0, 319, 320], 320, "--decode")).toThrow("token id 320 is outside");
  });

  test("nothing of a prompt is dropped", () => {
    expect(joinPrompt("a", "")).toBe("a");
    expect(joinPrompt(undefined, "b\n")).toBe("b\n");
    expect(joinPrompt(" ", "b")).toBe(" \n\nb");
    expect(() => joinPrompt(" ", "\n")).toThrow("the prompt is empty");
  });
});
