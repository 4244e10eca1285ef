//! Which expert lies in which slot, and which one goes when another comes: the one of least value over all layers, except
//! that a layer holding its floor or less loses none to others. The policy says what a use is worth. No reading here, only
//! bookkeeping; allocated once. One thread enters. Everything is decided by the order of calls, never by time.

const std = @import("std");

pub const none: u32 = 0xffff_ffff;

/// What an expert is worth.
pub const Policy = enum {
    /// When it was last used.
    lru,
    /// How often it was used.
    lfu,
    /// How often it is used, averaged over a few, some and many tokens at once: between the two. The engine's, chosen by
    /// replaying traces.
    decayed,

    pub const default: Policy = .decayed;
};

/// Tokens after which a use counts half in each of the averages. Each counts as much as the others.
const half_lives = [_]f64{ 2, 16, 128 };
const averages = half_lives.len;

/// What an average keeps from one pass over its layer to the next.
pub const kept: [averages]f32 = shares: {
    var values: [averages]f32 = undefined;
    for (&values, half_lives) |*share, tokens| share.* = @exp2(-1 / tokens);
    break :shares values;
};

/// Slots that a layer does not lose to others. An equal share for every layer: layers are used in turn, so over all of
/// them the oldest use is just the one that comes next, and traces say that no smaller floor does as well.
pub fn floorOf(slot_count: u32, layers: u32) u32 {
    return slot_count / layers;
}

