//! The kernel table: what one CPU level offers. `level.zig` is compiled once per level and exports one table
//! (`fm_kernels_<level>`); `reference.zig` is the same table in plain loops, level `scalar`.
//! All memory belongs to the caller; nothing here allocates, locks or keeps state, so any thread may enter
//! with a row range of its own. One output value is computed by one call, in an order that depends only on
//! the matrix: not on the row range, not on how many tokens share the call.

const std = @import("std");
const FloatTable = @import("float_table.zig").FloatTable;

/// `abi.Format` once more: a level is compiled with this folder as its module root, so nothing here that a
/// level includes imports a file outside of it. detect.zig, which is base code only, checks that they agree.
pub const Format = enum(u32) { f32 = 0, f16 = 1, bf16 = 2, affine = 3 };

/// A matrix [rows, cols] as the checkpoint stores it. Pointers may have any byte address.
/// affine: weight [rows, cols * bits / 8] bytes, scales and biases [rows, cols / group] in `scale_format`.
/// plain (f32, f16, bf16): weight [rows, cols], the rest unused.
pub const Matrix = extern struct {
    weight: [*]const u8,
    scales: [*]const u8,
    biases: [*]const u8,
    rows: u64,
    cols: u64, // affine: a multiple of group
    format: u32, // Format
    bits: u32, // affine: 2, 3, 4, 5, 6, 8
    group: u32, // affine: 32, 64, 128
    scale_format: u32, // Format: f32, f16, bf16
};

/// Activations of a product: f32 rows, and (where `input_layout` is not 0) what `prepare` made of them.
pub const Input = extern struct {
    /// f32 [.., cols], 4-byte aligned; row i starts at i * stride floats. Always set.
    x: [*]const f32,
    stride: u64,
    /// Row i starts at i * preparedBytes(cols), 64-byte aligned. Unused when the layout is 0.
    prepared: [*]align(64) const u8,
    /// How many tokens the product has, and which input row token i is; null: row i.
    tokens: u64,
    index: ?[*]const u32 = null,
};

/// out[row(i) * stride + r] for token i and matrix row r; row(i) = index[i], null: i.
pub const Output = extern struct {
    out: [*]f32,
    stride: u64,
    index: ?[*]const u32 = null,
};

/// How many bytes one prepared activation row takes, for every level, layout and group: planes of two bytes a
/// column padded to 256 columns, then a scale and a sum (f32) per group. A multiple of 64.
pub fn preparedBytes(cols: usize) usize {
    const padded = std.mem.alignForward(usize, cols, 256);
    const groups = std.mem.alignForward(usize, padded / 32, 16);
    return padded * 2 + groups * 8;
}

/// Row ranges are best cut at multiples of this (any cut is correct).
pub const row_tile = 4;

pub const KernelTable = extern struct {
    // ---- linear products (kernels/affine.zig, kernels/plain.zig) ----

    /// Which prepared form of the activations a matrix wants: 0 means the f32 rows themselves, no `prepare`.
    /// Matrices of the same input and the same layout share one prepared form.
    input_layout: *const fn (matrix: *const Matrix) callconv(.c) u32,

    /// Rounds activation rows [first, end) of x [.., cols] to 16 bits per group as `layout` (not 0) asks.
    /// prepared row i starts at i * preparedBytes(cols). Rows are independent: threads may share them out.
    /// A group holding an infinity or NaN makes every product of it NaN; magnitudes below 2^-100 count as 0.
    prepare: *const fn (layout: u32, x: [*]const f32, stride: u64, cols: u64, first: u64, end: u64, prepared: [*]align(64) u8) callconv(.c) void,

    /// Output rows [row_first, row_end) of matrix * input for all tokens of the input.
    linear: *const fn (matrix: *const Matrix, input: *const Input, output: *const Output, row_first: u64, row_end: u64) callconv(.c) void,

    /// One row of the matrix as f32 [cols] (embedding lookup): q * scale + bias, each step rounded to f32.
    row: *const fn (matrix: *const Matrix, row: u64, out: [*]f32) callconv(.c) void,

    // ---- float operations (kernels/float_*.zig) ----

    float: FloatTable,
};

/// What reads a matrix's bytes must hold; the boundary has validated it before, this states it for kernels.
pub fn assertMatrix(matrix: *const Matrix) void {
    const affine = matrix.format == @intFromEnum(Format.affine);
    if (!affine) {
        std.debug.assert(matrix.format <= @intFromEnum(Format.bf16));
        return;
    }
    std.debug.assert(matrix.group == 32 or matrix.group == 64 or matrix.group == 128);
    std.debug.assert(matrix.cols % matrix.group == 0);
    std.debug.assert(matrix.bits >= 2 and matrix.bits <= 8 and matrix.bits != 7);
    std.debug.assert(matrix.scale_format <= @intFromEnum(Format.bf16));
}
