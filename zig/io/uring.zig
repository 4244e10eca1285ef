//! The reader by a ring shared with the kernel (io_uring): one thread hands over reads, up to `depth` at once, and takes
//! their answers; it sleeps in between, so no thread stands behind each read. The ring itself is a `Driver`: the kernel's
//! (kernel_ring.zig), or one with faults in the tests. Files and destinations are the caller's, tables are allocated
//! once. One thread submits and waits.

const std = @import("std");
const reader = @import("reader.zig");
const Files = @import("files.zig").Files;
const Got = @import("files.zig").Got;
const jobs_room = @import("jobs.zig");
const threads_room = @import("thread.zig");
const Transfer = @import("transfer.zig").Transfer;

pub const depth_default = 32;
pub const depth_max = 256;
pub const capacity_default = 256;

pub const UringOptions = struct {
    depth: u32 = depth_default,
    split: u32 = 1,
    capacity: u32 = capacity_default,
};

/// An answer of the ring: lane and what the call gave, or (`lane` null) that somebody called `wake`.
pub const Answer = struct { lane: ?u32, got: Got };

/// `Driver` has, all but `wake` entered by the ring's thread only:
///   read(lane, file, buffer, offset)   queues a read; answered once
///   pause(lane, ns)                    queues a pause; answered once, with anything
///   wait(answers) usize                hands over what is queued, waits for at least one answer
///   wake()                             any thread: `wait` returns soon
///   direct(file) bool                  whether reads of the file must keep to pages
///   finished(file, offset, bytes)      a range was read completely
///   fileCount() usize, deinit()
pub fn Uring(comptime Driver: type) type {
    return struct {
        const Self = @This();

        gpa: std.mem.Allocator,
        driver: Driver,
        thread: ?std.Thread = null,
        lanes: []Lane, // the ring thread's
        idle: []u32, // a stack of lanes without work
        idle_count: usize,

        lock: threads_room.Lock = .{},
        work_done: threads_room.Condition = .{},
        // Everything below is guarded by `lock`.
        jobs: jobs_room.Jobs,
        waiting: bool = false,
        /// The ring thread waits for answers and has lanes for more work.
        asleep: bool = false,
        closing: bool = false,

        const Lane = struct { part: jobs_room.Part, transfer: Transfer, pausing: bool };

        /// Takes the driver over, also when it fails.
        pub fn init(gpa: std.mem.Allocator, driver: Driver, options: UringOptions) error{ OutOfMemory, NoThread }!*Self {
            std.debug.assert(options.depth > 0 and options.depth <= depth_max);
            const self = build(gpa, driver, options) catch |err| {
                var owned = driver;
                owned.deinit();
                return err;
            };
            errdefer self.destroy();
            self.thread = threads_room.spawn(run, .{self}) catch return error.NoThread;
            return self;
        }

        fn build(gpa: std.mem.Allocator, driver: Driver, options: UringOptions) error{OutOfMemory}!*Self {
            const self = try gpa.create(Self);
            errdefer gpa.destroy(self);
            const lanes = try gpa.alloc(Lane, options.depth);
            errdefer gpa.free(lanes);
            const idle = try gpa.alloc(u32, options.depth);
            errdefer gpa.free(idle);
            for (idle, 0..) |*lane, i| lane.* = @intCast(options.depth - 1 - i);
            self.* = .{
                .gpa = gpa,
                .driver = driver,
                .lanes = lanes,
                .idle = idle,
                .idle_count = options.depth,
                .jobs = try .init(gpa, options.capacity, options.split),
            };
            return self;
        }

        /// Waits for the reads that the ring holds, for they write into the destinations, and drops the others.
        pub fn destroy(self: *Self) void {
            self.lock.lock();
            self.closing = true;
            self.jobs.clearWaiting();
            self.lock.unlock();
            if (self.thread) |thread| {
                self.driver.wake();
                thread.join();
            }
            self.driver.deinit();
            self.work_done.deinit();
            self.lock.deinit();
            self.jobs.deinit();
            const gpa = self.gpa;
            gpa.free(self.lanes);
            gpa.free(self.idle);
            gpa.destroy(self);
        }

        pub fn asReader(self: *Self) reader.Reader {
            return .{ .context = self, .vtable = &vtable, .capacity = self.jobs.capacity() };
        }

        const vtable: reader.Reader.VTable = .{
            .submit = vtableSubmit,
            .wait = vtableWait,
            .poll = vtablePoll,
            .raise = vtableRaise,
            .cancel = vtableCancel,
            .counters = vtableCounters,
            .deinit = vtableDeinit,
        };

        fn vtableSubmit(context: *anyopaque, requests: []const reader.Request) void {
            const self: *Self = @ptrCast(@alignCast(context));
            for (requests) |*request| jobs_room.checkRequest(request, self.driver.fileCount());
            self.lock.lock();
            for (requests) |*request| self.jobs.add(request);
            const wake = self.asleep and self.jobs.ready();
            if (wake) self.asleep = false;
            self.lock.unlock();
            if (wake) self.driver.wake();
        }

        fn vtableWait(context: *anyopaque, out: []reader.Completion) usize {
            const self: *Self = @ptrCast(@alignCast(context));
            std.debug.assert(out.len > 0);
            self.lock.lock();
            defer self.lock.unlock();
            if (self.jobs.in_flight == 0) return 0;
            self.waiting = true;
            while (self.jobs.completed.count == 0) self.work_done.wait(&self.lock);
            self.waiting = false;
            return self.jobs.takeCompleted(out);
        }

        fn vtablePoll(context: *anyopaque, out: []reader.Completion) usize {
            const self: *Self = @ptrCast(@alignCast(context));
            self.lock.lock();
            defer self.lock.unlock();
            return self.jobs.takeCompleted(out);
        }

        fn vtableRaise(context: *anyopaque, tags: []const u64) void {
            const self: *Self = @ptrCast(@alignCast(context));
            self.lock.lock();
            var raised = false;
            for (tags) |tag| raised = self.jobs.raise(tag) or raised;
            const wake = raised and self.asleep;
            if (wake) self.asleep = false;
            self.lock.unlock();
            if (wake) self.driver.wake();
        }

        fn vtableCancel(context: *anyopaque, tags: []const u64) bool {
            const self: *Self = @ptrCast(@alignCast(context));
            self.lock.lock();
            defer self.lock.unlock();
            return self.jobs.cancel(tags);
        }

        fn vtableCounters(context: *anyopaque) reader.Counters {
            const self: *Self = @ptrCast(@alignCast(context));
            self.lock.lock();
            defer self.lock.unlock();
            return self.jobs.countersNow();
        }

        fn vtableDeinit(context: *anyopaque) void {
            const self: *Self = @ptrCast(@alignCast(context));
            self.destroy();
        }

        fn run(self: *Self) void {
            var answers: [64]Answer = undefined;
            while (self.fill()) {
                const count = self.driver.wait(&answers);
                for (answers[0..count]) |answer| if (answer.lane) |lane| self.answered(lane, answer.got);
            }
        }

        /// Gives idle lanes work; false when the thread may end.
        fn fill(self: *Self) bool {
            self.lock.lock();
            defer self.lock.unlock();
            while (self.idle_count > 0) {
                const part = self.jobs.next() orelse break;
                self.idle_count -= 1;
                const lane = self.idle[self.idle_count];
                self.lanes[lane] = .{ .part = part, .transfer = .start(part.request, self.driver.direct(part.request.file)), .pausing = false };
                self.read(lane);
            }
            self.asleep = self.idle_count > 0;
            return !self.closing or self.idle_count < self.lanes.len;
        }

        fn read(self: *Self, index: u32) void {
            const lane = &self.lanes[index];
            lane.pausing = false;
            self.driver.read(index, lane.part.request.file, lane.transfer.buffer(), lane.transfer.offset());
        }

        fn answered(self: *Self, index: u32, got: Got) void {
            const lane = &self.lanes[index];
            if (lane.pausing) return self.read(index);
            switch (lane.transfer.take(got)) {
                .read => self.read(index),
                .read_after_ns => |ns| {
                    lane.pausing = true;
                    self.driver.pause(index, ns);
                },
                .finished => |outcome| self.finish(index, outcome),
            }
        }

        fn finish(self: *Self, index: u32, outcome: reader.Outcome) void {
            const lane = &self.lanes[index];
            const request = &lane.part.request;
            self.driver.finished(request.file, request.offset, request.bytes);
            self.lock.lock();
            defer self.lock.unlock();
            self.idle[self.idle_count] = index;
            self.idle_count += 1;
            if (self.jobs.finish(&lane.part, outcome, &lane.transfer.tally) and self.waiting) self.work_done.signal();
        }
    };
}
