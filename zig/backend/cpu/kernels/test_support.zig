//! For the kernel tests: memory that ends at an inaccessible page, random matrices and inputs, and the exact
//! result with the error a level may make. Each object frees what it owns; one thread.

const std = @import("std");
const abi = @import("../../../abi/types.zig");
const tables = @import("table.zig");
const detect = @import("detect.zig");
const reference = @import("reference.zig");
const Matrix = tables.Matrix;
const Format = tables.Format;

pub const all_bits = [_]u32{ 2, 3, 4, 5, 6, 8 };
pub const all_groups = [_]u32{ 32, 64, 128 };
pub const all_formats = [_]Format{ .f32, .f16, .bf16 };

/// Bytes that end exactly where an inaccessible page begins: a read one byte too far ends the test run. The
/// start has whatever alignment the length leaves.
pub const Guarded = struct {
    bytes: []u8,
    mapping: []align(std.heap.page_size_min) u8,

    pub fn init(count: usize) !Guarded {
        const page = std.heap.pageSize();
        const usable = std.mem.alignForward(usize, count, page);
        const mapping = try std.posix.mmap(null, usable + page, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true }, -1, 0);
        errdefer std.posix.munmap(mapping);
        const guard: []align(std.heap.page_size_min) u8 = @alignCast(mapping[usable..]);
        if (std.c.mprotect(@ptrCast(guard.ptr), guard.len, .{}) != 0) return error.GuardFailed;
        return .{ .bytes = mapping[usable - count .. usable], .mapping = mapping };
    }

    pub fn deinit(self: *Guarded) void {
        std.posix.munmap(self.mapping);
    }
};

/// The levels under test: all this machine has but the definition itself.
pub const Levels = struct {
    iterator: std.EnumSet(abi.CpuLevel).Iterator,

    pub const Level = struct { level: abi.CpuLevel, table: *const tables.KernelTable };

    pub fn init(set: *const std.EnumSet(abi.CpuLevel)) Levels {
        return .{ .iterator = set.iterator() };
    }

    pub fn next(self: *Levels) ?Level {
        while (self.iterator.next()) |level| {
            if (level != .scalar) return .{ .level = level, .table = detect.tableOf(level).? };
        }
        return null;
    }
};

/// A random matrix in guarded memory of its own.
pub const TestMatrix = struct {
    matrix: Matrix,
    weight: Guarded,
    scales: Guarded,
    biases: Guarded,

    pub fn affine(random: std.Random, rows: usize, cols: usize, bits: u32, group: u32, scale_format: Format) !TestMatrix {
        const number_bytes: usize = if (scale_format == .f32) 4 else 2;
        var weight: Guarded = try .init(rows * cols * bits / 8);
        errdefer weight.deinit();
        var scales: Guarded = try .init(rows * cols / group * number_bytes);
        errdefer scales.deinit();
        const biases: Guarded = try .init(rows * cols / group * number_bytes);
        random.bytes(weight.bytes);
        const steps: f32 = @floatFromInt((@as(u32, 1) << @intCast(bits)) - 1);
        for (0..rows * cols / group) |g| {
            const scale = (0.5 + random.float(f32)) / steps * @as(f32, if (random.boolean()) 1 else -1);
            put(scales.bytes.ptr, scale_format, g, scale);
            put(biases.bytes.ptr, scale_format, g, -scale * steps * (0.4 + 0.2 * random.float(f32)));
        }
        return .{ .weight = weight, .scales = scales, .biases = biases, .matrix = .{
            .weight = weight.bytes.ptr,
            .scales = scales.bytes.ptr,
            .biases = biases.bytes.ptr,
            .rows = rows,
            .cols = cols,
            .format = @intFromEnum(Format.affine),
            .bits = bits,
            .group = group,
            .scale_format = @intFromEnum(scale_format),
        } };
    }

    pub fn plain(random: std.Random, rows: usize, cols: usize, format: Format) !TestMatrix {
        const number_bytes: usize = if (format == .f32) 4 else 2;
        var weight: Guarded = try .init(rows * cols * number_bytes);
        errdefer weight.deinit();
        var scales: Guarded = try .init(0);
        errdefer scales.deinit();
        const biases: Guarded = try .init(0);
        for (0..rows * cols) |i| put(weight.bytes.ptr, format, i, random.floatNorm(f32));
        return .{ .weight = weight, .scales = scales, .biases = biases, .matrix = .{
            .weight = weight.bytes.ptr,
            .scales = scales.bytes.ptr,
            .biases = biases.bytes.ptr,
            .rows = rows,
            .cols = cols,
            .format = @intFromEnum(format),
            .bits = 0,
            .group = 0,
            .scale_format = 0,
        } };
    }

    pub fn deinit(self: *TestMatrix) void {
        self.weight.deinit();
        self.scales.deinit();
        self.biases.deinit();
    }
};

