/**
 * Progress on stderr for anything longer than a second: a cli-progress bar on a terminal, a plain line every few
 * seconds otherwise, nothing with --quiet; with the time left at the pace so far. No colours, so NO_COLOR has nothing to
 * forbid. stdout stays the product's.
 */
import type { SingleBar } from "cli-progress";
import { formatBytes, formatWait } from "./format.ts";
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

/** The time left as it is shown, from the first update on; nothing before there is a pace. */
function timeLeft(now: () => number): (done: number, total: number) => string {
  let first: { at: number; done: number } | null = null;
  return (done, total) => {
    first ??= { at: now(), done };
    const gained = done - first.done;
    if (gained <= 0 || done >= total) return "";
    return `, ${formatWait(((now() - first.at) / 1000 / gained) * (total - done))} left`;
  };
}

function drawBar(label: string, show: Show, now: () => number, stream: () => NodeJS.WriteStream): Progress {
  const startedAt = now();
  const leftOf = timeLeft(now);
  let bar: SingleBar | null = null;
  let loading = false;
  let stopped = false;
  let latest = { done: 0, total: 0, left: "" };
  const fields = () => ({ shown: show(latest.done), whole: show(latest.total), left: latest.left });
  const draw = () => {
    bar?.setTotal(latest.total);
    bar?.update(latest.done, fields());
  };
  const load = async () => {
    loading = true;
    const { default: cliProgress } = await import("cli-progress"); // most runs end before they need it
    if (stopped) return;
    bar = new cliProgress.SingleBar(barOptions(label, stream()));
    bar.start(latest.total, latest.done, fields());
  };
  return {
    update(done, total) {
      latest = { done, total, left: leftOf(done, total) };
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
    format: `${label.replaceAll("{", "(").replaceAll("}", ")")} [{bar}] {percentage}% {shown} of {whole}{left}`,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  };
}

function writeLines(terminal: Terminal, label: string, show: Show, now: () => number): Progress {
  let lastAt = now();
  const leftOf = timeLeft(now);
  return {
    update(done, total) {
      const at = now();
      const left = leftOf(done, total);
      if (at - lastAt < PLAIN_LINE_EVERY_MS) return;
      lastAt = at;
      terminal.note(`${label}: ${show(done)} of ${show(total)}${left}`);
    },
    stop() {},
  };
}
