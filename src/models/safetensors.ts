/**
 * The header of one safetensors file: u64 length, JSON, data. Everything a later read relies on is checked here
 * (lengths, dtypes, shapes, offsets without overlap or hole, exact file size). Only the header is read.
 */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { downloadAgain, modelError, shown } from "./model-error.ts";
import { decodeUtf8, errnoOf, isLfsPointer, lfsPointerError } from "./model-files.ts";
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseStrictJson } from "./strict-json.ts";

/** Bytes of one element by safetensors dtype. */
const elementBytes: Record<string, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

/** The format's own limit. */
const headerBytesMax = 100_000_000;
const dimensionsMax = 8;

export interface HeaderTensor {
  dtype: string;
  shape: number[];
  /** From the start of the file. */
  offset: number;
  bytes: number;
}

export interface SafetensorsHeader {
  /** File name without directory. */
  name: string;
  path: string;
  /** Size of the whole file. */
  bytes: number;
  /** The raw header, for the model's hash. */
  raw: Uint8Array;
  tensors: Map<string, HeaderTensor>;
}

/** Reads and validates the header of one file. `name` is what messages call it. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const name = basename(path);
  const { raw, fileBytes } = await readRawHeader(path, name);
  let json: JsonValue;
  try {
    json = parseStrictJson(decodeUtf8(raw, `The header of ${name}`));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw modelError(`The header of ${name} is not valid JSON: ${error.message}.`, downloadAgain, error);
  }
  if (!isJsonObject(json)) throw modelError(`The header of ${name} is not a JSON object.`, downloadAgain);
  const tensors = parseTensors(json, name, 8 + raw.length, fileBytes);
  checkCoverage(tensors, name, 8 + raw.length, fileBytes);
  return { name, path, bytes: fileBytes, raw, tensors };
}

async function readRawHeader(path: string, name: string): Promise<{ raw: Uint8Array; fileBytes: number }> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT")
      throw modelError(`The weights file ${name} is missing.`, "Download the model again.");
    throw modelError(`${name} cannot be opened (${errnoOf(error)}).`, "Check the permissions.", error);
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw modelError(`${name} is not a file.`, downloadAgain);
    const head = new Uint8Array(Math.min(64, info.size));
    await readFully(file, head, 0, name);
    if (isLfsPointer(head)) throw lfsPointerError(name);
    if (info.size === 0) throw modelError(`${name} is empty.`, downloadAgain);
    if (info.size < 10)
      throw modelError(`${name} is only ${info.size} bytes long: not a safetensors file.`, downloadAgain);
    const headerBytes = Number(new DataView(head.buffer).getBigUint64(0, true));
    if (headerBytes > headerBytesMax) {
      throw modelError(
        `${name} states a header of ${headerBytes} bytes, more than the format allows: not a safetensors file.`,
        downloadAgain,
      );
    }
    if (8 + headerBytes > info.size) {
      throw modelError(
        `${name} states a header of ${headerBytes} bytes but the file has only ${info.size}: it is truncated.`,
        downloadAgain,
      );
    }
    if (headerBytes < 2 || head[8] !== 0x7b) {
      throw modelError(`The header of ${name} does not start with "{": not a safetensors file.`, downloadAgain);
    }
    const raw = new Uint8Array(headerBytes);
    await readFully(file, raw, 8, name);
    return { raw, fileBytes: info.size };
  } finally {
    await file.close();
  }
}

type FileHandle = Awaited<ReturnType<typeof open>>;

async function readFully(file: FileHandle, into: Uint8Array, position: number, name: string): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw modelError(`${name} ended while its header was read.`, downloadAgain);
    done += bytesRead;
  }
}

function parseTensors(json: JsonObject, file: string, dataStart: number, fileBytes: number): Map<string, HeaderTensor> {
  const tensors = new Map<string, HeaderTensor>();
  for (const name in json) {
    if (name === "__metadata__") continue;
    tensors.set(name, parseTensor(json[name], name, file, dataStart, fileBytes));
  }
  if (tensors.size === 0) throw modelError(`${file} holds no tensors.`, downloadAgain);
  return tensors;
}

function parseTensor(
  entry: JsonValue | undefined,
  name: string,
  file: string,
  dataStart: number,
  fileBytes: number,
): HeaderTensor {
  const bad = (what: string) => modelError(`Tensor ${name} in ${file} ${what}.`, downloadAgain);
  if (!isJsonObject(entry)) throw bad("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  const unit = typeof dtype === "string" ? elementBytes[dtype] : undefined;
  if (typeof dtype !== "string" || unit === undefined) throw bad(`has the unknown dtype ${shown(dtype)}`);
  if (!Array.isArray(shape) || shape.length > dimensionsMax || !shape.every(isWhole)) {
    throw bad(`has the bad shape ${shown(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole)) {
    throw bad(`has the bad data_offsets ${shown(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) throw bad(`has data_offsets that run backwards: ${shown(offsets)}`);
  if (dataStart + end > fileBytes) {
    throw bad(`ends at byte ${dataStart + end} but the file has only ${fileBytes}: it is truncated`);
  }
  let bytes = unit;
  for (const size of shape as number[]) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) throw bad(`has a shape that overflows: ${shown(shape)}`);
  }
  if (bytes !== end - begin) {
    throw bad(`needs ${bytes} bytes for ${dtype} ${shown(shape)} but its data_offsets span ${end - begin}`);
  }
  return { dtype, shape: shape as number[], offset: dataStart + begin, bytes };
}

function isWhole(value: JsonValue): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The tensors must cover the data exactly: no overlap, no hole, nothing after the last. */
function checkCoverage(tensors: Map<string, HeaderTensor>, file: string, dataStart: number, fileBytes: number): void {
  const order = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let at = dataStart;
  let previous = "the header";
  for (const [name, tensor] of order) {
    if (tensor.offset !== at) {
      const what =
        tensor.offset < at ? `overlaps ${previous}` : `leaves ${tensor.offset - at} unused bytes after ${previous}`;
      throw modelError(`Tensor ${name} in ${file} ${what}.`, downloadAgain);
    }
    at = tensor.offset + tensor.bytes;
    previous = name;
  }
  if (at !== fileBytes) {
    throw modelError(`${file} is ${fileBytes} bytes long but its tensors end at byte ${at}.`, downloadAgain);
  }
}
