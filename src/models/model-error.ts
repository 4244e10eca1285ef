/** Errors about a model's files: always `model_invalid`, which ends a command with exit code 3. */
import { FlashmoeError } from "../errors.ts";

/** `message` names the file or tensor and what is wrong, `hint` the next step. */
export function modelError(message: string, hint: string, cause?: unknown): FlashmoeError {
  return new FlashmoeError("model_invalid", message, { hint, cause });
}

/** The hint for damage that a fresh copy cures. */
export const downloadAgain = "Download the model again; the file is damaged or incomplete.";

/** A value from a file, shortened for a message. */
export function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
