//! The store on simulated reads: against a naive model of the cache, in waves, over many seeds and arrangements.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const simulated = @import("../io/simulated.zig");
const store_room = @import("store.zig");
const rig = @import("rig.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const Naive = @import("slots_test.zig").Naive;
const test_rounds = @import("../format/test_rounds.zig");

const Store = store_room.Store;
const Ready = store_room.Ready;
const Message = store_room.Message;
const Rig = rig.Rig;
const Sizes = rig.Sizes;
const gpa = std.testing.allocator;

/// What the cache must hold after a pass, and what it must have counted.
const Expected = struct {
    naive: Naive,
    hits: u64 = 0,
    misses: u64 = 0,
    bytes: u64 = 0,
    evictions: u64 = 0,

    fn pass(expected: *Expected, model: *const FakeModel, layer: u32, ids: []const u32) !void {
        const naive = &expected.naive;
        try naive.tick(layer);
        var members: [64]u32 = undefined; // hits, then misses
        var member_count: usize = 0;
        for (ids) |id| if (naive.find(layer, id)) |entry| {
            entry.pinned = true;
            members[member_count] = id;
            member_count += 1;
        };
        const hits = member_count;
        var placed: usize = 0;
        for (ids) |id| {
            if (std.mem.indexOfScalar(u32, members[0..hits], id) != null) {
                try naive.touch(naive.find(layer, id).?);
                continue;
            }
            members[member_count] = id;
            member_count += 1;
            expected.bytes += model.recordBytes(layer, id);
            if (naive.entries.items.len == naive.slots) {
                const index = naive.victim(layer) orelse continue;
                _ = naive.entries.orderedRemove(index);
                expected.evictions += 1;
            }
            placed += 1;
            try naive.add(layer, id, 0);
        }
        // Misses go on in the slots of the pass's first misses; where none got one, in those of its hits.
        const leaving_first = if (placed > 0) hits else 0;
        for (members[hits + placed .. member_count], members[leaving_first..][0 .. member_count - hits - placed]) |id, leaving| {
            naive.remove(layer, leaving);
            expected.evictions += 1;
            try naive.add(layer, id, 0);
        }
        for (naive.entries.items) |*entry| entry.pinned = false;
        expected.hits += hits;
        expected.misses += ids.len - hits;
    }

    fn compare(expected: *Expected, store: *const Store, layers: u32, experts: u32) !void {
        const counters = store.counters();
        try std.testing.expectEqual(expected.hits, counters.hits);
        try std.testing.expectEqual(expected.misses, counters.misses);
        try std.testing.expectEqual(expected.bytes, counters.bytes);
        try std.testing.expectEqual(expected.evictions, counters.evictions);
        for (0..layers) |layer| for (0..experts) |expert| {
            const resident = store.table.lookup(@intCast(layer), @intCast(expert)) != null;
            try std.testing.expectEqual(expected.naive.find(@intCast(layer), @intCast(expert)) != null, resident);
        };
    }
};

test "the store does what the naive cache does, byte for byte, over 2,500 seeded runs with faults that pass" {
    for (0..test_rounds.rounds(2500)) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        const sizes = rig.randomSizes(random);
        var rigged: Rig = undefined;
        try rigged.init(seed, sizes, rig.randomFaults(random, seed));
        defer rigged.deinit();
        var expected: Expected = .{ .naive = .{ .gpa = gpa, .slots = sizes.slots, .floor = sizes.floor, .policy = .default } };
        defer expected.naive.deinit();
        for (0..16) |_| {
            const layer = random.uintLessThan(u32, sizes.layers);
            var memory: [64]u32 = undefined;
            const ids = rig.randomIds(random, sizes.experts, &memory);
            try expected.pass(&rigged.model, layer, ids);
            try rigged.run(random, layer, ids);
            try expected.compare(&rigged.store, sizes.layers, sizes.experts);
        }
        try std.testing.expect(rigged.simulated.counters.bytes >= expected.bytes or expected.bytes == 0);
    }
}

test "arrival order changes neither statistics nor what is resident" {
    const sizes: Sizes = .{ .layers = 3, .experts = 12, .slots = 8, .floor = 2 };
    var first: ?[2]u64 = null;
    for (0..20) |seed| {
        var accesses: std.Random.DefaultPrng = .init(7);
        var timing: std.Random.DefaultPrng = .init(seed);
        var rigged: Rig = undefined;
        try rigged.init(3, sizes, rig.randomFaults(timing.random(), seed));
        defer rigged.deinit();
        for (0..60) |_| {
            const layer = accesses.random().uintLessThan(u32, sizes.layers);
            var memory: [64]u32 = undefined;
            const ids = rig.randomIds(accesses.random(), sizes.experts, &memory);
            try rigged.run(timing.random(), layer, ids);
        }
        var resident: std.hash.Wyhash = .init(0);
        for (0..sizes.layers) |layer| for (0..sizes.experts) |expert| {
            const slot = rigged.store.table.lookup(@intCast(layer), @intCast(expert));
            const shown: u32 = slot orelse 999;
            resident.update(std.mem.asBytes(&shown));
        };
        const outcome = [_]u64{ resident.final(), rigged.store.counters().hits };
        if (first) |same| try std.testing.expectEqual(same, outcome) else first = outcome;
    }
}

