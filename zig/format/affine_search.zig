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
    const low = std.mem.min(f32, values);
    const high = std.mem.max(f32, values);
    const middle = low / 2 + high / 2;
    for (widths) |width| {
        const half = (high / 2 - low / 2) * width;
        var fit: Fit = .{ .scale = 2 * half / affine.topOf(bits), .bias = middle - half };
        for (0..rounds) |_| {
            if (!usable(fit)) break;
            affine.encode(values, fit, bits, tried);
            fit = leastSquares(values, tried) orelse break;
        }
        const kept: Fit = .{ .scale = affine.rounded(format, fit.scale), .bias = affine.rounded(format, fit.bias) };
        if (!usable(kept)) continue;
        affine.encode(values, kept, bits, tried);
        const squared_error = affine.squaredError(values, tried, kept);
        if (squared_error < best.squared_error) {
            best = .{ .fit = kept, .squared_error = squared_error };
            @memcpy(codes, tried);
        }
    }
    return best;
}

/// Scales that underflow when they are stored divide by nothing.
fn usable(fit: Fit) bool {
    return std.math.isFinite(fit.scale) and std.math.isFinite(fit.bias) and @abs(fit.scale) > std.math.floatMin(f32);
}

/// The line through (code, value) with the least squared error; null when all codes are equal.
fn leastSquares(values: []const f32, codes: []const f32) ?Fit {
    var sum_q: Lanes = @splat(0);
    var sum_qq: Lanes = @splat(0);
    var sum_x: Lanes = @splat(0);
    var sum_xq: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        const q: Lanes = codes[i..][0..lanes].*;
        sum_q += q;
        sum_qq += q * q;
        sum_x += x;
        sum_xq += x * q;
    }
    const n: f32 = @floatFromInt(values.len);
    const q = @reduce(.Add, sum_q);
    const x = @reduce(.Add, sum_x);
    const spread = n * @reduce(.Add, sum_qq) - q * q;
    if (spread <= 0) return null;
    const scale = (n * @reduce(.Add, sum_xq) - q * x) / spread;
    return .{ .scale = scale, .bias = (x - scale * q) / n };
}
