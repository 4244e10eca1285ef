//! Linear products of every level this machine has against the definition (reference.zig): values within a
//! proven bound over a grid of shapes, exact integers, batches and row ranges bit for bit, extreme numbers.

const std = @import("std");
const tables = @import("table.zig");
const detect = @import("detect.zig");
const support = @import("test_support.zig");
const reference = @import("reference.zig");
const Format = tables.Format;
const TestMatrix = support.TestMatrix;
const allocator = std.testing.allocator;

const seed = 20251124;

/// Rows and columns: single and odd rows, less than one step, ends inside a step, whole ones.
const shapes = [_][2]usize{ .{ 1, 128 }, .{ 3, 384 }, .{ 5, 640 }, .{ 7, 2048 }, .{ 2, 4096 }, .{ 9, 256 }, .{ 6, 1152 } };
/// Columns that are no multiple of 128, for the smaller groups.
const narrow = [_][2]usize{ .{ 4, 32 }, .{ 1, 32 }, .{ 11, 64 }, .{ 3, 96 }, .{ 5, 160 }, .{ 2, 544 }, .{ 3, 1088 } };

fn checkValues(level: support.Levels.Level, made: *const TestMatrix, x: []const f32, tokens: usize) !void {
    const matrix = &made.matrix;
    const count = matrix.rows * tokens;
    const expected = try allocator.alloc(f32, count);
    defer allocator.free(expected);
    const got = try allocator.alloc(f32, count);
    defer allocator.free(got);
    @memset(got, std.math.nan(f32));
    try support.multiply(&reference.table, matrix, x, tokens, expected, 0, matrix.rows);
    try support.multiply(level.table, matrix, x, tokens, got, 0, matrix.rows);
    for (0..tokens) |t| for (0..matrix.rows) |r| {
        const allowed = support.bound(matrix, r, x[t * matrix.cols ..][0..matrix.cols]);
        const err = @abs(@as(f64, expected[t * matrix.rows + r]) - got[t * matrix.rows + r]);
        if (err <= allowed) continue; // NaN fails
        std.debug.print("{t}: bits {} group {} scales {} [{}, {}] row {} token {} of {}: {} for {}, error {} allowed {}\n", .{
            level.level, matrix.bits, matrix.group,             matrix.scale_format,           matrix.rows, matrix.cols, r,
            t,           tokens,      got[t * matrix.rows + r], expected[t * matrix.rows + r], err,         allowed,
        });
        return error.OutOfBound;
    };
}

test "affine products stay within the bound: bits, groups, scale formats, shapes, 1 to 9 tokens" {
    var prng: std.Random.DefaultPrng = .init(seed);
    const random = prng.random();
    const set = detect.supported();
    var cases: usize = 0;
    for (support.all_bits) |bits| for (support.all_groups) |group| for (shapes ++ narrow, 0..) |shape, i| {
        if (shape[1] % group != 0) continue;
        const format = support.all_formats[cases % 3];
        var made: TestMatrix = try .affine(random, shape[0], shape[1], bits, group, format);
        defer made.deinit();
        const tokens = 1 + (i + bits) % 9;
        var input: support.TestInput = try .init(random, tokens, shape[1]);
        defer input.deinit();
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| try checkValues(level, &made, input.x, tokens);
        cases += 1;
    };
    try std.testing.expect(cases >= 180);
}

test "plain products stay within the bound" {
    var prng: std.Random.DefaultPrng = .init(seed + 1);
    const random = prng.random();
    const set = detect.supported();
    const odd = [_][2]usize{ .{ 1, 1 }, .{ 3, 7 }, .{ 5, 33 }, .{ 4, 100 }, .{ 7, 1023 } };
    for (support.all_formats) |format| for (shapes ++ narrow ++ odd, 0..) |shape, i| {
        var made: TestMatrix = try .plain(random, shape[0], shape[1], format);
        defer made.deinit();
        const tokens = 1 + i % 9;
        var input: support.TestInput = try .init(random, tokens, shape[1]);
        defer input.deinit();
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| try checkValues(level, &made, input.x, tokens);
    };
}

test "the error is that of 16-bit activations: below 4e-5 of the results' size" {
    var prng: std.Random.DefaultPrng = .init(seed + 2);
    const random = prng.random();
    const set = detect.supported();
    const rows = 32;
    const cols = 1024;
    for (support.all_bits) |bits| for (support.all_groups) |group| {
        var made: TestMatrix = try .affine(random, rows, cols, bits, group, .bf16);
        defer made.deinit();
        var input: support.TestInput = try .init(random, 2, cols);
        defer input.deinit();
        var expected: [2 * rows]f32 = undefined;
        try support.multiply(&reference.table, &made.matrix, input.x, 2, &expected, 0, rows);
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var got: [2 * rows]f32 = undefined;
            try support.multiply(level.table, &made.matrix, input.x, 2, &got, 0, rows);
            var err: f64 = 0;
            var size: f64 = 0;
            for (expected, got) |e, v| {
                err += (@as(f64, e) - v) * (@as(f64, e) - v);
                size += @as(f64, e) * e;
            }
            const relative = @sqrt(err / size);
            if (relative >= 4e-5) std.debug.print("{t}: bits {} group {}: relative error {}\n", .{ level.level, bits, group, relative });
            try std.testing.expect(relative < 4e-5);
        }
    };
}

