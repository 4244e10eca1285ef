/** A directory for one test file, removed when its tests are done. */
import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Returns a function that gives a fresh path inside the directory at each call. */
export function temporaryPaths(): (name?: string) => string {
  const root = mkdtempSync(join(tmpdir(), "flashmoe-test-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  let next = 0;
  return (name = "item") => join(root, `${next++}-${name.replace(/[^\w-]+/g, "_")}`);
}
