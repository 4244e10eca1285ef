/**
 * Every tensor of a synthetic checkpoint with the distribution of its values. Pure.
 *
 * The scale rule. RMSNorm makes every branch's input 1 in rms, so a projection with deviation 1/sqrt(in) has outputs of
 * deviation 1. What follows is measured on standard normal inputs: SiLU leaves an rms of 0.6 (also of SiLU(a) * b),
 * sigmoid one of 0.54, attention with scores of deviation 2 about 0.5 of a value, and K routed experts weighted to sum 1
 * about 1/sqrt(K). The output projections divide by these, so that each of the 2 * layers branches adds the same share
 * and the residual stream ends at a known rms whatever the depth. The head then gives logits a deviation of `logitStd`.
 *
 * A tied head would repeat the current token, since the residual still holds its embedding: there the final norm's
 * weights are standard normal, so that the token's own logit is one of many.
 */
import type { SynthOptions } from "./synth-shape.ts";

export type FloatType = "f32" | "f16" | "bf16";

/** How `zig/format/fill.zig` makes the values of a byte range. */
export interface Distribution {
  kind: "uniformBits" | "constantJitter" | "normal";
  format: FloatType;
  mean: number;
  /** Relative jitter or standard deviation. */
  spread: number;
}

export interface SynthTensor {
  name: string;
  /** safetensors dtype. */
  dtype: "F32" | "F16" | "BF16" | "U32";
  shape: number[];
  bytes: number;
  values: Distribution;
  /** Tensors with the same key get the same random sequence: an affine bias is exactly its scale times -top/2. */
  seedKey: string;
}

const logitStd = 3;
const siluRms = 0.6;
const sigmoidRms = 0.54;
const attentionRms = 0.5;
/** Of the query and key norms: scores get a deviation of its square. */
const headNorm = 1.45;
const routerStd = 2.5;
/** Relative jitter of norms, scales and biases. */
const jitter = 0.1;

export const modelPrefix = "language_model.model.";
export const headModule = "language_model.lm_head";
const dtypes = { f32: "F32", f16: "F16", bf16: "BF16" } as const;
const sizes = { f32: 4, f16: 2, bf16: 2 } as const;

export const fullAttentionInterval = 4;
export const convKernel = 4;

export function isAttentionLayer(layer: number): boolean {
  return (layer + 1) % fullAttentionInterval === 0;
}

/** All tensors in layer order, and the modules whose bits differ from the default. */
export function synthTensors(options: SynthOptions): { tensors: SynthTensor[]; gateModules: string[] } {
  const builder = new Builder(options);
  const { hidden, vocab, layers, tie } = options;
  builder.matrix(`${modelPrefix}embed_tokens`, [vocab, hidden], embeddingStd(options));
  for (let layer = 0; layer < layers; layer++) builder.layer(layer);
  if (tie) builder.normal(`${modelPrefix}norm.weight`, [hidden], 0, 1, options.dtype);
  else builder.norm(`${modelPrefix}norm.weight`, hidden);
  if (!tie) builder.matrix(headModule, [vocab, hidden], logitStd / Math.sqrt(hidden));
  return { tensors: builder.tensors, gateModules: builder.gateModules };
}

/** A tied embedding is also the head and must give logits their deviation. */
function embeddingStd({ tie, hidden }: SynthOptions): number {
  return tie ? logitStd / Math.sqrt(hidden) : 1;
}

class Builder {
  readonly tensors: SynthTensor[] = [];
  readonly gateModules: string[] = [];
  /** Deviation of what one branch adds to the residual stream. */
  private readonly branchStd: number;

  constructor(private readonly options: SynthOptions) {
    // All branches together add sqrt(2) times the embedding's deviation: nothing explodes, and a routing decision that
    // another order of summation turns around does not drown the rest.
    this.branchStd = embeddingStd(options) / Math.sqrt(options.layers);
  }

  layer(layer: number): void {
    const at = `${modelPrefix}layers.${layer}`;
    this.norm(`${at}.input_layernorm.weight`, this.options.hidden);
    if (isAttentionLayer(layer)) this.attention(`${at}.self_attn`);
    else this.deltaNet(`${at}.linear_attn`);
    this.norm(`${at}.post_attention_layernorm.weight`, this.options.hidden);
    this.moe(`${at}.mlp`);
  }

  private attention(at: string): void {
    const { hidden, heads, kvHeads, headDim } = this.options;
    const unit = 1 / Math.sqrt(hidden);
    this.matrix(`${at}.q_proj`, [heads * 2 * headDim, hidden], unit);
    this.matrix(`${at}.k_proj`, [kvHeads * headDim, hidden], unit);
    this.matrix(`${at}.v_proj`, [kvHeads * headDim, hidden], unit);
    const outStd = this.branchStd / (attentionRms * sigmoidRms * Math.sqrt(heads * headDim));
    this.matrix(`${at}.o_proj`, [hidden, heads * headDim], outStd);
    this.norm(`${at}.q_norm.weight`, headDim, headNorm);
    this.norm(`${at}.k_norm.weight`, headDim, headNorm);
  }

