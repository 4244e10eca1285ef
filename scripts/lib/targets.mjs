// The systems flashmoe is built for, by the name used in package.json "imports" conditions (fm-<name>) and in dist/.
// Not Intel Macs: Bun 1.4.5 leaves the runtime's own signature in place there, which no longer fits the file.

export const targets = {
  "linux-x64": { zig: "x86_64-linux-gnu", bun: "bun-linux-x64", runtime: "@oven/bun-linux-x64" },
  "linux-arm64": { zig: "aarch64-linux-gnu", bun: "bun-linux-arm64", runtime: "@oven/bun-linux-aarch64" },
  "darwin-arm64": { zig: "aarch64-macos", bun: "bun-darwin-arm64", runtime: "@oven/bun-darwin-aarch64" },
};

/** Name of this machine's target. */
export const host = `${process.platform}-${process.arch}`;
