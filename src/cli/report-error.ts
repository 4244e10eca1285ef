/** Any failure -> one line with a hint on stderr and an exit code; the stack only with --debug. */
import { CommanderError } from "commander";
import { exitCodeOf, FlashmoeError } from "../errors.ts";
import { writeAll } from "./terminal.ts";

export function reportError(error: unknown, debug: boolean): number {
  // commander has already said on stderr what is wrong; help and version end well.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof FlashmoeError) {
    if (error.code !== "cancelled") writeAll(2, describe(error));
  } else {
    const message = error instanceof Error ? error.message : String(error);
    writeAll(2, `flashmoe: unexpected error: ${message}\n  hint: run again with --debug and report what it prints\n`);
  }
  if (debug && error instanceof Error) writeAll(2, `${stackOf(error)}\n`);
  return exitCodeOf(error);
}

function describe(error: FlashmoeError): string {
  // One line: control characters of a file name or a JSON excerpt must not redraw the terminal.
  const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, " ");
  const hint = error.hint === "" ? "" : `  hint: ${oneLine(error.hint)}\n`;
  return `flashmoe: ${oneLine(error.message)}\n${hint}`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
