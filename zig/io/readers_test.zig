//! Files and the readers on real files, thread pool and ring: direct and cached reads give the same bytes, at odd sizes
//! and ends; faults arrive as completions; many requests at once. The stress also runs under the thread sanitiser.

const std = @import("std");
const reader = @import("reader.zig");
const files_room = @import("files.zig");
const open_reader = @import("open.zig");
const PreadPool = @import("pread_pool.zig").PreadPool;
const Temporary = @import("temporary.zig").Temporary;
const Message = @import("../abi/result.zig").Message;

const Files = files_room.Files;
const gpa = std.testing.allocator;
const page = reader.alignment;

/// Every reader of real files that this system has; where it refuses the ring, the pool alone.
const kinds = [_]open_reader.ReaderOptions{
    .{ .kind = .pread, .threads = 2 },
    .{ .kind = .pread, .threads = 2, .split = 3 },
    .{ .kind = .uring, .depth = 4 },
    .{ .kind = .uring, .depth = 2, .split = 3 },
};

/// Null where the system has no ring.
fn open(files: *const Files, options: open_reader.ReaderOptions, message: *Message) !?reader.Reader {
    const opened = open_reader.openReader(gpa, files, options, message) catch |err|
        return if (err == error.Unsupported and options.kind == .uring) null else err;
    try std.testing.expectEqual(options.kind, opened.kind);
    return opened.reader;
}

const pread_capacity = @import("pread_pool.zig").capacity_default;

fn contentOf(bytes: usize) ![]u8 {
    const content = try gpa.alloc(u8, bytes);
    var prng: std.Random.DefaultPrng = .init(bytes);
    prng.random().bytes(content);
    return content;
}

test "direct, uncached and cached reads give the same bytes at every offset and at the end" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    var message: Message = .{};
    for ([_]usize{ 1, 511, page, page + 1, 3 * page - 1, 100_003 }) |bytes| {
        errdefer std.debug.print("{d} bytes: {s}\n", .{ bytes, message.text() });
        const content = try contentOf(bytes);
        defer gpa.free(content);
        try temporary.write("data", content);
        const infos = [_]files_room.FileInfo{.{ .path = temporary.path("data"), .bytes = bytes }};
        for ([_]?files_room.Access{ .direct, .uncached, .cached }) |access| {
            var files = try Files.open(gpa, &infos, access == .direct, &message);
            defer files.close();
            if (access == .uncached) files.handles[0].access = .uncached;
            for (kinds) |kind| {
                const r = try open(&files, kind, &message) orelse continue;
                defer r.deinit();
                try readEverywhere(r, content);
            }
        }
    }
}

fn readEverywhere(r: reader.Reader, content: []const u8) !void {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 8 * page);
    defer gpa.free(memory);
    var prng: std.Random.DefaultPrng = .init(content.len);
    const random = prng.random();
    for (0..24) |_| {
        const first = random.uintLessThan(usize, content.len);
        const last = @min(content.len, first + random.intRangeAtMost(usize, 1, 6 * page));
        const offset = first / page * page;
        @memset(memory, 0xee);
        r.submit(&.{.{
            .file = 0,
            .offset = offset,
            .bytes = std.mem.alignForward(usize, last - offset, page),
            .needed = last - offset,
            .destination = memory.ptr,
            .tag = 77,
        }});
        var completions: [2]reader.Completion = undefined;
        try std.testing.expectEqual(1, r.wait(&completions));
        try std.testing.expectEqual(77, completions[0].tag);
        try std.testing.expectEqual(.ok, completions[0].result);
        try std.testing.expect(std.mem.eql(u8, content[offset..last], memory[0 .. last - offset]));
    }
    var none: [1]reader.Completion = undefined;
    try std.testing.expectEqual(0, r.wait(&none));
    try std.testing.expectEqual(24, r.counters().requests);
}