test "the integer part is exact" {
    var prng: std.Random.DefaultPrng = .init(seed + 3);
    const random = prng.random();
    const set = detect.supported();
    for (support.all_bits) |bits| for (support.all_groups) |group| {
        // scale 1, bias -2 and whole activations with 32639 as the largest of each group, signs alternating: all sums below 2^24.
        const rows = 5;
        const cols = group * 2;
        var made: TestMatrix = try .affine(random, rows, cols, bits, group, .f16);
        defer made.deinit();
        for (0..rows * 2) |g| {
            support.put(made.scales.bytes.ptr, .f16, g, 1);
            support.put(made.biases.bytes.ptr, .f16, g, -2);
        }
        var input: support.TestInput = try .init(random, 3, cols);
        defer input.deinit();
        for (input.x) |*value| value.* = @floatFromInt(random.intRangeAtMost(i32, -100, 100));
        for (0..3 * 2) |g| input.x[g * group + random.uintLessThan(usize, group)] = if (g % 2 == 0) 32639 else -32639;
        var expected: [3 * rows]f32 = undefined;
        try support.multiply(&reference.table, &made.matrix, input.x, 3, &expected, 0, rows);
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var got: [3 * rows]f32 = undefined;
            try support.multiply(level.table, &made.matrix, input.x, 3, &got, 0, rows);
            try std.testing.expectEqualSlices(f32, &expected, &got);
        }
    };
}

test "the largest integers do not overflow" {
    const set = detect.supported();
    var prng: std.Random.DefaultPrng = .init(seed + 4);
    for (support.all_bits) |bits| for (support.all_groups) |group| for ([_]f32{ 1, -1 }) |sign| {
        const cols = 4096;
        var made: TestMatrix = try .affine(prng.random(), 2, cols, bits, group, .f32);
        defer made.deinit();
        @memset(made.weight.bytes, 0xff);
        for (0..2 * cols / group) |g| {
            support.put(made.scales.bytes.ptr, .f32, g, 1);
            support.put(made.biases.bytes.ptr, .f32, g, 0);
        }
        const x: [cols]f32 = @splat(sign);
        const most: f32 = @floatFromInt((@as(u32, 1) << @intCast(bits)) - 1);
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var got: [2]f32 = undefined;
            try support.multiply(level.table, &made.matrix, &x, 1, &got, 0, 2);
            for (got) |value| try std.testing.expectApproxEqRel(sign * most * cols, value, 1e-6);
        }
    };
}

fn expectSameBits(expected: []const f32, got: []const f32) !void {
    try std.testing.expectEqualSlices(u32, @ptrCast(expected), @ptrCast(got));
}

test "a token's result does not depend on the batch, nor a row's on the range: bit for bit" {
    var prng: std.Random.DefaultPrng = .init(seed + 5);
    const random = prng.random();
    const set = detect.supported();
    const rows = 23;
    const cols = 1152;
    const tokens = 9;
    for ([_]u32{0} ++ support.all_bits) |bits| for (support.all_groups) |group| {
        const format = support.all_formats[group / 64];
        var made: TestMatrix = if (bits == 0) try .plain(random, rows, cols, format) else try .affine(random, rows, cols, bits, group, format);
        defer made.deinit();
        var input: support.TestInput = try .init(random, tokens, cols);
        defer input.deinit();
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var single: [tokens * rows]f32 = undefined;
            for (0..tokens) |t| try support.multiply(level.table, &made.matrix, input.x[t * cols ..], 1, single[t * rows ..][0..rows], 0, rows);
            for (1..tokens + 1) |count| {
                var batch: [tokens * rows]f32 = @splat(0);
                try support.multiply(level.table, &made.matrix, input.x, count, batch[0 .. count * rows], 0, rows);
                try expectSameBits(single[0 .. count * rows], batch[0 .. count * rows]);
            }
            var pieces: [tokens * rows]f32 = @splat(0);
            var row: usize = 0;
            while (row < rows) {
                const end = @min(rows, row + 1 + random.uintLessThan(usize, 7));
                try support.multiply(level.table, &made.matrix, input.x, tokens, &pieces, row, end);
                row = end;
            }
            try expectSameBits(&single, &pieces);
        }
    };
}

test "batches longer than a block of tokens, rows up to several blocks: bit for bit those of single tokens" {
    var prng: std.Random.DefaultPrng = .init(seed + 8);
    const random = prng.random();
    const set = detect.supported();
    const rows = 19;
    const cols = 640;
    const most = 101;
    for (support.all_bits) |bits| for (support.all_groups) |group| {
        var made: TestMatrix = try .affine(random, rows, cols, bits, group, .bf16);
        defer made.deinit();
        var input: support.TestInput = try .init(random, most, cols);
        defer input.deinit();
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var single: [most * rows]f32 = undefined;
            for (0..most) |t| try support.multiply(level.table, &made.matrix, input.x[t * cols ..], 1, single[t * rows ..][0..rows], 0, rows);
            for ([_]usize{ 47, 48, 49, 96, most }) |count| {
                var batch: [most * rows]f32 = @splat(0);
                try support.multiply(level.table, &made.matrix, input.x, count, batch[0 .. count * rows], 0, rows);
                try expectSameBits(single[0 .. count * rows], batch[0 .. count * rows]);
            }
        }
    };
}

