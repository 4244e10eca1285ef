import { describe, expect, test } from "bun:test";
import { grade } from "./grade.ts";
import { parseSuite } from "./items.ts";
import { jsonEqual } from "./json-equal.ts";

const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city"],
    },
  },
};

function graded(check: Record<string, unknown>, text: string, options: { inside?: boolean; tools?: unknown[] } = {}) {
  const line = { id: "i", task: "t", messages: [{ role: "user", content: "q" }], max_tokens: 9, check };
  const [item] = parseSuite(JSON.stringify({ ...line, ...(options.tools ? { tools: options.tools } : {}) }), "s");
  return grade(item!, text, options.inside ?? false);
}

const right = { correct: true, wellFormed: null, reason: null };
const wrong = (reason: string) => ({ correct: false, wellFormed: null, reason });

describe("texts", () => {
  test("numbers", () => {
    const check = { kind: "number", value: 42 };
    expect(graded(check, "12 + 30 = 42.\n")).toEqual(right);
    expect(graded(check, "42 is 12 + 30.")).toEqual(wrong("the last number is 30, not 42"));
    expect(graded(check, "forty-two")).toEqual(wrong("the last number is missing, not 42"));
  });

  test("exact texts", () => {
    const check = { kind: "exact", value: "a  b" };
    expect(graded(check, " a\nb ")).toEqual(right);
    expect(graded(check, "A b")).toEqual(wrong('is not "a  b"'));
  });

  test("words that must and must not be there", () => {
    const check = { kind: "contains", all: ["Ada", "red kite"], none: ["blue"] };
    expect(graded(check, "ada has a red\nkite")).toEqual(right);
    expect(graded(check, "Adam has a red kite")).toEqual(wrong('"Ada" is missing'));
    expect(graded(check, "Ada has a red kite, not a blue one")).toEqual(wrong('"blue" must not be there'));
  });

  test("one of each group", () => {
    const check = { kind: "any", groups: [["cannot", "can't"], ["know"]] };
    expect(graded(check, "I can't know.")).toEqual(right);
    expect(graded(check, "I cannot tell.")).toEqual(wrong('none of ["know"] is there'));
  });

  test("refusals know what the conversation held", () => {
    const check = { kind: "refusal", about: ["name"] };
    expect(graded(check, "I don't know your name.")).toEqual(right);
    expect(graded(check, "I don't know the name Bo.")).toEqual(wrong('"Bo" was never told'));
  });

  test("format rules, all of them", () => {
    const check = { kind: "format", rules: [{ rule: "upper" }, { rule: "words", count: 2 }] };
    expect(graded(check, "TWO WORDS")).toEqual(right);
    expect(graded(check, "THREE MORE WORDS")).toEqual(wrong("has 3 words, not 2"));
  });

  test("stories", () => {
    const check = { kind: "story", name: "Bo", topic: "a kite", words: ["kite"] };
    expect(graded(check, "Bo had a kite. Bo lost the kite. Sad Bo ran.")).toEqual(right);
    expect(graded(check, "Bo had a kite. Bo lost the kite. Sad Bo ran")).toEqual(wrong("ending: the kite. Sad Bo ran"));
  });

  test("nothing said is wrong, whatever was asked", () => {
    expect(graded({ kind: "contains", all: [], none: ["x"] }, " ")).toEqual(wrong("the answer is empty"));
    expect(graded({ kind: "exact", value: "" }, "")).toEqual(wrong("the answer is empty"));
  });

  test("thoughts are no answer", () => {
    const check = { kind: "number", value: 42 };
    expect(graded(check, "It is 7.\n</think>\n\n42", { inside: true })).toEqual(right);
    expect(graded(check, "<think>\n7\n</think>\n\n42")).toEqual(right);
    expect(graded(check, "It is 42", { inside: true })).toEqual(wrong("there is no answer after the thought"));
    expect(graded(check, "<think> 42")).toEqual(wrong("there is no answer after the thought"));
  });
});

