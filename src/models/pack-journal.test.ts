/** What an unfinished pack remembers, with kills at the moments that tests of whole packs seldom meet. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { describeModel } from "./describe.ts";
import { beginJournal, readJournal, savedSource, writeJournal } from "./pack-journal.ts";

const path = temporaryPaths();

test("a finished pack whose source.json is removed already still knows its source", async () => {
  const partial = path("model.partial");
  const source = await describeModel("models/spark/model");
  const begun = await beginJournal(partial, "id", source);
  expect(await savedSource(partial, begun)).toEqual(source);
  await writeJournal(partial, { ...begun, texts: [], deleted: ["a.safetensors"], finished: "hash", source });
  rmSync(join(partial, "source.json"));
  const journal = (await readJournal(partial))!;
  expect(journal.finished).toBe("hash");
  expect(await savedSource(partial, journal)).toEqual(source);
});
