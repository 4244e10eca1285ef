//! How activations are rounded to 16 bits for integer products, and how the result lies in memory.
//! Per group of columns: x ~ scale * q, q in [-32639, 32639], scale = max|x| / 32639.
//! Prepared row: f32 scales[groups] | f32 sums[groups] (scale * sum of q) | the q, in the order the weights unpack.
//! Both f32 areas are padded to a multiple of 16 groups and the q to 256 columns, all with zeros, so kernels
//! may work past the last column. Memory is the caller's; any thread enters with rows of its own.

const std = @import("std");
const table = @import("table.zig");

/// How q is stored: two int8 planes (q = 256 * high + low) for byte dot products, or one int16.
pub const Kind = enum(u2) { none = 0, planes = 1, words = 2 };

/// A layout as it crosses the table (`input_layout`). Columns come in blocks of stride * width; column c of a
/// block is element c / stride of vector c % stride: the order in which packed fields of one byte come apart.
/// planes: each vector is width high bytes, then width low bytes. words: each vector is width int16.
pub const Layout = packed struct(u32) {
    group: u8,
    stride: u8,
    width: u8,
    kind: Kind,
    unused: u6 = 0,
};

pub const largest: f32 = 32639;
const smallest: f32 = 0x1p-100;
const span = 256; // every block (stride * width <= 256) divides it

/// Where the parts of a prepared row start, in bytes.
pub const Parts = struct {
    sums: usize,
    values: usize,

    pub fn of(cols: usize) Parts {
        const padded = std.mem.alignForward(usize, cols, span);
        const groups = std.mem.alignForward(usize, padded / 32, 16);
        return .{ .sums = groups * 4, .values = groups * 8 };
    }
};

/// Prepares one row: x f32 [cols] -> row (preparedBytes(cols) bytes).
pub fn prepareRow(layout: Layout, x: [*]const f32, cols: usize, row: [*]align(64) u8) void {
    const group: usize = layout.group;
    std.debug.assert(group == 32 or group == 64 or group == 128);
    std.debug.assert(cols % group == 0);
    std.debug.assert(layout.kind != .none);
    const parts = Parts.of(cols);
    const scales: [*]f32 = @ptrCast(@alignCast(row));
    const sums: [*]f32 = @ptrCast(@alignCast(row + parts.sums));
    const values = row + parts.values;
    @memset(row[0..parts.values], 0);

    var rounded: [span]i16 align(64) = undefined;
    var first: usize = 0;
    while (first < cols) : (first += span) {
        const count = @min(span, cols - first);
        if (count < span) @memset(&rounded, 0);
        var at: usize = 0;
        while (at < count) : (at += group) {
            const g = (first + at) / group;
            const result = roundGroup(x[first + at ..][0..group], rounded[at..][0..group]);
            scales[g] = result.scale;
            sums[g] = result.sum;
        }
        arrange(layout, &rounded, @alignCast(values + first * 2));
    }
}

const Rounded = struct { scale: f32, sum: f32 };

fn roundGroup(x: []const f32, out: []i16) Rounded {
    const F = @Vector(16, f32);
    const U = @Vector(16, u32);
    // As unsigned integers, magnitudes order like the numbers, with infinity and then NaN above all others.
    var most: U = @splat(0);
    var i: usize = 0;
    while (i < x.len) : (i += 16) {
        const bits: U = @bitCast(@as(F, x[i..][0..16].*));
        most = @max(most, bits & @as(U, @splat(0x7fff_ffff)));
    }
    const magnitude: f32 = @bitCast(@reduce(.Max, most));
    if (!std.math.isFinite(magnitude)) {
        @memset(out, 0);
        return .{ .scale = std.math.nan(f32), .sum = std.math.nan(f32) };
    }
    if (magnitude < smallest) {
        @memset(out, 0);
        return .{ .scale = 0, .sum = 0 };
    }
    const inverse: F = @splat(largest / magnitude);
    // Adding 1.5 * 2^23 leaves the nearest integer (ties to even) in the low bits, on every level alike.
    const magic: F = @splat(0x1.8p23);
    var sum: @Vector(16, i32) = @splat(0);
    i = 0;
    while (i < x.len) : (i += 16) {
        const scaled = @as(F, x[i..][0..16].*) * inverse;
        const shifted: @Vector(16, i32) = @bitCast(scaled + magic);
        const q = shifted - @as(@Vector(16, i32), @splat(@as(i32, @bitCast(@as(f32, 0x1.8p23)))));
        sum += q;
        out[i..][0..16].* = @as(@Vector(16, i16), @truncate(q));
    }
    const scale = magnitude / largest;
    const total: f32 = @floatFromInt(@reduce(.Add, sum));
    return .{ .scale = scale, .sum = scale * total };
}

/// Writes 256 rounded columns in the layout's order.
fn arrange(layout: Layout, rounded: *align(64) const [span]i16, out: [*]align(64) u8) void {
    switch (layout.stride) {
        inline 1, 2, 4 => |stride| switch (layout.width) {
            inline 8, 16, 32, 64 => |width| switch (layout.kind) {
                .planes => arrangeAs(.planes, stride, width, rounded, out),
                .words => arrangeAs(.words, stride, width, rounded, out),
                .none => unreachable,
            },
            else => unreachable,
        },
        else => unreachable,
    }
}

fn arrangeAs(comptime kind: Kind, comptime stride: usize, comptime width: usize, rounded: *align(64) const [span]i16, out: [*]align(64) u8) void {
    const piece = @min(width, 16);
    const P = @Vector(piece, i16);
    for (0..span / (stride * width)) |block| {
        for (0..width / piece) |j| {
            const from = block * stride * width + j * piece * stride;
            const columns: @Vector(piece * stride, i16) = rounded[from..][0 .. piece * stride].*;
            inline for (0..stride) |k| {
                const q: P = @shuffle(i16, columns, undefined, strided(piece, stride, k));
                const vector = out + (block * stride + k) * width * 2;
                switch (kind) {
                    .words => storeWords(piece, vector + j * piece * 2, q),
                    .planes => {
                        const high = (q + @as(P, @splat(128))) >> @splat(8);
                        const low = q - (high << @splat(8));
                        vector[j * piece ..][0..piece].* = @bitCast(@as(@Vector(piece, i8), @truncate(high)));
                        vector[width + j * piece ..][0..piece].* = @bitCast(@as(@Vector(piece, i8), @truncate(low)));
                    },
                    .none => comptime unreachable,
                }
            }
        }
    }
}

inline fn storeWords(comptime n: usize, to: [*]u8, q: @Vector(n, i16)) void {
    to[0 .. n * 2].* = @bitCast(q);
}

fn strided(comptime n: usize, comptime stride: usize, comptime k: usize) @Vector(n, i32) {
    var mask: [n]i32 = undefined;
    for (&mask, 0..) |*m, i| m.* = @intCast(i * stride + k);
    return mask;
}

/// The table's `prepare`.
pub fn prepare(layout: u32, x: [*]const f32, stride: u64, cols: u64, first: u64, end: u64, prepared: [*]align(64) u8) callconv(.c) void {
    const bytes = table.preparedBytes(cols);
    var row = first;
    while (row < end) : (row += 1) {
        prepareRow(@bitCast(layout), x + row * stride, cols, @alignCast(prepared + row * bytes));
    }
}
