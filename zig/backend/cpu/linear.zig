//! Linear products: the input is prepared once per layout, then the rows of all matrices are shared out in one go.
//! Memory belongs to the enqueuer and to scratch; the engine's thread enters.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const tables = @import("kernels/table.zig");
const scratches = @import("scratch.zig");
const Cpu = @import("backend.zig").Cpu;

/// Weight bytes of one item: long enough to hide the taking of it, short enough to share out evenly.
const item_bytes = 96 << 10;
/// Every item of a product passes over all tokens' activations. Where they are this many, and so do not stay in the first
/// caches, larger items are faster, as long as every thread has so many.
const long_tokens = 256;
const long_items_least = 8;
const long_scale_max = 4;
/// Products smaller than this (weight bytes times tokens) stay on the calling thread.
const inline_bytes = 48 << 10;

pub fn matrixOf(linear: *const interface.Linear) tables.Matrix {
    const affine = linear.format == .affine;
    return .{
        .weight = linear.weight.pointer(),
        .scales = if (affine) linear.scales.pointer() else linear.weight.pointer(),
        .biases = if (affine) linear.biases.pointer() else linear.weight.pointer(),
        .rows = linear.rows,
        .cols = linear.cols,
        .format = @intFromEnum(linear.format),
        .bits = linear.bits,
        .group = linear.group,
        .scale_format = @intFromEnum(linear.scale_format),
    };
}

/// Bytes of one matrix row, scales left out.
pub fn rowBytes(matrix: *const tables.Matrix) usize {
    const format: abi.Format = @enumFromInt(matrix.format);
    return switch (format) {
        .f32 => matrix.cols * 4,
        .f16, .bf16 => matrix.cols * 2,
        .affine => matrix.cols * matrix.bits / 8,
    };
}

/// Rows of one item, a multiple of the kernel's tile.
pub fn itemRows(matrix: *const tables.Matrix) usize {
    return std.mem.alignForward(usize, @max(1, item_bytes / @max(1, rowBytes(matrix))), tables.row_tile * 4);
}

/// The prepared forms of one input that a dispatch uses.
pub const Planes = struct {
    layouts: [scratches.plane_count]u32 = @splat(0),
    count: usize = 0,
    cols: usize,

    /// Takes the layout in; false when it is new and there is no room for it.
    pub fn admit(planes: *Planes, layout: u32) bool {
        if (layout == 0) return true;
        for (planes.layouts[0..planes.count]) |known| if (known == layout) return true;
        if (planes.count == planes.layouts.len) return false;
        planes.layouts[planes.count] = layout;
        planes.count += 1;
        return true;
    }

    pub fn memory(planes: *const Planes, cpu: *const Cpu, layout: u32) [*]align(64) u8 {
        const scratch = cpu.work();
        for (planes.layouts[0..planes.count], 0..) |known, i| {
            if (known == layout) return scratch.slice(u8, scratch.plan.planes[i]).ptr;
        }
        return scratch.slice(u8, scratch.plan.planes[0]).ptr; // layout 0 reads none
    }

    /// Prepares one row of x [.., cols] in every layout.
    pub fn prepareRow(planes: *const Planes, cpu: *const Cpu, x: [*]const f32, row: usize) void {
        for (planes.layouts[0..planes.count]) |layout| {
            cpu.table.prepare(layout, x, planes.cols, planes.cols, row, row + 1, planes.memory(cpu, layout));
        }
    }
};

/// Matrices of one dispatch at most; more take another round.
const round_outputs = 12;

const Round = struct {
    cpu: *Cpu,
    args: *const interface.LinearArgs,
    planes: Planes,
    matrices: [round_outputs]tables.Matrix = undefined,
    inputs: [round_outputs]tables.Input = undefined,
    outputs: [round_outputs]tables.Output = undefined,
    rows: [round_outputs]usize = undefined, // of an item
    item_ends: [round_outputs]usize = undefined,
    count: usize = 0,
};

pub fn run(cpu: *Cpu, args: *const interface.LinearArgs) void {
    if (args.tokens == 0 or args.outputs.len == 0) return;
    var next: usize = 0;
    while (next < args.outputs.len) {
        var round: Round = .{ .cpu = cpu, .args = args, .planes = .{ .cols = args.outputs[next].weight.cols } };
        while (next < args.outputs.len and round.count < round_outputs) : (next += 1) {
            const matrix = matrixOf(args.outputs[next].weight);
            std.debug.assert(matrix.cols == round.planes.cols);
            if (!round.planes.admit(cpu.table.input_layout(&matrix))) break;
            round.matrices[round.count] = matrix;
            round.outputs[round.count] = .{ .out = @ptrCast(@alignCast(args.outputs[next].out.pointer())), .stride = matrix.rows };
            round.count += 1;
        }
        dispatch(&round);
    }
}

fn dispatch(round: *Round) void {
    const cpu = round.cpu;
    const x: [*]const f32 = @ptrCast(@alignCast(round.args.x.pointer()));
    if (round.planes.count > 0) {
        std.debug.assert(round.args.tokens * tables.preparedBytes(round.planes.cols) <= cpu.work().plan.planes[0].bytes);
        cpu.spread(round.args.tokens, round.planes.cols / 4, round, prepareRange);
    }
    const scale = itemScale(round);
    var items: usize = 0;
    var bytes: usize = 0;
    for (round.matrices[0..round.count], 0..) |*matrix, i| {
        round.inputs[i] = .{
            .x = x,
            .stride = matrix.cols,
            .prepared = round.planes.memory(cpu, cpu.table.input_layout(matrix)),
            .tokens = round.args.tokens,
        };
        round.rows[i] = itemRows(matrix) * scale;
        items += itemsOf(matrix, round.rows[i]);
        round.item_ends[i] = items;
        bytes += matrix.rows * rowBytes(matrix);
    }
    if (bytes * round.args.tokens < inline_bytes) {
        for (0..round.count) |i| cpu.table.linear(&round.matrices[i], &round.inputs[i], &round.outputs[i], 0, round.matrices[i].rows);
    } else cpu.pool.run(items, round, runItem);
}

fn itemsOf(matrix: *const tables.Matrix, rows: usize) usize {
    return (matrix.rows + rows - 1) / rows;
}

/// How many times the usual rows an item takes.
fn itemScale(round: *const Round) usize {
    if (round.args.tokens < long_tokens) return 1;
    var items: usize = 0;
    for (round.matrices[0..round.count]) |*matrix| items += itemsOf(matrix, itemRows(matrix));
    var scale: usize = 1;
    while (scale < long_scale_max and items / (2 * scale) >= long_items_least * round.cpu.pool.threadCount()) scale *= 2;
    return scale;
}

fn prepareRange(round: *Round, first: usize, end: usize, _: usize) void {
    const x: [*]const f32 = @ptrCast(@alignCast(round.args.x.pointer()));
    for (first..end) |row| round.planes.prepareRow(round.cpu, x, row);
}

fn runItem(round: *Round, item: usize, _: usize) void {
    var i: usize = 0;
    while (item >= round.item_ends[i]) i += 1;
    const before = if (i == 0) 0 else round.item_ends[i - 1];
    const first = (item - before) * round.rows[i];
    const matrix = &round.matrices[i];
    round.cpu.table.linear(matrix, &round.inputs[i], &round.outputs[i], first, @min(first + round.rows[i], matrix.rows));
}
