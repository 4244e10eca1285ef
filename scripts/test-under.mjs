// Runs the native tests under a wrapper: node scripts/test-under.mjs LABEL [--target ZIG-TARGET] [--rooms a,b] -- WRAPPER...
// For qemu-user (other CPUs) and valgrind; .ci/run calls it.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { zigBuild } from "./lib/native.mjs";
import { runNativeTests } from "./lib/native-tests.mjs";
import { main, Problem, root } from "./lib/project.mjs";
import { summaryLine, total } from "./lib/tally.mjs";

await main(async (all) => {
  const split = all.indexOf("--");
  if (split < 1) throw new Problem("usage: test-under.mjs LABEL [--target TARGET] [--rooms a,b] -- WRAPPER...");
  const wrapper = all.slice(split + 1);
  const { values, positionals } = parseArgs({
    args: all.slice(0, split),
    allowPositionals: true,
    options: { target: { type: "string" }, rooms: { type: "string" } },
  });
  const prefix = `zig-out/under-${values.target ?? "host"}`;
  await zigBuild(["test-binaries", "--prefix", prefix, ...(values.target ? [`-Dtarget=${values.target}`] : [])]);

  const rooms = values.rooms?.split(",");
  const directory = join(root, prefix, "tests");
  const names = readdirSync(directory).filter((name) => existsSync(join(root, `zig/${name}.zig`)));
  const chosen = names.filter((name) => !rooms || rooms.includes(name.replace("tests_", "")));
  if (rooms && chosen.length !== rooms.length)
    throw new Problem(`not all of ${values.rooms} have tests; found ${names}`);
  const executables = chosen.map((name) => join(directory, name));
  const sum = total(await runNativeTests(executables, { wrapper, label: positionals.join(" ") }));
  console.log(summaryLine(sum));
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
});
