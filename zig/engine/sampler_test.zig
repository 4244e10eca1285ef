//! Tests of the sampler: each rule against a plain definition of it, distributions against their exact probabilities
//! with fixed seeds (bounds are 5 standard deviations).

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const Random = @import("random.zig").Random;
const sampler = @import("sampler.zig");
const test_rounds = @import("../format/test_rounds.zig");

const gpa = std.testing.allocator;

const Bench = struct {
    arena: std.heap.ArenaAllocator,
    scratch: sampler.Scratch,

    fn init(vocab: usize) !Bench {
        var arena: std.heap.ArenaAllocator = .init(gpa);
        errdefer arena.deinit();
        const scratch: sampler.Scratch = try .init(arena.allocator(), vocab);
        return .{ .arena = arena, .scratch = scratch };
    }

    fn deinit(bench: *Bench) void {
        bench.arena.deinit();
    }

    fn pick(bench: *Bench, logits: []const f32, sampling: abi.Sampling, history: []const u32, random: *Random) u32 {
        const row = sampler.Row.init(logits).?;
        return sampler.sample(&row, &sampling, history, random, &bench.scratch).id;
    }

    /// Draws often and compares each token's share with `expected`.
    fn expectShares(bench: *Bench, logits: []const f32, sampling: abi.Sampling, history: []const u32, expected: []const f64) !void {
        const draws = 20_000;
        var random: Random = .init(11);
        var counts = [_]u32{0} ** 64;
        for (0..draws) |_| counts[bench.pick(logits, sampling, history, &random)] += 1;
        for (expected, counts[0..expected.len], 0..) |share, count, id| {
            const got = @as(f64, @floatFromInt(count)) / draws;
            const bound = 5 * @sqrt(share * (1 - share) / draws);
            if (share == 0) try std.testing.expectEqual(0, count);
            if (@abs(got - share) > bound) {
                std.debug.print("token {d}: {d} instead of {d}\n", .{ id, got, share });
                return error.TestUnexpectedResult;
            }
        }
    }
};

/// Logits with the given probabilities.
fn logitsOf(comptime n: usize, shares: [n]f64) [n]f32 {
    var logits: [n]f32 = undefined;
    for (&logits, shares) |*l, p| l.* = @floatCast(@log(p) + 3.7);
    return logits;
}

const five = logitsOf(5, .{ 0.1, 0.4, 0.05, 0.25, 0.2 });

test "temperature 0 takes the largest, the lower id of equals, and draws nothing" {
    var bench: Bench = try .init(9);
    defer bench.deinit();
    var random: Random = .init(1);
    const before = random;
    try std.testing.expectEqual(2, bench.pick(&.{ 0, 1, 7, 7, -3, 7, 2, 0, 0 }, .{ .top_k = 1, .top_p = 0.1 }, &.{}, &random));
    try std.testing.expectEqual(before, random);
}

test "plain sampling follows the distribution, sharper or flatter with temperature" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    try bench.expectShares(&five, .{ .temperature = 1 }, &.{}, &.{ 0.1, 0.4, 0.05, 0.25, 0.2 });
    // p^(1/T): squares for T = 0.5, square roots for T = 2.
    const squares: f64 = 0.01 + 0.16 + 0.0025 + 0.0625 + 0.04;
    try bench.expectShares(&five, .{ .temperature = 0.5 }, &.{}, &.{ 0.01 / squares, 0.16 / squares, 0.0025 / squares, 0.0625 / squares, 0.04 / squares });
    const roots: f64 = @sqrt(0.1) + @sqrt(0.4) + @sqrt(0.05) + @sqrt(0.25) + @sqrt(0.2);
    try bench.expectShares(&five, .{ .temperature = 2 }, &.{}, &.{ @sqrt(0.1) / roots, @sqrt(0.4) / roots, @sqrt(0.05) / roots, 0.5 / roots, @sqrt(0.2) / roots });
}

test "top-k keeps the k best" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    try bench.expectShares(&five, .{ .temperature = 1, .top_k = 1 }, &.{}, &.{ 0, 1, 0, 0, 0 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_k = 3 }, &.{}, &.{ 0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_k = 99 }, &.{}, &.{ 0.1, 0.4, 0.05, 0.25, 0.2 });
}

