// Runs native test executables, directly or under a wrapper (qemu-user, valgrind), and counts.
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { capture, say } from "./project.mjs";

/**
 * Runs each executable as `wrapper... executable`; prints what failing ones printed. Returns one tally each. Under a
 * wrapper, which is slow and knows no speed, as many run at once as there are cores.
 */
export async function runNativeTests(executables, { wrapper = [], label = "zig" } = {}) {
  const waiting = [...executables];
  const tallies = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      tallies.push(await runOne(next, wrapper, `${label} ${basename(next)}`));
  };
  await Promise.all(Array.from({ length: wrapper.length > 0 ? availableParallelism() : 1 }, work));
  return tallies;
}

async function runOne(executable, wrapper, name) {
  const [program, ...args] = [...wrapper, executable];
  const began = performance.now();
  const { status, output } = await capture(program, args);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const tally = { name, ...countsOf(output) };
  // A crash, a leak or a sanitiser's report fails without a failing test of its own.
  if (status !== 0 && tally.failed === 0) tally.failed = 1;
  if (tally.failed + tally.passed + tally.skipped === 0) tally.failed = 1;
  if (tally.failed > 0) {
    say(`--- ${name} ended with ${status}`);
    say(output.trimEnd());
    say("--- for stack traces: zig build test -Droom=ROOM -Dstrip=false");
  } else say(`${name}: ${tally.passed} passed in ${seconds} s`);
  return tally;
}

/** The counts the Zig test runner prints at the end; all 0 when it did not come that far. */
function countsOf(output) {
  const all = /All (\d+) tests passed\./.exec(output);
  if (all) return { passed: Number(all[1]), failed: 0, skipped: 0 };
  const some = /(\d+) passed; (\d+) skipped; (\d+) failed\./.exec(output);
  if (some) return { passed: Number(some[1]), skipped: Number(some[2]), failed: Number(some[3]) };
  return { passed: 0, failed: 0, skipped: 0 };
}