  private deltaNet(at: string): void {
    const { hidden, deltaValueHeads, deltaKeyHeads, deltaKeyDim, deltaValueDim, dtype } = this.options;
    const unit = 1 / Math.sqrt(hidden);
    const values = deltaValueHeads * deltaValueDim;
    const channels = 2 * deltaKeyHeads * deltaKeyDim + values;
    this.matrix(`${at}.in_proj_qkv`, [channels, hidden], unit);
    this.matrix(`${at}.in_proj_z`, [values, hidden], unit);
    this.matrix(`${at}.in_proj_b`, [deltaValueHeads, hidden], unit);
    this.matrix(`${at}.in_proj_a`, [deltaValueHeads, hidden], 0.5 * unit);
    this.matrix(`${at}.out_proj`, [hidden, values], this.branchStd / (siluRms * Math.sqrt(values)));
    this.normal(`${at}.conv1d.weight`, [channels, convKernel, 1], 0, 1 / Math.sqrt(convKernel), dtype);
    // Decay exp(-A * softplus(a + dt_bias)): heads remember from one token to some hundreds, twelve in the middle.
    this.normal(`${at}.A_log`, [deltaValueHeads], 1.5, 0.5, "f32");
    this.normal(`${at}.dt_bias`, [deltaValueHeads], -4, 1, dtype);
    this.norm(`${at}.norm.weight`, deltaValueDim);
  }

  private moe(at: string): void {
    const { hidden, experts, expertsPerToken, expertWidth, sharedWidth, gateBits } = this.options;
    const unit = 1 / Math.sqrt(hidden);
    const share = this.branchStd / Math.SQRT2; // routed and shared experts add half the variance each
    this.matrix(`${at}.gate`, [experts, hidden], routerStd * unit, gateBits);
    this.matrix(`${at}.shared_expert_gate`, [1, hidden], unit, gateBits);
    this.matrix(`${at}.shared_expert.gate_proj`, [sharedWidth, hidden], unit);
    this.matrix(`${at}.shared_expert.up_proj`, [sharedWidth, hidden], unit);
    const sharedStd = share / (sigmoidRms * siluRms * Math.sqrt(sharedWidth));
    this.matrix(`${at}.shared_expert.down_proj`, [hidden, sharedWidth], sharedStd);
    this.matrix(`${at}.switch_mlp.gate_proj`, [experts, expertWidth, hidden], unit);
    this.matrix(`${at}.switch_mlp.up_proj`, [experts, expertWidth, hidden], unit);
    const routedStd = (share * Math.sqrt(expertsPerToken)) / (siluRms * Math.sqrt(expertWidth));
    this.matrix(`${at}.switch_mlp.down_proj`, [experts, hidden, expertWidth], routedStd);
  }

  norm(name: string, size: number, mean = 1): void {
    const { dtype } = this.options;
    this.float(name, [size], { kind: "constantJitter", format: dtype, mean, spread: jitter });
  }

  normal(name: string, shape: number[], mean: number, spread: number, format: FloatType): void {
    this.float(name, shape, { kind: "normal", format, mean, spread });
  }

  private float(name: string, shape: number[], values: Distribution, seedKey = name): void {
    const bytes = product(shape) * sizes[values.format];
    this.tensors.push({ name, dtype: dtypes[values.format], shape, bytes, values, seedKey });
  }

  /** A module [..., rows, cols] whose values have deviation `std`, packed unless the checkpoint is unquantised. */
  matrix(module: string, shape: number[], std: number, bits = this.options.bits): void {
    const { group, dtype } = this.options;
    if (this.options.bits === 0) {
      this.normal(`${module}.weight`, shape, 0, std, dtype);
      return;
    }
    if (bits !== this.options.bits) this.gateModules.push(module);
    const cols = shape.at(-1) as number;
    const packed = [...shape.slice(0, -1), (cols * bits) / 32];
    const grouped = [...shape.slice(0, -1), cols / group];
    const weight = `${module}.weight`;
    const uniform: Distribution = { kind: "uniformBits", format: "f32", mean: 0, spread: 0 };
    this.tensors.push({
      name: weight,
      dtype: "U32",
      shape: packed,
      bytes: product(packed) * 4,
      values: uniform,
      seedKey: weight,
    });
    // q is uniform over 0..top, so its deviation is sqrt(top * (top + 2) / 12) and its mean top / 2.
    const top = 2 ** bits - 1;
    const scale = std / Math.sqrt((top * (top + 2)) / 12);
    const key = `${module}.scales`;
    const part = (mean: number): Distribution => ({ kind: "constantJitter", format: dtype, mean, spread: jitter });
    this.float(key, grouped, part(scale), key);
    this.float(`${module}.biases`, grouped, part((-scale * top) / 2), key);
  }
}

function product(shape: number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