pub const SlotTable = struct {
    gpa: std.mem.Allocator,
    experts: u32,
    floor: u32,
    slot_of: []u32, // [layers, experts], none when not resident
    value_of: []f64, // [layers, experts], also of those not resident; the least goes first
    averages_of: [averages][]f32, // [layers, experts] each, whose sum the value is; only of `decayed`
    entries: []Entry, // [slots]
    lists: []List, // [layers], used longest ago first
    free: u32, // first free slot, chained by `next`
    policy: Policy,
    clock: u64 = 0, // uses

    const Entry = struct {
        layer: u32 = none, // none: free
        expert: u32 = none,
        prev: u32 = none,
        next: u32 = none,
        pinned: bool = false,
        /// A guess says that a coming layer needs it: speculation never takes it, demand only when nothing else is left.
        wanted: bool = false,
    };

    const List = struct {
        first: u32 = none,
        last: u32 = none,
        count: u32 = 0,
        /// The entry of least value that is neither pinned nor wanted, if `known`.
        least: ?u32 = null,
        known: bool = false,
    };

    pub const Taken = struct { slot: u32, evicted: bool };

    pub fn init(gpa: std.mem.Allocator, layers: u32, experts: u32, slots: u32, floor: u32, policy: Policy) error{OutOfMemory}!SlotTable {
        std.debug.assert(slots > 0 and slots < none and layers > 0 and experts > 0);
        std.debug.assert(@as(u64, layers) * floor <= slots);
        const places = @as(usize, layers) * experts;
        const slot_of = try gpa.alloc(u32, places);
        errdefer gpa.free(slot_of);
        const value_of = try gpa.alloc(f64, places);
        errdefer gpa.free(value_of);
        const sums = try gpa.alloc(f32, places * averages);
        errdefer gpa.free(sums);
        const entries = try gpa.alloc(Entry, slots);
        errdefer gpa.free(entries);
        const lists = try gpa.alloc(List, layers);
        @memset(slot_of, none);
        @memset(value_of, 0);
        @memset(sums, 0);
        var averages_of: [averages][]f32 = undefined;
        for (&averages_of, 0..) |*rows, a| rows.* = sums[a * places ..][0..places];
        @memset(lists, .{});
        for (entries, 0..) |*entry, i| entry.* = .{ .next = if (i + 1 < slots) @intCast(i + 1) else none };
        return .{
            .gpa = gpa,
            .experts = experts,
            .floor = floor,
            .slot_of = slot_of,
            .value_of = value_of,
            .averages_of = averages_of,
            .entries = entries,
            .lists = lists,
            .free = 0,
            .policy = policy,
        };
    }

    pub fn deinit(table: *SlotTable) void {
        table.gpa.free(table.slot_of);
        table.gpa.free(table.value_of);
        table.gpa.free(table.averages_of[0].ptr[0 .. table.value_of.len * averages]);
        table.gpa.free(table.entries);
        table.gpa.free(table.lists);
        table.* = undefined;
    }

    /// Bytes `init` allocates, for the memory plan.
    pub fn tableBytes(layers: u32, experts: u32, slots: u32) usize {
        const place = @sizeOf(u32) + @sizeOf(f64) + averages * @sizeOf(f32);
        return @as(usize, layers) * experts * place + @as(usize, slots) * @sizeOf(Entry) + @as(usize, layers) * @sizeOf(List);
    }

    pub fn lookup(table: *const SlotTable, layer: u32, expert: u32) ?u32 {
        const slot = table.slot_of[table.indexOf(layer, expert)];
        return if (slot == none) null else slot;
    }

    /// The slot's expert is used now.
    pub fn touch(table: *SlotTable, slot: u32) void {
        const entry = &table.entries[slot];
        table.use(entry.layer, entry.expert);
        table.unlink(slot);
        table.link(slot);
    }

    /// A pinned slot is never a victim.
    pub fn pin(table: *SlotTable, slot: u32) void {
        std.debug.assert(!table.entries[slot].pinned);
        table.entries[slot].pinned = true;
        table.forgetLeast(table.entries[slot].layer);
    }

    pub fn unpin(table: *SlotTable, slot: u32) void {
        std.debug.assert(table.entries[slot].pinned);
        table.entries[slot].pinned = false;
        table.forgetLeast(table.entries[slot].layer);
    }

    /// A slot for an expert that is not resident and is used now: a free one, else the victim's. It comes back pinned.
    /// null when every slot that might go is pinned.
    pub fn take(table: *SlotTable, layer: u32, expert: u32) ?Taken {
        std.debug.assert(table.lookup(layer, expert) == null);
        const leaving = table.victim(layer, .unwanted) orelse table.victim(layer, .any);
        if (table.free == none and leaving == null) return null; // not in use yet: it waits for a slot
        table.use(layer, expert);
        return table.takeFor(layer, expert, leaving);
    }

    /// A slot for an expert that may be needed soon, pinned and wanted; its value stays that of its last use. null when
    /// every slot that might go is pinned, wanted, or within another layer's floor.
    pub fn takeSpeculative(table: *SlotTable, layer: u32, expert: u32) ?Taken {
        std.debug.assert(table.lookup(layer, expert) == null);
        const taken = table.takeFor(layer, expert, table.victim(layer, .unwanted)) orelse return null;
        table.want(taken.slot, true);
        return taken;
    }

    fn takeFor(table: *SlotTable, layer: u32, expert: u32, leaving: ?u32) ?Taken {
        if (table.free != none) {
            const slot = table.free;
            table.free = table.entries[slot].next;
            table.occupy(slot, layer, expert);
            return .{ .slot = slot, .evicted = false };
        }
        const slot = leaving orelse return null;
        table.vacate(slot);
        table.occupy(slot, layer, expert);
        return .{ .slot = slot, .evicted = true };
    }

    /// Gives a pinned slot to another expert of the same layer that is used now, still pinned.
    pub fn reassign(table: *SlotTable, slot: u32, expert: u32) void {
        const layer = table.entries[slot].layer;
        std.debug.assert(table.entries[slot].pinned and table.lookup(layer, expert) == null);
        table.use(layer, expert);
        table.vacate(slot);
        table.occupy(slot, layer, expert);
    }

    /// Forgets what the slot holds: its expert did not arrive.
    pub fn drop(table: *SlotTable, slot: u32) void {
        table.vacate(slot);
        table.entries[slot] = .{ .next = table.free };
        table.free = slot;
    }

    /// Marks a resident expert as needed soon, or no longer.
    pub fn want(table: *SlotTable, slot: u32, wanted: bool) void {
        table.entries[slot].wanted = wanted;
        table.forgetLeast(table.entries[slot].layer);
    }

    pub fn expertIn(table: *const SlotTable, slot: u32) u32 {
        return table.entries[slot].expert;
    }

    pub fn heldBy(table: *const SlotTable, layer: u32) u32 {
        return table.lists[layer].count;
    }

    const Reach = enum { unwanted, any };

    /// The slot that goes. A layer below its floor first takes what others hold beyond theirs; otherwise the least
    /// of its own entries and of those beyond a floor.
    fn victim(table: *SlotTable, layer: u32, reach: Reach) ?u32 {
        if (table.free != none) return null; // nothing has to go
        var best: ?u32 = null;
        for (table.lists, 0..) |*list, other| {
            if (other == layer or list.count <= table.floor) continue;
            best = table.lesser(best, table.leastOf(list, reach));
        }
        if (table.lists[layer].count < table.floor and best != null) return best;
        return table.lesser(best, table.leastOf(&table.lists[layer], reach));
    }

    /// Remembered, for between two changes of a layer others ask for it again and again.
    fn leastOf(table: *const SlotTable, list: *List, reach: Reach) ?u32 {
        if (reach == .any) return table.findLeast(list, reach);
        if (!list.known) {
            list.least = table.findLeast(list, reach);
            list.known = true;
        }
        return list.least;
    }

    /// Of equals the one used longest ago.
    fn findLeast(table: *const SlotTable, list: *const List, reach: Reach) ?u32 {
        var best: ?u32 = null;
        var slot = list.first;
        while (slot != none) : (slot = table.entries[slot].next) {
            const entry = &table.entries[slot];
            if (!entry.pinned and (reach == .any or !entry.wanted)) best = table.lesser(best, slot);
        }
        return best;
    }

    fn forgetLeast(table: *SlotTable, layer: u32) void {
        if (layer != none) table.lists[layer].known = false;
    }

    fn valueOf(table: *const SlotTable, slot: u32) f64 {
        const entry = &table.entries[slot];
        return table.value_of[table.indexOf(entry.layer, entry.expert)];
    }

    fn lesser(table: *const SlotTable, a: ?u32, b: ?u32) ?u32 {
        const x = a orelse return b;
        const y = b orelse return a;
        return if (table.valueOf(y) < table.valueOf(x)) y else x;
    }

    /// A pass over a layer begins: the time that `decayed` goes by. A layer's values stay as they are between its passes.
    pub fn tick(table: *SlotTable, layer: u32) void {
        if (table.policy != .decayed) return;
        const first = table.indexOf(layer, 0);
        const values = table.value_of[first..][0..table.experts];
        @memset(values, 0);
        for (table.averages_of, kept) |rows, share| {
            for (rows[first..][0..values.len], values) |*average, *value| {
                average.* *= share;
                value.* += average.*;
            }
        }
        table.forgetLeast(layer);
    }

    fn use(table: *SlotTable, layer: u32, expert: u32) void {
        const index = table.indexOf(layer, expert);
        const value = &table.value_of[index];
        table.clock += 1;
        switch (table.policy) {
            .lru => value.* = @floatFromInt(table.clock),
            .lfu => value.* += 1,
            .decayed => {
                value.* = 0;
                for (table.averages_of, kept) |rows, share| {
                    rows[index] += 1 - share;
                    value.* += rows[index];
                }
            },
        }
        table.forgetLeast(layer);
    }

    fn occupy(table: *SlotTable, slot: u32, layer: u32, expert: u32) void {
        table.entries[slot] = .{ .layer = layer, .expert = expert, .pinned = true };
        table.slot_of[table.indexOf(layer, expert)] = slot;
        table.link(slot);
    }

    fn vacate(table: *SlotTable, slot: u32) void {
        const entry = table.entries[slot];
        std.debug.assert(table.slot_of[table.indexOf(entry.layer, entry.expert)] == slot);
        table.slot_of[table.indexOf(entry.layer, entry.expert)] = none;
        table.unlink(slot);
    }

    /// To the end of its layer's list.
    fn link(table: *SlotTable, slot: u32) void {
        const entry = &table.entries[slot];
        const list = &table.lists[entry.layer];
        entry.prev = list.last;
        entry.next = none;
        if (list.last == none) list.first = slot else table.entries[list.last].next = slot;
        list.last = slot;
        list.count += 1;
        list.known = false;
    }

    fn unlink(table: *SlotTable, slot: u32) void {
        const entry = &table.entries[slot];
        const list = &table.lists[entry.layer];
        if (entry.prev == none) list.first = entry.next else table.entries[entry.prev].next = entry.next;
        if (entry.next == none) list.last = entry.prev else table.entries[entry.next].prev = entry.prev;
        list.count -= 1;
        list.known = false;
    }

    fn indexOf(table: *const SlotTable, layer: u32, expert: u32) usize {
        std.debug.assert(layer < table.lists.len and expert < table.experts);
        return @as(usize, layer) * table.experts + expert;
    }
};
