//! Tests of attention: levels against the definition, threads, ragged batches, chunks, cache formats, MLX.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const rigs = @import("test_rig.zig");
const goldens = @import("goldens.zig");
const test_rounds = @import("../../format/test_rounds.zig");
const Rig = rigs.Rig;

const Run = struct { position: usize, tokens: usize };

const Case = struct {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    rotary_dim: usize,
    format: abi.Format = .f16,
    runs: []const Run,
    /// Tokens per call; 0 = all in one.
    chunk: usize = 0,

    fn context(case: Case) usize {
        var most: usize = 0;
        for (case.runs) |run| most = @max(most, run.position + run.tokens);
        return most;
    }
};

const Result = struct {
    out: []f32, // [tokens, heads * head_dim], runs one after the other
    cache: []u8, // keys then values of every run
};

/// Inputs depend on the run's number and the token's place in it only, so that batches can be taken apart.
fn fillRun(case: Case, number: usize, inputs: [3][]f32) void {
    for (inputs, 0..) |values, which| rigs.fillNormal(values, 100 * number + which + case.head_dim, 1.5, 0.1);
}

fn attend(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize, case: Case, only: ?usize) !Result {
    var total: usize = 0;
    for (case.runs, 0..) |run, i| {
        if (only == null or only == i) total += run.tokens;
    }
    const shapes = shapes: {
        var shapes = rigs.shapesFor(total);
        shapes.heads = case.heads;
        shapes.kv_heads = case.kv_heads;
        shapes.head_dim = case.head_dim;
        shapes.context = case.context();
        break :shapes shapes;
    };
    var rig = try Rig.create(level, threads, shapes);
    defer rig.destroy();
    const q_row = case.heads * case.head_dim;
    const kv_row = case.kv_heads * case.head_dim;
    const element: usize = if (case.format == .f16) 2 else 4;
    const q_gate = try rig.bytes(total * 2 * q_row * 4);
    const k = try rig.bytes(total * kv_row * 4);
    const v = try rig.bytes(total * kv_row * 4);
    const out = try rig.bytes(total * q_row * 4);
    const q_norm = try rig.normal(case.head_dim, 1, 0.2, 1);
    const k_norm = try rig.normal(case.head_dim, 2, 0.2, 1);

    var segments: [8]interface.AttentionSegment = undefined;
    var count: usize = 0;
    var first: usize = 0;
    for (case.runs, 0..) |run, number| {
        if (only != null and only != number) continue;
        fillRun(case, number, .{
            q_gate.floats(total * 2 * q_row)[first * 2 * q_row ..][0 .. run.tokens * 2 * q_row],
            k.floats(total * kv_row)[first * kv_row ..][0 .. run.tokens * kv_row],
            v.floats(total * kv_row)[first * kv_row ..][0 .. run.tokens * kv_row],
        });
        const cache_elements = (run.position + run.tokens) * kv_row;
        segments[count] = .{
            .first = first,
            .tokens = run.tokens,
            .position = run.position,
            .keys = try past(&rig, case, cache_elements, run.position * kv_row, 7 + number),
            .values = try past(&rig, case, cache_elements, run.position * kv_row, 57 + number),
        };
        count += 1;
        first += run.tokens;
    }
    var args: interface.AttentionArgs = .{
        .q_gate = q_gate,
        .k = k,
        .v = v,
        .q_norm = q_norm,
        .k_norm = k_norm,
        .out = out,
        .segments = segments[0..count],
        .tokens = total,
        .heads = case.heads,
        .kv_heads = case.kv_heads,
        .head_dim = case.head_dim,
        .rotary_dim = case.rotary_dim,
        .rope_theta = 1e7,
        .eps = 1e-6,
        .kv_format = case.format,
    };
    if (case.chunk == 0) rig.call("attention", &args) else try inChunks(&rig, case, &args);

    var cache: std.ArrayList(u8) = .empty;
    for (segments[0..count]) |segment| {
        const bytes = (segment.position + segment.tokens) * kv_row * element;
        try cache.appendSlice(gpa, segment.keys.pointer()[0..bytes]);
        try cache.appendSlice(gpa, segment.values.pointer()[0..bytes]);
    }
    return .{ .out = try gpa.dupe(f32, out.floats(total * q_row)), .cache = cache.items };
}

