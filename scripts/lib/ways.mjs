// The slow ways of running the native tests, and what each takes. docs/testing.md says what each one guards.

const qemu = (cpu) => ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", "-cpu", cpu];
const memcheck = ["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"];

/**
 * By name: the wrapper, what the executables are built for, the share of the random cases (1 of `divisor`), what else
 * zig/format/test_rounds.zig takes from the environment, and its rooms (with the smaller ones in their executables:
 * build.zig) with the seconds that each took on one core of Zen 3: the longest start first.
 */
export const ways = {
  "cortex-a53": {
    wrapper: qemu("cortex-a53"),
    target: "aarch64-linux-gnu",
    divisor: 10,
    seconds: { engine: 110, backend: 38, experts: 12 },
  },
  "neoverse-n1": {
    wrapper: qemu("neoverse-n1"),
    target: "aarch64-linux-gnu",
    env: { FLASHMOE_TEST_LEVELS_ONLY: "1" },
    divisor: 10,
    seconds: { engine: 80, backend: 45 },
  },
  valgrind: {
    wrapper: ["valgrind", ...memcheck],
    divisor: 11,
    seconds: { engine: 170, backend: 120, experts: 28 },
  },
  tsan: {
    sanitizeThread: true,
    divisor: 10,
    seconds: { engine: 36, backend: 13, experts: 16 },
  },
};
