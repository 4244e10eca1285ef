/** Grades one answer: right or not, for JSON and tool calls also whether it is well formed, and why not. Pure. */
import { parseReply, splitThought } from "../chat/reply-parser.ts";
import type { Check } from "./checks.ts";
import { formatProblem } from "./format-rules.ts";
import type { SuiteItem } from "./items.ts";
import { jsonEqual } from "./json-equal.ts";
import { schemaProblem } from "./json-schema.ts";
import { holds, lastNumber } from "./match.ts";
import { refusalProblem } from "./refusal.ts";
import { storyProblems } from "./story.ts";

export interface Grade {
  correct: boolean;
  /** JSON that satisfies its schema, a call that fits its tool; null for other checks. */
  wellFormed: boolean | null;
  /** Why it is not correct. */
  reason: string | null;
}

/** `text` is what the model wrote; `insideThought`: its prompt ended inside an open thought. */
export function grade(item: SuiteItem, text: string, insideThought: boolean): Grade {
  const { check } = item;
  if (check.kind === "tool_call") return gradeCall(item, check, text, insideThought);
  const { thought, answer } = splitThought(text, insideThought);
  if (check.kind === "json") return gradeJson(check, answer);
  if (answer === "")
    return verdict(null, thought === null ? "the answer is empty" : "there is no answer after the thought");
  return verdict(null, problemOf(check, answer, item));
}

function verdict(wellFormed: boolean | null, reason: string | null): Grade {
  return { correct: reason === null, wellFormed, reason };
}

function problemOf(
  check: Exclude<Check, { kind: "json" | "tool_call" }>,
  answer: string,
  item: SuiteItem,
): string | null {
  switch (check.kind) {
    case "number": {
      const seen = lastNumber(answer);
      return seen === check.value ? null : `the last number is ${seen ?? "missing"}, not ${check.value}`;
    }
    case "exact":
      return collapse(answer) === collapse(check.value) ? null : `is not ${JSON.stringify(check.value)}`;
    case "contains": {
      const missing = check.all.find((words) => !holds(answer, words));
      if (missing !== undefined) return `${JSON.stringify(missing)} is missing`;
      const unwanted = check.none.find((words) => holds(answer, words));
      return unwanted === undefined ? null : `${JSON.stringify(unwanted)} must not be there`;
    }
    case "any": {
      const missing = check.groups.find((group) => !group.some((words) => holds(answer, words)));
      return missing === undefined ? null : `none of ${JSON.stringify(missing)} is there`;
    }
    case "refusal":
      return refusalProblem(answer, check.about, item.messages.map(({ content }) => content ?? "").join("\n"));
    case "story":
      return storyProblems(answer, check)[0] ?? null;
    case "format":
      return check.rules.map((rule) => formatProblem(answer, rule)).find((problem) => problem !== null) ?? null;
  }
}

function collapse(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

function gradeJson(check: Extract<Check, { kind: "json" }>, answer: string): Grade {
  const body = /^```(?:json)?[ \t]*\n([\s\S]*?)\n?```$/.exec(answer)?.[1] ?? answer;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    return verdict(false, `is no JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  const problem = schemaProblem(check.schema, value);
  if (problem !== null) return verdict(false, `breaks its schema: ${problem}`);
  return verdict(true, jsonEqual(value, check.value) ? null : `is not ${JSON.stringify(check.value)}`);
}

function gradeCall(
  item: SuiteItem,
  check: Extract<Check, { kind: "tool_call" }>,
  text: string,
  insideThought: boolean,
): Grade {
  const { calls, malformed, thoughtEnded } = parseReply(text, { tools: item.tools, insideThought });
  if (malformed.length > 0) return verdict(false, `a malformed call: ${malformed[0]!.reason}`);
  if (!thoughtEnded) return verdict(false, "there is no answer after the thought");
  const [call, ...more] = calls;
  if (call === undefined) return verdict(false, "there is no call");
  if (more.length > 0) return verdict(false, `there are ${calls.length} calls`);
  if (call.problems.length > 0) return verdict(false, call.problems.join("; "));
  if (call.name !== check.name) return verdict(true, `calls ${call.name}, not ${check.name}`);
  const equal = jsonEqual(call.arguments, check.arguments);
  return verdict(true, equal ? null : `the arguments are ${JSON.stringify(call.arguments)}`);
}
