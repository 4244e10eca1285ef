/**
 * Puts embedded files into a private directory, so that they can be loaded or mapped: a compiled binary's own files
 * can be neither. A file counts only after its bytes were hashed; a damaged or foreign one is replaced. Leaf: imports
 * only the error class. Many processes may do this at once: every file appears complete, by rename.
 */

import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { FlashmoeError } from "./errors.ts";

export interface EmbeddedFile {
  /** Name in the cache directory, no separators. */
  name: string;
  /** Where the embedded bytes are read from. */
  source: string;
  /** Hex digest of the bytes where the build knows it; without it `source` is read and hashed. */
  sha256?: string;
}

/** Mode bit of a directory in which only a file's owner may rename it; node:fs names no constant for it. */
const STICKY = 0o1000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Directories to try, best first: named by the user, the user's cache directory, the temporary directory. */
export function cacheRoots(environment: Environment = process.env): string[] {
  const roots: string[] = [];
  if (environment.FLASHMOE_CACHE_DIR) roots.push(environment.FLASHMOE_CACHE_DIR);
  if (environment.XDG_CACHE_HOME?.startsWith("/")) roots.push(join(environment.XDG_CACHE_HOME, "flashmoe"));
  const home = environment.HOME || accountHome();
  if (home?.startsWith("/"))
    roots.push(process.platform === "darwin" ? join(home, "Library/Caches/flashmoe") : join(home, ".cache/flashmoe"));
  roots.push(join(tmpdir(), `flashmoe-${process.getuid?.() ?? 0}`));
  return [...new Set(roots)];
}

/**
 * Makes `files` available under `root` and returns their directory, `<root>/<sha256 of names and contents>`.
 * Throws where the directory cannot be made, is not ours alone, or cannot be written.
 */
export function placeFiles(root: string, files: readonly EmbeddedFile[]): string {
  const wanted = files.map((file) => ({ ...file, sha256: file.sha256 ?? sha256(readFileSync(file.source)) }));
  const key = sha256(wanted.map((file) => `${file.name}\0${file.sha256}\n`).join(""));
  ensureSafeRoot(root);
  const directory = join(root, key);
  ensurePrivate(directory);
  for (const file of wanted) {
    const path = join(directory, file.name);
    if (hashOfOwnFile(path) === file.sha256) continue;
    writeAtomically(path, readFileSync(file.source));
    if (hashOfOwnFile(path) !== file.sha256)
      throw new FlashmoeError("io_failed", `${path} does not hold what was just written to it`, {
        hint: "Check the disk, or set FLASHMOE_CACHE_DIR to a directory on another one.",
      });
  }
  return directory;
}

/** The first root in which `use` succeeds on the placed files; an error naming every try when none does. */
export function withPlacedFiles<T>(
  files: readonly EmbeddedFile[],
  use: (directory: string) => T,
  roots: readonly string[] = cacheRoots(),
): T {
  const failures: string[] = [];
  for (const root of roots) {
    try {
      return use(placeFiles(root, files));
    } catch (error) {
      failures.push(`${root}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new FlashmoeError("io_failed", `no directory can hold flashmoe's own files (${failures.join("; ")})`, {
    hint: "Set FLASHMOE_CACHE_DIR to a directory that you own, on a file system that allows execution.",
  });
}

function accountHome(): string | null {
  try {
    return userInfo().homedir;
  } catch {
    return null; // an account without an entry: the temporary directory remains
  }
}

/** Creates the root where it is missing. A root that is there may be shared (/tmp): its mode is not ours to change. */
function ensureSafeRoot(root: string): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const { mode } = statSync(root);
  const othersMayRename = (mode & 0o022) !== 0 && (mode & STICKY) === 0;
  if (othersMayRename) throw new Error("other users may replace files in it");
}

/** Creates the directory, or takes over one of this user; nobody else may enter it. */
function ensurePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const found = lstatSync(directory);
  if (!found.isDirectory()) throw new Error(`${directory} is not a directory`);
  if (process.getuid && found.uid !== process.getuid()) throw new Error(`${directory} belongs to another user`);
  if ((found.mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
}

/** SHA-256 of a regular file of this user, null where there is none. Reads in pieces: models are large. */
function hashOfOwnFile(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile() || (process.getuid && found.uid !== process.getuid())) return null;
    const hash = createHash("sha256");
    const piece = new Uint8Array(1 << 20);
    for (let n = readSync(descriptor, piece); n > 0; n = readSync(descriptor, piece)) hash.update(piece.subarray(0, n));
    return hash.digest("hex");
  } finally {
    closeSync(descriptor);
  }
}

function writeAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
