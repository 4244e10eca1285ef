/** Typed access to config.json with messages that name the field. Used only while a config is read. */
import { modelError, shown } from "./model-error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./strict-json.ts";

const hint = "The config does not describe a model that can be run; compare it with the original release.";

export class Fields {
  constructor(
    private readonly values: JsonObject,
    /** What messages call the object, for example "config.json text_config". */
    readonly where: string,
  ) {}

  has(key: string): boolean {
    return this.values[key] !== undefined && this.values[key] !== null;
  }

  get(key: string): JsonValue | undefined {
    return this.values[key] ?? undefined;
  }

  error(key: string, expected: string): Error {
    const found = this.has(key) ? `, not ${shown(this.values[key])}` : " but is missing";
    return modelError(`${this.where}: ${key} must be ${expected}${found}.`, hint);
  }

  whole(key: string, min: number, max: number, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      throw this.error(key, `a whole number from ${min} to ${max}`);
    }
    return value;
  }

  /** A finite number with min < value <= max. */
  real(key: string, min: number, max: number, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== "number" || !(value > min) || !(value <= max)) {
      throw this.error(key, `a number above ${min} and at most ${max}`);
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== "boolean") throw this.error(key, "true or false");
    return value;
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value !== undefined && typeof value !== "string") throw this.error(key, "a text");
    return value;
  }

  object(key: string): Fields | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) throw this.error(key, "an object");
    return new Fields(value, `${this.where} ${key}`);
  }

  list(key: string): JsonValue[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.error(key, "a list");
    return value;
  }

  /** Token ids given as one number or as a list. */
  tokenIds(key: string, vocab: number): number[] {
    const value = this.get(key);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? value : [value];
    for (const id of list) {
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocab) {
        throw this.error(key, `token ids below the vocabulary's ${vocab}`);
      }
    }
    return list as number[];
  }

  /** Refuses a field whose value changes the arithmetic in a way this program does not implement. */
  require(key: string, allowed: JsonValue[]): void {
    const value = this.get(key);
    if (value === undefined || allowed.includes(value)) return;
    throw modelError(
      `${this.where}: ${key} = ${shown(value)} is not supported (only ${allowed.map((v) => shown(v)).join(" or ")}).`,
      "This variant of the architecture cannot be run by flashmoe.",
    );
  }

  keys(): string[] {
    return Object.keys(this.values);
  }
}
