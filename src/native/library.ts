/**
 * Where the native library is: $FLASHMOE_LIBRARY, else zig-out in a checkout, else the file embedded in the compiled
 * binary. The main thread loads it before any worker does; workers open the same path again.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { FlashmoeError } from "../errors.ts";
import { withPlacedFiles } from "../private-cache.ts";
import { Native } from "./native.ts";
import { createTraceCells, traceRequested } from "./trace.ts";

/** Inside a compiled binary all modules live in Bun's virtual folder. */
export const isCompiled = import.meta.dir.startsWith("/$bunfs/");

let loading: Promise<Native> | null = null;

/** The library of the main thread, opened once. */
export function loadNative(): Promise<Native> {
  loading ??= openFirst().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function openFirst(): Promise<Native> {
  const named = process.env.FLASHMOE_LIBRARY;
  if (named) return open(resolve(named), "Unset FLASHMOE_LIBRARY, or point it at a library of this version.");
  if (!isCompiled) {
    const path = checkoutLibrary();
    return open(path, "Run `npm run build`.");
  }
  return openEmbedded();
}

function open(path: string, hint: string): Native {
  if (!existsSync(path)) throw new FlashmoeError("io_failed", `the native library ${path} does not exist`, { hint });
  try {
    return new Native(path, traceRequested() ? createTraceCells() : null);
  } catch (cause) {
    if (cause instanceof FlashmoeError) throw cause;
    throw new FlashmoeError("io_failed", `the native library ${path} cannot be loaded: ${reasonOf(cause)}`, {
      hint,
      cause,
    });
  }
}

function checkoutLibrary(): string {
  const root = resolve(import.meta.dir, "../..");
  return join(root, "zig-out", "lib", process.platform === "darwin" ? "libflashmoe.dylib" : "libflashmoe.so");
}

/** Places the embedded library where the system lets it be mapped, trying one private folder after the other. */
async function openEmbedded(): Promise<Native> {
  const { embeddedLibrary } = await import("./embedded.ts");
  const file = {
    name: process.platform === "darwin" ? "libflashmoe.dylib" : "libflashmoe.so",
    source: embeddedLibrary,
  };
  const cells = traceRequested() ? createTraceCells() : null;
  return withPlacedFiles([file], (directory) => new Native(join(directory, file.name), cells));
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
