// node scripts/simulate.mjs [RUNS [FIRST_SEED]]: the expert store's simulation, one seed a run; 100,000 by default. The
// seeds are shared out over the cores.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { zigBuild } from "./lib/native.mjs";
import { capture, main, Problem, root, say } from "./lib/project.mjs";
import { summaryLine } from "./lib/tally.mjs";

const prefix = "zig-out/simulation";

/** Runs `count` seeds from `first` on; 1 where one of them failed. */
async function failures(first, count) {
  const env = { ...process.env, FLASHMOE_SIMULATIONS: `${count}`, FLASHMOE_SIMULATION_SEED: `${first}` };
  const { status, output } = await capture(join(root, prefix, "tests/tests_experts"), [], { env });
  if (status === 0 && /simulation: [^\n]*OK$/m.test(output)) return 0;
  say(output.trimEnd());
  return 1;
}

await main(async ([runs = "100000", seed = "0"]) => {
  const [count, first] = [Number(runs), Number(seed)];
  if (!Number.isSafeInteger(count + first) || count < 1 || first < 0)
    throw new Problem("usage: simulate.mjs [RUNS [FIRST_SEED]]");
  await zigBuild(["test-binaries", "--prefix", prefix, "-Droom=experts", "-Dtest-filter=simulation:"]);
  const shares = Math.min(count, availableParallelism());
  const from = (share) => first + Math.floor((count * share) / shares);
  const each = Array.from({ length: shares }, (_, share) => failures(from(share), from(share + 1) - from(share)));
  const failed = (await Promise.all(each)).reduce((sum, one) => sum + one, 0);
  console.log(`${count} simulated runs from seed ${first}`);
  console.log(summaryLine({ passed: count - failed, failed, skipped: 0 }));
  return failed === 0 ? 0 : 1;
});
