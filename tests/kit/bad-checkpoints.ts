/**
 * Damaged and unsupported models as data: each case takes a valid tiny checkpoint, spoils it, and says what must be
 * reported. Used by the tests of src/models and, through the executable, by those of the command line.
 */
import { badConfigs } from "./bad-configs.ts";
import type { BadStage } from "./bad-edits.ts";
import { badFiles } from "./bad-files.ts";
import { badTensors } from "./bad-tensors.ts";
import { type TinyOptions, writeTinyCheckpoint } from "./tiny-checkpoint.ts";

export interface BadCheckpoint {
  name: string;
  /** Which step finds the defect: opening the model, its tokenizer, or its chat template. */
  stage: BadStage;
  options: Partial<TinyOptions>;
  mutate(directory: string): void;
  /** The message must match. */
  message: RegExp;
  exitCode: 3;
}

export const badCheckpoints: BadCheckpoint[] = [...badFiles, ...badConfigs, ...badTensors].map((bad) => ({
  stage: "model",
  options: {},
  exitCode: 3,
  ...bad,
}));

/** Writes the case's checkpoint into `directory`, spoiled. */
export function writeBadCheckpoint(directory: string, bad: BadCheckpoint): void {
  writeTinyCheckpoint(directory, bad.options);
  bad.mutate(directory);
}
