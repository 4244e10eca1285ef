import "cli-progress"; // loaded, so that the bar's own import ends within one turn
import { describe, expect, test } from "bun:test";
import { type Progress, startProgress } from "./progress.ts";
import { printable, type Terminal, visible } from "./terminal.ts";

describe("text from outside", () => {
  test("keeps to one line and to visible characters in messages", () => {
    expect(printable("a\r\nb\tc")).toBe("a b c");
    expect(printable("\x1b[31m\x07\x7f\x9b\u202e\u2028\ufeff")).toBe(
      "\\x1b[31m\\x07\\x7f\\x9b\\u{202e}\\u{2028}\\u{feff}",
    );
    expect(printable("Grüße 世界 👋")).toBe("Grüße 世界 👋");
  });

  test("cannot steer a terminal as a reply", () => {
    expect(visible("line\n\ttab\r\x1b]0;x\x07\x7f\x9b")).toBe("line\n\ttab␍␛]0;x␇␡\ufffd");
    expect(visible("Grüße 👩‍👩‍👧 شكرا")).toBe("Grüße 👩‍👩‍👧 شكرا");
  });
});

describe("progress", () => {
  function plain(options: Partial<Terminal>): { terminal: Terminal; lines: string[] } {
    const lines: string[] = [];
    const terminal = {
      quiet: false,
      interactive: false,
      open: true,
      write() {},
      aside() {},
      note: (line: string) => void lines.push(line),
      ...options,
    };
    return { terminal, lines };
  }

  test("without a terminal is a line every few seconds, none in the first", () => {
    const { terminal, lines } = plain({});
    let now = 0;
    const progress = startProgress(terminal, "Loading", "bytes", () => now);
    for (now = 0; now <= 12_000; now += 500) progress.update(now * 1024, 12_000 * 1024);
    progress.stop();
    expect(lines).toEqual(["Loading: 4.88 MiB of 11.7 MiB, 7 s left", "Loading: 9.77 MiB of 11.7 MiB, 2 s left"]);
  });

  test("is nothing with --quiet", () => {
    const { terminal, lines } = plain({ quiet: true });
    let now = 0;
    const progress = startProgress(terminal, "Loading", "tokens", () => now);
    for (now = 0; now < 60_000; now += 1000) progress.update(now, 60_000);
    expect(lines).toEqual([]);
  });

  /** A terminal that remembers what was drawn. */
  function screen() {
    let drawn = "";
    const stream = {
      isTTY: true,
      columns: 100,
      write: (text: string) => {
        drawn += text;
        return true;
      },
      on() {},
      once() {},
      removeListener() {},
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
    };
    return { stream: () => stream as unknown as NodeJS.WriteStream, drawn: () => drawn };
  }

  const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

  async function drawnBy(steps: (progress: Progress, at: (ms: number) => void) => Promise<void>): Promise<string> {
    const { terminal } = plain({ interactive: true });
    const { stream, drawn } = screen();
    let now = 0;
    const progress = startProgress(terminal, "Loading {x}", "tokens", () => now, stream);
    await steps(progress, (ms) => {
      now = ms;
    });
    return drawn();
  }

  test("on a terminal is a bar after a second, and the cursor comes back", async () => {
    const drawn = await drawnBy(async (progress, at) => {
      progress.update(1, 100);
      at(1500);
      progress.update(50, 100);
      await import("cli-progress"); // the bar waits for the same module
      await nextTurn(); // and its continuation has run
      at(1800);
      progress.update(60, 100);
      progress.stop();
      progress.stop();
    });
    expect(drawn).toContain("Loading (x) [");
    expect(drawn).toContain("50 tokens of 100 tokens, 2 s left"); // 49 of them in 1.5 s
    expect(drawn.lastIndexOf("\x1b[?25h")).toBeGreaterThan(drawn.lastIndexOf("\x1b[?25l"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with this one
    expect(drawn).not.toMatch(/\x1b\[[\d;]*m/);
  });

  test("of work that is quick draws nothing at all", async () => {
    const drawn = await drawnBy(async (progress, at) => {
      for (const ms of [0, 400, 900]) {
        at(ms);
        progress.update(ms, 1000);
      }
      progress.stop();
      at(5000);
      progress.update(1000, 1000);
      await import("cli-progress");
      await nextTurn();
    });
    expect(drawn).toBe("");
  });
});
