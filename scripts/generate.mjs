// npm run generate: writes the generated bindings from zig/abi. -- --check: only says whether they are fresh.
import { capture, main, Problem, root } from "./lib/project.mjs";
import { ensureZig } from "./lib/zig.mjs";

await main(async (args) => {
  const unknown = args.filter((arg) => arg !== "--check");
  if (unknown.length > 0) throw new Problem(`unknown argument ${unknown[0]}`);
  const check = args.includes("--check") ? ["-Dcheck"] : [];
  const { status, output } = await capture(await ensureZig(), ["build", "generate", ...check], { cwd: root });
  if (status !== 0) throw new Problem(`zig build generate failed:\n${output.trimEnd()}`);
  return 0;
});
