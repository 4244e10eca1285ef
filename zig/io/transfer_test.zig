//! One request against a scripted source: what is read again, from where, and what is given up.

const std = @import("std");
const reader = @import("reader.zig");
const transfer = @import("transfer.zig");
const Got = @import("files.zig").Got;

const page = reader.alignment;

/// Answers from a script, then fully; notes what it was asked.
const Script = struct {
    content: []const u8,
    answers: []const Answer,
    asked: [16]u64 = undefined, // offsets
    calls: usize = 0,
    paused_ns: u64 = 0,

    const Answer = union(enum) { bytes: usize, errno: std.c.E };

    pub fn read(script: *Script, file: u32, buffer: []u8, offset: u64) Got {
        std.debug.assert(file == 3);
        if (script.calls < script.asked.len) script.asked[script.calls] = offset;
        const answer: Answer = if (script.calls < script.answers.len) script.answers[script.calls] else .{ .bytes = buffer.len };
        script.calls += 1;
        switch (answer) {
            .errno => |errno| return .{ .errno = @intFromEnum(errno) },
            .bytes => |most| {
                if (offset >= script.content.len) return .{ .bytes = 0 };
                const start: usize = @intCast(offset);
                const n = @min(most, buffer.len, script.content.len - start);
                @memcpy(buffer[0..n], script.content[start..][0..n]);
                return .{ .bytes = n };
            },
        }
    }

    pub fn pause(script: *Script, ns: u64) void {
        script.paused_ns += ns;
    }
};

const Case = struct {
    script: Script,
    memory: [4 * page]u8 align(page) = @splat(0),
    tally: transfer.Tally = .{},

    fn run(case: *Case, offset: u64, needed: u64, aligned: bool) reader.Outcome {
        const request: reader.Request = .{ .file = 3, .offset = offset, .bytes = 4 * page, .needed = needed, .destination = &case.memory, .tag = 0 };
        return transfer.transfer(&case.script, &request, aligned, &case.tally);
    }

    fn expectBytes(case: *const Case, offset: usize, needed: usize) !void {
        try std.testing.expect(std.mem.eql(u8, case.script.content[offset..][0..needed], case.memory[0..needed]));
    }
};

fn contentOf(comptime bytes: usize) [bytes]u8 {
    var content: [bytes]u8 = undefined;
    var prng: std.Random.DefaultPrng = .init(bytes);
    prng.random().bytes(&content);
    return content;
}

test "short reads are completed: from the byte when buffered, from the page when direct" {
    const content = contentOf(9 * page);
    const answers = [_]Script.Answer{ .{ .bytes = 5000 }, .{ .bytes = 700 }, .{ .bytes = 8000 } };
    var buffered: Case = .{ .script = .{ .content = &content, .answers = &answers } };
    try std.testing.expectEqual(.ok, buffered.run(page, 4 * page, false));
    try buffered.expectBytes(page, 4 * page);
    try std.testing.expectEqualSlices(u64, &.{ page, page + 5000, page + 5700, page + 13700 }, buffered.script.asked[0..4]);
    try std.testing.expectEqual(4 * page, buffered.tally.bytes);
    try std.testing.expectEqual(3, buffered.tally.retries);

    var direct: Case = .{ .script = .{ .content = &content, .answers = &answers } };
    try std.testing.expectEqual(.ok, direct.run(page, 4 * page, true));
    try direct.expectBytes(page, 4 * page);
    // 5000 -> second page; 700 more of it are no progress; 8000 -> byte 12096 -> third page.
    try std.testing.expectEqualSlices(u64, &.{ page, 2 * page, 2 * page, 3 * page }, direct.script.asked[0..4]);
}

test "what is needed suffices: the file may end inside the last page" {
    const content = contentOf(3 * page + 123);
    for ([_]bool{ true, false }) |aligned| {
        var case: Case = .{ .script = .{ .content = &content, .answers = &.{} } };
        try std.testing.expectEqual(.ok, case.run(page, 2 * page + 123, aligned));
        try case.expectBytes(page, 2 * page + 123);
        try std.testing.expectEqual(1, case.script.calls);
    }
}

test "a file that ends before what is needed is truncated, at its last byte" {
    const content = contentOf(3 * page + 123);
    for ([_]bool{ true, false }) |aligned| {
        for ([_]u64{ 0, page, 2 * page, 3 * page, 4 * page }) |offset| {
            var case: Case = .{ .script = .{ .content = &content, .answers = &.{} } };
            const outcome = case.run(offset, @min(4 * page, 3 * page + 124 - @min(offset, 3 * page)), aligned);
            try std.testing.expectEqual(@max(offset, 3 * page + 123), outcome.truncated.offset);
        }
    }
}

test "interruptions are repeated at once, without end they fail" {
    const content = contentOf(5 * page);
    const few = [_]Script.Answer{ .{ .errno = .INTR }, .{ .errno = .AGAIN }, .{ .bytes = page }, .{ .errno = .INTR } };
    var case: Case = .{ .script = .{ .content = &content, .answers = &few } };
    try std.testing.expectEqual(.ok, case.run(0, 4 * page, true));
    try case.expectBytes(0, 4 * page);
    try std.testing.expectEqual(0, case.script.paused_ns);
    try std.testing.expectEqual(5, case.script.calls);

    var endless: Case = .{ .script = .{ .content = &content, .answers = &(@as([2000]Script.Answer, @splat(.{ .errno = .INTR }))) } };
    const outcome = endless.run(page, 4 * page, true);
    try std.testing.expectEqual(@intFromEnum(std.c.E.INTR), outcome.failed.errno);
    try std.testing.expectEqual(transfer.interruptions_max, endless.script.calls);
}

test "EIO is tried three times with growing pauses, other errors once" {
    const content = contentOf(5 * page);
    const twice = [_]Script.Answer{ .{ .errno = .IO }, .{ .errno = .IO } };
    var recovers: Case = .{ .script = .{ .content = &content, .answers = &twice } };
    try std.testing.expectEqual(.ok, recovers.run(0, 4 * page, true));
    try recovers.expectBytes(0, 4 * page);
    try std.testing.expectEqual(9 * transfer.io_error_pause_ns, recovers.script.paused_ns);

    const thrice = [_]Script.Answer{ .{ .bytes = 2 * page }, .{ .errno = .IO }, .{ .errno = .INTR }, .{ .errno = .IO }, .{ .errno = .IO } };
    var fails: Case = .{ .script = .{ .content = &content, .answers = &thrice } };
    const outcome = fails.run(page, 4 * page, true);
    try std.testing.expectEqual(@intFromEnum(std.c.E.IO), outcome.failed.errno);
    try std.testing.expectEqual(3 * page, outcome.failed.offset);

    const other = [_]Script.Answer{.{ .errno = .BADF }};
    var at_once: Case = .{ .script = .{ .content = &content, .answers = &other } };
    try std.testing.expectEqual(@intFromEnum(std.c.E.BADF), at_once.run(0, page, false).failed.errno);
    try std.testing.expectEqual(1, at_once.script.calls);
}
