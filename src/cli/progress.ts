/**
 * Progress on stderr for anything longer than a second: a cli-progress bar on a terminal, a plain line every few
 * seconds otherwise, nothing with --quiet. stdout stays the product's.
 */
import cliProgress from "cli-progress";
import { formatBytes } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Progress that ends within this time is never shown. */
const SHOW_AFTER_MS = 1000;
const PLAIN_LINE_EVERY_MS = 5000;

export type Unit = "bytes" | "tokens" | "items";

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

export function startProgress(terminal: Terminal, label: string, unit: Unit): Progress {
  if (terminal.quiet) return { update() {}, stop() {} };
  const startedAt = performance.now();
  const show = (n: number) => (unit === "bytes" ? formatBytes(n) : `${Math.round(n)} ${unit}`);
  return terminal.interactive ? drawBar(label, show, startedAt) : writeLines(terminal, label, show, startedAt);
}

function drawBar(label: string, show: (n: number) => string, startedAt: number): Progress {
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: `${label} [{bar}] {percentage}% {shown} of {whole}`,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  });
  let started = false;
  return {
    update(done, total) {
      const fields = { shown: show(done), whole: show(total) };
      if (!started && performance.now() - startedAt < SHOW_AFTER_MS) return;
      if (!started) bar.start(total, done, fields);
      started = true;
      bar.setTotal(total);
      bar.update(done, fields);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function writeLines(terminal: Terminal, label: string, show: (n: number) => string, startedAt: number): Progress {
  let lastAt = startedAt;
  return {
    update(done, total) {
      const now = performance.now();
      if (now - lastAt < PLAIN_LINE_EVERY_MS) return;
      lastAt = now;
      terminal.note(`${label}: ${show(done)} of ${show(total)}`);
    },
    stop() {},
  };
}
