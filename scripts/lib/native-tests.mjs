// Runs native test executables, directly or under a wrapper (qemu-user, valgrind), counts, and tells what took long.
import { basename } from "node:path";
import { capture, say } from "./project.mjs";
import { runQueue } from "./queue.mjs";

/** Tests that took this long are named. */
const slowSeconds = 5;

/** What the executables took on one core of Zen 3: the longest start first. */
const expectedSeconds = { tests_engine: 66, tests_experts: 29, tests_backend: 7 };

/** Runs each executable, as many at once as there are cores. Returns one tally each. */
export async function runNativeTests(executables) {
  const tallies = [];
  const jobs = executables.map((executable) => ({
    seconds: expectedSeconds[basename(executable)] ?? 0,
    run: async () => {
      tallies.push(await runTests(executable));
    },
  }));
  await runQueue(jobs);
  return tallies.sort((a, b) => a.name.localeCompare(b.name));
}

/** Runs `wrapper... executable`; prints what it printed where it fails. Returns its tally, with the seconds it took. */
export async function runTests(executable, { wrapper = [], label = "zig", env = {} } = {}) {
  const name = `${label} ${basename(executable)}`;
  const [program, ...args] = [...wrapper, executable];
  const clock = testClock();
  const { status, output } = await capture(program, args, { env: { ...process.env, ...env } }, clock.heard);
  const tally = { name, ...countsOf(output) };
  // A crash, a leak or a sanitiser's report fails without a failing test of its own.
  if (status !== 0 && tally.failed === 0) tally.failed = 1;
  if (tally.failed + tally.passed + tally.skipped === 0) tally.failed = 1;
  if (tally.failed > 0) {
    say(`--- ${name} ended with ${status}`);
    say(output.trimEnd());
    say("--- for stack traces: zig build test -Droom=ROOM -Dstrip=false");
  } else say(`${name}: ${tally.passed} passed in ${clock.seconds().toFixed(1)} s`);
  for (const slow of clock.slow()) say(`  ${slow.seconds.toFixed(1)} s ${slow.test}`);
  return { ...tally, seconds: clock.seconds() };
}

/** Times tests by when the runner printed their names: it prints `12/34 name...` before each. */
function testClock() {
  const began = performance.now();
  const tests = [];
  let line = "";
  const seconds = () => (performance.now() - began) / 1000;
  const heard = (piece) => {
    line += piece.toString();
    const names = [...line.matchAll(/^\d+\/\d+ (.*?)\.\.\.(?=OK|FAIL|SKIP|$)/gm)];
    for (const [, test] of names.slice(tests.length)) tests.push({ test, at: seconds() });
  };
  const slow = () => {
    const end = seconds();
    const timed = tests.map(({ test, at }, i) => ({ test, seconds: (tests[i + 1]?.at ?? end) - at }));
    return timed.filter((one) => one.seconds >= slowSeconds).sort((a, b) => b.seconds - a.seconds);
  };
  return { heard, seconds, slow };
}

/** The counts the Zig test runner prints at the end; all 0 when it did not come that far. */
function countsOf(output) {
  const all = /All (\d+) tests passed\./.exec(output);
  if (all) return { passed: Number(all[1]), failed: 0, skipped: 0 };
  const some = /(\d+) passed; (\d+) skipped; (\d+) failed\./.exec(output);
  if (some) return { passed: Number(some[1]), skipped: Number(some[2]), failed: Number(some[3]) };
  return { passed: 0, failed: 0, skipped: 0 };
}
