//! Cuts a product into tiles of rows x tokens that fit the registers. Rows go in blocks small enough that a
//! block's weights stay in the first caches while tile after tile of tokens passes over them.
//! Memory is the caller's; any thread enters.

const tables = @import("table.zig");
const isa = @import("isa.zig").current;

/// `count` tokens of a product: where each one's input starts and where its results go.
pub fn Tile(comptime count: usize) type {
    return struct {
        input: [count][*]const u8,
        out: [count][*]f32,
    };
}

pub const row_block = 16;

/// Where input row i lies: prepared activations, or plain f32 rows.
pub const Rows = struct { base: [*]const u8, stride: usize };

/// Runs Kernel.run(careful, rows, tokens, matrix, tile, row) over all tiles of rows [row_first, row_end). A kernel may have
/// tiles of another height for several tokens.
pub fn forEach(comptime Kernel: type, matrix: *const tables.Matrix, rows: Rows, input: *const tables.Input, output: *const tables.Output, row_first: usize, row_end: usize) void {
    var block = row_first;
    while (block < row_end) : (block += row_block) {
        const block_end = @min(block + row_block, row_end);
        var token: usize = 0;
        while (token + isa.batch_tokens <= input.tokens) : (token += isa.batch_tokens) {
            const tile = tileOf(isa.batch_tokens, rows, input, output, token);
            rowsOf(Kernel, if (@hasDecl(Kernel, "batch_rows")) Kernel.batch_rows else isa.batch_rows, isa.batch_tokens, matrix, &tile, block, block_end);
        }
        while (token < input.tokens) : (token += 1) {
            const tile = tileOf(1, rows, input, output, token);
            rowsOf(Kernel, isa.single_rows, 1, matrix, &tile, block, block_end);
        }
    }
}

fn rowsOf(comptime Kernel: type, comptime rows: usize, comptime count: usize, matrix: *const tables.Matrix, tile: *const Tile(count), first: usize, end: usize) void {
    const whole_end = @min(end, Kernel.carefulFrom(matrix));
    var row = first;
    while (row + rows <= whole_end) : (row += rows) Kernel.run(false, rows, count, matrix, tile, row);
    while (row < end) : (row += 1) Kernel.run(true, 1, count, matrix, tile, row);
}

fn tileOf(comptime count: usize, rows: Rows, input: *const tables.Input, output: *const tables.Output, token: usize) Tile(count) {
    var tile: Tile(count) = undefined;
    for (&tile.input, &tile.out, token..) |*in, *out, t| {
        const from = if (input.index) |index| index[t] else t;
        const to = if (output.index) |index| index[t] else t;
        in.* = rows.base + from * rows.stride;
        out.* = output.out + to * output.stride;
    }
    return tile;
}
