//! Affine products of several tokens where the level multiplies 16-bit words: a block of rows is expanded once, `lanes`
//! groups at a time, and every token of a block passes over it from the first-level cache. The arithmetic of one output
//! value is that of affine.zig, operation for operation, so a token's result is the same in any batch.
//! Memory is the caller's, buffers are on the stack; any thread enters.

const std = @import("std");
const tables = @import("table.zig");
const isa = @import("isa.zig").current;
const activations = @import("activations.zig");
const affine = @import("affine.zig");
const math = @import("float_math.zig");
const vectors = @import("vectors.zig");
const tile = @import("tile.zig");
const Matrix = tables.Matrix;
const lanes = isa.lanes;
const F = isa.F;

/// Rows expanded at a time: with their tokens' running sums they stay in the first-level cache.
const block_rows = 8;
/// Tokens that pass over a block of rows: as many as keep their activations in the second-level cache.
const block_tokens = 48;

comptime {
    std.debug.assert(block_tokens % isa.expanded_tokens == 0);
}

pub fn Expanded(comptime bits: u32, comptime group: usize) type {
    const Step = isa.Step(bits);
    const Single = affine.Affine(bits, group);
    const columns: usize = lanes * group; // of a chunk
    const unit_columns: usize = @max(Step.columns, group);
    const step_vectors: usize = @typeInfo(Step.Weights).array.len;
    const unit_vectors: usize = unit_columns / Step.columns * step_vectors;
    const word_lanes: usize = Step.columns / step_vectors;

    return struct {
        const Block = struct {
            words: [block_rows][columns]i16 align(64),
            scales: [block_rows]F,
            biases: [block_rows]F,
            sums: [block_rows][block_tokens]F,
        };

        /// Output rows [row_first, row_end) for all tokens of the input.
        pub fn run(matrix: *const Matrix, rows: tile.Rows, input: *const tables.Input, output: *const tables.Output, row_first: usize, row_end: usize) void {
            // Blocks of equal length, in whole tiles.
            const blocks = divideUp(input.tokens, block_tokens);
            const length = divideUp(divideUp(input.tokens, blocks), isa.expanded_tokens) * isa.expanded_tokens;
            var first: usize = 0;
            while (first < input.tokens) : (first += length) {
                const count = @min(length, input.tokens - first);
                var x: [block_tokens][*]const u8 = undefined;
                for (x[0..count], first..) |*to, t| to.* = rows.base + (if (input.index) |index| index[t] else t) * rows.stride;
                var row = row_first;
                while (row < row_end) : (row += block_rows) {
                    var block: Block = undefined;
                    const here = @min(block_rows, row_end - row);
                    sumBlock(&block, matrix, x[0..count], row, here);
                    for (0..count) |i| {
                        const t = first + i;
                        const to = output.out + (if (output.index) |index| index[t] else t) * output.stride + row;
                        store(&block, i, here, to);
                    }
                }
            }
        }

        fn sumBlock(block: *Block, matrix: *const Matrix, x: []const [*]const u8, row: usize, rows: usize) void {
            const groups = matrix.cols / group;
            const whole = row + rows <= Single.carefulFrom(matrix);
            var first: usize = 0;
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                for (0..rows) |r| if (whole) expand(false, block, matrix, row + r, r, first, here) else expand(true, block, matrix, row + r, r, first, here);
                var t: usize = 0;
                while (t + isa.expanded_tokens <= x.len) : (t += isa.expanded_tokens) sumTokens(isa.expanded_tokens, block, matrix.cols, x[t..], t, rows, first, here);
                while (t < x.len) : (t += 1) sumTokens(1, block, matrix.cols, x[t..], t, rows, first, here);
            }
        }

        /// Groups [first, first + here) of one row, as words in the order of the prepared activations.
        fn expand(comptime careful: bool, block: *Block, matrix: *const Matrix, row: usize, r: usize, first: usize, here: usize) void {
            const groups = matrix.cols / group;
            const row_bytes = matrix.cols / 8 * bits;
            const end = matrix.weight + matrix.rows * row_bytes;
            var from = matrix.weight + row * row_bytes + first * group / 8 * bits;
            const steps = divideUp(here * group, Step.columns);
            // The rows of the next block, in the order in which they lie.
            const ahead = from + block_rows * row_bytes;
            var at: usize = 0;
            while (at < steps * Step.bytes) : (at += 64) @prefetch(ahead + at, .{ .locality = 2 });
            for (0..steps) |step| {
                const weights = if (careful) Single.loadEnd(from, end) else Step.load(from);
                inline for (weights, 0..) |w, k| {
                    const to: *@TypeOf(w) = @ptrCast(@alignCast(&block.words[r][step * Step.columns + k * word_lanes]));
                    to.* = w;
                }
                from += Step.bytes;
            }
            const source: affine.Source = .{ .matrix = matrix, .groups = groups };
            const pair = source.load(careful, 1, row, first, here);
            block.scales[r] = pair.scales[0];
            block.biases[r] = pair.biases[0];
            if (Step.centre != 0) block.biases[r] = @mulAdd(F, pair.scales[0], @splat(Step.centre), pair.biases[0]);
        }

        fn sumTokens(comptime count: usize, block: *Block, cols: usize, x: []const [*]const u8, t: usize, rows: usize, first: usize, here: usize) void {
            var r: usize = 0;
            while (r + isa.expanded_rows <= rows) : (r += isa.expanded_rows) sumTile(isa.expanded_rows, count, block, cols, x[0..count], t, r, first, here);
            while (r < rows) : (r += 1) sumTile(1, count, block, cols, x[0..count], t, r, first, here);
        }

        inline fn sumTile(comptime rows: usize, comptime count: usize, block: *Block, cols: usize, x: *const [count][*]const u8, t: usize, r: usize, first: usize, here: usize) void {
            const parts: activations.Parts = .of(cols);
            var y: [rows][count]F = undefined;
            var scale: [rows][count]F = undefined;
            inline for (0..rows) |i| inline for (0..count) |j| {
                const before: F = if (first == 0) @splat(0) else block.sums[r + i][t + j];
                y[i][j] = @mulAdd(F, block.biases[r + i], affine.floats(x[j] + parts.sums, first), before);
                scale[i][j] = block.scales[r + i] * affine.floats(x[j], first);
            };
            var values: [count][*]const u8 = undefined;
            inline for (&values, x) |*to, from| to.* = from + parts.values + first * group * 2;
            var words: [*]const i16 = &block.words[r];
            for (0..divideUp(here, Single.per_step)) |unit| {
                var sum: [rows][count]isa.I = undefined;
                inline for (0..unit_vectors) |v| {
                    var left: [rows]isa.W = undefined;
                    inline for (0..rows) |i| left[i] = @as(*const isa.W, @ptrCast(@alignCast(words + i * columns + v * word_lanes))).*;
                    inline for (0..count) |j| {
                        const right: isa.W = @as(*const isa.W, @ptrCast(@alignCast(values[j] + v * word_lanes * 2))).*;
                        inline for (0..rows) |i| {
                            const product = isa.multiply(left[i], right);
                            sum[i][j] = isa.keep(if (v == 0) product else sum[i][j] +% product);
                        }
                    }
                }
                inline for (0..rows) |i| inline for (0..count) |j| {
                    const exact: F = @floatFromInt(sum[i][j]);
                    const factor: F = if (Single.per_step == 1) @splat(@as(*const [lanes]f32, @ptrCast(&scale[i][j]))[unit]) else isa.pick(scale[i][j], Single.per_step, unit);
                    y[i][j] = @mulAdd(F, exact, factor, y[i][j]);
                };
                words += unit_columns;
                inline for (&values) |*to| to.* += unit_columns * 2;
            }
            inline for (0..rows) |i| inline for (0..count) |j| {
                block.sums[r + i][t + j] = y[i][j];
            };
        }

        fn store(block: *const Block, t: usize, rows: usize, to: [*]f32) void {
            if (rows == block_rows) {
                var sums: [block_rows]F = undefined;
                inline for (&sums, 0..) |*sum, r| sum.* = block.sums[r][t];
                to[0..block_rows].* = math.sumMany(block_rows, sums);
            } else for (0..rows) |r| {
                to[r] = vectors.sum(lanes, block.sums[r][t]);
            }
        }
    };
}

fn divideUp(a: usize, b: usize) usize {
    return (a + b - 1) / b;
}
