//! Vectors of the level this file is compiled for: loads, sums in a fixed lane order, exp and its relatives.
//! Pure; any thread enters.

const std = @import("std");
const builtin = @import("builtin");

/// Floats in a vector: 16 with AVX-512, 8 with AVX2, 4 with NEON.
pub const lanes = std.simd.suggestVectorLength(f32) orelse 4;
pub const V = @Vector(lanes, f32);
const I = @Vector(lanes, i32);

/// Vector registers of the level; decides how large a tile of sums stays in them.
pub const registers = if (builtin.cpu.arch == .x86_64 and lanes < 16) 16 else 32;

const has_fma = switch (builtin.cpu.arch) {
    .x86_64 => builtin.cpu.has(.x86, .fma),
    .aarch64 => true,
    else => false,
};

pub fn splat(x: f32) V {
    return @splat(x);
}

/// a * b + c, rounded once where the level has the instruction.
pub inline fn fma(a: V, b: V, c: V) V {
    return if (has_fma) @mulAdd(V, a, b, c) else a * b + c;
}

/// `lanes` values of f32 or f16 as f32; any element-aligned address.
pub inline fn load(comptime T: type, p: [*]const T) V {
    const raw: *align(@alignOf(T)) const [lanes]T = @ptrCast(p);
    const vector: @Vector(lanes, T) = raw.*;
    return if (T == f32) vector else @floatCast(vector);
}

/// The first n < lanes values, zeros above; reads nothing beyond them.
pub inline fn loadPart(comptime T: type, p: [*]const T, n: usize) V {
    var values: [lanes]T = @splat(0);
    for (values[0..n], p[0..n]) |*value, x| value.* = x;
    const vector: @Vector(lanes, T) = values;
    return if (T == f32) vector else @floatCast(vector);
}

pub inline fn store(p: [*]f32, v: V) void {
    const raw: *align(@alignOf(f32)) [lanes]f32 = @ptrCast(p);
    raw.* = v;
}

pub inline fn storePart(p: [*]f32, v: V, n: usize) void {
    const values: [lanes]f32 = v;
    for (p[0..n], values[0..n]) |*out, x| out.* = x;
}

/// Lane sums by halving: lane i meets lane i + half.
pub inline fn sum(v: V) f32 {
    return sumMany(1, .{v})[0];
}

/// Sums of n vectors (n a power of two, at most `lanes`), each in the same order as `sum`.
pub inline fn sumMany(comptime n: usize, vectors: [n]V) [n]f32 {
    comptime std.debug.assert(std.math.isPowerOfTwo(n) and n <= lanes);
    // After each round half as many vectors hold twice as many sums, each in half as many lanes.
    var current = vectors;
    comptime var count = n;
    comptime var width = lanes; // lanes of one sum
    inline while (width > 1) : (width /= 2) {
        const pair = count > 1;
        const low, const high = comptime halves(width, pair);
        const next = if (pair) count / 2 else 1;
        inline for (0..next) |i| {
            const a = current[if (pair) 2 * i else i];
            const b = current[if (pair) 2 * i + 1 else i];
            current[i] = @shuffle(f32, a, b, low) + @shuffle(f32, a, b, high);
        }
        count = next;
    }
    const lane_values: [lanes]f32 = current[0];
    return lane_values[0..n].*;
}

/// Masks that put the low (high) half of every sum's lanes of a, then of b, side by side; without a second
/// vector the lower lanes hold the result and the upper ones repeat it.
fn halves(comptime width: i32, comptime pair: bool) [2]I {
    var low: [lanes]i32 = undefined;
    var high: [lanes]i32 = undefined;
    const half = @divExact(width, 2);
    for (0..lanes) |lane| {
        const from_b = pair and lane >= lanes / 2;
        const within: i32 = @intCast(lane % (lanes / 2));
        const source = @divTrunc(within, half) * width + @mod(within, half);
        low[lane] = if (from_b) -1 - source else source;
        high[lane] = if (from_b) -1 - (source + half) else source + half;
    }
    return .{ low, high };
}

