/**
 * The family's tool-call dialect: one block of
 * `<tool_call>\n<function=NAME>\n<parameter=ARG>\nVALUE\n</parameter>\n</function>\n</tool_call>`, read strictly as it
 * grows, and its values converted as the tool declares them. Pure; reply-parser.ts finds the blocks in a reply.
 */
import type { ToolDefinition } from "./messages.ts";

export const callOpen = "<tool_call>";
const callClose = "</tool_call>";
const parameterOpen = "<parameter=";
const parameterClose = "\n</parameter>\n";
const functionClose = `</function>\n${callClose}`;

export interface ParsedToolCall {
  name: string;
  arguments: Record<string, unknown>;
  /** What does not fit the declared tools; the value of such an argument stays as it was written. */
  problems: string[];
}

/** A call as it was written: names and values are text. */
interface WrittenCall {
  name: string;
  values: Map<string, string>;
}

export type BlockOutcome =
  | { kind: "call"; written: WrittenCall; length: number }
  | { kind: "malformed"; reason: string; length: number };

/** Reads one block that begins with `<tool_call>`, piece by piece. Every character is looked at a bounded number of times. */
export class CallBlock {
  private text = "";
  private at = 0;
  private step: "open" | "name" | "body" | "argument" | "value" = "open";
  private reason: string | null = null;
  private name = "";
  private argument = "";
  /** Where the search for the end of a value or of a malformed block goes on. */
  private from = 0;
  private readonly values = new Map<string, string>();

  /** The outcome once the block is complete; `length` of all text pushed belongs to it. */
  push(piece: string): BlockOutcome | null {
    this.text += piece;
    while (this.reason === null) {
      const before = this.step;
      const at = this.at;
      const done = this.advance();
      if (done) return { kind: "call", written: { name: this.name, values: this.values }, length: this.at };
      if (this.step === before && this.at === at) break; // waits for more text
    }
    return this.reason === null ? null : this.skipMalformed(this.reason);
  }

  /** No more text comes: the block stays open. */
  finish(): BlockOutcome {
    const reason = this.reason ?? "the call does not end";
    return { kind: "malformed", reason, length: this.text.length };
  }

  /** One step of the grammar; true at the end of the block. */
  private advance(): boolean {
    switch (this.step) {
      case "open":
        if (this.take([`${callOpen}\n<function=`], "a function after <tool_call>") !== null) this.step = "name";
        return false;
      case "name":
        this.takeName((name) => {
          this.name = name;
          this.step = "body";
        });
        return false;
      case "body": {
        const tag = this.take([parameterOpen, functionClose], "a parameter or the end of the call");
        if (tag === parameterOpen) this.step = "argument";
        return tag === functionClose;
      }
      case "argument":
        this.takeName((name) => {
          if (this.values.has(name)) this.reason = `the argument ${name} is given twice`;
          this.argument = name;
          this.from = this.at;
          this.step = "value";
        });
        return false;
      case "value":
        this.takeValue();
        return false;
    }
  }

  /** Consumes whichever of `literals` comes next; null while it cannot be told yet. */
  private take(literals: string[], expected: string): string | null {
    for (const literal of literals) {
      if (!this.text.startsWith(literal, this.at)) continue;
      this.at += literal.length;
      return literal;
    }
    const rest = this.text.slice(this.at, this.at + 64);
    if (!literals.some((literal) => literal.startsWith(rest))) this.reason = `expected ${expected}`;
    return null;
  }

  /** NAME up to `>` and the line's end. */
  private takeName(then: (name: string) => void): void {
    const match = /[<>\n]/g;
    match.lastIndex = this.at;
    const end = match.exec(this.text)?.index;
    if (end === undefined) return;
    const name = this.text.slice(this.at, end);
    if (this.text[end] !== ">" || name.trim() === "") {
      this.reason = "a name is empty or not closed by >";
      return;
    }
    if (end + 1 === this.text.length) return;
    if (this.text[end + 1] !== "\n") {
      this.reason = `expected a new line after ${name}>`;
      return;
    }
    this.at = end + 2;
    then(name);
  }

