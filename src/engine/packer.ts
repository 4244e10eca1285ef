/** The native packer: slices of `pack` and `verify` encoded, run and read back. Main thread; each call is bounded by its slice. */
import { FlashmoeError } from "../errors.ts";
import type { Extent } from "../models/description.ts";
import type { PackBlock, PackedBlock, Packer, PackPiece, PackRange, PackSlice } from "../models/pack-slice.ts";
import {
  FileDesc,
  Format,
  noneU32,
  PackBlock as PackBlockLayout,
  PackFit,
  PackPiece as PackPieceLayout,
  PackRange as PackRangeLayout,
  PackSlice as PackSliceLayout,
  PackTask,
} from "../native/bindings.gen.ts";
import { readStruct, writeStruct } from "../native/layout.ts";
import { loadNative } from "../native/library.ts";

export async function createPacker(): Promise<Packer> {
  const native = await loadNative();
  return (slice) => {
    const { view, places } = encodeSlice(slice);
    native.check("fm_pack", view, view.byteLength);
    return readResults(slice, view, places);
  };
}

interface Places {
  blocks: number;
  pieces: number;
  ranges: number;
}

/** PackSlice | files | blocks | pieces | ranges | paths */
function encodeSlice(slice: PackSlice): { view: DataView; places: Places } {
  const pieces = slice.blocks.flatMap((block) => block.pieces);
  const ranges = slice.blocks.flatMap((block) => block.ranges);
  const paths = [slice.target ?? "", ...slice.files.map((file) => file.path)].map((path) =>
    new TextEncoder().encode(path),
  );
  const filesAt = PackSliceLayout.size;
  const places: Places = { blocks: filesAt + slice.files.length * FileDesc.size, pieces: 0, ranges: 0 };
  places.pieces = places.blocks + slice.blocks.length * PackBlockLayout.size;
  places.ranges = places.pieces + pieces.length * PackPieceLayout.size;
  const pathsAt = places.ranges + ranges.length * PackRangeLayout.size;
  const total = Math.ceil((pathsAt + paths.reduce((sum, path) => sum + path.length, 0)) / 8) * 8;
  const view = new DataView(new ArrayBuffer(total));
  writeStruct(view, 0, PackSliceLayout, {
    totalBytes: total,
    settleOffset: slice.settle?.offset ?? 0,
    settleBytes: slice.settle?.bytes ?? 0,
    task: PackTask[slice.task],
    targetOffset: pathsAt,
    targetBytes: paths[0]!.length,
    filesOffset: filesAt,
    filesCount: slice.files.length,
    blocksOffset: places.blocks,
    blocksCount: slice.blocks.length,
    piecesOffset: places.pieces,
    piecesCount: pieces.length,
    rangesOffset: places.ranges,
    rangesCount: ranges.length,
  });
  let pathAt = pathsAt;
  for (const [i, path] of paths.entries()) {
    new Uint8Array(view.buffer, pathAt, path.length).set(path);
    const file = slice.files[i - 1];
    if (file !== undefined) {
      const desc = { bytes: file.bytes, pathOffset: pathAt, pathBytes: path.length };
      writeStruct(view, filesAt + (i - 1) * FileDesc.size, FileDesc, desc);
    }
    pathAt += path.length;
  }
  writeBlocks(view, places.blocks, slice.blocks);
  for (const [i, piece] of pieces.entries()) writePiece(view, places.pieces + i * PackPieceLayout.size, piece);
  for (const [i, range] of ranges.entries()) writeRange(view, places.ranges + i * PackRangeLayout.size, range);
  return { view, places };
}

function writeBlocks(view: DataView, at: number, blocks: PackBlock[]): void {
  let firstPiece = 0;
  let firstRange = 0;
  for (const [i, block] of blocks.entries()) {
    writeStruct(view, at + i * PackBlockLayout.size, PackBlockLayout, {
      bufferBytes: block.bufferBytes,
      firstPiece,
      pieceCount: block.pieces.length,
      firstRange,
      rangeCount: block.ranges.length,
    });
    firstPiece += block.pieces.length;
    firstRange += block.ranges.length;
  }
}

function writePiece(view: DataView, at: number, piece: PackPiece): void {
  const extent = (one: Extent | null | undefined) =>
    one ? { file: one.file, offset: one.offset, bytes: one.bytes } : { file: noneU32 };
  writeStruct(view, at, PackPieceLayout, {
    weight: extent(piece.extents[0]),
    scales: extent(piece.extents[1]),
    biases: extent(piece.extents[2]),
    weightPlace: piece.places[0],
    scalesPlace: piece.places[1],
    biasesPlace: piece.places[2],
    rows: piece.rows,
    cols: piece.cols,
    format: Format[piece.from.format],
    bits: piece.from.bits,
    group: piece.from.group,
    scaleFormat: Format[piece.from.scaleFormat],
    toBits: piece.to?.bits ?? 0,
    toGroup: piece.to?.group ?? 0,
    fit: PackFit[piece.to?.fit ?? "minmax"],
  });
}

function writeRange(view: DataView, at: number, range: PackRange): void {
  const { file, offset, bytes, padding, place } = range;
  writeStruct(view, at, PackRangeLayout, { file, offset, bytes, padding, place });
}

function readResults(slice: PackSlice, view: DataView, places: Places): PackedBlock[] {
  let piece = places.pieces;
  let range = places.ranges;
  return slice.blocks.map((block, i) => {
    const result = readStruct(view, places.blocks + i * PackBlockLayout.size, PackBlockLayout);
    const damaged = block.pieces.map(() => {
      const { damaged: part, damagedLow, damagedHigh } = readStruct(view, piece, PackPieceLayout);
      piece += PackPieceLayout.size;
      return part === 0 ? null : { part: part - 1, index: damagedHigh * 2 ** 32 + damagedLow };
    });
    const ranges = block.ranges.map(() => {
      const { hashLow, hashHigh, paddingDirty } = readStruct(view, range, PackRangeLayout);
      range += PackRangeLayout.size;
      return { hash: (BigInt(hashHigh) << 32n) | BigInt(hashLow), paddingDirty: paddingDirty !== 0 };
    });
    const { squares, errors, minmaxErrors } = result;
    if (!Number.isFinite(squares + errors)) throw new FlashmoeError("internal", "the packer's error sums overflowed");
    return { ranges, damaged, error: { squares, errors, minmaxErrors } };
  });
}
