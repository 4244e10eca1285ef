/** A file that is written piece by piece to a temporary name, then synced and renamed: its name never holds half of it. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { usage } from "./usage.ts";

export class OutputFile {
  private descriptor: number | null = null;
  private readonly partial: string;

  /** Refuses a target that could not be written; touches nothing yet. */
  constructor(readonly path: string) {
    this.partial = `${path}.partial`;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw usage(`${path} is a directory.`, "Give the name of a file.");
    }
    try {
      accessSync(dirname(path), constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw usage(`${path} cannot be written (${codeOf(cause)}).`, "Give a file in a directory that is yours.", cause);
    }
  }

  begin(): void {
    this.attempt(() => {
      this.descriptor = openSync(this.partial, "w");
    });
  }

  write(bytes: Uint8Array): void {
    const { descriptor } = this;
    if (descriptor === null) throw new RangeError("the file was not begun");
    this.attempt(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    });
  }

  finish(): void {
    const { descriptor } = this;
    if (descriptor === null) throw new RangeError("the file was not begun");
    this.attempt(() => {
      fsyncSync(descriptor);
      renameSync(this.partial, this.path);
      this.descriptor = null;
      closeSync(descriptor);
    });
  }

  /** All at once. */
  writeText(text: string): void {
    try {
      this.begin();
      this.write(new TextEncoder().encode(text));
      this.finish();
    } finally {
      this.abandon();
    }
  }

  /** Leaves nothing behind of a file that was not finished. */
  abandon(): void {
    if (this.descriptor === null) return;
    closeSync(this.descriptor);
    this.descriptor = null;
    rmSync(this.partial, { force: true });
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (cause) {
      throw new FlashmoeError("io_failed", `${this.path} cannot be written (${codeOf(cause)}).`, {
        hint: "Check the free space and the permissions.",
        cause,
      });
    }
  }
}

/** ENOSPC, EACCES and the like, for messages. */
export function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? "unknown";
}
