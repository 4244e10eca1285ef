/**
 * The routed experts of one layer in any of the three layouts: MLX stacks (switch_mlp), Hugging Face fused stacks
 * (gate_up_proj, down_proj) and one tensor per expert. The result covers every expert exactly once per role.
 */
import type { StoredTensor } from "./checkpoint-files.ts";
import type { ModelShape, TensorDescription, TensorRole } from "./description.ts";
import { modelError } from "./model-error.ts";
import type { TensorTable } from "./tensor-table.ts";

export type ExpertLayout = "stacked" | "fused" | "separate";

const projections = [
  { name: "gate_proj", role: "expertGateProj" },
  { name: "up_proj", role: "expertUpProj" },
  { name: "down_proj", role: "expertDownProj" },
] as const;

export function expertLayout(table: TensorTable, layer: number): ExpertLayout {
  const at = `layers.${layer}.mlp`;
  if (table.has(`${at}.experts.gate_up_proj`)) return "fused";
  if (table.has(`${at}.experts.0.gate_proj.weight`)) return "separate";
  return "stacked";
}

/** `modules` collects the canonical module names, for checking the config's overrides. */
export function takeExperts(
  table: TensorTable,
  shape: ModelShape,
  layer: number,
  modules: Set<string>,
): TensorDescription[] {
  switch (expertLayout(table, layer)) {
    case "fused":
      return takeFused(table, shape, layer);
    case "separate":
      return takeSeparate(table, shape, layer, modules);
    case "stacked":
      return projections.map(({ name, role }) => {
        const module = `layers.${layer}.mlp.switch_mlp.${name}`;
        modules.add(module);
        return table.matrix({ module, role, layer, ...matrixSize(shape, role), experts: shape.experts });
      });
  }
}

function matrixSize(shape: ModelShape, role: TensorRole): { rows: number; cols: number } {
  return role === "expertDownProj"
    ? { rows: shape.hidden, cols: shape.expertWidth }
    : { rows: shape.expertWidth, cols: shape.hidden };
}

/** gate_up_proj [E, 2I, H] holds gate then up of each expert: two runs with the stride of a pair. */
function takeFused(table: TensorTable, shape: ModelShape, layer: number): TensorDescription[] {
  const { experts, expertWidth, hidden } = shape;
  const at = `layers.${layer}.mlp.experts`;
  const gateUp = table.plainStack(`${at}.gate_up_proj`, [experts, 2 * expertWidth, hidden]);
  const down = table.plainStack(`${at}.down_proj`, [experts, hidden, expertWidth]);
  const pair = gateUp.tensor.bytes / experts;
  const single = down.tensor.bytes / experts;
  const run = (
    role: TensorRole,
    from: typeof down,
    skip: number,
    bytes: number,
    stride: number,
  ): TensorDescription => ({
    ...plainRun(from.tensor, role, layer, matrixSize(shape, role), from.format),
    expertCount: experts,
    weight: { file: from.tensor.file, offset: from.tensor.offset + skip, bytes, stride },
  });
  return [
    run("expertGateProj", gateUp, 0, pair / 2, pair),
    run("expertUpProj", gateUp, pair / 2, pair / 2, pair),
    run("expertDownProj", down, 0, single, single),
  ];
}

function plainRun(
  tensor: StoredTensor,
  role: TensorRole,
  layer: number,
  size: { rows: number; cols: number },
  format: "f32" | "f16" | "bf16",
): Omit<TensorDescription, "weight"> {
  const none = { bits: 0, group: 0, scaleFormat: "f32", scales: null, biases: null } as const;
  return { name: tensor.name, role, layer, format, ...size, ...none, expertFirst: 0, expertCount: 0 };
}

function takeSeparate(table: TensorTable, shape: ModelShape, layer: number, modules: Set<string>): TensorDescription[] {
  const result: TensorDescription[] = [];
  for (const { name, role } of projections) {
    let first: TensorDescription | undefined;
    for (let expert = 0; expert < shape.experts; expert++) {
      const module = `layers.${layer}.mlp.experts.${expert}.${name}`;
      modules.add(module);
      const tensor = table.matrix({ module, role, layer, ...matrixSize(shape, role) });
      const run = { ...tensor, expertFirst: expert, expertCount: 1 };
      first ??= run;
      requireSameStorage(first, run);
      result.push(run);
    }
  }
  return result;
}

/** All experts of a layer's projection share one format: slots are sized by the layer, not by the expert. */
function requireSameStorage(a: TensorDescription, b: TensorDescription): void {
  if (a.format === b.format && a.bits === b.bits && a.group === b.group && a.scaleFormat === b.scaleFormat) return;
  throw modelError(
    `${a.name} and ${b.name} are experts of one layer stored differently.`,
    "Experts of one layer must share format, bits and group; convert the model uniformly.",
  );
}
