/** `flashmoe doctor`: what this machine is to flashmoe: processor level, memory, disk at expert size, library, kernels. */
import type { Command } from "commander";
import { cpuInfo, libraryInfo } from "../engine/index.ts";
import { FlashmoeError } from "../errors.ts";
import { version } from "../version.ts";
import { formatBytes } from "./format.ts";
import { headsOf } from "./heads-file.ts";
import { onInterrupt } from "./interrupt.ts";
import { chosenModel, locateModel } from "./locate-model.ts";
import { measureRates } from "./measure-rates.ts";
import { type SelfTest, selfTest } from "./self-test.ts";
import { addModelOption, addOutputOptions, type OutputFlags } from "./shared-flags.ts";
import { createTerminal } from "./terminal.ts";

/** The object of `doctor --json`. */
export interface Report {
  version: string;
  runtime: string;
  system: string;
  cpu: { level: string; supported_levels: string[]; cores: number };
  memory_bytes: number;
  gpu: null;
  library: { path: string; sha256: string };
  disk: {
    model: string;
    record_bytes: number;
    /** What an automatic choice opens; and the errno with which the system refused io_uring. */
    reader: string;
    reader_refusal: string | null;
    bytes_per_s: number;
    records_in_flight: number;
    direct: boolean;
  };
  memory_bytes_per_s: number;
  /** What `tune` trained for the model, and how much memory a run that streams it plans for them; null: nothing. */
  heads: { path: string; bytes: number } | null;
  self_test: SelfTest;
}

export function addDoctorCommand(program: Command): void {
  const command = program
    .command("doctor")
    .description("report what this machine offers: processor, memory, disk, kernels that compute right")
    .argument("[model]", "the model whose disk is measured (default: the embedded model)");
  addModelOption(command);
  addOutputOptions(command).action((model: string | undefined, flags: OutputFlags & { model?: string }) =>
    doctor(chosenModel(model, flags.model), flags),
  );
}

async function doctor(modelName: string | undefined, flags: OutputFlags): Promise<void> {
  const terminal = createTerminal({ quiet: flags.quiet === true });
  const description = await locateModel(modelName);
  const cpu = await cpuInfo();
  using interrupt = onInterrupt();
  const rates = await measureRates(description, {}, terminal, interrupt.signal);
  const { test, seen } = await selfTest(await locateModel(undefined), cpu.level);
  const report: Report = {
    version,
    runtime: `Bun ${Bun.version}`,
    system: `${process.platform} ${process.arch}`,
    cpu: { level: cpu.level, supported_levels: cpu.supportedLevels, cores: cpu.cores },
    memory_bytes: cpu.memoryBytes,
    gpu: null,
    library: await libraryInfo(),
    disk: {
      model: description.name,
      record_bytes: rates.recordBytes,
      reader: rates.reader,
      reader_refusal: seen.refusal,
      bytes_per_s: rates.diskBytesPerS,
      records_in_flight: rates.recordsInFlight,
      direct: rates.direct,
    },
    memory_bytes_per_s: rates.memoryBytesPerS,
    heads: headsOf(description),
    self_test: test,
  };
  terminal.write(flags.json ? `${JSON.stringify(report)}\n` : format(report));
  if (!report.self_test.passed) {
    throw new FlashmoeError("internal", `the ${cpu.level} kernels do not agree with the reference on this machine.`, {
      hint: "Run with --cpu-level scalar, which is slow and right, and report this machine.",
    });
  }
}

function format({ cpu, library, disk, self_test: test, ...report }: Report): string {
  const lines: [string, string][] = [
    ["flashmoe", `${report.version} on ${report.runtime}, ${report.system}`],
    ["processor", `${cpu.cores} cores, kernels ${cpu.level} (can run ${cpu.supported_levels.join(", ")})`],
    ["memory", `${formatBytes(report.memory_bytes)}, read at ${gigabytes(report.memory_bytes_per_s)}`],
    ["gpu", "none used: this version computes on the processor"],
    [
      "disk",
      `${gigabytes(disk.bytes_per_s)} in random reads of one expert of ${disk.model} (${formatBytes(disk.record_bytes)}, ` +
        `${disk.records_in_flight} at once, ${disk.direct ? "past" : "through"} the page cache)`,
    ],
    ["reader", disk.reader_refusal === null ? disk.reader : `${disk.reader}; io_uring refused: ${disk.reader_refusal}`],
    [
      "heads",
      report.heads === null
        ? `none trained for ${disk.model}`
        : `${formatBytes(report.heads.bytes)} for ${disk.model}: ${report.heads.path}`,
    ],
    ["library", `${library.sha256.slice(0, 16)}  ${library.path}`],
    [
      "kernels",
      `${test.passed ? "right" : "WRONG"}: mean KL ${test.mean_kl.toExponential(1)} nats against the reference, same ` +
        `likeliest token at ${Math.round(test.top1_agreement * test.positions)} of ${test.positions} positions (${test.seconds.toFixed(2)} s)`,
    ],
  ];
  return lines.map(([name, text]) => `${name.padEnd(10)} ${text}\n`).join("");
}

function gigabytes(bytesPerS: number): string {
  return `${(bytesPerS / 1e9).toFixed(2)} GB/s`;
}
