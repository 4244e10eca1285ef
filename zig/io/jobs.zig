//! Requests on their way through a reader: cut into parts, waiting in two queues (demand before speculation), put
//! together again when their last part is in. Tables are allocated once. Not locked: the reader that owns it does that.

const std = @import("std");
const reader = @import("reader.zig");
const nowNs = @import("thread.zig").nowNs;
const Tally = @import("transfer.zig").Tally;

/// Parts a request may be cut into.
pub const split_max = 16;

/// A piece of a request, read by one call or one ring entry at a time.
pub const Part = struct { job: u32, request: reader.Request };

pub const Jobs = struct {
    gpa: std.mem.Allocator,
    split: u32,
    jobs: []Job,
    free: []u32, // a stack of free jobs
    free_count: usize,
    waiting: [2]Ring(Part), // urgent, then the rest
    completed: Ring(reader.Completion),
    in_flight: usize = 0, // added and not yet taken out
    busy_since: u64 = 0, // when the work that is under way began
    counters: reader.Counters = .{},

    const Job = struct { tag: u64, parts_left: u32, outcome: reader.Outcome };

    pub fn init(gpa: std.mem.Allocator, requests_max: u32, split: u32) error{OutOfMemory}!Jobs {
        std.debug.assert(requests_max > 0 and split > 0 and split <= split_max);
        const jobs = try gpa.alloc(Job, requests_max);
        errdefer gpa.free(jobs);
        const free = try gpa.alloc(u32, requests_max);
        errdefer gpa.free(free);
        for (free, 0..) |*index, i| index.* = @intCast(i);
        const urgent = try gpa.alloc(Part, requests_max * split);
        errdefer gpa.free(urgent);
        const rest = try gpa.alloc(Part, requests_max * split);
        errdefer gpa.free(rest);
        const completed = try gpa.alloc(reader.Completion, requests_max);
        return .{
            .gpa = gpa,
            .split = split,
            .jobs = jobs,
            .free = free,
            .free_count = requests_max,
            .waiting = .{ .{ .items = urgent }, .{ .items = rest } },
            .completed = .{ .items = completed },
        };
    }

    pub fn deinit(jobs: *Jobs) void {
        jobs.gpa.free(jobs.jobs);
        jobs.gpa.free(jobs.free);
        for (jobs.waiting) |queue| jobs.gpa.free(queue.items);
        jobs.gpa.free(jobs.completed.items);
        jobs.* = undefined;
    }

    pub fn capacity(jobs: *const Jobs) usize {
        return jobs.jobs.len;
    }

    /// At most `capacity` requests between here and `takeCompleted`.
    pub fn add(jobs: *Jobs, request: *const reader.Request) void {
        std.debug.assert(jobs.free_count > 0);
        if (!jobs.working()) jobs.busy_since = nowNs();
        jobs.free_count -= 1;
        const job = jobs.free[jobs.free_count];
        const queue = &jobs.waiting[@intFromBool(!request.urgent)];
        const pages = request.bytes / reader.alignment;
        var count: u32 = 0;
        for (0..jobs.split) |i| {
            const first = pages * i / jobs.split * reader.alignment;
            const last = pages * (i + 1) / jobs.split * reader.alignment;
            // Pages past what is needed are read only together with pages that are.
            if (first == last or first >= request.needed) continue;
            var part = request.*;
            part.offset += first;
            part.bytes = last - first;
            part.needed = @min(request.needed, last) - first;
            part.destination = @alignCast(request.destination + @as(usize, @intCast(first)));
            queue.push(.{ .job = job, .request = part });
            count += 1;
        }
        jobs.jobs[job] = .{ .tag = request.tag, .parts_left = count, .outcome = .ok };
        jobs.in_flight += 1;
    }

    /// The next part to read; urgent ones go first.
    pub fn next(jobs: *Jobs) ?Part {
        for (&jobs.waiting) |*queue| if (queue.count > 0) return queue.pop();
        return null;
    }

    /// Drops what nobody began to read.
    pub fn clearWaiting(jobs: *Jobs) void {
        for (&jobs.waiting) |*queue| queue.clear();
    }

    /// A part that came to its end; true where that completed its request. Of several faults the first in the file is
    /// told, whatever came first in time.
    pub fn finish(jobs: *Jobs, part: *const Part, outcome: reader.Outcome, tally: *const Tally) bool {
        const job = &jobs.jobs[part.job];
        if (faultOffset(outcome) < faultOffset(job.outcome)) job.outcome = outcome;
        jobs.counters.bytes += tally.bytes;
        jobs.counters.retries += tally.retries;
        job.parts_left -= 1;
        if (job.parts_left > 0) return false;
        jobs.counters.requests += 1;
        jobs.completed.push(.{ .tag = job.tag, .result = job.outcome });
        jobs.free[jobs.free_count] = part.job;
        jobs.free_count += 1;
        if (!jobs.working()) jobs.counters.busy_ns += nowNs() - jobs.busy_since;
        return true;
    }

    /// Something was added that has not completed yet.
    fn working(jobs: *const Jobs) bool {
        return jobs.in_flight > jobs.completed.count;
    }

    pub fn countersNow(jobs: *const Jobs) reader.Counters {
        var counters = jobs.counters;
        if (jobs.working()) counters.busy_ns += nowNs() - jobs.busy_since;
        return counters;
    }

    pub fn takeCompleted(jobs: *Jobs, out: []reader.Completion) usize {
        const count = @min(out.len, jobs.completed.count);
        for (out[0..count]) |*completion| completion.* = jobs.completed.pop();
        jobs.in_flight -= count;
        return count;
    }
};

fn faultOffset(outcome: reader.Outcome) u64 {
    return switch (outcome) {
        .ok => std.math.maxInt(u64),
        .failed => |fault| fault.offset,
        .truncated => |fault| fault.offset,
    };
}

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
