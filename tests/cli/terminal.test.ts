/** flashmoe on a terminal of its own: what may be drawn there, and what may not reach it. */
import { beforeAll, describe, expect, test } from "bun:test";
import { environment, flashmoe, program } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();
const model = path("model");

beforeAll(() => void writeTinyCheckpoint(model));

/** All three standard streams are one terminal; its line breaks come as \r\n. */
async function onTerminal(args: string[], extra: Record<string, string> = {}) {
  let said = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...program, ...args], {
    env: { ...environment, TERM: "xterm-256color", ...extra },
    terminal: {
      cols: 100,
      rows: 30,
      data(_terminal: unknown, piece: Uint8Array) {
        said += decoder.decode(piece, { stream: true });
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  return { code, said: said.replaceAll("\r\n", "\n") };
}

describe.concurrent("on a terminal", () => {
  test("nobody is asked to type a prompt", async () => {
    const { code, said } = await onTerminal(["run", "-m", model]);
    expect(said).toStartWith("flashmoe: the prompt is empty.\n");
    expect(code).toBe(2);
  });

  test("a quick run draws nothing but the reply", async () => {
    const args = ["run", "-m", model, "hi", "--no-think", "-n", "6", "--temperature", "0", "--ignore-eos"];
    const piped = await flashmoe(args);
    for (const extra of [{}, { NO_COLOR: "1" }, { TERM: "dumb" }]) {
      const { code, said } = await onTerminal(args, extra as Record<string, string>);
      expect(code).toBe(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal takes none but line breaks and tabs
      expect(said).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      expect(said.length).toBe(piped.out.length);
    }
  });

  test("what a model says cannot steer the terminal; a pipe gets it as it is", async () => {
    const { out } = await flashmoe(["tokenize", "-m", model], { input: "\x1b[31mred\x07\ttab\n" });
    const decode = ["tokenize", "-m", model, "--decode", out.trim()];
    expect((await flashmoe(decode)).out).toBe("\x1b[31mred\x07\ttab\n");
    expect((await onTerminal(decode)).said.replace(/ +tab/, "\ttab")).toBe("\u241b[31mred\u2407\ttab\n");
  });

  test("an error names odd names in full, harmlessly", async () => {
    const { code, said } = await onTerminal(["show", "/absent\x1b[2J\u202e/\x9b31m"]);
    expect(said).toStartWith("flashmoe: There is no model at /absent\\x1b[2J\\u{202e}/\\x9b31m.\n");
    expect(code).toBe(3);
  });
});
