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