test "tokens may be gathered from and scattered to any rows" {
    var prng: std.Random.DefaultPrng = .init(seed + 6);
    const random = prng.random();
    const set = detect.supported();
    const rows = 6;
    const cols = 256;
    const from = [_]u32{ 4, 0, 4, 2, 1, 1, 3 };
    const to = [_]u32{ 6, 8, 0, 3, 2, 10, 5 };
    for ([_]u32{ 0, 3, 4, 8 }) |bits| {
        var made: TestMatrix = if (bits == 0) try .plain(random, rows, cols, .bf16) else try .affine(random, rows, cols, bits, 64, .bf16);
        defer made.deinit();
        var input: support.TestInput = try .init(random, 5, cols);
        defer input.deinit();
        const prepared = try allocator.alignedAlloc(u8, .@"64", tables.preparedBytes(cols) * 5);
        defer allocator.free(prepared);
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var all: [5 * rows]f32 = undefined;
            try support.multiply(level.table, &made.matrix, input.x, 5, &all, 0, rows);
            const layout = level.table.input_layout(&made.matrix);
            if (layout != 0) {
                // In two parts, as two threads would.
                level.table.prepare(layout, input.x.ptr, cols, cols, 2, 5, prepared.ptr);
                level.table.prepare(layout, input.x.ptr, cols, cols, 0, 2, prepared.ptr);
            }
            const stride = rows + 3;
            var out: [11 * stride]f32 = @splat(7);
            level.table.linear(
                &made.matrix,
                &.{ .x = input.x.ptr, .stride = cols, .prepared = prepared.ptr, .tokens = from.len, .index = &from },
                &.{ .out = &out, .stride = stride, .index = &to },
                0,
                rows,
            );
            for (from, to) |f, t| try expectSameBits(all[f * rows ..][0..rows], out[t * stride ..][0..rows]);
            for (to) |t| @memset(out[t * stride ..][0..rows], 7);
            for (out) |value| try std.testing.expectEqual(7, value); // nothing else was written
        }
    }
}

test "extreme activations: zeros, tiny, huge, infinite, NaN" {
    var prng: std.Random.DefaultPrng = .init(seed + 7);
    const random = prng.random();
    const set = detect.supported();
    const rows = 5;
    const cols = 384;
    for (support.all_bits) |bits| for (support.all_groups) |group| {
        var made: TestMatrix = try .affine(random, rows, cols, bits, group, .f16);
        defer made.deinit();
        var input: support.TestInput = try .init(random, 1, cols);
        defer input.deinit();
        const kept = try allocator.dupe(f32, input.x);
        defer allocator.free(kept);
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            var out: [rows]f32 = undefined;
            for ([_]f32{ 0, -0.0, 1e-42, 1e-38, 0x1p-101 }) |tiny| {
                @memset(input.x, tiny);
                try support.multiply(level.table, &made.matrix, input.x, 1, &out, 0, rows);
                for (out) |value| try std.testing.expect(@abs(value) < 0x1p-90);
            }
            for ([_]f32{ 1e-20, 1e30, 3e34 }) |factor| {
                for (input.x, kept) |*value, was| value.* = was * factor;
                try checkValues(level, &made, input.x, 1);
            }
            for ([_]f32{ std.math.inf(f32), -std.math.inf(f32), std.math.nan(f32) }) |bad| {
                @memcpy(input.x, kept);
                input.x[random.uintLessThan(usize, cols)] = bad;
                try support.multiply(level.table, &made.matrix, input.x, 1, &out, 0, rows);
                for (out) |value| try std.testing.expect(!std.math.isFinite(value));
            }
            @memcpy(input.x, kept);
        }
    };
}

test "the definition itself: a product worked out by hand" {
    // 4 bits, group 32, q = column % 16, scale 0.5, bias -1: value = 0.5 * (c % 16) - 1.
    var weight: [16]u8 = undefined;
    for (&weight, 0..) |*byte, i| byte.* = @intCast((i * 2) % 16 | ((i * 2 + 1) % 16) << 4);
    const scale: f32 = 0.5;
    const bias: f32 = -1;
    const matrix: tables.Matrix = .{ .weight = &weight, .scales = std.mem.asBytes(&scale), .biases = std.mem.asBytes(&bias), .rows = 1, .cols = 32, .format = 3, .bits = 4, .group = 32, .scale_format = 0 };
    var x: [32]f32 = @splat(0);
    x[3] = 2;
    x[17] = 10;
    var out: [1]f32 = undefined;
    try support.multiply(&reference.table, &matrix, &x, 1, &out, 0, 1);
    // 2 * 0.5 + 10 * -0.5
    try std.testing.expectEqual(-4, out[0]);
    try std.testing.expectEqual(0, reference.table.input_layout(&matrix));
}
