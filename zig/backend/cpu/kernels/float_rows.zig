//! Row operations with vectors: norm, sum, SwiGLU, routing, combination. See float_table.zig for what each means.
//! Caller's memory, any address; any thread enters.

const std = @import("std");
const float_table = @import("float_table.zig");
const math = @import("float_math.zig");
const V = math.V;
const lanes = math.lanes;

/// Sum of squares with four running sums, so that the adds overlap.
pub fn sumSquares(x: [*]const f32, dim: usize) f32 {
    var sums: [4]V = @splat(math.splat(0));
    var i: usize = 0;
    while (i + 4 * lanes <= dim) : (i += 4 * lanes) {
        inline for (0..4) |u| {
            const v = math.load(f32, x + i + u * lanes);
            sums[u] = math.fma(v, v, sums[u]);
        }
    }
    while (i + lanes <= dim) : (i += lanes) {
        const v = math.load(f32, x + i);
        sums[0] = math.fma(v, v, sums[0]);
    }
    if (i < dim) {
        const v = math.loadPart(f32, x + i, dim - i);
        sums[1] = math.fma(v, v, sums[1]);
    }
    return math.sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// 1 / sqrt(mean(x^2) + eps)
pub fn inverseRms(x: [*]const f32, dim: usize, eps: f32) f32 {
    return 1.0 / @sqrt(sumSquares(x, dim) / @as(f32, @floatFromInt(dim)) + eps);
}

pub fn rmsNorm(x: [*]const f32, weight: [*]const f32, out: [*]f32, dim: u64, eps: f32) callconv(.c) void {
    const scale = math.splat(inverseRms(x, dim, eps));
    var i: usize = 0;
    while (i + lanes <= dim) : (i += lanes) math.store(out + i, math.load(f32, x + i) * scale * math.load(f32, weight + i));
    if (i < dim) {
        const n = dim - i;
        math.storePart(out + i, math.loadPart(f32, x + i, n) * scale * math.loadPart(f32, weight + i, n), n);
    }
}

pub fn add(out: [*]f32, x: [*]const f32, n: u64) callconv(.c) void {
    var i: usize = 0;
    while (i + lanes <= n) : (i += lanes) math.store(out + i, math.load(f32, out + i) + math.load(f32, x + i));
    while (i < n) : (i += 1) out[i] += x[i];
}

pub fn swiglu(gate: [*]const f32, up: [*]const f32, out: [*]f32, n: u64) callconv(.c) void {
    var i: usize = 0;
    while (i + lanes <= n) : (i += lanes) math.store(out + i, math.silu(math.load(f32, gate + i)) * math.load(f32, up + i));
    if (i < n) {
        const rest = n - i;
        math.storePart(out + i, math.silu(math.loadPart(f32, gate + i, rest)) * math.loadPart(f32, up + i, rest), rest);
    }
}

pub fn combine(args: *const float_table.Combine) callconv(.c) void {
    const shared = math.splat(math.sigmoidOne(args.shared_gate));
    var i: usize = 0;
    while (i + lanes <= args.hidden) : (i += lanes) {
        var y = math.splat(0);
        for (0..args.k) |j| y = math.fma(math.splat(args.weights[j]), math.load(f32, args.expert_out + j * args.hidden + i), y);
        y = math.fma(shared, math.load(f32, args.shared + i), y);
        math.store(args.residual + i, math.load(f32, args.residual + i) + y);
    }
    if (i < args.hidden) {
        const n = args.hidden - i;
        var y = math.splat(0);
        for (0..args.k) |j| y = math.fma(math.splat(args.weights[j]), math.loadPart(f32, args.expert_out + j * args.hidden + i, n), y);
        y = math.fma(shared, math.loadPart(f32, args.shared + i, n), y);
        math.storePart(args.residual + i, math.loadPart(f32, args.residual + i, n) + y, n);
    }
}

/// ids[0..k] of the k largest values in descending order; ties go to the lower index, NaN counts as -infinity.
/// Always k distinct indices below values.len. The choice is made on the logits, which the softmax keeps in order.
pub fn topK(values: []const f32, ids: []u32) void {
    var count: usize = 0;
    for (values, 0..) |raw, index| {
        const value = orderable(raw);
        if (count == ids.len and !(value > orderable(values[ids[count - 1]]))) continue;
        var at = if (count < ids.len) count else count - 1;
        while (at > 0 and value > orderable(values[ids[at - 1]])) : (at -= 1) ids[at] = ids[at - 1];
        ids[at] = @intCast(index);
        count = @min(count + 1, ids.len);
    }
}

fn orderable(x: f32) f32 {
    return if (x != x) -std.math.inf(f32) else x;
}

pub fn route(args: *const float_table.Route) callconv(.c) void {
    const n: usize = args.experts;
    const ids = args.ids[0..args.k];
    std.debug.assert(args.k >= 1 and args.k <= n);
    topK(args.logits[0..n], ids);
    const top = math.splat(args.logits[ids[0]]);
    var sums = math.splat(0);
    var i: usize = 0;
    while (i + lanes <= n) : (i += lanes) {
        const p = math.exp(math.load(f32, args.logits + i) - top);
        sums += p;
        math.store(args.scratch + i, p);
    }
    if (i < n) {
        const p = math.exp(math.loadPart(f32, args.logits + i, n - i) - top);
        math.storePart(args.scratch + i, p, n - i);
        sums += math.loadPart(f32, args.scratch + i, n - i);
    }
    const total = math.sum(sums);
    var chosen: f32 = 0;
    for (ids, args.weights) |id, *weight| {
        weight.* = args.scratch[id] / total;
        chosen += weight.*;
    }
    if (args.renormalise != 0) for (args.weights[0..args.k]) |*weight| {
        weight.* /= chosen;
    };
}

test "top k is exact, ordered, ties low, and distinct for any input" {
    var random = std.Random.DefaultPrng.init(3);
    const nan = std.math.nan(f32);
    const inf = std.math.inf(f32);
    for (0..400) |round| {
        var values: [37]f32 = undefined;
        for (&values) |*value| value.* = switch (random.random().uintLessThan(u32, if (round % 2 == 0) 4 else 9)) {
            0 => 1.0,
            1 => -2.0,
            4 => nan,
            5 => inf,
            6 => -inf,
            else => random.random().floatNorm(f32),
        };
        var ids: [37]u32 = undefined;
        const k = 1 + random.random().uintLessThan(usize, values.len);
        topK(&values, ids[0..k]);
        var taken: [37]bool = @splat(false);
        for (ids[0..k], 0..) |id, rank| {
            try std.testing.expect(!taken[id]);
            taken[id] = true;
            // Nobody left over beats this one, nor equals it at a lower index.
            for (values, 0..) |other, index| {
                if (taken[index]) continue;
                const better = orderable(other) > orderable(values[id]) or (orderable(other) == orderable(values[id]) and index < id);
                try std.testing.expect(!better);
            }
            if (rank > 0) try std.testing.expect(orderable(values[ids[rank - 1]]) >= orderable(values[id]));
        }
    }
    var all: [8]f32 = @splat(nan);
    var ids: [3]u32 = undefined;
    topK(&all, &ids);
    try std.testing.expectEqual([3]u32{ 0, 1, 2 }, ids);
}
