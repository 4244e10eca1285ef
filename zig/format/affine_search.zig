//! A better fit than the ends of the range: with few codes most of the error comes from the many values in the middle, so
//! narrower ranges are tried and improved by least squares. The error counts scale and bias as they will be stored, and
//! MLX's own fit is one of the candidates: the result is never worse. Pure; owns nothing.

const std = @import("std");
const abi = @import("../abi/types.zig");
const affine = @import("affine.zig");

const Fit = affine.Fit;
const Lanes = affine.Lanes;
const lanes = affine.lanes;

/// Shares of the range that the search starts from, and rounds of least squares from each.
const widths = [_]f32{ 1, 0.85, 0.72, 0.6, 0.5 };
const rounds = 3;

pub const Found = struct { fit: Fit, squared_error: f32 };

/// `start` is MLX's fit as it would be stored, `codes` its codes; both are replaced when something better is found.
pub fn improve(values: []const f32, bits: u32, format: abi.Format, start: Found, codes: []f32) Found {
    var best = start;
    var trial: [affine.group_max]f32 = undefined;
    const tried = trial[0..values.len];
    const range = rangeOf(values);
    const top = affine.topOf(bits);
    for (widths) |width| {
        const half = (range.high / 2 - range.low / 2) * width;
        var fit: Fit = .{ .scale = 2 * half / top, .bias = range.low / 2 + range.high / 2 - half };
        for (0..rounds) |_| {
            if (!usable(fit)) break;
            fit = leastSquares(values, range.sum, fit, top) orelse break;
        }
        const kept: Fit = .{ .scale = affine.rounded(format, fit.scale), .bias = affine.rounded(format, fit.bias) };
        if (!usable(kept)) continue;
        const squared_error = assign(values, kept, top, tried);
        if (squared_error < best.squared_error) {
            best = .{ .fit = kept, .squared_error = squared_error };
            @memcpy(codes, tried);
        }
    }
    return best;
}

/// Scales that underflow when they are stored divide by nothing.
fn usable(fit: Fit) bool {
    return std.math.isFinite(fit.bias) and std.math.isFinite(1 / fit.scale);
}

const Range = struct { low: f32, high: f32, sum: f32 };

fn rangeOf(values: []const f32) Range {
    var low: Lanes = @splat(std.math.inf(f32));
    var high: Lanes = @splat(-std.math.inf(f32));
    var sum: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        low = @min(low, x);
        high = @max(high, x);
        sum += x;
    }
    return .{ .low = @reduce(.Min, low), .high = @reduce(.Max, high), .sum = @reduce(.Add, sum) };
}

/// The nearest codes, by a product where MLX's rule divides: any code may stand here, and the error decides.
inline fn nearest(x: Lanes, inverse: Lanes, bias: Lanes, top: Lanes) Lanes {
    const whole: Lanes = @splat(8_388_608);
    return (@min(@max((x - bias) * inverse, @as(Lanes, @splat(0))), top) + whole) - whole;
}

/// Writes the codes of a fit and returns the sum of the squared errors.
fn assign(values: []const f32, fit: Fit, top: f32, codes: []f32) f32 {
    const scale: Lanes = @splat(fit.scale);
    const inverse: Lanes = @splat(1 / fit.scale);
    const bias: Lanes = @splat(fit.bias);
    const last: Lanes = @splat(top);
    var sum: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        const q = nearest(x, inverse, bias, last);
        codes[i..][0..lanes].* = q;
        const difference = x - (q * scale + bias);
        sum += difference * difference;
    }
    return @reduce(.Add, sum);
}

/// The line through (code, value) with the least squared error, codes as `fit` gives them; null when all are equal.
fn leastSquares(values: []const f32, sum: f32, fit: Fit, top: f32) ?Fit {
    const inverse: Lanes = @splat(1 / fit.scale);
    const bias: Lanes = @splat(fit.bias);
    const last: Lanes = @splat(top);
    var sum_q: Lanes = @splat(0);
    var sum_qq: Lanes = @splat(0);
    var sum_xq: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        const q = nearest(x, inverse, bias, last);
        sum_q += q;
        sum_qq += q * q;
        sum_xq += x * q;
    }
    const n: f32 = @floatFromInt(values.len);
    const q = @reduce(.Add, sum_q);
    const spread = n * @reduce(.Add, sum_qq) - q * q;
    if (spread <= 0) return null;
    const scale = (n * @reduce(.Add, sum_xq) - q * sum) / spread;
    return .{ .scale = scale, .bias = (sum - scale * q) / n };
}
