//! Affine products where the level multiplies 16-bit words: `lanes` rows side by side, one lane each, so that a group's
//! exact integer sum is turned into floats once for all of them. One output value, group after group:
//! y += b_g * sum_g; y += (s_g * sx_g) * sum(q_w q_x), both fused. expanded.zig does the same for batches.
//! Memory is the caller's; any thread enters.

const std = @import("std");
const tables = @import("table.zig");
const isa = @import("isa.zig").current;
const activations = @import("activations.zig");
const affine = @import("affine.zig");
const vectors = @import("vectors.zig");
const tile = @import("tile.zig");
const Matrix = tables.Matrix;
const lanes = isa.lanes;
const F = isa.F;
const I = isa.I;

/// How far ahead weights are asked for, at least; see affine.zig.
const prefetch_ahead = 4096;

/// `lanes` groups of as many rows: vector g holds that group's number of every row.
pub const Factors = struct { scales: [lanes]F, biases: [lanes]F };

pub fn RowLanes(comptime bits: u32, comptime group: usize) type {
    const Step = isa.Step(bits);
    const Rows = affine.Affine(bits, group);
    const per_step: usize = Rows.per_step;
    const steps_per_group: usize = @max(group / Step.columns, 1);

    return struct {
        /// Output rows [row_first, row_end) for few tokens, one after the other over a block of rows.
        pub fn run(matrix: *const Matrix, rows: tile.Rows, input: *const tables.Input, output: *const tables.Output, row_first: usize, row_end: usize) void {
            const whole_end = @min(row_end, Rows.carefulFrom(matrix));
            var block = row_first;
            while (block < row_end) : (block += tile.row_block) {
                const end = @min(block + tile.row_block, row_end);
                for (0..input.tokens) |t| {
                    const x = rows.base + (if (input.index) |index| index[t] else t) * rows.stride;
                    const out = output.out + (if (output.index) |index| index[t] else t) * output.stride;
                    var row = block;
                    while (row + lanes <= @min(end, whole_end)) : (row += lanes) out[row..][0..lanes].* = many(matrix, x, row);
                    while (row < end) : (row += 1) out[row] = one(matrix, x, row);
                }
            }
        }

        /// Scales and biases of groups [first, first + here) of rows [row, row + count), 0 elsewhere.
        pub inline fn factors(comptime careful: bool, matrix: *const Matrix, row: usize, count: usize, first: usize, here: usize) Factors {
            const source: affine.Source = .{ .matrix = matrix, .groups = matrix.cols / group };
            if (!careful) {
                const pair = source.load(false, lanes, row, first, here);
                return .{ .scales = vectors.transpose(f32, pair.scales), .biases = vectors.transpose(f32, pair.biases) };
            }
            var scales: [lanes]F = @splat(@splat(0));
            var biases: [lanes]F = @splat(@splat(0));
            for (0..count) |r| {
                const pair = source.load(true, 1, row + r, first, here);
                scales[r] = pair.scales[0];
                biases[r] = pair.biases[0];
            }
            return .{ .scales = vectors.transpose(f32, scales), .biases = vectors.transpose(f32, biases) };
        }

        /// Rows [row, row + lanes) of one token; none of them needs care.
        fn many(matrix: *const Matrix, prepared: [*]const u8, row: usize) F {
            const groups = matrix.cols / group;
            const row_bytes = matrix.cols / 8 * bits;
            const parts: activations.Parts = .of(matrix.cols);
            var weight = matrix.weight + row * row_bytes;
            var ahead = weight + @max(lanes * row_bytes, prefetch_ahead);
            var x = prepared + parts.values;
            var y: F = @splat(0);
            var first: usize = 0; // group
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                const f = factors(false, matrix, row, lanes, first, here);
                for (0..divideUp(here, per_step)) |unit| {
                    var sums: [lanes]I = undefined;
                    inline for (&sums, 0..) |*sum, r| {
                        inline for (0..steps_per_group) |i| {
                            const w = Step.load(weight + r * row_bytes + i * Step.bytes);
                            @prefetch(ahead + (r * steps_per_group + i) * Step.bytes, .{});
                            const a = x + i * Step.columns * 2;
                            sum.* = if (i == 0) Step.start(w, a) else Step.add(sum.*, w, a);
                        }
                    }
                    weight += steps_per_group * Step.bytes;
                    ahead += lanes * steps_per_group * Step.bytes;
                    x += steps_per_group * Step.columns * 2;
                    const exact = isa.fold(per_step, sums);
                    inline for (exact, 0..) |sum, i| {
                        const g = unit * per_step + i;
                        if (per_step == 1 or g < here) y = addGroup(y, f.scales[g], f.biases[g], prepared, parts, first + g, sum);
                    }
                }
            }
            return y;
        }

        /// One row, whatever lies behind it.
        fn one(matrix: *const Matrix, prepared: [*]const u8, row: usize) f32 {
            const groups = matrix.cols / group;
            const row_bytes = matrix.cols / 8 * bits;
            const parts: activations.Parts = .of(matrix.cols);
            const end = matrix.weight + matrix.rows * row_bytes;
            const source: affine.Source = .{ .matrix = matrix, .groups = groups };
            var weight = matrix.weight + row * row_bytes;
            var x = prepared + parts.values;
            var y: f32 = 0;
            var first: usize = 0;
            while (first < groups) : (first += lanes) {
                const here = @min(lanes, groups - first);
                const pair = source.load(true, 1, row, first, here);
                const scales: [lanes]f32 = pair.scales[0];
                const biases: [lanes]f32 = pair.biases[0];
                for (0..divideUp(here, per_step)) |unit| {
                    var sum: I = @splat(0);
                    inline for (0..steps_per_group) |i| {
                        sum = Step.add(sum, Rows.loadEnd(weight + i * Step.bytes, end), x + i * Step.columns * 2);
                    }
                    weight += steps_per_group * Step.bytes;
                    x += steps_per_group * Step.columns * 2;
                    const parts_of_step: [per_step]@Vector(lanes / per_step, i32) = @bitCast(sum);
                    inline for (parts_of_step, 0..) |some, i| {
                        const g = unit * per_step + i;
                        if (per_step == 1 or g < here) {
                            const lane: F = addGroup(@splat(y), @splat(scales[g]), @splat(biases[g]), prepared, parts, first + g, @splat(@reduce(.Add, some)));
                            y = lane[0];
                        }
                    }
                }
            }
            return y;
        }
    };
}

/// The definition of a value's next sum.
pub inline fn addGroup(y: F, scale: F, bias: F, prepared: [*]const u8, parts: activations.Parts, g: usize, sum: I) F {
    const scales: [*]const f32 = @ptrCast(@alignCast(prepared));
    const sums: [*]const f32 = @ptrCast(@alignCast(prepared + parts.sums));
    const before = @mulAdd(F, bias, @splat(sums[g]), y);
    return @mulAdd(F, @as(F, @floatFromInt(sum)), scale * @as(F, @splat(scales[g])), before);
}

fn divideUp(a: usize, b: usize) usize {
    return (a + b - 1) / b;
}
