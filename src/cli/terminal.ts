/**
 * What the process may write and where: stdout is the product, stderr is everything else. A reader that goes away
 * (EPIPE, as in `flashmoe run ... | head -1`) ends the output, it is no error of ours.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { FlashmoeError } from "../errors.ts";

export interface Terminal {
  readonly quiet: boolean;
  /** stderr is a terminal that can be redrawn. */
  readonly interactive: boolean;
  /** False once the reader of stdout has gone away. */
  readonly open: boolean;
  /** Product bytes to stdout: as they are to a file or a pipe, without control characters to a terminal. */
  write(text: string): void;
  /** Text of a model that is not the product, to stderr unless --quiet; harmless to a terminal as with `write`. */
  aside(text: string): void;
  /** One line to stderr unless --quiet. */
  note(line: string): void;
}

export function createTerminal(options: { quiet: boolean }): Terminal {
  const toTerminal = isatty(1);
  const asideToTerminal = isatty(2);
  let open = true;
  return {
    quiet: options.quiet,
    interactive: isatty(2) && process.env.TERM !== "dumb",
    get open() {
      return open;
    },
    write(text) {
      if (open) open = writeAll(1, toTerminal ? visible(text) : text);
    },
    aside(text) {
      if (!options.quiet) writeAll(2, asideToTerminal ? visible(text) : text);
    },
    note(line) {
      if (!options.quiet) writeAll(2, `${printable(line)}\n`);
    },
  };
}

/** Writes everything, waiting for slow readers; false when nobody reads any more. */
export function writeAll(descriptor: 1 | 2, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (cause) {
      const { code = "unknown" } = cause as NodeJS.ErrnoException;
      if (code === "EAGAIN") {
        // The pipe is full and non-blocking: give its reader a moment.
        Bun.sleepSync(1);
        continue;
      }
      // What cannot be said on stderr must not end the work.
      if (code === "EPIPE" || descriptor === 2) return false;
      throw new FlashmoeError("io_failed", `standard output cannot be written (${code}).`, {
        hint: "Check the disk or the program that reads it.",
        cause,
      });
    }
  }
  return true;
}

/** Text from outside for one line of a terminal: line breaks become spaces, control and invisible characters are spelled out. */
export function printable(text: string): string {
  return text.replace(/[\t\r\n]+/g, " ").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
  });
}

/** A reply for a terminal: a model must not move the cursor or speak to the terminal. Control characters are shown as pictures. */
export function visible(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}/gu, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}
