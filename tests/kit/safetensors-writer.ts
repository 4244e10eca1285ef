/** Writes safetensors files and rewrites their headers, validly or (for bad-input tests) not. */
import { readFileSync, writeFileSync } from "node:fs";

export interface WrittenTensor {
  name: string;
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

export function safetensorsBytes(tensors: WrittenTensor[], metadata?: Record<string, string>): Uint8Array {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let at = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
  }
  return joinHeader(JSON.stringify(header), Buffer.concat(tensors.map((tensor) => tensor.data)));
}

/** Header text and data with a true length; the text is padded with spaces to 8 bytes as the libraries do. */
export function joinHeader(text: string, data: Uint8Array): Uint8Array {
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

export interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

export function readParts(path: string): { text: string; header: Record<string, HeaderEntry>; data: Uint8Array } {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const text = bytes.subarray(8, 8 + length).toString();
  return { text, header: JSON.parse(text), data: bytes.subarray(8 + length) };
}

/** Changes a header's text or its parsed form in place; the data stays as it is. */
export function editHeader(path: string, edit: (header: Record<string, HeaderEntry>) => void): void {
  const { header, data } = readParts(path);
  edit(header);
  writeFileSync(path, joinHeader(JSON.stringify(header), data));
}

export function editHeaderText(path: string, edit: (text: string) => string): void {
  const { text, data } = readParts(path);
  writeFileSync(path, joinHeader(edit(text.trimEnd()), data));
}

/** Rebuilds a file from its tensors after an edit of the list, so that sizes and offsets are consistent again. */
export function editTensors(path: string, edit: (tensors: WrittenTensor[]) => WrittenTensor[]): void {
  const { header, data } = readParts(path);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => ({ name, dtype, shape, data: data.slice(begin, end) }),
    );
  writeFileSync(path, safetensorsBytes(edit(tensors)));
}