test "top-p keeps the smallest head that reaches the share" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    try bench.expectShares(&five, .{ .temperature = 1, .top_p = 0 }, &.{}, &.{ 0, 1, 0, 0, 0 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_p = 0.39 }, &.{}, &.{ 0, 1, 0, 0, 0 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_p = 0.6 }, &.{}, &.{ 0, 0.4 / 0.65, 0, 0.25 / 0.65, 0 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_p = 0.94 }, &.{}, &.{ 0.1 / 0.95, 0.4 / 0.95, 0, 0.25 / 0.95, 0.2 / 0.95 });
    // After top-k the share is of what top-k left: 0.4 of 0.65 is 0.615.
    try bench.expectShares(&five, .{ .temperature = 1, .top_k = 2, .top_p = 0.6 }, &.{}, &.{ 0, 1, 0, 0, 0 });
    try bench.expectShares(&five, .{ .temperature = 1, .top_k = 2, .top_p = 0.63 }, &.{}, &.{ 0, 0.4 / 0.65, 0, 0.25 / 0.65, 0 });
}

test "min-p keeps what is likely enough beside the best" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    const shares = [_]f64{ 0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85 };
    try bench.expectShares(&five, .{ .temperature = 1, .min_p = 0.4 }, &.{}, &shares);
    try bench.expectShares(&five, .{ .temperature = 1, .min_p = 0.4, .top_k = 4 }, &.{}, &shares);
    try bench.expectShares(&five, .{ .temperature = 1, .min_p = 1 }, &.{}, &.{ 0, 1, 0, 0, 0 });
}

test "penalties act on every token of the history, once per token or once per occurrence" {
    var bench: Bench = try .init(4);
    defer bench.deinit();
    var random: Random = .init(1);
    const logits = [_]f32{ 2, 1.5, -1, 0 };
    const history = [_]u32{ 0, 2, 0, 0 };
    // repeat: 2 / 1.4 < 1.5; a negative logit is multiplied.
    try std.testing.expectEqual(1, bench.pick(&logits, .{ .repeat_penalty = 1.4 }, &history, &random));
    try std.testing.expectEqual(0, bench.pick(&logits, .{ .repeat_penalty = 1.3 }, &history, &random));
    try std.testing.expectEqual(0, bench.pick(&logits, .{ .repeat_penalty = 1.4 }, &.{}, &random));
    const negative = [_]f32{ -1, -1.5, -9, -9 };
    try std.testing.expectEqual(1, bench.pick(&negative, .{ .repeat_penalty = 1.6 }, &history, &random));
    // presence counts once, frequency three times.
    try std.testing.expectEqual(0, bench.pick(&logits, .{ .presence_penalty = 0.4 }, &history, &random));
    try std.testing.expectEqual(1, bench.pick(&logits, .{ .presence_penalty = 0.6 }, &history, &random));
    try std.testing.expectEqual(0, bench.pick(&logits, .{ .frequency_penalty = 0.15 }, &history, &random));
    try std.testing.expectEqual(1, bench.pick(&logits, .{ .frequency_penalty = 0.2 }, &history, &random));
    for (bench.scratch.counts) |count| try std.testing.expectEqual(0, count);
    // Penalties come before the distribution: token 1 of `five` loses ln 4.
    const s = 0.1 + 0.1 + 0.05 + 0.25 + 0.2;
    var wide: Bench = try .init(5);
    defer wide.deinit();
    try wide.expectShares(&five, .{ .temperature = 1, .presence_penalty = @log(4.0) }, &.{1}, &.{ 0.1 / s, 0.1 / s, 0.05 / s, 0.25 / s, 0.2 / s });
}

test "a seed repeats its draws" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    var a: Random = .init(99);
    var b: Random = .init(99);
    var c: Random = .init(100);
    var differs = false;
    for (0..200) |_| {
        const first = bench.pick(&five, .{ .temperature = 1, .top_p = 0.9 }, &.{}, &a);
        try std.testing.expectEqual(first, bench.pick(&five, .{ .temperature = 1, .top_p = 0.9 }, &.{}, &b));
        if (first != bench.pick(&five, .{ .temperature = 1, .top_p = 0.9 }, &.{}, &c)) differs = true;
    }
    try std.testing.expect(differs);
}

