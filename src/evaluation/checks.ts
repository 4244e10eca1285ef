/** What an item of the suite asks of its answer: the kinds of checks and how they are read from JSON. Pure. */
import { countOf, type Fields, fieldsOf, listOf, numberOf, type Place, textOf, wordOf } from "./fields.ts";
import { checkSchema, type JsonSchema } from "./json-schema.ts";

export type FormatRule =
  | { rule: "upper" | "lower" }
  | { rule: "bullets" | "numbered" | "words" | "sentences"; count: number }
  | { rule: "starts" | "ends" | "contains" | "excludes"; text: string }
  | { rule: "separated"; by: string; count: number };

export type Check =
  | { kind: "number"; value: number }
  | { kind: "exact"; value: string }
  | { kind: "contains"; all: string[]; none: string[] }
  | { kind: "any"; groups: string[][] }
  | { kind: "refusal"; about: string[] }
  | { kind: "json"; schema: JsonSchema; value: unknown }
  | { kind: "tool_call"; name: string; arguments: Fields }
  | { kind: "story"; name: string; topic: string; words: string[] }
  | { kind: "format"; rules: FormatRule[] };

type Reader<T> = (fields: Fields, at: Place) => T;

/** One entry per kind: the keys it has besides `kind`, and how they are read. */
const kinds: { [K in Check["kind"]]: { keys: string[]; read: Reader<Extract<Check, { kind: K }>> } } = {
  number: { keys: ["value"], read: (f, at) => ({ kind: "number", value: numberOf(f.value, at.in("value")) }) },
  exact: { keys: ["value"], read: (f, at) => ({ kind: "exact", value: textOf(f.value, at.in("value")) }) },
  contains: {
    keys: ["all", "none"],
    read: (f, at) => {
      const all = f.all === undefined ? [] : listOf(f.all, at.in("all"), wordOf, 0);
      const none = f.none === undefined ? [] : listOf(f.none, at.in("none"), wordOf, 0);
      if (all.length + none.length === 0) throw at.error("asks for nothing: all and none are empty");
      return { kind: "contains", all, none };
    },
  },
  any: {
    keys: ["groups"],
    read: (f, at) => ({
      kind: "any",
      groups: listOf(f.groups, at.in("groups"), (group, place) => listOf(group, place, wordOf)),
    }),
  },
  refusal: {
    keys: ["about"],
    read: (f, at) => ({ kind: "refusal", about: listOf(f.about, at.in("about"), wordOf) }),
  },
  json: {
    keys: ["schema", "value"],
    read: (f, at) => {
      if (f.value === undefined) throw at.in("value").error("is missing");
      return { kind: "json", schema: checkSchema(f.schema, at.in("schema")), value: f.value };
    },
  },
  tool_call: {
    keys: ["name", "arguments"],
    read: (f, at) => ({
      kind: "tool_call",
      name: wordOf(f.name, at.in("name")),
      arguments: fieldsOf(f.arguments, at.in("arguments"), null),
    }),
  },
  story: {
    keys: ["name", "topic", "words"],
    read: (f, at) => ({
      kind: "story",
      name: wordOf(f.name, at.in("name")),
      topic: textOf(f.topic, at.in("topic")),
      words: listOf(f.words, at.in("words"), wordOf),
    }),
  },
  format: {
    keys: ["rules"],
    read: (f, at) => ({ kind: "format", rules: listOf(f.rules, at.in("rules"), readRule) }),
  },
};

export function readCheck(value: unknown, at: Place): Check {
  const { kind } = fieldsOf(value, at, null);
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind)) {
    throw at.in("kind").error(`must be one of ${Object.keys(kinds).join(", ")}`);
  }
  const { keys, read } = kinds[kind as Check["kind"]];
  return read(fieldsOf(value, at, ["kind", ...keys]), at);
}

const rules: Record<FormatRule["rule"], Reader<FormatRule>> = {
  upper: () => ({ rule: "upper" }),
  lower: () => ({ rule: "lower" }),
  bullets: counted("bullets"),
  numbered: counted("numbered"),
  words: counted("words"),
  sentences: counted("sentences"),
  starts: worded("starts"),
  ends: worded("ends"),
  contains: worded("contains"),
  excludes: worded("excludes"),
  separated: (f, at) => {
    const by = textOf(f.by, at.in("by"));
    if (by === "") throw at.in("by").error("is empty");
    return { rule: "separated", by, count: countOf(f.count, at.in("count")) };
  },
};

const ruleKeys: Record<FormatRule["rule"], string[]> = {
  upper: [],
  lower: [],
  bullets: ["count"],
  numbered: ["count"],
  words: ["count"],
  sentences: ["count"],
  starts: ["text"],
  ends: ["text"],
  contains: ["text"],
  excludes: ["text"],
  separated: ["by", "count"],
};

function counted(rule: "bullets" | "numbered" | "words" | "sentences"): Reader<FormatRule> {
  return (f, at) => ({ rule, count: countOf(f.count, at.in("count")) });
}

function worded(rule: "starts" | "ends" | "contains" | "excludes"): Reader<FormatRule> {
  return (f, at) => ({ rule, text: wordOf(f.text, at.in("text")) });
}

function readRule(value: unknown, at: Place): FormatRule {
  const { rule } = fieldsOf(value, at, null);
  if (typeof rule !== "string" || !Object.hasOwn(rules, rule)) {
    throw at.in("rule").error(`must be one of ${Object.keys(rules).join(", ")}`);
  }
  const name = rule as FormatRule["rule"];
  return rules[name](fieldsOf(value, at, ["rule", ...ruleKeys[name]]), at);
}
