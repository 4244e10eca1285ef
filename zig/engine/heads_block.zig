//! A head's weights in the file as in memory: two matrices in MLX's affine 8 bits, whose products the engine's own kernels
//! know, and their biases in f32. Pure; owns nothing.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const affine = @import("../format/affine.zig");

const alignment = 64;
const bits = 8;
/// Both matrices' columns are multiples of it.
pub const group_least = 32;
const groups = [_]u32{ 128, 64, group_least };
const scale_format: abi.Format = .bf16;
/// No weight is larger: a group's range is finite then.
const weight_max: f32 = 1e30;

/// Places are offsets from the block's begin.
pub const Matrix = struct {
    rows: u32,
    cols: u32,
    group: u32,
    weight: usize, // u8 [rows, cols]
    scales: usize, // bf16 [rows, cols / group]
    biases: usize, // likewise

    pub fn linear(matrix: *const Matrix, block: backend.View) backend.Linear {
        return .{
            .format = .affine,
            .bits = bits,
            .group = matrix.group,
            .scale_format = scale_format,
            .rows = matrix.rows,
            .cols = matrix.cols,
            .weight = block.at(matrix.weight),
            .scales = block.at(matrix.scales),
            .biases = block.at(matrix.biases),
        };
    }

    /// Writes the values into a block, and what they became over them.
    pub fn store(matrix: *const Matrix, values: []f32, block: []u8) void {
        var codes: [affine.group_max]f32 = undefined;
        const size = matrix.group;
        for (0..values.len / size) |number| {
            const some = values[number * size ..][0..size];
            for (some) |*value| value.* = if (std.math.isNan(value.*)) 0 else std.math.clamp(value.*, -weight_max, weight_max);
            const exact = affine.minmax(some, bits);
            const fit: affine.Fit = .{ .scale = affine.rounded(scale_format, exact.scale), .bias = affine.rounded(scale_format, exact.bias) };
            affine.encode(some, fit, bits, codes[0..size]);
            affine.pack(codes[0..size], bits, block[matrix.weight + number * size ..][0..size]);
            affine.store(scale_format, block[matrix.scales..], number, fit.scale);
            affine.store(scale_format, block[matrix.biases..], number, fit.bias);
            for (some, codes[0..size]) |*value, code| value.* = code * fit.scale + fit.bias;
        }
    }
};

pub const Block = struct {
    first: Matrix, // [width, inputs]
    second: Matrix, // [experts, width]
    first_bias: usize, // f32 [width]
    second_bias: usize, // f32 [experts]
    bytes: usize,

    pub fn of(inputs: u32, width: u32, experts: u32) Block {
        var block: Block = undefined;
        var end: usize = 0;
        block.first = place(&end, width, inputs);
        block.second = place(&end, experts, width);
        block.first_bias = take(&end, width * @sizeOf(f32));
        block.second_bias = take(&end, experts * @sizeOf(f32));
        block.bytes = end;
        return block;
    }

    fn place(end: *usize, rows: u32, cols: u32) Matrix {
        const group = for (groups) |size| {
            if (cols % size == 0) break size;
        } else unreachable; // widths and inputs are multiples of the least
        const fits = @as(usize, rows) * cols / group * @sizeOf(u16);
        return .{
            .rows = rows,
            .cols = cols,
            .group = group,
            .weight = take(end, @as(usize, rows) * cols),
            .scales = take(end, fits),
            .biases = take(end, fits),
        };
    }

    fn take(end: *usize, bytes: usize) usize {
        const offset = end.*;
        end.* += std.mem.alignForward(usize, bytes, alignment);
        return offset;
    }
};

test "what is stored is what the values became, close to what they were" {
    const block: Block = .of(96, 32, 5);
    try std.testing.expectEqual(32, block.first.group);
    var bytes: [8192]u8 = @splat(0);
    var random: std.Random.DefaultPrng = .init(3);
    var values: [5 * 32]f32 = undefined;
    for (&values) |*value| value.* = random.random().floatNorm(f32);
    values[7] = std.math.nan(f32);
    values[40] = std.math.inf(f32);
    const before = values;
    block.second.store(&values, &bytes);
    const stored: affine.Stored = .{
        .format = .affine,
        .bits = bits,
        .group = block.second.group,
        .scale_format = scale_format,
        .weight = bytes[block.second.weight..],
        .scales = bytes[block.second.scales..],
        .biases = bytes[block.second.biases..],
    };
    var decoded: [5 * 32]f32 = undefined;
    stored.decode(0, &decoded);
    try std.testing.expectEqualSlices(f32, &values, &decoded);
    try std.testing.expectApproxEqAbs(0, values[7], 0.03);
    for (values, before, 0..) |now, was, i| {
        if (i == 7 or i / 32 == 1) continue; // the second group holds the infinite one
        try std.testing.expectApproxEqAbs(was, now, 0.03);
    }
    for (values[32..64]) |value| try std.testing.expect(std.math.isFinite(value));
}
