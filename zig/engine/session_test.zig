//! Tests of sessions and their files: resumption to the bit, refusal of every damage, settings and random numbers.

const std = @import("std");
const abi = @import("../abi/types.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");

const Engine = engine_room.Engine;
const Session = engine_room.Session;
const Disk = rig.Disk;
const Feed = rig.Feed;
const gpa = rig.gpa;
const vocab = 96;

fn expectText(engine: *const Engine, text: []const u8) !void {
    if (std.mem.indexOf(u8, engine.message.text(), text) != null) return;
    std.debug.print("got \"{s}\", expected \"{s}\"\n", .{ engine.message.text(), text });
    return error.TestUnexpectedResult;
}

/// Feeds a prompt, then samples `count` tokens, each fed back. Returns the last logits.
fn generate(engine: *Engine, session: *Session, tokens: []const u32, out: []u32, logits: []f32) !void {
    var next: [1]u32 = undefined;
    for (out, 0..) |*sampled, i| {
        var feeds = [_]Feed{.{ .session = session, .tokens = if (i == 0) tokens else &next, .flags = &.{ .sample, .logits_last }, .logits = logits }};
        try rig.step(engine, &feeds);
        sampled.* = feeds[0].sampled;
        next[0] = feeds[0].sampled;
    }
}

test "a saved session goes on to the bit, in another engine and with its random numbers" {
    for ([_]abi.Format{ .f16, .f32 }) |kv_format| {
        var disk: Disk = try .init(.{ .kinds = &.{ .delta_net, .attention, .attention, .delta_net } });
        defer disk.deinit();
        var options = rig.exact;
        options.kv_format = @intFromEnum(kv_format);
        options.sessions = 2;
        const engine = try rig.open(&disk, options, .{});
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        try session.setSampling(.{ .temperature = 0.9, .seed = 17, .top_p = 0.95, .frequency_penalty = 0.3 });
        var buffer: [30]u32 = undefined;
        var sampled: [9]u32 = undefined;
        var logits: [vocab]f32 = undefined;
        try generate(engine, session, rig.prompt(2, &buffer, vocab), &sampled, &logits);
        var path_buffer: [200]u8 = undefined;
        const path = try disk.path(&path_buffer, "talk.session");
        const user = "the transcript, with \x00 and \xff";
        try session.save(path, user);
        const position = session.position;
        var expected: [6]u32 = undefined;
        var expected_logits: [vocab]f32 = undefined;
        try generate(engine, session, &.{ sampled[8], 4, 5 }, &expected, &expected_logits);

        const second = try rig.open(&disk, options, .{});
        defer second.close();
        // Beside another session, and twice from the same file.
        const beside = try second.openSession();
        defer beside.close();
        for (0..2) |_| {
            const resumed = try second.loadSession(path);
            defer resumed.close();
            try std.testing.expectEqualStrings(user, resumed.userBlob());
            try std.testing.expectEqual(position, resumed.info().position);
            try std.testing.expectEqual(user.len, resumed.info().user_bytes);
            // Giving the same settings again must not start the draws anew.
            try resumed.setSampling(resumed.sampling);
            var got: [6]u32 = undefined;
            var got_logits: [vocab]f32 = undefined;
            try generate(second, resumed, &.{ sampled[8], 4, 5 }, &got, &got_logits);
            try std.testing.expectEqualSlices(u32, &expected, &got);
            try std.testing.expectEqualSlices(u32, @ptrCast(&expected_logits), @ptrCast(&got_logits));
        }
    }
}

test "an empty session can be saved; saving replaces the file and leaves nothing else" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    var path_buffer: [200]u8 = undefined;
    const path = try disk.path(&path_buffer, "s");
    {
        const session = try engine.openSession();
        defer session.close();
        try session.save(path, "");
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2 }, .flags = &.{} }};
        try rig.step(engine, &feeds);
        try session.save(path, "second");
        try std.testing.expectError(error.IoFailed, session.save(".zig-cache/tmp/no-such-directory/s", ""));
        try expectText(engine, "no-such-directory");
    }
    const resumed = try engine.loadSession(path);
    defer resumed.close();
    try std.testing.expectEqual(2, resumed.info().position);
    try std.testing.expectEqualStrings("second", resumed.userBlob());
    var directory = try std.Io.Dir.cwd().openDir(std.testing.io, disk.directory, .{ .iterate = true });
    defer directory.close(std.testing.io);
    var entries = directory.iterate();
    var count: usize = 0;
    while (try entries.next(std.testing.io)) |_| count += 1;
    try std.testing.expectEqual(disk.model.paths.len + 1, count);
}

