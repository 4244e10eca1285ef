//! Chooses and opens the reader of the system's files: the ring where the kernel has one and reads are direct, else the
//! thread pool. What was chosen, and what the kernel said against the ring, is told.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const files_room = @import("files.zig");
const jobs_room = @import("jobs.zig");
const pread_pool = @import("pread_pool.zig");
const reader = @import("reader.zig");
const uring = @import("uring.zig");

const Error = result.Error;
const Message = result.Message;
const Files = files_room.Files;
const PreadPool = pread_pool.PreadPool;
const is_linux = builtin.os.tag == .linux;
const KernelRing = if (is_linux) @import("kernel_ring.zig").KernelRing else void;

/// 0 is each one's default.
pub const ReaderOptions = struct {
    kind: abi.ReaderKind = .automatic, // not simulated
    /// Reads at once: entries of the ring, threads of the pool.
    depth: u32 = 0,
    /// Parts a request is cut into.
    split: u32 = 0,
    /// Threads of the pool where they are to be others than `depth`.
    threads: u32 = 0,

    pub fn check(options: *const ReaderOptions, message: *Message) Error!void {
        const Limit = struct { what: []const u8, value: u32, most: u32 };
        for ([_]Limit{
            .{ .what = "reads at once", .value = options.depth, .most = uring.depth_max },
            .{ .what = "parts of a read", .value = options.split, .most = jobs_room.split_max },
            .{ .what = "reader threads", .value = options.threads, .most = pread_pool.threads_max },
        }) |limit| if (limit.value > limit.most)
            return message.fail(error.InvalidArgument, "{d} {s} are too many, at most {d} make sense", .{ limit.value, limit.what, limit.most });
    }
};

pub const Opened = struct {
    reader: reader.Reader,
    kind: abi.ReaderKind,
    /// Why an automatic choice did not take the ring: the kernel's errno, 0 where it did or never asked.
    refusal: u32 = 0,
};

/// `files` must outlive the reader.
pub fn openReader(gpa: std.mem.Allocator, files: *const Files, options: ReaderOptions, message: *Message) Error!Opened {
    std.debug.assert(options.kind != .simulated);
    try options.check(message);
    var refusal: u32 = 0;
    if (options.kind == .uring or (options.kind == .automatic and wantsRing(files))) {
        if (try openRing(gpa, files, &options, &refusal, message)) |opened| return opened;
        if (options.kind == .uring)
            return message.fail(error.Unsupported, "the system refuses io_uring with {s}; leave the reader automatic or choose pread", .{files_room.errnoName(refusal)});
    }
    const threads = if (options.threads != 0) options.threads else @min(options.depth, pread_pool.threads_max);
    const pool = try PreadPool.init(gpa, files, .{ .threads = threads, .split = @max(1, options.split) }, message);
    return .{ .reader = pool.asReader(), .kind = .pread, .refusal = refusal };
}

/// Reads through the page cache copy, and a copy wants a thread of its own.
fn wantsRing(files: *const Files) bool {
    if (!is_linux) return false;
    for (files.handles) |handle| if (handle.access != .direct) return false;
    return true;
}

fn openRing(gpa: std.mem.Allocator, files: *const Files, options: *const ReaderOptions, refusal: *u32, message: *Message) Error!?Opened {
    // Valgrind holds its lock while a thread waits in the kernel for completions, so nothing would ever be submitted. Only
    // tests are built to ask.
    if (!is_linux or std.valgrind.runningOnValgrind() > 0) {
        refusal.* = @intFromEnum(std.c.E.NOSYS);
        return null;
    }
    const depth = if (options.depth == 0) uring.depth_default else options.depth;
    const ring = KernelRing.init(gpa, files, depth, refusal) catch |err| switch (err) {
        error.Refused => return null,
        error.OutOfMemory => return message.fail(error.OutOfMemory, "no memory for the reader's ring", .{}),
    };
    const opened = uring.Uring(KernelRing).init(gpa, ring, .{ .depth = depth, .split = @max(1, options.split) }) catch
        return message.fail(error.OutOfMemory, "no memory for the reader's queues or no thread for its ring", .{});
    return .{ .reader = opened.asReader(), .kind = .uring };
}
