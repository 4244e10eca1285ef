/**
 * What `tune` found out for one model on one machine, and where it is kept: one JSON file per model and machine in
 * `$FLASHMOE_HOME/tuned` (else `~/.flashmoe/tuned`). Every command that opens a model uses it; flags go before it.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { EngineOptions } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription } from "../models/description.ts";
import { homeDirectory } from "../models/store.ts";
import { headsOf } from "./heads-file.ts";
import { codeOf, OutputFile } from "./output-file.ts";
import { type EngineFlags, engineOptions } from "./shared-flags.ts";
import type { Terminal } from "./terminal.ts";

/** The options `tune` may choose; each of them leaves the output as it is. */
export type TunableOptions = Pick<EngineOptions, (typeof TUNABLE)[number]>;

const TUNABLE = ["threads", "reader", "readerThreads", "queueDepth", "readSplit", "prefetch"] as const;
/** Of these, what only means something together. */
const READING = ["reader", "readerThreads", "queueDepth", "readSplit"] as const;

/** Of the saved file; another means other things by its fields. */
export const TUNED_VERSION = 2;

export interface Tuned {
  version: typeof TUNED_VERSION;
  model: string;
  model_hash: string;
  machine: string;
  /** The limit under which it was measured; 0 is none. */
  memory_limit_bytes: number;
  /** What differs from the engine's own choice. */
  options: TunableOptions;
  /** Measured with these options; `plan` predicts from them. */
  measured: {
    disk_bytes_per_s: number;
    /** At other numbers of records at once, ascending. */
    disk_by_depth: { records: number; bytes_per_s: number }[];
    memory_bytes_per_s: number;
    threads: number;
    experts_per_token: number;
    /** Of one decoded token with nothing to read, milliseconds. */
    compute_ms: number;
    /** Time of reading over what the rates say for what a token misses; null where little was read. */
    reading: number | null;
    /** Time that reading and computing shared, over `mostlyHidden` of them; null where little was read. */
    hidden: number | null;
    /** Hit rate against the share of resident experts, replayed from recorded routing; empty where none was recorded. */
    hit_curve: { share: number; hit_rate: number }[];
  };
}

/** Options for an engine, and whether any of them come from `tune`. */
export interface ChosenOptions {
  options: EngineOptions;
  tuned: Tuned | null;
}

/** Flags first, then what `tune` saved for this model and machine, then the engine's own defaults. */
export function chooseOptions(description: ModelDescription, flags: EngineFlags): ChosenOptions {
  const asked = engineOptions(flags);
  const tuned = flags.tuned ? readTuned(description.hash) : null;
  const options = tuned === null ? asked : mergeOptions(asked, tuned.options);
  const heads = flags.tuned && flags.heads && options.prefetch !== "off" ? headsOf(description) : null;
  return { options: heads === null ? options : { ...options, heads: heads.path }, tuned };
}

/** A flag about reading sets aside all that was tuned about reading. */
export function mergeOptions(asked: EngineOptions, tuned: TunableOptions): EngineOptions {
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  const reads = READING.some((name) => name in given) || asked.directIo === false;
  const usable = Object.entries(tuned).filter(([name]) => !(reads && (READING as readonly string[]).includes(name)));
  return { ...Object.fromEntries(usable), ...given };
}

/** With --debug: what was taken from `tune`, and from which file. */
export function noteTuned({ options, tuned }: ChosenOptions, flags: { debug?: boolean }, terminal: Terminal): void {
  if (flags.debug && options.heads !== undefined)
    terminal.note(`heads: ${options.heads} (used where experts are streamed)`);
  if (!flags.debug || tuned === null) return;
  terminal.note(`tuned: ${describeOptions(tuned.options)} (${tunedPath(tuned.model_hash)})`);
}

/** "threads 1, readSplit 2", or "defaults". */
export function describeOptions(options: TunableOptions): string {
  const parts = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return parts.length === 0 ? "defaults" : parts.join(", ");
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
  try {
    return parseTuned(readFileSync(path, "utf8"), modelHash);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FlashmoeError("io_failed", `${path}, which tune wrote, cannot be used: ${reason}.`, {
      hint: "Run flashmoe tune again, delete the file, or give --no-tuned.",
      cause,
    });
  }
}

function parseTuned(text: string, modelHash: string): Tuned {
  const tuned = JSON.parse(text) as Tuned;
  if (tuned?.version !== TUNED_VERSION || tuned.model_hash !== modelHash)
    throw new Error("it is of another version or model");
  const { options, measured } = tuned;
  if (typeof options !== "object" || options === null) throw new Error("it has no options");
  const unknown = Object.keys(options).find((name) => !(TUNABLE as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`${JSON.stringify(unknown)} is no option that can be tuned`);
  for (const name of [
    "disk_bytes_per_s",
    "memory_bytes_per_s",
    "threads",
    "experts_per_token",
    "compute_ms",
  ] as const) {
    if (!(measured?.[name] > 0)) throw new Error(`${name} is not above zero`);
  }
  const share = (value: unknown) => typeof value === "number" && value >= 0 && value <= 1;
  const { hit_curve: curve } = measured;
  if (!Array.isArray(curve) || !curve.every((point) => share(point?.share) && share(point?.hit_rate)))
    throw new Error("its hit curve is no list of shares");
  if (measured.reading !== null && !(measured.reading > 0)) throw new Error("reading is not above zero");
  if (measured.hidden !== null && !(measured.hidden >= 0)) throw new Error("hidden is below zero");
  const depths = measured.disk_by_depth;
  if (!Array.isArray(depths) || !depths.every((depth) => depth?.records > 0 && depth.bytes_per_s > 0))
    throw new Error("its disk rates are no list of rates");
  return tuned;
}

export function writeTuned(tuned: Tuned): string {
  const path = tunedPath(tuned.model_hash);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw new FlashmoeError("io_failed", `${dirname(path)} cannot be made (${codeOf(cause)}).`, {
      hint: "Set FLASHMOE_HOME to a directory that can be written.",
      cause,
    });
  }
  new OutputFile(path).writeText(`${JSON.stringify(tuned, null, 2)}\n`);
  return path;
}