/// Largest lane; NaN lanes are passed over.
pub inline fn maxLane(v: V) f32 {
    const values: [lanes]f32 = v;
    var best = -std.math.inf(f32);
    for (values) |x| best = if (x > best) x else best;
    return best;
}

pub inline fn max(a: V, b: V) V {
    return @select(f32, b > a, b, a);
}

/// e^x, relative error under 2e-7 (2 ulp); under -86.6 it is 0, over 88.72 infinity, NaN stays NaN.
pub inline fn exp(x: V) V {
    const lowest = splat(-86.6);
    const highest = splat(88.722839);
    const clamped = @select(f32, x > lowest, @select(f32, x < highest, x, highest), lowest);
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    const magic = splat(12582912.0);
    const shifted = fma(clamped, splat(std.math.log2e), magic);
    const n = shifted - magic;
    var r = fma(n, splat(-0x1.62e4p-1), clamped); // ln 2, high 16 bits: exact product
    r = fma(n, splat(-1.42860682030941723212e-6), r);
    var p = splat(1.0 / 5040.0); // r^8 / 8! < 6e-9
    inline for (.{ 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0 }) |c| p = fma(p, r, splat(c));
    // 2^(n - 1), then twice that: n = 128 has no representation of its own.
    const bias: I = @splat(126 - 0x4b400000);
    const exponent: I = @as(I, @bitCast(shifted)) +% bias;
    const scale: V = @bitCast(exponent << @as(@Vector(lanes, u5), @splat(23)));
    const value = p * scale * splat(2.0);
    const floor = @select(f32, x > lowest, value, splat(0));
    const bounded = @select(f32, x > highest, splat(std.math.inf(f32)), floor);
    return @select(f32, x == x, bounded, x);
}

pub inline fn sigmoid(x: V) V {
    return splat(1.0) / (splat(1.0) + exp(-x));
}

pub inline fn silu(x: V) V {
    return x / (splat(1.0) + exp(-x));
}

/// One value, the same bits as a lane of the vector.
pub inline fn expOne(x: f32) f32 {
    return exp(splat(x))[0];
}

pub inline fn sigmoidOne(x: f32) f32 {
    return sigmoid(splat(x))[0];
}

test "exp within 2 ulp of the library's over its whole range" {
    var worst: f64 = 0;
    var x: f32 = -86.5;
    while (x < 88.7) : (x += 0.00173) {
        const want = @exp(@as(f64, x));
        const got = exp(splat(x))[lanes - 1];
        worst = @max(worst, @abs(@as(f64, got) - want) / want);
    }
    try std.testing.expect(worst < 2e-7);
    try std.testing.expectEqual(1.0, expOne(0));
    try std.testing.expectEqual(0.0, expOne(-87));
    try std.testing.expectEqual(0.0, expOne(-std.math.inf(f32)));
    try std.testing.expectEqual(std.math.inf(f32), expOne(89));
    try std.testing.expectEqual(std.math.inf(f32), expOne(std.math.inf(f32)));
    try std.testing.expect(std.math.isNan(expOne(std.math.nan(f32))));
    try std.testing.expectEqual(0.0, sigmoidOne(-200));
    try std.testing.expectEqual(1.0, sigmoidOne(200));
}

test "sums of many vectors are the sums of each, bit for bit" {
    var random = std.Random.DefaultPrng.init(1);
    var vectors: [4]V = undefined;
    for (0..100) |_| {
        for (&vectors) |*v| {
            var values: [lanes]f32 = undefined;
            for (&values) |*x| x.* = random.random().floatNorm(f32);
            v.* = values;
        }
        const many = sumMany(4, vectors);
        for (vectors, many) |v, got| {
            try std.testing.expectEqual(sum(v), got);
            try std.testing.expectApproxEqAbs(@reduce(.Add, v), got, 1e-5);
        }
        const two = sumMany(2, vectors[0..2].*);
        try std.testing.expectEqual(many[0..2].*, two);
    }
}
