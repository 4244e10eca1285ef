//! Tests of the gated delta net: levels against the definition, threads, ragged batches, chunk against recurrence,
//! continuity of both states, MLX.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const detect = @import("kernels/detect.zig");
const rigs = @import("test_rig.zig");
const goldens = @import("goldens.zig");
const test_rounds = @import("../../format/test_rounds.zig");
const Rig = rigs.Rig;

const Case = struct {
    key_heads: usize,
    value_heads: usize,
    key_dim: usize,
    value_dim: usize,
    conv_kernel: usize = 4,
    runs: []const usize, // tokens of each session
    /// Tokens per call; 0 = all in one.
    chunk: usize = 0,
    /// Mean of a + dt_bias: how strongly states decay.
    decay: f32 = 0,

    fn channels(case: Case) usize {
        return 2 * case.key_heads * case.key_dim + case.value_heads * case.value_dim;
    }
    fn stateFloats(case: Case) usize {
        return case.value_heads * case.value_dim * case.key_dim;
    }
};

const Result = struct {
    out: []f32,
    state: []f32, // of every run
    conv_state: []f32,
};

fn delta(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize, case: Case, only: ?usize) !Result {
    var total: usize = 0;
    for (case.runs, 0..) |tokens, i| {
        if (only == null or only == i) total += tokens;
    }
    var shapes = rigs.shapesFor(total);
    shapes.key_dim = case.key_dim;
    shapes.value_dim = case.value_dim;
    var rig = try Rig.create(level, threads, shapes);
    defer rig.destroy();
    const channels = case.channels();
    const row = case.value_heads * case.value_dim;
    const widths = [4]usize{ channels, row, case.value_heads, case.value_heads };
    var inputs: [4]rigs.View = undefined;
    for (&inputs, widths) |*input, width| input.* = try rig.bytes(total * width * 4);

    var segments: [8]interface.DeltaSegment = undefined;
    var count: usize = 0;
    var first: usize = 0;
    for (case.runs, 0..) |tokens, number| {
        if (only != null and only != number) continue;
        for (inputs, widths, 0..) |input, width, which| {
            const mean: f32 = if (which == 2) case.decay else 0.05;
            rigs.fillNormal(input.floats(total * width)[first * width ..][0 .. tokens * width], 100 * number + which, 1.2, mean);
        }
        segments[count] = .{
            .first = first,
            .tokens = tokens,
            .conv_state = try rig.normal((case.conv_kernel - 1) * channels, 11 + number, 1, 0),
            .state = try rig.normal(case.stateFloats(), 31 + number, 0.3, 0),
        };
        count += 1;
        first += tokens;
    }
    const out = try rig.bytes(total * row * 4);
    const args: interface.DeltaArgs = .{
        .qkv = inputs[0],
        .z = inputs[1],
        .a = inputs[2],
        .b = inputs[3],
        .conv_weight = try rig.normal(channels * case.conv_kernel, 1, 0.4, 0),
        .a_log = try rig.normal(case.value_heads, 2, 1, 0.5),
        .dt_bias = try rig.normal(case.value_heads, 3, 1, -1),
        .norm = try rig.normal(case.value_dim, 4, 0.2, 1),
        .out = out,
        .segments = segments[0..count],
        .tokens = total,
        .key_heads = case.key_heads,
        .value_heads = case.value_heads,
        .key_dim = case.key_dim,
        .value_dim = case.value_dim,
        .conv_kernel = case.conv_kernel,
        .eps = 1e-6,
    };
    if (case.chunk == 0) rig.call("deltaNet", &args) else inChunks(&rig, case, &args, widths);

    var states: std.ArrayList(f32) = .empty;
    var conv_states: std.ArrayList(f32) = .empty;
    for (segments[0..count]) |segment| {
        try states.appendSlice(gpa, segment.state.floats(case.stateFloats()));
        try conv_states.appendSlice(gpa, segment.conv_state.floats((case.conv_kernel - 1) * channels));
    }
    return .{ .out = try gpa.dupe(f32, out.floats(total * row)), .state = states.items, .conv_state = conv_states.items };
}

/// One call per `chunk` tokens of the only run.
fn inChunks(rig: *Rig, case: Case, whole: *const interface.DeltaArgs, widths: [4]usize) void {
    var at: usize = 0;
    while (at < whole.tokens) : (at += case.chunk) {
        var args = whole.*;
        var segment = whole.segments[0];
        segment.tokens = @min(case.chunk, whole.tokens - at);
        args.tokens = segment.tokens;
        args.segments = (&segment)[0..1];
        args.qkv = whole.qkv.at(at * widths[0] * 4);
        args.z = whole.z.at(at * widths[1] * 4);
        args.a = whole.a.at(at * widths[2] * 4);
        args.b = whole.b.at(at * widths[3] * 4);
        args.out = whole.out.at(at * widths[1] * 4);
        rig.call("deltaNet", &args);
    }
}

const grid = [_]Case{
    .{ .key_heads = 2, .value_heads = 4, .key_dim = 16, .value_dim = 8, .runs = &.{5} },
    .{ .key_heads = 1, .value_heads = 1, .key_dim = 24, .value_dim = 10, .conv_kernel = 3, .runs = &.{ 1, 70 } },
    .{ .key_heads = 2, .value_heads = 2, .key_dim = 64, .value_dim = 32, .conv_kernel = 2, .runs = &.{33}, .decay = 3 },
    .{ .key_heads = 4, .value_heads = 8, .key_dim = 128, .value_dim = 128, .runs = &.{ 16, 1, 47 } },
    .{ .key_heads = 3, .value_heads = 3, .key_dim = 32, .value_dim = 64, .runs = &.{ 100, 4 }, .decay = -4 },
};