/// Stores a value (rounded to the format) as number `index` of an array at any address.
pub fn put(bytes: [*]u8, format: Format, index: usize, value: f32) void {
    switch (format) {
        .f32 => std.mem.writeInt(u32, (bytes + index * 4)[0..4], @bitCast(value), .little),
        .f16 => std.mem.writeInt(u16, (bytes + index * 2)[0..2], @bitCast(@as(f16, @floatCast(value))), .little),
        .bf16 => std.mem.writeInt(u16, (bytes + index * 2)[0..2], @truncate(@as(u32, @bitCast(value)) >> 16), .little),
        .affine => unreachable,
    }
}

/// x f32 [tokens, cols] in guarded memory.
pub const TestInput = struct {
    memory: Guarded,
    x: []f32,

    pub fn init(random: std.Random, tokens: usize, cols: usize) !TestInput {
        const memory: Guarded = try .init(tokens * cols * 4);
        const x: []f32 = @alignCast(std.mem.bytesAsSlice(f32, memory.bytes));
        for (x) |*value| value.* = random.floatNorm(f32);
        return .{ .memory = memory, .x = x };
    }

    pub fn deinit(self: *TestInput) void {
        self.memory.deinit();
    }
};

/// Prepares and multiplies all tokens on a level: out f32 [tokens, rows], rows [row_first, row_end) written.
pub fn multiply(table: *const tables.KernelTable, matrix: *const Matrix, x: []const f32, tokens: usize, out: []f32, row_first: usize, row_end: usize) !void {
    const allocator = std.testing.allocator;
    const prepared = try allocator.alignedAlloc(u8, .@"64", tables.preparedBytes(matrix.cols) * tokens);
    defer allocator.free(prepared);
    @memset(prepared, 0xa5); // what `prepare` leaves unwritten must not matter
    const layout = table.input_layout(matrix);
    if (layout != 0) table.prepare(layout, x.ptr, matrix.cols, matrix.cols, 0, tokens, prepared.ptr);
    const input: tables.Input = .{ .x = x.ptr, .stride = matrix.cols, .prepared = prepared.ptr, .tokens = tokens };
    const output: tables.Output = .{ .out = out.ptr, .stride = matrix.rows };
    table.linear(matrix, &input, &output, row_first, row_end);
}

/// How far a level's value for one row and one token may be from the definition's. Rounding an activation errs by
/// at most half a step (max|x of its group| / 65278, and 0.5 % of it for the rounding of the division), which
/// meets the weight; float sums err by at most 2^-20 of
/// the magnitudes summed (|q * scale| and |bias| apart, since they are summed apart).
pub fn bound(matrix: *const Matrix, row: usize, x: []const f32) f64 {
    const format: Format = @enumFromInt(matrix.format);
    if (format != .affine) {
        var magnitude: f64 = 0;
        for (x, 0..) |a, c| magnitude += @abs(a * @as(f64, reference.number(matrix.weight, format, row * matrix.cols + c)));
        return magnitude * 0x1p-20;
    }
    const scale_format: Format = @enumFromInt(matrix.scale_format);
    const group: usize = matrix.group;
    const packed_row = matrix.weight + row * (matrix.cols * matrix.bits / 8);
    var total: f64 = 0;
    for (0..matrix.cols / group) |g| {
        const scale: f64 = reference.number(matrix.scales, scale_format, row * (matrix.cols / group) + g);
        const bias: f64 = reference.number(matrix.biases, scale_format, row * (matrix.cols / group) + g);
        var most: f64 = 0;
        for (x[g * group ..][0..group]) |a| most = @max(most, @abs(a));
        const half_step = most / 65278 * 1.005;
        for (x[g * group ..][0..group], g * group..) |a, c| {
            const q: f64 = @floatFromInt(reference.field(packed_row, matrix.bits, c));
            total += half_step * @abs(q * scale + bias);
            total += 0x1p-20 * (@abs(q * scale) + @abs(bias)) * @max(@abs(a), half_step);
        }
    }
    return total;
}
