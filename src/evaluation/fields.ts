/** Checks of values from a JSON line: each returns the value in its type or names the field that is wrong. Pure. */
import { FlashmoeError } from "../errors.ts";

/** Where a value stands: "held-out.jsonl line 3" and the path of the field in it. */
export class Place {
  constructor(
    readonly line: string,
    readonly field = "",
  ) {}

  in(key: string | number): Place {
    const step = typeof key === "number" ? `[${key}]` : this.field === "" ? key : `.${key}`;
    return new Place(this.line, `${this.field}${step}`);
  }

  error(what: string): FlashmoeError {
    const where = this.field === "" ? this.line : `${this.line}: ${this.field}`;
    return new FlashmoeError("usage", `${where} ${what}.`, {
      hint: "docs/quality.md describes the files of the suite.",
    });
  }
}

export type Fields = Record<string, unknown>;

/** An object with no other keys than `known`; null allows any. */
export function fieldsOf(value: unknown, at: Place, known: readonly string[] | null): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw at.error("must be an object");
  const fields = value as Fields;
  if (known === null) return fields;
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) throw at.in(key).error(`is not known here; known are ${known.join(", ")}`);
  }
  return fields;
}

export function textOf(value: unknown, at: Place): string {
  if (typeof value === "string") return value;
  throw at.error("must be a text");
}

/** A text with something in it. */
export function wordOf(value: unknown, at: Place): string {
  const text = textOf(value, at);
  if (text.trim() === "") throw at.error("is empty");
  return text;
}

export function numberOf(value: unknown, at: Place): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw at.error("must be a number");
}

export function countOf(value: unknown, at: Place, least = 1): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw at.error(`must be a whole number from ${least}`);
}

export function booleanOf(value: unknown, at: Place): boolean {
  if (typeof value === "boolean") return value;
  throw at.error("must be true or false");
}

/** A list with at least `least` entries, each read by `entry`. */
export function listOf<T>(value: unknown, at: Place, entry: (value: unknown, at: Place) => T, least = 1): T[] {
  if (!Array.isArray(value)) throw at.error("must be a list");
  if (value.length < least) throw at.error("is empty");
  return value.map((item, index) => entry(item, at.in(index)));
}
