/**
 * A strict JSON reader for untrusted files: duplicate keys, integers a double cannot hold, deep nesting and trailing
 * bytes are errors that name line and column. JSON.parse keeps the last of two equal keys, which hides damage.
 */

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
/** Objects have no prototype, so a key named `__proto__` is an ordinary key. */
export interface JsonObject {
  [key: string]: JsonValue;
}

export class JsonError extends Error {
  override name = "JsonError";
}

const depthMax = 64;

/** Parses a whole text; throws `JsonError` with line and column. */
export function parseStrictJson(text: string): JsonValue {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

enum Char {
  tab = 9,
  newline = 10,
  carriageReturn = 13,
  space = 32,
  quote = 34,
  comma = 44,
  minus = 45,
  digit0 = 48,
  digit9 = 57,
  colon = 58,
  bracketOpen = 91,
  backslash = 92,
  bracketClose = 93,
  braceOpen = 123,
  braceClose = 125,
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  value(depth: number): JsonValue {
    if (depth > depthMax) throw this.error(`nested deeper than ${depthMax} levels`);
    this.skipSpace();
    const char = this.text.charCodeAt(this.position);
    switch (char) {
      case Char.braceOpen:
        return this.object(depth);
      case Char.bracketOpen:
        return this.array(depth);
      case Char.quote:
        return this.string();
      case 116:
        return this.word("true", true);
      case 102:
        return this.word("false", false);
      case 110:
        return this.word("null", null);
      default:
        if (char === Char.minus || (char >= Char.digit0 && char <= Char.digit9)) return this.number();
        throw this.error(this.position >= this.text.length ? "ends too early" : "unexpected character");
    }
  }

  end(): void {
    this.skipSpace();
    if (this.position < this.text.length) throw this.error("something follows the end of the value");
  }

  private object(depth: number): JsonObject {
    const result: JsonObject = Object.create(null);
    this.position += 1;
    this.skipSpace();
    if (this.text.charCodeAt(this.position) === Char.braceClose) {
      this.position += 1;
      return result;
    }
    for (;;) {
      this.skipSpace();
      if (this.text.charCodeAt(this.position) !== Char.quote) throw this.error("a key was expected");
      const keyAt = this.position;
      const key = this.string();
      if (key in result) {
        this.position = keyAt;
        throw this.error(`the key ${JSON.stringify(key)} appears twice`);
      }
      this.skipSpace();
      if (this.text.charCodeAt(this.position) !== Char.colon) throw this.error("a colon was expected");
      this.position += 1;
      result[key] = this.value(depth + 1);
      if (this.next(Char.braceClose)) return result;
    }
  }

  private array(depth: number): JsonValue[] {
    const result: JsonValue[] = [];
    this.position += 1;
    this.skipSpace();
    if (this.text.charCodeAt(this.position) === Char.bracketClose) {
      this.position += 1;
      return result;
    }
    for (;;) {
      result.push(this.value(depth + 1));
      if (this.next(Char.bracketClose)) return result;
    }
  }

  /** After an element: true at the closing character, false at a comma. */
  private next(close: Char): boolean {
    this.skipSpace();
    const char = this.text.charCodeAt(this.position);
    if (char !== close && char !== Char.comma) {
      throw this.error(this.position >= this.text.length ? "ends too early" : "a comma or the end was expected");
    }
    this.position += 1;
    return char === close;
  }

  private string(): string {
    const start = this.position + 1;
    let at = start;
    let escaped = false;
    for (;;) {
      const char = this.text.charCodeAt(at);
      if (char === Char.quote) break;
      if (Number.isNaN(char)) throw this.error("a string does not end");
      if (char < Char.space) {
        this.position = at;
        throw this.error("a control character inside a string");
      }
      if (char === Char.backslash) {
        escaped = true;
        at += 1;
      }
      at += 1;
    }
    this.position = at + 1;
    if (!escaped) return this.text.slice(start, at);
    try {
      return JSON.parse(this.text.slice(start - 1, at + 1)) as string;
    } catch {
      this.position = start - 1;
      throw this.error("a bad escape inside a string");
    }
  }

  private number(): number {
    numberPattern.lastIndex = this.position;
    const match = numberPattern.exec(this.text);
    if (match === null) throw this.error("a bad number");
    const value = Number(match[0]);
    const isInteger = match[1] === undefined && match[2] === undefined;
    if (isInteger ? !Number.isSafeInteger(value) : !Number.isFinite(value)) {
      throw this.error(`the number ${match[0].slice(0, 40)} is out of range`);
    }
    this.position += match[0].length;
    return value;
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.position)) throw this.error("unexpected character");
    this.position += word.length;
    return value;
  }

  private skipSpace(): void {
    for (;;) {
      const char = this.text.charCodeAt(this.position);
      if (char !== Char.space && char !== Char.newline && char !== Char.carriageReturn && char !== Char.tab) return;
      this.position += 1;
    }
  }

  private error(what: string): JsonError {
    const before = this.text.slice(0, this.position);
    const line = before.split("\n").length;
    const column = this.position - before.lastIndexOf("\n");
    return new JsonError(`${what} at line ${line}, column ${column}`);
  }
}
