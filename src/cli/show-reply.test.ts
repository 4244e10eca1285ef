/** How a reply is printed: thoughts aside, the answer as the product, however the text is sliced. */
import { describe, expect, test } from "bun:test";
import { printText, printTurn, type ReplyPrinter } from "./show-reply.ts";
import type { Terminal } from "./terminal.ts";

function printed(make: (terminal: Terminal) => ReplyPrinter, pieces: string[]): { out: string; aside: string } {
  let out = "";
  let aside = "";
  const printer = make({
    quiet: false,
    interactive: false,
    open: true,
    write(text) {
      out += text;
    },
    aside(text) {
      aside += text;
    },
    note(line) {
      aside += `${line}\n`;
    },
  });
  for (const piece of pieces) printer.push(piece);
  printer.end();
  return { out, aside };
}

/** Whole, by characters, and in threes. */
function everySlice(text: string, openThought: boolean): { out: string; aside: string } {
  const turn = (terminal: Terminal) => printTurn(terminal, openThought);
  const whole = printed(turn, [text]);
  expect(printed(turn, [...text])).toEqual(whole);
  expect(printed(turn, text.match(/[\s\S]{1,3}/g) ?? [])).toEqual(whole);
  return whole;
}

describe("a turn", () => {
  const thought = { out: "It is 42.\n", aside: "<think>\n12 + 30 is 42.\n</think>\n\n" };

  test("has its thought aside with both marks, whoever opened it", () => {
    expect(everySlice("12 + 30 is 42.\n</think>\n\nIt is 42.", true)).toEqual(thought);
    expect(everySlice("<think>\n12 + 30 is 42.\n</think>\n\nIt is 42.", false)).toEqual(thought);
    expect(everySlice("\n\n12 + 30 is 42.</think>It is 42.\n", true)).toEqual(thought);
  });

  test("without a thought, or with an empty one, is its answer and nothing aside", () => {
    expect(everySlice("It is 42.", false)).toEqual({ out: "It is 42.\n", aside: "" });
    expect(everySlice("\n</think>\n\nIt is 42.", true)).toEqual({ out: "It is 42.\n", aside: "" });
    expect(everySlice("", false)).toEqual({ out: "", aside: "" });
  });

  test("that ended while it thought has no answer, which is said", () => {
    const unfinished = "<think>\n12 + 30\nflashmoe: the reply ended within its thought, before an answer.\n";
    expect(everySlice("12 + 30", true)).toEqual({ out: "", aside: unfinished });
    expect(everySlice("12 + 30\n", true)).toEqual({ out: "", aside: unfinished });
    expect(everySlice("12 + 30 </thi", true).aside).toStartWith("<think>\n12 + 30 </thi\nflashmoe:");
  });

  test("keeps calls as they were written, finished or not", () => {
    const call = "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>";
    expect(everySlice(`hm</think>\n\nWait. ${call}`, true)).toEqual({
      out: `Wait. ${call}\n`,
      aside: "<think>\nhm\n</think>\n\n",
    });
    expect(everySlice(`${call}\nand ${call.slice(0, 30)}`, false).out).toBe(`${call}\nand ${call.slice(0, 30)}\n`);
    expect(everySlice("<tool_call>no call</tool_call> it said", false).out).toBe(
      "<tool_call>no call</tool_call> it said\n",
    );
  });
});

test("text that is no turn is printed as it is, marks and all", () => {
  const text = "a thought\n</think>\n\nan answer";
  expect(printed(printText, [...text])).toEqual({ out: `${text}\n`, aside: "" });
});
