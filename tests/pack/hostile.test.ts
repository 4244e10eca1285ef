/** Manifests and files that were damaged or made to deceive: refused by name, never followed, never an unexpected error. */
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FlashMoE } from "../../src/engine/index.ts";
import { exitCodeOf, FlashmoeError } from "../../src/errors.ts";
import { describeModel } from "../../src/models/describe.ts";
import { type Random, seededRandom } from "../kit/random.ts";
import { temporaryPaths } from "../kit/temporary.ts";
import { writeTinyCheckpoint } from "../kit/tiny-checkpoint.ts";
import { packModel } from "./packing.ts";

type Json = Record<string, unknown>;
type Entry = { name: string; bytes: number; sha256: string };

const fresh = temporaryPaths();
let whole: string;

beforeAll(async () => {
  const directory = fresh("source");
  writeTinyCheckpoint(directory);
  whole = fresh("whole");
  await packModel(directory, whole);
});

/** A copy whose files are shared but for those that get other bytes; null removes a file. */
function changed(changes: Record<string, Uint8Array | string | null>): string {
  const directory = fresh("changed");
  mkdirSync(directory);
  for (const name of readdirSync(whole)) if (!(name in changes)) linkSync(join(whole, name), join(directory, name));
  for (const [name, bytes] of Object.entries(changes)) if (bytes !== null) writeFileSync(join(directory, name), bytes);
  return directory;
}

const manifest = () => JSON.parse(readFileSync(join(whole, "manifest.json"), "utf8")) as Json;

/** An edited manifest that agrees with itself again: what a clever enemy would write. */
function resealed(edit: (json: Json) => void): string {
  const { hash: _, ...body } = manifest();
  edit(body);
  const hash = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  return `${JSON.stringify({ ...body, hash }, null, 1)}\n`;
}

const fileOf = (json: Json, name: string) => (json.files as Entry[]).find((file) => file.name === name)!;
const layerOf = (json: Json, layer: number) => (json.layers as { file: string; gate: Json; down: Json }[])[layer]!;

const cases: [string, () => string, RegExp][] = [
  ["manifest gone", () => changed({ "manifest.json": null }), /manifest\.json is missing from the packed model/],
  ["manifest empty", () => changed({ "manifest.json": "" }), /manifest\.json is empty/],
  ["manifest no JSON", () => changed({ "manifest.json": "{" }), /manifest\.json is not valid JSON/],
  [
    "manifest of something else",
    () => changed({ "manifest.json": '{"name":"app"}' }),
    /not the manifest of a packed model/,
  ],
  [
    "version of the future",
    () => changed({ "manifest.json": resealed((json) => Object.assign(json, { version: 2 })) }),
    /version 2 of the packed layout is not known here/,
  ],
  [
    "edited by hand",
    () =>
      changed({
        "manifest.json": readFileSync(join(whole, "manifest.json"), "utf8").replace('"bits": 4', '"bits": 8'),
      }),
    /does not match its own hash/,
  ],
  [
    "formatted anew",
    () => changed({ "manifest.json": JSON.stringify(manifest()) }),
    /does not match its own hash: it was damaged or edited/,
  ],
  [
    "layer missing",
    () => sealed((json) => (json.layers as unknown[]).pop()),
    /experts of 3 layers, config\.json says 4/,
  ],
  [
    "unknown format",
    () => sealed((json) => (layerOf(json, 1).gate.format = "q4")),
    /layers\[1\] gate: format must be one of/,
  ],
  [
    "bits of no kind",
    () => sealed((json) => (layerOf(json, 0).gate.bits = 7)),
    /bits must be one of 2, 3, 4, 5, 6, 8, not 7/,
  ],
  [
    "other bits",
    () => sealed((json) => (layerOf(json, 0).gate.bits = 8)),
    /experts-00000\.bin has \d+ bytes; 4 experts need/,
  ],
  [
    "group beyond the columns",
    () => sealed((json) => (layerOf(json, 2).down.group = 64)),
    /layer 2 has groups of 64 values over 32/,
  ],
  [
    "a path",
    () => sealed((json) => (layerOf(json, 0).file = "../x.bin")),
    /file must be a plain file name, not "\.\.\/x\.bin"/,
  ],
  [
    "a file it does not list",
    () => sealed((json) => (layerOf(json, 0).file = "other.bin")),
    /does not list other\.bin/,
  ],
  [
    "a file twice",
    () => sealed((json) => (json.files as Entry[]).push((json.files as Entry[])[0]!)),
    /files must be a list without repet/,
  ],
  [
    "negative size",
    () => sealed((json) => (fileOf(json, "hashes.bin").bytes = -1)),
    /bytes must be a whole number from 0/,
  ],
  [
    "no hash table",
    () => sealed((json) => (json.files = (json.files as Entry[]).filter(({ name }) => name !== "hashes.bin"))),
    /does not list hashes\.bin/,
  ],
  ["bad digest", () => sealed((json) => (fileOf(json, "config.json").sha256 = "00")), /sha256 must be 64 hex digits/],
  ["bad model hash", () => sealed((json) => (json.model_hash = "xyz")), /model_hash must be 16 hex digits, not "xyz"/],
  ["norms of no kind", () => sealed((json) => (json.norms = 1)), /norms must be a text, not 1/],
  ["layers no list", () => sealed((json) => (json.layers = {})), /layers must be a list, not \{\}/],
  ["layer no object", () => sealed((json) => (json.layers = [1, 2, 3, 4])), /layers must be a list of objects/],
  ["source missing", () => sealed((json) => delete json.source), /source must be an object but is missing/],
  [
    "experts gone",
    () => changed({ "experts-00002.bin": null }),
    /experts-00002\.bin of the packed model cannot be opened \(ENOENT\)/,
  ],
  ["experts cut short", () => cut("experts-00001.bin", 100), /experts-00001\.bin has \d+ bytes, manifest\.json says/],
  ["dense cut short", () => cut("dense.safetensors", 1), /dense\.safetensors has \d+ bytes, manifest\.json says/],
  ["hash table cut short", () => cut("hashes.bin", 8), /hashes\.bin has \d+ bytes, manifest\.json says/],
  ["hash table changed", () => flip("hashes.bin", 100), /hashes\.bin does not match its hash/],
  ["config changed", () => flip("config.json", 300), /config\.json does not match its hash/],
  [
    "hash table of another model",
    () => table((bytes) => bytes.subarray(0, bytes.length - 8)),
    /this model's hashes are/,
  ],
  ["no hash table at all", () => table((bytes) => bytes.fill(0, 0, 4)), /hashes\.bin is no table of hashes/],
  ["dense is a directory", () => folder("dense.safetensors"), /dense\.safetensors is not a file/],
];

