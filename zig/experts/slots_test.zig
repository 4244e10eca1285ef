//! The slot table against a naive model: a flat list of entries, scanned for every question. Fixed seeds, printed on failure.

const std = @import("std");
const slots_room = @import("slots.zig");
const SlotTable = slots_room.SlotTable;

const Entry = struct { layer: u32, expert: u32, slot: u32, time: u64, pinned: bool };

/// The policies' rules, with floors, written as plainly as they can be.
pub const Naive = struct {
    gpa: std.mem.Allocator,
    slots: usize,
    floor: usize,
    policy: slots_room.Policy = .lru,
    entries: std.ArrayList(Entry) = .empty,
    values: std.AutoHashMapUnmanaged([2]u32, f64) = .empty,
    averages: std.AutoHashMapUnmanaged([2]u32, [slots_room.kept.len]f32) = .empty,
    time: u64 = 0,

    pub fn deinit(naive: *Naive) void {
        naive.entries.deinit(naive.gpa);
        naive.values.deinit(naive.gpa);
        naive.averages.deinit(naive.gpa);
    }

    pub fn find(naive: *Naive, layer: u32, expert: u32) ?*Entry {
        for (naive.entries.items) |*entry| if (entry.layer == layer and entry.expert == expert) return entry;
        return null;
    }

    pub fn held(naive: *const Naive, layer: u32) usize {
        var n: usize = 0;
        for (naive.entries.items) |entry| n += @intFromBool(entry.layer == layer);
        return n;
    }

    pub fn touch(naive: *Naive, entry: *Entry) !void {
        naive.time += 1;
        entry.time = naive.time;
        try naive.use(entry.layer, entry.expert);
    }

    /// A pass over the layer begins: its averages fade.
    pub fn tick(naive: *Naive, layer: u32) !void {
        if (naive.policy != .decayed) return;
        var known = naive.averages.iterator();
        while (known.next()) |item| {
            if (item.key_ptr[0] != layer) continue;
            for (item.value_ptr, slots_room.kept) |*average, share| average.* *= share;
            try naive.values.put(naive.gpa, item.key_ptr.*, sum(item.value_ptr));
        }
    }

    fn sum(averages: []const f32) f64 {
        var total: f64 = 0;
        for (averages) |average| total += average;
        return total;
    }

    fn valueOf(naive: *const Naive, entry: *const Entry) f64 {
        return naive.values.get(.{ entry.layer, entry.expert }).?;
    }

    /// What the expert is worth after one more use.
    fn use(naive: *Naive, layer: u32, expert: u32) !void {
        const key = [2]u32{ layer, expert };
        const before = naive.values.get(key) orelse 0;
        try naive.values.put(naive.gpa, key, switch (naive.policy) {
            .lru => @floatFromInt(naive.time),
            .lfu => before + 1,
            .decayed => averaged: {
                const known = try naive.averages.getOrPutValue(naive.gpa, key, @splat(0));
                for (known.value_ptr, slots_room.kept) |*average, share| average.* += 1 - share;
                break :averaged sum(known.value_ptr);
            },
        });
    }

    /// Index of the entry that must go for `layer`, null when there is none.
    pub fn victim(naive: *const Naive, layer: u32) ?usize {
        if (naive.held(layer) < naive.floor) {
            if (naive.oldest(layer, .others)) |index| return index;
        }
        return naive.oldest(layer, .all);
    }

    fn oldest(naive: *const Naive, layer: u32, who: enum { others, all }) ?usize {
        var best: ?usize = null;
        for (naive.entries.items, 0..) |entry, index| {
            if (entry.pinned) continue;
            if (entry.layer == layer and who == .others) continue;
            if (entry.layer != layer and naive.held(entry.layer) <= naive.floor) continue;
            const rival = if (best) |b| naive.entries.items[b] else {
                best = index;
                continue;
            };
            const value = naive.valueOf(&entry);
            const equal = value == naive.valueOf(&rival);
            if (value < naive.valueOf(&rival) or (equal and goesFirst(layer, &entry, &rival))) best = index;
        }
        return best;
    }

    /// Of equals: in one layer the one used earlier; other layers before `layer`, and those in their order.
    fn goesFirst(layer: u32, a: *const Entry, b: *const Entry) bool {
        if (a.layer == b.layer) return a.time < b.time;
        if (a.layer == layer or b.layer == layer) return b.layer == layer;
        return a.layer < b.layer;
    }

    pub fn add(naive: *Naive, layer: u32, expert: u32, slot: u32) !void {
        naive.time += 1;
        try naive.use(layer, expert);
        try naive.entries.append(naive.gpa, .{ .layer = layer, .expert = expert, .slot = slot, .time = naive.time, .pinned = true });
    }

    pub fn remove(naive: *Naive, layer: u32, expert: u32) void {
        for (naive.entries.items, 0..) |entry, index| {
            if (entry.layer == layer and entry.expert == expert) {
                _ = naive.entries.orderedRemove(index);
                return;
            }
        }
        unreachable; // the test removes what is there
    }
};

