//! Requests on their way through a reader: cut into parts, waiting in two queues (demand before speculation), raised from
//! one to the other or taken back, put together again when their last part is in. Tables are allocated once. Not locked:
//! the reader that owns it does that.

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
    begun: usize = 0, // parts being read
    begun_bytes: u64 = 0,
    spare: reader.Spare = .{},
    busy_since: u64 = 0, // when the work that is under way began
    counters: reader.Counters = .{},

    /// `parts_left` is 0 in a free one.
    const Job = struct { tag: u64 = 0, parts_left: u32 = 0, outcome: reader.Outcome = .ok };

    pub fn init(gpa: std.mem.Allocator, requests_max: u32, split: u32) error{OutOfMemory}!Jobs {
        std.debug.assert(requests_max > 0 and split > 0 and split <= split_max);
        const jobs = try gpa.alloc(Job, requests_max);
        @memset(jobs, .{});
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

    /// The next part to read: an urgent one, else another where little is being read.
    pub fn next(jobs: *Jobs) ?Part {
        if (!jobs.ready()) return null;
        const part = jobs.waiting[@intFromBool(jobs.waiting[0].count == 0)].pop();
        jobs.begun += 1;
        jobs.begun_bytes += part.request.bytes;
        return part;
    }

    /// Whether there is a next part.
    pub fn ready(jobs: *const Jobs) bool {
        if (jobs.waiting[0].count > 0) return true;
        return jobs.waiting[1].count > 0 and jobs.spare.beside(jobs.begun, jobs.begun_bytes);
    }

    /// Somebody waits for the request now. False where no part of it stood behind.
    pub fn raise(jobs: *Jobs, tag: u64) bool {
        const job = jobs.find(tag) orelse return false;
        const rest = &jobs.waiting[1];
        var moved = false;
        for (0..rest.count) |_| {
            var part = rest.pop();
            if (part.job != job) {
                rest.push(part);
                continue;
            }
            part.request.urgent = true;
            jobs.waiting[0].push(part);
            moved = true;
        }
        return moved;
    }

    /// Takes back requests of which no part is being read: all of them or none.
    pub fn cancel(jobs: *Jobs, tags: []const u64) bool {
        for (tags) |tag| if (!jobs.isWaiting(jobs.find(tag) orelse return false)) return false;
        for (tags) |tag| jobs.drop(jobs.find(tag).?);
        return true;
    }

    fn isWaiting(jobs: *const Jobs, job: u32) bool {
        var waits: u32 = 0;
        for (&jobs.waiting) |*queue| for (0..queue.count) |i| {
            waits += @intFromBool(queue.at(i).job == job);
        };
        return waits == jobs.jobs[job].parts_left;
    }

    fn drop(jobs: *Jobs, job: u32) void {
        for (&jobs.waiting) |*queue| for (0..queue.count) |_| {
            const part = queue.pop();
            if (part.job != job) queue.push(part);
        };
        jobs.release(job);
        jobs.in_flight -= 1;
        if (!jobs.working()) jobs.counters.busy_ns += nowNs() - jobs.busy_since;
    }

    fn find(jobs: *const Jobs, tag: u64) ?u32 {
        for (jobs.jobs, 0..) |*job, i| if (job.parts_left > 0 and job.tag == tag) return @intCast(i);
        return null;
    }

    fn release(jobs: *Jobs, job: u32) void {
        jobs.jobs[job].parts_left = 0;
        jobs.free[jobs.free_count] = job;
        jobs.free_count += 1;
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
        jobs.begun -= 1;
        jobs.begun_bytes -= part.request.bytes;
        job.parts_left -= 1;
        if (job.parts_left > 0) return false;
        jobs.counters.requests += 1;
        jobs.completed.push(.{ .tag = job.tag, .result = job.outcome });
        jobs.release(part.job);
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

        /// The one that is `index` places behind the next.
        fn at(ring: *const @This(), index: usize) *const T {
            std.debug.assert(index < ring.count);
            return &ring.items[(ring.first + index) % ring.items.len];
        }

        fn clear(ring: *@This()) void {
            ring.count = 0;
        }
    };
}
