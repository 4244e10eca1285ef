//! Attention with vectors: norm and rotation of one token's heads, and streaming softmax over the cache.
//! A tile's rows go through the keys in blocks of `key_block`; each block has its own maximum, sum and weighted values,
//! and the blocks are merged in order, whether one thread did them all or several shared them out.
//! Caller's memory; any thread enters with a tile of its own.

const std = @import("std");
const float_table = @import("float_table.zig");
const math = @import("float_math.zig");
const products = @import("float_products.zig");
const rows_ops = @import("float_rows.zig");
const V = math.V;
const lanes = math.lanes;
const key_block = float_table.key_block;
const padded = float_table.padded;
const Tile = float_table.AttentionTile;

// ---- one token's heads ----

pub fn token(args: *const float_table.AttentionToken) callconv(.c) void {
    const dim: usize = args.head_dim;
    const scale = 1.0 / @sqrt(@as(f32, @floatFromInt(dim)));
    for (0..args.heads) |head| {
        const query = args.query + head * dim;
        normRotate(args, args.q_gate + head * 2 * dim, args.q_norm, query);
        for (query[0..dim]) |*x| x.* *= scale;
    }
    if (args.kv_f16 != 0) appendKeys(f16, args) else appendKeys(f32, args);
}

fn appendKeys(comptime T: type, args: *const float_table.AttentionToken) void {
    const dim: usize = args.head_dim;
    const keys: [*]T = @ptrCast(@alignCast(args.key_row));
    const values: [*]T = @ptrCast(@alignCast(args.value_row));
    for (0..args.kv_heads) |head| {
        normRotate(args, args.k + head * dim, args.k_norm, args.scratch);
        for (keys[head * dim ..][0..dim], args.scratch[0..dim]) |*out, x| out.* = @floatCast(x);
    }
    const n = args.kv_heads * dim;
    for (values[0..n], args.v[0..n]) |*out, x| out.* = @floatCast(x);
}

/// RMS norm, then rotation of the pairs (i, i + rotary_dim / 2).
fn normRotate(args: *const float_table.AttentionToken, x: [*]const f32, weight: [*]const f32, out: [*]f32) void {
    rows_ops.rmsNorm(x, weight, out, args.head_dim, args.eps);
    const half: usize = args.rotary_dim / 2;
    const cosines = args.cos_sin;
    const sines = args.cos_sin + half;
    var i: usize = 0;
    while (i + lanes <= half) : (i += lanes) {
        const c = math.load(f32, cosines + i);
        const s = math.load(f32, sines + i);
        const low = math.load(f32, out + i);
        const high = math.load(f32, out + half + i);
        math.store(out + i, low * c - high * s);
        math.store(out + half + i, high * c + low * s);
    }
    while (i < half) : (i += 1) {
        const low = out[i];
        const high = out[half + i];
        out[i] = low * cosines[i] - high * sines[i];
        out[half + i] = high * cosines[i] + low * sines[i];
    }
}

// ---- softmax over the cache ----

/// Maximum [rows], sum [rows] and weighted values [rows, padded(head_dim)] of some keys.
const Partial = struct {
    max: [*]f32,
    sum: [*]f32,
    values: [*]f32,
    stride: usize,

    fn at(memory: [*]f32, rows: usize, head_dim: usize) Partial {
        return .{ .max = memory, .sum = memory + padded(rows), .values = memory + 2 * padded(rows), .stride = padded(head_dim) };
    }
};

/// The parts of a tile's scratch.
const Work = struct {
    queries: [*]f32, // [rows, padded(head_dim)]
    scores: [*]f32, // [rows, key_block]
    state: Partial,
    block: Partial,

    fn of(tile: *const Tile) Work {
        const rows = tile.rows();
        const dim: usize = tile.head_dim;
        const scores = tile.scratch + rows * padded(dim);
        const state = scores + rows * key_block;
        return .{
            .queries = tile.scratch,
            .scores = scores,
            .state = .at(state, rows, dim),
            .block = .at(state + float_table.partialFloats(rows, dim), rows, dim),
        };
    }
};

pub fn tileWhole(tile: *const Tile) callconv(.c) void {
    const work = Work.of(tile);
    takeQueries(tile, work.queries);
    for (0..tile.blocks()) |index| {
        const into = if (index == 0) work.state else work.block;
        blockPartial(tile, work, index, into);
        if (index > 0) mergeInto(tile, work.state, work.block);
    }
    finish(tile, work.state);
}

pub fn tileBlock(tile: *const Tile, index: u64, memory: [*]align(64) f32) callconv(.c) void {
    const work = Work.of(tile);
    takeQueries(tile, work.queries);
    blockPartial(tile, work, index, .at(memory, tile.rows(), tile.head_dim));
}

/// `stride` floats lie between the partials of consecutive blocks; the first one's memory is only read.
pub fn tileMerge(tile: *const Tile, partials: [*]align(64) const f32, stride: u64) callconv(.c) void {
    const rows = tile.rows();
    const dim: usize = tile.head_dim;
    const work = Work.of(tile);
    const n = float_table.partialFloats(rows, dim);
    @memcpy(work.state.max[0..n], partials[0..n]);
    for (1..tile.blocks()) |index| mergeInto(tile, work.state, .at(@constCast(partials + index * stride), rows, dim));
    finish(tile, work.state);
}

