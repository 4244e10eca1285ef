import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlashmoeError } from "./errors.ts";
import { cacheRoots, type EmbeddedFile, placeFiles, withPlacedFiles } from "./private-cache.ts";

const scratch = mkdtempSync(join(tmpdir(), "flashmoe-cache-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let serial = 0;
function fresh(): { root: string; files: EmbeddedFile[] } {
  const base = join(scratch, `case-${serial++}`);
  mkdirSync(base);
  writeFileSync(join(base, "a-source"), "first");
  writeFileSync(join(base, "b-source"), new Uint8Array(3_000_000).fill(7));
  return {
    root: join(base, "root"),
    files: [
      { name: "a", source: join(base, "a-source") },
      { name: "b", source: join(base, "b-source") },
    ],
  };
}

describe("placeFiles", () => {
  test("copies the bytes into a directory only its user can enter", () => {
    const { root, files } = fresh();
    const directory = placeFiles(root, files);
    expect(readFileSync(join(directory, "a"), "utf8")).toBe("first");
    expect(readFileSync(join(directory, "b")).equals(readFileSync(files[1]!.source))).toBe(true);
    for (const path of [root, directory]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(directory).toMatch(/\/[0-9a-f]{64}$/);
  });

  test("keeps a good file, names other contents differently", () => {
    const { root, files } = fresh();
    const directory = placeFiles(root, files);
    const inode = statSync(join(directory, "a")).ino;
    expect(placeFiles(root, files)).toBe(directory);
    expect(statSync(join(directory, "a")).ino).toBe(inode);
    writeFileSync(files[0]!.source, "other");
    expect(placeFiles(root, files)).not.toBe(directory);
  });

  test("replaces a file of the same size with other bytes, and a link to somewhere else", () => {
    const { root, files } = fresh();
    const directory = placeFiles(root, files);
    writeFileSync(join(directory, "a"), "FIRST");
    rmSync(join(directory, "b"));
    symlinkSync("/etc/hostname", join(directory, "b"));
    placeFiles(root, files);
    expect(readFileSync(join(directory, "a"), "utf8")).toBe("first");
    expect(readFileSync(join(directory, "b")).equals(readFileSync(files[1]!.source))).toBe(true);
  });

  test("closes a directory that others could enter, refuses one that is a link", () => {
    const { root, files } = fresh();
    const directory = placeFiles(root, files);
    chmodSync(directory, 0o755);
    placeFiles(root, files);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    renameSync(directory, `${directory}-moved`);
    symlinkSync(`${directory}-moved`, directory);
    expect(() => placeFiles(root, files)).toThrow("is not a directory");
  });

  test("accepts a sticky shared root without changing it, refuses one where others may replace files", () => {
    const { root, files } = fresh();
    mkdirSync(root);
    chmodSync(root, 0o1777);
    placeFiles(root, files);
    expect(statSync(root).mode & 0o7777).toBe(0o1777);
    chmodSync(root, 0o777);
    expect(() => placeFiles(root, files)).toThrow("other users may replace files");
  });

  test("refuses a source whose bytes are not what the build saw", () => {
    const { root, files } = fresh();
    expect(() => placeFiles(root, [{ ...files[0]!, sha256: "0".repeat(64) }])).toThrow(FlashmoeError);
  });
});

describe("withPlacedFiles", () => {
  test("goes on to the next root when one cannot be used", () => {
    const { root, files } = fresh();
    const blocked = join(scratch, `file-${serial++}`);
    writeFileSync(blocked, "");
    const seen: string[] = [];
    const result = withPlacedFiles(
      files,
      (directory) => {
        seen.push(directory);
        if (seen.length === 1) throw new Error("mounted noexec");
        return directory;
      },
      [blocked, `${root}-1`, `${root}-2`],
    );
    expect(seen).toHaveLength(2);
    expect(result.startsWith(`${root}-2/`)).toBe(true);
  });

  test("names every try when none works", () => {
    const { files } = fresh();
    const blocked = join(scratch, `file-${serial++}`);
    writeFileSync(blocked, "");
    expect(() => withPlacedFiles(files, () => 0, [blocked, `${blocked}/below`])).toThrow(`${blocked}/below`);
  });
});

describe("cacheRoots", () => {
  test("prefers what the user names and works with an empty environment", () => {
    expect(cacheRoots({ FLASHMOE_CACHE_DIR: "/x", HOME: "/h", XDG_CACHE_HOME: "/c" }).slice(0, 2)).toEqual([
      "/x",
      "/c/flashmoe",
    ]);
    const bare = cacheRoots({});
    expect(bare.length).toBeGreaterThan(0);
    for (const root of bare) expect(root.startsWith("/")).toBe(true);
  });

  test("ignores a relative XDG_CACHE_HOME, as its specification says", () => {
    expect(cacheRoots({ XDG_CACHE_HOME: "cache" }).some((root) => root.startsWith("cache"))).toBe(false);
  });
});
