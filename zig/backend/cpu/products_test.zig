//! Tests of linear products and experts through the backend: the kernels have tests of their own, here it is the
//! sharing out: threads, layouts, many outputs, jobs in any grouping.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const detect = @import("kernels/detect.zig");
const rigs = @import("test_rig.zig");
const test_rounds = @import("../../format/test_rounds.zig");
const Rig = rigs.Rig;

/// A random matrix whose products have about the scale of the input.
fn matrix(rig: *Rig, format: abi.Format, bits: u32, group: u32, rows: u32, cols: u32, seed: u64) !interface.Linear {
    var random = std.Random.DefaultPrng.init(seed);
    var linear: interface.Linear = .{ .format = format, .bits = bits, .group = group, .rows = rows, .cols = cols, .weight = undefined };
    const spread = 1.0 / @sqrt(@as(f32, @floatFromInt(cols)));
    if (format != .affine) {
        const n = rows * cols;
        linear.weight = try rig.bytes(n * if (format == .f32) @as(usize, 4) else 2);
        for (0..n) |i| {
            const value = random.random().floatNorm(f32) * spread;
            const p = linear.weight.pointer();
            switch (format) {
                .f32 => std.mem.writeInt(u32, (p + i * 4)[0..4], @bitCast(value), .little),
                .f16 => std.mem.writeInt(u16, (p + i * 2)[0..2], @bitCast(@as(f16, @floatCast(value))), .little),
                else => std.mem.writeInt(u16, (p + i * 2)[0..2], @intCast(@as(u32, @bitCast(value)) >> 16), .little),
            }
        }
        return linear;
    }
    const bytes = @as(usize, rows) * cols * bits / 8;
    linear.weight = try rig.bytes(bytes);
    random.random().bytes(linear.weight.pointer()[0..bytes]);
    const groups = @as(usize, rows) * (cols / group);
    const steps: f32 = @floatFromInt((@as(u32, 1) << @intCast(bits)) - 1);
    linear.scales = try rig.normal(groups, seed + 1, 0.1 * spread / steps, 3.4 * spread / steps);
    linear.biases = try rig.bytes(groups * 4);
    for (linear.biases.floats(groups), linear.scales.floats(groups)) |*bias, scale| bias.* = -scale * steps / 2;
    return linear;
}

const kinds = [_]struct { abi.Format, u32, u32 }{
    .{ .affine, 4, 64 }, .{ .affine, 8, 64 }, .{ .affine, 2, 32 },  .{ .affine, 3, 128 }, .{ .affine, 5, 64 },
    .{ .affine, 6, 32 }, .{ .bf16, 0, 0 },    .{ .f32, 0, 0 },      .{ .f16, 0, 0 },      .{ .affine, 4, 32 },
    .{ .affine, 4, 64 }, .{ .affine, 8, 32 }, .{ .affine, 4, 128 }, .{ .affine, 4, 64 },
};

/// All kinds of matrices on one input, outputs one after the other.
fn linears(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize, tokens: usize) ![]f32 {
    const cols = 384;
    var rig = try Rig.create(level, threads, rigs.shapesFor(tokens));
    defer rig.destroy();
    var weights: [kinds.len]interface.Linear = undefined;
    var outputs: [kinds.len]interface.LinearOutput = undefined;
    for (kinds, &weights, &outputs, 0..) |kind, *weight, *output, i| {
        const rows: u32 = if (i % 3 == 0) 1037 else if (i % 3 == 1) 1 else 36;
        weight.* = try matrix(&rig, kind[0], kind[1], kind[2], rows, cols, 10 * i + 1);
        output.* = .{ .weight = weight, .out = try rig.bytes(tokens * rows * 4) };
    }
    rig.call("linear", &interface.LinearArgs{ .x = try rig.normal(tokens * cols, 5, 1, 0), .tokens = tokens, .outputs = &outputs });
    var all: std.ArrayList(f32) = .empty;
    for (outputs) |output| try all.appendSlice(gpa, output.out.floats(tokens * output.weight.rows));
    return all.items;
}

test "linear: levels agree with the definition within 1e-3, threads to the byte" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for ([_]usize{ 1, 6 }) |tokens| {
        const want = try linears(arena.allocator(), .scalar, 2, tokens);
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const one = try linears(arena.allocator(), level, 1, tokens);
            try rigs.expectClose(1e-3, want, one);
            for (test_rounds.threads()) |threads| try rigs.expectSameBits(one, try linears(arena.allocator(), level, threads, tokens));
        }
    }
}

/// A product of many items over a long prompt's tokens: how many rows an item takes depends on the threads, also with
/// the few columns that it has where everything is slow.
fn longProduct(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize) ![]f32 {
    const tokens = 256;
    const cols: u32 = if (test_rounds.complete()) 4096 else 2048;
    const rows = 2 * 1024 + 5;
    var rig = try Rig.create(level, threads, rigs.shapesFor(tokens));
    defer rig.destroy();
    const weight = try matrix(&rig, .affine, 4, 64, rows, cols, 3);
    const out = try rig.bytes(tokens * rows * 4);
    rig.call("linear", &interface.LinearArgs{ .x = try rig.normal(tokens * cols, 5, 1, 0), .tokens = tokens, .outputs = &.{.{ .weight = &weight, .out = out }} });
    return gpa.dupe(f32, out.floats(tokens * rows));
}

