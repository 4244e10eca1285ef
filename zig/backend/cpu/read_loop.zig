//! A plain read of memory, the roofline of everything that streams weights: a sum over cache lines in stream order with
//! the kernels' prefetch distance. Owns nothing; any thread may enter.

const std = @import("std");
const memory = @import("memory.zig");
const Pool = @import("pool.zig").Pool;

/// Part of a block that one thread reads at a time.
pub const slice_bytes = 1 << 20;

pub fn readAll(part: []const u8) u64 {
    var sums: [8]@Vector(8, u64) = @splat(@splat(0));
    var at: usize = 0;
    while (at + 512 <= part.len) : (at += 512) {
        inline for (0..8) |k| {
            @prefetch(part.ptr + at + k * 64 + 4096, .{});
            sums[k] +%= @as(@Vector(8, u64), @bitCast(part[at + k * 64 ..][0..64].*));
        }
    }
    var total: @Vector(8, u64) = @splat(0);
    for (sums) |sum| total +%= sum;
    return @reduce(.Add, total);
}

/// A block of memory of whole slices and the threads that read it.
pub const Reading = struct {
    pool: *Pool,
    block: memory.Block,

    pub fn init(gpa: std.mem.Allocator, threads: usize, bytes: usize) Pool.Error!Reading {
        const block = try memory.map(std.mem.alignForward(usize, bytes, slice_bytes));
        errdefer memory.unmap(block);
        var reading: Reading = .{ .pool = try .create(gpa, threads), .block = block };
        // Memory that was never written is one page of zeros, read from the cache.
        reading.pool.run(block.len / slice_bytes, &reading, write);
        return reading;
    }

    pub fn deinit(reading: *Reading) void {
        reading.pool.destroy();
        memory.unmap(reading.block);
    }

    /// Every byte once, by all threads.
    pub fn pass(reading: *Reading) void {
        reading.pool.run(reading.block.len / slice_bytes, reading, read);
    }

    fn write(reading: *Reading, item: usize, _: usize) void {
        @memset(reading.block[item * slice_bytes ..][0..slice_bytes], 1);
    }

    fn read(reading: *Reading, item: usize, _: usize) void {
        std.mem.doNotOptimizeAway(readAll(reading.block[item * slice_bytes ..][0..slice_bytes]));
    }
};

test "every byte is read" {
    var part: [4096]u8 align(64) = @splat(1);
    const ones = readAll(&part);
    try std.testing.expectEqual(0x0101_0101_0101_0101 *% @as(u64, part.len / 8), ones);
    for ([_]usize{ 0, 511, 2000, 4095 }) |at| {
        part[at] = 2;
        try std.testing.expect(readAll(&part) != ones);
        part[at] = 1;
    }
    var reading: Reading = try .init(std.testing.allocator, 3, 5 * slice_bytes - 1);
    defer reading.deinit();
    try std.testing.expectEqual(5 * slice_bytes, reading.block.len);
    try std.testing.expect(std.mem.allEqual(u8, reading.block, 1));
    reading.pass();
}
