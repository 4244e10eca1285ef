// node scripts/simulate.mjs [RUNS [FIRST_SEED]]: the expert store's simulation, one seed a run; 100,000 by default.
import { zigBuild } from "./lib/native.mjs";
import { main } from "./lib/project.mjs";
import { summaryLine } from "./lib/tally.mjs";

await main(async ([runs = "100000", seed = "0"]) => {
  await zigBuild([
    "test",
    "-Droom=experts",
    "-Dtest-filter=simulation:",
    `-Dsimulations=${runs}`,
    `-Dsimulation-seed=${seed}`,
  ]);
  console.log(`${runs} simulated runs from seed ${seed}`);
  console.log(summaryLine({ passed: Number(runs), failed: 0, skipped: 0 }));
  return 0;
});