/// One call per `chunk` tokens of the only run.
fn inChunks(rig: *Rig, case: Case, whole: *const interface.AttentionArgs) !void {
    const run = whole.segments[0];
    const q_row = case.heads * case.head_dim;
    const kv_row = case.kv_heads * case.head_dim;
    var at: usize = 0;
    while (at < run.tokens) : (at += case.chunk) {
        const n = @min(case.chunk, run.tokens - at);
        var args = whole.*;
        var segment = run;
        segment.first = 0;
        segment.tokens = n;
        segment.position = run.position + at;
        args.tokens = n;
        args.segments = (&segment)[0..1];
        args.q_gate = whole.q_gate.at(at * 2 * q_row * 4);
        args.k = whole.k.at(at * kv_row * 4);
        args.v = whole.v.at(at * kv_row * 4);
        args.out = whole.out.at(at * q_row * 4);
        rig.call("attention", &args);
    }
}

/// A cache whose first `filled` elements are random; the rest is NaN, so that reading ahead would show.
fn past(rig: *Rig, case: Case, elements: usize, filled: usize, seed: u64) !rigs.View {
    const values = try rig.arena.allocator().alloc(f32, elements);
    rigs.fillNormal(values[0..filled], seed, 1, 0);
    @memset(values[filled..], std.math.nan(f32));
    if (case.format == .f32) return rig.copyOf(values);
    const view = try rig.bytes(elements * 2);
    const halves: [*]f16 = @ptrCast(@alignCast(view.pointer()));
    for (values, halves) |value, *half| half.* = @floatCast(value);
    return view;
}

const grid = [_]Case{
    .{ .heads = 4, .kv_heads = 2, .head_dim = 16, .rotary_dim = 8, .runs = &.{.{ .position = 0, .tokens = 5 }} },
    .{ .heads = 6, .kv_heads = 2, .head_dim = 72, .rotary_dim = 18, .runs = &.{.{ .position = 13, .tokens = 3 }} },
    .{ .heads = 3, .kv_heads = 3, .head_dim = 24, .rotary_dim = 24, .format = .f32, .runs = &.{.{ .position = 500, .tokens = 40 }} },
    .{ .heads = 16, .kv_heads = 2, .head_dim = 256, .rotary_dim = 64, .runs = &.{.{ .position = 1300, .tokens = 1 }} },
    .{ .heads = 16, .kv_heads = 1, .head_dim = 64, .rotary_dim = 16, .runs = &.{ .{ .position = 0, .tokens = 9 }, .{ .position = 1020, .tokens = 7 }, .{ .position = 3, .tokens = 1 } } },
    .{ .heads = 40, .kv_heads = 1, .head_dim = 32, .rotary_dim = 32, .format = .f32, .runs = &.{.{ .position = 509, .tokens = 6 }} },
};

test "attention: every level agrees with the definition within 2e-5 of the values' scale" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for (grid) |case| {
        const want = try attend(arena.allocator(), .scalar, 1, case, null);
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const got = try attend(arena.allocator(), level, 2, case, null);
            try rigs.expectClose(2e-5, want.out, got.out);
        }
    }
}

test "attention: 1, 2 and 3 threads give the same bytes" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for (grid) |case| {
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const one = try attend(arena.allocator(), level, 1, case, null);
            for (test_rounds.threads()) |threads| {
                const many = try attend(arena.allocator(), level, threads, case, null);
                try rigs.expectSameBits(one.out, many.out);
                try std.testing.expectEqualSlices(u8, one.cache, many.cache);
            }
        }
    }
}

test "attention: each session of a batch equals the session alone, byte for byte" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const case = grid[4];
    var levels = @import("kernels/detect.zig").supported().iterator();
    while (levels.next()) |level| {
        const batch = try attend(arena.allocator(), level, 3, case, null);
        var first: usize = 0;
        for (case.runs, 0..) |run, number| {
            const alone = try attend(arena.allocator(), level, 3, case, number);
            const end = first + run.tokens * case.heads * case.head_dim;
            try rigs.expectSameBits(alone.out, batch.out[first..end]);
            first = end;
        }
    }
}

test "attention: any chunking gives the same bytes" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var case: Case = .{ .heads = 8, .kv_heads = 2, .head_dim = 32, .rotary_dim = 16, .runs = &.{.{ .position = 480, .tokens = 70 }} };
    var levels = @import("kernels/detect.zig").supported().iterator();
    while (levels.next()) |level| {
        case.chunk = 0;
        const whole = try attend(arena.allocator(), level, 2, case, null);
        for (test_rounds.some(@as([]const usize, &.{ 7, 64, 1, 32 }))) |chunk| {
            case.chunk = chunk;
            const got = try attend(arena.allocator(), level, 2, case, null);
            try rigs.expectSameBits(whole.out, got.out);
            try std.testing.expectEqualSlices(u8, whole.cache, got.cache);
        }
    }
}

