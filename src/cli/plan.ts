/** `flashmoe plan`: what a model will hold in memory and how fast it will answer, before anything is loaded. */
import type { Command } from "commander";
import { type Prediction, predict } from "../bench/predict.ts";
import { FlashMoE, type Plan } from "../engine/index.ts";
import type { ModelDescription } from "../models/description.ts";
import { formatBytes } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, expertBits, locateModel } from "./locate-model.ts";
import { measureRates } from "./measure-rates.ts";
import { checkOptions } from "./open-engine.ts";
import {
  addEngineOptions,
  addModelOption,
  addOutputOptions,
  type EngineFlags,
  engineOptions,
  type OutputFlags,
} from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";
import { readTuned } from "./tuned.ts";

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
  const options = engineOptions(flags);
  await checkOptions(description, options);
  const memory = await FlashMoE.plan(description, options);
  const fits = memory.limitBytes === 0 || memory.limitBytes >= memory.minimumBytes;
  const tuned = readTuned(description.hash);
  using interrupt = onInterrupt();
  const rates = tuned === null ? await measureRates(description, flags, terminal, interrupt.signal) : ratesOf(tuned);
  const known = tuned === null ? {} : { computeMs: tuned.measured.compute_ms, curve: tuned.measured.hit_curve };
  const prediction = fits ? predict(description, memory, rates, known) : null;
  terminal.write(
    flags.json
      ? `${JSON.stringify(planObject(description, memory, fits, prediction))}\n`
      : format(description, memory, fits, prediction),
  );
}

function ratesOf({ measured }: NonNullable<ReturnType<typeof readTuned>>) {
  return { diskBytesPerS: measured.disk_bytes_per_s, memoryBytesPerS: measured.memory_bytes_per_s };
}

/** The object of `plan --json`. */
function planObject(description: ModelDescription, plan: Plan, fits: boolean, prediction: Prediction | null) {
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

function format(description: ModelDescription, plan: Plan, fits: boolean, prediction: Prediction | null): string {
  const { layers, experts } = description.shape;
  const all = layers * experts;
  const limit = plan.limitBytes === 0 ? "no limit: every expert stays in memory" : `limit ${formatBytes(plan.limitBytes)}`;
  const held = plan.processBytes + plan.denseBytes + plan.kvBytes + plan.stateBytes + plan.scratchBytes + plan.slotsBytes;
  const lines: [string, string][] = [
    ["model", `${description.name}, ${expertBits(description)}, K=${plan.expertsPerToken}`],
    ["memory", fits ? `${formatBytes(held)} in all; ${limit}` : `DOES NOT FIT: ${limit}, the least is ${formatBytes(plan.minimumBytes)} (${plan.minimumBytes} bytes)`],
    ["  dense", `${formatBytes(plan.denseBytes)} weights that stay resident`],
    ["  context", `${formatBytes(plan.kvBytes + plan.stateBytes)} for ${plan.context} tokens`],
    ["  scratch", `${formatBytes(plan.scratchBytes)} for steps of up to ${plan.chunkTokens} tokens`],
    ["  process", `${formatBytes(plan.processBytes)} runtime, tokenizer, margin`],
    ["  experts", `${formatBytes(plan.slotsBytes)}: ${plan.slotCount} of ${all} experts of ${formatBytes(plan.recordBytes)}`],
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
    ["  reading", `${prediction.read_ms.toFixed(1)} ms a token: ${formatBytes(Math.round(prediction.missed_bytes_per_token))} missed`],
    ["  computing", `${prediction.compute_ms.toFixed(1)} ms a token, ${compute}`],
  ];
}
