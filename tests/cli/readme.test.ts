/** README's conversations: what it shows is what a user gets, character by character. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { flashmoe } from "../kit/command.ts";
import { temporaryPaths } from "../kit/temporary.ts";

const path = temporaryPaths();
const readme = readFileSync("README.md", "utf8");

/** The fenced conversations, each a list of commands with what they print. */
const conversations = [...readme.matchAll(/```console\n(.*?)```/gs)].map(([, text]) =>
  text!
    .split(/^\$ flashmoe /m)
    .slice(1)
    .map((turn) => ({
      command: turn.slice(0, turn.indexOf("\n")),
      shown: turn.slice(turn.indexOf("\n") + 1).trimEnd(),
    })),
);

/** The words of a command as a shell would give them; README quotes with double quotes only. */
const words = (command: string) =>
  [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);

test("README shows five conversations", () => {
  expect(conversations.length).toBe(5);
  expect(conversations.flat().length).toBeGreaterThanOrEqual(8);
});

test.concurrent.each(conversations.map((turns, index) => [index + 1, turns] as const))(
  "conversation %i goes as it is shown",
  async (index, turns) => {
    const talk = path(`talk-${index}`);
    for (const { command, shown } of turns) {
      const args = words(command).map((word) => (word === "talk" ? talk : word));
      // Quiet: on a slow machine progress would be told.
      const { code, out, err } = await flashmoe([...args, "--quiet"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out.trimEnd()).toBe(shown);
    }
  },
  60_000,
);
