/** `describeModel`: a model directory -> validated ModelDescription. Reads config, headers and a few pieces of the weights. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type CheckpointFiles, openCheckpointFiles } from "./checkpoint-files.ts";
import { architecture, parseModelConfig } from "./config.ts";
import { describePacked } from "./describe-packed.ts";
import type { ModelDescription, TensorDescription } from "./description.ts";
import { eosTokenIds } from "./end-tokens.ts";
import { expertLayout, takeExperts } from "./expert-tensors.ts";
import { modelError } from "./model-error.ts";
import { parseJsonObject, readOptionalBytes, requireDirectory } from "./model-files.ts";
import { decideTied, takeTensors } from "./model-tensors.ts";
import { isPacked } from "./packed-manifest.ts";
import { parseQuantization } from "./quantization.ts";
import { TensorTable } from "./tensor-table.ts";

/** Reads, checks and describes the checkpoint in `directory`; every defect is a named `model_invalid` error. */
export async function describeModel(directory: string, name?: string): Promise<ModelDescription> {
  await requireDirectory(directory);
  if (await isPacked(directory)) return describePacked(directory, name);
  const configBytes = await readOptionalBytes(join(directory, "config.json"));
  if (configBytes === null) {
    throw modelError(
      `${directory} holds no config.json: it is no model directory.`,
      "Give the directory of a downloaded MLX or Hugging Face safetensors model.",
    );
  }
  const config = parseModelConfig(parseJsonObject(configBytes, "config.json"));
  const quantization = parseQuantization(config.top, config.text);
  const files = await openCheckpointFiles(directory);
  const table = new TensorTable(files, quantization);
  const { shape } = config;
  decideTied(config, table);
  const layout = expertLayout(table, 0) === "stacked" ? "mlx" : "huggingface";
  const { tensors, modules } = takeTensors(table, shape, (layer, modules) => takeExperts(table, shape, layer, modules));
  const skipped = table.finish(modules);
  for (const file of files.unlisted)
    skipped.push({ what: `file outside the shard list: ${file}`, tensors: 0, bytes: 0 });
  return {
    name: name ?? basename(resolve(directory)),
    directory,
    layout,
    architecture,
    shape,
    normZeroCentred: normsAreZeroCentred(tensors, files, layout),
    files: files.files.map(({ path, bytes }) => ({ path, bytes })),
    tensors,
    hash: await hashOf(configBytes, files),
    eosTokenIds: await eosTokenIds(directory, config),
    skipped,
    packed: null,
  };
}

/**
 * Raw Hugging Face norms are zero-centred, converted ones have the 1 folded in. The convolution's shape tells: [C, 1, K]
 * raw, [C, K, 1] converted. Without a delta-net layer the experts' layout has to tell.
 */
function normsAreZeroCentred(
  tensors: TensorDescription[],
  files: CheckpointFiles,
  layout: "mlx" | "huggingface",
): boolean {
  let first: { name: string; raw: boolean } | undefined;
  for (const { role, name } of tensors) {
    if (role !== "deltaConv") continue;
    const raw = files.tensors.get(name)?.shape[1] === 1;
    first ??= { name, raw };
    if (first.raw !== raw) {
      throw modelError(
        `${first.name} and ${name} have their convolution stored in different orders.`,
        "The checkpoint mixes converted and raw layers; download it again from one release.",
      );
    }
  }
  return first?.raw ?? layout === "huggingface";
}

/** Config, headers and a sample of the weights: two fine-tunes of one model have equal headers. */
async function hashOf(configBytes: Uint8Array, files: CheckpointFiles): Promise<string> {
  const samples = await Promise.all(files.files.map(({ path, bytes }) => sampleOf(path, bytes)));
  const hash = createHash("sha256").update(configBytes);
  for (const [i, file] of files.files.entries()) {
    hash.update(`\n${file.name} ${file.bytes}\n`).update(file.raw);
    for (const piece of samples[i] ?? []) hash.update(piece);
  }
  return hash.digest("hex").slice(0, 16);
}

const samplePieces = 8;
const samplePieceBytes = 4096;

/** Pieces of a file at even distances, the last one at its end. Read by position: slices of Bun.file hold the whole file. */
async function sampleOf(path: string, bytes: number): Promise<Uint8Array[]> {
  const file = await open(path);
  try {
    const lastStart = Math.max(0, bytes - samplePieceBytes);
    const pieces: Uint8Array[] = [];
    for (let i = 1; i <= samplePieces; i++) {
      const piece = new Uint8Array(samplePieceBytes);
      const { bytesRead } = await file.read(piece, 0, piece.length, Math.floor((lastStart * i) / samplePieces));
      pieces.push(piece.subarray(0, bytesRead));
    }
    return pieces;
  } finally {
    await file.close();
  }
}
