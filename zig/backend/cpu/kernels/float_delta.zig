//! Gated delta net with vectors: convolution, and one value head over one segment. Short runs take the recurrence;
//! long runs go in chunks (float_delta_chunk.zig), the rest of a run by the recurrence again.
//! Caller's memory; any thread enters with channels or a head of its own.

const std = @import("std");
const float_table = @import("float_table.zig");
const math = @import("float_math.zig");
const rows_ops = @import("float_rows.zig");
const scalar_math = @import("float_scalar_math.zig");
const chunks = @import("float_delta_chunk.zig");
const V = math.V;
const lanes = math.lanes;
const Head = float_table.DeltaHead;

// ---- convolution ----

pub fn conv(args: *const float_table.DeltaConv) callconv(.c) void {
    std.debug.assert(args.kernel >= 1 and args.kernel <= float_table.conv_kernel_max);
    var channel: usize = args.first;
    if (args.kernel == 4) {
        while (channel + 4 * lanes <= args.end) : (channel += 4 * lanes) convVectors(4, 4, args, channel);
        while (channel + lanes <= args.end) : (channel += lanes) convVectors(4, 1, args, channel);
    }
    while (channel < args.end) : (channel += 1) convScalar(args, channel);
}

/// n * lanes neighbouring channels: rows of qkv lie far apart, so each visit takes some cache lines at once. The last
/// `kernel - 1` inputs stay in registers.
fn convVectors(comptime kernel: usize, comptime n: usize, args: *const float_table.DeltaConv, channel: usize) void {
    var weights: [n][kernel]V = undefined;
    var past: [kernel - 1][n]V = undefined;
    inline for (0..n) |v| {
        const at = channel + v * lanes;
        weights[v] = taps(kernel, args.weight + at * kernel);
        inline for (0..kernel - 1) |i| past[i][v] = math.load(f32, args.state + i * args.channels + at);
    }
    for (0..args.tokens) |t| {
        inline for (0..n) |v| {
            const p = args.qkv + t * args.channels + channel + v * lanes;
            const input = math.load(f32, p);
            var y = past[0][v] * weights[v][0];
            inline for (1..kernel - 1) |i| y = math.fma(past[i][v], weights[v][i], y);
            y = math.fma(input, weights[v][kernel - 1], y);
            math.store(p, math.silu(y));
            inline for (0..kernel - 2) |i| past[i][v] = past[i + 1][v];
            past[kernel - 2][v] = input;
        }
    }
    inline for (0..kernel - 1) |i| {
        inline for (0..n) |v| math.store(args.state + i * args.channels + channel + v * lanes, past[i][v]);
    }
}

/// [lanes, kernel] to one vector per tap.
inline fn taps(comptime kernel: usize, weight: [*]const f32) [kernel]V {
    const raw: *align(4) const [lanes * kernel]f32 = @ptrCast(weight);
    const all: @Vector(lanes * kernel, f32) = raw.*;
    var result: [kernel]V = undefined;
    inline for (0..kernel) |tap| {
        const mask = comptime mask: {
            var m: [lanes]i32 = undefined;
            for (0..lanes) |lane| m[lane] = lane * kernel + tap;
            break :mask m;
        };
        result[tap] = @shuffle(f32, all, undefined, mask);
    }
    return result;
}

/// The same arithmetic for one channel and any kernel.
fn convScalar(args: *const float_table.DeltaConv, channel: usize) void {
    const kernel: usize = args.kernel;
    const weight = args.weight + channel * kernel;
    var past: [float_table.conv_kernel_max]f32 = undefined; // kernel - 1 earlier inputs, then this one
    for (0..kernel - 1) |i| past[i] = args.state[i * args.channels + channel];
    for (0..args.tokens) |t| {
        const p = &args.qkv[t * args.channels + channel];
        past[kernel - 1] = p.*;
        var y = math.splat(past[0] * weight[0]);
        for (1..kernel) |i| y = math.fma(math.splat(past[i]), math.splat(weight[i]), y);
        p.* = math.silu(y)[0];
        for (0..kernel - 1) |i| past[i] = past[i + 1];
    }
    for (0..kernel - 1) |i| args.state[i * args.channels + channel] = past[i];
}

// ---- one value head ----

/// Gates of one token: decay of the state, exp(-exp(a_log) softplus(a + dt_bias)), and strength of the update.
pub const Gates = struct {
    decay: f32,
    beta: f32,

    pub fn of(args: *const Head, t: usize) Gates {
        const a = args.a[t * args.gate_stride];
        const b = args.b[t * args.gate_stride];
        const rate = scalar_math.exp(args.a_log) * scalar_math.softplus(@as(f64, a) + args.dt_bias);
        return .{ .decay = @floatCast(scalar_math.exp(-rate)), .beta = @floatCast(scalar_math.sigmoid(b)) };
    }
};

pub fn head(args: *const Head) callconv(.c) void {
    const chunked = if (args.tokens >= float_table.delta_chunk_min) args.tokens - args.tokens % float_table.delta_chunk else 0;
    var t: usize = 0;
    while (t < chunked) : (t += float_table.delta_chunk) chunks.chunk(args, t, float_table.delta_chunk);
    const rest = args.tokens - t;
    if (rest >= float_table.delta_chunk_min) {
        chunks.chunk(args, t, rest);
    } else while (t < args.tokens) : (t += 1) step(args, t);
}

