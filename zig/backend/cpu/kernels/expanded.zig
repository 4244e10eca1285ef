//! Affine products of several tokens where the level multiplies 16-bit words: a block of rows is expanded once, `lanes`
//! groups at a time, the rows side by side in the lanes, and every token of a block passes over it from the first-level
//! cache. The arithmetic of one output value is that of row_lanes.zig, so a token's result is the same in any batch.
//! Memory is the caller's, buffers are on the stack; any thread enters.

const std = @import("std");
const tables = @import("table.zig");
const isa = @import("isa.zig").current;
const activations = @import("activations.zig");
const affine = @import("affine.zig");
const row_lanes = @import("row_lanes.zig");
const tile = @import("tile.zig");
const Matrix = tables.Matrix;
const lanes = isa.lanes;
const F = isa.F;
const W = isa.W;

/// Vectors of rows expanded at a time: with their tokens' running sums they stay in the first-level cache.
const row_vectors = isa.expanded_rows;
const block_rows = row_vectors * lanes;
/// Tokens that pass over a block of rows: as many as keep their activations in the second-level cache.
const block_tokens = 64;

comptime {
    std.debug.assert(block_tokens % isa.expanded_tokens == 0);
}

pub fn Expanded(comptime bits: u32, comptime group: usize) type {
    const Step = isa.Step(bits);
    const Rows = affine.Affine(bits, group);
    const RowLanes = row_lanes.RowLanes(bits, group);
    const per_step: usize = Rows.per_step;
    // Pairs of columns: what one lane multiplies at once.
    const step_pairs: usize = Step.columns / 2;
    const group_pairs = group / 2;
    // A group's pairs lie in runs, one in each vector of a step.
    const run_pairs: usize = lanes / per_step;
    const runs: usize = group_pairs / run_pairs;

    return struct {
        /// Weights to ask for, and how many cache lines of them at a time.
        const Ahead = struct { next: [*]const u8, lines: usize };

        const Block = struct {
            words: [@as(usize, lanes) * group_pairs][row_vectors]W,
            scales: [row_vectors][lanes]F,
            biases: [row_vectors][lanes]F,
            sums: [block_tokens][row_vectors]F,
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
                    for (block.sums[0..count], first..) |*sums, t| {
                        const to = output.out + (if (output.index) |index| index[t] else t) * output.stride + row;
                        const values: *const [block_rows]f32 = @ptrCast(sums);
                        if (here == block_rows) to[0..block_rows].* = values.* else @memcpy(to[0..here], values[0..here]);
                    }
                }
            }
        }

        fn sumBlock(block: *Block, matrix: *const Matrix, x: []const [*]const u8, row: usize, rows: usize) void {
            const groups = matrix.cols / group;
            const whole = rows == block_rows and row + rows <= Rows.carefulFrom(matrix);
            // The next block's weights are fetched meanwhile, a little in every tile's every group.
            const block_bytes = block_rows * (matrix.cols / 8 * bits);
            const tiles = x.len / isa.expanded_tokens + x.len % isa.expanded_tokens;
            var ahead: Ahead = .{
                .next = matrix.weight + row * (matrix.cols / 8 * bits) + block_bytes,
                .lines = divideUp(block_bytes / 64, groups * tiles),
            };
            var first: usize = 0;
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                for (0..row_vectors) |v| {
                    if (whole) expand(false, block, matrix, row, rows, v, first, here) else expand(true, block, matrix, row, rows, v, first, here);
                }
                var t: usize = 0;
                while (t + isa.expanded_tokens <= x.len) : (t += isa.expanded_tokens) sumTile(isa.expanded_tokens, block, matrix.cols, x[t..], t, first, here, &ahead);
                while (t < x.len) : (t += 1) sumTile(1, block, matrix.cols, x[t..], t, first, here, &ahead);
            }
        }

        /// Groups [first, first + here) of `lanes` rows, as words in the order of the prepared activations.
        fn expand(comptime careful: bool, block: *Block, matrix: *const Matrix, block_row: usize, rows: usize, v: usize, first: usize, here: usize) void {
            const row_bytes = matrix.cols / 8 * bits;
            const end = matrix.weight + matrix.rows * row_bytes;
            const row = block_row + v * lanes;
            const count = if (careful) @min(rows -| v * lanes, lanes) else lanes;
            const steps = divideUp(here * group, Step.columns);
            var from: [lanes][*]const u8 = undefined;
            // Rows beyond the last one repeat it; nobody looks at them.
            for (&from, 0..) |*to, r| to.* = matrix.weight + @min(row + r, block_row + rows - 1) * row_bytes + first * group / 8 * bits;
            for (0..steps) |step| {
                var words: [step_pairs]W = undefined;
                if (careful) {
                    var copies: [lanes][Step.bytes + Step.overread]u8 = @splat(@splat(0));
                    var copied: [lanes][*]const u8 = undefined;
                    for (&copies, &copied, from) |*copy, *to, start| {
                        const left = @min(copy.len, @intFromPtr(end) -| @intFromPtr(start));
                        for (copy[0..left], start) |*byte, source| byte.* = source;
                        to.* = copy;
                    }
                    words = Step.interleave(copied);
                } else words = Step.interleave(from);
                inline for (words, 0..) |w, pair| block.words[step * step_pairs + pair][v] = w;
                for (&from) |*to| to.* += Step.bytes;
            }
            const factors = RowLanes.factors(careful, matrix, row, count, first, here);
            block.scales[v] = factors.scales;
            block.biases[v] = factors.biases;
        }

        fn sumTile(comptime count: usize, block: *Block, cols: usize, x: []const [*]const u8, t: usize, first: usize, here: usize, ahead: *Ahead) void {
            const parts: activations.Parts = .of(cols);
            var y: [row_vectors][count]F = undefined;
            inline for (0..row_vectors) |i| inline for (0..count) |j| {
                y[i][j] = if (first == 0) @splat(0) else block.sums[t + j][i];
            };
            for (0..here) |g| {
                for (0..ahead.lines) |_| {
                    @prefetch(ahead.next, .{ .locality = 2 });
                    ahead.next += 64;
                }
                const pair = if (per_step == 1) g * group_pairs else g / per_step * step_pairs + g % per_step * run_pairs;
                var values: [count][*]const u8 = undefined;
                inline for (&values, x[0..count]) |*to, from| to.* = from + parts.values + first * group * 2 + pair * 4;
                const sum = sumGroup(count, block.words[pair..].ptr, values);
                inline for (0..row_vectors) |i| inline for (0..count) |j| {
                    y[i][j] = row_lanes.addGroup(y[i][j], block.scales[i][g], block.biases[i][g], x[j], parts, first + g, sum[i][j]);
                };
            }
            inline for (0..row_vectors) |i| inline for (0..count) |j| {
                block.sums[t + j][i] = y[i][j];
            };
        }

        inline fn sumGroup(comptime count: usize, from: [*]const [row_vectors]W, x: [count][*]const u8) [row_vectors][count]isa.I {
            var words = from;
            var values = x;
            var sum: [row_vectors][count]isa.I = @splat(@splat(@splat(0)));
            for (0..runs) |_| {
                inline for (0..run_pairs) |p| {
                    var left: [row_vectors]W = undefined;
                    inline for (&left, words[p]) |*to, w| to.* = isa.hold(w);
                    inline for (0..count) |j| {
                        const right = isa.pairOf(values[j] + p * 4);
                        inline for (0..row_vectors) |i| sum[i][j] = isa.keep(sum[i][j] +% isa.multiply(left[i], right));
                    }
                }
                words += lanes;
                inline for (&values) |*to| to.* += lanes * 4;
            }
            return sum;
        }
    };
}

fn divideUp(a: usize, b: usize) usize {
    return (a + b - 1) / b;
}
