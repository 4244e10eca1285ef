/** `flashmoe plan`: what a model will hold in memory and how fast it will answer, before anything is loaded. */
import type { Command } from "commander";
import { type Known, type Prediction, predict } from "../bench/predict.ts";
import type { Rates } from "../bench/roofline.ts";
import { FlashMoE, type Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { loadTokenizer } from "../models/tokenizer.ts";
import { formatBytes } from "./format.ts";
import { decideHeads, headsOf } from "./heads-file.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { measureRates } from "./measure-rates.ts";
import { checkOptions } from "./open-engine.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";
import { chooseOptions, noteTuned, type Tuned } from "./tuned.ts";

export function addPlanCommand(program: Command): void {
  const command = program
    .command("plan")
    .description("say what a model will hold in memory and how fast it will answer, before loading it")
    .argument("[model]", "store name or directory (default: the embedded model)");
  addModelOption(command);
  addEngineOptions(command);
  addOutputOptions(command).action((model: string | undefined, flags: PlanFlags) =>
    plan(chosenModel(model, flags.model), flags),
  );
}

interface PlanFlags extends EngineFlags, OutputFlags {
  model?: string;
}

async function plan(modelName: string | undefined, flags: PlanFlags): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const chosen = chooseOptions(description, flags);
  noteTuned(chosen, flags, terminal);
  const { tuned } = chosen;
  const { options, note } = await decideHeads(description, chosen.options);
  if (note !== null) terminal.note(note);
  await checkOptions(description, options);
  // Held while planning, as a run would hold it: it counts in what the process itself takes.
  const tokenizer = await loadTokenizer(description.directory, description.shape.vocab);
  const memory = await FlashMoE.plan(description, options);
  const fits = memory.limitBytes === 0 || memory.limitBytes >= memory.minimumBytes;
  let prediction: Prediction | null = null;
  if (fits) {
    using interrupt = onInterrupt();
    const rates =
      tuned === null ? await measureRates(description, options, terminal, interrupt.signal) : ratesOf(tuned);
    const known = tuned === null ? {} : knownOf(tuned, memory);
    prediction = predict(description, memory, rates, { ...known, guesses: options.prefetch !== "off" });
  }
  const planned: Planned = {
    description,
    plan: memory,
    headsBytes: options.heads === undefined ? 0 : (headsOf(description)?.bytes ?? 0),
    fits,
    prediction,
    hasTokenizer: tokenizer !== null,
  };
  terminal.write(flags.json ? `${JSON.stringify(planObject(planned))}\n` : format(planned));
}

function ratesOf({ measured }: Tuned): Rates {
  return {
    diskBytesPerS: measured.disk_bytes_per_s,
    memoryBytesPerS: measured.memory_bytes_per_s,
    diskByDepth: measured.disk_by_depth,
  };
}

/** What was measured holds for as many threads and experts per token as it was measured with. */
function knownOf({ measured }: Tuned, plan: Plan): Known {
  const sameWork = measured.threads === plan.threads && measured.experts_per_token === plan.expertsPerToken;
  return {
    computeMs: sameWork ? measured.compute_ms : undefined,
    reading: sameWork ? (measured.reading ?? undefined) : undefined,
    hidden: sameWork ? (measured.hidden ?? undefined) : undefined,
    curve: measured.hit_curve.length === 0 ? undefined : measured.hit_curve,
  };
}

interface Planned {
  description: ModelDescription;
  plan: Plan;
  /** Of the trained heads that a run would use; within the plan's scratch. */
  headsBytes: number;
  fits: boolean;
  prediction: Prediction | null;
  hasTokenizer: boolean;
}

/** The object of `plan --json`. */
function planObject({ description, plan, headsBytes, fits, prediction }: Planned) {
  return {
    model: description.name,
    bits: expertBits(description),
    experts_per_token: plan.expertsPerToken,
    context: plan.context,
    threads: plan.threads,
    cpu_level: plan.cpuLevel,
    fits,
    memory: {
      limit_bytes: plan.limitBytes,
      minimum_bytes: plan.minimumBytes,
      full_bytes: plan.fullBytes,
      process_bytes: plan.processBytes,
      dense_bytes: plan.denseBytes,
      kv_bytes: plan.kvBytes,
      state_bytes: plan.stateBytes,
      scratch_bytes: plan.scratchBytes,
      heads_bytes: headsBytes,
      slots_bytes: plan.slotsBytes,
    },
    experts: {
      slots: plan.slotCount,
      of: description.shape.layers * description.shape.experts,
      floor_slots: plan.floorSlots,
      record_bytes: plan.recordBytes,
      bytes_per_token: plan.bytesPerToken,
      total_bytes: plan.expertTotalBytes,
    },
    chunk_tokens: plan.chunkTokens,
    prediction,
  };
}

function format({ description, plan, headsBytes, fits, prediction, hasTokenizer }: Planned): string {
  const { layers, experts } = description.shape;
  const all = layers * experts;
  const limit =
    plan.limitBytes === 0 ? "no limit: every expert stays in memory" : `limit ${formatBytes(plan.limitBytes)}`;
  const held =
    plan.processBytes + plan.denseBytes + plan.kvBytes + plan.stateBytes + plan.scratchBytes + plan.slotsBytes;
  const lines: [string, string][] = [
    ["model", `${description.name}, ${expertBits(description)}, K=${plan.expertsPerToken}`],
    [
      "memory",
      fits
        ? `${formatBytes(held)} in all; ${limit}`
        : `DOES NOT FIT: ${limit}, the least is ${formatBytes(plan.minimumBytes)} (${plan.minimumBytes} bytes)`,
    ],
    ["  dense", `${formatBytes(plan.denseBytes)} weights that stay resident`],
    ["  context", `${formatBytes(plan.kvBytes + plan.stateBytes)} for ${plan.context} tokens`],
    [
      "  scratch",
      `${formatBytes(plan.scratchBytes)} for steps of up to ${plan.chunkTokens} tokens` +
        `${headsBytes === 0 ? "" : `, ${formatBytes(headsBytes)} of it trained heads`}`,
    ],
    [
      "  process",
      `${formatBytes(plan.processBytes)} ${hasTokenizer ? "runtime, tokenizer, margin" : "runtime, margin"}`,
    ],
    [
      "  experts",
      `${formatBytes(plan.slotsBytes)}: ${plan.slotCount} of ${all} experts of ${formatBytes(plan.recordBytes)}`,
    ],
    ["all experts", `${formatBytes(plan.fullBytes)} would hold everything`],
    ["one token", `${formatBytes(plan.bytesPerToken)} of experts`],
  ];
  if (prediction !== null) lines.push(...predictionLines(prediction, plan));
  return lines.map(([name, text]) => `${name.padEnd(12)} ${text}\n`).join("");
}

function predictionLines(prediction: Prediction, plan: Plan): [string, string][] {
  const { hit_rate: hits, binds } = prediction;
  const source = prediction.hit_rate_source === "recorded" ? "recorded routing" : "if every expert is equally likely";
  const compute = prediction.compute_source === "measured" ? "measured by tune" : "estimated from the memory rate";
  return [
    ["expected", `${prediction.tokens_per_s.toFixed(2)} tok/s (K=${plan.expertsPerToken}); ${binds} binds`],
    ["  hit rate", `${(100 * hits).toFixed(1)} %, ${source}`],
    [
      "  reading",
      `${prediction.read_ms.toFixed(1)} ms a token: ${formatBytes(Math.round(prediction.missed_bytes_per_token))} missed`,
    ],
    ["  computing", `${prediction.compute_ms.toFixed(1)} ms a token, ${compute}`],
  ];
}
