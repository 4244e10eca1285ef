/**
 * The header of a safetensors file that is written: data starts on a page, and tensors of whole pages come first, so that
 * they start on one too. The format allows no gaps between tensors.
 */

export interface PlannedTensor {
  name: string;
  dtype: string;
  shape: number[];
  bytes: number;
}

/** Whole pages first, then by falling alignment of the size; equals stay in order. */
export function orderByAlignment<T extends { bytes: number }>(tensors: T[], pageBytes: number): T[] {
  const alignmentOf = ({ bytes }: T) => {
    let alignment = pageBytes;
    while (bytes % alignment !== 0) alignment /= 2;
    return alignment;
  };
  return [...tensors].sort((a, b) => alignmentOf(b) - alignmentOf(a));
}

export interface PlannedHeader {
  /** Length, JSON and padding: everything before the data. */
  bytes: Uint8Array;
  /** From the file's start. */
  places: Map<string, { offset: number; bytes: number }>;
  /** Where the file ends. */
  end: number;
}

/** The JSON ends in spaces up to the page, as the format lets it. */
export function paddedHeader(
  tensors: PlannedTensor[],
  metadata: Record<string, string>,
  pageBytes: number,
): PlannedHeader {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    entries[name] = { dtype, shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const start = Math.ceil((8 + json.length) / pageBytes) * pageBytes;
  const bytes = Buffer.alloc(start, " ");
  bytes.writeBigUInt64LE(BigInt(start - 8));
  bytes.set(json, 8);
  const places = new Map<string, { offset: number; bytes: number }>();
  let offset = start;
  for (const tensor of tensors) {
    places.set(tensor.name, { offset, bytes: tensor.bytes });
    offset += tensor.bytes;
  }
  return { bytes, places, end: offset };
}
