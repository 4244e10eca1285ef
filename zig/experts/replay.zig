//! What a policy would have hit on a recorded trace, with the slot table the engine uses; and the most that any policy
//! could have, by Belady's rule. Allocates what it needs and gives it back; any thread.

const std = @import("std");
const slots = @import("slots.zig");
const trace_room = @import("trace.zig");

const Trace = trace_room.Trace;

pub const Score = struct { accesses: u64 = 0, hits: u64 = 0 };

/// Steps of several tokens ask for most of a layer at once; `decode_only` leaves them out.
pub const Options = struct {
    slot_count: u32,
    floor_slots: u32,
    decode_only: bool = false,
    /// Steps at the start that fill the cache and are not scored.
    warm_steps: u32 = 0,
};

/// Tells the steps that are scored from those before.
const Warmth = struct {
    left: u32,
    step: ?u64 = null,

    fn scores(warmth: *Warmth, step: u64) bool {
        if (warmth.step != step) {
            if (warmth.step != null) warmth.left -|= 1;
            warmth.step = step;
        }
        return warmth.left == 0;
    }
};

/// Every pass as the store goes through it: hits stay, misses take slots in the order of the ids, and where none may go
/// the pass goes on in the slots it took.
pub fn replay(gpa: std.mem.Allocator, trace: *const Trace, policy: slots.Policy, options: Options) error{OutOfMemory}!Score {
    const head = &trace.head;
    var table: slots.SlotTable = try .init(gpa, head.layers, head.experts, options.slot_count, options.floor_slots, policy);
    defer table.deinit();
    const own = try gpa.alloc(u32, head.experts);
    defer gpa.free(own);
    const waits = try gpa.alloc(u32, head.experts);
    defer gpa.free(waits);
    const hit = try gpa.alloc(bool, head.experts);
    defer gpa.free(hit);
    var score: Score = .{};
    var unscored: Score = .{};
    var warmth: Warmth = .{ .left = options.warm_steps };
    var events = trace.iterator();
    while (events.next()) |item| {
        if (options.decode_only and item.event.tokens > 1) continue;
        table.tick(item.event.layer);
        const counted = if (warmth.scores(item.event.step)) &score else &unscored;
        pass(&table, item.event.layer, item.ids, hit, own, waits, counted);
    }
    return score;
}

/// `own` are the slots the pass goes on in when no other may go: those it took, else those of its hits.
fn pass(table: *slots.SlotTable, layer: u32, ids: []const u32, hit: []bool, own: []u32, waits: []u32, score: *Score) void {
    score.accesses += ids.len;
    var hits: usize = 0;
    for (ids, hit[0..ids.len]) |id, *is_hit| {
        const slot = table.lookup(layer, id);
        is_hit.* = slot != null;
        const resident = slot orelse continue;
        table.pin(resident);
        own[hits] = resident;
        hits += 1;
    }
    score.hits += hits;
    var taken: usize = 0;
    var misses: usize = 0;
    for (ids, hit[0..ids.len]) |id, is_hit| {
        if (is_hit) {
            table.touch(table.lookup(layer, id).?);
            continue;
        }
        if (table.take(layer, id)) |one| {
            own[taken] = one.slot;
            taken += 1;
        } else {
            waits[misses - taken] = id;
        }
        misses += 1;
    }
    for (0..misses - taken) |m| table.reassign(own[m % if (taken > 0) taken else hits], waits[m]);
    for (ids) |id| if (table.lookup(layer, id)) |slot| table.unpin(slot);
}

const never: u32 = 0xffff_ffff;

/// Belady: what is needed furthest in the future goes. No floors, no order within a pass: an upper bound.
pub fn belady(gpa: std.mem.Allocator, trace: *const Trace, options: Options) error{OutOfMemory}!Score {
    const experts = trace.head.experts;
    const places = @as(usize, trace.head.layers) * experts;
    const future = try nextUses(gpa, trace, options, places);
    defer gpa.free(future);
    // Resident experts by next use, furthest first; an entry that is not `due` any more is stale.
    var queue: std.PriorityQueue(Due, void, furthest) = .empty;
    defer queue.deinit(gpa);
    const due = try gpa.alloc(u32, places);
    defer gpa.free(due);
    const resident = try gpa.alloc(bool, places);
    defer gpa.free(resident);
    @memset(resident, false);
    var count: usize = 0;
    var score: Score = .{};
    var use: usize = 0;
    var warmth: Warmth = .{ .left = options.warm_steps };
    var events = trace.iterator();
    while (events.next()) |item| {
        if (options.decode_only and item.event.tokens > 1) continue;
        const scored = warmth.scores(item.event.step);
        if (scored) score.accesses += item.ids.len;
        for (item.ids, use..) |id, u| {
            const place = @as(usize, item.event.layer) * experts + id;
            score.hits += @intFromBool(scored and resident[place]);
            count += @intFromBool(!resident[place]);
            resident[place] = true;
            due[place] = future[u];
            try queue.push(gpa, .{ .place = @intCast(place), .next = future[u] });
        }
        use += item.ids.len;
        // A pass may hold all it needs; what is too much goes afterwards.
        while (count > options.slot_count) {
            const leaving = queue.pop().?;
            if (!resident[leaving.place] or due[leaving.place] != leaving.next) continue;
            resident[leaving.place] = false;
            count -= 1;
        }
    }
    return score;
}

const Due = struct { place: u32, next: u32 };

fn furthest(_: void, a: Due, b: Due) std.math.Order {
    return std.math.order(b.next, a.next);
}

/// For every use in the trace, the number of the pass that uses the expert next.
fn nextUses(gpa: std.mem.Allocator, trace: *const Trace, options: Options, places: usize) error{OutOfMemory}![]u32 {
    var uses: usize = 0;
    var events = trace.iterator();
    while (events.next()) |item| {
        if (!options.decode_only or item.event.tokens <= 1) uses += item.ids.len;
    }
    const future = try gpa.alloc(u32, uses);
    errdefer gpa.free(future);
    @memset(future, never);
    const last = try gpa.alloc(usize, places); // the expert's latest use so far
    defer gpa.free(last);
    @memset(last, std.math.maxInt(usize));
    var use: usize = 0;
    var number: u32 = 0;
    events = trace.iterator();
    while (events.next()) |item| {
        if (options.decode_only and item.event.tokens > 1) continue;
        for (item.ids) |id| {
            const place = @as(usize, item.event.layer) * trace.head.experts + id;
            if (last[place] != std.math.maxInt(usize)) future[last[place]] = number;
            last[place] = use;
            use += 1;
        }
        number += 1;
    }
    return future;
}
