/**
 * Encodes a ModelDescription as the bytes of `ModelDesc` (zig/abi/types.zig): one allocation, offsets from its start,
 * arrays aligned to 8. The native core checks every number again; here only what cannot be encoded is refused.
 */
import { FlashmoeError } from "../errors.ts";
import type { Extent, ModelDescription, TensorDescription } from "../models/description.ts";
import { FileDesc, Format, LayerKind, ModelDesc, noneU32, Role, TensorDesc } from "../native/bindings.gen.ts";
import { type StructInput, writeStruct } from "../native/layout.ts";

type ExtentInput = NonNullable<StructInput<typeof TensorDesc>["weight"]>;

const noExtent: ExtentInput = { file: noneU32 };

export function encodeDescription(model: ModelDescription): DataView {
  const paths = model.files.map((file) => new TextEncoder().encode(file.path));
  const kindsOffset = align(ModelDesc.size);
  const filesOffset = align(kindsOffset + 4 * model.shape.layerKinds.length);
  const tensorsOffset = filesOffset + FileDesc.size * model.files.length;
  const pathsOffset = tensorsOffset + TensorDesc.size * model.tensors.length;
  const totalBytes = align(pathsOffset + paths.reduce((sum, path) => sum + path.length, 0));

  const view = new DataView(new ArrayBuffer(totalBytes));
  writeStruct(view, 0, ModelDesc, {
    ...headOf(model),
    totalBytes,
    layerKindsOffset: kindsOffset,
    filesOffset,
    filesCount: model.files.length,
    tensorsOffset,
    tensorsCount: model.tensors.length,
  });
  model.shape.layerKinds.forEach((kind, i) => {
    view.setUint32(kindsOffset + 4 * i, LayerKind[kind], true);
  });
  let pathOffset = pathsOffset;
  model.files.forEach((file, i) => {
    const path = paths[i]!;
    writeStruct(view, filesOffset + FileDesc.size * i, FileDesc, {
      bytes: file.bytes,
      pathOffset,
      pathBytes: path.length,
    });
    new Uint8Array(view.buffer, pathOffset, path.length).set(path);
    pathOffset += path.length;
  });
  model.tensors.forEach((tensor, i) => {
    writeStruct(view, tensorsOffset + TensorDesc.size * i, TensorDesc, encodeTensor(tensor));
  });
  return view;
}

function headOf(model: ModelDescription): StructInput<typeof ModelDesc> {
  const { shape } = model;
  if (!/^[0-9a-f]{16}$/.test(model.hash))
    throw new FlashmoeError("internal", `a model's hash is 16 hex digits, not "${model.hash}"`);
  return {
    modelHash: BigInt(`0x${model.hash}`),
    ropeTheta: shape.ropeTheta,
    normEps: shape.normEps,
    hidden: shape.hidden,
    layers: shape.layers,
    vocab: shape.vocab,
    heads: shape.heads,
    kvHeads: shape.kvHeads,
    headDim: shape.headDim,
    rotaryDim: shape.rotaryDim,
    deltaValueHeads: shape.deltaValueHeads,
    deltaKeyHeads: shape.deltaKeyHeads,
    deltaKeyDim: shape.deltaKeyDim,
    deltaValueDim: shape.deltaValueDim,
    convKernel: shape.convKernel,
    experts: shape.experts,
    expertsPerToken: shape.expertsPerToken,
    expertWidth: shape.expertWidth,
    sharedWidth: shape.sharedWidth,
    contextMax: shape.contextMax,
    normTopk: Number(shape.normTopk),
    normZeroCentred: Number(model.normZeroCentred),
    tied: Number(shape.tied),
    recordHashesFile: model.packed?.hashFile ?? noneU32,
    recordHashesOffset: model.packed?.recordHashesOffset ?? 0,
  };
}

function encodeTensor(tensor: TensorDescription): StructInput<typeof TensorDesc> {
  return {
    weight: encodeExtent(tensor.weight),
    scales: tensor.scales === null ? noExtent : encodeExtent(tensor.scales),
    biases: tensor.biases === null ? noExtent : encodeExtent(tensor.biases),
    role: Role[tensor.role],
    layer: tensor.layer ?? noneU32,
    format: Format[tensor.format],
    bits: tensor.bits,
    group: tensor.group,
    scaleFormat: Format[tensor.scaleFormat],
    rows: tensor.rows,
    cols: tensor.cols,
    expertFirst: tensor.expertFirst,
    expertCount: tensor.expertCount,
  };
}

function encodeExtent(extent: Extent): ExtentInput {
  return { offset: extent.offset, bytes: extent.bytes, stride: extent.stride, file: extent.file };
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