test "a large vocabulary against a full sort" {
    const vocab = 5003;
    var bench: Bench = try .init(vocab);
    defer bench.deinit();
    const logits = try gpa.alloc(f32, vocab);
    defer gpa.free(logits);
    var source: std.Random.DefaultPrng = .init(4);
    // From one sharp peak to nearly flat, with many equal values.
    for ([_]f32{ 8, 2, 0.1 }) |spread| {
        for (logits) |*l| l.* = @round(source.random().floatNorm(f32) * spread * 8) / 8;
        const row = sampler.Row.init(logits).?;
        for ([_]abi.Sampling{
            .{ .temperature = 0.8, .top_p = 0.95 },
            .{ .temperature = 1.3, .top_k = 40, .top_p = 0.9 },
            .{ .temperature = 1, .top_k = 700, .min_p = 0.02 },
            .{ .temperature = 0.7, .top_p = 0.999, .min_p = 0.001 },
        }) |sampling| {
            var kept: [vocab]bool = @splat(false);
            plainCut(logits, sampling, &kept);
            var random: Random = .init(6);
            for (0..test_rounds.rounds(200)) |_| {
                const id = sampler.sample(&row, &sampling, &.{}, &random, &bench.scratch).id;
                try std.testing.expect(kept[id]);
            }
        }
    }
}

/// The definition: sort everything, then cut.
fn plainCut(logits: []const f32, sampling: abi.Sampling, kept: []bool) void {
    var order: [8192]u32 = undefined;
    for (order[0..logits.len], 0..) |*id, i| id.* = @intCast(i);
    std.mem.sort(u32, order[0..logits.len], logits, struct {
        fn before(all: []const f32, a: u32, b: u32) bool {
            return all[a] > all[b] or (all[a] == all[b] and a < b);
        }
    }.before);
    const best: f64 = logits[order[0]];
    const limit = if (sampling.top_k == 0) logits.len else @min(logits.len, sampling.top_k);
    var mass: f64 = 0;
    for (order[0..limit]) |id| mass += @exp((logits[id] - best) / sampling.temperature);
    var sum: f64 = 0;
    for (order[0..limit]) |id| {
        const weight = @exp((logits[id] - best) / sampling.temperature);
        // One part in a million of slack: sums are formed in another order.
        if (sum >= sampling.top_p * mass * (1 + 1e-6)) break;
        if (weight < sampling.min_p * (1 - 1e-6)) break;
        kept[id] = true;
        sum += weight;
    }
}

test "log probabilities and alternatives come from the row as it was" {
    var bench: Bench = try .init(5);
    defer bench.deinit();
    const row = sampler.Row.init(&five).?;
    var random: Random = .init(1);
    const choice = sampler.sample(&row, &.{ .temperature = 0.3, .presence_penalty = 9, .top_k = 2 }, &.{ 1, 3 }, &random, &bench.scratch);
    try std.testing.expect(choice.id == 4 or choice.id == 0); // what the penalty leaves of the best two
    const exact: f32 = if (choice.id == 4) @log(0.2) else @log(0.1);
    try std.testing.expectApproxEqAbs(exact, choice.logprob, 1e-5);
    var best: [7]abi.TopLogprob = undefined;
    row.alternatives(&bench.scratch, &best);
    for (best[0..5], [_]u32{ 1, 3, 4, 0, 2 }) |entry, id| {
        try std.testing.expectEqual(id, entry.id);
        try std.testing.expectEqual(row.logprob(id), entry.logprob);
    }
    try std.testing.expectEqual(abi.none_u32, best[5].id);
}

test "settings that mean nothing are refused by name" {
    var message: Message = .{};
    try sampler.check(&.{ .temperature = 1, .top_p = 1, .min_p = 0.05, .repeat_penalty = 1.1, .top_logprobs = 20 }, &message);
    const nan = std.math.nan(f32);
    for ([_]abi.Sampling{
        .{ .temperature = -1 },
        .{ .temperature = nan },
        .{ .top_p = 1.1 },
        .{ .top_p = -0.1 },
        .{ .min_p = 2 },
        .{ .repeat_penalty = 0 },
        .{ .frequency_penalty = std.math.inf(f32) },
        .{ .top_logprobs = 21 },
    }) |bad| {
        message.clear();
        try std.testing.expectError(error.InvalidArgument, sampler.check(&bad, &message));
        try std.testing.expect(message.text().len > 0);
    }
}
