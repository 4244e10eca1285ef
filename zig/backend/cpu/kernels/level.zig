//! Root of one CPU level's object: compiled once per level with that level's instructions, exports one hidden
//! symbol, the level's kernel table. Nothing in here may be reached except through that table, and only after
//! detect.zig has seen the machine support the level. No memory, no state; any thread enters.

const options = @import("options");
const tables = @import("table.zig");
const activations = @import("activations.zig");
const reference = @import("reference.zig");
const linear = @import("linear.zig");
const float_simd = @import("float_simd.zig");

const table: tables.KernelTable = .{
    .input_layout = &linear.inputLayout,
    .prepare = &activations.prepare,
    .linear = &linear.linear,
    .row = &reference.rowValues,
    .float = float_simd.table,
};

comptime {
    @export(&table, .{ .name = "fm_kernels_" ++ options.level, .visibility = .hidden });
}
