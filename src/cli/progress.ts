/**
 * Progress on stderr for anything longer than a second: a cli-progress bar on a terminal, a plain line every few
 * seconds otherwise, nothing with --quiet. No colours, so NO_COLOR has nothing to forbid. stdout stays the product's.
 */
import type { SingleBar } from "cli-progress";
import { formatBytes } from "./format.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Progress that ends within this time is never shown. */
const SHOW_AFTER_MS = 1000;
const PLAIN_LINE_EVERY_MS = 5000;

export type Unit = "bytes" | "tokens" | "items";

export interface Progress {
  update(done: number, total: number): void;
  /** May be called more than once. */
  stop(): void;
}

/** `now` and `stream` are the clock and the terminal, which tests replace. */
export function startProgress(
  terminal: Terminal,
  label: string,
  unit: Unit,
  now: () => number = () => performance.now(),
  stream: () => NodeJS.WriteStream = () => process.stderr,
): Progress {
  if (terminal.quiet) return { update() {}, stop() {} };
  const show = (n: number) => (unit === "bytes" ? formatBytes(n) : `${Math.round(n)} ${unit}`);
  return terminal.interactive ? drawBar(printable(label), show, now, stream) : writeLines(terminal, label, show, now);
}

type Show = (n: number) => string;

function drawBar(label: string, show: Show, now: () => number, stream: () => NodeJS.WriteStream): Progress {
  const startedAt = now();
  let bar: SingleBar | null = null;
  let loading = false;
  let stopped = false;
  let latest: [done: number, total: number] = [0, 0];
  const draw = () => {
    const [done, total] = latest;
    const fields = { shown: show(done), whole: show(total) };
    bar?.setTotal(total);
    bar?.update(done, fields);
  };
  const load = async () => {
    loading = true;
    const { default: cliProgress } = await import("cli-progress"); // most runs end before they need it
    if (stopped) return;
    bar = new cliProgress.SingleBar(barOptions(label, stream()));
    bar.start(latest[1], latest[0], { shown: show(latest[0]), whole: show(latest[1]) });
  };
  return {
    update(done, total) {
      latest = [done, total];
      if (bar !== null) draw();
      else if (!loading && !stopped && now() - startedAt >= SHOW_AFTER_MS) void load();
    },
    stop() {
      stopped = true;
      bar?.stop();
      bar = null;
    },
  };
}

function barOptions(label: string, stream: NodeJS.WriteStream) {
  return {
    stream,
    format: `${label.replaceAll("{", "(").replaceAll("}", ")")} [{bar}] {percentage}% {shown} of {whole}`,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  };
}

function writeLines(terminal: Terminal, label: string, show: Show, now: () => number): Progress {
  let lastAt = now();
  return {
    update(done, total) {
      const at = now();
      if (at - lastAt < PLAIN_LINE_EVERY_MS) return;
      lastAt = at;
      terminal.note(`${label}: ${show(done)} of ${show(total)}`);
    },
    stop() {},
  };
}
