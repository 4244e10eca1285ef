/** Ways to spoil a written checkpoint, for the tables of bad input. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { editHeader, editTensors } from "./safetensors-writer.ts";
import type { TinyOptions } from "./tiny-checkpoint.ts";

/** Which step finds the defect: opening the model, its tokenizer, or its chat template. */
export type BadStage = "model" | "tokenizer" | "template";

/** A case with its defaults left out: stage "model", no options, exit code 3. */
export interface BadCase {
  name: string;
  mutate(directory: string): void;
  /** The message must match. */
  message: RegExp;
  stage?: BadStage;
  options?: Partial<TinyOptions>;
}

export const single = "model.safetensors";
export const indexFile = "model.safetensors.index.json";
export const shard = (n: number, of = 2) => `model-0000${n}-of-0000${of}.safetensors`;
export const layerName = (rest: string, layer = 0) => `language_model.model.layers.${layer}.${rest}`;
export const downProj = layerName("mlp.switch_mlp.down_proj");

export type Json = Record<string, unknown>;

export function editJson(directory: string, file: string, edit: (json: Json) => void): void {
  const path = join(directory, file);
  const json = JSON.parse(readFileSync(path, "utf8")) as Json;
  edit(json);
  writeFileSync(path, JSON.stringify(json));
}

export const editConfig = (edit: (config: Json, text: Json) => void) => (directory: string) =>
  editJson(directory, "config.json", (config) => edit(config, config.text_config as Json));

export const setText = (key: string, value: unknown) =>
  editConfig((_, text) => {
    if (value === undefined) delete text[key];
    else text[key] = value;
  });

export const setQuantization = (edit: (quantization: Json) => void) =>
  editConfig((config) => edit(config.quantization as Json));

export const write = (file: string, content: string | Uint8Array) => (directory: string) =>
  writeFileSync(join(directory, file), content);

export const remove = (file: string) => (directory: string) => rmSync(join(directory, file));

export const inHeader = (edit: Parameters<typeof editHeader>[1]) => (directory: string) =>
  editHeader(join(directory, single), edit);

export const inTensors = (edit: Parameters<typeof editTensors>[1]) => (directory: string) =>
  editTensors(join(directory, single), edit);

/** Changes one tensor's dtype or shape, its bytes cut or padded to fit, so that only the model check can notice. */
export const reshape = (name: string, shape: number[], dtype?: string) =>
  inTensors((tensors) =>
    tensors.map((tensor) => {
      if (tensor.name !== name) return tensor;
      const unit = { F32: 4, U32: 4, BF16: 2, F16: 2, U8: 1, I32: 4, F8_E4M3: 1 }[dtype ?? tensor.dtype] ?? 2;
      const data = new Uint8Array(shape.reduce((total, size) => total * size, unit));
      data.set(tensor.data.subarray(0, data.length));
      return { ...tensor, dtype: dtype ?? tensor.dtype, shape, data };
    }),
  );

export const drop = (...names: string[]) =>
  inTensors((tensors) => tensors.filter((tensor) => !names.includes(tensor.name)));

export const writeLength = (length: bigint) => (directory: string) => {
  const path = join(directory, single);
  const bytes = readFileSync(path);
  bytes.writeBigUInt64LE(length);
  writeFileSync(path, bytes);
};

export const pointer =
  "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