test "delta net: every level agrees with the definition within 3e-5 of the values' scale" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for (grid) |case| {
        const want = try delta(arena.allocator(), .scalar, 1, case, null);
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const got = try delta(arena.allocator(), level, 2, case, null);
            try rigs.expectClose(3e-5, want.out, got.out);
            try rigs.expectClose(3e-5, want.state, got.state);
            try rigs.expectSameBits(want.conv_state, got.conv_state);
        }
    }
}

test "delta net: 1, 2 and 3 threads give the same bytes" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for (grid) |case| {
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const one = try delta(arena.allocator(), level, 1, case, null);
            for (test_rounds.threads()) |threads| {
                const many = try delta(arena.allocator(), level, threads, case, null);
                try rigs.expectSameBits(one.out, many.out);
                try rigs.expectSameBits(one.state, many.state);
            }
        }
    }
}

test "delta net: each session of a batch equals the session alone, byte for byte" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const case = grid[3];
    var levels = detect.supported().iterator();
    while (levels.next()) |level| {
        const batch = try delta(arena.allocator(), level, 3, case, null);
        var first: usize = 0;
        for (case.runs, 0..) |tokens, number| {
            const alone = try delta(arena.allocator(), level, 3, case, number);
            const end = first + tokens * case.value_heads * case.value_dim;
            try rigs.expectSameBits(alone.out, batch.out[first..end]);
            try rigs.expectSameBits(alone.state, batch.state[number * case.stateFloats() ..][0..case.stateFloats()]);
            first = end;
        }
    }
}

test "delta net: chunks agree with the recurrence within 3e-5, however strong the decay" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for (test_rounds.some(@as([]const f32, &.{ -6, 30, 0, 4 }))) |decay| {
        var case: Case = .{ .key_heads = 2, .value_heads = 4, .key_dim = 128, .value_dim = 64, .runs = &.{200}, .decay = decay };
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            case.chunk = 1; // always the recurrence
            const want = try delta(arena.allocator(), level, 2, case, null);
            for (test_rounds.some(@as([]const usize, &.{ 0, 49, 64, 7 }))) |chunk| {
                case.chunk = chunk;
                const got = try delta(arena.allocator(), level, 2, case, null);
                try rigs.expectClose(3e-5, want.out, got.out);
                try rigs.expectClose(3e-5, want.state, got.state);
                try rigs.expectSameBits(want.conv_state, got.conv_state);
            }
        }
    }
}

test "delta net: the definition does not depend on how a run is cut" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    var case: Case = .{ .key_heads = 2, .value_heads = 4, .key_dim = 16, .value_dim = 24, .runs = &.{21} };
    const want = try delta(arena.allocator(), .scalar, 1, case, null);
    for ([_]usize{ 1, 2, 3, 20 }) |chunk| {
        case.chunk = chunk;
        const got = try delta(arena.allocator(), .scalar, 2, case, null);
        try rigs.expectSameBits(want.out, got.out);
        try rigs.expectSameBits(want.state, got.state);
        try rigs.expectSameBits(want.conv_state, got.conv_state);
    }
}

test "delta net: agrees with MLX (tests/golden/float_ops.py) within 2e-5" {
    const g = goldens.delta;
    var levels = detect.supported().iterator();
    while (levels.next()) |level| {
        var rig = try Rig.create(level, 2, rigs.shapesFor(g.tokens));
        defer rig.destroy();
        const channels = 2 * g.key_heads * g.key_dim + g.value_heads * g.value_dim;
        const row = g.value_heads * g.value_dim;
        const sizes = [10]usize{
            g.tokens * channels, g.tokens * row, g.tokens * g.value_heads, g.tokens * g.value_heads,       channels * g.conv_kernel,
            g.value_heads,       g.value_heads,  g.value_dim,              (g.conv_kernel - 1) * channels, row * g.key_dim,
        };
        var inputs: [10]rigs.View = undefined;
        for (&inputs, sizes, 11..) |*input, size, seed| {
            input.* = try rig.bytes(size * 4);
            rigs.hashed(input.floats(size), @intCast(seed));
        }
        const out = try rig.bytes(g.out.len * 4);
        rig.call("deltaNet", &interface.DeltaArgs{
            .qkv = inputs[0],
            .z = inputs[1],
            .a = inputs[2],
            .b = inputs[3],
            .conv_weight = inputs[4],
            .a_log = inputs[5],
            .dt_bias = inputs[6],
            .norm = inputs[7],
            .out = out,
            .segments = &.{.{ .first = 0, .tokens = g.tokens, .conv_state = inputs[8], .state = inputs[9] }},
            .tokens = g.tokens,
            .key_heads = g.key_heads,
            .value_heads = g.value_heads,
            .key_dim = g.key_dim,
            .value_dim = g.value_dim,
            .conv_kernel = g.conv_kernel,
            .eps = 1e-6,
        });
        try rigs.expectClose(2e-5, &g.out, out.floats(g.out.len));
        try rigs.expectClose(2e-5, &g.state, inputs[9].floats(g.state.len));
    }
}
