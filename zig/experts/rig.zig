//! For tests: a store over a fake model and simulated reads, and the random choices that drive it. Owns all of them.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const simulated = @import("../io/simulated.zig");
const store_room = @import("store.zig");
const FakeModel = @import("fake_model.zig").FakeModel;

const Store = store_room.Store;
const Ready = store_room.Ready;
const Message = store_room.Message;
const gpa = std.testing.allocator;

/// A model, a simulated reader over it, slots and the store under test.
pub const Rig = struct {
    model: FakeModel,
    simulated: *simulated.Simulated,
    memory: []align(4096) u8,
    buffer: backend.Buffer,
    message: Message = .{},
    cancelled: std.atomic.Value(bool) = .init(false),
    store: Store,

    /// In place, for the store points into it.
    pub fn init(rig: *Rig, model_seed: u64, sizes: Sizes, options: simulated.SimulatedOptions) !void {
        rig.* = .{ .model = try .init(gpa, model_seed, sizes.layers, sizes.experts), .simulated = undefined, .memory = undefined, .buffer = undefined, .store = undefined };
        errdefer rig.model.deinit();
        rig.simulated = try .init(gpa, .{ .memory = rig.model.contents }, options);
        errdefer rig.simulated.destroy();
        const slot_bytes = store_room.slotBytes(rig.model.layers, sizes.experts);
        rig.memory = try gpa.alignedAlloc(u8, .fromByteUnits(4096), slot_bytes * sizes.slots);
        errdefer gpa.free(rig.memory);
        rig.buffer = .{ .host = rig.memory.ptr, .device = 0, .bytes = rig.memory.len };
        rig.store = try Store.init(gpa, .{
            .layers = rig.model.layers,
            .experts = sizes.experts,
            .files = rig.model.infos,
            .slots = &rig.buffer,
            .slot_count = sizes.slots,
            .floor_slots = sizes.floor,
            .cancelled = &rig.cancelled,
        }, rig.simulated.asReader(), &rig.message);
    }

    pub fn deinit(rig: *Rig) void {
        rig.store.deinit();
        rig.simulated.destroy();
        gpa.free(rig.memory);
        rig.model.deinit();
    }

    /// Goes through a pass as an engine would, releasing in random portions, and checks every byte it is given.
    pub fn run(rig: *Rig, random: std.Random, layer: u32, ids: []const u32) !void {
        const pass = try rig.store.begin(layer, ids);
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
            for (held[0..held_count]) |*ready| try rig.model.expectExpert(layer, ids[ready.index], &ready.expert);
            random.shuffle(Ready, held[0..held_count]);
            const waves = rig.store.hit_count + rig.store.joined_count + rig.store.assigned < ids.len;
            const releasing = if (waves) held_count else random.uintAtMost(usize, held_count);
            const middle = held_count - random.uintAtMost(usize, releasing);
            pass.release(held[middle..held_count]);
            pass.release(held[held_count - releasing .. middle]);
            held_count -= releasing;
        }
        try std.testing.expectEqual(ids.len, total);
    }
};

pub const Sizes = struct { layers: u32, experts: u32, slots: u32, floor: u32 };

pub fn randomSizes(random: std.Random) Sizes {
    const layers = random.intRangeAtMost(u32, 1, 4);
    const slots = random.intRangeAtMost(u32, 1, 24);
    return .{ .layers = layers, .experts = random.intRangeAtMost(u32, 1, 16), .slots = slots, .floor = random.uintAtMost(u32, slots / layers) };
}

pub fn randomFaults(random: std.Random, seed: u64) simulated.SimulatedOptions {
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
pub fn randomIds(random: std.Random, experts: u32, out: []u32) []u32 {
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
