/** The one error class a caller meets: a code to act on, a message naming the cause, a hint naming the next step. */

/** The native result codes (zig/abi/types.zig `Result`) plus what only TypeScript finds. */
export type ErrorCode =
  | "invalid_argument"
  | "invalid_handle"
  | "out_of_memory"
  | "model_invalid"
  | "memory_too_small"
  | "io_failed"
  | "cancelled"
  | "context_full"
  | "session_broken"
  | "unsupported"
  | "session_file_invalid"
  | "busy"
  | "internal"
  | "usage";

export class FlashmoeError extends Error {
  override readonly name = "FlashmoeError";
  readonly code: ErrorCode;
  /** The next step, one sentence; empty when there is none to name. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? "";
  }
}

/** Exit code of a command that ends with this error: 1 failed, 2 usage, 3 the model cannot be used, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof FlashmoeError)) return 1;
  switch (error.code) {
    case "model_invalid":
      return 3;
    case "usage":
    case "invalid_argument":
    case "memory_too_small":
    case "context_full":
      return 2;
    case "cancelled":
      return 130;
    default:
      return 1;
  }
}
