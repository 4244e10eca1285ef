/** The format rules of the suite: what an instruction about form asks of the whole answer. Pure. */
import type { FormatRule } from "./checks.ts";
import { holds, sentencesOf } from "./match.ts";

/** Null when the rule holds, else what is seen instead. `answer` is trimmed. */
export function formatProblem(answer: string, rule: FormatRule): string | null {
  switch (rule.rule) {
    case "upper":
      return caseProblem(answer, /\p{Ll}/u, "a lower-case letter");
    case "lower":
      return caseProblem(answer, /\p{Lu}/u, "an upper-case letter");
    case "bullets":
      return countProblem(linesLike(answer, /^[-*•]\s+\S/).length, rule.count, "bullets");
    case "numbered":
      return numberedProblem(answer, rule.count);
    case "words":
      return countProblem(answer.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length, rule.count, "words");
    case "sentences":
      return countProblem(sentencesOf(answer).length, rule.count, "sentences");
    case "starts":
      return answer.startsWith(rule.text.trim()) ? null : `does not start with ${JSON.stringify(rule.text)}`;
    case "ends":
      return answer.endsWith(rule.text.trim()) ? null : `does not end with ${JSON.stringify(rule.text)}`;
    case "contains":
      return holds(answer, rule.text) ? null : `does not contain ${JSON.stringify(rule.text)}`;
    case "excludes":
      return holds(answer, rule.text) ? `contains ${JSON.stringify(rule.text)}` : null;
    case "separated": {
      const parts = answer.split(rule.by);
      if (parts.some((part) => part.trim() === "")) return `has an empty part between ${JSON.stringify(rule.by)}`;
      return countProblem(parts.length, rule.count, "parts");
    }
  }
}

/** A text without letters has no case. */
function caseProblem(answer: string, wrong: RegExp, what: string): string | null {
  if (!/\p{L}/u.test(answer)) return "has no letters";
  return wrong.test(answer) ? `has ${what}` : null;
}

function countProblem(seen: number, wanted: number, what: string): string | null {
  return seen === wanted ? null : `has ${seen} ${what}, not ${wanted}`;
}

/** Lines 1. to `count`. in order, and no other numbered line. */
function numberedProblem(answer: string, count: number): string | null {
  const numbers = linesLike(answer, /^\d+[.)]\s+\S/).map((line) => Number.parseInt(line, 10));
  if (numbers.some((number, index) => number !== index + 1)) return `is numbered ${numbers.join(", ")}`;
  return countProblem(numbers.length, count, "numbered lines");
}

function linesLike(answer: string, pattern: RegExp): string[] {
  return answer
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => pattern.test(line));
}
