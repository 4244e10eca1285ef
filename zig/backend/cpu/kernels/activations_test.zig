//! The 16-bit rounding of activations: the values, and that every layout holds each column once and in its place.

const std = @import("std");
const activations = @import("activations.zig");
const tables = @import("table.zig");

/// Column c's rounded value out of a prepared row.
fn value(layout: activations.Layout, row: []const u8, cols: usize, c: usize) i32 {
    const stride: usize = layout.stride;
    const width: usize = layout.width;
    const block = stride * width;
    const at = activations.Parts.of(cols).values + (c / block * block + c % stride * width) * 2;
    const j = c % block / stride;
    switch (layout.kind) {
        .words => return std.mem.readInt(i16, row[at + j * 2 ..][0..2], .little),
        .planes => {
            const high: i8 = @bitCast(row[at + j]);
            const low: i8 = @bitCast(row[at + width + j]);
            return 256 * @as(i32, high) + low;
        },
        .none => unreachable,
    }
}

test "every layout keeps each column's value, rounded to nearest even, with exact sums" {
    var prng: std.Random.DefaultPrng = .init(7);
    const random = prng.random();
    for ([_]u8{ 1, 2, 4 }) |stride| for ([_]u8{ 8, 16, 32, 64 }) |width| for ([_]activations.Kind{ .planes, .words }) |kind| {
        for ([_]usize{ 32, 64, 128 }) |group| {
            const cols: usize = 640;
            const layout: activations.Layout = .{ .group = @intCast(group), .stride = stride, .width = width, .kind = kind };
            var x: [cols]f32 = undefined;
            for (&x) |*a| a.* = random.floatNorm(f32) * 3;
            @memset(x[group .. group * 2], 0);
            var row: [tables.preparedBytes(cols)]u8 align(64) = @splat(0xa5);
            activations.prepareRow(layout, &x, cols, &row);
            const numbers = std.mem.bytesAsSlice(f32, row[0..activations.Parts.of(cols).values]);
            const sums = numbers[activations.Parts.of(cols).sums / 4 ..];
            for (0..cols / group) |g| {
                var most: f32 = 0;
                for (x[g * group ..][0..group]) |a| most = @max(most, @abs(a));
                try std.testing.expectEqual(most / 32639, numbers[g]);
                var sum: i32 = 0;
                for (g * group..(g + 1) * group) |c| {
                    const q = value(layout, &row, cols, c);
                    try std.testing.expect(@abs(q) <= 32639);
                    try std.testing.expect(@abs(@as(f32, @floatFromInt(q)) * numbers[g] - x[c]) <= most / 65278 * 1.005);
                    sum += q;
                }
                try std.testing.expectEqual(numbers[g] * @as(f32, @floatFromInt(sum)), sums[g]);
            }
            for (cols / group..sums.len) |g| try std.testing.expect(numbers[g] == 0 and sums[g] == 0);
            for (cols..768) |c| try std.testing.expectEqual(0, value(layout, &row, cols, c));
        }
    };
}

test "halves round to even" {
    var x: [32]f32 = @splat(0);
    x[0] = 32639; // makes the step 1
    for ([_]f32{ 0.5, 1.5, 2.5, -0.5, -1.5, 63.5, 64.5, -64.5, -63.5 }, 1..) |half, i| x[i] = half;
    const layout: activations.Layout = .{ .group = 32, .stride = 1, .width = 16, .kind = .planes };
    var row: [tables.preparedBytes(32)]u8 align(64) = undefined;
    activations.prepareRow(layout, &x, 32, &row);
    for ([_]i32{ 32639, 0, 2, 2, 0, -2, 64, 64, -64, -64 }, 0..) |expected, c| {
        try std.testing.expectEqual(expected, value(layout, &row, 32, c));
    }
}

test "a group with an infinity or NaN becomes NaN, its neighbours stay" {
    for ([_]f32{ std.math.inf(f32), -std.math.inf(f32), std.math.nan(f32) }) |bad| {
        var x: [96]f32 = @splat(1);
        x[40] = bad;
        const layout: activations.Layout = .{ .group = 32, .stride = 2, .width = 8, .kind = .words };
        var row: [tables.preparedBytes(96)]u8 align(64) = undefined;
        activations.prepareRow(layout, &x, 96, &row);
        const scales = std.mem.bytesAsSlice(f32, row[0..12]);
        try std.testing.expect(std.math.isNan(scales[1]));
        try std.testing.expectEqual(1.0 / 32639.0, scales[0]);
        try std.testing.expectEqual(1.0 / 32639.0, scales[2]);
    }
}
