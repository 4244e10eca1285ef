//! Micro-benchmark: GB/s of weights and GMAC/s of one-token products and of batches at the shapes of the 35B-A3B
//! model, per bits and level, beside a plain read of memory with the same threads in the same run.
//! Every figure is the best of several passes over more memory than the caches hold. Root module: the top-level
//! zig/kernels_bench.zig. Allocates one arena of weights; each bench thread works on its own rows.

const std = @import("std");
const abi = @import("../../../abi/types.zig");
const tables = @import("table.zig");
const detect = @import("detect.zig");
const readAll = @import("../read_loop.zig").readAll;
const Format = tables.Format;

const passes = 7;

const Shape = struct { name: []const u8, rows: usize, cols: usize };
const shapes = [_]Shape{
    .{ .name = "expert gate/up 512x2048", .rows = 512, .cols = 2048 },
    .{ .name = "expert down 2048x512", .rows = 2048, .cols = 512 },
    .{ .name = "projection 4096x2048", .rows = 4096, .cols = 2048 },
    .{ .name = "lm_head 248320x2048", .rows = 248320, .cols = 2048 },
};

/// One-token or batch products over many matrices, cut into slices of about a MiB of weights.
const Work = struct {
    table: *const tables.KernelTable,
    matrices: []const tables.Matrix,
    input: tables.Input,
    out: []f32,
    slices_each: usize, // per matrix

    fn count(self: *const Work) usize {
        return self.matrices.len * self.slices_each;
    }

    fn slice(self: *const Work, index: usize) void {
        const matrix = &self.matrices[index / self.slices_each];
        const share = std.mem.alignForward(usize, matrix.rows / self.slices_each, tables.row_tile);
        const first = @min(matrix.rows, index % self.slices_each * share);
        const end = if (index % self.slices_each + 1 == self.slices_each) matrix.rows else @min(matrix.rows, first + share);
        const output: tables.Output = .{ .out = self.out.ptr, .stride = matrix.rows };
        self.table.linear(matrix, &self.input, &output, first, end);
    }
};

/// A plain read of the arena, in slices of one MiB.
const Read = struct {
    arena: []const u8,

    fn count(self: *const Read) usize {
        return self.arena.len >> 20;
    }

    fn slice(self: *const Read, index: usize) void {
        std.mem.doNotOptimizeAway(readAll(self.arena[index << 20 ..][0 .. 1 << 20]));
    }
};

fn now() u64 {
    var time: std.c.timespec = undefined;
    _ = std.c.clock_gettime(.MONOTONIC, &time);
    return @as(u64, @intCast(time.sec)) * 1_000_000_000 + @as(u64, @intCast(time.nsec));
}

/// Seconds one slice takes when nothing else disturbs it: the fastest tenth of all slices of `passes` passes, each
/// slice timed apart, so that a busy machine spoils some slices and not the figure. With several threads each
/// takes every n-th slice; the figure is then the fastest whole pass divided by the slices.
fn sliceSeconds(allocator: std.mem.Allocator, threads: usize, work: anytype) !f64 {
    const count = work.count();
    if (threads > 1) return try passSeconds(threads, work) / @as(f64, @floatFromInt(count));
    const times = try allocator.alloc(u64, count * passes);
    defer allocator.free(times);
    for (times, 0..) |*time, i| {
        const start = now();
        work.slice(i % count);
        time.* = now() - start;
    }
    std.mem.sort(u64, times, {}, std.sort.asc(u64));
    return @as(f64, @floatFromInt(times[times.len / 10])) / 1e9;
}

fn passSeconds(threads: usize, work: anytype) !f64 {
    const share = struct {
        fn run(w: @TypeOf(work), step: usize, first: usize) void {
            var i = first;
            while (i < w.count()) : (i += step) w.slice(i);
        }
    };
    var fastest: u64 = std.math.maxInt(u64);
    for (0..passes) |_| {
        const start = now();
        var others: [63]std.Thread = undefined;
        for (others[0 .. threads - 1], 1..) |*thread, i| thread.* = try std.Thread.spawn(.{}, share.run, .{ work, threads, i });
        share.run(work, threads, 0);
        for (others[0 .. threads - 1]) |thread| thread.join();
        fastest = @min(fastest, now() - start);
    }
    return @as(f64, @floatFromInt(fastest)) / 1e9;
}

