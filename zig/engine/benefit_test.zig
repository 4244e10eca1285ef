//! Whether guessing is kept or switched off, from made-up step times with noise. Fixed seeds.

const std = @import("std");
const benefit_room = @import("benefit.zig");

const Benefit = benefit_room.Benefit;
const patience_max = benefit_room.patience_max;

/// Steps through `count` steps whose times with and without guesses are given, each off by up to a tenth; the share of
/// steps that guessed.
fn shareOn(benefit: *Benefit, seed: u64, count: u32, with: u64, without: u64) f64 {
    var prng: std.Random.DefaultPrng = .init(seed);
    var on: u32 = 0;
    for (0..count) |_| {
        on += @intFromBool(benefit.on);
        const typical = if (benefit.on) with else without;
        benefit.stepped(typical * prng.random().intRangeAtMost(u64, 90, 110) / 100);
    }
    return @as(f64, @floatFromInt(on)) / @as(f64, @floatFromInt(count));
}

test "guessing that gains is kept, guessing that costs is switched off, and a change of fortune is noticed" {
    for (0..50) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var benefit: Benefit = .{};
        try std.testing.expect(shareOn(&benefit, seed, 4000, 800, 1000) > 0.95);
        try std.testing.expect(benefit.verdict.? and benefit.refusals == 0);
        // It turns bad: noticed at the next trial, and from then on off but for short trials.
        _ = shareOn(&benefit, seed, patience_max, 1300, 1000);
        try std.testing.expect(!benefit.verdict.?);
        try std.testing.expect(shareOn(&benefit, seed, 20_000, 1300, 1000) < 0.02);
        _ = shareOn(&benefit, seed, 2 * patience_max, 800, 1000);
        try std.testing.expect(benefit.verdict.?);
    }
}

test "guessing that only costs is off from the start but for a few steps" {
    for (0..50) |seed| {
        var bad: Benefit = .{};
        try std.testing.expect(shareOn(&bad, seed, 300, 2000, 1000) < 0.05);
        var useless: Benefit = .{};
        // The same speed within the noise: whatever the verdict, no more than the noise is lost.
        _ = shareOn(&useless, seed, 300, 1000, 1000);
        try std.testing.expect(useless.verdict != null);
    }
}

test "an evident gain ends the first trial within one window of each kind" {
    for (0..50) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        // 7 steps with, a glaring difference after 3 without, and the 38 steps after them.
        var glaring: Benefit = .{};
        try std.testing.expectEqual(45.0 / 48.0, shareOn(&glaring, seed, 48, 600, 1000));
        try std.testing.expect(glaring.verdict.?);
        // At the latest after 7 of 14 steps, and the 34 after them.
        var evident: Benefit = .{};
        try std.testing.expect(shareOn(&evident, seed, 48, 800, 1000) >= 41.0 / 48.0);
        try std.testing.expect(evident.verdict.?);
        // No noise makes a small loss look like one.
        var loss: Benefit = .{};
        _ = shareOn(&loss, seed, 41, 1020, 1000);
        try std.testing.expectEqual(null, loss.verdict);
    }
}
