/**
 * FLASHMOE_TRACE_FFI=1: counts and times every native call; the table goes to stderr when the process exits. The cells
 * are shared memory, so that the main thread can print what the worker counted: one block per thread, one writer each.
 */
import { symbols } from "./bindings.gen.ts";

export type SymbolName = keyof typeof symbols;
export const symbolNames = Object.keys(symbols) as SymbolName[];

export interface CallCount {
  calls: number;
  milliseconds: number;
}

/** [calls, milliseconds] per symbol. */
export type TraceCells = Float64Array<SharedArrayBuffer>;

const blocks: TraceCells[] = [];
let printing = false;

export function traceRequested(): boolean {
  const value = process.env.FLASHMOE_TRACE_FFI;
  return value !== undefined && value !== "" && value !== "0";
}

/** A block for one more thread. Made on the main thread, which prints the sum of all blocks at exit. */
export function createTraceCells(): TraceCells {
  const cells = new Float64Array(new SharedArrayBuffer(symbolNames.length * 16));
  blocks.push(cells);
  if (!printing) {
    printing = true;
    process.once("exit", () => process.stderr.write(traceTable()));
  }
  return cells;
}

/** Adds up the blocks of all threads; calls that never happened are left out. */
export function traceCounts(): Map<SymbolName, CallCount> {
  const counts = new Map<SymbolName, CallCount>();
  symbolNames.forEach((name, index) => {
    let calls = 0;
    let milliseconds = 0;
    for (const cells of blocks) {
      calls += cells[2 * index] ?? 0;
      milliseconds += cells[2 * index + 1] ?? 0;
    }
    if (calls > 0) counts.set(name, { calls, milliseconds });
  });
  return counts;
}

export function traceTable(): string {
  const rows = [...traceCounts()].sort(([, a], [, b]) => b.milliseconds - a.milliseconds);
  const lines = rows.map(
    ([name, { calls, milliseconds }]) =>
      `${name.padEnd(22)}${String(calls).padStart(10)}${milliseconds.toFixed(3).padStart(14)}${((milliseconds * 1000) / calls).toFixed(1).padStart(14)}`,
  );
  return [
    `${"native call".padEnd(22)}${"calls".padStart(10)}${"total ms".padStart(14)}${"mean us".padStart(14)}`,
    ...lines,
    "",
  ].join("\n");
}

type Callable = (...args: never[]) => number;

/** The same symbols, each counting into `cells`. */
export function traced<T extends Record<SymbolName, Callable>>(table: T, cells: TraceCells): T {
  const out: Partial<Record<SymbolName, Callable>> = {};
  symbolNames.forEach((name, index) => {
    const call = table[name];
    out[name] = (...args: never[]): number => {
      const start = performance.now();
      const result = call(...args);
      cells[2 * index] = (cells[2 * index] ?? 0) + 1;
      cells[2 * index + 1] = (cells[2 * index + 1] ?? 0) + performance.now() - start;
      return result;
    };
  });
  return out as T;
}
