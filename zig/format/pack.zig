//! One slice of packing or verifying a model: blocks are read, requantised where asked, hashed and written by several
//! threads, each with memory for one block. What a block becomes depends on its pieces alone, so slices may be made in any
//! order and size. Files are opened and closed here; nothing outlives a call.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const alignment = @import("../io/reader.zig").alignment;
const Files = @import("../io/files.zig").Files;
const errnoName = @import("../io/files.zig").errnoName;
const BlockMaker = @import("pack_block.zig").BlockMaker;
const pack_slice = @import("pack_slice.zig");
const write_back = @import("write_back.zig");

const Error = result.Error;
const Message = result.Message;
const Slice = pack_slice.Slice;

/// Reads and writes overlap in so many threads; computing takes as many as there are cores.
const threads_default = 8;

/// Does what the slice asks for and writes the results into it.
pub fn pack(bytes: []align(8) u8, message: *Message) Error!void {
    var arena: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
    defer arena.deinit();
    const slice: Slice = try .parse(arena.allocator(), bytes, message);
    var files: Files = try .open(arena.allocator(), slice.files, true, message);
    defer files.close();
    const target = if (slice.task == .write) try openTarget(arena.allocator(), slice.target, message) else -1;
    defer if (target >= 0) {
        _ = std.c.close(target);
    };
    var work: Work = .{ .slice = &slice, .files = &files, .target = target, .message = message };
    try work.run();
}

fn openTarget(memory: std.mem.Allocator, path: []const u8, message: *Message) Error!std.c.fd_t {
    const name = memory.dupeSentinel(u8, path, 0) catch return message.fail(error.OutOfMemory, "no memory for a path", .{});
    const descriptor = std.c.open(name, .{ .ACCMODE = .WRONLY, .CREAT = true, .CLOEXEC = true }, @as(std.c.mode_t, 0o644));
    if (descriptor < 0)
        return message.fail(error.IoFailed, "cannot open {s} for writing: {s}", .{ path, errnoName(@intCast(std.c._errno().*)) });
    if (builtin.os.tag.isDarwin()) _ = std.c.fcntl(descriptor, std.c.F.NOCACHE, @as(c_int, 1));
    return descriptor;
}

/// What the threads of a slice share.
const Work = struct {
    slice: *const Slice,
    files: *const Files,
    target: std.c.fd_t,
    message: *Message,
    next: std.atomic.Value(u32) = .init(0),
    mutex: std.c.pthread_mutex_t = .{},
    /// The first fault, guarded by `mutex`; `stopped` is set with it.
    fault: ?Error = null,
    stopped: std.atomic.Value(bool) = .init(false),

    fn run(work: *Work) Error!void {
        const wanted = if (work.slice.threads == 0) threads_default else work.slice.threads;
        const count = @min(wanted, work.slice.blocks.len);
        var threads: [pack_slice.limits.threads]std.Thread = undefined;
        var started: usize = 0;
        while (started + 1 < count) : (started += 1) {
            // With fewer threads it takes longer, nothing else.
            threads[started] = std.Thread.spawn(.{ .stack_size = 512 * 1024 }, makeBlocks, .{work}) catch break;
        }
        if (work.slice.settle_bytes > 0) write_back.settle(work.target, work.slice.settle_offset, work.slice.settle_bytes);
        work.makeBlocks();
        for (threads[0..started]) |thread| thread.join();
        if (work.fault) |err| return err;
    }

    fn makeBlocks(work: *Work) void {
        var message: Message = .{};
        var maker: BlockMaker = .{ .slice = work.slice, .files = work.files, .target = work.target, .message = &message };
        defer maker.deinit();
        while (!work.stopped.load(.acquire)) {
            const index = work.next.fetchAdd(1, .monotonic);
            if (index >= work.slice.blocks.len) return;
            maker.make(&work.slice.blocks[index]) catch |err| return work.stop(err, &message);
        }
    }

    fn stop(work: *Work, err: Error, message: *const Message) void {
        std.debug.assert(std.c.pthread_mutex_lock(&work.mutex) == .SUCCESS);
        defer std.debug.assert(std.c.pthread_mutex_unlock(&work.mutex) == .SUCCESS);
        if (work.fault != null) return;
        work.fault = err;
        work.message.* = message.*;
        work.stopped.store(true, .release);
    }
};

comptime {
    std.debug.assert(alignment == 4096); // the layout's own unit, src/models/pack-plan.ts
}
