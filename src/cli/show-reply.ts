/**
 * A reply as `run` prints it: the answer is the product, the thought before it is said aside, between the lines `<think>`
 * and `</think>` whether or not the prompt had opened it. Tool calls belong to the answer, as they were written.
 */
import { ReplyParser, type ReplyPart } from "../chat/reply-parser.ts";
import type { Terminal } from "./terminal.ts";

export interface ReplyPrinter {
  push(text: string): void;
  /** The reply has ended: lines are completed. */
  end(): void;
}

/** Text that is no turn of a chat has no parts. */
export function printText(terminal: Terminal): ReplyPrinter {
  let last = "";
  return {
    push(text) {
      if (text === "") return;
      terminal.write(text);
      last = text;
    },
    end() {
      if (last !== "" && !last.endsWith("\n")) terminal.write("\n");
    },
  };
}

/** `openThought`: the prompt ended inside a thought. */
export function printTurn(terminal: Terminal, openThought: boolean): ReplyPrinter {
  const parser = new ReplyParser({ insideThought: openThought });
  const answer = printText(terminal);
  let thought = "";
  const closeThought = () => {
    if (thought !== "") terminal.aside(`${thought.endsWith("\n") ? "" : "\n"}</think>\n\n`);
    thought = "";
  };
  const think = (text: string) => {
    const shown = thought === "" ? text.trimStart() : text;
    if (shown === "") return;
    terminal.aside(thought === "" ? `<think>\n${shown}` : shown);
    thought = shown;
  };
  const show = (parts: ReplyPart[]) => {
    for (const part of parts) {
      if (part.kind === "thought") think(part.text);
      else {
        closeThought();
        answer.push(part.text);
      }
    }
  };
  return {
    push: (text) => show(parser.push(text)),
    end() {
      const unfinished = parser.thinking;
      show(parser.finish());
      if (unfinished && thought !== "") {
        terminal.aside(thought.endsWith("\n") ? "" : "\n");
        terminal.note("flashmoe: the reply ended within its thought, before an answer.");
      } else closeThought();
      answer.end();
    },
  };
}
