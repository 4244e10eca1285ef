//! Small dense products for attention and delta net: dot products of rows, and weighted sums of rows, in tiles that
//! stay in registers. Every output value is summed in one order, whatever tile it falls into.
//! f32 on the left, f32 or f16 on the right. Caller's memory; any thread enters.

const std = @import("std");
const math = @import("float_math.zig");
const V = math.V;
const lanes = math.lanes;

const tile_rows = 4;
/// Columns (dots) or vectors (sums) of a tile: rows * this many sums live in registers.
const tile_width = if (math.registers == 32) 4 else 2;

/// A block of rows: row i starts at p + i * stride.
pub fn Rows(comptime T: type) type {
    return struct {
        p: [*]const T,
        stride: usize,

        pub inline fn row(rows: @This(), i: usize) [*]const T {
            return rows.p + i * rows.stride;
        }
        pub inline fn from(rows: @This(), i: usize) @This() {
            return .{ .p = rows.row(i), .stride = rows.stride };
        }
    };
}

/// out[i * out_stride + j] = sum_d a[i, d] * b[j, d] for i < a_count, j < b_count, d < dim.
pub fn dots(comptime T: type, a: Rows(f32), a_count: usize, b: Rows(T), b_count: usize, dim: usize, out: [*]f32, out_stride: usize) void {
    // Few rows of b at a time, so that they are still in the first-level cache when the next rows of a come.
    var j_first: usize = 0;
    while (j_first < b_count) : (j_first += 32) {
        const j_end = @min(j_first + 32, b_count);
        var i: usize = 0;
        while (i + tile_rows <= a_count) : (i += tile_rows) {
            var j = j_first;
            while (j + tile_width <= j_end) : (j += tile_width)
                dotTile(T, tile_rows, tile_width, a.from(i), b.from(j), dim, out + i * out_stride + j, out_stride);
            while (j < j_end) : (j += 1) dotTile(T, tile_rows, 1, a.from(i), b.from(j), dim, out + i * out_stride + j, out_stride);
        }
        while (i < a_count) : (i += 1) {
            var j = j_first;
            while (j + tile_width <= j_end) : (j += tile_width)
                dotTile(T, 1, tile_width, a.from(i), b.from(j), dim, out + i * out_stride + j, out_stride);
            while (j < j_end) : (j += 1) dotTile(T, 1, 1, a.from(i), b.from(j), dim, out + i * out_stride + j, out_stride);
        }
    }
}

inline fn dotTile(comptime T: type, comptime m: usize, comptime n: usize, a: Rows(f32), b: Rows(T), dim: usize, out: [*]f32, out_stride: usize) void {
    var sums: [m * n]V = @splat(math.splat(0));
    var d: usize = 0;
    while (d + lanes <= dim) : (d += lanes) {
        var right: [n]V = undefined;
        inline for (0..n) |j| right[j] = math.load(T, b.row(j) + d);
        inline for (0..m) |i| {
            const left = math.load(f32, a.row(i) + d);
            inline for (0..n) |j| sums[i * n + j] = math.fma(left, right[j], sums[i * n + j]);
        }
    }
    if (d < dim) {
        inline for (0..m) |i| {
            const left = math.loadPart(f32, a.row(i) + d, dim - d);
            inline for (0..n) |j| sums[i * n + j] = math.fma(left, math.loadPart(T, b.row(j) + d, dim - d), sums[i * n + j]);
        }
    }
    // At most `lanes` sums are folded at once.
    const batch = @min(m * n, lanes);
    inline for (0..m * n / batch) |part| {
        const totals = math.sumMany(batch, sums[part * batch ..][0..batch].*);
        inline for (0..batch) |k| {
            const index = part * batch + k;
            out[index / n * out_stride + index % n] = totals[k];
        }
    }
}

/// A matrix of factors: factor (i, j) at p[i * row_stride + j * column_stride].
pub const Factors = struct {
    p: [*]const f32,
    row_stride: usize,
    column_stride: usize,

    inline fn from(factors: Factors, i: usize, j: usize) Factors {
        return .{ .p = factors.p + i * factors.row_stride + j * factors.column_stride, .row_stride = factors.row_stride, .column_stride = factors.column_stride };
    }
    inline fn at(factors: Factors, i: usize, j: usize) f32 {
        return factors.p[i * factors.row_stride + j * factors.column_stride];
    }
};

/// out[i, d] += sum_j factors[i, j] * b[j, d], j ascending, for i < rows, j < count, d < dim.
pub fn addWeighted(comptime T: type, factors: Factors, rows: usize, b: Rows(T), count: usize, dim: usize, out: [*]f32, out_stride: usize) void {
    var j: usize = 0;
    while (j < count) : (j += 64) {
        const n = @min(64, count - j);
        var d: usize = 0;
        while (d + tile_width * lanes <= dim) : (d += tile_width * lanes)
            weightedColumns(T, tile_width, false, factors.from(0, j), rows, .{ .p = b.row(j) + d, .stride = b.stride }, n, lanes, out + d, out_stride);
        while (d + lanes <= dim) : (d += lanes)
            weightedColumns(T, 1, false, factors.from(0, j), rows, .{ .p = b.row(j) + d, .stride = b.stride }, n, lanes, out + d, out_stride);
        if (d < dim)
            weightedColumns(T, 1, true, factors.from(0, j), rows, .{ .p = b.row(j) + d, .stride = b.stride }, n, dim - d, out + d, out_stride);
    }
}

