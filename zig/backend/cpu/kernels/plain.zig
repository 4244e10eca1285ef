//! Products with plain f32, f16 or bf16 weights: f32 activations as they are, f32 sums in `lanes` lanes, then the
//! lanes in one fixed order. Memory is the caller's; any thread enters.

const tables = @import("table.zig");
const isa = @import("isa.zig").current;
const vectors = @import("vectors.zig");
const Tile = @import("tile.zig").Tile;
const lanes = isa.lanes;
const F = isa.F;

const prefetch_ahead = 4096;

pub fn Plain(comptime format: tables.Format) type {
    const number_bytes = if (format == .f32) 4 else 2;
    return struct {
        /// A tile of several tokens: so many sums that an addition need not wait for the one before, so few that they and
        /// the operands stay in the registers.
        pub const batch_rows = @max(isa.batch_rows, 2);

        /// Only the columns after the last whole vector need care, and those always get it.
        pub fn carefulFrom(matrix: *const tables.Matrix) usize {
            return matrix.rows;
        }

        pub fn run(comptime _: bool, comptime rows: usize, comptime count: usize, matrix: *const tables.Matrix, tile: *const Tile(count), row: usize) void {
            @setEvalBranchQuota(10_000); // the tile is unrolled
            const cols = matrix.cols;
            var ahead = matrix.weight + row * cols * number_bytes + @max(rows * cols * number_bytes, prefetch_ahead);
            var y: [rows][count]F = @splat(@splat(@splat(0)));
            var column: usize = 0;
            while (column + lanes <= cols) : (column += lanes) {
                inline for (0..rows) |r| {
                    const index = (row + r) * cols + column;
                    if (count == 1) {
                        @prefetch(ahead, .{});
                        ahead += lanes * number_bytes;
                    }
                    const w = vectors.numbersOf(lanes, format, matrix.weight, index);
                    inline for (0..count) |t| {
                        const x = vectors.numbersOf(lanes, .f32, tile.input[t], column);
                        y[r][t] = @mulAdd(F, w, x, y[r][t]);
                    }
                }
            }
            if (column < cols) inline for (0..rows) |r| {
                const w = vectors.numbersEnd(lanes, format, matrix.weight, (row + r) * cols + column, cols - column);
                inline for (0..count) |t| {
                    const x = vectors.numbersEnd(lanes, .f32, tile.input[t], column, cols - column);
                    y[r][t] = @mulAdd(F, w, x, y[r][t]);
                }
            };
            inline for (0..count) |t| inline for (0..rows) |r| {
                tile.out[t][row + r] = vectors.sum(lanes, y[r][t]);
            };
        }
    };
}
