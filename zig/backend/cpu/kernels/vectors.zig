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
