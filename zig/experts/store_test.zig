//! The store on simulated reads: against a naive model of the cache, in waves, over many seeds and arrangements.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const simulated = @import("../io/simulated.zig");
const reader = @import("../io/reader.zig");
const store_room = @import("store.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const Naive = @import("slots_test.zig").Naive;

const Store = store_room.Store;
const Ready = store_room.Ready;
const Message = store_room.Message;
const gpa = std.testing.allocator;

/// A model, a simulated reader over it, slots and the store under test.
const Bench = struct {
    model: FakeModel,
    simulated: *simulated.Simulated,
    memory: []align(4096) u8,
    buffer: backend.Buffer,
    message: Message = .{},
    cancelled: std.atomic.Value(bool) = .init(false),
    store: Store,

    /// In place, for the store points into it.
    fn init(bench: *Bench, model_seed: u64, sizes: Sizes, options: simulated.SimulatedOptions) !void {
        bench.* = .{ .model = try .init(gpa, model_seed, sizes.layers, sizes.experts), .simulated = undefined, .memory = undefined, .buffer = undefined, .store = undefined };
        errdefer bench.model.deinit();
        bench.simulated = try .init(gpa, .{ .memory = bench.model.contents }, options);
        errdefer bench.simulated.destroy();
        const slot_bytes = store_room.slotBytes(bench.model.layers, sizes.experts);
        bench.memory = try gpa.alignedAlloc(u8, .fromByteUnits(4096), slot_bytes * sizes.slots);
        errdefer gpa.free(bench.memory);
        bench.buffer = .{ .host = bench.memory.ptr, .device = 0, .bytes = bench.memory.len };
        bench.store = try Store.init(gpa, .{
            .layers = bench.model.layers,
            .experts = sizes.experts,
            .files = bench.model.infos,
            .slots = &bench.buffer,
            .slot_count = sizes.slots,
            .floor_slots = sizes.floor,
            .cancelled = &bench.cancelled,
        }, bench.simulated.asReader(), &bench.message);
    }

    fn deinit(bench: *Bench) void {
        bench.store.deinit();
        bench.simulated.destroy();
        gpa.free(bench.memory);
        bench.model.deinit();
    }

    /// Goes through a pass as an engine would, releasing in random portions, and checks every byte it is given.
    fn run(bench: *Bench, random: std.Random, layer: u32, ids: []const u32) !void {
        const pass = try bench.store.begin(layer, ids);
        defer pass.end();
        var held: [64]Ready = undefined;
        var held_count: usize = 0;
        var yielded: [64]bool = @splat(false);
        var total: usize = 0;
        while (true) {
            const room = held[held_count..][0..random.intRangeAtMost(usize, 1, held.len - held_count)];
            const count = try pass.next(room);
            if (count == 0) break;
            total += count;
            for (room[0..count]) |*ready| {
                try std.testing.expect(!yielded[ready.index]);
                yielded[ready.index] = true;
            }
            held_count += count;
            // What is held stays intact until it is released.
            for (held[0..held_count]) |*ready| try bench.model.expectExpert(layer, ids[ready.index], &ready.expert);
            random.shuffle(Ready, held[0..held_count]);
            const waves = bench.store.hit_count + bench.store.assigned < ids.len;
            const releasing = if (waves) held_count else random.uintAtMost(usize, held_count);
            const middle = held_count - random.uintAtMost(usize, releasing);
            pass.release(held[middle..held_count]);
            pass.release(held[held_count - releasing .. middle]);
            held_count -= releasing;
        }
        try std.testing.expectEqual(ids.len, total);
    }
};

const Sizes = struct { layers: u32, experts: u32, slots: u32, floor: u32 };

fn randomSizes(random: std.Random) Sizes {
    const layers = random.intRangeAtMost(u32, 1, 4);
    const slots = random.intRangeAtMost(u32, 1, 24);
    return .{ .layers = layers, .experts = random.intRangeAtMost(u32, 1, 16), .slots = slots, .floor = random.uintAtMost(u32, slots / layers) };
}

fn randomFaults(random: std.Random, seed: u64) simulated.SimulatedOptions {
    return .{
        .seed = seed,
        .capacity = random.intRangeAtMost(u32, 9, 40),
        .latency_min_ns = 1000,
        .latency_max_ns = random.intRangeAtMost(u64, 1000, 10_000_000),
        .short_reads = random.float(f32) * 0.5,
        .interruptions = random.float(f32) * 0.3,
        .io_errors = random.float(f32) * 0.3,
        .aligned = random.boolean(),
    };
}

/// Distinct experts, skewed so that there are hits, in random order.
fn randomIds(random: std.Random, experts: u32, out: []u32) []u32 {
    var all: [64]u32 = undefined;
    for (all[0..experts], 0..) |*id, i| id.* = @intCast(i);
    const count = random.uintAtMost(u32, if (random.uintLessThan(u32, 4) == 0) experts else @min(experts, 4));
    for (0..count) |i| {
        const span = @max(1, (experts - i) >> random.uintLessThan(u3, 3));
        const j = i + random.uintLessThan(usize, span);
        std.mem.swap(u32, &all[i], &all[j]);
        out[i] = all[i];
    }
    return out[0..count];
}

/// What the cache must hold after a pass, and what it must have counted.
const Expected = struct {
    naive: Naive,
    hits: u64 = 0,
    misses: u64 = 0,
    bytes: u64 = 0,
    evictions: u64 = 0,

    fn pass(expected: *Expected, model: *const FakeModel, layer: u32, ids: []const u32) !void {
        const naive = &expected.naive;
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
                naive.touch(naive.find(layer, id).?);
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
        for (members[hits + placed .. member_count], members[0 .. member_count - hits - placed]) |id, leaving| {
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
    for (0..2500) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        const sizes = randomSizes(random);
        var bench: Bench = undefined;
        try bench.init(seed, sizes, randomFaults(random, seed));
        defer bench.deinit();
        var expected: Expected = .{ .naive = .{ .gpa = gpa, .slots = sizes.slots, .floor = sizes.floor } };
        defer expected.naive.deinit();
        for (0..16) |_| {
            const layer = random.uintLessThan(u32, sizes.layers);
            var memory: [64]u32 = undefined;
            const ids = randomIds(random, sizes.experts, &memory);
            try expected.pass(&bench.model, layer, ids);
            try bench.run(random, layer, ids);
            try expected.compare(&bench.store, sizes.layers, sizes.experts);
        }
        try std.testing.expect(bench.simulated.counters.bytes >= expected.bytes or expected.bytes == 0);
    }
}

test "arrival order changes neither statistics nor what is resident" {
    const sizes: Sizes = .{ .layers = 3, .experts = 12, .slots = 8, .floor = 2 };
    var first: ?[2]u64 = null;
    for (0..20) |seed| {
        var accesses: std.Random.DefaultPrng = .init(7);
        var timing: std.Random.DefaultPrng = .init(seed);
        var bench: Bench = undefined;
        try bench.init(3, sizes, randomFaults(timing.random(), seed));
        defer bench.deinit();
        for (0..60) |_| {
            const layer = accesses.random().uintLessThan(u32, sizes.layers);
            var memory: [64]u32 = undefined;
            const ids = randomIds(accesses.random(), sizes.experts, &memory);
            try bench.run(timing.random(), layer, ids);
        }
        var resident: std.hash.Wyhash = .init(0);
        for (0..sizes.layers) |layer| for (0..sizes.experts) |expert| {
            const slot = bench.store.table.lookup(@intCast(layer), @intCast(expert));
            const shown: u32 = slot orelse 999;
            resident.update(std.mem.asBytes(&shown));
        };
        const outcome = [_]u64{ resident.final(), bench.store.counters().hits };
        if (first) |same| try std.testing.expectEqual(same, outcome) else first = outcome;
    }
}

test "hits come first and at once, before any read is waited for" {
    var bench: Bench = undefined;
    try bench.init(11, .{ .layers = 1, .experts = 8, .slots = 8, .floor = 0 }, .{ .seed = 1, .capacity = 72 });
    defer bench.deinit();
    var prng: std.Random.DefaultPrng = .init(1);
    try bench.run(prng.random(), 0, &.{ 2, 5 });
    const before = bench.simulated.now_ns;
    const pass = try bench.store.begin(0, &.{ 7, 5, 1, 2 });
    defer pass.end();
    var ready: [8]Ready = undefined;
    try std.testing.expectEqual(2, try pass.next(&ready));
    try std.testing.expectEqual(1, ready[0].index);
    try std.testing.expectEqual(3, ready[1].index);
    try std.testing.expectEqual(before, bench.simulated.now_ns);
    try std.testing.expect(bench.simulated.pending_count > 0); // the misses are under way all the while
    var rest: usize = 0;
    while (true) {
        const count = try pass.next(ready[2..]);
        if (count == 0) break;
        rest += count;
    }
    try std.testing.expectEqual(2, rest);
    try std.testing.expect(bench.simulated.now_ns > before);
}

test "sixteen experts pass through one slot when each is released, and a pass that releases nothing is told" {
    var bench: Bench = undefined;
    try bench.init(5, .{ .layers = 2, .experts = 16, .slots = 1, .floor = 0 }, .{ .seed = 5, .capacity = 9 });
    defer bench.deinit();
    var prng: std.Random.DefaultPrng = .init(5);
    var ids: [16]u32 = undefined;
    for (&ids, 0..) |*id, i| id.* = @intCast(15 - i);
    try bench.run(prng.random(), 1, &ids);
    try std.testing.expectEqual(16, bench.store.counters().misses);
    try std.testing.expectEqual(15, bench.store.counters().evictions);

    const pass = try bench.store.begin(0, ids[0..2]);
    defer pass.end();
    var ready: [2]Ready = undefined;
    try std.testing.expectEqual(1, try pass.next(&ready));
    try std.testing.expectError(error.Internal, pass.next(&ready));
    try std.testing.expect(std.mem.indexOf(u8, bench.message.text(), "not released") != null);
    pass.release(ready[0..1]);
    try std.testing.expectEqual(1, try pass.next(&ready));
    try std.testing.expectEqual(0, try pass.next(ready[1..]));
}

test "pinned experts survive the misses of their own pass" {
    var bench: Bench = undefined;
    try bench.init(21, .{ .layers = 1, .experts = 16, .slots = 6, .floor = 6 }, .{ .seed = 2, .capacity = 64 });
    defer bench.deinit();
    var prng: std.Random.DefaultPrng = .init(2);
    try bench.run(prng.random(), 0, &.{ 0, 1, 2, 3, 4, 5 });
    const pass = try bench.store.begin(0, &.{ 0, 10, 11, 12 }); // 0 is the least recent of all
    defer pass.end();
    var ready: [4]Ready = undefined;
    var count: usize = 0;
    while (count < 4) count += try pass.next(ready[count..]);
    for (&ready) |*one| try bench.model.expectExpert(0, ([_]u32{ 0, 10, 11, 12 })[one.index], &one.expert);
    try std.testing.expect(bench.store.table.lookup(0, 0) != null);
    for ([_]u32{ 1, 2, 3 }) |gone| try std.testing.expectEqual(null, bench.store.table.lookup(0, gone));
}

test "ids out of range or named twice are refused and the store stays usable" {
    var bench: Bench = undefined;
    try bench.init(9, .{ .layers = 1, .experts = 4, .slots = 4, .floor = 0 }, .{ .capacity = 36 });
    defer bench.deinit();
    try std.testing.expectError(error.Internal, bench.store.begin(0, &.{ 0, 4 }));
    try std.testing.expectError(error.Internal, bench.store.begin(0, &.{ 1, 2, 1 }));
    try std.testing.expectError(error.Internal, bench.store.begin(0, &.{ 0, 1, 2, 3, 0 }));
    var prng: std.Random.DefaultPrng = .init(0);
    try bench.run(prng.random(), 0, &.{ 3, 1, 2, 0 });
    try std.testing.expectEqual(4, bench.store.counters().misses);
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