const Bench = struct {
    allocator: std.mem.Allocator,
    arena: []align(std.heap.page_size_min) u8,
    threads: usize,

    /// One line of the table: as many copies of the matrix as the arena holds, one pass over all of them.
    fn line(self: *Bench, level: abi.CpuLevel, shape: Shape, bits: u32, group: u32, tokens: usize) !void {
        const table = detect.tableOf(level).?;
        const weight_bytes = if (bits >= 16) shape.rows * shape.cols * bits / 8 else shape.rows * shape.cols * bits / 8;
        const scale_bytes = if (bits >= 16) 0 else shape.rows * shape.cols / group * 2;
        const record = std.mem.alignForward(usize, weight_bytes + 2 * scale_bytes, 64);
        // A batch is bound by arithmetic: less memory will do.
        const budget = if (tokens == 1) self.arena.len else @min(self.arena.len, @max(record, 32 << 20));
        const count = @max(1, budget / record);
        if (count * record > self.arena.len) return;
        const matrices = try self.allocator.alloc(tables.Matrix, count);
        defer self.allocator.free(matrices);
        for (matrices, 0..) |*matrix, i| {
            const start = self.arena.ptr + i * record;
            matrix.* = .{
                .weight = start,
                .scales = start + weight_bytes,
                .biases = start + weight_bytes + scale_bytes,
                .rows = shape.rows,
                .cols = shape.cols,
                .format = @intFromEnum(if (bits == 32) Format.f32 else if (bits == 16) Format.bf16 else Format.affine),
                .bits = if (bits >= 16) 0 else bits,
                .group = if (bits >= 16) 0 else group,
                .scale_format = @intFromEnum(Format.bf16),
            };
        }
        const x = try self.allocator.alloc(f32, tokens * shape.cols);
        defer self.allocator.free(x);
        for (x, 0..) |*value, i| value.* = @sin(@as(f32, @floatFromInt(i)));
        const stride = tables.preparedBytes(shape.cols);
        const prepared = try self.allocator.alignedAlloc(u8, .@"64", tokens * stride);
        defer self.allocator.free(prepared);
        const out = try self.allocator.alloc(f32, tokens * shape.rows);
        defer self.allocator.free(out);
        const layout = table.input_layout(&matrices[0]);
        if (layout != 0) table.prepare(layout, x.ptr, shape.cols, shape.cols, 0, tokens, prepared.ptr);
        const work: Work = .{
            .table = table,
            .matrices = matrices,
            .input = .{ .x = x.ptr, .stride = shape.cols, .prepared = prepared.ptr, .tokens = tokens },
            .out = out,
            .slices_each = @max(1, record >> 20),
        };
        const read: Read = .{ .arena = self.arena };
        const roof = (1 << 20) / try sliceSeconds(self.allocator, self.threads, &read) / 1e9;
        const seconds = try sliceSeconds(self.allocator, self.threads, &work) * @as(f64, @floatFromInt(work.slices_each));
        const bytes: f64 = @floatFromInt(weight_bytes + 2 * scale_bytes);
        const products: f64 = @floatFromInt(tokens * shape.rows * shape.cols);
        std.debug.print("{t:>12} {s:<24} {d:>2} bits g{d:<3} {d:>3} tokens  {d:>6.1} GB/s {d:>5.2} of read  {d:>7.1} GMAC/s\n", .{
            level, shape.name, bits, group, tokens, bytes / seconds / 1e9, bytes / seconds / 1e9 / roof, products / seconds / 1e9,
        });
    }

    /// Prepares rows of 2048 activations again and again: microseconds a row.
    fn prepareLine(self: *Bench, level: abi.CpuLevel, bits: u32) !void {
        const table = detect.tableOf(level).?;
        const cols = 2048;
        const matrix: tables.Matrix = .{ .weight = self.arena.ptr, .scales = self.arena.ptr, .biases = self.arena.ptr, .rows = 1, .cols = cols, .format = @intFromEnum(Format.affine), .bits = bits, .group = 64, .scale_format = 0 };
        const x = try self.allocator.alloc(f32, cols);
        defer self.allocator.free(x);
        for (x, 0..) |*value, i| value.* = @sin(@as(f32, @floatFromInt(i)));
        const prepared = try self.allocator.alignedAlloc(u8, .@"64", tables.preparedBytes(cols));
        defer self.allocator.free(prepared);
        const layout = table.input_layout(&matrix);
        var fastest: u64 = std.math.maxInt(u64);
        for (0..200) |_| {
            const start = now();
            for (0..10) |_| table.prepare(layout, x.ptr, cols, cols, 0, 1, prepared.ptr);
            fastest = @min(fastest, now() - start);
        }
        std.debug.print("{t:>12} prepare 2048 activations for {} bits: {d:.2} us\n", .{ level, bits, @as(f64, @floatFromInt(fastest)) / 1e4 });
    }
};

