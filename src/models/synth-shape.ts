/** What `synth` can be asked for: sizes, presets of the family, and the checks that make a shape writable. Pure. */
import { FlashmoeError } from "../errors.ts";
import { affineBits, affineGroups } from "./quantization.ts";

export interface SynthShape {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  experts: number;
  expertsPerToken: number;
  expertWidth: number;
  sharedWidth: number;
  deltaValueHeads: number;
  deltaKeyHeads: number;
  deltaKeyDim: number;
  deltaValueDim: number;
  vocab: number;
}

export interface SynthOptions extends SynthShape {
  /** 2, 3, 4, 5, 6 or 8; 0 writes unquantised weights. */
  bits: number;
  /** 32, 64 or 128. */
  group: number;
  /** Of router and shared gate, which converters keep at 8. */
  gateBits: number;
  /** Of unquantised tensors, scales and biases. */
  dtype: "bf16" | "f16" | "f32";
  /** The embedding serves as lm_head. */
  tie: boolean;
  seed: number;
  /** Largest size of one file. */
  shardBytes: number;
}

const family = { kvHeads: 2, headDim: 256, deltaKeyHeads: 16, deltaKeyDim: 128, deltaValueDim: 128, vocab: 248_320 };

/** Shapes by name; `tiny` is what is written when nothing is asked for. */
export const synthPresets: Record<string, SynthShape> = {
  tiny: {
    layers: 4,
    hidden: 256,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    experts: 16,
    expertsPerToken: 4,
    expertWidth: 128,
    sharedWidth: 128,
    deltaValueHeads: 8,
    deltaKeyHeads: 4,
    deltaKeyDim: 64,
    deltaValueDim: 64,
    vocab: 2048,
  },
  "qwen3.5-35b-a3b": {
    ...family,
    layers: 40,
    hidden: 2048,
    heads: 16,
    experts: 256,
    expertsPerToken: 8,
    expertWidth: 512,
    sharedWidth: 512,
    deltaValueHeads: 32,
  },
  "qwen3.5-122b-a10b": {
    ...family,
    layers: 48,
    hidden: 3072,
    heads: 32,
    experts: 256,
    expertsPerToken: 8,
    expertWidth: 1024,
    sharedWidth: 1024,
    deltaValueHeads: 64,
  },
  "qwen3.5-397b-a17b": {
    ...family,
    layers: 60,
    hidden: 4096,
    heads: 32,
    experts: 512,
    expertsPerToken: 10,
    expertWidth: 1024,
    sharedWidth: 1024,
    deltaValueHeads: 64,
  },
};

export const synthDefaults: Omit<SynthOptions, keyof SynthShape> = {
  bits: 4,
  group: 64,
  gateBits: 8,
  dtype: "bf16",
  tie: false,
  seed: 1,
  shardBytes: 5 * 1024 ** 3,
};

/** The command-line flag of each option, for messages. */
const flags: Record<keyof SynthOptions, string> = {
  layers: "--layers",
  hidden: "--hidden",
  heads: "--heads",
  kvHeads: "--kv-heads",
  headDim: "--head-dim",
  experts: "--experts",
  expertsPerToken: "--experts-per-token",
  expertWidth: "--expert-width",
  sharedWidth: "--shared-width",
  deltaValueHeads: "--delta-value-heads",
  deltaKeyHeads: "--delta-key-heads",
  deltaKeyDim: "--delta-key-dim",
  deltaValueDim: "--delta-value-dim",
  vocab: "--vocab",
  bits: "--bits",
  group: "--group",
  gateBits: "--gate-bits",
  dtype: "--dtype",
  tie: "--tie",
  seed: "--seed",
  shardBytes: "--shard-size",
};

function usage(message: string, hint: string): FlashmoeError {
  return new FlashmoeError("usage", message, { hint });
}

/** Preset, then single sizes over it; throws a usage error that names the flag. */
export function synthOptions(preset: string | undefined, given: Partial<SynthOptions>): SynthOptions {
  const name = preset ?? "tiny";
  const shape = Object.hasOwn(synthPresets, name) ? synthPresets[name] : undefined;
  if (shape === undefined) {
    throw usage(
      `There is no shape named ${JSON.stringify(name)}.`,
      `Known shapes: ${Object.keys(synthPresets).join(", ")}.`,
    );
  }
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options: SynthOptions = { ...synthDefaults, ...shape, ...stated };
  checkSizes(options);
  if (options.bits !== 0) checkQuantization(options);
  return options;
}

function checkSizes(options: SynthOptions): void {
  for (const key of Object.keys(synthPresets.tiny as SynthShape) as (keyof SynthShape)[]) {
    if (!Number.isInteger(options[key]) || options[key] < 1 || options[key] > 1 << 24) {
      throw usage(
        `${flags[key]} must be a whole number from 1 to ${1 << 24}, not ${options[key]}.`,
        "Give another size.",
      );
    }
  }
  const multiple = (a: keyof SynthShape, b: keyof SynthShape) => {
    if (options[a] % options[b] === 0) return;
    throw usage(
      `${flags[a]} ${options[a]} is not a multiple of ${flags[b]} ${options[b]}.`,
      "Heads share keys evenly.",
    );
  };
  multiple("heads", "kvHeads");
  multiple("deltaValueHeads", "deltaKeyHeads");
  if (options.expertsPerToken > options.experts) {
    throw usage(
      `--experts-per-token ${options.expertsPerToken} is more than --experts ${options.experts}.`,
      "A token cannot use more experts than there are.",
    );
  }
  if (options.headDim % 8 !== 0) {
    throw usage(
      `--head-dim ${options.headDim} is not a multiple of 8.`,
      "A quarter of the dimensions rotate, in pairs.",
    );
  }
  if (options.layers > 4096) throw usage(`--layers ${options.layers} is more than 4096.`, "Give fewer layers.");
  if (!["bf16", "f16", "f32"].includes(options.dtype)) {
    throw usage(`--dtype must be bf16, f16 or f32, not ${options.dtype}.`, "Give another format.");
  }
  if (!Number.isSafeInteger(options.shardBytes) || options.shardBytes < 1) {
    throw usage(`--shard-size must be a size of at least 1 byte, not ${options.shardBytes}.`, "Give another size.");
  }
  if (!Number.isSafeInteger(options.seed) || options.seed < 0) {
    throw usage(`--seed must be a whole number from 0 to 2^53, not ${options.seed}.`, "Give another seed.");
  }
}

function checkQuantization(options: SynthOptions): void {
  for (const key of ["bits", "gateBits"] as const) {
    if (affineBits.includes(options[key])) continue;
    throw usage(
      `${flags[key]} must be one of ${affineBits.join(", ")}, not ${options[key]}.`,
      "--bits 0 writes unquantised weights.",
    );
  }
  if (!affineGroups.includes(options.group)) {
    throw usage(`--group must be one of ${affineGroups.join(", ")}, not ${options.group}.`, "Give another group size.");
  }
  const widths: [string, number][] = [
    ["--hidden", options.hidden],
    ["--expert-width", options.expertWidth],
    ["--shared-width", options.sharedWidth],
    ["--heads times --head-dim", options.heads * options.headDim],
    ["--delta-value-heads times --delta-value-dim", options.deltaValueHeads * options.deltaValueDim],
  ];
  for (const [name, width] of widths) {
    if (width % options.group === 0) continue;
    throw usage(
      `${name} (${width}) is not a multiple of --group ${options.group}.`,
      "Quantisation groups must fill a row.",
    );
  }
}
