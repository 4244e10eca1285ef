/** Any failure -> one line with a hint on stderr and an exit code; the stack only with --debug. */
import { exitCodeOf, FlashmoeError } from "../errors.ts";
import { printable, writeAll } from "./terminal.ts";

export function reportError(error: unknown, debug: boolean): number {
  // Help and version end a command line too; commander has written them. Help for lack of a command is an error.
  if (isCommanderExit(error)) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof FlashmoeError) {
    if (error.code !== "cancelled") say(error.message, error.hint);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    say(`unexpected error: ${message}`, "run again with --debug and report what it prints");
  }
  if (debug && error instanceof Error) writeAll(2, `${stackOf(error)}\n`);
  return exitCodeOf(error);
}

function isCommanderExit(error: unknown): error is { exitCode: number } {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}

function say(message: string, hint: string): void {
  writeAll(2, `flashmoe: ${printable(message.trim())}\n${hint === "" ? "" : `  hint: ${printable(hint)}\n`}`);
}

/** Of the error and its causes, line by line: a message with control characters must not redraw the terminal. */
function stackOf(error: Error): string {
  const own = (error.stack ?? error.message).split("\n").map(printable).join("\n");
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