function sealed(edit: (json: Json) => void): string {
  return changed({ "manifest.json": resealed(edit) });
}

function cut(name: string, bytes: number): string {
  const content = readFileSync(join(whole, name));
  const directory = changed({ [name]: content });
  truncateSync(join(directory, name), content.length - bytes);
  return directory;
}

function flip(name: string, place: number): string {
  const bytes = readFileSync(join(whole, name));
  bytes[place]! ^= 1;
  return changed({ [name]: bytes });
}

/** Another hash table with a manifest that agrees with it. */
function table(edit: (bytes: Uint8Array) => Uint8Array): string {
  const bytes = edit(new Uint8Array(readFileSync(join(whole, "hashes.bin"))));
  const text = resealed((json) => {
    const file = fileOf(json, "hashes.bin");
    file.bytes = bytes.length;
    file.sha256 = createHash("sha256").update(bytes).digest("hex");
  });
  return changed({ "hashes.bin": bytes, "manifest.json": text });
}

function folder(name: string): string {
  const directory = changed({ [name]: null });
  mkdirSync(join(directory, name));
  return directory;
}

describe("refused by name", () => {
  test.each(cases)("%s", async (_, make, message) => {
    const error = await describeModel(make()).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FlashmoeError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toMatch(/undefined|NaN|\[object/);
    expect((error as FlashmoeError).hint.length).toBeGreaterThan(10);
    expect(exitCodeOf(error)).toBe(3);
  });
});

const strange: unknown[] = [
  null,
  true,
  -1,
  0,
  1,
  1.5,
  7,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
  "",
  "affine",
  "../x",
  [],
  {},
  [[]],
];

/** Puts something strange somewhere into the manifest. */
function mutate(value: unknown, random: Random): void {
  let here = value as Json;
  while (true) {
    const keys = Object.keys(here);
    if (keys.length === 0) return;
    const key = keys[random.below(keys.length)]!;
    const below = here[key];
    if (typeof below === "object" && below !== null && random.uniform() < 0.8) {
      here = below as Json;
      continue;
    }
    if (random.uniform() < 0.2) delete here[key];
    else here[key] = strange[random.below(strange.length)];
    return;
  }
}

test("manifests with any value changed, but in agreement with themselves, are refused in order or describe a model that opens", async () => {
  const random = seededRandom(4);
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    const directory = sealed((json) => mutate(json, random));
    try {
      const model = await describeModel(directory);
      if (round % 20 === 0) {
        await using engine = await FlashMoE.open(model, { context: 16, threads: 1 });
        expect(engine.plan.context).toBe(16);
      }
    } catch (error) {
      if (!(error instanceof FlashmoeError)) throw error;
      expect(error.code).toBe("model_invalid");
      expect(error.message).not.toMatch(/undefined|NaN|\[object/);
      refused += 1;
    }
    rmSync(directory, { recursive: true });
  }
  expect(refused).toBeGreaterThan(400);
});