test "files that are missing, changed or no files are refused by name" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    try temporary.write("good", "twelve bytes");
    var message: Message = .{};
    const good = try gpa.dupe(u8, temporary.path("good"));
    defer gpa.free(good);
    const Case = struct { path: []const u8, bytes: u64, err: anyerror, says: []const u8 };
    const missing = try gpa.dupe(u8, temporary.path("missing"));
    defer gpa.free(missing);
    const folder = try gpa.dupe(u8, temporary.path(""));
    defer gpa.free(folder);
    for ([_]Case{
        .{ .path = missing, .bytes = 1, .err = error.IoFailed, .says = "missing: ENOENT" },
        .{ .path = good, .bytes = 13, .err = error.ModelInvalid, .says = "has 12 bytes, its headers were read when it had 13" },
        .{ .path = folder, .bytes = 13, .err = error.ModelInvalid, .says = "no regular file" },
        .{ .path = "a\x00b", .bytes = 1, .err = error.ModelInvalid, .says = "zero byte" },
        .{ .path = "x" ** 5000, .bytes = 1, .err = error.ModelInvalid, .says = "longer than" },
    }) |case| {
        for ([_]bool{ true, false }) |direct| {
            const infos = [_]files_room.FileInfo{ .{ .path = good, .bytes = 12 }, .{ .path = case.path, .bytes = case.bytes } };
            try std.testing.expectError(case.err, Files.open(gpa, &infos, direct, &message));
            if (std.mem.indexOf(u8, message.text(), case.says) == null) {
                std.debug.print("{s}\n", .{message.text()});
                return error.WrongMessage;
            }
        }
    }
    const infos = [_]files_room.FileInfo{.{ .path = good, .bytes = 12 }};
    var files = try Files.open(gpa, &infos, true, &message);
    defer files.close();
    try std.testing.expectError(error.InvalidArgument, PreadPool.init(gpa, &files, .{ .threads = 65 }, &message));
}

test "a file cut after it was opened is a truncation, a closed one an error, both with their offset" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    const content = try contentOf(10 * page);
    defer gpa.free(content);
    try temporary.write("data", content);
    var message: Message = .{};
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 4 * page);
    defer gpa.free(memory);
    for ([_]bool{ true, false }) |direct| {
        for (kinds) |kind| {
            try temporary.write("data", content);
            const infos = [_]files_room.FileInfo{.{ .path = temporary.path("data"), .bytes = content.len }};
            var files = try Files.open(gpa, &infos, direct, &message);
            defer files.close();
            const r = try open(&files, kind, &message) orelse continue;
            defer r.deinit();
            try temporary.write("data", content[0 .. 5 * page + 100]);
            var completions: [1]reader.Completion = undefined;
            const request: reader.Request = .{ .file = 0, .offset = 4 * page, .bytes = 4 * page, .needed = 4 * page, .destination = memory.ptr, .tag = 1 };
            r.submit(&.{request});
            try std.testing.expectEqual(1, r.wait(&completions));
            try std.testing.expectEqual(5 * page + 100, completions[0].result.truncated.offset);

            const descriptor = files.handles[0].descriptor;
            files.handles[0].descriptor = -1;
            r.submit(&.{request});
            try std.testing.expectEqual(1, r.wait(&completions));
            files.handles[0].descriptor = descriptor;
            try std.testing.expectEqual(@intFromEnum(std.c.E.BADF), completions[0].result.failed.errno);
            try std.testing.expectEqual(4 * page, completions[0].result.failed.offset);
        }
    }
}

test "stress: eight reads at once, full queues, every byte right, and a reader closed with work in its queue" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    const content = try contentOf(300_001);
    defer gpa.free(content);
    try temporary.write("data", content);
    const infos = [_]files_room.FileInfo{.{ .path = temporary.path("data"), .bytes = content.len }};
    var message: Message = .{};
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), pread_capacity * 2 * page);
    defer gpa.free(memory);
    for (0..6) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var files = try Files.open(gpa, &infos, seed % 2 == 1, &message);
        defer files.close();
        const r = try open(&files, .{ .kind = if (seed < 3) .pread else .uring, .depth = 8, .split = @intCast(1 + seed % 2) }, &message) orelse continue;
        defer r.deinit();
        try keepFull(r, content, memory, seed);
        // Left in the queue: closing must neither wait for them nor lose a thread.
        for (0..r.capacity) |i| r.submit(&.{requestAt(content, memory, i, 0)});
    }
}

test "guesses raised, taken back or left alone: each comes back right, exactly once, or not at all" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    const content = try contentOf(300_001);
    defer gpa.free(content);
    try temporary.write("data", content);
    const infos = [_]files_room.FileInfo{.{ .path = temporary.path("data"), .bytes = content.len }};
    var message: Message = .{};
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), pread_capacity * 2 * page);
    defer gpa.free(memory);
    var files = try Files.open(gpa, &infos, true, &message);
    defer files.close();
    for (kinds, 0..) |kind, seed| {
        const r = try open(&files, kind, &message) orelse continue;
        defer r.deinit();
        try changeMinds(r, content, memory, seed);
    }
}