describe("JSON", () => {
  const schema = {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  };
  const check = { kind: "json", schema, value: { n: 3 } };
  test("valid and correct, alone or in a fence", () => {
    for (const text of ['{"n": 3}', ' {"n":3.0}\n', '```json\n{"n": 3}\n```', '```\n{"n": 3}\n```']) {
      expect(graded(check, text)).toEqual({ correct: true, wellFormed: true, reason: null });
    }
  });

  test("valid but not correct", () => {
    expect(graded(check, '{"n": 4}')).toEqual({ correct: false, wellFormed: true, reason: 'is not {"n":3}' });
  });

  test.each([
    ['{"n": 3', "is no JSON"],
    ['Here it is: {"n": 3}', "is no JSON"],
    ['```json\n{"n": 3}\n``` done', "is no JSON"],
    ["", "is no JSON"],
    ['{"n": "3"}', "breaks its schema: "],
    ['{"n": 3.5}', "breaks its schema: "],
    ['{"n": 3, "m": 1}', "breaks its schema: "],
    ["{}", "breaks its schema: "],
    ["[3]", "breaks its schema: "],
  ])("not valid: %s", (text, reason) => {
    expect(graded(check, text)).toEqual({ correct: false, wellFormed: false, reason: expect.stringContaining(reason) });
  });

  test("references inside a schema hold", () => {
    const tree = { $ref: "#/$defs/node", $defs: { node: { type: "array", items: { $ref: "#/$defs/node" } } } };
    expect(graded({ kind: "json", schema: tree, value: [[]] }, "[[]]").correct).toBe(true);
    expect(graded({ kind: "json", schema: tree, value: [[]] }, "[[1]]").wellFormed).toBe(false);
    expect(() => graded({ kind: "json", schema: { $ref: "#/$defs/none" }, value: 1 }, "1")).toThrow(
      "usable JSON schema",
    );
  });
});

describe("tool calls", () => {
  const check = { kind: "tool_call", name: "weather", arguments: { days: 3, city: "Rome" } };
  const call = (body: string) => `<tool_call>\n<function=${body}</function>\n</tool_call>`;
  const rome = call("weather>\n<parameter=city>\nRome\n</parameter>\n<parameter=days>\n3\n</parameter>\n");
  const of = (text: string, inside = false) => graded(check, text, { tools: [weather], inside });

  test("parsed and correct", () => {
    expect(of(`I will look.\n${rome}`)).toEqual({ correct: true, wellFormed: true, reason: null });
    expect(of(`hm\n</think>\n\n${rome}`, true)).toEqual({ correct: true, wellFormed: true, reason: null });
  });

  test("parsed but not correct", () => {
    const oslo = call("weather>\n<parameter=city>\nOslo\n</parameter>\n");
    expect(of(oslo)).toEqual({ correct: false, wellFormed: true, reason: 'the arguments are {"city":"Oslo"}' });
    const other = { type: "function", function: { name: "time", parameters: { type: "object" } } };
    expect(graded(check, call("time>\n"), { tools: [weather, other] })).toEqual({
      correct: false,
      wellFormed: true,
      reason: "calls time, not weather",
    });
  });

  test.each([
    ["It is sunny.", "there is no call"],
    [rome + rome, "there are 2 calls"],
    [rome.slice(0, -1), "a malformed call: the call does not end"],
    [`${rome}<tool_call>`, "a malformed call: the call does not end"],
    [call("fly>\n"), "there is no tool named fly"],
    [call("weather>\n<parameter=days>\n3\n</parameter>\n"), "the argument city is missing"],
    [rome.replace("3", "three"), "the argument days is no integer"],
    [`<think>${rome}`, "there is no answer after the thought"],
  ])("not parsed: %s", (text, reason) => expect(of(text)).toEqual({ correct: false, wellFormed: false, reason }));
});

test("JSON values are equal by content", () => {
  expect(jsonEqual({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] })).toBe(true);
  const unequal: [unknown, unknown][] = [
    [1, "1"],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [null, {}],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ toString: 1 }, { a: 1 }],
    [{ a: undefined }, { b: 1 }],
  ];
  for (const [a, b] of unequal) expect([jsonEqual(a, b), jsonEqual(b, a)]).toEqual([false, false]);
});
