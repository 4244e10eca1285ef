/**
 * What the process may write and where: stdout is the product, stderr is everything else. A reader that goes away
 * (EPIPE, as in `flashmoe run ... | head -1`) ends the output, it is no error of ours.
 */
import { writeSync } from "node:fs";

export interface Terminal {
  readonly quiet: boolean;
  /** stderr is a terminal that can be redrawn. */
  readonly interactive: boolean;
  /** False once the reader of stdout has gone away. */
  readonly open: boolean;
  /** Product bytes to stdout. */
  write(text: string): void;
  /** One line to stderr unless --quiet. */
  note(line: string): void;
}

export function createTerminal(options: { quiet: boolean }): Terminal {
  let open = true;
  return {
    quiet: options.quiet,
    interactive: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    get open() {
      return open;
    },
    write(text) {
      if (open) open = writeAll(1, text);
    },
    note(line) {
      if (!options.quiet) writeAll(2, `${line}\n`);
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
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EAGAIN") {
        // The pipe is full and non-blocking: give its reader a moment.
        Bun.sleepSync(1);
        continue;
      }
      if (code === "EPIPE") return false;
      throw error;
    }
  }
  return true;
}
