/**
 * What an unfinished pack remembers beside the files it has made, so that it goes on where it was killed:
 *   TARGET.partial/journal.json   which files are done, which of the source were given up; once all are, the source as well
 *   TARGET.partial/source.json    the source as it was described, for when some of its files are gone
 *   TARGET.partial/*.hashes       each done file's part of the hash table
 *   TARGET.partial/model/         the packed model as it grows
 *   TARGET.partial/lock           the process that is at work
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FlashmoeError } from "../errors.ts";
import type { ModelDescription, PackedFile } from "./description.ts";
import { writeDurably } from "./durable-files.ts";
import { errnoOf } from "./model-files.ts";
import type { QuantisationError } from "./pack-slice.ts";

export interface DoneFile extends PackedFile {
  error: QuantisationError;
}

export interface Journal {
  /** PackPlan.id */
  id: string;
  /** Small files, copied as they are or changed; null until all are there. */
  texts: PackedFile[] | null;
  done: DoneFile[];
  /** Source files that were deleted, or are about to be. */
  deleted: string[];
  /** The hash of the finished manifest, once all is in place but the name. */
  finished: string | null;
  /** Once finished, what source.json says: that file goes before this one, and a kill may come between. */
  source?: ModelDescription;
}

export const journalName = "journal.json";
export const lockName = "lock";
const journalVersion = 1;

export function partialDirectory(target: string): string {
  return `${target}.partial`;
}

export function modelDirectory(partial: string): string {
  return join(partial, "model");
}

export function sidecarPath(partial: string, name: string): string {
  return join(partial, `${name}.hashes`);
}

/** Null where no pack was begun. */
export async function readJournal(partial: string): Promise<Journal | null> {
  let text: string;
  try {
    text = await readFile(join(partial, journalName), "utf8");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTDIR") throw error;
    await requireOwn(partial);
    return null;
  }
  try {
    const { version, ...journal } = JSON.parse(text) as Journal & { version: number };
    if (version === journalVersion && isJournal(journal)) return journal;
  } catch {
    // told below
  }
  throw new FlashmoeError("io_failed", `${partial} is an unfinished pack whose journal cannot be read.`, {
    hint: "If the source is still complete, remove the directory and pack again.",
  });
}

function isJournal(journal: Journal): boolean {
  const { id, texts, done, deleted, finished } = journal;
  const lists = Array.isArray(done) && Array.isArray(deleted) && (texts === null || Array.isArray(texts));
  return typeof id === "string" && lists && (finished === null || typeof finished === "string");
}

/** A directory of the same name that holds something else stays as it is. */
async function requireOwn(partial: string): Promise<void> {
  const names = await readdir(partial).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  });
  const foreign = names.find((name) => !/^(?:lock|(?:journal|source)\.json(?:\.tmp)?)$/.test(name));
  if (foreign === undefined) return;
  throw new FlashmoeError("usage", `${partial} is in the way and holds ${foreign}, which pack did not write.`, {
    hint: "Move it away, or give another target.",
  });
}

export async function beginJournal(partial: string, id: string, source: ModelDescription): Promise<Journal> {
  await mkdir(partial, { recursive: true });
  await writeDurably(join(partial, "source.json"), `${JSON.stringify(source)}\n`);
  const journal: Journal = { id, texts: null, done: [], deleted: [], finished: null };
  await writeJournal(partial, journal);
  return journal;
}

export async function writeJournal(partial: string, journal: Journal): Promise<void> {
  const { id, texts, done, deleted, finished, source } = journal;
  const text = JSON.stringify({ version: journalVersion, id, texts, done, deleted, finished, source });
  await writeDurably(join(partial, journalName), `${text}\n`);
}

/** The source as it was when the pack began. */
export async function savedSource(partial: string, journal: Journal): Promise<ModelDescription> {
  if (journal.source !== undefined) return journal.source;
  return JSON.parse(await readFile(join(partial, "source.json"), "utf8")) as ModelDescription;
}

/**
 * Keeps a second pack of the same target out while this process is at work; returns what ends that. The lock of a process
 * that is no more is taken over.
 */
export async function lockPartial(partial: string): Promise<() => Promise<void>> {
  await mkdir(partial, { recursive: true });
  const path = join(partial, lockName);
  const text = await readFile(path, "utf8").catch(() => null);
  const holder = Number(text ?? 0);
  if (Number.isSafeInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder)) {
    throw new FlashmoeError("usage", `Another process (${holder}) is packing into ${partial}.`, {
      hint: `Wait for it, or stop it and run this again. If it is something else, remove ${path}.`,
    });
  }
  if (text !== null) await rm(path, { force: true });
  // Without a lock one of two gets it; two that take over a dead one in the same moment are not kept apart.
  await writeFile(path, String(process.pid), { flag: "wx" });
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}
