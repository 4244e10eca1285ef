/** Writing that survives a kill at any moment: temporary names, sync, rename. For directories that appear whole or not at all. */
import { open, readdir, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { FlashmoeError } from "../errors.ts";

/** Refuses a target that exists, unless it is an empty directory. */
export async function requireFree(target: string): Promise<void> {
  const info = await stat(target).catch(() => null);
  if (info === null) return;
  if (info.isDirectory() && (await readdir(target)).length === 0) return;
  throw new FlashmoeError("usage", `${target} already exists.`, {
    hint: "Remove it first, or give the name of a new directory.",
  });
}

export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return Number(bavail) * Number(bsize);
}

/** `what` begins the message: "The checkpoint". */
export async function requireSpace(directory: string, bytes: number, what: string, hint: string): Promise<void> {
  const free = await freeBytes(directory);
  if (free >= bytes) return;
  const gib = (n: number) => (n / 1024 ** 3).toFixed(2);
  throw new FlashmoeError("io_failed", `${what} needs ${gib(bytes)} GiB but only ${gib(free)} GiB are free.`, { hint });
}

/** The file gets its name when all of it is on disk. */
export async function writeDurably(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, bytes, { flush: true });
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Brings a finished file to disk after a look at its size. */
export async function syncFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    if (size !== bytes) {
      throw new FlashmoeError("internal", `${path} has ${size} bytes after writing, expected ${bytes}.`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function removeEmpty(target: string): Promise<void> {
  const names = await readdir(target).catch(() => null);
  if (names?.length === 0) await rm(target, { recursive: true });
}

/** Makes names durable; some systems cannot sync a directory, and then the file system decides. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r").catch(() => null);
  if (handle === null) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}
