//! The reader by threads: each takes one part of a request at a time from a bounded queue and reads it with pread.
//! The pool owns its threads and queues (allocated once); the files and destinations are the caller's.
//! One thread submits and waits, the pool's own threads read.

const std = @import("std");
const result = @import("../abi/result.zig");
const reader = @import("reader.zig");
const Files = @import("files.zig").Files;
const Got = @import("files.zig").Got;
const jobs_room = @import("jobs.zig");
const threads_room = @import("thread.zig");
const transfer = @import("transfer.zig");

const Error = result.Error;
const Message = result.Message;

pub const threads_default = 8;
pub const threads_max = 64;
pub const capacity_default = 256;

pub const PoolOptions = struct {
    threads: u32 = 0, // 0 = threads_default
    split: u32 = 1,
    capacity: u32 = capacity_default,
};

pub const PreadPool = struct {
    gpa: std.mem.Allocator,
    files: *const Files,
    threads: []std.Thread,
    started: usize = 0,

    lock: threads_room.Lock = .{},
    work_added: threads_room.Condition = .{},
    work_done: threads_room.Condition = .{},
    // Everything below is guarded by `lock`.
    jobs: jobs_room.Jobs,
    waiting: bool = false,
    closing: bool = false,

    /// `files` must outlive the pool.
    pub fn init(gpa: std.mem.Allocator, files: *const Files, options: PoolOptions, message: *Message) Error!*PreadPool {
        const thread_count = if (options.threads == 0) threads_default else options.threads;
        if (thread_count > threads_max)
            return message.fail(error.InvalidArgument, "{d} reader threads are too many, at most {d} make sense", .{ thread_count, threads_max });
        if (options.capacity == 0) return message.fail(error.InvalidArgument, "a reader needs a queue", .{});
        const pool = build(gpa, files, thread_count, &options) catch
            return message.fail(error.OutOfMemory, "no memory for the reader's queues", .{});
        errdefer pool.destroy();
        for (pool.threads) |*thread| {
            thread.* = threads_room.spawn(work, .{pool}) catch |err|
                return message.fail(error.OutOfMemory, "cannot start {d} reader threads: {t}", .{ thread_count, err });
            pool.started += 1;
        }
        return pool;
    }

    fn build(gpa: std.mem.Allocator, files: *const Files, thread_count: u32, options: *const PoolOptions) error{OutOfMemory}!*PreadPool {
        const pool = try gpa.create(PreadPool);
        errdefer gpa.destroy(pool);
        const threads = try gpa.alloc(std.Thread, thread_count);
        errdefer gpa.free(threads);
        pool.* = .{ .gpa = gpa, .files = files, .threads = threads, .jobs = try .init(gpa, options.capacity, options.split) };
        return pool;
    }

    /// Lets reads in progress finish, drops queued ones, joins the threads and frees the pool.
    pub fn destroy(pool: *PreadPool) void {
        pool.lock.lock();
        pool.closing = true;
        pool.jobs.clearWaiting();
        pool.work_added.broadcast();
        pool.lock.unlock();
        for (pool.threads[0..pool.started]) |thread| thread.join();
        pool.work_added.deinit();
        pool.work_done.deinit();
        pool.lock.deinit();
        pool.jobs.deinit();
        const gpa = pool.gpa;
        gpa.free(pool.threads);
        gpa.destroy(pool);
    }

    pub fn asReader(pool: *PreadPool) reader.Reader {
        return .{ .context = pool, .vtable = &vtable, .capacity = pool.jobs.capacity() };
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
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        for (requests) |*request| jobs_room.checkRequest(request, pool.files.handles.len);
        pool.lock.lock();
        defer pool.lock.unlock();
        for (requests) |*request| {
            pool.jobs.add(request);
            if (pool.jobs.ready()) for (0..pool.jobs.split) |_| pool.work_added.signal();
        }
    }

    fn vtableWait(context: *anyopaque, out: []reader.Completion) usize {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        std.debug.assert(out.len > 0);
        pool.lock.lock();
        defer pool.lock.unlock();
        if (pool.jobs.in_flight == 0) return 0;
        pool.waiting = true;
        while (pool.jobs.completed.count == 0) pool.work_done.wait(&pool.lock);
        pool.waiting = false;
        return pool.jobs.takeCompleted(out);
    }

    fn vtablePoll(context: *anyopaque, out: []reader.Completion) usize {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock.lock();
        defer pool.lock.unlock();
        return pool.jobs.takeCompleted(out);
    }

    fn vtableRaise(context: *anyopaque, tags: []const u64) void {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock.lock();
        defer pool.lock.unlock();
        for (tags) |tag| if (pool.jobs.raise(tag)) for (0..pool.jobs.split) |_| pool.work_added.signal();
    }

    fn vtableCancel(context: *anyopaque, tags: []const u64) bool {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock.lock();
        defer pool.lock.unlock();
        return pool.jobs.cancel(tags);
    }

    fn vtableCounters(context: *anyopaque) reader.Counters {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock.lock();
        defer pool.lock.unlock();
        return pool.jobs.countersNow();
    }

    fn vtableDeinit(context: *anyopaque) void {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.destroy();
    }

    fn work(pool: *PreadPool) void {
        pool.lock.lock();
        defer pool.lock.unlock();
        while (true) {
            const part = pool.jobs.next() orelse {
                if (pool.closing) return;
                pool.work_added.wait(&pool.lock);
                continue;
            };
            // What waited for something to end may be several.
            if (!part.request.urgent and pool.jobs.ready()) pool.work_added.signal();
            pool.lock.unlock();
            var tally: transfer.Tally = .{};
            const outcome = pool.read(&part.request, &tally);
            pool.lock.lock();
            if (pool.jobs.finish(&part, outcome, &tally) and pool.waiting) pool.work_done.signal();
        }
    }

    fn read(pool: *PreadPool, request: *const reader.Request, tally: *transfer.Tally) reader.Outcome {
        const source: Source = .{ .files = pool.files };
        const outcome = transfer.transfer(source, request, pool.files.handles[request.file].access == .direct, tally);
        pool.files.finished(request.file, request.offset, request.bytes);
        return outcome;
    }
};

/// The system's files, seen by `transfer`.
const Source = struct {
    files: *const Files,

    pub fn read(source: Source, file: u32, buffer: []u8, offset: u64) Got {
        return source.files.readAt(file, buffer, offset);
    }

    pub fn pause(_: Source, ns: u64) void {
        threads_room.sleepNs(ns);
    }
};
