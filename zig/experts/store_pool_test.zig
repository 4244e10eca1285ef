//! The store over real files and reader threads, direct and cached: the same bytes, statistics and residency as over
//! simulated reads. Also runs under the thread sanitiser.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const files_room = @import("../io/files.zig");
const PreadPool = @import("../io/pread_pool.zig").PreadPool;
const simulated = @import("../io/simulated.zig");
const reader = @import("../io/reader.zig");
const Temporary = @import("../io/temporary.zig").Temporary;
const store_room = @import("store.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const rig = @import("rig.zig");

const gpa = std.testing.allocator;
const sizes: rig.Sizes = .{ .layers = 3, .experts = 12, .slots = 10, .floor = 2 };

/// What a run leaves: counters and a hash over which slot holds which expert.
const Outcome = struct { hits: u64, misses: u64, bytes: u64, evictions: u64, resident: u64 };

fn runOver(model: *const FakeModel, r: reader.Reader) !Outcome {
    const slot_bytes = store_room.slotBytes(model.layers, model.experts);
    const memory = try gpa.alignedAlloc(u8, .fromByteUnits(4096), slot_bytes * sizes.slots);
    defer gpa.free(memory);
    const buffer: backend.Buffer = .{ .host = memory.ptr, .device = 0, .bytes = memory.len };
    var message: store_room.Message = .{};
    var store = try store_room.Store.init(gpa, .{
        .layers = model.layers,
        .experts = sizes.experts,
        .files = model.infos,
        .slots = &buffer,
        .slot_count = sizes.slots,
        .floor_slots = sizes.floor,
    }, r, &message);
    defer store.deinit();
    var prng: std.Random.DefaultPrng = .init(99);
    for (0..60) |_| {
        var ids: [64]u32 = undefined;
        const layer = prng.random().uintLessThan(u32, sizes.layers);
        try onePass(model, &store, layer, rig.randomIds(prng.random(), sizes.experts, &ids));
    }
    var resident: std.hash.Wyhash = .init(0);
    for (store.table.slot_of) |slot| resident.update(std.mem.asBytes(&slot));
    const counters = store.counters();
    return .{ .hits = counters.hits, .misses = counters.misses, .bytes = counters.bytes, .evictions = counters.evictions, .resident = resident.final() };
}

fn onePass(model: *const FakeModel, store: *store_room.Store, layer: u32, ids: []const u32) !void {
    const pass = try store.begin(layer, ids);
    defer pass.end();
    var ready: [4]store_room.Ready = undefined;
    while (true) {
        const count = try pass.next(&ready);
        if (count == 0) return;
        for (ready[0..count]) |*one| try model.expectExpert(layer, ids[one.index], &one.expert);
        pass.release(ready[0..count]);
    }
}

test "real files read by threads, directly or not, give what the simulator gives" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    for (0..6) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var model: FakeModel = try .init(gpa, seed, sizes.layers, sizes.experts);
        defer model.deinit();
        for (model.infos, model.contents) |*info, content| {
            try temporary.write(info.path, content);
            info.path = try model.arena.allocator().dupe(u8, temporary.path(info.path));
        }
        const in_memory: *simulated.Simulated = try .init(gpa, .{ .memory = model.contents }, .{ .seed = seed });
        defer in_memory.destroy();
        const expected = try runOver(&model, in_memory.asReader());
        try std.testing.expect(expected.hits > 0 and expected.misses > 0 and expected.evictions > 0);

        var message: store_room.Message = .{};
        for ([_]bool{ true, false }) |direct| {
            var files = try files_room.Files.open(gpa, model.infos, direct, &message);
            defer files.close();
            const pool = try PreadPool.init(gpa, &files, .{ .threads = 4, .capacity = 32 }, &message);
            defer pool.destroy();
            try std.testing.expectEqual(expected, try runOver(&model, pool.asReader()));
            try std.testing.expect(pool.asReader().counters().bytes >= expected.bytes);

            const faulty: *simulated.Simulated = try .init(gpa, .{ .files = &files }, .{ .seed = seed, .short_reads = 0.4, .interruptions = 0.2, .io_errors = 0.2 });
            defer faulty.destroy();
            try std.testing.expectEqual(expected, try runOver(&model, faulty.asReader()));
        }
    }
}
