/** The items of a suite: one JSON object a line, checked field by field; errors name the line and the field. Pure. */
import type { ChatMessage, ToolCall, ToolDefinition } from "../chat/messages.ts";
import { isJsonObject, parseStrictJson } from "../models/strict-json.ts";
import { type Check, readCheck } from "./checks.ts";
import { booleanOf, countOf, fieldsOf, listOf, Place, textOf, wordOf } from "./fields.ts";
import { checkSchema } from "./json-schema.ts";

export interface SuiteItem {
  id: string;
  task: string;
  messages: ChatMessage[];
  tools: ToolDefinition[];
  /** Asks the template for thoughts before the answer. */
  think: boolean;
  maxTokens: number;
  check: Check;
}

/** An answer made elsewhere, or by an earlier run. */
export interface Answer {
  id: string;
  /** What the model wrote, thoughts included. */
  text: string;
  tokens: number[] | null;
  /** The prompt ended inside an open thought; null where the file does not say. */
  openThought: boolean | null;
}

const itemKeys = ["id", "task", "messages", "tools", "think", "max_tokens", "check"];

/** `from` is the file's name, for messages. */
export function parseSuite(text: string, from: string): SuiteItem[] {
  const items = parseLines(text, from, readItem);
  refuseTwins(items, from);
  return items;
}

export function parseAnswers(text: string, from: string): Answer[] {
  const answers = parseLines(text, from, readAnswer);
  refuseTwins(answers, from);
  return answers;
}

function parseLines<T>(text: string, from: string, read: (value: unknown, at: Place) => T): T[] {
  const results: T[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const at = new Place(`${from} line ${index + 1}`);
    results.push(read(parseLine(line, at), at));
  }
  if (results.length === 0) throw new Place(from).error("holds no lines");
  return results;
}

function parseLine(line: string, at: Place): unknown {
  try {
    return parseStrictJson(line);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.replace(" line 1,", "") : String(cause);
    throw at.error(`is no JSON: ${what}`);
  }
}

function refuseTwins(entries: { id: string }[], from: string): void {
  const seen = new Set<string>();
  for (const { id } of entries) {
    if (seen.has(id)) throw new Place(from).error(`has two entries with the id ${id}`);
    seen.add(id);
  }
}

function readItem(value: unknown, at: Place): SuiteItem {
  const item = fieldsOf(value, at, itemKeys);
  const messages = listOf(item.messages, at.in("messages"), readMessage);
  if (messages.at(-1)!.role === "assistant") throw at.in("messages").error("ends with an answer already");
  const tools = item.tools === undefined ? [] : listOf(item.tools, at.in("tools"), readTool);
  const check = readCheck(item.check, at.in("check"));
  if (check.kind === "tool_call" && !tools.some((tool) => tool.function.name === check.name)) {
    throw at.in("check").in("name").error(`names no tool of the item: ${check.name}`);
  }
  return {
    id: wordOf(item.id, at.in("id")),
    task: wordOf(item.task, at.in("task")),
    messages,
    tools,
    think: item.think === undefined ? false : booleanOf(item.think, at.in("think")),
    maxTokens: countOf(item.max_tokens, at.in("max_tokens")),
    check,
  };
}

const roles = ["system", "user", "assistant", "tool"] as const;
const messageKeys = ["role", "content", "reasoning_content", "tool_calls", "tool_call_id"];

function readMessage(value: unknown, at: Place): ChatMessage {
  const fields = fieldsOf(value, at, messageKeys);
  const role = roles.find((known) => known === fields.role);
  if (role === undefined) throw at.in("role").error(`must be one of ${roles.join(", ")}`);
  const message: ChatMessage = { role, content: textOf(fields.content, at.in("content")) };
  const onlyFor = (key: string, owner: string) => {
    if (fields[key] !== undefined && role !== owner) throw at.in(key).error(`belongs to the role ${owner}`);
    return fields[key] !== undefined;
  };
  if (onlyFor("reasoning_content", "assistant")) {
    message.reasoning_content = textOf(fields.reasoning_content, at.in("reasoning_content"));
  }
  if (onlyFor("tool_calls", "assistant")) {
    message.tool_calls = listOf(fields.tool_calls, at.in("tool_calls"), readToolCall);
  }
  if (onlyFor("tool_call_id", "tool")) message.tool_call_id = textOf(fields.tool_call_id, at.in("tool_call_id"));
  return message;
}

function readToolCall(value: unknown, at: Place): ToolCall {
  const fields = fieldsOf(value, at, ["type", "id", "function"]);
  if (fields.type !== undefined && fields.type !== "function") throw at.in("type").error('must be "function"');
  const called = fieldsOf(fields.function, at.in("function"), ["name", "arguments"]);
  const call: ToolCall = {
    type: "function",
    function: {
      name: wordOf(called.name, at.in("function").in("name")),
      arguments: fieldsOf(called.arguments, at.in("function").in("arguments"), null),
    },
  };
  if (fields.id !== undefined) call.id = textOf(fields.id, at.in("id"));
  return call;
}

function readTool(value: unknown, at: Place): ToolDefinition {
  const fields = fieldsOf(value, at, ["type", "function"]);
  if (fields.type !== "function") throw at.in("type").error('must be "function"');
  const where = at.in("function");
  const told = fieldsOf(fields.function, where, ["name", "description", "parameters", "strict"]);
  const definition: ToolDefinition["function"] = { name: wordOf(told.name, where.in("name")) };
  if (told.description !== undefined) definition.description = textOf(told.description, where.in("description"));
  if (told.parameters !== undefined) {
    const parameters = checkSchema(told.parameters, where.in("parameters"));
    if (!isJsonObject(parameters as never)) throw where.in("parameters").error("must be an object");
    definition.parameters = parameters as Record<string, unknown>;
  }
  return { type: "function", function: definition };
}

function readAnswer(value: unknown, at: Place): Answer {
  const fields = fieldsOf(value, at, ["id", "text", "tokens", "open_thought"]);
  return {
    id: wordOf(fields.id, at.in("id")),
    text: textOf(fields.text, at.in("text")),
    tokens:
      fields.tokens === undefined || fields.tokens === null
        ? null
        : listOf(fields.tokens, at.in("tokens"), (id, place) => countOf(id, place, 0), 0),
    openThought: fields.open_thought === undefined ? null : booleanOf(fields.open_thought, at.in("open_thought")),
  };
}
