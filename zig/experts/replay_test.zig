//! Replaying a trace: scores against a naive cache, Belady against the best of all choices on small traces, and against
//! what the store really hit. Fixed seeds.

const std = @import("std");
const replay_room = @import("replay.zig");
const rig = @import("rig.zig");
const slots = @import("slots.zig");
const trace_room = @import("trace.zig");
const Naive = @import("slots_test.zig").Naive;
const Message = @import("../abi/result.zig").Message;
const test_rounds = @import("../format/test_rounds.zig");
const gpa = std.testing.allocator;

/// A trace in memory, layers in turn.
const Written = struct {
    bytes: std.array_list.Aligned(u8, .@"8") = .empty,

    fn init(layers: u32, experts: u32) !Written {
        var written: Written = .{};
        const head: trace_room.Head = .{ .model_hash = 1, .record_bytes = 2, .layers = layers, .experts = experts, .experts_per_token = 2, .slot_count = 3, .floor_slots = 0 };
        try written.bytes.appendSlice(gpa, std.mem.asBytes(&head));
        return written;
    }

    fn add(written: *Written, layer: u32, tokens: u32, ids: []const u32) !void {
        return written.addEvent(0, layer, tokens, ids);
    }

    fn addStep(written: *Written, step: u64, layer: u32, ids: []const u32) !void {
        return written.addEvent(step, layer, 1, ids);
    }

    fn addEvent(written: *Written, step: u64, layer: u32, tokens: u32, ids: []const u32) !void {
        var event = std.mem.zeroes(trace_room.Event);
        event.step = step;
        event.layer = layer;
        event.tokens = tokens;
        event.count = @intCast(ids.len);
        try written.bytes.appendSlice(gpa, std.mem.asBytes(&event));
        try written.bytes.appendSlice(gpa, std.mem.sliceAsBytes(ids));
        try written.bytes.appendNTimes(gpa, 0, trace_room.idsBytes(ids.len) - ids.len * 4);
    }

    fn trace(written: *const Written) !trace_room.Trace {
        var message: Message = .{};
        return trace_room.Trace.parse(written.bytes.items, &message);
    }

    fn deinit(written: *Written) void {
        written.bytes.deinit(gpa);
    }
};

fn sortedIds(random: std.Random, experts: u32, memory: []u32) []u32 {
    const ids = rig.randomIds(random, experts, memory);
    std.mem.sort(u32, ids, {}, std.sort.asc(u32));
    return ids;
}

test "the store hits what the replay of its policy says, pass by pass" {
    for (0..test_rounds.rounds(200)) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const sizes = rig.randomSizes(prng.random());
        var rigged: rig.Rig = undefined;
        try rigged.init(seed, sizes, .{ .seed = seed, .capacity = 64 });
        defer rigged.deinit();
        var written: Written = try .init(sizes.layers, sizes.experts);
        defer written.deinit();
        var demanded: u64 = 0;
        for (0..40) |i| {
            const layer: u32 = @intCast(i % sizes.layers);
            var memory: [64]u32 = undefined;
            const all = sortedIds(prng.random(), sizes.experts, &memory);
            const ids = all[0..@min(all.len, sizes.slots)]; // more than fits goes in waves, which a replay only resembles
            try written.add(layer, 1, ids);
            try rigged.run(prng.random(), layer, ids);
            demanded += ids.len;
        }
        const score = try replay_room.replay(gpa, &try written.trace(), .default, .{ .slot_count = sizes.slots, .floor_slots = sizes.floor });
        try std.testing.expectEqual(demanded, score.accesses);
        try std.testing.expectEqual(rigged.store.counters().hits, score.hits);
    }
}

/// The most hits any choice of victims reaches, by trying all. One expert per pass.
fn best(uses: []const u32, resident: u32, slot_count: u32) u64 {
    if (uses.len == 0) return 0;
    const bit = @as(u32, 1) << @intCast(uses[0]);
    if (resident & bit != 0) return 1 + best(uses[1..], resident, slot_count);
    if (@popCount(resident) < slot_count) return best(uses[1..], resident | bit, slot_count);
    var most: u64 = best(uses[1..], resident, slot_count); // it does not stay
    var others = resident;
    while (others != 0) : (others &= others - 1) {
        const leaving = others & (~others + 1);
        most = @max(most, best(uses[1..], resident & ~leaving | bit, slot_count));
    }
    return most;
}

