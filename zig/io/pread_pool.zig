//! The reader by threads: each takes one request at a time from a bounded queue and reads it with pread.
//! The pool owns its threads and queues (allocated once); the files and destinations are the caller's.
//! One thread submits and waits, the pool's own threads read.

const std = @import("std");
const result = @import("../abi/result.zig");
const reader = @import("reader.zig");
const Files = @import("files.zig").Files;
const Got = @import("files.zig").Got;
const transfer = @import("transfer.zig");

const Error = result.Error;
const Message = result.Message;

pub const threads_default = 8;
pub const threads_max = 64;
pub const capacity_default = 256;

pub const PoolOptions = struct {
    threads: u32 = 0, // 0 = threads_default
    capacity: u32 = capacity_default,
};

pub const PreadPool = struct {
    gpa: std.mem.Allocator,
    files: *const Files,
    threads: []std.Thread,
    started: usize = 0,

    mutex: std.c.pthread_mutex_t = .{},
    work_added: std.c.pthread_cond_t = .{},
    work_done: std.c.pthread_cond_t = .{},
    // Everything below is guarded by `mutex`.
    queued: Ring(reader.Request),
    completed: Ring(reader.Completion),
    in_flight: usize = 0, // submitted and not yet returned by `wait`
    busy_since: u64 = 0, // when the work that is under way began
    waiting: bool = false,
    closing: bool = false,
    counters: reader.Counters = .{},

    /// `files` must outlive the pool.
    pub fn init(gpa: std.mem.Allocator, files: *const Files, options: PoolOptions, message: *Message) Error!*PreadPool {
        const thread_count = if (options.threads == 0) threads_default else options.threads;
        if (thread_count > threads_max)
            return message.fail(error.InvalidArgument, "{d} reader threads are too many, at most {d} make sense", .{ thread_count, threads_max });
        if (options.capacity == 0) return message.fail(error.InvalidArgument, "a reader needs a queue", .{});
        const pool = build(gpa, files, thread_count, options.capacity) catch
            return message.fail(error.OutOfMemory, "no memory for the reader's queues", .{});
        errdefer pool.destroy();
        pool.start() catch |err|
            return message.fail(error.OutOfMemory, "cannot start {d} reader threads: {t}", .{ thread_count, err });
        return pool;
    }

    fn build(gpa: std.mem.Allocator, files: *const Files, thread_count: u32, capacity: u32) error{OutOfMemory}!*PreadPool {
        const pool = try gpa.create(PreadPool);
        errdefer gpa.destroy(pool);
        const threads = try gpa.alloc(std.Thread, thread_count);
        errdefer gpa.free(threads);
        const queued = try gpa.alloc(reader.Request, capacity);
        errdefer gpa.free(queued);
        const completed = try gpa.alloc(reader.Completion, capacity);
        pool.* = .{ .gpa = gpa, .files = files, .threads = threads, .queued = .{ .items = queued }, .completed = .{ .items = completed } };
        return pool;
    }

    fn start(pool: *PreadPool) std.Thread.SpawnError!void {
        // Signals are for the host's threads; reads are not to be interrupted by them.
        var every: std.c.sigset_t = undefined;
        var before: std.c.sigset_t = undefined;
        _ = std.c.sigfillset(&every);
        const masked = std.c.pthread_sigmask(std.c.SIG.SETMASK, &every, &before) == 0;
        defer if (masked) {
            _ = std.c.pthread_sigmask(std.c.SIG.SETMASK, &before, &every);
        };
        for (pool.threads) |*thread| {
            thread.* = try std.Thread.spawn(.{ .stack_size = 512 * 1024 }, work, .{pool});
            pool.started += 1;
        }
    }

    /// Lets requests in progress finish, drops queued ones, joins the threads and frees the pool.
    pub fn destroy(pool: *PreadPool) void {
        pool.lock();
        pool.closing = true;
        pool.queued.clear();
        _ = std.c.pthread_cond_broadcast(&pool.work_added);
        pool.unlock();
        for (pool.threads[0..pool.started]) |thread| thread.join();
        _ = std.c.pthread_cond_destroy(&pool.work_added);
        _ = std.c.pthread_cond_destroy(&pool.work_done);
        _ = std.c.pthread_mutex_destroy(&pool.mutex);
        const gpa = pool.gpa;
        gpa.free(pool.threads);
        gpa.free(pool.queued.items);
        gpa.free(pool.completed.items);
        gpa.destroy(pool);
    }

    pub fn asReader(pool: *PreadPool) reader.Reader {
        return .{ .context = pool, .vtable = &vtable, .capacity = pool.queued.items.len };
    }

    const vtable: reader.Reader.VTable = .{
        .submit = vtableSubmit,
        .wait = vtableWait,
        .poll = vtablePoll,
        .counters = vtableCounters,
        .deinit = vtableDeinit,
    };

    fn vtableSubmit(context: *anyopaque, requests: []const reader.Request) void {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        for (requests) |*request| checkRequest(request, pool.files.handles.len);
        pool.lock();
        defer pool.unlock();
        std.debug.assert(pool.in_flight + requests.len <= pool.queued.items.len);
        if (!pool.working()) pool.busy_since = nowNs();
        for (requests) |request| {
            pool.queued.push(request);
            _ = std.c.pthread_cond_signal(&pool.work_added);
        }
        pool.in_flight += requests.len;
    }

    fn vtableWait(context: *anyopaque, out: []reader.Completion) usize {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        std.debug.assert(out.len > 0);
        pool.lock();
        defer pool.unlock();
        if (pool.in_flight == 0) return 0;
        pool.waiting = true;
        while (pool.completed.count == 0) _ = std.c.pthread_cond_wait(&pool.work_done, &pool.mutex);
        pool.waiting = false;
        return pool.takeCompleted(out);
    }

    fn vtablePoll(context: *anyopaque, out: []reader.Completion) usize {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock();
        defer pool.unlock();
        return pool.takeCompleted(out);
    }

    fn takeCompleted(pool: *PreadPool, out: []reader.Completion) usize {
        const count = @min(out.len, pool.completed.count);
        for (out[0..count]) |*completion| completion.* = pool.completed.pop();
        pool.in_flight -= count;
        return count;
    }

    fn vtableCounters(context: *anyopaque) reader.Counters {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.lock();
        defer pool.unlock();
        var counters = pool.counters;
        if (pool.working()) counters.busy_ns += nowNs() - pool.busy_since;
        return counters;
    }

    fn vtableDeinit(context: *anyopaque) void {
        const pool: *PreadPool = @ptrCast(@alignCast(context));
        pool.destroy();
    }

    fn work(pool: *PreadPool) void {
        pool.lock();
        defer pool.unlock();
        while (true) {
            while (pool.queued.count == 0) {
                if (pool.closing) return;
                _ = std.c.pthread_cond_wait(&pool.work_added, &pool.mutex);
            }
            const request = pool.queued.pop();
            pool.unlock();
            var tally: transfer.Tally = .{};
            const outcome = pool.read(&request, &tally);
            pool.lock();
            pool.counters.requests += 1;
            pool.counters.bytes += tally.bytes;
            pool.counters.retries += tally.retries;
            pool.completed.push(.{ .tag = request.tag, .result = outcome });
            if (!pool.working()) pool.counters.busy_ns += nowNs() - pool.busy_since;
            if (pool.waiting) _ = std.c.pthread_cond_signal(&pool.work_done);
        }
    }

    fn read(pool: *PreadPool, request: *const reader.Request, tally: *transfer.Tally) reader.Outcome {
        const source: Source = .{ .files = pool.files };
        const outcome = transfer.transfer(source, request, pool.files.handles[request.file].access == .direct, tally);
        pool.files.finished(request.file, request.offset, request.bytes);
        return outcome;
    }

    /// Something was submitted that has not completed yet.
    fn working(pool: *const PreadPool) bool {
        return pool.in_flight > pool.completed.count;
    }

    fn lock(pool: *PreadPool) void {
        const failed = std.c.pthread_mutex_lock(&pool.mutex);
        std.debug.assert(failed == .SUCCESS);
    }

    fn unlock(pool: *PreadPool) void {
        const failed = std.c.pthread_mutex_unlock(&pool.mutex);
        std.debug.assert(failed == .SUCCESS);
    }
};

