/** Errors about how a command was called: exit code 2. `message` names the cause, `hint` the next step. */
import { FlashmoeError } from "../errors.ts";

export function usage(message: string, hint: string, cause?: unknown): FlashmoeError {
  return new FlashmoeError("usage", message, { hint, cause });
}

/** A value from the command line as a message shows it: in quotes, shortened when long. */
export function quoted(text: string): string {
  return `"${text.length > 60 ? `${text.slice(0, 57)}...` : text}"`;
}
