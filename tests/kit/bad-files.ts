/** Damaged files: directory, safetensors headers, shard lists. */
import { mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type BadCase,
  downProj,
  editJson,
  indexFile,
  inHeader,
  type Json,
  layerName,
  pointer,
  remove,
  shard,
  single,
  write,
  writeLength,
} from "./bad-edits.ts";
import { editHeaderText, joinHeader, readParts } from "./safetensors-writer.ts";

export const badFiles: BadCase[] = [
  // The directory and its files.
  { name: "no config.json", mutate: remove("config.json"), message: /holds no config\.json/ },
  {
    name: "config.json is a directory",
    mutate: (d) => {
      remove("config.json")(d);
      mkdirSync(join(d, "config.json"));
    },
    message: /config\.json is not a file/,
  },
  { name: "config.json empty", mutate: write("config.json", ""), message: /config\.json is empty/ },
  {
    name: "config.json cut short",
    mutate: (d) => truncateSync(join(d, "config.json"), 200),
    message: /config\.json is not valid JSON: .* line \d+, column \d+/,
  },
  {
    name: "config.json is a list",
    mutate: write("config.json", "[1]"),
    message: /config\.json is not valid JSON: not an object/,
  },
  {
    name: "config.json has a duplicate key",
    mutate: write("config.json", '{"model_type":"qwen3_5_moe","model_type":"qwen3_5_moe"}'),
    message: /the key "model_type" appears twice/,
  },
  {
    name: "config.json is not UTF-8",
    mutate: write("config.json", Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)),
    message: /config\.json is not valid UTF-8/,
  },
  {
    name: "config.json nested without end",
    mutate: write("config.json", `{"a":${"[".repeat(5000)}`),
    message: /nested deeper than/,
  },
  {
    name: "config.json is a git-LFS pointer",
    mutate: write("config.json", pointer),
    message: /config\.json is a git-LFS pointer/,
  },
  { name: "no weights", mutate: remove(single), message: /holds no \.safetensors files/ },
  {
    name: "only other weights",
    mutate: (d) => renameSync(join(d, single), join(d, "adapter.safetensors")),
    message: /no model\*\.safetensors file/,
  },
  { name: "weights empty", mutate: write(single, ""), message: /model\.safetensors is empty/ },
  {
    name: "weights are a git-LFS pointer",
    mutate: write(single, pointer),
    message: /model\.safetensors is a git-LFS pointer/,
  },
  { name: "weights are five bytes", mutate: write(single, "abcde"), message: /only 5 bytes long/ },
  {
    name: "weights are no safetensors",
    mutate: write(single, "PK\u0003\u0004".padEnd(4096, "x")),
    message: /header of \d+ bytes, more than the format allows/,
  },
  {
    name: "weights are a directory",
    mutate: (d) => {
      remove(single)(d);
      mkdirSync(join(d, single));
    },
    message: /model\.safetensors is not a file/,
  },

  // Headers.
  {
    name: "header length beyond the file",
    mutate: writeLength(9_000_000n),
    message: /header of 9000000 bytes but the file has only \d+: it is truncated/,
  },
  { name: "header length absurd", mutate: writeLength(0xffff_ffff_ffff_ffffn), message: /more than the format allows/ },
  { name: "header length zero", mutate: writeLength(0n), message: /does not start with "\{"/ },
  {
    name: "header length too short",
    mutate: writeLength(100n),
    message: /header of model\.safetensors is not valid JSON/,
  },
  {
    name: "header is no JSON",
    mutate: (d) => editHeaderText(join(d, single), (text) => text.replace(":", ";")),
    message: /a colon was expected/,
  },
  {
    name: "header names a tensor twice",
    mutate: (d) =>
      editHeaderText(
        join(d, single),
        (text) =>
          `{"language_model.model.norm.weight":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},${text.slice(1)}`,
      ),
    message: /the key "language_model\.model\.norm\.weight" appears twice/,
  },
  {
    name: "header without tensors",
    mutate: write(single, joinHeader('{"__metadata__":{}}', new Uint8Array(64))),
    message: /holds no tensors/,
  },
  {
    name: "file truncated",
    mutate: (d) => truncateSync(join(d, single), readFileSync(join(d, single)).length - 100),
    message: /ends at byte \d+ but the file has only \d+: it is truncated/,
  },
  {
    name: "file truncated inside the header",
    mutate: (d) => truncateSync(join(d, single), 512),
    message: /but the file has only 512: it is truncated/,
  },
  {
    name: "bytes after the last tensor",
    mutate: (d) => writeFileSync(join(d, single), Buffer.concat([readFileSync(join(d, single)), Buffer.alloc(7)])),
    message: /its tensors end at byte/,
  },
  {
    name: "offsets overlap",
    mutate: inHeader((h) => {
      const e = h[layerName("linear_attn.dt_bias")]!;
      e.data_offsets = [e.data_offsets[0] - 4, e.data_offsets[1] - 4];
    }),
    message: /dt_bias in model\.safetensors overlaps/,
  },
  {
    name: "offsets leave a hole",
    mutate: (d) => {
      const { header, data } = readParts(join(d, single));
      for (const [n, e] of Object.entries(header)) {
        if (n !== "__metadata__") e.data_offsets = [e.data_offsets[0] + 16, e.data_offsets[1] + 16];
      }
      writeFileSync(join(d, single), joinHeader(JSON.stringify(header), Buffer.concat([Buffer.alloc(16), data])));
    },
    message: /leaves 16 unused bytes/,
  },
  {
    name: "offsets backwards",
    mutate: inHeader((h) => h[`${downProj}.weight`]!.data_offsets.reverse()),
    message: /data_offsets that run backwards/,
  },
  {
    name: "offsets beyond the file",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.data_offsets = [1e12, 1e12 + 4096];
    }),
    message: /ends at byte 10\d+ but the file has only/,
  },
  {
    name: "offsets beyond 2^53",
    mutate: (d) =>
      editHeaderText(join(d, single), (text) =>
        text.replace(/"data_offsets":\[0,/, '"data_offsets":[18446744073709551615,'),
      ),
    message: /the number 18446744073709551615 is out of range/,
  },
  {
    name: "offsets negative",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.data_offsets = [-8, 0];
    }),
    message: /bad data_offsets \[-8,0\]/,
  },
  {
    name: "shape overflows",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.shape = [1e12, 1e12];
    }),
    message: /a shape that overflows/,
  },
  {
    name: "shape and offsets disagree",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.shape[1]! += 1;
    }),
    message: /needs \d+ bytes for U32 .* span \d+/,
  },
  {
    name: "shape with a fraction",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.shape[0] = 1.5;
    }),
    message: /bad shape/,
  },
  {
    name: "unknown dtype",
    mutate: inHeader((h) => {
      h[`${downProj}.weight`]!.dtype = "Q4";
    }),
    message: /unknown dtype "Q4"/,
  },

  // Shards and their list.
  {
    name: "listed shard absent",
    options: { shards: 2 },
    mutate: remove(shard(2)),
    message: /model-00002-of-00002\.safetensors is listed in .* but absent/,
  },
  {
    name: "numbered shard absent without a list",
    options: { shards: 3 },
    mutate: (d) => {
      remove(indexFile)(d);
      remove(shard(2, 3))(d);
    },
    message: /shard model-00002-of-00003\.safetensors is missing/,
  },
  {
    name: "shards swapped",
    options: { shards: 2 },
    mutate: (d) => {
      renameSync(join(d, shard(1)), join(d, "x"));
      renameSync(join(d, shard(2)), join(d, shard(1)));
      renameSync(join(d, "x"), join(d, shard(2)));
    },
    message: /shards are swapped or renamed/,
  },
  {
    name: "shard truncated",
    options: { shards: 2 },
    mutate: (d) => truncateSync(join(d, shard(2)), 5000),
    message: /model-00002-of-00002\.safetensors .*truncated/,
  },
  {
    name: "shard copied over another",
    options: { shards: 2 },
    mutate: (d) => writeFileSync(join(d, shard(2)), readFileSync(join(d, shard(1)))),
    message: /is in both model-00001-of-00002\.safetensors and model-00002/,
  },
  {
    name: "shard list broken",
    options: { shards: 2 },
    mutate: write(indexFile, "{"),
    message: /index\.json is not valid JSON/,
  },
  {
    name: "shard list without weight_map",
    options: { shards: 2 },
    mutate: write(indexFile, "{}"),
    message: /has no weight_map/,
  },
  {
    name: "shard list leaves the directory",
    options: { shards: 2 },
    mutate: (d) =>
      editJson(d, indexFile, (j) => {
        (j.weight_map as Json)["lm_head.weight"] = "../other.safetensors";
      }),
    message: /"\.\.\/other\.safetensors", which is no file name beside it/,
  },
  {
    name: "shard list names a missing tensor",
    options: { shards: 2 },
    mutate: (d) =>
      editJson(d, indexFile, (j) => {
        (j.weight_map as Json)["ghost.weight"] = shard(1);
      }),
    message: /Tensor ghost\.weight is missing/,
  },
  {
    name: "shard list forgets a tensor",
    options: { shards: 2 },
    mutate: (d) =>
      editJson(d, indexFile, (j) => {
        delete (j.weight_map as Json)["language_model.model.norm.weight"];
      }),
    message: /language_model\.model\.norm\.weight .* is not listed/,
  },
];
