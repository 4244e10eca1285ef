// Runs the native tests in another way: node scripts/test-under.mjs LABEL [--target ZIG-TARGET] [--rooms a,b]
// [--divisor N] [--sanitize-thread] [-- WRAPPER...]. For qemu-user (other CPUs), valgrind and the thread sanitiser;
// .ci/run calls it. Every way of running here is ten to fifty times slower: tests of random cases make 1/N of them.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { zigBuild } from "./lib/native.mjs";
import { runNativeTests } from "./lib/native-tests.mjs";
import { main, Problem, root } from "./lib/project.mjs";
import { summaryLine, total } from "./lib/tally.mjs";

await main(async (all) => {
  const split = all.includes("--") ? all.indexOf("--") : all.length;
  const wrapper = all.slice(split + 1);
  const { values, positionals } = parseArgs({
    args: all.slice(0, split),
    allowPositionals: true,
    options: {
      target: { type: "string" },
      rooms: { type: "string" },
      divisor: { type: "string", default: "10" },
      "sanitize-thread": { type: "boolean" },
    },
  });
  if (positionals.length !== 1) throw new Problem("usage: test-under.mjs LABEL [OPTIONS] [-- WRAPPER...]");
  const rooms = values.rooms?.split(",") ?? [];
  const sanitize = values["sanitize-thread"];
  const prefix = `zig-out/under-${values.target ?? "host"}${sanitize ? "-tsan" : ""}`;
  await zigBuild([
    "test-binaries",
    ...["--prefix", prefix],
    ...(values.target ? [`-Dtarget=${values.target}`] : []),
    ...(sanitize ? ["-Dsanitize-thread"] : []),
    ...rooms.map((room) => `-Droom=${room}`),
  ]);

  const directory = join(root, prefix, "tests");
  const names = readdirSync(directory).filter((name) => existsSync(join(root, `zig/${name}.zig`)));
  const chosen = names.filter((name) => rooms.length === 0 || rooms.includes(name.replace("tests_", "")));
  if (rooms.length > 0 && chosen.length !== rooms.length)
    throw new Problem(`not all of ${values.rooms} have tests; found ${names}`);
  const executables = chosen.map((name) => join(directory, name));
  const env = { FLASHMOE_TEST_DIVISOR: values.divisor };
  const sum = total(await runNativeTests(executables, { wrapper, label: positionals.join(" "), env }));
  console.log(summaryLine(sum));
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
});