test "Belady's hits are the most there can be" {
    for (0..60) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        var uses: [9]u32 = undefined;
        for (&uses) |*use| use.* = prng.random().uintLessThan(u32, 5);
        var written: Written = try .init(1, 5);
        defer written.deinit();
        for (uses) |use| try written.add(0, 1, &.{use});
        const trace = try written.trace();
        for (1..4) |slot_count| {
            const options: replay_room.Options = .{ .slot_count = @intCast(slot_count), .floor_slots = 0 };
            const score = try replay_room.belady(gpa, &trace, options);
            try std.testing.expectEqual(best(&uses, 0, @intCast(slot_count)), score.hits);
            for (std.enums.values(slots.Policy)) |policy|
                try std.testing.expect((try replay_room.replay(gpa, &trace, policy, options)).hits <= score.hits);
        }
    }
}

test "steps of several tokens can be left out" {
    var written: Written = try .init(2, 4);
    defer written.deinit();
    try written.add(0, 3, &.{ 0, 1, 2 });
    try written.add(0, 1, &.{ 1, 2 });
    try written.add(0, 1, &.{ 1, 3 });
    const trace = try written.trace();
    const options: replay_room.Options = .{ .slot_count = 8, .floor_slots = 4 };
    try std.testing.expectEqual(replay_room.Score{ .accesses = 7, .hits = 3 }, try replay_room.replay(gpa, &trace, .lru, options));
    const decode: replay_room.Options = .{ .slot_count = 8, .floor_slots = 4, .decode_only = true };
    try std.testing.expectEqual(replay_room.Score{ .accesses = 4, .hits = 1 }, try replay_room.replay(gpa, &trace, .lru, decode));
    try std.testing.expectEqual(replay_room.Score{ .accesses = 4, .hits = 1 }, try replay_room.belady(gpa, &trace, decode));
}

test "a damaged trace is refused wherever it is damaged" {
    var written: Written = try .init(2, 4);
    defer written.deinit();
    try written.add(1, 1, &.{ 1, 2, 3 });
    var message: Message = .{};
    const good = written.bytes.items;
    for (1..good.len) |length| {
        if (length == @sizeOf(trace_room.Head)) continue; // a trace of nothing
        try std.testing.expectError(error.InvalidArgument, trace_room.Trace.parse(good[0..length], &message));
    }
    const layer_at = @sizeOf(trace_room.Head) + @offsetOf(trace_room.Event, "layer");
    const count_at = @sizeOf(trace_room.Head) + @offsetOf(trace_room.Event, "count");
    const ids_at = @sizeOf(trace_room.Head) + @sizeOf(trace_room.Event);
    for ([_]usize{ 0, layer_at, count_at, ids_at, ids_at + 8 }) |place| {
        const before = good[place];
        good[place] = 0xfe;
        try std.testing.expectError(error.InvalidArgument, trace_room.Trace.parse(good, &message));
        good[place] = before;
    }
    _ = try trace_room.Trace.parse(good, &message);
}

test "steps that warm the cache are replayed and not scored" {
    for (0..100) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        var first: Written = try .init(2, 8);
        defer first.deinit();
        var both: Written = try .init(2, 8);
        defer both.deinit();
        const warm = random.intRangeAtMost(u32, 1, 20);
        for (0..2 * warm) |step| for (0..2) |layer| {
            var memory: [8]u32 = undefined;
            const ids = sortedIds(random, 8, &memory);
            try both.addStep(step, @intCast(layer), ids);
            if (step < warm) try first.addStep(step, @intCast(layer), ids);
        };
        var options: replay_room.Options = .{ .slot_count = 5, .floor_slots = 1 };
        const start = try replay_room.replay(gpa, &try first.trace(), .decayed, options);
        const whole = try replay_room.replay(gpa, &try both.trace(), .decayed, options);
        const whole_best = try replay_room.belady(gpa, &try both.trace(), options);
        options.warm_steps = warm;
        const scored = try replay_room.replay(gpa, &try both.trace(), .decayed, options);
        const scored_best = try replay_room.belady(gpa, &try both.trace(), options);
        try std.testing.expectEqual(whole.hits - start.hits, scored.hits);
        try std.testing.expectEqual(whole.accesses - start.accesses, scored.accesses);
        try std.testing.expectEqual(scored.accesses, scored_best.accesses);
        try std.testing.expect(scored_best.hits <= whole_best.hits);
        options.warm_steps = 2 * warm;
        try std.testing.expectEqual(0, (try replay_room.replay(gpa, &try both.trace(), .lru, options)).accesses);
    }
}