inline fn weightedColumns(comptime T: type, comptime vectors: usize, comptime part: bool, factors: Factors, rows: usize, b: Rows(T), count: usize, width: usize, out: [*]f32, out_stride: usize) void {
    var i: usize = 0;
    while (i + tile_rows <= rows) : (i += tile_rows)
        weightedTile(T, tile_rows, vectors, part, factors.from(i, 0), b, count, width, out + i * out_stride, out_stride);
    while (i < rows) : (i += 1)
        weightedTile(T, 1, vectors, part, factors.from(i, 0), b, count, width, out + i * out_stride, out_stride);
}

/// `part`: one vector, of which only `width` lanes exist in memory.
inline fn weightedTile(comptime T: type, comptime m: usize, comptime vectors: usize, comptime part: bool, factors: Factors, b: Rows(T), count: usize, width: usize, out: [*]f32, out_stride: usize) void {
    var sums: [m][vectors]V = undefined;
    inline for (0..m) |i| {
        inline for (0..vectors) |v| {
            const p = out + i * out_stride + v * lanes;
            sums[i][v] = if (part) math.loadPart(f32, p, width) else math.load(f32, p);
        }
    }
    for (0..count) |j| {
        var right: [vectors]V = undefined;
        inline for (0..vectors) |v| {
            const p = b.row(j) + v * lanes;
            right[v] = if (part) math.loadPart(T, p, width) else math.load(T, p);
        }
        inline for (0..m) |i| {
            const factor = math.splat(factors.at(i, j));
            inline for (0..vectors) |v| sums[i][v] = math.fma(factor, right[v], sums[i][v]);
        }
    }
    inline for (0..m) |i| {
        inline for (0..vectors) |v| {
            const p = out + i * out_stride + v * lanes;
            if (part) math.storePart(p, sums[i][v], width) else math.store(p, sums[i][v]);
        }
    }
}

fn fill(random: std.Random, comptime T: type, values: []T) void {
    for (values) |*value| value.* = @floatCast(random.floatNorm(f32));
}

fn checkShape(comptime T: type, random: std.Random, rows: usize, count: usize, dim: usize) !void {
    const gpa = std.testing.allocator;
    const a = try gpa.alloc(f32, rows * dim);
    defer gpa.free(a);
    const b = try gpa.alloc(T, count * dim);
    defer gpa.free(b);
    const factors = try gpa.alloc(f32, rows * count);
    defer gpa.free(factors);
    const scores = try gpa.alloc(f32, rows * count);
    defer gpa.free(scores);
    const out = try gpa.alloc(f32, rows * dim);
    defer gpa.free(out);
    fill(random, f32, a);
    fill(random, T, b);
    fill(random, f32, factors);
    fill(random, f32, out);

    dots(T, .{ .p = a.ptr, .stride = dim }, rows, .{ .p = b.ptr, .stride = dim }, count, dim, scores.ptr, count);
    for (0..rows) |i| for (0..count) |j| {
        var want: f64 = 0;
        for (a[i * dim ..][0..dim], b[j * dim ..][0..dim]) |x, y| want += @as(f64, x) * @as(f64, @floatCast(y));
        try std.testing.expectApproxEqAbs(want, scores[i * count + j], 2e-6 * @as(f64, @floatFromInt(dim)));
        // Alone, without neighbours in the tile: the same bits.
        var alone: [1]f32 = undefined;
        dots(T, .{ .p = a.ptr + i * dim, .stride = dim }, 1, .{ .p = b.ptr + j * dim, .stride = dim }, 1, dim, &alone, 1);
        try std.testing.expectEqual(alone[0], scores[i * count + j]);
    };

    const before = try gpa.dupe(f32, out);
    defer gpa.free(before);
    // Factors stored by column, as the delta net has them.
    addWeighted(T, .{ .p = factors.ptr, .row_stride = 1, .column_stride = rows }, rows, .{ .p = b.ptr, .stride = dim }, count, dim, out.ptr, dim);
    for (0..rows) |i| {
        for (0..dim) |d| {
            var want: f64 = before[i * dim + d];
            for (0..count) |j| want += @as(f64, factors[j * rows + i]) * @as(f64, @floatCast(b[j * dim + d]));
            try std.testing.expectApproxEqAbs(want, out[i * dim + d], 2e-6 * @as(f64, @floatFromInt(count + 4)));
        }
        addWeighted(T, .{ .p = factors.ptr + i, .row_stride = 1, .column_stride = rows }, 1, .{ .p = b.ptr, .stride = dim }, count, dim, before.ptr + i * dim, dim);
    }
    try std.testing.expectEqualSlices(f32, before, out);
}

test "products agree with f64 sums, and a row alone gives the same bits as in a tile" {
    var random = std.Random.DefaultPrng.init(7);
    for ([_]usize{ 1, 3, 4, 9 }) |rows| for ([_]usize{ 1, 2, 5, 37, 130 }) |count| for ([_]usize{ 4, 16, 24, 72, 128 }) |dim| {
        try checkShape(f32, random.random(), rows, count, dim);
        try checkShape(f16, random.random(), rows, count, dim);
    };
}
