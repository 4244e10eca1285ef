//! The table's linear product of one level: picks the kernel for a matrix's format, bits and group.
//! Memory is the caller's; any thread enters with rows of its own.

const std = @import("std");
const tables = @import("table.zig");
const tile = @import("tile.zig");
const isa = @import("isa.zig").current;
const Affine = @import("affine.zig").Affine;
const Expanded = @import("expanded.zig").Expanded;
const RowLanes = @import("row_lanes.zig").RowLanes;
const Plain = @import("plain.zig").Plain;
const activations = @import("activations.zig");

pub fn inputLayout(matrix: *const tables.Matrix) callconv(.c) u32 {
    tables.assertMatrix(matrix);
    if (matrix.format != @intFromEnum(tables.Format.affine)) return 0;
    switch (matrix.bits) {
        inline 2, 3, 4, 5, 6, 8 => |bits| {
            var layout: activations.Layout = isa.Step(bits).layout;
            layout.group = @intCast(matrix.group);
            return @bitCast(layout);
        },
        else => unreachable,
    }
}

pub fn linear(matrix: *const tables.Matrix, input: *const tables.Input, output: *const tables.Output, row_first: u64, row_end: u64) callconv(.c) void {
    tables.assertMatrix(matrix);
    std.debug.assert(row_end <= matrix.rows);
    switch (@as(tables.Format, @enumFromInt(matrix.format))) {
        .affine => {
            const rows: tile.Rows = .{ .base = input.prepared, .stride = tables.preparedBytes(matrix.cols) };
            switch (matrix.bits) {
                inline 2, 3, 4, 5, 6, 8 => |bits| switch (matrix.group) {
                    inline 32, 64, 128 => |group| {
                        const Step = isa.Step(bits);
                        if (isa.expanded_tokens > 0 and Step.layout.kind == .words) {
                            if (input.tokens < isa.expanded_least) return RowLanes(bits, group).run(matrix, rows, input, output, row_first, row_end);
                            return Expanded(bits, group).run(matrix, rows, input, output, row_first, row_end);
                        }
                        tile.forEach(Affine(bits, group), matrix, rows, input, output, row_first, row_end);
                    },
                    else => unreachable,
                },
                else => unreachable,
            }
        },
        inline else => |format| {
            const rows: tile.Rows = .{ .base = @ptrCast(input.x), .stride = input.stride * 4 };
            tile.forEach(Plain(format), matrix, rows, input, output, row_first, row_end);
        },
    }
}
