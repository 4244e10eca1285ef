//! Full attention for a batch. First every token's heads are normalised, rotated and appended to the cache (items:
//! tokens), then every (tile of tokens, kv head) goes through the cache. One token alone is split over blocks of keys
//! instead, merged in order. Memory belongs to the enqueuer and to scratch; the engine's thread enters.

const std = @import("std");
const interface = @import("../backend.zig");
const float_table = @import("kernels/float_table.zig");
const series = @import("kernels/float_scalar_math.zig");
const scratches = @import("scratch.zig");
const Cpu = @import("backend.zig").Cpu;
const Args = interface.AttentionArgs;

const Call = struct {
    cpu: *Cpu,
    args: *const Args,
    inverse_frequencies: []const f64, // [rotary_dim / 2]
    group: usize,
    tile_tokens: usize,
    element_bytes: usize, // of the cache
    partial_stride: usize = 0, // floats
    tiles: usize = 0,
};

pub fn run(cpu: *Cpu, args: *const Args) void {
    std.debug.assert(args.heads % args.kv_heads == 0);
    std.debug.assert(args.kv_format == .f16 or args.kv_format == .f32);
    const group = scratches.groupOf(args.heads, args.kv_heads);
    var call: Call = .{
        .cpu = cpu,
        .args = args,
        .inverse_frequencies = inverseFrequencies(cpu, args.rope_theta, args.rotary_dim),
        .group = group,
        .tile_tokens = scratches.tileTokens(group),
        .element_bytes = if (args.kv_format == .f16) 2 else 4,
    };
    cpu.spread(args.tokens, (args.heads + args.kv_heads) * args.head_dim, &call, tokenRange);
    if (runSplit(&call)) return;
    for (args.segments) |segment| call.tiles += (segment.tokens + call.tile_tokens - 1) / call.tile_tokens;
    cpu.pool.run(call.tiles * args.kv_heads, &call, tileItem);
}

/// theta^(-2i / rotary_dim), kept in scratch: every layer of a model asks for the same.
fn inverseFrequencies(cpu: *Cpu, theta: f64, rotary_dim: usize) []const f64 {
    const scratch = cpu.work();
    const values = scratch.slice(f64, scratch.plan.inverse_frequencies)[0 .. rotary_dim / 2];
    if (cpu.rope_theta == theta and cpu.rotary_dim == rotary_dim) return values;
    const step = -2.0 * series.log(theta) / @as(f64, @floatFromInt(@max(rotary_dim, 1)));
    for (values, 0..) |*value, i| value.* = series.exp(step * @as(f64, @floatFromInt(i)));
    cpu.rope_theta = theta;
    cpu.rotary_dim = rotary_dim;
    return values;
}

// ---- one token's heads ----

fn tokenRange(call: *Call, first: usize, end: usize, slot: usize) void {
    for (call.args.segments) |*segment| {
        const from = @max(first, segment.first);
        const to = @min(end, segment.first + segment.tokens);
        if (from < to) for (from..to) |t| tokenHeads(call, segment, t, slot);
    }
}

fn tokenHeads(call: *const Call, segment: *const interface.AttentionSegment, t: usize, slot: usize) void {
    const args = call.args;
    const cos_sin = call.cpu.work().ofThread(slot);
    const position = segment.position + (t - segment.first);
    const half = args.rotary_dim / 2;
    for (call.inverse_frequencies, 0..) |frequency, i| {
        const turn = series.sinCos(@as(f64, @floatFromInt(position)) * frequency);
        cos_sin[i] = @floatCast(turn.cos);
        cos_sin[half + i] = @floatCast(turn.sin);
    }
    const kv_row = args.kv_heads * args.head_dim;
    const q_row = args.heads * args.head_dim;
    call.cpu.table.float.attention_token(&.{
        .q_gate = args.q_gate.floats(args.tokens * 2 * q_row)[t * 2 * q_row ..].ptr,
        .k = args.k.floats(args.tokens * kv_row)[t * kv_row ..].ptr,
        .v = args.v.floats(args.tokens * kv_row)[t * kv_row ..].ptr,
        .q_norm = args.q_norm.floats(args.head_dim).ptr,
        .k_norm = args.k_norm.floats(args.head_dim).ptr,
        .cos_sin = cos_sin,
        .query = args.out.floats(args.tokens * q_row)[t * q_row ..].ptr,
        .key_row = segment.keys.pointer() + position * kv_row * call.element_bytes,
        .value_row = segment.values.pointer() + position * kv_row * call.element_bytes,
        .heads = args.heads,
        .kv_heads = args.kv_heads,
        .head_dim = args.head_dim,
        .rotary_dim = args.rotary_dim,
        .kv_f16 = @intFromBool(args.kv_format == .f16),
        .eps = args.eps,
        .scratch = @alignCast(cos_sin + float_table.padded(args.head_dim)),
    });
}

