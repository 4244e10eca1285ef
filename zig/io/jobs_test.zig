//! Requests cut into parts: the parts cover exactly what is needed, demand goes first, and of several faults the first
//! in the file is told.

const std = @import("std");
const reader = @import("reader.zig");
const Jobs = @import("jobs.zig").Jobs;

const gpa = std.testing.allocator;
const page = reader.alignment;

fn requestOf(memory: []align(page) u8, pages: u64, needed: u64) reader.Request {
    return .{ .file = 0, .offset = 8 * page, .bytes = pages * page, .needed = needed, .destination = memory.ptr, .tag = 5 };
}

test "parts lie in pages, one behind the other, and cover what is needed" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 32 * page);
    defer gpa.free(memory);
    for (1..17) |split| {
        var jobs: Jobs = try .init(gpa, 2, @intCast(split));
        defer jobs.deinit();
        for ([_]u64{ 1, 2, 3, 7, 16, 17, 32 }) |pages| {
            for ([_]u64{ 1, pages * page / 2, pages * page - 1, pages * page }) |needed| {
                jobs.add(&requestOf(memory, pages, needed));
                var covered: u64 = 0;
                while (jobs.next()) |part| {
                    try std.testing.expectEqual(8 * page + covered, part.request.offset);
                    try std.testing.expectEqual(@intFromPtr(memory.ptr) + covered, @intFromPtr(part.request.destination));
                    try std.testing.expectEqual(0, part.request.bytes % page);
                    try std.testing.expect(part.request.needed > 0 and part.request.needed <= part.request.bytes);
                    const last = covered + part.request.bytes >= needed;
                    try std.testing.expectEqual(if (last) needed - covered else part.request.bytes, part.request.needed);
                    covered += part.request.bytes;
                    try std.testing.expectEqual(last, jobs.finish(&part, .ok, &.{}));
                }
                try std.testing.expect(covered >= needed and covered <= pages * page);
                var completions: [2]reader.Completion = undefined;
                try std.testing.expectEqual(1, jobs.takeCompleted(&completions));
                try std.testing.expectEqual(5, completions[0].tag);
                try std.testing.expectEqual(.ok, completions[0].result);
            }
        }
        try std.testing.expectEqual(7 * 4, jobs.counters.requests);
        try std.testing.expectEqual(0, jobs.in_flight);
    }
}

test "what somebody waits for is begun before what nobody does" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), page);
    defer gpa.free(memory);
    var jobs: Jobs = try .init(gpa, 6, 1);
    defer jobs.deinit();
    for ([_]u64{ 0, 1, 2, 3, 4, 5 }) |tag| {
        var request = requestOf(memory, 1, 1);
        request.tag = tag;
        request.urgent = tag % 2 == 1;
        jobs.add(&request);
    }
    for ([_]u64{ 1, 3, 5, 0, 2, 4 }) |tag| {
        const part = jobs.next().?;
        try std.testing.expectEqual(tag, part.request.tag);
        try std.testing.expect(jobs.finish(&part, .ok, &.{ .bytes = 10, .retries = 1 }));
    }
    try std.testing.expectEqual(null, jobs.next());
    const counters = jobs.countersNow();
    try std.testing.expectEqual([3]u64{ 6, 60, 6 }, .{ counters.requests, counters.bytes, counters.retries });
    try std.testing.expectEqual(jobs.counters.busy_ns, counters.busy_ns); // nothing is under way
}

test "of several faults the first in the file is told, whatever came first" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 4 * page);
    defer gpa.free(memory);
    for ([_][4]u2{ .{ 0, 1, 2, 3 }, .{ 3, 2, 1, 0 }, .{ 2, 0, 3, 1 } }) |order| {
        var jobs: Jobs = try .init(gpa, 1, 4);
        defer jobs.deinit();
        jobs.add(&requestOf(memory, 4, 4 * page));
        var parts: [4]@import("jobs.zig").Part = undefined;
        for (&parts) |*part| part.* = jobs.next().?;
        for (order, 0..) |which, i| {
            const part = &parts[which];
            const outcome: reader.Outcome = switch (which) {
                0 => .ok,
                1 => .{ .failed = .{ .errno = 5, .offset = part.request.offset } },
                else => .{ .truncated = .{ .offset = part.request.offset } },
            };
            try std.testing.expectEqual(i == 3, jobs.finish(part, outcome, &.{}));
        }
        var completions: [1]reader.Completion = undefined;
        try std.testing.expectEqual(1, jobs.takeCompleted(&completions));
        try std.testing.expectEqual(9 * page, completions[0].result.failed.offset);
    }
}

