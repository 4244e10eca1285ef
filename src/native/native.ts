/**
 * The loaded native library of one thread: calls with an arity check, and the one place where a result code and its
 * text become a FlashmoeError. Buffers stay the caller's.
 */
import { dlopen, FFIType } from "bun:ffi";
import { type ErrorCode, FlashmoeError } from "../errors.ts";
import { abiHash, Result, symbols } from "./bindings.gen.ts";
import { type SymbolName, type TraceCells, traced } from "./trace.ts";

/** Numbers, and buffers where the signature says pointer. Never a captured address. */
export type NativeArgument = number | DataView | null;
type NativeFunction = (...args: (number | Uint8Array | null)[]) => number;

const codes: Record<Exclude<keyof typeof Result, "ok">, ErrorCode> = {
  invalidArgument: "invalid_argument",
  invalidHandle: "invalid_handle",
  outOfMemory: "out_of_memory",
  modelInvalid: "model_invalid",
  memoryTooSmall: "memory_too_small",
  ioFailed: "io_failed",
  cancelled: "cancelled",
  contextFull: "context_full",
  sessionBroken: "session_broken",
  unsupported: "unsupported",
  sessionFileInvalid: "session_file_invalid",
  busy: "busy",
  internal: "internal",
};

const codeOfResult = new Map<number, ErrorCode>(
  (Object.keys(codes) as (keyof typeof codes)[]).map((name) => [Result[name], codes[name]]),
);

/** The next step, where the code alone tells it; the native text names the cause. */
const hints: Partial<Record<ErrorCode, string>> = {
  out_of_memory: "Close other programs, or give a smaller --memory or --context.",
  memory_too_small: "Raise --memory to the number named, or lower --context.",
  model_invalid: "Download the model again, or check that its files belong together.",
  io_failed: "Check the disk and that the model's files are still there and unchanged.",
  context_full: "Raise --context, or start a new session.",
  session_broken: "Reset the session, or load it from its file again.",
  session_file_invalid: "Use the model the session was saved with, or start a new session.",
};

export class Native {
  readonly path: string;
  readonly #functions: Record<SymbolName, NativeFunction>;
  readonly #text = new DataView(new ArrayBuffer(1024));

  /** Opens the library; throws what the system says when it cannot. */
  constructor(path: string, cells: TraceCells | null) {
    const definitions: Record<string, { args: FFIType[]; returns: FFIType }> = {};
    for (const [name, signature] of Object.entries(symbols)) {
      definitions[name] = {
        args: signature.args.map((type) => FFIType[type]),
        returns: FFIType[signature.returns],
      };
    }
    const library = dlopen(path, definitions);
    const functions = library.symbols as unknown as Record<SymbolName, NativeFunction>;
    this.path = path;
    this.#functions = cells === null ? functions : traced(functions, cells);
    const found = this.call("fm_abi_hash");
    if (found !== abiHash) {
      library.close();
      throw new FlashmoeError("internal", `${path} was built from other sources than this program`, {
        hint: "Build again: the library and src/native/bindings.gen.ts must come from the same zig/abi.",
      });
    }
  }

  /** The raw result. bun:ffi checks no arity, so this does. */
  call(name: SymbolName, ...args: NativeArgument[]): number {
    const { args: types } = symbols[name];
    if (args.length !== types.length) {
      throw new FlashmoeError("internal", `${name} takes ${types.length} arguments, not ${args.length}`);
    }
    return this.#functions[name](...args.map(passable));
  }

  /** A fallible call: returns when it succeeded, throws its error otherwise. */
  check(name: SymbolName, ...args: NativeArgument[]): void {
    const result = this.call(name, ...args);
    if (result !== Result.ok) throw this.errorOf(name, result);
  }

  /** A call that copies text or bytes out: its length, or its error. */
  checkLength(name: SymbolName, ...args: NativeArgument[]): number {
    const result = this.call(name, ...args);
    if (result < 0) throw this.errorOf(name, result);
    return result;
  }

  errorOf(name: SymbolName, result: number): FlashmoeError {
    const code = codeOfResult.get(result);
    if (code === undefined) return new FlashmoeError("internal", `${name} returned ${result}, which means nothing`);
    const length = this.call("fm_error_message", 0, this.#text, this.#text.byteLength);
    const text = new TextDecoder().decode(
      new Uint8Array(this.#text.buffer, 0, Math.max(0, Math.min(length, this.#text.byteLength))),
    );
    const hint = hints[code];
    return new FlashmoeError(code, text, hint === undefined ? {} : { hint });
  }
}

function passable(argument: NativeArgument): number | Uint8Array | null {
  if (argument === null || typeof argument === "number") return argument;
  return new Uint8Array(argument.buffer, argument.byteOffset, argument.byteLength);
}

/** Bytes of a text for a pointer-and-length pair; at least one byte, so that the pointer is one. */
export function textArgument(text: string): { view: DataView; bytes: number } {
  const encoded = new TextEncoder().encode(text);
  const buffer = new ArrayBuffer(Math.max(encoded.length, 1));
  new Uint8Array(buffer).set(encoded);
  return { view: new DataView(buffer), bytes: encoded.length };
}