test "hits come first and at once, before any read is waited for" {
    var rigged: Rig = undefined;
    try rigged.init(11, .{ .layers = 1, .experts = 8, .slots = 8, .floor = 0 }, .{ .seed = 1, .capacity = 72 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(1);
    try rigged.run(prng.random(), 0, &.{ 2, 5 });
    const before = rigged.simulated.now_ns;
    const pass = try rigged.store.begin(0, &.{ 7, 5, 1, 2 });
    defer pass.end();
    var ready: [8]Ready = undefined;
    try std.testing.expectEqual(2, try pass.next(&ready));
    try std.testing.expectEqual(1, ready[0].index);
    try std.testing.expectEqual(3, ready[1].index);
    try std.testing.expectEqual(before, rigged.simulated.now_ns);
    try std.testing.expect(rigged.simulated.pending_count > 0); // the misses are under way all the while
    var rest: usize = 0;
    while (true) {
        const count = try pass.next(ready[2..]);
        if (count == 0) break;
        rest += count;
    }
    try std.testing.expectEqual(2, rest);
    try std.testing.expect(rigged.simulated.now_ns > before);
}

test "sixteen experts pass through one slot when each is released, and a pass that releases nothing is told" {
    var rigged: Rig = undefined;
    try rigged.init(5, .{ .layers = 2, .experts = 16, .slots = 1, .floor = 0 }, .{ .seed = 5, .capacity = 9 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(5);
    var ids: [16]u32 = undefined;
    for (&ids, 0..) |*id, i| id.* = @intCast(15 - i);
    try rigged.run(prng.random(), 1, &ids);
    try std.testing.expectEqual(16, rigged.store.counters().misses);
    try std.testing.expectEqual(15, rigged.store.counters().evictions);

    const pass = try rigged.store.begin(0, ids[0..2]);
    defer pass.end();
    var ready: [2]Ready = undefined;
    try std.testing.expectEqual(1, try pass.next(&ready));
    try std.testing.expectError(error.Internal, pass.next(&ready));
    try std.testing.expect(std.mem.indexOf(u8, rigged.message.text(), "not released") != null);
    pass.release(ready[0..1]);
    try std.testing.expectEqual(1, try pass.next(&ready));
    try std.testing.expectEqual(0, try pass.next(ready[1..]));
}

test "pinned experts survive the misses of their own pass" {
    var rigged: Rig = undefined;
    try rigged.init(21, .{ .layers = 1, .experts = 16, .slots = 6, .floor = 6 }, .{ .seed = 2, .capacity = 64 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(2);
    try rigged.run(prng.random(), 0, &.{ 0, 1, 2, 3, 4, 5 });
    const pass = try rigged.store.begin(0, &.{ 0, 10, 11, 12 }); // 0 is the least recent of all
    defer pass.end();
    var ready: [4]Ready = undefined;
    var count: usize = 0;
    while (count < 4) count += try pass.next(ready[count..]);
    for (&ready) |*one| try rigged.model.expectExpert(0, ([_]u32{ 0, 10, 11, 12 })[one.index], &one.expert);
    try std.testing.expect(rigged.store.table.lookup(0, 0) != null);
    for ([_]u32{ 1, 2, 3 }) |gone| try std.testing.expectEqual(null, rigged.store.table.lookup(0, gone));
}

test "ids out of range or named twice are refused and the store stays usable" {
    var rigged: Rig = undefined;
    try rigged.init(9, .{ .layers = 1, .experts = 4, .slots = 4, .floor = 0 }, .{ .capacity = 36 });
    defer rigged.deinit();
    try std.testing.expectError(error.Internal, rigged.store.begin(0, &.{ 0, 4 }));
    try std.testing.expectError(error.Internal, rigged.store.begin(0, &.{ 1, 2, 1 }));
    try std.testing.expectError(error.Internal, rigged.store.begin(0, &.{ 0, 1, 2, 3, 0 }));
    var prng: std.Random.DefaultPrng = .init(0);
    try rigged.run(prng.random(), 0, &.{ 3, 1, 2, 0 });
    try std.testing.expectEqual(4, rigged.store.counters().misses);
}

test "too few slots for the floors are refused with the numbers" {
    var model: FakeModel = try .init(gpa, 1, 3, 2);
    defer model.deinit();
    const sim: *simulated.Simulated = try .init(gpa, .{ .memory = model.contents }, .{});
    defer sim.destroy();
    var message: Message = .{};
    const buffer: backend.Buffer = .{ .host = null, .device = 0, .bytes = 0 };
    try std.testing.expectError(error.MemoryTooSmall, Store.init(gpa, .{
        .layers = model.layers,
        .experts = 2,
        .files = model.infos,
        .slots = &buffer,
        .slot_count = 5,
        .floor_slots = 2,
    }, sim.asReader(), &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "5 expert slots") != null);
}
