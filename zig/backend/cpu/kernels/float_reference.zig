//! The definition of the float operations, level `scalar`: plain loops, sums in f64 and rounded once, exp from its
//! series. Compiled into the base library; every other level is tested against it. See float_table.zig for the
//! operations, float_reference_delta.zig for the delta net. Caller's memory; any thread enters.

const std = @import("std");
const float_table = @import("float_table.zig");
const math = @import("float_scalar_math.zig");
const delta = @import("float_reference_delta.zig");
const topK = @import("float_rows.zig").topK;

pub fn silu(x: f32) f32 {
    return @floatCast(@as(f64, x) * math.sigmoid(x));
}

pub fn rmsNorm(x: [*]const f32, weight: [*]const f32, out: [*]f32, dim: u64, eps: f32) callconv(.c) void {
    var squares: f64 = 0;
    for (x[0..dim]) |value| squares += @as(f64, value) * value;
    const scale = 1.0 / @sqrt(squares / @as(f64, @floatFromInt(dim)) + eps);
    for (out[0..dim], x, weight) |*y, value, w| y.* = @floatCast(value * scale * w);
}

fn add(out: [*]f32, x: [*]const f32, n: u64) callconv(.c) void {
    for (out[0..n], x) |*y, value| y.* += value;
}

fn swiglu(gate: [*]const f32, up: [*]const f32, out: [*]f32, n: u64) callconv(.c) void {
    for (out[0..n], gate, up) |*y, g, u| y.* = silu(g) * u;
}

fn combine(args: *const float_table.Combine) callconv(.c) void {
    const shared = math.sigmoid(args.shared_gate);
    for (0..args.hidden) |i| {
        var y: f64 = 0;
        for (0..args.k) |j| y += @as(f64, args.weights[j]) * args.expert_out[j * args.hidden + i];
        y += shared * args.shared[i];
        args.residual[i] += @floatCast(y);
    }
}

fn route(args: *const float_table.Route) callconv(.c) void {
    const ids = args.ids[0..args.k];
    topK(args.logits[0..args.experts], ids);
    const top: f64 = args.logits[ids[0]];
    var total: f64 = 0;
    for (args.logits[0..args.experts]) |x| total += math.exp(x - top);
    var chosen: f64 = 0;
    for (ids) |id| chosen += math.exp(args.logits[id] - top) / total;
    for (ids, args.weights) |id, *weight| {
        const p = math.exp(args.logits[id] - top) / total;
        weight.* = @floatCast(if (args.renormalise != 0) p / chosen else p);
    }
}

// ---- attention ----

fn attentionToken(args: *const float_table.AttentionToken) callconv(.c) void {
    const dim: usize = args.head_dim;
    const scale: f32 = @floatCast(1.0 / @sqrt(@as(f64, @floatFromInt(dim))));
    for (0..args.heads) |head| {
        const query = args.query + head * dim;
        normRotate(args, args.q_gate + head * 2 * dim, args.q_norm, query);
        for (query[0..dim]) |*x| x.* *= scale;
    }
    for (0..args.kv_heads) |head| {
        normRotate(args, args.k + head * dim, args.k_norm, args.scratch);
        for (0..dim) |d| {
            storeCache(args.kv_f16, args.key_row, head * dim + d, args.scratch[d]);
            storeCache(args.kv_f16, args.value_row, head * dim + d, args.v[head * dim + d]);
        }
    }
}

fn normRotate(args: *const float_table.AttentionToken, x: [*]const f32, weight: [*]const f32, out: [*]f32) void {
    rmsNorm(x, weight, out, args.head_dim, args.eps);
    const half: usize = args.rotary_dim / 2;
    for (0..half) |i| {
        const low = out[i];
        const high = out[half + i];
        const c = args.cos_sin[i];
        const s = args.cos_sin[half + i];
        out[i] = low * c - high * s;
        out[half + i] = high * c + low * s;
    }
}

fn storeCache(is_f16: u32, row: [*]u8, index: usize, x: f32) void {
    if (is_f16 != 0) {
        @as([*]f16, @ptrCast(@alignCast(row)))[index] = @floatCast(x);
    } else {
        @as([*]f32, @ptrCast(@alignCast(row)))[index] = x;
    }
}

fn loadCache(is_f16: u32, rows: [*]const u8, index: usize) f64 {
    if (is_f16 != 0) return @as([*]const f16, @ptrCast(@alignCast(rows)))[index];
    return @as([*]const f32, @ptrCast(@alignCast(rows)))[index];
}

/// Two passes over the keys: the maximum, then the weighted sum.
fn attentionTile(tile: *const float_table.AttentionTile) callconv(.c) void {
    for (0..tile.tokens) |t| {
        for (0..tile.group) |head| {
            const gate = tile.gate + t * tile.gate_stride + head * 2 * tile.head_dim;
            attendOne(tile, tile.position + t + 1, tile.out + t * tile.out_stride + head * tile.head_dim, gate);
        }
    }
}

fn attendOne(tile: *const float_table.AttentionTile, keys: usize, out: [*]f32, gate: [*]const f32) void {
    const dim: usize = tile.head_dim;
    const query = tile.scratch;
    @memcpy(query[0..dim], out[0..dim]);
    var top = -std.math.inf(f64);
    for (0..keys) |j| top = @max(top, score(tile, query, j));
    var total: f64 = 0;
    const sums: [*]f64 = @ptrCast(@alignCast(tile.scratch + float_table.padded(dim)));
    @memset(sums[0..dim], 0);
    for (0..keys) |j| {
        const p = math.exp(score(tile, query, j) - top);
        total += p;
        for (sums[0..dim], 0..) |*sum, d| sum.* += p * loadCache(tile.kv_f16, tile.values, j * tile.kv_stride + d);
    }
    for (out[0..dim], sums, gate) |*y, sum, g| y.* = @floatCast(sum / total * math.sigmoid(g));
}

fn score(tile: *const float_table.AttentionTile, query: [*]const f32, j: usize) f64 {
    var sum: f64 = 0;
    for (0..tile.head_dim) |d| sum += query[d] * loadCache(tile.kv_f16, tile.keys, j * tile.kv_stride + d);
    return sum;
}

pub const table: float_table.FloatTable = .{
    .rms_norm = &rmsNorm,
    .add = &add,
    .swiglu = &swiglu,
    .route = &route,
    .combine = &combine,
    .attention_token = &attentionToken,
    .attention_tile = &attentionTile,
    .attention_block = null,
    .attention_merge = null,
    .delta_conv = &delta.conv,
    .delta_head = &delta.head,
};