test "attention: an f16 cache is within 1e-2 of an f32 cache" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var case: Case = .{ .heads = 4, .kv_heads = 2, .head_dim = 64, .rotary_dim = 16, .runs = &.{.{ .position = 0, .tokens = 100 }} };
    const half = try attend(arena.allocator(), .automatic, 2, case, null);
    case.format = .f32;
    const full = try attend(arena.allocator(), .automatic, 2, case, null);
    const found = rigs.relativeError(full.out, half.out);
    try std.testing.expect(found > 1e-6 and found < 1e-2);
}

test "attention: NaN and infinite inputs spoil their own token only, and never crash" {
    var levels = @import("kernels/detect.zig").supported().iterator();
    while (levels.next()) |level| {
        var rig = try Rig.create(level, 2, rigs.shapesFor(4));
        defer rig.destroy();
        const q_gate = try rig.normal(4 * 2 * 64, 1, 1, 0);
        const v = try rig.normal(4 * 32, 2, 1, 0);
        q_gate.floats(4 * 2 * 64)[2 * 2 * 64 + 5] = std.math.nan(f32);
        v.floats(4 * 32)[3 * 32 + 1] = std.math.inf(f32);
        const out = try rig.bytes(4 * 64 * 4);
        rig.call("attention", &interface.AttentionArgs{
            .q_gate = q_gate,
            .k = try rig.normal(4 * 32, 3, 1, 0),
            .v = v,
            .q_norm = try rig.normal(32, 4, 0, 1),
            .k_norm = try rig.normal(32, 5, 0, 1),
            .out = out,
            .segments = &.{.{ .first = 0, .tokens = 4, .position = 0, .keys = try rig.bytes(4 * 32 * 2), .values = try rig.bytes(4 * 32 * 2) }},
            .tokens = 4,
            .heads = 2,
            .kv_heads = 1,
            .head_dim = 32,
            .rotary_dim = 8,
            .rope_theta = 1e7,
            .eps = 1e-6,
            .kv_format = .f16,
        });
        const values = out.floats(4 * 64);
        for (values[0..128]) |x| try std.testing.expect(std.math.isFinite(x));
        try std.testing.expect(std.math.isNan(values[2 * 64]));
        try std.testing.expect(std.math.isFinite(values[2 * 64 + 32])); // the other head
        try std.testing.expect(!std.math.isFinite(values[3 * 64 + 1]));
        try std.testing.expect(std.math.isFinite(values[3 * 64 + 2]));
    }
}

test "attention: agrees with MLX (tests/golden/float_ops.py) within 2e-5" {
    const g = goldens.attention;
    var levels = @import("kernels/detect.zig").supported().iterator();
    while (levels.next()) |level| {
        var rig = try Rig.create(level, 2, rigs.shapesFor(g.tokens));
        defer rig.destroy();
        var inputs: [5]rigs.View = undefined;
        const sizes = [5]usize{ g.tokens * g.heads * 2 * g.head_dim, g.tokens * g.kv_heads * g.head_dim, g.tokens * g.kv_heads * g.head_dim, g.head_dim, g.head_dim };
        for (&inputs, sizes, 1..) |*input, size, seed| {
            input.* = try rig.bytes(size * 4);
            rigs.hashed(input.floats(size), @intCast(seed));
        }
        const cache_bytes = (g.position + g.tokens) * g.kv_heads * g.head_dim * 4;
        const segment: interface.AttentionSegment = .{ .first = 0, .tokens = g.tokens, .position = g.position, .keys = try rig.bytes(cache_bytes), .values = try rig.bytes(cache_bytes) };
        rigs.hashed(segment.keys.floats(g.position * g.kv_heads * g.head_dim), 6);
        rigs.hashed(segment.values.floats(g.position * g.kv_heads * g.head_dim), 7);
        const out = try rig.bytes(g.out.len * 4);
        rig.call("attention", &interface.AttentionArgs{
            .q_gate = inputs[0],
            .k = inputs[1],
            .v = inputs[2],
            .q_norm = inputs[3],
            .k_norm = inputs[4],
            .out = out,
            .segments = &.{segment},
            .tokens = g.tokens,
            .heads = g.heads,
            .kv_heads = g.kv_heads,
            .head_dim = g.head_dim,
            .rotary_dim = g.rotary_dim,
            .rope_theta = 1e7,
            .eps = 1e-6,
            .kv_format = .f32,
        });
        try rigs.expectClose(2e-5, &g.out, out.floats(g.out.len));
    }
}
