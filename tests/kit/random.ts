/** A small seeded generator for tests; the same seed gives the same numbers everywhere. */

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** 32 random bits. */
  bits(): number;
  /** Standard normal. */
  normal(): number;
  below(n: number): number;
}

/** Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const bits = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const uniform = () => bits() / 2 ** 32;
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { bits, uniform, normal, below: (n) => Math.floor(uniform() * n) };
}
