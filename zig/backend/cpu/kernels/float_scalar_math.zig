//! exp, log1p and sine/cosine in f64 from their series, the same bits on every host (no libm). Absolute errors are
//! a few 1e-16 of the result's scale; results are rounded to f32 by the callers. Pure; any thread enters.

const std = @import("std");

const ln2_high: f64 = 0x1.62e42fefa0000p-1; // 36 significant bits: n * ln2_high is exact for |n| < 2^16
const ln2_low: f64 = 0.693147180559945309417232121458176568 - 0x1.62e42fefa0000p-1;

/// Overflow gives infinity, results under 2^-1000 give 0, NaN stays NaN.
pub fn exp(x: f64) f64 {
    if (x != x) return x;
    if (x > 709.0) return std.math.inf(f64);
    if (x < -693.0) return 0;
    const n = @round(x * std.math.log2e);
    const r = (x - n * ln2_high) - n * ln2_low; // |r| <= 0.3466
    var sum: f64 = 1.0;
    comptime var k = 14; // r^15 / 15! < 1e-19
    inline while (k >= 1) : (k -= 1) sum = 1.0 + sum * r * (1.0 / @as(f64, k));
    const exponent: u64 = @intCast(@as(i64, @intFromFloat(n)) + 1023);
    return sum * @as(f64, @bitCast(exponent << 52));
}

/// log(1 + y) for y in [0, 1]: 2 atanh(y / (2 + y)).
fn log1pUnit(y: f64) f64 {
    const s = y / (2.0 + y); // <= 1/3
    const square = s * s;
    var sum: f64 = 0;
    comptime var k = 35; // (1/9)^18 / 37 < 2e-19
    inline while (k >= 1) : (k -= 2) sum = sum * square + 1.0 / @as(f64, k);
    return 2.0 * s * sum;
}

/// log(1 + e^x) without overflow.
pub fn softplus(x: f64) f64 {
    if (x != x) return x;
    return @max(x, 0) + log1pUnit(exp(-@abs(x)));
}

pub fn sigmoid(x: f64) f64 {
    return 1.0 / (1.0 + exp(-x));
}

/// Natural logarithm of a positive, finite, normal x.
pub fn log(x: f64) f64 {
    const bits: u64 = @bitCast(x);
    var exponent: f64 = @floatFromInt(@as(i64, @intCast(bits >> 52)) - 1023);
    var mantissa: f64 = @bitCast((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52)); // [1, 2)
    if (mantissa > std.math.sqrt2) {
        mantissa *= 0.5;
        exponent += 1;
    }
    const s = (mantissa - 1.0) / (mantissa + 1.0); // |s| <= 0.1716
    const square = s * s;
    var sum: f64 = 0;
    comptime var k = 23;
    inline while (k >= 1) : (k -= 2) sum = sum * square + 1.0 / @as(f64, k);
    return exponent * ln2_high + (exponent * ln2_low + 2.0 * s * sum);
}

const half_pi_high: f64 = 0x1.921fb54400000p0; // 33 bits
const half_pi_middle: f64 = 0x1.0b4611a600000p-34; // the next 33
const half_pi_low: f64 = 0x1.3198a2e037073p-69;

pub const SinCos = struct { sin: f64, cos: f64 };

/// |x| up to 2^20 quarter turns; larger or not finite gives NaN.
pub fn sinCos(x: f64) SinCos {
    if (!(@abs(x) < 1.5e6)) return .{ .sin = std.math.nan(f64), .cos = std.math.nan(f64) };
    const n = @round(x * (2.0 / std.math.pi));
    const r = ((x - n * half_pi_high) - n * half_pi_middle) - n * half_pi_low; // |r| <= pi / 4
    const square = r * r;
    var s: f64 = 1.0; // r^19 / 19! < 1e-19
    comptime var k = 17;
    inline while (k >= 3) : (k -= 2) s = 1.0 - s * square * (1.0 / @as(f64, k * (k - 1)));
    s *= r;
    var c: f64 = 1.0;
    comptime var j = 18;
    inline while (j >= 2) : (j -= 2) c = 1.0 - c * square * (1.0 / @as(f64, j * (j - 1)));
    return switch (@as(u2, @truncate(@as(u64, @bitCast(@as(i64, @intFromFloat(n))))))) {
        0 => .{ .sin = s, .cos = c },
        1 => .{ .sin = c, .cos = -s },
        2 => .{ .sin = -s, .cos = -c },
        3 => .{ .sin = -c, .cos = s },
    };
}

test "f64 functions agree with the library's" {
    var x: f64 = -690;
    while (x < 700) : (x += 0.3737) {
        try std.testing.expectApproxEqRel(@exp(x), exp(x), 4e-16);
        if (x > 0) try std.testing.expectApproxEqAbs(@log(x), log(x), 4e-16 * @max(1, @abs(@log(x))));
        try std.testing.expectApproxEqAbs(std.math.log1p(@exp(-@abs(x))) + @max(x, 0), softplus(x), 3e-16 * @max(1, @abs(x)));
    }
    x = -1.4e6;
    while (x < 1.4e6) : (x += 97.13) {
        const got = sinCos(x);
        try std.testing.expectApproxEqAbs(@sin(x), got.sin, 1e-15);
        try std.testing.expectApproxEqAbs(@cos(x), got.cos, 1e-15);
    }
    try std.testing.expectEqual(1.0, exp(0));
    try std.testing.expectEqual(0.0, exp(-std.math.inf(f64)));
    try std.testing.expectEqual(std.math.inf(f64), exp(std.math.inf(f64)));
    try std.testing.expectEqual(1000.0, softplus(1000));
    try std.testing.expect(std.math.isNan(exp(std.math.nan(f64))));
    try std.testing.expect(std.math.isNan(sinCos(std.math.inf(f64)).sin));
}
