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
const Matrix = tables.Matrix;
const lanes = isa.lanes;
const F = isa.F;

/// How far ahead of the current step weights are asked for: rows lie one behind the other.
const prefetch_ahead = 4096;

pub fn Affine(comptime bits: u32, comptime group: usize) type {
    const Step = isa.Step(bits);
    return struct {
        /// Groups one step covers, or steps one group takes; the other is 1.
        const per_step = @max(Step.columns / group, 1);
        const steps_per_group = @max(group / Step.columns, 1);

        /// Output rows [row, row + rows) for `count` tokens.
        pub fn run(comptime rows: usize, comptime count: usize, matrix: *const Matrix, tile: *const Tile(count), row: usize) void {
            @setEvalBranchQuota(10_000); // the tile is unrolled
            const groups = matrix.cols / group;
            const row_bytes = matrix.cols / 8 * bits;
            const parts: activations.Parts = .of(matrix.cols);
            const scale_format: tables.Format = @enumFromInt(matrix.scale_format);
            const end = matrix.weight + matrix.rows * row_bytes;
            const whole_steps = wholeSteps((matrix.rows - (row + rows - 1)) * row_bytes);
            var weight: [rows][*]const u8 = undefined;
            inline for (&weight, 0..) |*w, r| w.* = matrix.weight + (row + r) * row_bytes;

            var y: [rows][count]F = @splat(@splat(@splat(0)));
            var first: usize = 0; // group
            var step: usize = 0; // of the row
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                var scale: [rows][count]F = undefined;
                inline for (0..rows) |r| {
                    const index = (row + r) * groups + first;
                    const s = vectors.numbersMasked(lanes, scale_format, matrix.scales, index, here, matrix.rows * groups);
                    var b = vectors.numbersMasked(lanes, scale_format, matrix.biases, index, here, matrix.rows * groups);
                    if (Step.centre != 0) b = @mulAdd(F, s, @splat(Step.centre), b);
                    inline for (0..count) |t| {
                        y[r][t] = @mulAdd(F, b, floats(tile.input[t] + parts.sums, first), y[r][t]);
                        scale[r][t] = s * floats(tile.input[t], first);
                    }
                }
                for (0..(here + per_step - 1) / per_step) |unit| {
                    var sum: [rows][count]Step.Sum = @splat(@splat(Step.zero));
                    inline for (0..steps_per_group) |_| {
                        inline for (0..rows) |r| {
                            const from = weight[r] + step * Step.bytes;
                            const w = if (step < whole_steps) Step.load(from) else loadEnd(from, end);
                            if (count == 1) @prefetch(from + prefetch_ahead, .{});
                            inline for (0..count) |t| {
                                sum[r][t] = Step.add(sum[r][t], w, tile.input[t] + parts.values + step * Step.columns * 2);
                            }
                        }
                        step += 1;
                    }
                    inline for (0..rows) |r| inline for (0..count) |t| {
                        const exact: F = @floatFromInt(Step.total(sum[r][t]));
                        y[r][t] = @mulAdd(F, exact, isa.pick(scale[r][t], per_step, unit), y[r][t]);
                    };
                }
            }
            inline for (0..count) |t| inline for (0..rows) |r| {
                tile.out[t][row + r] = vectors.sum(lanes, y[r][t]);
            };
        }

        /// Steps that `Step.load` may take from a row with `available` bytes from its start to the matrix's end.
        /// The last of a row may read on into the next row: those weights meet activations that are 0.
        fn wholeSteps(available: usize) usize {
            const reach = Step.bytes + Step.overread;
            return if (available < reach) 0 else (available - reach) / Step.bytes + 1;
        }

        /// The matrix's last bytes, zeros after them.
        fn loadEnd(from: [*]const u8, end: [*]const u8) Step.Weights {
            @branchHint(.cold);
            var some: [Step.bytes + Step.overread]u8 = @splat(0);
            const left = @min(@intFromPtr(end) - @intFromPtr(from), Step.bytes);
            for (some[0..left], from) |*to, byte| to.* = byte;
            return Step.load(&some);
        }
    };
}

inline fn floats(prepared: [*]const u8, first: usize) F {
    const numbers: [*]align(4 * lanes) const f32 = @ptrCast(@alignCast(prepared + first * 4));
    return numbers[0..lanes].*;
}
