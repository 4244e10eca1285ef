import { describe, expect, test } from "bun:test";
import { renderChat } from "../../src/chat/template.ts";
import { exitCodeOf, FlashmoeError } from "../../src/errors.ts";
import { loadChatTemplate } from "../../src/models/chat-template-file.ts";
import { describeModel } from "../../src/models/describe.ts";
import { requireTokenizer } from "../../src/models/tokenizer.ts";
import { badCheckpoints, writeBadCheckpoint } from "../kit/bad-checkpoints.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { tinyDefaults } from "../kit/tiny-checkpoint.ts";

const path = temporaryPaths();

async function openAll(directory: string, stage: string): Promise<void> {
  await describeModel(directory);
  if (stage === "tokenizer") await requireTokenizer(directory, tinyDefaults.vocab);
  if (stage === "template") {
    const source = await loadChatTemplate(directory);
    if (source !== null) renderChat(source, [{ role: "user", content: "hi" }]);
  }
}

describe("bad input is refused by name", () => {
  for (const bad of badCheckpoints) {
    test(bad.name, async () => {
      const directory = path(bad.name);
      writeBadCheckpoint(directory, bad);
      const error = await openAll(directory, bad.stage).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(FlashmoeError);
      const { message, hint } = error as FlashmoeError;
      expect(message).toMatch(bad.message);
      expect(message).not.toMatch(/undefined|NaN|\[object/);
      expect(hint.length).toBeGreaterThan(10);
      expect(exitCodeOf(error)).toBe(bad.exitCode);
    });
  }

  test("a path that does not exist", async () => {
    await expect(describeModel(path("none"))).rejects.toThrow(/There is no model at/);
  });

  test("a file instead of a directory", async () => {
    const file = path("file");
    await Bun.write(file, "x");
    await expect(describeModel(file)).rejects.toThrow(/is a file, not a model directory/);
  });
});
