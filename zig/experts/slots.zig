//! Which expert lies in which slot, and which one goes when another comes: the one of least value over all layers, except
//! that a layer holding its floor or less loses none to others. The policy says what a use is worth. No reading here, only
//! bookkeeping; allocated once. One thread enters. Everything is decided by the order of calls, never by time.

const std = @import("std");

pub const none: u32 = 0xffff_ffff;

/// What an expert is worth. Only values of the last use are kept, so a policy must order experts once and for all.
pub const Policy = enum {
    /// When it was last used.
    lru,
    /// How often it was used.
    lfu,
    /// The sum of its uses, each halved every `half_life_tokens`: between the two. The engine's, chosen by replaying traces.
    decayed,

    pub const default: Policy = .decayed;
};

/// A pass over every layer counts as a token.
pub const half_life_tokens = 32;

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
    entries: []Entry, // [slots]
    lists: []List, // [layers], least value first
    free: u32, // first free slot, chained by `next`
    policy: Policy,
    clock: u64 = 0, // uses
    passes: u64 = 0,

    const Entry = struct {
        layer: u32 = none, // none: free
        expert: u32 = none,
        prev: u32 = none,
        next: u32 = none,
        value: f64 = 0,
        pinned: bool = false,
        /// A guess says that a coming layer needs it: speculation never takes it, demand only when nothing else is left.
        wanted: bool = false,
    };

    const List = struct { first: u32 = none, last: u32 = none, count: u32 = 0 };

    pub const Taken = struct { slot: u32, evicted: bool };

    pub fn init(gpa: std.mem.Allocator, layers: u32, experts: u32, slots: u32, floor: u32, policy: Policy) error{OutOfMemory}!SlotTable {
        std.debug.assert(slots > 0 and slots < none and layers > 0 and experts > 0);
        std.debug.assert(@as(u64, layers) * floor <= slots);
        const slot_of = try gpa.alloc(u32, @as(usize, layers) * experts);
        errdefer gpa.free(slot_of);
        const value_of = try gpa.alloc(f64, @as(usize, layers) * experts);
        errdefer gpa.free(value_of);
        const entries = try gpa.alloc(Entry, slots);
        errdefer gpa.free(entries);
        const lists = try gpa.alloc(List, layers);
        @memset(slot_of, none);
        @memset(value_of, if (policy == .decayed) -std.math.inf(f64) else 0);
        @memset(lists, .{});
        for (entries, 0..) |*entry, i| entry.* = .{ .next = if (i + 1 < slots) @intCast(i + 1) else none };
        return .{
            .gpa = gpa,
            .experts = experts,
            .floor = floor,
            .slot_of = slot_of,
            .value_of = value_of,
            .entries = entries,
            .lists = lists,
            .free = 0,
            .policy = policy,
        };
    }

    pub fn deinit(table: *SlotTable) void {
        table.gpa.free(table.slot_of);
        table.gpa.free(table.value_of);
        table.gpa.free(table.entries);
        table.gpa.free(table.lists);
        table.* = undefined;
    }

    /// Bytes `init` allocates, for the memory plan.
    pub fn tableBytes(layers: u32, experts: u32, slots: u32) usize {
        return @as(usize, layers) * experts * (@sizeOf(u32) + @sizeOf(f64)) + @as(usize, slots) * @sizeOf(Entry) + @as(usize, layers) * @sizeOf(List);
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
    }

    pub fn unpin(table: *SlotTable, slot: u32) void {
        std.debug.assert(table.entries[slot].pinned);
        table.entries[slot].pinned = false;
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
        table.entries[taken.slot].wanted = true;
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
    fn victim(table: *const SlotTable, layer: u32, reach: Reach) ?u32 {
        if (table.free != none) return null; // nothing has to go
        var best: ?u32 = null;
        for (table.lists, 0..) |list, other| {
            if (other == layer or list.count <= table.floor) continue;
            best = table.lesser(best, table.leastOf(list, reach));
        }
        if (table.lists[layer].count < table.floor and best != null) return best;
        return table.lesser(best, table.leastOf(table.lists[layer], reach));
    }

    fn leastOf(table: *const SlotTable, list: List, reach: Reach) ?u32 {
        var slot = list.first;
        while (slot != none) : (slot = table.entries[slot].next) {
            const entry = &table.entries[slot];
            if (!entry.pinned and (reach == .any or !entry.wanted)) return slot;
        }
        return null;
    }

    fn lesser(table: *const SlotTable, a: ?u32, b: ?u32) ?u32 {
        const x = a orelse return b;
        const y = b orelse return a;
        return if (table.entries[y].value < table.entries[x].value) y else x;
    }

    /// A pass over a layer begins: the time that `decayed` goes by.
    pub fn tick(table: *SlotTable) void {
        table.passes += 1;
    }

    fn use(table: *SlotTable, layer: u32, expert: u32) void {
        const value = &table.value_of[table.indexOf(layer, expert)];
        table.clock += 1;
        value.* = switch (table.policy) {
            .lru => @floatFromInt(table.clock),
            .lfu => value.* + 1,
            .decayed => addUse(value.*, @as(f64, @floatFromInt(table.passes)) / @as(f64, @floatFromInt(half_life_tokens * table.lists.len))),
        };
    }

    /// log2 of (2^value + 2^now): uses decay together, so weighing new ones more keeps old sums comparable.
    fn addUse(value: f64, now: f64) f64 {
        return now + @log2(1 + @exp2(value - now));
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

    /// Into its layer's list, after those of the same value. What was just used has a high one: the place is near the end.
    fn link(table: *SlotTable, slot: u32) void {
        const entry = &table.entries[slot];
        const list = &table.lists[entry.layer];
        entry.value = table.value_of[table.indexOf(entry.layer, entry.expert)];
        var before = list.last;
        while (before != none and table.entries[before].value > entry.value) before = table.entries[before].prev;
        entry.prev = before;
        entry.next = if (before == none) list.first else table.entries[before].next;
        if (before == none) list.first = slot else table.entries[before].next = slot;
        if (entry.next == none) list.last = slot else table.entries[entry.next].prev = slot;
        list.count += 1;
    }

    fn unlink(table: *SlotTable, slot: u32) void {
        const entry = &table.entries[slot];
        const list = &table.lists[entry.layer];
        if (entry.prev == none) list.first = entry.next else table.entries[entry.prev].next = entry.next;
        if (entry.next == none) list.last = entry.prev else table.entries[entry.next].prev = entry.prev;
        list.count -= 1;
    }

    fn indexOf(table: *const SlotTable, layer: u32, expert: u32) usize {
        std.debug.assert(layer < table.lists.len and expert < table.experts);
        return @as(usize, layer) * table.experts + expert;
    }
};