fn changeMinds(r: reader.Reader, content: []const u8, memory: []align(page) u8, seed: u64) !void {
    var prng: std.Random.DefaultPrng = .init(seed);
    const random = prng.random();
    var in_flight: std.AutoArrayHashMapUnmanaged(u64, void) = .empty;
    defer in_flight.deinit(gpa);
    for (0..400) |_| {
        const count = random.intRangeAtMost(usize, 1, 16);
        for (0..count) |i| {
            var request = requestAt(content, memory, i, random.uintLessThan(usize, content.len) / page * page);
            request.urgent = random.uintLessThan(u32, 4) == 0;
            try in_flight.put(gpa, request.tag, {});
            r.submit(&.{request});
        }
        for (0..8) |_| {
            const tags = in_flight.keys();
            if (tags.len == 0) break;
            const tag = tags[random.uintLessThan(usize, tags.len)];
            if (random.boolean()) r.raise(&.{tag}) else if (r.cancel(&.{tag})) _ = in_flight.swapRemove(tag);
        }
        while (in_flight.count() > 0) {
            var completions: [5]reader.Completion = undefined;
            const taken = r.wait(&completions);
            try std.testing.expect(taken > 0);
            for (completions[0..taken]) |completion| {
                try std.testing.expectEqual(.ok, completion.result);
                try std.testing.expect(in_flight.swapRemove(completion.tag));
                const offset: usize = @intCast(completion.tag & 0xffff_ffff);
                const request = requestAt(content, memory, @intCast(completion.tag >> 32), offset);
                try std.testing.expect(std.mem.eql(u8, content[offset..][0..@intCast(request.needed)], request.destination[0..@intCast(request.needed)]));
            }
        }
        var none: [1]reader.Completion = undefined;
        try std.testing.expectEqual(0, r.wait(&none));
    }
}

test "an automatic reader takes the ring for direct files, threads for others, and tells" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    const content = try contentOf(3 * page);
    defer gpa.free(content);
    try temporary.write("data", content);
    var message: Message = .{};
    const infos = [_]files_room.FileInfo{.{ .path = temporary.path("data"), .bytes = content.len }};
    for ([_]bool{ true, false }) |direct| {
        var files = try Files.open(gpa, &infos, direct, &message);
        defer files.close();
        const ring = try open(&files, .{ .kind = .uring }, &message);
        if (ring) |r| r.deinit();
        const opened = try open_reader.openReader(gpa, &files, .{}, &message);
        defer opened.reader.deinit();
        const takes_ring = files.handles[0].access == .direct and ring != null;
        try std.testing.expectEqual(takes_ring, opened.kind == .uring);
        // Told only where it was asked for and refused.
        try std.testing.expectEqual(files.handles[0].access == .direct and ring == null, opened.refusal != 0);
        try readEverywhere(opened.reader, content);
    }
}

/// Requests of two pages at most, destination i.
fn requestAt(content: []const u8, memory: []align(page) u8, i: usize, offset: usize) reader.Request {
    const needed = @min(2 * page, content.len - offset);
    return .{
        .file = 0,
        .offset = offset,
        .bytes = std.mem.alignForward(usize, needed, page),
        .needed = needed,
        .destination = @alignCast(memory[i * 2 * page ..].ptr),
        .tag = i << 32 | offset,
    };
}

fn keepFull(r: reader.Reader, content: []const u8, memory: []align(page) u8, seed: u64) !void {
    var prng: std.Random.DefaultPrng = .init(seed);
    const total = 3000;
    var submitted: usize = 0;
    var completed: usize = 0;
    while (submitted < r.capacity) : (submitted += 1)
        r.submit(&.{requestAt(content, memory, submitted, prng.random().uintLessThan(usize, content.len) / page * page)});
    var completions: [5]reader.Completion = undefined;
    while (completed < total) {
        const count = r.wait(&completions);
        try std.testing.expect(count > 0);
        for (completions[0..count]) |completion| {
            try std.testing.expectEqual(.ok, completion.result);
            const offset: usize = @intCast(completion.tag & 0xffff_ffff);
            const i: usize = @intCast(completion.tag >> 32);
            const request = requestAt(content, memory, i, offset);
            try std.testing.expect(std.mem.eql(u8, content[offset..][0..@intCast(request.needed)], request.destination[0..@intCast(request.needed)]));
            completed += 1;
            if (submitted == total) continue;
            r.submit(&.{requestAt(content, memory, i, prng.random().uintLessThan(usize, content.len) / page * page)});
            submitted += 1;
        }
    }
    try std.testing.expectEqual(0, r.wait(&completions));
    const counters = r.counters();
    try std.testing.expectEqual(total, counters.requests);
    try std.testing.expectEqual(0, counters.retries);
}
