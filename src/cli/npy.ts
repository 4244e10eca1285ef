/** NumPy .npy files of f32 matrices, version 1.0: what `eval` writes logits to and reads reference logits from. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FlashmoeError } from "../errors.ts";
import { codeOf, OutputFile } from "./output-file.ts";
import { usage } from "./usage.ts";

const MAGIC = "\x93NUMPY\x01\x00";

/** Writes rows one by one; `finish` gives the file its name, so that the name never holds half a matrix. */
export class NpyWriter {
  private readonly file: OutputFile;
  private rows = 0;

  /** Refuses a target that could not be written; touches nothing yet. */
  constructor(
    path: string,
    private readonly shape: [rows: number, cols: number],
  ) {
    this.file = new OutputFile(path);
  }

  begin(): void {
    this.file.begin();
    this.file.write(headerOf(this.shape));
  }

  push(row: Float32Array): void {
    if (row.length !== this.shape[1] || this.rows >= this.shape[0]) {
      throw new RangeError("row outside the declared shape");
    }
    this.file.write(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
    this.rows += 1;
  }

  finish(): void {
    if (this.rows !== this.shape[0]) throw new RangeError("rows are missing");
    this.file.finish();
  }

  /** Leaves nothing behind of a matrix that was not finished. */
  abandon(): void {
    this.file.abandon();
  }
}

/** The dictionary is padded so that the data starts on a multiple of 64. */
function headerOf([rows, cols]: [number, number]): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${cols}), }`;
  const unpadded = MAGIC.length + 2 + text.length + 1;
  const padded = `${text}${" ".repeat((64 - (unpadded % 64)) % 64)}\n`;
  const bytes = new Uint8Array(MAGIC.length + 2 + padded.length);
  bytes.set(Uint8Array.from(MAGIC, (c) => c.charCodeAt(0)));
  new DataView(bytes.buffer).setUint16(MAGIC.length, padded.length, true);
  bytes.set(new TextEncoder().encode(padded), MAGIC.length + 2);
  return bytes;
}

/** An f32 matrix on disk, read row by row. */
export class NpyReader {
  readonly rows: number;
  readonly cols: number;
  private readonly descriptor: number;
  private readonly dataStart: number;

  constructor(private readonly path: string) {
    try {
      this.descriptor = openSync(path, "r");
    } catch (cause) {
      throw unusable(path, `cannot be opened (${codeOf(cause)})`, cause);
    }
    const head = this.bytes(0, 10);
    if (String.fromCharCode(...head.subarray(0, 8)) !== MAGIC) throw unusable(path, "is no NumPy file of version 1.0");
    const length = new DataView(head.buffer).getUint16(8, true);
    const dictionary = new TextDecoder("latin1").decode(this.bytes(10, length));
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
    const bytes = this.bytes(this.dataStart + index * this.cols * 4, this.cols * 4);
    return new Float32Array(bytes.buffer);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    let done = 0;
    try {
      while (done < length) {
        const read = readSync(this.descriptor, bytes, done, length - done, offset + done);
        if (read === 0) throw unusable(this.path, "ends too early");
        done += read;
      }
    } catch (cause) {
      throw cause instanceof FlashmoeError ? cause : unusable(this.path, `cannot be read (${codeOf(cause)})`, cause);
    }
    return bytes;
  }
}

function unusable(path: string, what: string, cause?: unknown): FlashmoeError {
  return usage(
    `${path} ${what}.`,
    "Reference logits are a .npy file of f32 [tokens, vocabulary], as `flashmoe eval logits` writes it.",
    cause,
  );
}
