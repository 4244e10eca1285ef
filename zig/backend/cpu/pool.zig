//! Compute threads. `run` splits a job into numbered items that are taken one by one by the caller and the
//! workers; every item is computed whole by one thread, so results never depend on who took it.
//! Owns its workers. One thread (the engine's) calls `run`; a task receives its thread's slot for scratch.
//!
//! A job is published in `ticket` = epoch << 32 | next item. A worker reads the job's fields and then takes an item
//! by compare-and-swap on the ticket: that succeeds only while the epoch it read is still open, so a worker that
//! wakes late takes nothing, and nobody has to wait for sleepers.

const std = @import("std");
const builtin = @import("builtin");
const futex = @import("futex.zig");

const closed: u64 = 0xffff_ffff;

/// x86 pauses 40 to 140 cycles a look, Arm hardly any.
const looks: u32 = if (builtin.cpu.arch == .x86_64) 1200 else 20_000;

pub const Pool = struct {
    gpa: std.mem.Allocator,
    workers: []std.Thread,
    /// How often a waiting thread looks before it sleeps: 20 to 50 us, the small operations between two dispatches of a
    /// decode step. Spinning longer takes cores from readers; with more threads than cores it would take them from
    /// the very thread that is waited for.
    spins: u32,

    ticket: std.atomic.Value(u64) align(std.atomic.cache_line) = .init(closed),
    done: futex.Word align(std.atomic.cache_line) = .init(0),
    caller_sleeps: futex.Word = .init(0),
    epoch: futex.Word align(std.atomic.cache_line) = .init(0),
    sleepers: futex.Word = .init(0),
    stop: std.atomic.Value(bool) = .init(false),
    // The open job. Stored with release after the ticket was closed, read with acquire.
    task: std.atomic.Value(usize) align(std.atomic.cache_line) = .init(0),
    context: std.atomic.Value(usize) = .init(0),
    count: futex.Word = .init(0),

    const Task = *const fn (context: usize, item: usize, slot: usize) void;
    pub const Error = error{ OutOfMemory, DeviceFailed };

    /// `threads` includes the caller. The pool must not move afterwards.
    pub fn create(gpa: std.mem.Allocator, threads: usize) Error!*Pool {
        const pool = try gpa.create(Pool);
        errdefer gpa.destroy(pool);
        const cores = std.Thread.getCpuCount() catch 1;
        pool.* = .{ .gpa = gpa, .workers = undefined, .spins = if (threads <= cores) looks else 0 };
        pool.workers = try gpa.alloc(std.Thread, @max(threads, 1) - 1);
        errdefer gpa.free(pool.workers);
        for (pool.workers, 0..) |*worker, i| {
            worker.* = std.Thread.spawn(.{ .stack_size = 1 << 20 }, workerMain, .{ pool, i + 1 }) catch |e| {
                pool.joinFirst(i);
                return if (e == error.OutOfMemory) error.OutOfMemory else error.DeviceFailed;
            };
        }
        return pool;
    }

    pub fn destroy(pool: *Pool) void {
        pool.joinFirst(pool.workers.len);
        pool.gpa.free(pool.workers);
        pool.gpa.destroy(pool);
    }

    pub fn threadCount(pool: *const Pool) usize {
        return pool.workers.len + 1;
    }

    /// Calls task(context, item, slot) once for every item in [0, items), on all threads; returns when all are done.
    /// `context` is a pointer; `slot` is in [0, threads).
    pub fn run(pool: *Pool, items: usize, context: anytype, comptime task: fn (@TypeOf(context), usize, usize) void) void {
        if (items <= 1 or pool.workers.len == 0) {
            for (0..items) |item| task(context, item, 0);
            return;
        }
        const Erased = struct {
            fn call(address: usize, item: usize, slot: usize) void {
                task(@ptrFromInt(address), item, slot);
            }
        };
        pool.dispatch(std.math.cast(u32, items) orelse unreachable, @intFromPtr(context), Erased.call);
    }

    fn dispatch(pool: *Pool, items: u32, context: usize, task: Task) void {
        const epoch = pool.epoch.load(.monotonic) +% 1;
        const head = @as(u64, epoch) << 32;
        pool.ticket.store(head | closed, .release);
        pool.done.store(0, .monotonic);
        pool.task.store(@intFromPtr(task), .release);
        pool.context.store(context, .release);
        pool.count.store(items, .release);
        pool.ticket.store(head, .release);
        pool.epoch.store(epoch, .seq_cst);
        if (pool.sleepers.load(.seq_cst) != 0) futex.wakeAll(&pool.epoch);
        pool.work(epoch, 0);
        pool.awaitDone(items);
    }

    fn awaitDone(pool: *Pool, items: u32) void {
        for (0..pool.spins) |_| {
            if (pool.done.load(.acquire) == items) return;
            std.atomic.spinLoopHint();
        }
        pool.caller_sleeps.store(1, .seq_cst);
        defer pool.caller_sleeps.store(0, .monotonic);
        while (true) {
            const done = pool.done.load(.seq_cst);
            if (done == items) return;
            futex.wait(&pool.done, done);
        }
    }

    /// Takes items of the job `epoch` until none is left or the job is over.
    fn work(pool: *Pool, epoch: u32, slot: usize) void {
        const task: Task = @ptrFromInt(pool.task.load(.acquire));
        const context = pool.context.load(.acquire);
        const items = pool.count.load(.acquire);
        var finished: u32 = 0;
        var ticket = pool.ticket.load(.acquire);
        while (ticket >> 32 == epoch) {
            const item: u32 = @truncate(ticket);
            if (item >= items) break;
            if (pool.ticket.cmpxchgWeak(ticket, ticket + 1, .acq_rel, .acquire)) |current| {
                ticket = current;
                continue;
            }
            task(context, item, slot);
            finished += 1;
            ticket = pool.ticket.load(.acquire);
        }
        if (finished == 0) return;
        const before = pool.done.fetchAdd(finished, .seq_cst);
        if (before + finished == items and pool.caller_sleeps.load(.seq_cst) != 0) futex.wakeAll(&pool.done);
    }

    fn workerMain(pool: *Pool, slot: usize) void {
        var seen: u32 = 0;
        while (true) {
            seen = pool.awaitEpoch(seen);
            if (pool.stop.load(.acquire)) return;
            pool.work(seen, slot);
        }
    }

    /// Returns the newest epoch once it differs from `seen`.
    fn awaitEpoch(pool: *Pool, seen: u32) u32 {
        for (0..pool.spins) |_| {
            const epoch = pool.epoch.load(.acquire);
            if (epoch != seen) return epoch;
            std.atomic.spinLoopHint();
        }
        _ = pool.sleepers.fetchAdd(1, .seq_cst);
        defer _ = pool.sleepers.fetchSub(1, .seq_cst);
        while (true) {
            const epoch = pool.epoch.load(.seq_cst);
            if (epoch != seen) return epoch;
            futex.wait(&pool.epoch, seen);
        }
    }

    fn joinFirst(pool: *Pool, started: usize) void {
        pool.stop.store(true, .release);
        _ = pool.epoch.fetchAdd(1, .seq_cst);
        futex.wakeAll(&pool.epoch);
        for (pool.workers[0..started]) |worker| worker.join();
    }
};