fn takeQueries(tile: *const Tile, queries: [*]f32) void {
    const dim: usize = tile.head_dim;
    for (0..tile.rows()) |row| {
        const from = tile.out + (row / tile.group) * tile.out_stride + (row % tile.group) * dim;
        @memcpy(queries[row * padded(dim) ..][0..dim], from[0..dim]);
    }
}

/// Keys of block `index` that token `t` of the tile sees.
fn visible(tile: *const Tile, index: usize, t: usize) usize {
    const first = index * key_block;
    const end = tile.position + t + 1;
    return if (end <= first) 0 else @min(end - first, key_block);
}

fn blockPartial(tile: *const Tile, work: Work, index: usize, into: Partial) void {
    if (tile.kv_f16 != 0) blockTyped(f16, tile, work, index, into) else blockTyped(f32, tile, work, index, into);
}

fn blockTyped(comptime T: type, tile: *const Tile, work: Work, index: usize, into: Partial) void {
    const first = index * key_block;
    const keys = products.Rows(T){ .p = @as([*]const T, @ptrCast(@alignCast(tile.keys))) + first * tile.kv_stride, .stride = tile.kv_stride };
    const values = products.Rows(T){ .p = @as([*]const T, @ptrCast(@alignCast(tile.values))) + first * tile.kv_stride, .stride = tile.kv_stride };
    if (visible(tile, index, 0) == key_block) {
        // The whole tile sees the whole block.
        blockRows(T, tile, work, 0, tile.rows(), keys, values, key_block, into);
        return;
    }
    for (0..tile.tokens) |t| blockRows(T, tile, work, t * tile.group, tile.group, keys, values, visible(tile, index, t), into);
}

/// Rows [first, first + rows) over the first `count` keys of the block.
fn blockRows(comptime T: type, tile: *const Tile, work: Work, first: usize, rows: usize, keys: products.Rows(T), values: products.Rows(T), count: usize, into: Partial) void {
    const dim: usize = tile.head_dim;
    const stride = padded(dim);
    const scores = work.scores + first * key_block;
    for (first..first + rows) |row| @memset(into.values[row * stride ..][0..stride], 0);
    products.dots(T, .{ .p = work.queries + first * stride, .stride = stride }, rows, keys, count, dim, scores, key_block);
    for (0..rows) |row| softmaxRow(scores + row * key_block, count, &into.max[first + row], &into.sum[first + row]);
    const factors: products.Factors = .{ .p = scores, .row_stride = key_block, .column_stride = 1 };
    products.addWeighted(T, factors, rows, values, count, dim, into.values + first * stride, stride);
}

/// scores -> exp(scores - max); a row without keys has max -infinity and sum 0.
fn softmaxRow(scores: [*]f32, count: usize, max_out: *f32, sum_out: *f32) void {
    const end = std.mem.alignForward(usize, count, lanes); // within key_block
    @memset(scores[count..end], -std.math.inf(f32));
    var highest = math.splat(-std.math.inf(f32));
    var j: usize = 0;
    while (j < end) : (j += lanes) highest = math.max(highest, math.load(f32, scores + j));
    max_out.* = math.maxLane(highest);
    const top = math.splat(max_out.*);
    var sums = math.splat(0);
    j = 0;
    while (j < end) : (j += lanes) {
        const p = math.exp(math.load(f32, scores + j) - top);
        sums += p;
        math.store(scores + j, p);
    }
    sum_out.* = math.sum(sums);
}

fn mergeInto(tile: *const Tile, state: Partial, block: Partial) void {
    for (0..tile.rows()) |row| {
        // A row that sees nothing of this block stays as it is, to the bit.
        if (block.sum[row] == 0) continue;
        const top = if (block.max[row] > state.max[row]) block.max[row] else state.max[row];
        const old = math.expOne(state.max[row] - top);
        const new = math.expOne(block.max[row] - top);
        state.sum[row] = state.sum[row] * old + block.sum[row] * new;
        state.max[row] = top;
        const into = state.values + row * state.stride;
        const from = block.values + row * block.stride;
        var d: usize = 0;
        while (d < state.stride) : (d += lanes) {
            const kept = math.load(f32, into + d) * math.splat(old);
            math.store(into + d, math.fma(math.load(f32, from + d), math.splat(new), kept));
        }
    }
}

/// out = values / sum * sigmoid(gate)
fn finish(tile: *const Tile, state: Partial) void {
    const dim: usize = tile.head_dim;
    for (0..tile.rows()) |row| {
        const t = row / tile.group;
        const head = row % tile.group;
        const out = tile.out + t * tile.out_stride + head * dim;
        const gate = tile.gate + t * tile.gate_stride + head * 2 * dim;
        const values = state.values + row * state.stride;
        const scale = math.splat(1.0 / state.sum[row]);
        var d: usize = 0;
        while (d + lanes <= dim) : (d += lanes)
            math.store(out + d, math.load(f32, values + d) * scale * math.sigmoid(math.load(f32, gate + d)));
        if (d < dim) {
            const n = dim - d;
            math.storePart(out + d, math.loadPart(f32, values + d, n) * scale * math.sigmoid(math.loadPart(f32, gate + d, n)), n);
        }
    }
}
