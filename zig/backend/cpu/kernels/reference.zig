//! The definition of linear products, level `scalar`: weights dequantised to f32 (q * scale + bias, each step
//! rounded to f32), f32 activations as they are, products summed in f64 and rounded once. Every other level
//! is tested against this one. Compiled into the base library. Memory is the caller's; any thread enters.

const std = @import("std");
const tables = @import("table.zig");
const Matrix = tables.Matrix;
const Format = tables.Format;

pub fn inputLayout(_: *const Matrix) callconv(.c) u32 {
    return 0;
}

/// Never needed: no matrix of this level asks for a layout.
pub fn prepare(_: u32, _: [*]const f32, _: u64, _: u64, _: u64, _: u64, _: [*]align(64) u8) callconv(.c) void {
    unreachable;
}

const token_tile = 8;
const sum_lanes = 8;
const stretch = 128; // columns dequantised at a time; a multiple of every group

pub fn linear(matrix: *const Matrix, input: *const tables.Input, output: *const tables.Output, row_first: u64, row_end: u64) callconv(.c) void {
    tables.assertMatrix(matrix);
    std.debug.assert(row_end <= matrix.rows);
    var row = row_first;
    while (row < row_end) : (row += 1) {
        var token: usize = 0;
        while (token < input.tokens) : (token += token_tile) {
            linearRow(matrix, input, output, row, token, @min(token_tile, input.tokens - token));
        }
    }
}

fn linearRow(matrix: *const Matrix, input: *const tables.Input, output: *const tables.Output, row: usize, first: usize, count: usize) void {
    var sums: [token_tile][sum_lanes]f64 = @splat(@splat(0));
    var weights: [stretch]f32 = undefined;
    var column: usize = 0;
    while (column < matrix.cols) : (column += stretch) {
        const n = @min(stretch, matrix.cols - column);
        dequantize(matrix, row, column, weights[0..n]);
        for (0..count) |t| {
            const token = first + t;
            const line = if (input.index) |index| index[token] else token;
            const x = (input.x + line * input.stride + column)[0..n];
            for (x, weights[0..n], 0..) |a, w, i| sums[t][i % sum_lanes] += @as(f64, a) * @as(f64, w);
        }
    }
    for (0..count) |t| {
        const token = first + t;
        const line = if (output.index) |index| index[token] else token;
        var total: f64 = 0;
        for (sums[t]) |s| total += s;
        output.out[line * output.stride + row] = @floatCast(total);
    }
}

pub fn rowValues(matrix: *const Matrix, row: u64, out: [*]f32) callconv(.c) void {
    tables.assertMatrix(matrix);
    std.debug.assert(row < matrix.rows);
    dequantize(matrix, row, 0, out[0..matrix.cols]);
}

/// Values of columns [column, column + out.len) of one row; column is a multiple of 128.
fn dequantize(matrix: *const Matrix, row: usize, column: usize, out: []f32) void {
    const format: Format = @enumFromInt(matrix.format);
    if (format != .affine) {
        for (out, 0..) |*value, i| value.* = number(matrix.weight, format, row * matrix.cols + column + i);
        return;
    }
    const row_bytes = matrix.cols * matrix.bits / 8;
    const packed_row = matrix.weight + row * row_bytes;
    const groups = matrix.cols / matrix.group;
    const scale_format: Format = @enumFromInt(matrix.scale_format);
    var at: usize = 0;
    while (at < out.len) : (at += matrix.group) {
        const g = row * groups + (column + at) / matrix.group;
        const scale = number(matrix.scales, scale_format, g);
        const bias = number(matrix.biases, scale_format, g);
        for (out[at..][0..matrix.group], 0..) |*value, i| {
            const q: f32 = @floatFromInt(field(packed_row, matrix.bits, column + at + i));
            const scaled = q * scale;
            value.* = scaled + bias;
        }
    }
}

/// Number `index` of an array of f32, f16 or bf16 at any byte address.
pub fn number(bytes: [*]const u8, format: Format, index: usize) f32 {
    return switch (format) {
        .f32 => @bitCast(std.mem.readInt(u32, (bytes + index * 4)[0..4], .little)),
        .f16 => @as(f16, @bitCast(std.mem.readInt(u16, (bytes + index * 2)[0..2], .little))),
        .bf16 => @bitCast(@as(u32, std.mem.readInt(u16, (bytes + index * 2)[0..2], .little)) << 16),
        .affine => unreachable,
    };
}

/// Packed value `index`: a row is one bit string, least significant bit of the first byte first. Words of
/// MLX are little end first, so this holds across words too: 3, 5 and 6 bits run on over byte borders.
pub fn field(bytes: [*]const u8, bits: u32, index: usize) u32 {
    const bit = index * bits;
    const shift: u3 = @intCast(bit % 8);
    var pair: u32 = bytes[bit / 8];
    if (@as(u32, shift) + bits > 8) pair |= @as(u32, bytes[bit / 8 + 1]) << 8;
    return (pair >> shift) & ((@as(u32, 1) << @intCast(bits)) - 1);
}

pub const table: tables.KernelTable = .{
    .input_layout = &inputLayout,
    .prepare = &prepare,
    .linear = &linear,
    .row = &rowValues,
    .float = @import("float_reference.zig").table,
};
