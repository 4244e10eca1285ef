import { describe, expect, test } from "bun:test";
import { parseAnswers, parseSuite } from "./items.ts";

type Fields = Record<string, unknown>;
const item = (changes: Fields = {}): Fields => ({
  id: "a-1",
  task: "a",
  messages: [{ role: "user", content: "hi" }],
  max_tokens: 5,
  check: { kind: "number", value: 1 },
  ...changes,
});
const check = (fields: Fields) => item({ check: fields });
const rule = (fields: Fields) => check({ kind: "format", rules: [{ rule: "upper" }, fields] });
const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
const lines = (...objects: Fields[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join("");

describe("items", () => {
  test("are read with their defaults; empty lines are passed over", () => {
    const [first, second] = parseSuite(
      `${lines(item())}\n${lines(
        item({
          id: "b-1",
          think: true,
          tools: [tool],
          messages: [
            { role: "system", content: "s" },
            { role: "user", content: "u" },
            {
              role: "assistant",
              content: "",
              reasoning_content: "hm",
              tool_calls: [{ type: "function", id: "1", function: { name: "f", arguments: { a: [1] } } }],
            },
            { role: "tool", content: "r", tool_call_id: "1" },
          ],
          check: { kind: "tool_call", name: "f", arguments: { x: null } },
        }),
      )}`,
      "s.jsonl",
    );
    expect(first).toEqual({
      id: "a-1",
      task: "a",
      messages: [{ role: "user", content: "hi" }],
      tools: [],
      think: false,
      maxTokens: 5,
      check: { kind: "number", value: 1 },
    });
    expect(second).toMatchObject({ think: true, tools: [tool], check: { arguments: { x: null } } });
    expect(second!.messages[2]!.tool_calls![0]!.function.arguments).toEqual({ a: [1] });
  });

  test("every kind of check is known", () => {
    const checks: Fields[] = [
      { kind: "number", value: -1.5 },
      { kind: "exact", value: "x" },
      { kind: "contains", all: ["a"] },
      { kind: "contains", all: [], none: ["a"] },
      { kind: "any", groups: [["a", "b"], ["c"]] },
      { kind: "refusal", about: ["weather"] },
      { kind: "json", schema: { type: "object" }, value: null },
      { kind: "story", name: "N", topic: "t", words: ["w"] },
      {
        kind: "format",
        rules: [
          ...["upper", "lower"].map((name) => ({ rule: name })),
          ...["bullets", "numbered", "words", "sentences"].map((name) => ({ rule: name, count: 2 })),
          ...["starts", "ends", "contains", "excludes"].map((name) => ({ rule: name, text: "x" })),
          { rule: "separated", by: ", ", count: 3 },
        ],
      },
    ];
    const items = checks.map((fields, index) => item({ id: `i${index}`, check: fields }));
    const read = parseSuite(lines(...items), "s").map((entry) => entry.check as unknown as Fields);
    for (const [index, fields] of checks.entries()) expect(read[index]).toMatchObject(fields);
  });

  const wrong: [string, Fields][] = [
    ["note is not known here; known are id, task, messages, tools, think, max_tokens, check", item({ note: 1 })],
    ["id must be a text", item({ id: 3 })],
    ["task is empty", item({ task: " " })],
    ["messages must be a list", item({ messages: "hi" })],
    ["messages is empty", item({ messages: [] })],
    ["messages[0].role must be one of system, user, assistant, tool", item({ messages: [{ role: "x", content: "" }] })],
    ["messages[0].content must be a text", item({ messages: [{ role: "user" }] })],
    [
      "messages[0].tool_calls belongs to the role assistant",
      item({ messages: [{ role: "user", content: "", tool_calls: [] }] }),
    ],
    ["messages ends with an answer already", item({ messages: [{ role: "assistant", content: "hi" }] })],
    ['tools[0].type must be "function"', item({ tools: [{}] })],
    [
      "tools[0].function.parameters.typ is no keyword of JSON Schema",
      item({ tools: [{ type: "function", function: { name: "f", parameters: { typ: 1 } } }] }),
    ],
    ["think must be true or false", item({ think: 1 })],
    ["max_tokens must be a whole number from 1", item({ max_tokens: 0 })],
    ["check must be an object", item({ check: null })],
    [
      "check.kind must be one of number, exact, contains, any, refusal, json, tool_call, story, format",
      check({ kind: "toString" }),
    ],
    ["check.values is not known here; known are kind, value", check({ kind: "number", values: 1 })],
    ["check.value must be a number", check({ kind: "number", value: "1" })],
    ["check.value must be a text", check({ kind: "exact", value: 1 })],
    ["check asks for nothing: all and none are empty", check({ kind: "contains", all: [] })],
    ["check.all[1] is empty", check({ kind: "contains", all: ["a", ""] })],
    ["check.groups[0] is empty", check({ kind: "any", groups: [[]] })],
    ["check.about is empty", check({ kind: "refusal", about: [] })],
    ["check.value is missing", check({ kind: "json", schema: true })],
    ["check.schema must be a JSON schema", check({ kind: "json", value: 1 })],
    [
      "check.schema.properties.a.requierd is no keyword of JSON Schema",
      check({ kind: "json", schema: { properties: { a: { requierd: [] } } }, value: 1 }),
    ],
    [
      "check.schema.type must be of null, boolean, integer, number, string, array, object",
      check({ kind: "json", schema: { type: "text" }, value: 1 }),
    ],
    [
      "check.schema.format is a format that is not checked here",
      check({ kind: "json", schema: { format: "colour" }, value: 1 }),
    ],
    [
      "check.name names no tool of the item: g",
      item({ tools: [tool], check: { kind: "tool_call", name: "g", arguments: {} } }),
    ],
    [
      "check.arguments must be an object",
      item({ tools: [tool], check: { kind: "tool_call", name: "f", arguments: [] } }),
    ],
    ["check.words is empty", check({ kind: "story", name: "N", topic: "t", words: [] })],
    [
      "check.rules[1].rule must be one of upper, lower, bullets, numbered, words, sentences, starts, ends, contains, excludes, separated",
      rule({ rule: "middle" }),
    ],
    ["check.rules[1].count must be a whole number from 1", rule({ rule: "words" })],
    ["check.rules[1].text is not known here; known are rule", rule({ rule: "lower", text: "x" })],
    ["check.rules[1].by is empty", rule({ rule: "separated", by: "", count: 2 })],
  ];
  test.each(wrong)("%s", (message, fields) => {
    expect(() => parseSuite(lines(item({ id: "ok" }), fields), "s.jsonl")).toThrow(
      expect.objectContaining({ code: "usage", message: `s.jsonl line 2: ${message}.` }),
    );
  });

  test("lines that are no JSON, ids that occur twice, files without lines", () => {
    const failure = (text: string) => expect(() => parseSuite(text, "s.jsonl"));
    failure('\n{"id": 1,}').toThrow("s.jsonl line 2 is no JSON: a key was expected at column 10.");
    failure(lines(item(), item())).toThrow("s.jsonl has two entries with the id a-1.");
    failure(" \n").toThrow("s.jsonl holds no lines.");
    failure('{"id":"a","id":"b"}').toThrow('s.jsonl line 1 is no JSON: the key "id" appears twice at column 11.');
  });
});

describe("answers", () => {
  test("are read with and without tokens", () => {
    const text = lines({ id: "a", text: "x" }, { id: "b", text: "", tokens: [0, 7], open_thought: true });
    expect(parseAnswers(text, "a.jsonl")).toEqual([
      { id: "a", text: "x", tokens: null, openThought: null },
      { id: "b", text: "", tokens: [0, 7], openThought: true },
    ]);
  });

  test.each([
    ["text must be a text", { id: "a" }],
    ["tokens[1] must be a whole number from 0", { id: "a", text: "", tokens: [1, -1] }],
    ["answer is not known here; known are id, text, tokens, open_thought", { id: "a", answer: "" }],
  ] as [string, Fields][])("%s", (message, fields) => {
    expect(() => parseAnswers(lines(fields), "a.jsonl")).toThrow(`a.jsonl line 1: ${message}.`);
  });
});