test "every item runs exactly once, for many jobs of all sizes" {
    for ([_]usize{ 1, 2, 3, 5 }) |threads| {
        const pool = try Pool.create(std.testing.allocator, threads);
        defer pool.destroy();
        const Job = struct {
            hits: [97]std.atomic.Value(u32) = @splat(.init(0)),
            slots: std.atomic.Value(usize) = .init(0),
            fn item(job: *@This(), index: usize, slot: usize) void {
                _ = job.hits[index].fetchAdd(1, .monotonic);
                _ = job.slots.fetchMax(slot, .monotonic);
            }
        };
        for (0..3000) |round| {
            const items = round % 98;
            var job: Job = .{};
            pool.run(items, &job, Job.item);
            for (&job.hits, 0..) |*hit, i| try std.testing.expectEqual(@as(u32, @intFromBool(i < items)), hit.load(.monotonic));
            try std.testing.expect(job.slots.load(.monotonic) < threads);
        }
    }
}

test "writes of the workers are visible to the caller" {
    const pool = try Pool.create(std.testing.allocator, 3);
    defer pool.destroy();
    const Job = struct {
        values: [512]u32 = @splat(0),
        round: u32 = 0,
        fn item(job: *@This(), index: usize, _: usize) void {
            job.values[index] = job.round + @as(u32, @intCast(index));
        }
    };
    var job: Job = .{};
    for (0..500) |round| {
        job.round = @intCast(round);
        pool.run(job.values.len, &job, Job.item);
        for (job.values, 0..) |value, i| try std.testing.expectEqual(round + i, value);
    }
}
