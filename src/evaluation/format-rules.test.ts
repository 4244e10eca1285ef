import { expect, test } from "bun:test";
import type { FormatRule } from "./checks.ts";
import { formatProblem } from "./format-rules.ts";

const cases: [FormatRule, string[], [string, string][]][] = [
  [
    { rule: "upper" },
    ["HELLO, 7!", "É"],
    [
      ["HELLo", "has a lower-case letter"],
      ["7!", "has no letters"],
    ],
  ],
  [
    { rule: "lower" },
    ["hello, 7!"],
    [
      ["Hello", "has an upper-case letter"],
      ["", "has no letters"],
    ],
  ],
  [
    { rule: "bullets", count: 2 },
    ["- a\n- b", "Two things:\n\n* a\n• b", "  - a\n  - b"],
    [
      ["- a", "has 1 bullets, not 2"],
      ["- a\n- b\n- c", "has 3 bullets, not 2"],
      ["-a\n-b", "has 0 bullets, not 2"],
    ],
  ],
  [
    { rule: "numbered", count: 3 },
    ["1. a\n2. b\n3. c", "Here:\n1) a\n2) b\n3) c"],
    [
      ["1. a\n2. b", "has 2 numbered lines, not 3"],
      ["1. a\n3. b\n2. c", "is numbered 1, 3, 2"],
      ["2. a\n3. b\n4. c", "is numbered 2, 3, 4"],
      ["1. a\n1. b\n1. c", "is numbered 1, 1, 1"],
    ],
  ],
  [
    { rule: "words", count: 3 },
    ["One two three.", "one - two, three!"],
    [
      ["One two", "has 2 words, not 3"],
      ["a b c d", "has 4 words, not 3"],
    ],
  ],
  [
    { rule: "sentences", count: 2 },
    ["One. Two!", "Mr. Fox ran. He hid."],
    [
      ["One.", "has 1 sentences, not 2"],
      ["A. B. C.", "has 3 sentences, not 2"],
    ],
  ],
  [{ rule: "starts", text: "Yes" }, ["Yes, sir"], [["yes", 'does not start with "Yes"']]],
  [{ rule: "ends", text: "over." }, ["It is over."], [["It is over", 'does not end with "over."']]],
  [{ rule: "contains", text: "fox" }, ["The Fox."], [["The foxes.", 'does not contain "fox"']]],
  [{ rule: "excludes", text: "fox" }, ["The foxes."], [["A fox", 'contains "fox"']]],
  [
    { rule: "separated", by: ", ", count: 3 },
    ["a, b, c"],
    [
      ["a, b", "has 2 parts, not 3"],
      ["a,b,c", "has 1 parts, not 3"],
      ["a, , c", 'has an empty part between ", "'],
    ],
  ],
];

for (const [rule, good, bad] of cases) {
  test.each(good)(`${rule.rule} holds: %j`, (answer) => expect(formatProblem(answer, rule)).toBeNull());
  test.each(bad)(`${rule.rule} is broken: %j`, (answer, problem) => expect(formatProblem(answer, rule)).toBe(problem));
}
