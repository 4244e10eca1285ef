import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../tests/kit/random.ts";
import { JsonError, type JsonValue, parseStrictJson } from "./strict-json.ts";

describe("strict JSON", () => {
  const bad: [string, RegExp][] = [
    ["", /ends too early at line 1, column 1/],
    ["{", /a key was expected/],
    ['{"a"}', /a colon was expected/],
    ['{"a":1,}', /a key was expected/],
    ["[1,]", /unexpected character/],
    ["[1 2]", /a comma or the end was expected/],
    ["[1", /ends too early/],
    ['"abc', /a string does not end/],
    ['"a\nb"', /a control character inside a string/],
    ['"\\x"', /a bad escape/],
    ['"\\', /a string does not end|a bad escape/],
    ["nul", /unexpected character/],
    ["01", /something follows/],
    ["-", /a bad number/],
    ["1e999", /out of range/],
    ["9007199254740993", /out of range/],
    ["NaN", /unexpected character/],
    ["1 1", /something follows the end/],
    ['{"a":1,"b":{"c":2,"c":3}}', /the key "c" appears twice at line 1, column 19/],
    ['{\n "x": 1,\n "x": 2}', /appears twice at line 3, column 2/],
    ['{"\\u0061":1,"a":2}', /the key "a" appears twice/],
    ["[".repeat(100), /nested deeper than 64/],
  ];
  for (const [text, message] of bad) {
    test(`refuses ${JSON.stringify(text.slice(0, 24))}`, () => {
      expect(() => parseStrictJson(text)).toThrow(JsonError);
      expect(() => parseStrictJson(text)).toThrow(message);
    });
  }

  test("reads what JSON.parse reads", () => {
    const seed = 20240;
    const random = seededRandom(seed);
    const texts = ["a", "", '"', "\\", "\u0000", "\u2028", "漢", "🦊", "__proto__", "toString", "long ".repeat(30)];
    const make = (depth: number): JsonValue => {
      switch (random.below(depth > 4 ? 5 : 7)) {
        case 0:
          return null;
        case 1:
          return random.below(2) === 1;
        case 2:
          return random.below(2 ** 31) - 2 ** 30;
        case 3:
          return random.normal() * 10 ** (random.below(20) - 20);
        case 4:
          return texts[random.below(texts.length)] as string;
        case 5:
          return Array.from({ length: random.below(5) }, () => make(depth + 1));
        default:
          return Object.fromEntries(
            Array.from({ length: random.below(5) }, (_, i) => [`${i}${texts[i]}`, make(depth + 1)]),
          );
      }
    };
    for (let i = 0; i < 300; i++) {
      const text = JSON.stringify(make(0), null, random.below(3));
      expect(JSON.stringify(parseStrictJson(text)), `seed ${seed}, value ${i}`).toBe(JSON.stringify(JSON.parse(text)));
    }
  });

  test("a key named __proto__ is an ordinary key", () => {
    const value = parseStrictJson('{"__proto__":{"polluted":1}}');
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
