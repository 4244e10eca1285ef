//! Small vector helpers every level shares: loading numbers of any storage format from any byte address, and
//! sums in one fixed order. Registers only; any thread.

const std = @import("std");
const Format = @import("table.zig").Format;
const reference = @import("reference.zig");

/// Numbers [index, index + n) of an array; reads exactly n.
pub inline fn numbersOf(comptime n: usize, comptime format: Format, bytes: [*]const u8, index: usize) @Vector(n, f32) {
    switch (format) {
        .f32 => return @bitCast((bytes + index * 4)[0 .. n * 4].*),
        .f16 => {
            const half: @Vector(n, f16) = @bitCast((bytes + index * 2)[0 .. n * 2].*);
            return half;
        },
        .bf16 => {
            const high: @Vector(n, u16) = @bitCast((bytes + index * 2)[0 .. n * 2].*);
            return @bitCast(@as(@Vector(n, u32), high) << @splat(16));
        },
        .affine => comptime unreachable,
    }
}

/// Numbers [index, index + count) and zeros in the lanes after. Unless `careful` it reads n numbers.
pub inline fn numbersMasked(comptime n: usize, comptime format: Format, comptime careful: bool, bytes: [*]const u8, index: usize, count: usize) @Vector(n, f32) {
    if (careful) return numbersEnd(n, format, bytes, index, count);
    const all = numbersOf(n, format, bytes, index);
    if (count == n) return all;
    const inside = std.simd.iota(u32, n) < @as(@Vector(n, u32), @splat(@intCast(count)));
    return @select(f32, inside, all, @as(@Vector(n, f32), @splat(0)));
}

/// Numbers [index, index + count), reading exactly those, and zeros in the lanes after.
pub noinline fn numbersEnd(comptime n: usize, format: Format, bytes: [*]const u8, index: usize, count: usize) @Vector(n, f32) {
    var some: [n]f32 = @splat(0);
    for (some[0..count], 0..) |*value, i| value.* = reference.number(bytes, format, index + i);
    return some;
}

/// Sum of all lanes: halves are added until one lane is left, so the order is the same everywhere.
pub inline fn sum(comptime n: usize, v: @Vector(n, f32)) f32 {
    if (n == 1) return v[0];
    const half = n / 2;
    const parts: [2]@Vector(half, f32) = @bitCast(v);
    return sum(half, parts[0] + parts[1]);
}

/// Element j of vector i becomes element i of vector j: rounds that swap ever larger pieces.
pub inline fn transpose(comptime T: type, rows: anytype) @TypeOf(rows) {
    const n = rows.len;
    var current = rows;
    comptime var piece = 1;
    inline while (piece < n) : (piece *= 2) {
        const before = current;
        inline for (0..n) |i| {
            if (i & piece != 0) continue;
            const low, const high = comptime swapMasks(n, piece);
            current[i] = @shuffle(T, before[i], before[i + piece], low);
            current[i + piece] = @shuffle(T, before[i], before[i + piece], high);
        }
    }
    return current;
}

/// Of vectors a and b: pieces 0, 2, .. of a each followed by the same piece of b; and pieces 1, 3, ..
fn swapMasks(comptime n: usize, comptime piece: usize) [2]@Vector(n, i32) {
    @setEvalBranchQuota(10_000);
    var masks: [2][n]i32 = undefined;
    for (&masks, 0..) |*mask, odd| for (mask, 0..) |*to, i| {
        const source: i32 = @intCast((i & ~@as(usize, piece)) + odd * piece);
        to.* = if (i & piece == 0) source else -source - 1;
    };
    return .{ masks[0], masks[1] };
}

test "a transposed square" {
    inline for (.{ 4, 8 }) |n| {
        var rows: [n]@Vector(n, i32) = undefined;
        for (&rows, 0..) |*row, i| row.* = std.simd.iota(i32, n) + @as(@Vector(n, i32), @splat(@intCast(100 * i)));
        for (transpose(i32, rows), 0..) |column, j| {
            const values: [n]i32 = column;
            for (values, 0..) |value, i| try std.testing.expectEqual(@as(i32, @intCast(100 * i + j)), value);
        }
    }
}
