/** NumPy .npy files of f32 matrices, version 1.0: what `eval` writes logits to and reads reference logits from. */
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { FlashmoeError } from "../errors.ts";

const MAGIC = "\x93NUMPY\x01\x00";

/** Writes rows one by one to a temporary name; `finish` renames it. */
export class NpyWriter {
  private readonly descriptor: number;
  private readonly partial: string;
  private rows = 0;

  constructor(
    private readonly path: string,
    private readonly shape: [rows: number, cols: number],
  ) {
    this.partial = `${path}.partial`;
    this.descriptor = openSync(this.partial, "w");
    writeSync(this.descriptor, headerOf(shape));
  }

  push(row: Float32Array): void {
    if (row.length !== this.shape[1] || this.rows >= this.shape[0])
      throw new RangeError("row outside the declared shape");
    writeFully(this.descriptor, new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    this.rows += 1;
  }

  finish(): void {
    if (this.rows !== this.shape[0]) throw new RangeError("rows are missing");
    closeSync(this.descriptor);
    renameSync(this.partial, this.path);
  }

  /** Leaves nothing behind. */
  abandon(): void {
    closeSync(this.descriptor);
    rmSync(this.partial, { force: true });
  }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(descriptor, bytes, done);
}

/** The dictionary is padded so that the data starts on a multiple of 64. */
function headerOf([rows, cols]: [number, number]): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${cols}), }`;
  const unpadded = MAGIC.length + 2 + text.length + 1;
  const padded = text + " ".repeat((64 - (unpadded % 64)) % 64) + "\n";
  const bytes = new Uint8Array(MAGIC.length + 2 + padded.length);
  bytes.set(Uint8Array.from(MAGIC, (c) => c.charCodeAt(0)));
  new DataView(bytes.buffer).setUint16(MAGIC.length, padded.length, true);
  bytes.set(new TextEncoder().encode(padded), MAGIC.length + 2);
  return bytes;
}

/** An f32 matrix on disk, read row by row. */
export class NpyReader implements Disposable {
  readonly rows: number;
  readonly cols: number;
  private readonly descriptor: number;
  private readonly dataStart: number;

  constructor(private readonly path: string) {
    try {
      this.descriptor = openSync(path, "r");
    } catch (cause) {
      throw unusable(path, "cannot be opened", cause);
    }
    const head = new Uint8Array(10);
    if (readSync(this.descriptor, head, 0, 10, 0) !== 10 || String.fromCharCode(...head.subarray(0, 8)) !== MAGIC) {
      throw unusable(path, "is no NumPy file of version 1.0");
    }
    const length = new DataView(head.buffer).getUint16(8, true);
    const text = new Uint8Array(length);
    readSync(this.descriptor, text, 0, length, 10);
    const dictionary = new TextDecoder("latin1").decode(text);
    const shape = /'shape': \((\d+), (\d+)\)/.exec(dictionary);
    if (!/'descr': '<f4'/.test(dictionary) || !/'fortran_order': False/.test(dictionary) || shape === null) {
      throw unusable(path, "is not a C-ordered f32 matrix");
    }
    this.rows = Number(shape[1]);
    this.cols = Number(shape[2]);
    this.dataStart = 10 + length;
    if (fstatSync(this.descriptor).size !== this.dataStart + this.rows * this.cols * 4) {
      throw unusable(path, "does not have the size its header states");
    }
  }

  row(index: number): Float32Array {
    const row = new Float32Array(this.cols);
    const bytes = new Uint8Array(row.buffer);
    const at = this.dataStart + index * bytes.length;
    if (readSync(this.descriptor, bytes, 0, bytes.length, at) !== bytes.length)
      throw unusable(this.path, "ended early");
    return row;
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

function unusable(path: string, what: string, cause?: unknown): FlashmoeError {
  return new FlashmoeError("usage", `${path} ${what}.`, {
    hint: "Reference logits are a .npy file of f32 [tokens, vocabulary], as `flashmoe eval logits` writes it.",
    cause,
  });
}
