/** Parsers of option values: text from the command line in, checked values out, errors that name what is allowed. */
import { InvalidArgumentError } from "commander";
import { quoted } from "./usage.ts";

const SIZE_UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** "1.5GiB", "800MB", "4g" or plain bytes -> bytes. */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = match ? SIZE_UNITS[match[2]!.toLowerCase()] : undefined;
  if (!match || unit === undefined) {
    throw new InvalidArgumentError(`${quoted(text)} is not a size; write it like 4GiB, 800MB or 1500000000.`);
  }
  const bytes = Math.floor(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new InvalidArgumentError(`${quoted(text)} is out of range; write a size above zero such as 4GiB.`);
  }
  return bytes;
}

/** A parser of whole numbers in [least, most]. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`${quoted(text)} is not a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** A parser of finite decimal numbers in [least, most]. */
export function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value) || value < least || value > most) {
      throw new InvalidArgumentError(`${quoted(text)} is not a number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** A parser of one of several words. */
export function oneOf<T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((known) => known === text);
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`${quoted(text)} is not one of ${words.join(", ")}.`);
  };
}

/** Collects a repeatable option into a list. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
