//! The first layer ahead of its step: its experts are all named, and whatever comes instead of what was foreseen, the output
//! is the same bit for bit as without.

const std = @import("std");
const abi = @import("../abi/types.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");
const test_rounds = @import("../format/test_rounds.zig");

const Engine = engine_room.Engine;
const Session = engine_room.Session;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const vocab = 96;
const first_kinds = [_][]const abi.LayerKind{ &.{ .delta_net, .attention }, &.{ .attention, .delta_net } };

fn optionsOf(sessions: u32, prefetch: abi.Prefetch) abi.EngineOptions {
    var options = rig.exact;
    options.sessions = sessions;
    options.context = 48;
    options.prefetch = @intFromEnum(prefetch);
    return options;
}

test "when the sampled tokens are fed, every expert of the first layer was named before" {
    for (first_kinds) |kinds| {
        var disk: rig.Disk = try .init(.{ .kinds = kinds, .experts = 24, .experts_per_token = 4 });
        defer disk.deinit();
        const engine = try rig.open(&disk, optionsOf(3, .on), .{});
        defer engine.close();
        var feeds: [3]rig.Feed = undefined;
        var next: [3]u32 = .{ 1, 2, 3 };
        for (&feeds, &next) |*feed, *token| feed.* = .{ .session = try engine.openSession(), .tokens = token[0..1], .flags = &.{.sample} };
        defer for (feeds) |feed| feed.session.close();
        for (0..20) |_| {
            try rig.step(engine, &feeds);
            for (feeds, &next) |feed, *token| token.* = feed.sampled;
        }
        try expectEqual(19, engine.ahead.taken);
        const stats = engine.stats();
        try expect(stats.guess_first_needed >= 19 * 4);
        try expectEqual(stats.guess_first_needed, stats.guess_first_right);
    }
}

/// The same walk in two engines, of which one looks ahead.
const Walk = struct {
    engines: [2]*Engine,
    sessions: [seats][2]*Session = undefined,
    sampled: [seats]u32 = @splat(0),
    random: std.Random.DefaultPrng,
    disk: *const rig.Disk,

    const seats = 3;

    fn init(disk: *const rig.Disk, seed: u64) !Walk {
        var walk: Walk = .{ .engines = undefined, .random = .init(seed), .disk = disk };
        walk.engines[0] = try rig.open(disk, optionsOf(seats, .off), .{});
        errdefer walk.engines[0].close();
        walk.engines[1] = try rig.open(disk, optionsOf(seats, .on), .{});
        errdefer walk.engines[1].close();
        for (&walk.sessions) |*pair| for (pair, walk.engines) |*session, engine| {
            session.* = try engine.openSession();
        };
        return walk;
    }

    fn deinit(walk: *Walk) void {
        for (walk.sessions) |pair| for (pair) |session| session.close();
        for (walk.engines) |engine| engine.close();
    }

    fn below(walk: *Walk, n: u32) u32 {
        return walk.random.random().uintLessThan(u32, n);
    }

    /// One or more sessions, in any order, each mostly with what it sampled.
    fn step(walk: *Walk) !void {
        var order = [seats]usize{ 0, 1, 2 };
        if (walk.below(4) == 0) walk.random.random().shuffle(usize, &order);
        const count = if (walk.below(4) == 0) 1 + walk.below(seats) else seats;
        var tokens: [seats][3]u32 = undefined;
        var lengths: [seats]usize = undefined;
        for (order[0..count]) |seat| {
            const foreseen = walk.below(8) != 0;
            lengths[seat] = if (foreseen) 1 else 1 + walk.below(3);
            for (&tokens[seat]) |*token| token.* = walk.below(vocab);
            if (foreseen) tokens[seat][0] = walk.sampled[seat];
            if (walk.sessions[seat][0].position + lengths[seat] > 48) try walk.renew(seat);
        }
        var logits: [2][seats][vocab]f32 = undefined;
        for (walk.engines, 0..) |engine, which| {
            var feeds: [seats]rig.Feed = undefined;
            for (feeds[0..count], order[0..count]) |*feed, seat| feed.* = .{
                .session = walk.sessions[seat][which],
                .tokens = tokens[seat][0..lengths[seat]],
                .flags = &.{ .sample, .logits_last },
                .logits = &logits[which][seat],
            };
            try rig.step(engine, feeds[0..count]);
            for (feeds[0..count], order[0..count]) |feed, seat| walk.sampled[seat] = feed.sampled;
        }
        for (order[0..count]) |seat| try std.testing.expectEqualSlices(u32, @ptrCast(&logits[0][seat]), @ptrCast(&logits[1][seat]));
    }

    /// An empty session, or one that goes on from a file, in the place of another.
    fn renew(walk: *Walk, seat: usize) !void {
        const saved = walk.below(2) == 0;
        for (&walk.sessions[seat], walk.engines, 0..) |*session, engine, which| {
            if (!saved) {
                session.*.reset();
                continue;
            }
            var buffer: [200]u8 = undefined;
            const path = try walk.disk.path(&buffer, if (which == 0) "plain.session" else "ahead.session");
            const other = walk.sessions[(seat + 1) % seats][which];
            try other.save(path, "");
            session.*.close();
            session.* = try engine.loadSession(path);
        }
        if (walk.sessions[seat][0].position + 3 > 48) for (walk.sessions[seat]) |session| session.reset();
    }
};

test "whatever is fed instead, the output does not change a bit" {
    if (test_rounds.levelsOnly()) return error.SkipZigTest;
    for (first_kinds) |kinds| {
        var disk: rig.Disk = try .init(.{ .kinds = kinds, .experts = 8, .experts_per_token = 3 });
        defer disk.deinit();
        var walk: Walk = try .init(&disk, 11);
        defer walk.deinit();
        const rounds = test_rounds.rounds(300);
        for (0..rounds) |_| {
            if (walk.below(12) == 0) try walk.renew(walk.below(Walk.seats));
            try walk.step();
        }
        if (!test_rounds.complete()) continue;
        const taken = walk.engines[1].ahead.taken;
        try expect(taken > rounds / 10 and taken < rounds);
        try expectEqual(0, walk.engines[0].ahead.taken);
    }
}
