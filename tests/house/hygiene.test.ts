/** The repository itself: sizes, line ends, no traces of one machine, pinned packages, honest documents. */

import { describe, expect, test } from "bun:test";
import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { repositoryFiles, root, textOf } from "./repository.ts";

const files = repositoryFiles();
const textual =
  /\.(ts|mjs|zig|zon|py|sh|md|json|toml|yml|jinja|metal|h|txt)$|^(\.ci\/run|\.gitignore|\.npmrc|LICENSE)$/;
const texts = files.filter((path) => textual.test(path));
const generated = (path: string) =>
  /\.gen\.[a-z]+$|^package-lock\.json$|^models\/spark\/model\/|^tests\/golden\//.test(path);

/** Lines of `files` that match, as path:line. */
function linesMatching(paths: string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

describe("files", () => {
  test("a source has one subject: at most 700 lines", () => {
    const sources = files.filter((path) => /\.(ts|mjs|zig|py|sh|metal|h)$/.test(path) && !generated(path));
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.filter((path) => textOf(path).split("\n").length > 701)).toEqual([]);
  });

  test("none is over 16 MiB, none is a link", () => {
    expect(files.filter((path) => statSync(join(root, path)).size > 16 * 1024 * 1024)).toEqual([]);
    expect(files.filter((path) => lstatSync(join(root, path)).isSymbolicLink())).toEqual([]);
  });

  test("built and downloaded things stay out", () => {
    expect(
      files.filter((path) => /(^|\/)(node_modules|dist|zig-out|\.zig-cache|\.tools|__pycache__)\//.test(path)),
    ).toEqual([]);
  });

  test("texts end with a newline and have no carriage returns or merge marks", () => {
    const own = texts.filter((path) => !generated(path) && statSync(join(root, path)).size > 0);
    expect(own.filter((path) => !textOf(path).endsWith("\n") && !path.endsWith(".jinja"))).toEqual([]);
    expect(own.filter((path) => textOf(path).includes("\r\n"))).toEqual([]);
    expect(linesMatching(own, /^(<{7}|>{7}) /)).toEqual([]);
  });

  test("sources open with their purpose", () => {
    const sources = files.filter(
      (path) => /^(src|zig|scripts)\/.*\.(ts|mjs|zig)$/.test(path) && !/\.test\.ts$/.test(path),
    );
    const opens = (path: string) => /^(\/\*\*|\/\/)/.test(textOf(path));
    expect(sources.filter((path) => !opens(path) && !/\/tests_[a-z]+\.zig$/.test(path))).toEqual([]);
  });
});

describe("no traces of one machine", () => {
  test("no absolute paths of a home or a workplace", () => {
    // Assembled, so that this file does not match itself.
    const folders = ["work", "farm", "root", "home/[a-z]+", "Users/[A-Za-z]+"].join("|");
    expect(linesMatching(texts, new RegExp(`(^|[^A-Za-z0-9_.])/(${folders})/[A-Za-z.]`))).toEqual([]);
  });

  test("addresses are public or of this host", () => {
    const address = /https?:\/\/([A-Za-z0-9.-]+)/;
    const known =
      /^(localhost|127\.0\.0\.1|example\.(com|org)|(www\.)?w3\.org|([a-z-]+\.)?github\.com|([a-z]+\.)?huggingface\.co|ziglang\.org|bun\.(sh|com)|biomejs\.dev|opencollective\.com|pypi\.org|([a-z]+\.)?npmjs\.(com|org)|arxiv\.org|json-schema\.org|json\.schemastore\.org|keepachangelog\.com|semver\.org)$/;
    const found = texts
      .filter((path) => !path.startsWith("models/spark/model/"))
      .flatMap((path) =>
        [...textOf(path).matchAll(new RegExp(address, "g"))]
          .filter((match) => !known.test(match[1] ?? ""))
          .map((match) => `${path}: ${match[0]}`),
      );
    expect(found).toEqual([]);
  });
});

describe("packages", () => {
  const manifest = JSON.parse(textOf("package.json"));
  const lock = JSON.parse(textOf("package-lock.json"));
  const pins: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };

  test("are pinned exactly, and the lock file agrees", () => {
    for (const [name, version] of Object.entries(pins)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`]?.version).toBe(version);
    }
    expect(lock.packages[""].dependencies).toEqual(manifest.dependencies);
    expect(lock.packages[""].devDependencies).toEqual(manifest.devDependencies);
  });

  test("have a hash in the lock file, and no registry is named there", () => {
    for (const [path, entry] of Object.entries<Record<string, unknown>>(lock.packages)) {
      if (path === "") continue;
      expect(entry.integrity, path).toMatch(/^sha512-/);
      expect(entry.resolved ?? "https://registry.npmjs.org/", path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    }
  });

  test("the lock file covers every system the binary is built for", () => {
    for (const name of ["linux-x64", "linux-aarch64", "darwin-aarch64"])
      expect(lock.packages[`node_modules/@oven/bun-${name}`]?.version).toBe(pins.bun);
  });

  test("are each given a reason in docs/dependencies.md", () => {
    const reasons = textOf("docs/dependencies.md");
    for (const name of Object.keys(pins)) expect(reasons).toContain(`\`${name}\``);
  });
});

describe("documents", () => {
  test("name only npm commands that exist", () => {
    const scripts = Object.keys(JSON.parse(textOf("package.json")).scripts);
    for (const path of files.filter(
      (file) => /^(README|docs\/.*|CHANGELOG)\.?m?d?$/.test(file) || /^docs\/.*\.md$/.test(file),
    ))
      for (const [, name] of textOf(path).matchAll(/\bnpm run ([a-z:-]+)/g))
        expect(scripts, `${path}: npm run ${name}`).toContain(name ?? "");
  });

  test("links between them lead somewhere", () => {
    const documents = files.filter((path) => path.endsWith(".md"));
    const missing = documents.flatMap((path) =>
      [...textOf(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map((match) => join(path, "..", match[1] ?? ""))
        .filter((target) => !statSync(join(root, target), { throwIfNoEntry: false }))
        .map((target) => `${path} -> ${target}`),
    );
    expect(missing).toEqual([]);
  });
});
