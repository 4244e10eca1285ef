//! Anonymous memory for buffers: page-aligned, zeroed, large blocks aligned to 2 MiB and advised onto huge pages
//! where the system has them. Each block is one mapping, owned by whoever asked; any thread may enter.

const std = @import("std");
const builtin = @import("builtin");

pub const Block = []align(4096) u8;

const huge_bytes: usize = 2 << 20;

pub fn map(bytes: usize) error{OutOfMemory}!Block {
    const page = std.heap.pageSize();
    if (bytes > std.math.maxInt(isize) - 2 * huge_bytes) return error.OutOfMemory;
    const rounded = std.mem.alignForward(usize, @max(bytes, 1), page);
    if (rounded < huge_bytes) return (try mapPages(rounded))[0..bytes];

    // Map 2 MiB more than needed and give the ends back, so that the block starts on a huge page.
    const wide = try mapPages(rounded + huge_bytes);
    const address = @intFromPtr(wide.ptr);
    const skip = std.mem.alignForward(usize, address, huge_bytes) - address;
    if (skip != 0) std.posix.munmap(@alignCast(wide[0..skip]));
    if (skip != huge_bytes) std.posix.munmap(@alignCast(wide[skip + rounded ..]));
    const block: Block = @alignCast(wide[skip..][0..rounded]);
    if (builtin.os.tag == .linux) {
        // Advice only: a system without huge pages serves ordinary ones.
        std.posix.madvise(@alignCast(block.ptr), rounded, std.posix.MADV.HUGEPAGE) catch {};
    }
    return block[0..bytes];
}

/// `block` as returned by `map`.
pub fn unmap(block: Block) void {
    const rounded = std.mem.alignForward(usize, @max(block.len, 1), std.heap.pageSize());
    const whole: []align(4096) u8 = block.ptr[0..rounded];
    std.posix.munmap(@alignCast(whole));
}

fn mapPages(bytes: usize) error{OutOfMemory}!Block {
    const flags: std.posix.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true };
    return std.posix.mmap(null, bytes, .{ .READ = true, .WRITE = true }, flags, -1, 0) catch error.OutOfMemory;
}

test "blocks are zeroed, aligned and can be written to the last byte" {
    for ([_]usize{ 1, 4096, 100_000, huge_bytes - 1, huge_bytes, 3 * huge_bytes + 12_345 }) |bytes| {
        const block = try map(bytes);
        defer unmap(block);
        try std.testing.expectEqual(bytes, block.len);
        const alignment: usize = if (std.mem.alignForward(usize, bytes, std.heap.pageSize()) >= huge_bytes) huge_bytes else 4096;
        try std.testing.expectEqual(0, @intFromPtr(block.ptr) % alignment);
        try std.testing.expectEqual(0, block[bytes - 1]);
        block[0] = 1;
        block[bytes - 1] = 2;
    }
    try std.testing.expectError(error.OutOfMemory, map(std.math.maxInt(usize)));
}