/// x / sqrt(sum(x^2) + l2_eps) * factor, zeros up to padded(key_dim).
pub fn normalise(x: [*]const f32, dim: usize, factor: f32, out: [*]f32) void {
    const scale = math.splat(factor / @sqrt(rows_ops.sumSquares(x, dim) + float_table.l2_eps));
    var i: usize = 0;
    while (i + lanes <= dim) : (i += lanes) math.store(out + i, math.load(f32, x + i) * scale);
    if (i < dim) math.storePart(out + i, math.loadPart(f32, x + i, dim - i) * scale, dim - i);
    @memset(out[dim..float_table.padded(dim)], 0);
}

pub fn queryScale(key_dim: usize) f32 {
    return 1.0 / @sqrt(@as(f32, @floatFromInt(key_dim)));
}

/// S = g S; d = beta (v - S k); S = S + d k^T; o = S q, row by row of S.
fn step(args: *const Head, t: usize) void {
    const dk: usize = args.key_dim;
    const dv: usize = args.value_dim;
    const q = args.scratch;
    const k = args.scratch + float_table.padded(dk);
    normalise(args.q + t * args.qkv_stride, dk, queryScale(dk), q);
    normalise(args.k + t * args.qkv_stride, dk, 1.0, k);
    const gates = Gates.of(args, t);
    const update: RowUpdate = .{
        .dim = dk,
        .q = q,
        .k = k,
        .decay = gates.decay,
        .beta = gates.beta,
        .v = args.v + t * args.qkv_stride,
        .out = args.out + t * args.out_stride,
    };
    var row: usize = 0;
    while (row + 4 <= dv) : (row += 4) {
        // The state comes from memory: rows after the next ones are fetched now.
        const ahead: [*]const u8 = @ptrCast(args.state + (row + 8) * dk);
        var at: usize = 0;
        while (at < 4 * dk * 4) : (at += 64) @prefetch(ahead + at, .{ .rw = .write });
        update.rows(4, args.state, row);
    }
    while (row < dv) : (row += 1) update.rows(1, args.state, row);
    gatedNorm(args, t);
}

const RowUpdate = struct {
    dim: usize,
    q: [*]const f32,
    k: [*]const f32,
    decay: f32,
    beta: f32,
    v: [*]const f32,
    out: [*]f32,

    /// Two passes over n rows of the state [value_dim, key_dim]: the second finds them in the first-level cache.
    inline fn rows(self: RowUpdate, comptime n: usize, state: [*]f32, row: usize) void {
        const dim = self.dim;
        const decay = math.splat(self.decay);
        var sums: [n]V = @splat(math.splat(0));
        var i: usize = 0;
        while (i + lanes <= dim) : (i += lanes) {
            const k = math.load(f32, self.k + i);
            inline for (0..n) |r| sums[r] = math.fma(math.load(f32, state + (row + r) * dim + i) * decay, k, sums[r]);
        }
        if (i < dim) inline for (0..n) |r| {
            const s = math.loadPart(f32, state + (row + r) * dim + i, dim - i) * decay;
            sums[r] = math.fma(s, math.load(f32, self.k + i), sums[r]);
        };
        const recalled = math.sumMany(n, sums);
        var delta: [n]V = undefined;
        inline for (0..n) |r| delta[r] = math.splat(self.beta * (self.v[row + r] - recalled[r]));

        sums = @splat(math.splat(0));
        i = 0;
        while (i + lanes <= dim) : (i += lanes) {
            const k = math.load(f32, self.k + i);
            const q = math.load(f32, self.q + i);
            inline for (0..n) |r| {
                const p = state + (row + r) * dim + i;
                const s = math.fma(delta[r], k, math.load(f32, p) * decay);
                math.store(p, s);
                sums[r] = math.fma(s, q, sums[r]);
            }
        }
        if (i < dim) inline for (0..n) |r| {
            const p = state + (row + r) * dim + i;
            const s = math.fma(delta[r], math.load(f32, self.k + i), math.loadPart(f32, p, dim - i) * decay);
            math.storePart(p, s, dim - i);
            sums[r] = math.fma(s, math.load(f32, self.q + i), sums[r]);
        };
        const read = math.sumMany(n, sums);
        inline for (0..n) |r| self.out[row + r] = read[r];
    }
};

/// out = rmsNorm(out; norm) * silu(z) for token t.
pub fn gatedNorm(args: *const Head, t: usize) void {
    const dim: usize = args.value_dim;
    const out = args.out + t * args.out_stride;
    const z = args.z + t * args.out_stride;
    const scale = math.splat(rows_ops.inverseRms(out, dim, args.eps));
    var i: usize = 0;
    while (i + lanes <= dim) : (i += lanes) {
        const normed = math.load(f32, out + i) * scale * math.load(f32, args.norm + i);
        math.store(out + i, normed * math.silu(math.load(f32, z + i)));
    }
    if (i < dim) {
        const n = dim - i;
        const normed = math.loadPart(f32, out + i, n) * scale * math.loadPart(f32, args.norm + i, n);
        math.storePart(out + i, normed * math.silu(math.loadPart(f32, z + i, n)), n);
    }
}
