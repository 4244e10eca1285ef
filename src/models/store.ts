/** MODEL as a person gives it -> a directory: a path, or a name in the model store. */
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { modelError } from "./model-error.ts";

export interface ResolvedModel {
  directory: string;
  /** What the model is called in output: the store name, or the directory's name. */
  name: string;
}

/** Everything flashmoe keeps for a user: $FLASHMOE_HOME, else ~/.flashmoe. */
export function homeDirectory(): string {
  const home = process.env.FLASHMOE_HOME;
  return home === undefined || home === "" ? join(homedir(), ".flashmoe") : home;
}

/** Where pulled models live. */
export function storeDirectory(): string {
  return join(homeDirectory(), "models");
}

/** A store name is `name` or `owner/name`, without a leading dot; everything else is a path. */
const storeName = /^[A-Za-z0-9_][\w.-]*(?:\/[A-Za-z0-9_][\w.-]*)?$/;

/** An existing path wins over a store name. */
export async function resolveModel(model: string): Promise<ResolvedModel> {
  if (await exists(model)) return { directory: model, name: basename(resolve(model)) };
  if (storeName.test(model)) {
    const directory = join(storeDirectory(), model);
    if (await exists(directory)) return { directory, name: model };
    throw modelError(
      `There is no model named ${model}: neither a directory here nor in the store ${storeDirectory()}.`,
      "Give the path of a model directory, or the name of a model in the store.",
    );
  }
  throw modelError(`There is no model at ${model}.`, "Check the path, or give the directory of a downloaded model.");
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
