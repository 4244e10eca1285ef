//! Passes over a row of logits: largest value, sum of exponentials, all in one fixed order so that a result never
//! depends on threads or machine. Pure functions over caller's memory.

const std = @import("std");

const lanes = 8;
const Lane = @Vector(lanes, f32);
const Wide = @Vector(lanes, f64);

/// e^x for x <= 0, relative error below 3e-7; 0 below -87. Multiplications and additions only, no fused ones, so that
/// every machine gives the same bits.
pub fn expNegative(x: Lane) Lane {
    const low: Lane = @splat(-87.0);
    const clamped = @max(x, low);
    // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts so that r keeps its bits.
    // Adding 1.5 * 2^23 rounds to a whole number in the low bits: no call per lane where rounding has no instruction.
    const magic: Lane = @splat(12582912.0);
    const n = (clamped * @as(Lane, @splat(1.44269504)) + magic) - magic;
    const r = (clamped - n * @as(Lane, @splat(0.693359375))) + n * @as(Lane, @splat(2.12194440e-4));
    // Taylor's series to r^7 / 7!: the remainder is 5e-9 at the interval's ends.
    var p: Lane = @splat(1.0 / 5040.0);
    inline for (.{ 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0 }) |c| p = p * r + @as(Lane, @splat(c));
    const exponent: @Vector(lanes, i32) = @intFromFloat(n);
    const scale: Lane = @bitCast((exponent + @as(@Vector(lanes, i32), @splat(127))) << @splat(23));
    return @select(f32, x < low, @as(Lane, @splat(0)), p * scale);
}

pub const Peak = struct { value: f32, index: u32 };

/// The largest value and the lowest index that has it; null when a value is infinite or not a number.
pub fn peak(values: []const f32) ?Peak {
    std.debug.assert(values.len > 0);
    var best: Lane = @splat(-std.math.inf(f32));
    var finite = true;
    var i: usize = 0;
    while (i + lanes <= values.len) : (i += lanes) {
        const v: Lane = values[i..][0..lanes].*;
        // x - x is 0 exactly for finite x.
        finite = finite and @reduce(.And, v - v == @as(Lane, @splat(0)));
        best = @max(best, v);
    }
    var value = @reduce(.Max, best);
    for (values[i..]) |v| {
        finite = finite and std.math.isFinite(v);
        value = @max(value, v);
    }
    if (!finite) return null;
    return .{ .value = value, .index = @intCast(std.mem.indexOfScalar(f32, values, value).?) };
}

/// Sum of exp((values[i] - top) * inverse); where `weights` is given, the terms are kept there.
pub fn sumExp(values: []const f32, top: f32, inverse: f32, weights: ?[]f32) f64 {
    const offset: Lane = @splat(top);
    const factor: Lane = @splat(inverse);
    var sum: Wide = @splat(0);
    var i: usize = 0;
    while (i + lanes <= values.len) : (i += lanes) {
        const v: Lane = values[i..][0..lanes].*;
        const e = expNegative((v - offset) * factor);
        if (weights) |w| w[i..][0..lanes].* = e;
        sum += @as(Wide, @floatCast(e));
    }
    var total = @reduce(.Add, sum);
    for (values[i..], i..) |v, index| {
        const e = expNegative(@splat((v - top) * inverse))[0];
        if (weights) |w| w[index] = e;
        total += e;
    }
    return total;
}

/// log(sum(exp(values))), given the largest value.
pub fn logSumExp(values: []const f32, top: f32) f64 {
    return top + @log(sumExp(values, top, 1, null));
}

test "the exponential is accurate, and 0 far below" {
    var x: f32 = 0;
    while (x > -87) : (x -= 0.00731) {
        const got: f64 = expNegative(@splat(x))[0];
        const exact = @exp(@as(f64, x));
        try std.testing.expect(@abs(got - exact) <= 3e-7 * exact);
    }
    try std.testing.expectEqual(1, expNegative(@splat(0))[0]);
    try std.testing.expectEqual(0, expNegative(@splat(-88))[0]);
    try std.testing.expectEqual(0, expNegative(@splat(-1e30))[0]);
}

test "peak takes the lowest index and refuses what is not finite" {
    var values: [37]f32 = @splat(-3);
    values[9] = 5;
    values[30] = 5;
    try std.testing.expectEqual(Peak{ .value = 5, .index = 9 }, peak(&values).?);
    for ([_]f32{ std.math.nan(f32), std.math.inf(f32), -std.math.inf(f32) }) |bad| {
        for ([_]usize{ 0, 7, 31, 32, 36 }) |at| {
            var broken = values;
            broken[at] = bad;
            try std.testing.expectEqual(null, peak(&broken));
        }
    }
}

test "log of the sum of exponentials" {
    var values: [1003]f32 = undefined;
    var random: std.Random.DefaultPrng = .init(5);
    var exact: f64 = 0;
    for (&values) |*v| {
        v.* = random.random().floatNorm(f32) * 4;
        exact += @exp(@as(f64, v.*));
    }
    const top = peak(&values).?.value;
    try std.testing.expectApproxEqAbs(@log(exact), logSumExp(&values, top), 1e-6);
}