/// Arguments: [level|all] [bits|all] [threads|all] [tokens|all] [MiB of weights], for example `avx512 4 1 1 768`.
pub fn main(init: std.process.Init) !void {
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    const only_level = if (arguments.len > 1) arguments[1] else "all";
    const only_bits = if (arguments.len > 2) arguments[2] else "all";
    const only_threads = if (arguments.len > 3) arguments[3] else "all";
    const only_tokens = if (arguments.len > 4) arguments[4] else "all";
    const arena_bytes = @as(usize, if (arguments.len > 5) try std.fmt.parseInt(usize, arguments[5], 10) else 768) << 20;
    const allocator = std.heap.c_allocator;
    const arena = try std.posix.mmap(null, arena_bytes, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true }, -1, 0);
    defer std.posix.munmap(arena);
    var prng: std.Random.DefaultPrng = .init(1);
    prng.random().bytes(arena[0 .. 1 << 20]);
    // Any bytes do for weights, but scales must stay ordinary numbers: exponents of bf16 in a small range.
    for (0..arena_bytes / 2) |i| std.mem.writeInt(u16, arena[i * 2 ..][0..2], (std.mem.readInt(u16, arena[i * 2 % (1 << 20) ..][0..2], .little) & 0x80ff) | 0x3c00, .little);

    for ([_]usize{ 1, 2 }) |threads| {
        if (!wanted(only_threads, threads)) continue;
        const read: Read = .{ .arena = arena };
        const roof = (1 << 20) / try sliceSeconds(allocator, threads, &read) / 1e9;
        std.debug.print("{} threads: plain read of memory {d:.1} GB/s\n", .{ threads, roof });
        var bench: Bench = .{ .allocator = allocator, .arena = arena, .threads = threads };
        var levels = detect.supported();
        var iterator = levels.iterator();
        while (iterator.next()) |level| {
            if (level == .scalar) continue;
            if (!std.mem.eql(u8, only_level, "all") and !std.mem.eql(u8, only_level, @tagName(level))) continue;
            for ([_]u32{ 4, 8, 2, 3, 5, 6, 16, 32 }) |bits| {
                if (!wanted(only_bits, bits)) continue;
                if (bits < 16 and threads == 1) try bench.prepareLine(level, bits);
                for (shapes) |shape| {
                    if (shape.rows > 200_000 and bits > 8) continue; // does not fit the arena
                    if (wanted(only_tokens, 1)) try bench.line(level, shape, bits, 64, 1);
                    if (shape.rows > 200_000) continue;
                    for ([_]usize{ 2, 4, 16, 64 }) |tokens| {
                        if (wanted(only_tokens, tokens)) try bench.line(level, shape, bits, 64, tokens);
                    }
                }
            }
        }
    }
}

fn wanted(argument: []const u8, value: usize) bool {
    if (std.mem.eql(u8, argument, "all")) return true;
    return (std.fmt.parseInt(usize, argument, 10) catch return false) == value;
}
