//! The whole store, scheduler and guesses included, on simulated reads with short reads, EIO, latency and cancels anywhere.
//! What it asks of the reader is watched, what it gives is compared with the files. A run is one seed; the number of runs
//! and the first seed come from the environment: `node scripts/simulate.mjs RUNS SEED` sets them.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const simulated = @import("../io/simulated.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const test_rounds = @import("../format/test_rounds.zig");
const rig = @import("rig.zig");
const store_room = @import("store.zig");
const Watched = @import("watched_reader.zig").Watched;

const Store = store_room.Store;
const Ready = store_room.Ready;
const gpa = std.testing.allocator;

/// How often the runs met what they are made for, so that they cannot quietly become easy.
const Tally = struct {
    cancelled: u64 = 0,
    failed: u64 = 0,
    prefetch_issued: u64 = 0,
    prefetch_used: u64 = 0,
    prefetch_late: u64 = 0,
    wasted_bytes: u64 = 0,
    raised: u64 = 0,
    taken_back: u64 = 0,
    waves: u64 = 0,
};

const Run = struct {
    random: std.Random,
    sizes: rig.Sizes,
    faults: simulated.SimulatedOptions,
    prefetches: bool,
    waits_for_all: bool,
    model: FakeModel,
    simulated: *simulated.Simulated,
    memory: []align(4096) u8,
    buffer: backend.Buffer,
    watched: Watched,
    message: store_room.Message = .{},
    cancelled: std.atomic.Value(bool) = .init(false),
    store: Store,
    tally: *Tally,
    /// Experts of completed passes.
    demanded: u64 = 0,

    /// In place, for the store points into it.
    fn init(run: *Run, seed: u64, random: std.Random, tally: *Tally) !void {
        run.* = .{
            .random = random,
            .sizes = rig.randomSizes(random),
            .faults = rig.randomFaults(random, seed),
            .prefetches = seed % 4 != 0,
            .waits_for_all = random.uintLessThan(u32, 4) == 0,
            .model = undefined,
            .simulated = undefined,
            .memory = undefined,
            .buffer = undefined,
            .watched = undefined,
            .store = undefined,
            .tally = tally,
        };
        if (random.uintLessThan(u32, 3) == 0) run.faults.io_errors_in_row = 3; // now and then one too many
        run.faults.capacity += random.uintLessThan(u32, 30);
        run.faults.spare = .{ .reads = random.intRangeAtMost(usize, 1, 4), .bytes = random.uintLessThan(u64, 4) * 4096 };
        run.model = try .init(gpa, seed, run.sizes.layers, run.sizes.experts);
        errdefer run.model.deinit();
        run.simulated = try .init(gpa, .{ .memory = run.model.contents }, run.faults);
        errdefer run.simulated.destroy();
        const slot_bytes = store_room.slotBytes(run.model.layers, run.sizes.experts);
        run.memory = try gpa.alignedAlloc(u8, .fromByteUnits(4096), slot_bytes * run.sizes.slots);
        errdefer gpa.free(run.memory);
        run.buffer = .{ .host = run.memory.ptr, .device = 0, .bytes = run.memory.len };
        run.watched = try .init(gpa, run.simulated.asReader(), &run.model, run.memory, slot_bytes);
        errdefer run.watched.deinit();
        run.store = try Store.init(gpa, .{
            .layers = run.model.layers,
            .experts = run.sizes.experts,
            .files = run.model.infos,
            .slots = &run.buffer,
            .slot_count = run.sizes.slots,
            .floor_slots = run.sizes.floor,
            .speculation = .{ .records_max = random.intRangeAtMost(u32, 1, 6), .per_layer_max = random.intRangeAtMost(u32, 1, 8) },
            .cancelled = &run.cancelled,
        }, run.watched.asReader(), &run.message);
    }

    fn deinit(run: *Run) void {
        run.watched.deinit();
        gpa.free(run.memory);
        run.simulated.destroy();
        run.model.deinit();
    }

    /// Layers in turn, as a model has them, with guesses for the next one while each is under way.
    fn go(run: *Run) !void {
        for (0..3) |_| for (0..run.sizes.layers) |layer| {
            var memory: [64]u32 = undefined;
            const ids = rig.randomIds(run.random, run.sizes.experts, &memory);
            if (run.prefetches and run.random.uintLessThan(u32, 3) == 0) run.guess(@intCast(layer), ids);
            run.compute();
            const cancels = run.random.uintLessThan(u32, 8) == 0;
            run.pass(@intCast(layer), ids, cancels) catch |err| switch (err) {
                error.Cancelled => {
                    try std.testing.expect(cancels);
                    run.tally.cancelled += 1;
                },
                error.IoFailed => {
                    try std.testing.expectEqual(3, run.faults.io_errors_in_row);
                    for ([_][]const u8{ "layer ", "expert ", "at byte ", "failed with EIO" }) |part|
                        try std.testing.expect(std.mem.indexOf(u8, run.message.text(), part) != null);
                    run.tally.failed += 1;
                },
                else => return err,
            };
            run.cancelled.store(false, .release);
            try run.checkTables();
        };
        try run.finish();
    }

    /// Time passes; the store may look in between.
    fn compute(run: *Run) void {
        run.simulated.advance(run.random.uintLessThan(u64, run.faults.latency_max_ns));
        if (run.prefetches and run.random.boolean()) run.store.poll();
    }

    /// Guesses for a layer, some right.
    fn guess(run: *Run, layer: u32, right: []const u32) void {
        var all: [64]u32 = undefined;
        var count: usize = 0;
        for (right) |id| if (run.random.boolean()) {
            all[count] = id;
            count += 1;
        };
        const wrong = run.random.uintLessThan(usize, 4);
        for (0..wrong) |_| {
            all[count] = run.random.uintLessThan(u32, run.sizes.experts);
            count += 1;
        }
        run.store.prefetch(layer, all[0..count], run.random.uintAtMost(usize, count));
    }

    fn pass(run: *Run, layer: u32, ids: []const u32, cancels: bool) !void {
        const waves = ids.len > run.sizes.slots;
        run.await(layer, ids);
        const open = try run.store.begin(layer, ids);
        defer run.endPass(open);
        if (run.prefetches) {
            var memory: [64]u32 = undefined;
            run.guess((layer + 1) % run.sizes.layers, rig.randomIds(run.random, run.sizes.experts, &memory));
        }
        if (run.waits_for_all) try open.settle();
        var held: [64]Ready = undefined;
        var total: usize = 0;
        while (true) {
            if (cancels and run.random.boolean()) run.cancelled.store(true, .release);
            const count = try open.next(held[0..run.random.intRangeAtMost(usize, 1, 8)]);
            if (count == 0) break;
            total += count;
            for (held[0..count]) |*ready| run.watched.held[ready.slot] = true;
            run.compute();
            for (held[0..count]) |*ready| try run.model.expectExpert(layer, ids[ready.index], &ready.expert);
            for (held[0..count]) |*ready| run.watched.held[ready.slot] = false;
            open.release(held[0..count]);
        }
        try std.testing.expectEqual(ids.len, total);
        run.demanded += ids.len;
        run.tally.waves += @intFromBool(waves);
    }

    /// Tells the watcher what the pass will have to submit: what is neither resident nor in flight.
    fn await(run: *Run, layer: u32, ids: []const u32) void {
        // As `begin` will, until nothing more lands, for a read that fails takes time: what is in flight then stays so.
        var landed = run.watched.completed + 1;
        while (landed != run.watched.completed) {
            landed = run.watched.completed;
            run.store.poll();
        }
        run.watched.layer = layer;
        run.watched.demanded.clearRetainingCapacity();
        for (ids) |id| {
            run.watched.demanded.put(gpa, id, {}) catch unreachable;
            if (run.store.table.lookup(layer, id) == null) run.watched.awaited.put(gpa, id, {}) catch unreachable;
        }
    }

    fn endPass(run: *Run, open: store_room.Pass) void {
        @memset(run.watched.held, false);
        // A pass that broke leaves misses unread, and guesses may go on.
        if (run.store.broken != null) run.watched.awaited.clearRetainingCapacity();
        open.end();
        run.watched.awaited.clearRetainingCapacity();
    }

    /// Between passes: every slot is used once, pinned only while a guess is read into it.
    fn checkTables(run: *Run) !void {
        if (run.watched.violation) |rule| {
            std.debug.print("violated: {s}\n", .{rule});
            return error.TestUnexpectedResult;
        }
        const table = &run.store.table;
        var resident: usize = 0;
        for (table.slot_of, 0..) |slot, place| {
            if (slot == 0xffff_ffff) continue;
            resident += 1;
            const entry = &table.entries[slot];
            try std.testing.expectEqual(place, @as(usize, entry.layer) * run.sizes.experts + entry.expert);
            try std.testing.expectEqual(run.store.loads.inFlight(slot), entry.pinned);
        }
        var held: usize = 0;
        for (0..run.sizes.layers) |layer| held += table.heldBy(@intCast(layer));
        try std.testing.expectEqual(resident, held);
        try std.testing.expectEqual(0, run.store.loads.demand_out);
        try std.testing.expectEqual(run.watched.in_flight.count(), run.store.loads.speculative_out);
    }

    /// Everything asked for came back, and the statistics are what was seen.
    fn finish(run: *Run) !void {
        while (run.store.loads.requestsOut() > 0) {
            run.simulated.advance(run.faults.latency_max_ns);
            run.store.poll();
        }
        const counters = run.store.counters();
        run.store.deinit();
        try std.testing.expectEqual(0, run.simulated.pending_count);
        try std.testing.expectEqual(run.watched.submitted, run.watched.completed);
        try std.testing.expectEqual(run.watched.whole_bytes, counters.bytes);
        try std.testing.expectEqual(run.watched.speculative_records - run.watched.cancelled, counters.prefetch_issued);
        // Also what a pass needs again while an expired guess still reads it.
        try std.testing.expect(run.watched.raised >= counters.prefetch_late);
        try std.testing.expect(counters.prefetch_used + counters.prefetch_late <= counters.prefetch_issued);
        try std.testing.expect(counters.hits + counters.misses >= run.demanded);
        if (!run.prefetches) try std.testing.expectEqual(0, counters.prefetch_issued + counters.prefetch_wasted_bytes);
        run.tally.prefetch_issued += counters.prefetch_issued;
        run.tally.prefetch_used += counters.prefetch_used;
        run.tally.prefetch_late += counters.prefetch_late;
        run.tally.wasted_bytes += counters.prefetch_wasted_bytes;
        run.tally.raised += run.watched.raised;
        run.tally.taken_back += run.watched.cancelled;
    }
};

test "simulation: seeded runs of the store with faults, cancels and guesses keep every invariant" {
    const runs = test_rounds.number("FLASHMOE_SIMULATIONS", test_rounds.rounds(3000));
    const first = test_rounds.number("FLASHMOE_SIMULATION_SEED", 0);
    var tally: Tally = .{};
    for (first..first + runs) |seed| {
        errdefer std.debug.print("seed {d}; again: node scripts/simulate.mjs 1 {d}\n", .{ seed, seed });
        var prng: std.Random.DefaultPrng = .init(seed);
        var run: Run = undefined;
        try run.init(seed, prng.random(), &tally);
        defer run.deinit();
        try run.go();
    }
    if (runs < 1000) return;
    inline for (@typeInfo(Tally).@"struct".fields) |field| {
        errdefer std.debug.print("too few: {s} {d}\n", .{ field.name, @field(tally, field.name) });
        try std.testing.expect(@field(tally, field.name) > runs / 100);
    }
}
