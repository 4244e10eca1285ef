import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, seededRandom } from "../../tests/kit/random.ts";
import { synthChatTemplate } from "../models/synth-template.ts";
import type { ToolDefinition } from "./messages.ts";
import { parseReply, ReplyParser, type ReplyPart, splitThought } from "./reply-parser.ts";
import { ChatTemplate } from "./template.ts";

const tool = (
  name: string,
  properties: Record<string, unknown>,
  rest: Record<string, unknown> = {},
): ToolDefinition => ({
  type: "function",
  function: { name, parameters: { type: "object", properties, ...rest } },
});
const weather = tool("weather", { city: { type: "string" }, days: { type: "integer" } }, { required: ["city"] });
const call = (name: string, ...args: [string, string][]) =>
  `<tool_call>\n<function=${name}>\n${args.map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`).join("")}</function>\n</tool_call>`;
const only = (text: string, tools: ToolDefinition[] = [weather]) => {
  const { calls, malformed } = parseReply(text, { tools });
  expect(malformed).toEqual([]);
  expect(calls.length).toBe(1);
  return calls[0]!;
};

describe("a well-formed call", () => {
  test("alone, and with text around it", () => {
    const text = call("weather", ["city", "Rome"], ["days", "3"]);
    const expected = { name: "weather", arguments: { city: "Rome", days: 3 }, problems: [] };
    expect(parseReply(text, { tools: [weather] })).toEqual({
      thought: null,
      thoughtEnded: true,
      text: "",
      calls: [expected],
      malformed: [],
    });
    const reply = parseReply(`Let me look.\n\n${text}\nOne moment.`, { tools: [weather] });
    expect(reply.calls).toEqual([expected]);
    expect(reply.text).toBe("Let me look.\n\n\nOne moment.");
  });

  test("several in a row, in their order", () => {
    const { calls } = parseReply(`${call("weather", ["city", "Rome"])}\n${call("weather", ["city", "Oslo"])}`, {
      tools: [weather],
    });
    expect(calls.map(({ arguments: args }) => args.city)).toEqual(["Rome", "Oslo"]);
  });

  test("without arguments", () => {
    expect(only(call("now"), [tool("now", {})])).toEqual({ name: "now", arguments: {}, problems: [] });
  });

  test("values keep their lines, their blanks and what looks like tags", () => {
    for (const value of ["", "\n", " two\nlines ", "</tool_call>", "<parameter=x>\n1", "</function>", "a <b> c"]) {
      expect(only(call("weather", ["city", value])).arguments.city).toBe(value);
    }
  });

  test("a name of the object's prototype is an ordinary argument", () => {
    const made = only(call("weather", ["city", "Rome"], ["__proto__", "{}"]));
    expect(Object.keys(made.arguments)).toEqual(["city", "__proto__"]);
    expect(made.problems).toEqual(["weather has no argument __proto__"]);
  });
});

describe("values by their declared type", () => {
  const converted = (schema: unknown, value: string) => {
    const { arguments: args, problems } = only(call("f", ["x", value]), [tool("f", { x: schema })]);
    return problems.length === 0 ? args.x : { text: args.x, problems };
  };

  const fits: [unknown, string, unknown][] = [
    [{ type: "string" }, "12", "12"],
    [{ type: "string" }, '{"a": 1}', '{"a": 1}'],
    [{ type: "integer" }, "12", 12],
    [{ type: "integer" }, "-3", -3],
    [{ type: "integer" }, "3.0", 3],
    [{ type: "number" }, "2.5", 2.5],
    [{ type: "number" }, "12", 12],
    [{ type: "boolean" }, "true", true],
    [{ type: "null" }, "null", null],
    [{ type: "array", items: { type: "string" } }, '["a", "b"]', ["a", "b"]],
    [{ type: "object" }, '{"a": [1]}', { a: [1] }],
    [{ type: ["string", "null"] }, "null", null],
    [{ type: ["string", "null"] }, "nothing", "nothing"],
    [{ enum: ["low", "high"] }, "low", "low"],
    [{ enum: [1, 2] }, "2", 2],
    [{ const: 5 }, "5", 5],
    [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "7", 7],
    [{ oneOf: [{ type: "integer" }, { type: "string" }] }, "seven", "seven"],
    [{}, "7", 7],
    [{}, "seven", "seven"],
    [{ anyOf: [{}, { type: "string" }] }, "[1]", [1]],
  ];
  test.each(fits)("%j: %s", (schema, value, expected) => expect(converted(schema, value)).toEqual(expected));

  const unfit: [unknown, string, string][] = [
    [{ type: "integer" }, "2.5", "integer"],
    [{ type: "integer" }, "007", "integer"],
    [{ type: "integer" }, "12345678901234567890", "integer"],
    [{ type: "integer" }, '"12"', "integer"],
    [{ type: "number" }, "1e999", "number"],
    [{ type: "number" }, "", "number"],
    [{ type: "boolean" }, "True", "boolean"],
    [{ type: "array" }, "{}", "array"],
    [{ type: "object" }, "{a: 1}", "object"],
    [{ type: ["integer", "null"] }, "none", "integer or null"],
  ];
  test.each(unfit)("%j is not %s: the text stays, the problem is named", (schema, value, type) => {
    expect(converted(schema, value)).toEqual({ text: value, problems: [`the argument x is no ${type}`] });
  });
});

describe("calls that do not fit the tools", () => {
  test("unknown tool, unknown argument, missing argument", () => {
    expect(only(call("fly", ["to", "Rome"])).problems).toEqual(["there is no tool named fly"]);
    expect(only(call("weather", ["town", "Rome"])).problems).toEqual([
      "weather has no argument town",
      "the argument city is missing",
    ]);
  });

  test("a tool that takes other arguments takes them", () => {
    const open = tool("f", { a: { type: "string" } }, { additionalProperties: true });
    expect(only(call("f", ["b", "1"]), [open])).toEqual({ name: "f", arguments: { b: 1 }, problems: [] });
  });
});

describe("malformed calls are reported with the reason, and what follows is read on", () => {
  const good = call("weather", ["city", "Rome"]);
  const broken: [string, string, string][] = [
    ["no function", "<tool_call>\n{}\n</tool_call>", "expected a function after <tool_call>"],
    ["an empty call", "<tool_call>\n</tool_call>", "expected a function after <tool_call>"],
    [
      "a blank too many",
      "<tool_call>\n\n<function=f>\n</function>\n</tool_call>",
      "expected a function after <tool_call>",
    ],
    ["an empty name", "<tool_call>\n<function=>\n</function>\n</tool_call>", "a name is empty or not closed by >"],
    ["an open name", "<tool_call>\n<function=f\n</function>\n</tool_call>", "a name is empty or not closed by >"],
    ["no line after the name", "<tool_call>\n<function=f></function>\n</tool_call>", "expected a new line after f>"],
    [
      "text between parameters",
      "<tool_call>\n<function=f>\nand\n</function>\n</tool_call>",
      "expected a parameter or the end of the call",
    ],
    ["an argument twice", call("f", ["a", "1"], ["a", "2"]), "the argument a is given twice"],
    [
      "a function that does not close",
      "<tool_call>\n<function=f>\n</tool_call>",
      "expected a parameter or the end of the call",
    ],
  ];
  test.each(broken)("%s", (_, text, reason) => {
    expect(parseReply(`before ${text} between ${good} after`, { tools: [weather] })).toMatchObject({
      text: "before  between  after",
      calls: [{ name: "weather" }],
      malformed: [{ reason, text }],
    });
  });

  test("a call that does not end", () => {
    for (const text of ["<tool_call>", "<tool_call>\n<func", good.slice(0, -1), good.slice(0, 40)]) {
      expect(parseReply(text, { tools: [weather] })).toMatchObject({
        text: "",
        calls: [],
        malformed: [{ reason: "the call does not end", text }],
      });
    }
  });

  test("tags outside a call are text", () => {
    const text = "</tool_call> <function=f> <tool_cal";
    expect(parseReply(text)).toMatchObject({ text, calls: [], malformed: [] });
  });
});

describe("thoughts", () => {
  const good = call("weather", ["city", "Rome"]);
  test("are split off, whether the prompt or the reply began them", () => {
    const expected = { thought: "12 + 30 is 42", thoughtEnded: true, text: "42." };
    expect(parseReply("12 + 30 is 42\n</think>\n\n42.", { insideThought: true })).toMatchObject(expected);
    expect(parseReply("\n<think>\n12 + 30 is 42\n</think>\n\n42.")).toMatchObject(expected);
    expect(splitThought("12 + 30 is 42\n</think>\n\n42.", true)).toEqual({ thought: "12 + 30 is 42", answer: "42." });
    expect(splitThought("<think>\n12 + 30 is 42\n</think>\n\n42.", false)).toEqual({
      thought: "12 + 30 is 42",
      answer: "42.",
    });
  });

  test("a call inside a thought is thought, one after it is a call", () => {
    const reply = parseReply(`I could call ${good}\n</think>\n\n${good}`, { insideThought: true, tools: [weather] });
    expect(reply.calls.length).toBe(1);
    expect(reply.thought).toContain("<tool_call>");
  });

  test("that never end leave no answer", () => {
    expect(parseReply("12 + 30 is 42", { insideThought: true })).toMatchObject({ thoughtEnded: false, text: "" });
    expect(splitThought("12 + 30 is 42", true)).toEqual({ thought: "12 + 30 is 42", answer: "" });
  });

  test("later tags are text", () => {
    expect(parseReply("a <think>b</think>")).toMatchObject({ thought: null, text: "a <think>b</think>" });
    expect(splitThought("a </think> b", false)).toEqual({ thought: null, answer: "a </think> b" });
  });
});

const pieces = [
  "<tool_call>",
  "</tool_call>",
  "\n",
  "<function=",
  "weather",
  ">",
  "<parameter=",
  "city",
  "</parameter>",
  "</function>",
  "<think>",
  "</think>",
  "Rome",
  " ",
  "<",
  "é",
  "12",
  call("weather", ["city", "Oslo"]),
];

function randomReply(random: Random): string {
  return Array.from({ length: random.below(24) }, () => pieces[random.below(pieces.length)]).join("");
}

/** Neighbours of one kind joined, as slicing cuts texts. */
function joined(parts: ReplyPart[]): ReplyPart[] {
  const result: ReplyPart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (last !== undefined && last.kind === part.kind && (part.kind === "text" || part.kind === "thought")) {
      result[result.length - 1] = { kind: part.kind, text: last.text + part.text };
    } else result.push(part);
  }
  return result;
}

describe("any text", () => {
  test("is read the same however it is sliced, and nothing of it is lost", () => {
    const seed = 20_24;
    const random = seededRandom(seed);
    for (let round = 0; round < 4000; round++) {
      const text = randomReply(random);
      const options = { tools: [weather], insideThought: random.below(4) === 0 };
      const whole = new ReplyParser(options);
      const expected = joined([...whole.push(text), ...whole.finish()]);
      const sliced = new ReplyParser(options);
      const parts: ReplyPart[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + random.below(9);
        parts.push(...sliced.push(text.slice(at, at + size)));
        at += size;
      }
      parts.push(...sliced.finish());
      const told = `seed ${seed}, round ${round}: ${JSON.stringify(text)}`;
      expect(joined(parts), told).toEqual(expected);
      // Without thoughts the parts are the text; with one, its tags and the white space around them are left out.
      if (!options.insideThought && !text.trimStart().startsWith("<think>")) {
        expect(parts.map((part) => part.text).join(""), told).toBe(text);
      }
      const { answer, thought } = splitThought(text, options.insideThought);
      const parsed = parseReply(text, options);
      expect(thought, told).toBe(parsed.thought);
      if (parsed.calls.length + parsed.malformed.length === 0) expect(answer, told).toBe(parsed.text);
    }
  });

  const spark = readFileSync(join(import.meta.dir, "../../models/spark/chat_template.jinja"), "utf8");
  test.each([
    ["the family's", synthChatTemplate],
    ["spark's", spark],
  ])("calls that %s template writes come back as they were", (_, text) => {
    const seed = 77;
    const random = seededRandom(seed);
    const template = new ChatTemplate({ from: "test", default: text, named: {}, specialTokens: {} });
    const strings = ["", "Rome", "two\nlines", " blank ", "12", "true", "{}", "</tool_call>", 'a "b"', "é漢"];
    const values: [Record<string, unknown>, () => unknown][] = [
      [{ type: "string" }, () => strings[random.below(strings.length)]],
      [{ type: "integer" }, () => random.below(2000) - 1000],
      [{ type: "number" }, () => random.below(2000) / 8 - 100],
      [{ type: "boolean" }, () => random.below(2) === 1],
      [{ type: "array" }, () => Array.from({ length: random.below(3) }, () => strings[random.below(strings.length)])],
      [{ type: "object" }, () => ({ a: random.below(9), b: strings[random.below(strings.length)], c: [null, false] })],
    ];
    for (let round = 0; round < 300; round++) {
      const chosen = Array.from({ length: random.below(5) }, () => values[random.below(values.length)]!);
      const properties = Object.fromEntries(chosen.map(([schema], index) => [`arg${index}`, schema]));
      const args = Object.fromEntries(chosen.map(([, value], index) => [`arg${index}`, value()]));
      const named = { type: "function" as const, function: { name: "do_it", arguments: args } };
      const rendered = template.render(
        [
          { role: "user", content: "go" },
          { role: "assistant", content: "Yes.", tool_calls: [named, named] },
        ],
        { addGenerationPrompt: false },
      );
      const reply = rendered.slice(rendered.lastIndexOf("Yes."), rendered.lastIndexOf("<|im_end|>"));
      expect(parseReply(reply, { tools: [tool("do_it", properties)] }), `seed ${seed}, round ${round}`).toMatchObject({
        text: "Yes.",
        calls: Array.from({ length: 2 }, () => ({ name: "do_it", arguments: args, problems: [] })),
        malformed: [],
      });
    }
  });
});