const Pair = struct {
    table: SlotTable,
    naive: Naive,
    layers: u32,
    experts: u32,
    random: std.Random,

    fn step(pair: *Pair) !void {
        const layer = pair.random.uintLessThan(u32, pair.layers);
        const expert = pair.random.uintLessThan(u32, pair.experts);
        const known = pair.naive.find(layer, expert);
        const slot = pair.table.lookup(layer, expert);
        try std.testing.expectEqual(known != null, slot != null);
        const entry = known orelse return pair.take(layer, expert);
        try std.testing.expectEqual(entry.slot, slot.?);
        switch (pair.random.uintLessThan(u32, 10)) {
            0 => {
                pair.table.drop(slot.?);
                pair.naive.remove(layer, expert);
            },
            1, 2, 3, 4 => {
                pair.table.touch(slot.?);
                try pair.naive.touch(entry);
            },
            5 => if (entry.pinned) try pair.reassign(layer, entry),
            else => {
                if (entry.pinned) pair.table.unpin(slot.?) else pair.table.pin(slot.?);
                entry.pinned = !entry.pinned;
            },
        }
    }

    fn take(pair: *Pair, layer: u32, expert: u32) !void {
        const taken = pair.table.take(layer, expert);
        if (pair.naive.entries.items.len < pair.naive.slots) {
            try std.testing.expect(!taken.?.evicted);
            for (pair.naive.entries.items) |other| try std.testing.expect(other.slot != taken.?.slot);
        } else if (pair.naive.victim(layer)) |index| {
            try std.testing.expect(taken.?.evicted);
            try std.testing.expectEqual(pair.naive.entries.items[index].slot, taken.?.slot);
            _ = pair.naive.entries.orderedRemove(index);
        } else {
            return std.testing.expectEqual(null, taken);
        }
        try pair.naive.add(layer, expert, taken.?.slot);
        // Most entries are unpinned again, as passes do, so that the table does not silt up.
        if (pair.random.uintLessThan(u32, 8) != 0) {
            pair.table.unpin(taken.?.slot);
            pair.naive.find(layer, expert).?.pinned = false;
        }
    }

    fn reassign(pair: *Pair, layer: u32, entry: *Entry) !void {
        const other = pair.random.uintLessThan(u32, pair.experts);
        if (pair.naive.find(layer, other) != null) return;
        pair.table.reassign(entry.slot, other);
        entry.expert = other;
        try pair.naive.touch(entry);
    }

    fn compare(pair: *Pair) !void {
        for (0..pair.layers) |layer| {
            try std.testing.expectEqual(pair.naive.held(@intCast(layer)), pair.table.heldBy(@intCast(layer)));
        }
        for (pair.naive.entries.items) |entry| {
            try std.testing.expectEqual(entry.slot, pair.table.lookup(entry.layer, entry.expert).?);
            try std.testing.expectEqual(entry.expert, pair.table.expertIn(entry.slot));
        }
    }
};

test "the slot table does what the naive model does, over 60,000 operations" {
    const gpa = std.testing.allocator;
    for (0..60) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        const layers = random.intRangeAtMost(u32, 1, 6);
        const experts = random.intRangeAtMost(u32, 1, 24);
        const slots = random.intRangeAtMost(u32, 1, 40);
        const floor = random.intRangeAtMost(u32, 0, slots / layers);
        const policy = random.enumValue(slots_room.Policy);
        var pair: Pair = .{
            .table = try .init(gpa, layers, experts, slots, floor, policy),
            .naive = .{ .gpa = gpa, .slots = slots, .floor = floor, .policy = policy },
            .layers = layers,
            .experts = experts,
            .random = random,
        };
        defer pair.table.deinit();
        defer pair.naive.deinit();
        for (0..1000) |i| {
            if (i % 3 == 0) {
                const layer = random.uintLessThan(u32, layers);
                pair.table.tick(layer);
                try pair.naive.tick(layer);
            }
            try pair.step();
            if (i % 50 == 0) try pair.compare();
        }
        try pair.compare();
    }
}

test "a layer at its floor loses nothing to others and gives up its own least recent instead" {
    var table: SlotTable = try .init(std.testing.allocator, 2, 8, 4, 2, .lru);
    defer table.deinit();
    for (0..2) |expert| table.unpin(table.take(0, @intCast(expert)).?.slot);
    for (0..2) |expert| table.unpin(table.take(1, @intCast(expert)).?.slot);
    // Layer 0's entries are the oldest of all, yet layer 1 must replace its own.
    table.unpin(table.take(1, 2).?.slot);
    try std.testing.expectEqual(null, table.lookup(1, 0));
    try std.testing.expect(table.lookup(0, 0) != null and table.lookup(0, 1) != null);
    try std.testing.expectEqual(2, table.heldBy(1));
}

test "a layer below its floor grows by what others hold beyond theirs" {
    var table: SlotTable = try .init(std.testing.allocator, 2, 8, 4, 2, .lru);
    defer table.deinit();
    for (0..4) |expert| table.unpin(table.take(0, @intCast(expert)).?.slot);
    for (0..2) |expert| table.unpin(table.take(1, @intCast(expert)).?.slot);
    try std.testing.expectEqual(2, table.heldBy(0));
    try std.testing.expectEqual(2, table.heldBy(1));
    // The oldest of layer 0 went.
    try std.testing.expect(table.lookup(0, 0) == null and table.lookup(0, 1) == null);
    try std.testing.expect(table.lookup(0, 2) != null and table.lookup(0, 3) != null);
}

test "a cycle over more experts than slots still hits within the floors" {
    // Global LRU alone would hit nothing: 4 layers in turn, each alternating between its two experts, 8 slots.
    var table: SlotTable = try .init(std.testing.allocator, 4, 4, 8, 2, .lru);
    defer table.deinit();
    var hits: usize = 0;
    for (0..40) |round| for (0..4) |layer| {
        const expert: u32 = @intCast(round % 2);
        if (table.lookup(@intCast(layer), expert)) |slot| {
            table.touch(slot);
            hits += 1;
        } else table.unpin(table.take(@intCast(layer), expert).?.slot);
    };
    try std.testing.expectEqual(40 * 4 - 8, hits);
}
