/** A tiny checkpoint on disk with its description, shared by the tests of one file; removed when they are done. */
import { describeModel } from "../../src/models/describe.ts";
import type { ModelDescription } from "../../src/models/description.ts";
import { temporaryPaths } from "./temporary.ts";
import { type TinyOptions, writeTinyCheckpoint } from "./tiny-checkpoint.ts";

/** Returns a function that gives the description of a checkpoint with these options, written once per options. */
export function tinyModels(): (options?: Partial<TinyOptions>) => Promise<ModelDescription> {
  const fresh = temporaryPaths();
  const written = new Map<string, Promise<ModelDescription>>();
  return (options = {}) => {
    const key = JSON.stringify(options);
    let description = written.get(key);
    if (description === undefined) {
      const directory = fresh("tiny-model");
      writeTinyCheckpoint(directory, options);
      description = describeModel(directory);
      written.set(key, description);
    }
    return description;
  };
}
