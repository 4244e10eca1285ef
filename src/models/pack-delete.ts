/** What `pack --delete-source` must not touch, told before anything is written. */
import { lstat, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "./description.ts";
import { storeDirectory } from "./store.ts";

/** `given`: the files that an earlier run of the same pack has deleted. */
export async function requireDeletable(
  source: ModelDescription,
  protectedDirectory: string,
  given: string[],
): Promise<void> {
  const directory = await realpath(source.directory);
  const own = await realpath(protectedDirectory).catch(() => protectedDirectory);
  if (directory === own) throw refusal("the embedded model", "Leave --delete-source out.");
  const store = await realpath(storeDirectory()).catch(() => resolve(storeDirectory()));
  if (directory.startsWith(store + sep)) {
    throw refusal("a model of the store, which would be left in pieces", "Move it out of the store first.");
  }
  const gone = new Set(given);
  for (const { path } of source.files) {
    if (gone.has(path)) continue;
    const info = await lstat(path);
    if (info.isSymbolicLink()) {
      throw refusal(
        `${path}, a link: the file behind it would stay`,
        "Give the directory that holds the files themselves.",
      );
    }
    if (info.nlink > 1) {
      throw refusal(
        `${path}, which has another name on this disk: no space would be won`,
        "Leave --delete-source out.",
      );
    }
  }
}

function refusal(what: string, hint: string): FlashmoeError {
  return new FlashmoeError("usage", `--delete-source cannot delete ${what}.`, { hint });
}
