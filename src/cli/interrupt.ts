/** Ctrl+C and SIGTERM as an AbortSignal: the first stops the work in order, the second ends the process at once. */
import { isatty } from "node:tty";
import { writeAll } from "./terminal.ts";

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

const SHOW_CURSOR = "\x1b[?25h";

export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => {
    process.off("SIGINT", handle);
    process.off("SIGTERM", handle);
  };
  const handle = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) return controller.abort();
    // Asked twice: the system's own action ends the process, with the cursor a progress bar may have hidden.
    release();
    if (isatty(2)) writeAll(2, SHOW_CURSOR);
    process.kill(process.pid, signal);
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return { signal: controller.signal, [Symbol.dispose]: release };
}