fn nowNs() u64 {
    var now: std.c.timespec = undefined;
    std.debug.assert(std.c.clock_gettime(.MONOTONIC, &now) == 0);
    return @as(u64, @intCast(now.sec)) * std.time.ns_per_s + @as(u64, @intCast(now.nsec));
}

/// The system's files, seen by `transfer`.
const Source = struct {
    files: *const Files,

    pub fn read(source: Source, file: u32, buffer: []u8, offset: u64) Got {
        return source.files.readAt(file, buffer, offset);
    }

    pub fn pause(_: Source, ns: u64) void {
        const rest: std.c.timespec = .{ .sec = @intCast(ns / std.time.ns_per_s), .nsec = @intCast(ns % std.time.ns_per_s) };
        _ = std.c.nanosleep(&rest, null);
    }
};

/// Our own mistakes: a request that breaks the contract.
pub fn checkRequest(request: *const reader.Request, file_count: usize) void {
    std.debug.assert(request.file < file_count);
    std.debug.assert(request.offset % reader.alignment == 0 and request.bytes % reader.alignment == 0);
    std.debug.assert(request.needed > 0 and request.needed <= request.bytes);
}

/// A bounded first-in-first-out queue over memory given once.
fn Ring(comptime T: type) type {
    return struct {
        items: []T,
        first: usize = 0,
        count: usize = 0,

        fn push(ring: *@This(), item: T) void {
            std.debug.assert(ring.count < ring.items.len);
            ring.items[(ring.first + ring.count) % ring.items.len] = item;
            ring.count += 1;
        }

        fn pop(ring: *@This()) T {
            std.debug.assert(ring.count > 0);
            const item = ring.items[ring.first];
            ring.first = (ring.first + 1) % ring.items.len;
            ring.count -= 1;
            return item;
        }

        fn clear(ring: *@This()) void {
            ring.count = 0;
        }
    };
}
