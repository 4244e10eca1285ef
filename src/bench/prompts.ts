/**
 * Prompts for benchmarks: seeded, and each run gets another one, because a repeated prompt measures the cache and not
 * the engine. Pure.
 */

/** mulberry32: small, seeded, good enough to shuffle and to draw ids. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` ids below `vocab`: for models whose routing no text steers, such as random weights. */
export function randomIds(vocab: number, count: number, run: number): number[] {
  const random = randomOf(0x9e3779b9 ^ run);
  return Array.from({ length: count }, () => Math.floor(random() * vocab));
}

/** `count` tokens of a text from a place that differs from run to run, going on at its start when it ends. */
export function cutFrom(ids: readonly number[], count: number, run: number): number[] {
  const start = Math.floor(randomOf(run)() * ids.length);
  return Array.from({ length: count }, (_, i) => ids[(start + i) % ids.length]!);
}
