/** docs/architecture.md "Rooms and who may import whom", read from the import graph. */

import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { isTest, repositoryFiles, textOf, withoutComments } from "./repository.ts";

interface Import {
  from: string;
  to: string;
}

const sources = repositoryFiles().filter((path) => !isTest(path));
const typescript = sources.filter((path) => path.startsWith("src/") && path.endsWith(".ts"));
const zig = sources.filter((path) => path.startsWith("zig/") && path.endsWith(".zig"));

/** Imports of one file as paths from the root; packages and built-in modules keep their names. */
function importsOf(from: string, pattern: RegExp): Import[] {
  return [...withoutComments(textOf(from)).matchAll(pattern)].map((match) => {
    const name = match[1] ?? "";
    const relative = name.startsWith(".") || from.endsWith(".zig");
    return { from, to: relative && name.includes(".") ? normalize(join(dirname(from), name)) : name };
  });
}

const typescriptImports = typescript.flatMap((path) =>
  importsOf(
    path,
    /(?:^(?:import|export)\s(?:[^;"()=]*?\bfrom\s*)?|(?<![.\w])(?:import|require|new URL)\(\s*)"([^"]+)"/gm,
  ),
);
const zigImports = zig.flatMap((path) => importsOf(path, /@(?:import|embedFile)\("([^"]+)"\)/g));

/** "src/cli/run.ts" is of room "cli", "src/main.ts" of room "main.ts". */
function roomOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** Files beside the rooms of src that any room may use; they use nothing but each other. */
const shared = ["errors.ts", "private-cache.ts", "version.ts", "modules.d.ts"];

const mayImport: Record<string, string[]> = {
  "main.ts": ["cli", "engine"], // of the engine only which thread this is
  "index.ts": ["engine", "models", "chat"],
  cli: ["bench", "chat", "engine", "evaluation", "models"],
  bench: ["engine", "models"],
  evaluation: ["chat", "models"],
  chat: ["models"],
  engine: ["native", "models"],
  native: [],
  models: [],
};

/** Zig rooms; every room may also read the contracts below. */
const mayImportZig: Record<string, string[]> = {
  "flashmoe.zig": ["abi", "engine", "backend", "format", "experts", "io"],
  abi: ["engine"],
  engine: ["experts", "backend", "io", "format"],
  experts: ["io", "format"],
  backend: ["io", "format"],
  io: [],
  format: ["io"],
};
const contracts = [
  "zig/abi/types.zig",
  "zig/abi/result.zig",
  "zig/abi/resolver.zig",
  "zig/backend/backend.zig",
  "zig/io/reader.zig",
];

function broken(imports: Import[], allowed: (edge: Import) => boolean): string[] {
  return imports.filter((edge) => !allowed(edge)).map((edge) => `${edge.from} imports ${edge.to}`);
}

/** Files of `files` whose code matches `pattern`. */
function matching(files: string[], pattern: RegExp): string[] {
  return files.filter((path) => pattern.test(withoutComments(textOf(path))));
}

describe("TypeScript", () => {
  test("rooms import only rooms further down", () => {
    const inside = typescriptImports.filter((edge) => edge.to.startsWith("src/"));
    expect(inside.length).toBeGreaterThan(10);
    expect(
      broken(inside, ({ from, to }) => {
        const [here, there] = [roomOf(from), roomOf(to)];
        if (here === there || shared.includes(there)) return true;
        return mayImport[here]?.includes(there) ?? false;
      }),
    ).toEqual([]);
  });

  test("every file belongs to a known room", () => {
    const known = [...Object.keys(mayImport), ...shared];
    expect(typescript.filter((path) => !known.includes(roomOf(path)))).toEqual([]);
  });

  test("shared files use no room", () => {
    const edges = typescriptImports.filter((edge) => shared.includes(roomOf(edge.from)) && edge.to.startsWith("src/"));
    expect(broken(edges, (edge) => shared.includes(roomOf(edge.to)))).toEqual([]);
  });

  test("nothing in src imports tests, scripts or models/", () => {
    const outside = /^(tests|scripts|models|zig|build)\//;
    expect(
      broken(typescriptImports, (edge) => !outside.test(edge.to) || edge.from === "src/models/embedded-checkout.ts"),
    ).toEqual([]);
  });

  test("bun:ffi only in src/native", () => {
    const edges = typescriptImports.filter((edge) => edge.to === "bun:ffi");
    expect(edges.length).toBeGreaterThan(0);
    expect(broken(edges, (edge) => roomOf(edge.from) === "native")).toEqual([]);
  });

  test("only src/main.ts ends the process", () => {
    expect(matching(typescript, /\bprocess\s*\.\s*(exit|reallyExit|abort)\s*\(/)).toEqual(["src/main.ts"]);
  });

  test("Bun.serve only in src/server, no JSCallback, no worker.terminate", () => {
    expect(matching(typescript, /\bBun\s*\.\s*serve\b/).filter((path) => roomOf(path) !== "server")).toEqual([]);
    expect(matching(typescript, /\bJSCallback\b/)).toEqual([]);
    expect(matching(typescript, /\.terminate\s*\(/)).toEqual([]);
  });

  test("packages are declared, and only those", () => {
    const declared = Object.keys(JSON.parse(textOf("package.json")).dependencies);
    const allowed = (name: string) => declared.some((known) => name === known || name.startsWith(`${known}/`));
    const builtin = /^(node:|bun:|bun$|#native-library$|#embedded-model$)/;
    const edges = typescriptImports.filter((edge) => !/^(src|models|tests|build)\/|\.json$/.test(edge.to));
    expect(broken(edges, (edge) => builtin.test(edge.to) || allowed(edge.to))).toEqual([]);
  });
});

describe("Zig", () => {
  test("rooms import only rooms further down", () => {
    const inside = zigImports.filter((edge) => edge.to.endsWith(".zig"));
    expect(inside.length).toBeGreaterThan(10);
    expect(
      broken(inside, ({ from, to }) => {
        const [here, there] = [roomOf(from), roomOf(to)];
        return here === there || contracts.includes(to) || (mayImportZig[here]?.includes(there) ?? false);
      }),
    ).toEqual([]);
  });

  test("every file belongs to a known room", () => {
    expect(zig.filter((path) => !(roomOf(path) in mayImportZig))).toEqual([]);
  });

  test("contracts depend on contracts only", () => {
    const edges = zigImports.filter((edge) => contracts.includes(edge.from) && edge.to.endsWith(".zig"));
    expect(broken(edges, (edge) => contracts.includes(edge.to))).toEqual([]);
  });

  test("only std, builtin, root and options come from outside", () => {
    const edges = zigImports.filter((edge) => !edge.to.endsWith(".zig"));
    expect(broken(edges, (edge) => ["std", "builtin", "root", "options"].includes(edge.to))).toEqual([]);
  });

  test("symbols are exported by the export table and the kernel objects only", () => {
    const exporting = matching(zig, /@export\s*\(|^\s*(pub )?export\s+(fn|const|var|extern)\b/m);
    const allowed = ["zig/backend/cpu/kernels/level.zig", "zig/flashmoe.zig"];
    expect(exporting.filter((path) => !allowed.includes(path))).toEqual([]);
    expect(exporting).toContain("zig/flashmoe.zig");
  });

  test("the core prints nothing but a panic", () => {
    expect(matching(zig, /std\.debug\.print\(|std\.log\.(err|warn|info|debug)\(/)).toEqual(["zig/flashmoe.zig"]);
  });
});
