//! The delta net over a chunk of tokens at once. With r(j, t) the product of the decays after token j up to token t
//! (r(t, t) = 1, and r(0, t) from the chunk's start), S the state before it, and k, q normalised, the recurrence is
//!   d_t + beta_t sum_{j<t} r(j, t) (k_j . k_t) d_j = beta_t (v_t - r(0, t) S k_t)     (solved forwards)
//!   o_t = r(0, t) S q_t + sum_{j<=t} r(j, t) (k_j . q_t) d_j
//!   S'  = r(0, n) S + sum_j r(j, n) d_j k_j^T
//! so the state is read and written once per chunk and all else is small dense products. All r are at most 1: nothing
//! overflows. Agrees with the recurrence to rounding (a few 1e-6 of the values' scale; tested).
//! Scratch is the caller's; any thread enters with a head of its own.

const std = @import("std");
const float_table = @import("float_table.zig");
const math = @import("float_math.zig");
const products = @import("float_products.zig");
const delta = @import("float_delta.zig");
const lanes = math.lanes;
const size = float_table.delta_chunk;
const padded = float_table.padded;
const Head = float_table.DeltaHead;

/// Parts of a head's scratch; rows are padded.
const Work = struct {
    q: [*]f32, // [size, key_dim] normalised and scaled
    k: [*]f32, // [size, key_dim] normalised
    recalled: [*]f32, // [size, value_dim]: S k_t
    read: [*]f32, // [size, value_dim]: S q_t
    d: [*]f32, // [size, value_dim]
    kk: [*]f32, // [size, size]: k_t . k_j
    qk: [*]f32, // [size, size]: q_t . k_j
    decay: [*]f32, // [size]: of each token
    from_start: [*]f32, // [size]: r(0, t)
    from_token: [*]f32, // [size]: r(j, t) for the newest t
    beta: [*]f32, // [size]
    key_stride: usize,
    value_stride: usize,

    fn of(args: *const Head) Work {
        const dk = padded(args.key_dim);
        const dv = padded(args.value_dim);
        const recalled = args.scratch + 2 * size * dk;
        const kk = recalled + 3 * size * dv;
        const gates = kk + 2 * size * size;
        return .{
            .q = args.scratch,
            .k = args.scratch + size * dk,
            .recalled = recalled,
            .read = recalled + size * dv,
            .d = recalled + 2 * size * dv,
            .kk = kk,
            .qk = kk + size * size,
            .decay = gates,
            .from_start = gates + size,
            .from_token = gates + 2 * size,
            .beta = gates + 3 * size,
            .key_stride = dk,
            .value_stride = dv,
        };
    }
};

/// Tokens [first, first + n) of the segment, n <= delta_chunk.
pub fn chunk(args: *const Head, first: usize, n: usize) void {
    const work = Work.of(args);
    const dk: usize = args.key_dim;
    const dv: usize = args.value_dim;
    for (0..n) |t| {
        delta.normalise(args.q + (first + t) * args.qkv_stride, dk, delta.queryScale(dk), work.q + t * work.key_stride);
        delta.normalise(args.k + (first + t) * args.qkv_stride, dk, 1.0, work.k + t * work.key_stride);
        const gates = delta.Gates.of(args, first + t);
        work.decay[t] = gates.decay;
        work.beta[t] = gates.beta;
    }
    const q: products.Rows(f32) = .{ .p = work.q, .stride = work.key_stride };
    const k: products.Rows(f32) = .{ .p = work.k, .stride = work.key_stride };
    const state: products.Rows(f32) = .{ .p = args.state, .stride = dk };
    products.dots(f32, k, n, state, dv, dk, work.recalled, work.value_stride);
    products.dots(f32, q, n, state, dv, dk, work.read, work.value_stride);
    products.dots(f32, k, n, k, n, dk, work.kk, size);
    products.dots(f32, q, n, k, n, dk, work.qk, size);
    decayProducts(work, n);

    for (0..n) |t| solve(args, work, first, t);
    for (0..n) |t| output(args, work, first, t);
    advance(args, work, n);
}

/// kk and qk -> times r(j, t), 0 for j > t. Leaves r(j, n) in from_token.
fn decayProducts(work: Work, n: usize) void {
    @memset(work.from_token[0..size], 0);
    var start: f32 = 1;
    for (0..n) |t| {
        start = flush(math.splat(start * work.decay[t]))[0];
        work.from_start[t] = start;
        const decay = math.splat(work.decay[t]);
        var j: usize = 0;
        while (j < size) : (j += lanes) math.store(work.from_token + j, flush(math.load(f32, work.from_token + j) * decay));
        work.from_token[t] = 1;
        j = 0;
        while (j < size) : (j += lanes) {
            const ratio = math.load(f32, work.from_token + j);
            const kk = work.kk + t * size + j;
            const qk = work.qk + t * size + j;
            math.store(kk, math.load(f32, kk) * ratio);
            math.store(qk, math.load(f32, qk) * ratio);
        }
    }
}

/// Ratios too small to matter become 0 before they become slow subnormal numbers; NaN stays.
inline fn flush(ratio: math.V) math.V {
    return @select(f32, ratio < math.splat(1e-35), math.splat(0), ratio);
}

/// d_t from the d_j before it.
fn solve(args: *const Head, work: Work, first: usize, t: usize) void {
    const dv: usize = args.value_dim;
    const d = work.d + t * work.value_stride;
    const v = args.v + (first + t) * args.qkv_stride;
    const recalled = work.recalled + t * work.value_stride;
    const decay = work.from_start[t];
    // Earlier updates as this key recalls them, then d = beta (v - decay S k - those).
    @memset(d[0..work.value_stride], 0);
    products.addWeighted(f32, .{ .p = work.kk + t * size, .row_stride = 0, .column_stride = 1 }, 1, .{ .p = work.d, .stride = work.value_stride }, t, dv, d, 0);
    for (d[0..dv], v, recalled) |*x, value, old| x.* = work.beta[t] * (value - decay * old - x.*);
}

fn output(args: *const Head, work: Work, first: usize, t: usize) void {
    const dv: usize = args.value_dim;
    const out = args.out + (first + t) * args.out_stride;
    const read = work.read + t * work.value_stride;
    const decay = work.from_start[t];
    for (out[0..dv], read) |*x, old| x.* = decay * old;
    products.addWeighted(f32, .{ .p = work.qk + t * size, .row_stride = 0, .column_stride = 1 }, 1, .{ .p = work.d, .stride = work.value_stride }, t + 1, dv, out, 0);
    delta.gatedNorm(args, first + t);
}

/// The state after the chunk.
fn advance(args: *const Head, work: Work, n: usize) void {
    const dk: usize = args.key_dim;
    const dv: usize = args.value_dim;
    for (0..n) |t| {
        for (work.d[t * work.value_stride ..][0..dv]) |*x| x.* *= work.from_token[t];
    }
    for (args.state[0 .. dv * dk]) |*x| x.* *= work.from_start[n - 1];
    products.addWeighted(f32, .{ .p = work.d, .row_stride = 1, .column_stride = work.value_stride }, dv, .{ .p = work.k, .stride = work.key_stride }, n, dk, args.state, dk);
}
