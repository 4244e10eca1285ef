import { expect, test } from "bun:test";
import { temporaryPaths } from "../../tests/kit/temporary.ts";
import { writeTinyCheckpoint } from "../../tests/kit/tiny-checkpoint.ts";
import { describeModel } from "../models/describe.ts";
import { FileDesc, Format, LayerKind, ModelDesc, noneU32, Role, TensorDesc } from "../native/bindings.gen.ts";
import { readStruct } from "../native/layout.ts";
import { encodeDescription } from "./descriptor.ts";

const fresh = temporaryPaths();

test("every fact of the description is in the bytes", async () => {
  const directory = fresh("model-ä");
  writeTinyCheckpoint(directory, { shards: 3, seed: 5 });
  const model = await describeModel(directory);
  model.hash = "fedcba9876543210"; // its upper bits need more than a number
  const view = encodeDescription(model);

  expect(view.getBigUint64(ModelDesc.fields.modelHash.offset, true)).toBe(0xfedcba9876543210n);
  view.setBigUint64(ModelDesc.fields.modelHash.offset, 0n, true);
  const head = readStruct(view, 0, ModelDesc);
  expect(head.totalBytes).toBe(view.byteLength);
  expect(head.totalBytes % 8).toBe(0);
  for (const [name, value] of Object.entries(model.shape)) {
    if (typeof value === "object" || !(name in head)) continue;
    const encoded = head[name as keyof typeof head];
    expect({ [name]: encoded }).toEqual({ [name]: name === "normEps" ? Math.fround(Number(value)) : Number(value) });
  }
  expect(head.normZeroCentred).toBe(Number(model.normZeroCentred));
  for (const offset of [head.layerKindsOffset, head.filesOffset, head.tensorsOffset]) expect(offset % 8).toBe(0);

  model.shape.layerKinds.forEach((kind, i) => {
    expect(view.getUint32(head.layerKindsOffset + 4 * i, true)).toBe(LayerKind[kind]);
  });
  expect(head.filesCount).toBe(3);
  model.files.forEach((file, i) => {
    const desc = readStruct(view, head.filesOffset + i * FileDesc.size, FileDesc);
    expect(desc.bytes).toBe(file.bytes);
    const path = new Uint8Array(view.buffer, desc.pathOffset, desc.pathBytes);
    expect(new TextDecoder().decode(path)).toBe(file.path);
  });
  expect(head.tensorsCount).toBe(model.tensors.length);
  model.tensors.forEach((tensor, i) => {
    const desc = readStruct(view, head.tensorsOffset + i * TensorDesc.size, TensorDesc);
    const { file, offset, bytes, stride } = tensor.weight;
    expect(desc.weight).toEqual({ file, offset, bytes, stride, reserved: 0 });
    for (const part of ["scales", "biases"] as const) {
      const extent = tensor[part];
      expect(desc[part].file).toBe(extent === null ? noneU32 : extent.file);
      if (extent !== null) expect(desc[part].offset).toBe(extent.offset);
    }
    expect(desc.role).toBe(Role[tensor.role]);
    expect(desc.layer).toBe(tensor.layer ?? noneU32);
    expect(desc.format).toBe(Format[tensor.format]);
    expect([desc.bits, desc.group, desc.rows, desc.cols]).toEqual([
      tensor.bits,
      tensor.group,
      tensor.rows,
      tensor.cols,
    ]);
    expect([desc.expertFirst, desc.expertCount]).toEqual([tensor.expertFirst, tensor.expertCount]);
  });
});

test("numbers that cannot be encoded are refused, not wrapped", async () => {
  const directory = fresh();
  writeTinyCheckpoint(directory);
  const model = await describeModel(directory);
  const spoil = (edit: (copy: typeof model) => void) => {
    const copy = structuredClone(model);
    edit(copy);
    return () => encodeDescription(copy);
  };
  const cases: [(copy: typeof model) => void, string][] = [
    [(m) => Object.assign(m.shape, { hidden: 2 ** 32 }), "ModelDesc.hidden"],
    [(m) => Object.assign(m.shape, { vocab: -1 }), "ModelDesc.vocab"],
    [(m) => Object.assign(m.tensors[0]!.weight, { offset: 2 ** 53 }), "Extent.offset"],
    [(m) => Object.assign(m.tensors[0]!, { rows: 1.5 }), "TensorDesc.rows"],
    [(m) => Object.assign(m, { hash: "12" }), "hash"],
  ];
  for (const [edit, message] of cases) expect(spoil(edit)).toThrow(message);
});
