//! Linux's io_uring as a driver of `Uring`: reads, pauses (timeouts) and a wake-up by an eventfd that is itself read
//! through the ring. Compiled on Linux only. Owns the ring and the eventfd; the files are the caller's.

const std = @import("std");
const linux = std.os.linux;
const Files = @import("files.zig").Files;
const Got = @import("files.zig").Got;
const Answer = @import("uring.zig").Answer;

/// user_data of the read of the eventfd; lanes count from 0.
const wake_data: u64 = std.math.maxInt(u64);

pub const KernelRing = struct {
    files: *const Files,
    ring: linux.IoUring,
    event: linux.fd_t,
    /// Where the kernel writes the eventfd's count and finds the pauses; at one place for as long as the ring lives.
    shared: *Shared,
    gpa: std.mem.Allocator,

    const Shared = struct { count: u64, pauses: []linux.kernel_timespec };

    /// Why there is no ring: an errno of the kernel ("ENOSYS", "EPERM" and the like), or no memory.
    pub const Refused = error{ OutOfMemory, Refused };

    /// Tries the ring before it is relied upon: a container may allow its making and forbid its use.
    pub fn init(gpa: std.mem.Allocator, files: *const Files, depth: u32, errno: *u32) Refused!KernelRing {
        const shared = try gpa.create(Shared);
        errdefer gpa.destroy(shared);
        shared.* = .{ .count = 0, .pauses = try gpa.alloc(linux.kernel_timespec, depth) };
        errdefer gpa.free(shared.pauses);

        // One entry per lane and one for the wake-up.
        const entries = std.math.ceilPowerOfTwoAssert(u16, @intCast(depth + 1));
        var ring = linux.IoUring.init(entries, 0) catch |err| {
            errno.* = @intFromEnum(errnoOf(err));
            return error.Refused;
        };
        errdefer ring.deinit();
        const event = linux.eventfd(0, linux.EFD.CLOEXEC);
        if (linux.errno(event) != .SUCCESS) {
            errno.* = @intFromEnum(linux.errno(event));
            return error.Refused;
        }
        var self: KernelRing = .{ .files = files, .ring = ring, .event = @intCast(event), .shared = shared, .gpa = gpa };
        errdefer _ = linux.close(self.event);
        try self.prove(errno);
        return self;
    }

    /// One wake-up through the ring and back.
    fn prove(self: *KernelRing, errno: *u32) Refused!void {
        self.listen();
        self.wake();
        const deadline = 100; // tries; the answer is there at once
        for (0..deadline) |_| {
            _ = self.ring.submit_and_wait(1) catch |err| {
                if (err == error.SignalInterrupt) continue;
                errno.* = @intFromEnum(errnoOf(err));
                return error.Refused;
            };
            var answer: [1]linux.io_uring_cqe = undefined;
            if ((self.ring.copy_cqes(&answer, 0) catch 0) == 0) continue;
            if (answer[0].res != 8) {
                errno.* = if (answer[0].res < 0) @intCast(-answer[0].res) else @intFromEnum(linux.E.IO);
                return error.Refused;
            }
            self.listen();
            return;
        }
        errno.* = @intFromEnum(linux.E.AGAIN);
        return error.Refused;
    }

    /// No read may be in flight.
    pub fn deinit(self: *KernelRing) void {
        // The kernel forgets the read of the eventfd with the ring, before the memory it would write to is freed.
        self.ring.deinit();
        _ = linux.close(self.event);
        self.gpa.free(self.shared.pauses);
        self.gpa.destroy(self.shared);
    }

    pub fn read(self: *KernelRing, lane: u32, file: u32, buffer: []u8, offset: u64) void {
        // One call reads at most 2 GiB; what is left over is a short read.
        const most = std.math.maxInt(i32) & ~@as(usize, 4095);
        const sqe = self.entry();
        sqe.prep_read(self.files.handles[file].descriptor, buffer[0..@min(buffer.len, most)], offset);
        sqe.user_data = lane;
    }

    pub fn pause(self: *KernelRing, lane: u32, ns: u64) void {
        const rest = &self.shared.pauses[lane];
        rest.* = .{ .sec = @intCast(ns / std.time.ns_per_s), .nsec = @intCast(ns % std.time.ns_per_s) };
        const sqe = self.entry();
        sqe.prep_timeout(rest, 0, 0);
        sqe.user_data = lane;
    }

    fn listen(self: *KernelRing) void {
        const sqe = self.entry();
        sqe.prep_read(self.event, std.mem.asBytes(&self.shared.count), 0);
        sqe.user_data = wake_data;
    }

    /// There is one entry per lane and one for the wake-up, and each has one thing in flight at most.
    fn entry(self: *KernelRing) *linux.io_uring_sqe {
        return self.ring.get_sqe() catch unreachable;
    }

    pub fn wait(self: *KernelRing, answers: []Answer) usize {
        var taken: [64]linux.io_uring_cqe = undefined;
        while (true) {
            _ = self.ring.submit_and_wait(1) catch |err| switch (err) {
                error.SignalInterrupt => {},
                // The kernel is short of something: it will not be when reads have ended.
                error.SystemResources, error.CompletionQueueOvercommitted => @import("thread.zig").sleepNs(std.time.ns_per_ms),
                else => std.debug.panic("io_uring_enter: {t}", .{err}),
            };
            const count = self.ring.copy_cqes(taken[0..@min(taken.len, answers.len)], 0) catch 0;
            for (taken[0..count], answers[0..count]) |*cqe, *answer| answer.* = self.answerOf(cqe);
            if (count > 0) return count;
        }
    }

    fn answerOf(self: *KernelRing, cqe: *const linux.io_uring_cqe) Answer {
        const got: Got = if (cqe.res < 0) .{ .errno = @intCast(-cqe.res) } else .{ .bytes = @intCast(cqe.res) };
        if (cqe.user_data != wake_data) return .{ .lane = @intCast(cqe.user_data), .got = got };
        self.listen();
        return .{ .lane = null, .got = got };
    }

    pub fn wake(self: *KernelRing) void {
        const one: u64 = 1;
        _ = linux.write(self.event, std.mem.asBytes(&one), 8);
    }

    pub fn direct(self: *const KernelRing, file: u32) bool {
        return self.files.handles[file].access == .direct;
    }

    pub fn finished(self: *const KernelRing, file: u32, offset: u64, bytes: u64) void {
        self.files.finished(file, offset, bytes);
    }

    pub fn fileCount(self: *const KernelRing) usize {
        return self.files.handles.len;
    }
};

fn errnoOf(err: anyerror) linux.E {
    return switch (err) {
        error.PermissionDenied => .PERM,
        error.SystemOutdated => .NOSYS,
        error.ProcessFdQuotaExceeded => .MFILE,
        error.SystemFdQuotaExceeded => .NFILE,
        error.SystemResources => .NOMEM,
        error.OpcodeNotSupported => .OPNOTSUPP,
        else => .INVAL,
    };
}
