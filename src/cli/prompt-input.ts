/** The prompt of a command: the argument, standard input, or both (argument, blank line, input). */
import { FlashmoeError } from "../errors.ts";

/** Empty when standard input is a terminal: nobody is asked to type there. */
export async function readStandardInput(): Promise<string> {
  if (process.stdin.isTTY) return "";
  const bytes = await readAll();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlashmoeError("usage", "standard input is not UTF-8 text.", {
      hint: "Convert it first, for example with iconv.",
      cause,
    });
  }
}

async function readAll(): Promise<Uint8Array> {
  try {
    return await Bun.stdin.bytes();
  } catch (cause) {
    // A closed standard input (`<&-`) is an empty one.
    if ((cause as NodeJS.ErrnoException).code === "EBADF") return new Uint8Array();
    throw cause;
  }
}

export function joinPrompt(argument: string | undefined, input: string): string {
  const parts = [argument ?? "", input].filter((part) => part.trim() !== "");
  if (parts.length === 0) {
    throw new FlashmoeError("usage", "the prompt is empty.", {
      hint: 'Give it as an argument or on standard input: flashmoe run "Tell me a story about a fox."',
    });
  }
  return parts.join("\n\n");
}