test "linear: long products share out to the same bytes over 1, 2 and 3 threads" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const one = try longProduct(arena.allocator(), detect.best(), 1);
    for (test_rounds.threads()) |threads| try rigs.expectSameBits(one, try longProduct(arena.allocator(), detect.best(), threads));
}

const hidden = 256;
const width = 128;
const shared_width = 192;
const k = 3;
const expert_count = 9;

/// `calls` groups the jobs: [call][job]. Expert e has the formats of kinds[e] when `mixed`, else 4 bits by 64.
fn experts(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize, tokens: usize, mixed: bool, calls: []const []const usize) ![]f32 {
    var shapes = rigs.shapesFor(tokens);
    shapes.hidden = hidden;
    shapes.expert_width = width;
    shapes.shared_width = shared_width;
    shapes.k = k;
    shapes.experts = expert_count;
    var rig = try Rig.create(level, threads, shapes);
    defer rig.destroy();
    // Token t goes to experts t, t + 2, t + 5 (mod 9): every expert has other tokens and ranks.
    var pairs: [expert_count]std.ArrayList(u32) = @splat(.empty);
    for (0..tokens) |t| {
        for ([_]usize{ 0, 2, 5 }, 0..) |step, rank| try pairs[(t + step) % expert_count].append(rig.arena.allocator(), @intCast(t * k + rank));
    }
    var jobs: [expert_count]interface.ExpertJob = undefined;
    for (&jobs, 0..) |*job, e| {
        const gate, const up, const down = if (mixed) .{ kinds[e], kinds[e + 1], kinds[e + 2] } else .{ kinds[0], kinds[0], kinds[0] };
        job.* = .{
            .expert = .{
                .gate = try matrix(&rig, gate[0], gate[1], gate[2], width, hidden, 100 * e + 1),
                .up = try matrix(&rig, up[0], up[1], up[2], width, hidden, 100 * e + 21),
                .down = try matrix(&rig, down[0], down[1], down[2], hidden, width, 100 * e + 41),
            },
            .pairs = pairs[e].items,
        };
    }
    // The shared expert is wider than the others and of other formats; it goes along with the first call.
    const shared_out = try rig.bytes(tokens * hidden * 4);
    var shared: ?interface.SharedJob = .{
        .expert = .{
            .gate = try matrix(&rig, .affine, 8, 64, shared_width, hidden, 2001),
            .up = try matrix(&rig, .affine, 8, 64, shared_width, hidden, 2021),
            .down = try matrix(&rig, .affine, 6, 32, hidden, shared_width, 2041),
        },
        .tokens = tokens,
        .out = shared_out,
    };
    const x = try rig.normal(tokens * hidden, 9, 1, 0);
    const out = try rig.bytes(tokens * k * hidden * 4);
    for (calls) |call| {
        var chosen: [expert_count]interface.ExpertJob = undefined;
        var count: usize = 0;
        for (call) |e| {
            if (pairs[e].items.len == 0) continue;
            chosen[count] = jobs[e];
            count += 1;
        }
        rig.call("experts", &interface.ExpertsArgs{ .x = x, .out = out, .jobs = chosen[0..count], .shared = shared, .hidden = hidden, .width = width, .k = k });
        shared = null;
    }
    return std.mem.concat(gpa, f32, &.{ out.floats(tokens * k * hidden), shared_out.floats(tokens * hidden) });
}

const all_at_once: []const []const usize = &.{&.{ 0, 1, 2, 3, 4, 5, 6, 7, 8 }};
const as_they_land: []const []const usize = &.{ &.{ 7, 2 }, &.{4}, &.{ 8, 0, 1 }, &.{}, &.{ 6, 5, 3 } };
/// As when nothing is there yet: the shared expert alone.
const shared_first: []const []const usize = &.{ &.{}, &.{ 3, 1 }, &.{ 0, 2, 4, 5, 6, 7, 8 } };

test "experts: levels agree with the definition within 2e-3, threads and grouping to the byte" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for ([_]bool{ false, true }) |mixed| for ([_]usize{ 1, 2, 25 }) |tokens| {
        const want = try experts(arena.allocator(), .scalar, 2, tokens, mixed, all_at_once);
        try rigs.expectSameBits(want, try experts(arena.allocator(), .scalar, 1, tokens, mixed, as_they_land));
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            const one = try experts(arena.allocator(), level, 1, tokens, mixed, all_at_once);
            try rigs.expectClose(2e-3, want, one);
            for (test_rounds.threads()) |threads| {
                try rigs.expectSameBits(one, try experts(arena.allocator(), level, threads, tokens, mixed, all_at_once));
                try rigs.expectSameBits(one, try experts(arena.allocator(), level, threads, tokens, mixed, as_they_land));
                try rigs.expectSameBits(one, try experts(arena.allocator(), level, threads, tokens, mixed, shared_first));
            }
        }
    };
}