// ---- softmax over the cache ----

/// Tokens [first, first + tokens) of a segment, one kv head.
fn tileOf(call: *const Call, segment: *const interface.AttentionSegment, first: usize, tokens: usize, kv_head: usize, slot: usize) float_table.AttentionTile {
    const args = call.args;
    const q_row = args.heads * args.head_dim;
    const head = kv_head * call.group;
    const t = segment.first + first;
    const head_bytes = kv_head * args.head_dim * call.element_bytes;
    return .{
        .out = args.out.floats(args.tokens * q_row)[t * q_row + head * args.head_dim ..].ptr,
        .out_stride = q_row,
        .gate = args.q_gate.floats(args.tokens * 2 * q_row)[t * 2 * q_row + (2 * head + 1) * args.head_dim ..].ptr,
        .gate_stride = 2 * q_row,
        .keys = segment.keys.pointer() + head_bytes,
        .values = segment.values.pointer() + head_bytes,
        .kv_stride = args.kv_heads * args.head_dim,
        .position = segment.position + first,
        .tokens = tokens,
        .group = call.group,
        .head_dim = args.head_dim,
        .kv_f16 = @intFromBool(args.kv_format == .f16),
        .scratch = call.cpu.work().ofThread(slot),
    };
}

/// Tiles from the last one back: later tokens have more keys, and long items go first.
fn tileItem(call: *Call, item: usize, slot: usize) void {
    var tile = call.tiles - 1 - item / call.args.kv_heads;
    for (call.args.segments) |*segment| {
        const tiles = (segment.tokens + call.tile_tokens - 1) / call.tile_tokens;
        if (tile >= tiles) {
            tile -= tiles;
            continue;
        }
        const first = tile * call.tile_tokens;
        const tokens = @min(call.tile_tokens, segment.tokens - first);
        const work = tileOf(call, segment, first, tokens, item % call.args.kv_heads, slot);
        call.cpu.table.float.attention_tile(&work);
        return;
    }
    unreachable;
}

/// Decode of one session: items are (block of keys, kv head). False where that does not apply.
fn runSplit(call: *Call) bool {
    const args = call.args;
    const cpu = call.cpu;
    if (cpu.pool.threadCount() == 1 or args.segments.len != 1 or args.segments[0].tokens != 1) return false;
    if (cpu.table.float.attention_block == null or cpu.table.float.attention_merge == null) return false;
    const blocks = args.segments[0].position / float_table.key_block + 1;
    if (blocks < 2) return false;
    const partials = cpu.work().slice(f32, cpu.work().plan.partials);
    call.partial_stride = std.mem.alignForward(usize, float_table.partialFloats(call.group, args.head_dim), 16);
    if (blocks * args.kv_heads * call.partial_stride > partials.len) return false;
    cpu.pool.run(blocks * args.kv_heads, call, blockItem);
    cpu.pool.run(args.kv_heads, call, mergeItem);
    return true;
}

fn blockItem(call: *Call, item: usize, slot: usize) void {
    const kv_heads = call.args.kv_heads;
    const tile = tileOf(call, &call.args.segments[0], 0, 1, item % kv_heads, slot);
    const partials = call.cpu.work().slice(f32, call.cpu.work().plan.partials);
    call.cpu.table.float.attention_block.?(&tile, item / kv_heads, @alignCast(partials.ptr + item * call.partial_stride));
}

fn mergeItem(call: *Call, kv_head: usize, slot: usize) void {
    const tile = tileOf(call, &call.args.segments[0], 0, 1, kv_head, slot);
    const partials = call.cpu.work().slice(f32, call.cpu.work().plan.partials);
    const first: [*]align(64) const f32 = @alignCast(partials.ptr + kv_head * call.partial_stride);
    call.cpu.table.float.attention_merge.?(&tile, first, call.args.kv_heads * call.partial_stride);
}
