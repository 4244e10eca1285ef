//! Affine quantised products, one skeleton for every level, bits and group: tiles of rows x tokens over chunks of
//! `lanes` groups. Per group g of a row: y += (s_g * sx_g) * sum(q_w q_x) + b_g * sum_g, where the integer sum is
//! exact. For one output value the order of float operations depends on the matrix only, never on the tile.
//! Memory is the caller's; any thread enters.

const std = @import("std");
const tables = @import("table.zig");
const isa = @import("isa.zig").current;
const activations = @import("activations.zig");
const vectors = @import("vectors.zig");
const Tile = @import("tile.zig").Tile;
const row_block = @import("tile.zig").row_block;
const Matrix = tables.Matrix;
const lanes = isa.lanes;
const F = isa.F;

/// How far ahead weights are asked for, at least; else the next tile (of a batch: the next block). A tile's rows lie one behind the other, so the
/// tiles of a product are one stream of bytes: asking for it in its own order, not row by row, is worth a factor
/// of 2 from memory.
const prefetch_ahead = 4096;

pub fn Affine(comptime bits: u32, comptime group: usize) type {
    const Step = isa.Step(bits);
    return struct {
        /// Groups one step covers, or steps one group takes; the other is 1.
        pub const per_step: usize = @max(Step.columns / group, 1);
        const steps_per_group: usize = @max(group / Step.columns, 1);

        /// Rows below this one may be read in whole vectors: what lies beyond a row's end is still of the matrix, and
        /// meets activations and scales that are 0. The rows after it need `careful` reads.
        pub fn carefulFrom(matrix: *const Matrix) usize {
            const groups = matrix.cols / group;
            const steps = (matrix.cols + Step.columns - 1) / Step.columns;
            const weight_beyond = steps * Step.bytes + Step.overread - matrix.cols / 8 * bits;
            const scales_beyond = std.mem.alignForward(usize, groups, lanes) - groups;
            const rows_beyond = @max(divideUp(weight_beyond, matrix.cols / 8 * bits), divideUp(scales_beyond, groups));
            return matrix.rows -| rows_beyond;
        }

        /// Output rows [row, row + rows) for `count` tokens.
        pub fn run(comptime careful: bool, comptime rows: usize, comptime count: usize, matrix: *const Matrix, tile: *const Tile(count), row: usize) void {
            @setEvalBranchQuota(10_000); // the tile is unrolled
            const groups = matrix.cols / group;
            const row_bytes = matrix.cols / 8 * bits;
            const parts: activations.Parts = .of(matrix.cols);
            const source: Source = .{ .matrix = matrix, .groups = groups };
            const end = matrix.weight + matrix.rows * row_bytes;
            var weight: [rows][*]const u8 = undefined;
            inline for (&weight, 0..) |*w, r| w.* = matrix.weight + (row + r) * row_bytes;
            var x: [count][*]const u8 = undefined;
            inline for (&x, tile.input) |*to, prepared| to.* = prepared + parts.values;

            var ahead = weight[0] + @max(if (count == 1) rows * row_bytes else row_block * row_bytes, prefetch_ahead);

            var y: [rows][count]F = @splat(@splat(@splat(0)));
            var first: usize = 0; // group
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                const pair = source.load(careful, rows, row, first, here);
                var scale: [rows][count]F = undefined;
                inline for (0..rows) |r| inline for (0..count) |t| {
                    var bias = pair.biases[r];
                    if (Step.centre != 0) bias = @mulAdd(F, pair.scales[r], @splat(Step.centre), bias);
                    y[r][t] = @mulAdd(F, bias, floats(tile.input[t] + parts.sums, first), y[r][t]);
                    scale[r][t] = pair.scales[r] * floats(tile.input[t], first);
                };
                for (0..divideUp(here, per_step)) |unit| {
                    var sum: [rows][count]if (steps_per_group == 1) isa.I else Step.Sum = undefined;
                    inline for (0..steps_per_group) |i| {
                        inline for (0..rows) |r| {
                            const from = weight[r] + i * Step.bytes;
                            const w = if (careful) loadEnd(from, end) else Step.load(from);
                            @prefetch(ahead, .{ .locality = if (count == 1) 3 else 2 });
                            ahead += Step.bytes;
                            inline for (0..count) |t| {
                                const a = x[t] + i * Step.columns * 2;
                                sum[r][t] = if (steps_per_group == 1) Step.product(w, a) else if (i == 0) Step.start(w, a) else Step.add(sum[r][t], w, a);
                            }
                        }
                    }
                    inline for (&weight) |*w| w.* += steps_per_group * Step.bytes;
                    inline for (&x) |*to| to.* += steps_per_group * Step.columns * 2;
                    inline for (0..rows) |r| inline for (0..count) |t| {
                        const exact: F = @floatFromInt(if (steps_per_group == 1) sum[r][t] else Step.total(sum[r][t]));
                        y[r][t] = @mulAdd(F, exact, isa.pick(scale[r][t], per_step, unit), y[r][t]);
                    };
                }
            }
            inline for (0..count) |t| inline for (0..rows) |r| {
                tile.out[t][row + r] = vectors.sum(lanes, y[r][t]);
            };
        }

        /// A step's weights; bytes at and beyond `end` count as zeros and are not read.
        pub noinline fn loadEnd(from: [*]const u8, end: [*]const u8) Step.Weights {
            const reach = Step.bytes + Step.overread;
            const left = @intFromPtr(end) -| @intFromPtr(from);
            if (left >= reach) return Step.load(from);
            var some: [reach]u8 = @splat(0);
            for (some[0..left], from) |*to, byte| to.* = byte;
            return Step.load(&some);
        }
    };
}

fn divideUp(a: usize, b: usize) usize {
    return (a + b - 1) / b;
}

/// Scales and biases of a tile's rows, `lanes` groups at a time, zeros in the lanes after `here`.
pub const Source = struct {
    matrix: *const Matrix,
    groups: usize,

    fn Pair(comptime rows: usize) type {
        return struct { scales: [rows]F, biases: [rows]F };
    }

    pub inline fn load(self: Source, comptime careful: bool, comptime rows: usize, row: usize, first: usize, here: usize) Pair(rows) {
        return switch (@as(tables.Format, @enumFromInt(self.matrix.scale_format))) {
            inline .f32, .f16, .bf16 => |format| self.loadOf(format, careful, rows, row, first, here),
            .affine => unreachable,
        };
    }

    inline fn loadOf(self: Source, comptime format: tables.Format, comptime careful: bool, comptime rows: usize, row: usize, first: usize, here: usize) Pair(rows) {
        var pair: Pair(rows) = undefined;
        inline for (0..rows) |r| {
            const index = (row + r) * self.groups + first;
            pair.scales[r] = vectors.numbersMasked(lanes, format, careful, self.matrix.scales, index, here);
            pair.biases[r] = vectors.numbersMasked(lanes, format, careful, self.matrix.biases, index, here);
        }
        return pair;
    }
};

/// `lanes` of a prepared row's scales or sums, from group `first`.
pub inline fn floats(prepared: [*]const u8, first: usize) F {
    const numbers: [*]align(4 * lanes) const f32 = @ptrCast(@alignCast(prepared + first * 4));
    return numbers[0..lanes].*;
}