  private takeValue(): void {
    const end = this.text.indexOf(parameterClose, this.from);
    if (end < 0) {
      this.from = Math.max(this.at, this.text.length - parameterClose.length + 1);
      return;
    }
    this.values.set(this.argument, this.text.slice(this.at, end));
    this.at = end + parameterClose.length;
    this.step = "body";
  }

  /** A malformed block reaches to the next closing tag. */
  private skipMalformed(reason: string): BlockOutcome | null {
    const end = this.text.indexOf(callClose, Math.max(this.from, this.at));
    if (end >= 0) return { kind: "malformed", reason, length: end + callClose.length };
    this.from = this.text.length - callClose.length + 1;
    return null;
  }
}

/** The call with its values as the tool of that name declares them. */
export function convertCall({ name, values }: WrittenCall, tools: ToolDefinition[]): ParsedToolCall {
  const tool = tools.find((candidate) => candidate.function.name === name);
  const problems: string[] = [];
  if (tool === undefined) problems.push(`there is no tool named ${name}`);
  const parameters = tool?.function.parameters ?? {};
  const declared = isObject(parameters.properties) ? parameters.properties : {};
  const { additionalProperties: others } = parameters;
  const open = tool === undefined || others === true || isObject(others);
  const entries: [string, unknown][] = [];
  for (const [argument, text] of values) {
    const known = Object.hasOwn(declared, argument);
    if (!known && !open) problems.push(`${name} has no argument ${argument}`);
    const converted = convertValue(text, known ? typesOf(declared[argument]) : null);
    if ("problem" in converted) problems.push(`the argument ${argument} ${converted.problem}`);
    entries.push([argument, "problem" in converted ? text : converted.value]);
  }
  for (const required of Array.isArray(parameters.required) ? parameters.required : []) {
    if (!values.has(String(required))) problems.push(`the argument ${required} is missing`);
  }
  return { name, arguments: Object.fromEntries(entries), problems };
}

/** Types a schema allows; null where it does not say. */
function typesOf(schema: unknown): Set<string> | null {
  if (!isObject(schema)) return null;
  if (typeof schema.type === "string") return new Set([schema.type]);
  if (Array.isArray(schema.type)) return new Set(schema.type.map(String));
  if (Array.isArray(schema.enum)) return new Set(schema.enum.map(typeOf));
  if (Object.hasOwn(schema, "const")) return new Set([typeOf(schema.const)]);
  const branches = schema.anyOf ?? schema.oneOf;
  if (!Array.isArray(branches) || branches.length === 0) return null;
  const types = branches.map(typesOf);
  return types.some((set) => set === null) ? null : new Set(types.flatMap((set) => [...set!]));
}

/** Text where text is declared; JSON for everything else. Where both are, JSON of the other types comes first. */
function convertValue(text: string, types: Set<string> | null): { value: unknown } | { problem: string } {
  if (types?.size === 1 && types.has("string")) return { value: text };
  const parsed = parseJson(text);
  if (types === null) return { value: parsed === undefined || typeof parsed === "string" ? text : parsed };
  if (parsed !== undefined && typeof parsed !== "string") {
    const type = typeOf(parsed);
    if (types.has(type) || (type === "integer" && types.has("number"))) return { value: parsed };
  }
  return types.has("string") ? { value: text } : { problem: `is no ${[...types].join(" or ")}` };
}

/** Undefined for what is no JSON, or holds a whole number that a double cannot. */
function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "number" && !Number.isFinite(value)) return undefined;
    return Number.isInteger(value) && !Number.isSafeInteger(value) && !/[.e]/i.test(text) ? undefined : value;
  } catch {
    return undefined;
  }
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
