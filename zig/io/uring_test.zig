//! The ring reader over a ring with faults: answers in any order, short, interrupted, failing for a while or for good.
//! The faults are the simulator's, so the same reads go wrong in the same ways. Also runs under the thread sanitiser.

const std = @import("std");
const reader = @import("reader.zig");
const simulated = @import("simulated.zig");
const threads_room = @import("thread.zig");
const transfer = @import("transfer.zig");
const uring = @import("uring.zig");
const Got = @import("files.zig").Got;

const gpa = std.testing.allocator;
const page = reader.alignment;
const depth = 6;

/// A ring in memory: what is queued is answered in an order drawn from the seed.
const FaultyRing = struct {
    faults: *simulated.Simulated,
    random: std.Random.DefaultPrng,
    queued: [depth]Entry = undefined,
    count: usize = 0,
    /// Chance failures of a lane since its last bytes: the last try is let through.
    failures: [depth]u32 = @splat(0),
    paused_ns: *std.atomic.Value(u64),
    gate: *Gate,

    const Entry = struct { lane: u32, file: u32, buffer: []u8, offset: u64, pause: bool };
    const Gate = struct { lock: threads_room.Lock = .{}, condition: threads_room.Condition = .{}, woken: bool = false };

    pub fn read(ring: *FaultyRing, lane: u32, file: u32, buffer: []u8, offset: u64) void {
        ring.queue(.{ .lane = lane, .file = file, .buffer = buffer, .offset = offset, .pause = false });
    }

    pub fn pause(ring: *FaultyRing, lane: u32, ns: u64) void {
        _ = ring.paused_ns.fetchAdd(ns, .monotonic);
        ring.queue(.{ .lane = lane, .file = 0, .buffer = &.{}, .offset = 0, .pause = true });
    }

    fn queue(ring: *FaultyRing, entry: Entry) void {
        for (ring.queued[0..ring.count]) |*other| std.debug.assert(other.lane != entry.lane); // one thing per lane
        ring.queued[ring.count] = entry;
        ring.count += 1;
    }

    pub fn wait(ring: *FaultyRing, answers: []uring.Answer) usize {
        if (ring.count == 0) {
            ring.gate.lock.lock();
            defer ring.gate.lock.unlock();
            while (!ring.gate.woken) ring.gate.condition.wait(&ring.gate.lock);
            ring.gate.woken = false;
            answers[0] = .{ .lane = null, .got = .{ .bytes = 8 } };
            return 1;
        }
        const answered = ring.random.random().intRangeAtMost(usize, 1, ring.count);
        for (answers[0..answered]) |*answer| {
            const which = ring.random.random().uintLessThan(usize, ring.count);
            const entry = ring.queued[which];
            ring.count -= 1;
            ring.queued[which] = ring.queued[ring.count];
            const errno: Got = .{ .errno = @intFromEnum(std.c.E.TIME) }; // as the kernel answers a timeout
            answer.* = .{ .lane = entry.lane, .got = if (entry.pause) errno else ring.readOnce(&entry) };
        }
        return answered;
    }

    fn readOnce(ring: *FaultyRing, entry: *const Entry) Got {
        const options = &ring.faults.options;
        const chance = options.io_errors;
        defer options.io_errors = chance;
        const failures = &ring.failures[entry.lane];
        if (failures.* == transfer.io_error_tries - 1) options.io_errors = 0;
        const got = ring.faults.read(entry.file, entry.buffer, entry.offset);
        switch (got) {
            .bytes => failures.* = 0,
            .errno => |code| failures.* += @intFromBool(code == @intFromEnum(std.c.E.IO)),
        }
        return got;
    }

    pub fn wake(ring: *FaultyRing) void {
        ring.gate.lock.lock();
        defer ring.gate.lock.unlock();
        ring.gate.woken = true;
        ring.gate.condition.signal();
    }

    pub fn direct(ring: *const FaultyRing, _: u32) bool {
        return ring.faults.options.aligned;
    }

    pub fn finished(_: *const FaultyRing, _: u32, _: u64, _: u64) void {}

    pub fn fileCount(_: *const FaultyRing) usize {
        return 1;
    }

    pub fn deinit(ring: *FaultyRing) void {
        std.debug.assert(ring.count == 0); // the kernel would still write into these
    }
};

