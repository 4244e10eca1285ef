/**
 * What `tune` found out for one model on one machine, and where it is kept: one JSON file per model and machine in
 * `$FLASHMOE_HOME/tuned` (else `~/.flashmoe/tuned`). Read by every command that opens a model; flags go before it.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { EngineOptions } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import { homeDirectory } from "../models/store.ts";

/** The options `tune` may choose; each of them leaves the output as it is. */
export type TunableOptions = Pick<EngineOptions, "threads" | "reader" | "readerThreads" | "queueDepth" | "readSplit" | "prefetch">;

export interface Tuned {
  version: 1;
  model_hash: string;
  machine: string;
  options: TunableOptions;
  /** Measured with these options; `plan` predicts from them. */
  measured: {
    disk_bytes_per_s: number;
    memory_bytes_per_s: number;
    /** Decode of one token with nothing to read, milliseconds. */
    compute_ms: number;
    /** Hit rate against the share of resident experts, replayed from recorded routing. */
    hit_curve: { share: number; hitRate: number }[];
  };
}

/** Another processor or another amount of memory is another machine. */
export function machineKey(): string {
  const processors = cpus();
  const text = `${process.platform} ${process.arch} ${processors[0]?.model ?? "unknown"} ${processors.length} ${totalmem()}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

export function tunedPath(modelHash: string): string {
  return join(homeDirectory(), "tuned", `${modelHash}-${machineKey()}.json`);
}

/** Null where the model was not tuned on this machine. A file that cannot be understood is named, not ignored. */
export function readTuned(modelHash: string): Tuned | null {
  const path = tunedPath(modelHash);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw damaged(path, cause);
  }
  try {
    const tuned = JSON.parse(text) as Tuned;
    if (tuned.version !== 1 || tuned.model_hash !== modelHash || typeof tuned.options !== "object" || tuned.options === null)
      throw new Error("it is of another version or model");
    return tuned;
  } catch (cause) {
    throw damaged(path, cause);
  }
}

export function writeTuned(tuned: Tuned): string {
  const path = tunedPath(tuned.model_hash);
  const draft = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(draft, "w", 0o644);
    try {
      writeSync(file, `${JSON.stringify(tuned, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new FlashmoeError("io_failed", `${path} cannot be written (${code}).`, {
      hint: "Set FLASHMOE_HOME to a directory that can be written.",
      cause,
    });
  }
  return path;
}

function damaged(path: string, cause: unknown): FlashmoeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new FlashmoeError("io_failed", `${path}, which tune wrote, cannot be used: ${reason}.`, {
    hint: "Delete the file, or run flashmoe tune again.",
    cause,
  });
}