/// A request that nobody waits for yet.
fn otherOf(memory: []align(page) u8, tag: u64, pages: u64) reader.Request {
    var request = requestOf(memory, pages, pages * page);
    request.tag = tag;
    request.urgent = false;
    return request;
}

test "what nobody waits for is begun beside little else, and as soon as that has ended" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), page);
    defer gpa.free(memory);
    var jobs: Jobs = try .init(gpa, 8, 1);
    defer jobs.deinit();
    jobs.spare = .{ .reads = 2, .bytes = 0 };
    for (0..3) |tag| {
        var request = requestOf(memory, 1, 1);
        request.tag = tag;
        jobs.add(&request);
    }
    for (10..12) |tag| jobs.add(&otherOf(memory, tag, 1));
    var parts: [3]@import("jobs.zig").Part = undefined;
    for (&parts) |*part| part.* = jobs.next().?;
    try std.testing.expectEqual(null, jobs.next()); // three are under way
    _ = jobs.finish(&parts[0], .ok, &.{});
    try std.testing.expectEqual(null, jobs.next());
    _ = jobs.finish(&parts[1], .ok, &.{});
    try std.testing.expectEqual(10, jobs.next().?.request.tag);
    try std.testing.expect(!jobs.ready());
    jobs.spare.bytes = 3 * page; // or few bytes, however many reads
    try std.testing.expectEqual(11, jobs.next().?.request.tag);
}

test "a raised request goes before all that waits, a part of it that has begun goes on" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 4 * page);
    defer gpa.free(memory);
    var jobs: Jobs = try .init(gpa, 8, 2);
    defer jobs.deinit();
    for (10..13) |tag| jobs.add(&otherOf(memory, tag, 2));
    const begun = jobs.next().?;
    try std.testing.expect(jobs.raise(12));
    try std.testing.expect(!jobs.raise(12)); // already
    try std.testing.expect(!jobs.raise(99)); // nobody's
    try std.testing.expect(jobs.raise(10)); // its other part
    for ([_]u64{ 12, 12, 10, 11, 11 }) |tag| {
        const part = jobs.next().?;
        try std.testing.expectEqual(tag, part.request.tag);
        try std.testing.expectEqual(tag != 11, part.request.urgent);
        _ = jobs.finish(&part, .ok, &.{});
    }
    try std.testing.expect(jobs.finish(&begun, .ok, &.{}));
    var completions: [8]reader.Completion = undefined;
    try std.testing.expectEqual(3, jobs.takeCompleted(&completions));
}

test "requests are taken back all together or not at all, and never once a part is being read" {
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(page), 2 * page);
    defer gpa.free(memory);
    var jobs: Jobs = try .init(gpa, 4, 2);
    defer jobs.deinit();
    for (10..14) |tag| jobs.add(&otherOf(memory, tag, 2));
    const begun = jobs.next().?;
    try std.testing.expect(!jobs.cancel(&.{10}));
    try std.testing.expect(!jobs.cancel(&.{ 11, 10 }));
    try std.testing.expect(!jobs.cancel(&.{ 11, 99 }));
    try std.testing.expectEqual(4, jobs.in_flight);
    try std.testing.expect(jobs.cancel(&.{ 13, 11 }));
    try std.testing.expectEqual(2, jobs.in_flight);
    jobs.add(&otherOf(memory, 14, 2)); // in the place of one that went
    _ = jobs.finish(&begun, .ok, &.{});
    for ([_]u64{ 10, 12, 12, 14, 14 }) |tag| {
        const part = jobs.next().?;
        try std.testing.expectEqual(tag, part.request.tag);
        _ = jobs.finish(&part, .ok, &.{});
    }
    try std.testing.expectEqual(null, jobs.next());
    try std.testing.expect(!jobs.cancel(&.{10})); // complete, though nobody took it yet
    var completions: [4]reader.Completion = undefined;
    try std.testing.expectEqual(3, jobs.takeCompleted(&completions));
    try std.testing.expectEqual(3, jobs.counters.requests);
    try std.testing.expectEqual(jobs.countersNow().busy_ns, jobs.counters.busy_ns); // nothing is under way
}