const Reading = struct {
    content: []u8,
    memory: []align(page) u8,
    faults: *simulated.Simulated,
    paused_ns: std.atomic.Value(u64) = .init(0),
    gate: FaultyRing.Gate = .{},
    reader: reader.Reader = undefined,

    const pages = 40;

    fn init(one: *Reading, options: simulated.SimulatedOptions, split: u32) !void {
        const content = try gpa.alloc(u8, pages * page - 123);
        errdefer gpa.free(content);
        var prng: std.Random.DefaultPrng = .init(options.seed);
        prng.random().bytes(content);
        const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), depth * 8 * page);
        errdefer gpa.free(memory);
        one.* = .{ .content = content, .memory = memory, .faults = undefined };
        one.faults = try .init(gpa, .{ .memory = @as(*const [1][]const u8, &one.content) }, options);
        errdefer one.faults.destroy();
        const ring: FaultyRing = .{ .faults = one.faults, .random = .init(options.seed + 1), .paused_ns = &one.paused_ns, .gate = &one.gate };
        const opened = try uring.Uring(FaultyRing).init(gpa, ring, .{ .depth = depth, .split = split, .capacity = depth });
        one.reader = opened.asReader();
    }

    fn deinit(one: *Reading) void {
        one.reader.deinit();
        one.gate.condition.deinit();
        one.gate.lock.deinit();
        one.faults.destroy();
        gpa.free(one.memory);
        gpa.free(one.content);
    }

    fn requestAt(one: *Reading, place: usize, offset: usize) reader.Request {
        const needed = @min(8 * page, one.content.len - offset);
        const bytes = std.mem.alignForward(usize, needed, page);
        return .{ .file = 0, .offset = offset, .bytes = bytes, .needed = needed, .destination = @alignCast(one.memory[place * 8 * page ..].ptr), .tag = place << 32 | offset };
    }
};

test "short, interrupted and failing reads in any order are completed, every byte right" {
    for (0..60) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        const harsh = @as(f32, @floatFromInt(seed % 4)) * 0.15;
        var one: Reading = undefined;
        try one.init(.{ .seed = seed, .short_reads = harsh, .interruptions = harsh, .io_errors = harsh / 2, .aligned = seed % 2 == 0 }, @intCast(1 + seed % 3));
        defer one.deinit();
        var prng: std.Random.DefaultPrng = .init(seed);
        var submitted: usize = 0;
        var completed: usize = 0;
        const total = 50;
        while (submitted < depth) : (submitted += 1) one.reader.submit(&.{one.requestAt(submitted, 0)});
        while (completed < total) {
            var completions: [3]reader.Completion = undefined;
            const count = one.reader.wait(&completions);
            try std.testing.expect(count > 0);
            for (completions[0..count]) |completion| {
                try std.testing.expectEqual(.ok, completion.result);
                const place: usize = @intCast(completion.tag >> 32);
                const offset: usize = @intCast(completion.tag & 0xffff_ffff);
                const request = one.requestAt(place, offset);
                try std.testing.expect(std.mem.eql(u8, one.content[offset..][0..@intCast(request.needed)], request.destination[0..@intCast(request.needed)]));
                completed += 1;
                if (submitted == total) continue;
                one.reader.submit(&.{one.requestAt(place, prng.random().uintLessThan(usize, Reading.pages) * page)});
                submitted += 1;
            }
        }
        const counters = one.reader.counters();
        try std.testing.expectEqual(total, counters.requests);
        try std.testing.expectEqual(harsh > 0, counters.retries > 0);
    }
}

test "a bad range fails after its tries and pauses, a file that is too short is truncated, others go on" {
    var one: Reading = undefined;
    const bad = [_]simulated.BadRange{.{ .file = 0, .offset = 10 * page, .bytes = 1 }};
    try one.init(.{ .seed = 4, .bad = &bad }, 4);
    defer one.deinit();
    const cases = [_]struct { reader.Request, reader.Outcome }{
        .{ one.requestAt(0, 8 * page), .{ .failed = .{ .errno = @intFromEnum(std.c.E.IO), .offset = 10 * page } } },
        .{ one.requestAt(1, 20 * page), .ok },
        .{ beyond: {
            var request = one.requestAt(2, 36 * page);
            request.needed = request.bytes;
            break :beyond request;
        }, .{ .truncated = .{ .offset = one.content.len } } },
    };
    for (cases) |case| one.reader.submit(&.{case[0]});
    for (0..cases.len) |_| {
        var completions: [1]reader.Completion = undefined;
        try std.testing.expectEqual(1, one.reader.wait(&completions));
        const case = cases[@intCast(completions[0].tag >> 32)];
        try std.testing.expectEqual(case[1], completions[0].result);
    }
    try std.testing.expectEqual(9 * transfer.io_error_pause_ns, one.paused_ns.load(.monotonic));
}

test "closing waits for what the ring holds and drops the rest" {
    for (0..20) |seed| {
        var one: Reading = undefined;
        try one.init(.{ .seed = seed, .short_reads = 0.5, .io_errors = 0.3 }, 2);
        defer one.deinit();
        for (0..depth) |place| one.reader.submit(&.{one.requestAt(place, place * page)});
    }
}