test "every damage to a session file is refused, and the engine goes on" {
    var disk: Disk = try .init(.{ .kinds = &.{ .delta_net, .attention } });
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    var path_buffer: [200]u8 = undefined;
    const path = try disk.path(&path_buffer, "s");
    {
        const session = try engine.openSession();
        defer session.close();
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3, 4 }, .flags = &.{} }};
        try rig.step(engine, &feeds);
        try session.save(path, "user");
    }
    const whole = try std.Io.Dir.cwd().readFileAlloc(std.testing.io, path, gpa, .unlimited);
    defer gpa.free(whole);
    const damaged = try gpa.alloc(u8, whole.len + 1);
    defer gpa.free(damaged);
    const seed: u64 = 0x5eed_0003;
    errdefer std.debug.print("seed {x}\n", .{seed});
    var random: std.Random.DefaultPrng = .init(seed);
    const r = random.random();
    for (0..400) |round| {
        @memcpy(damaged[0..whole.len], whole);
        damaged[whole.len] = 0;
        // Every byte of the header in turn, then anywhere; truncations and one byte too many.
        const length = switch (round % 8) {
            6 => r.uintLessThan(usize, whole.len),
            7 => whole.len + 1,
            else => length: {
                const at = if (round < 230) @min(round, whole.len - 1) else r.uintLessThan(usize, whole.len);
                damaged[at] ^= @as(u8, 1) << r.int(u3);
                break :length whole.len;
            },
        };
        try std.Io.Dir.cwd().writeFile(std.testing.io, .{ .sub_path = path, .data = damaged[0..length] });
        try std.testing.expectError(error.SessionFileInvalid, engine.loadSession(path));
        try std.testing.expect(engine.message.text().len > 0);
    }
    try std.Io.Dir.cwd().writeFile(std.testing.io, .{ .sub_path = path, .data = whole });
    const session = try engine.loadSession(path);
    session.close();
    try std.testing.expectEqual(0, engine.session_count);
    try std.testing.expectError(error.IoFailed, engine.loadSession("no-such-file"));
    try expectText(engine, "no-such-file");
}

test "a session file is bound to its model, K, precision and context" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var path_buffer: [200]u8 = undefined;
    const path = try disk.path(&path_buffer, "s");
    {
        const engine = try rig.open(&disk, rig.exact, .{});
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3, 4 }, .flags = &.{} }};
        try rig.step(engine, &feeds);
        try session.save(path, "");
    }
    var fewer = rig.exact;
    fewer.experts_per_token = 2;
    var half = rig.exact;
    half.kv_format = @intFromEnum(abi.Format.f16);
    var short = rig.exact;
    short.context = 3;
    for ([_]abi.EngineOptions{ fewer, half, short }, [_][]const u8{ "3 experts per token", "precision", "4 tokens" }) |options, text| {
        const engine = try rig.open(&disk, options, .{});
        defer engine.close();
        try std.testing.expectError(error.SessionFileInvalid, engine.loadSession(path));
        try expectText(engine, text);
    }
    var other: Disk = try .init(.{ .seed = 2 });
    defer other.deinit();
    const engine = try rig.open(&other, rig.exact, .{});
    defer engine.close();
    try std.testing.expectError(error.SessionFileInvalid, engine.loadSession(path));
    try expectText(engine, "another model");
    try std.testing.expectError(error.SessionFileInvalid, engine.loadSession(other.model.paths[0]));
    try expectText(engine, "no session file");
}

test "reset begins anew: same tokens, same draws" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    try session.setSampling(.{ .temperature = 1.2, .seed = 5 });
    var logits: [vocab]f32 = undefined;
    var first: [12]u32 = undefined;
    try generate(engine, session, &.{ 1, 2, 3 }, &first, &logits);
    session.reset();
    var second: [12]u32 = undefined;
    try generate(engine, session, &.{ 1, 2, 3 }, &second, &logits);
    try std.testing.expectEqualSlices(u32, &first, &second);
    session.reset();
    try session.setSampling(.{ .temperature = 1.2, .seed = 6 });
    var third: [12]u32 = undefined;
    try generate(engine, session, &.{ 1, 2, 3 }, &third, &logits);
    try std.testing.expect(!std.mem.eql(u32, &first, &third));
    try std.testing.expectError(error.InvalidArgument, session.setSampling(.{ .temperature = std.math.nan(f32) }));
    try std.testing.expectEqual(1.2, session.sampling.temperature);
}
