//! Records on their way from the reader into slots: which are in flight, for whom, and what became of them; guesses become
//! urgent when somebody needs them and are taken back when nobody does. A slot has at most one load. Owns its tables, allocated once; the reader and the slots are the caller's. One thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const io = @import("../io/reader.zig");
const records = @import("record.zig");

pub const none: u32 = 0xffff_ffff;

pub const Kind = enum {
    demand, // a pass waits for it
    speculative, // a guess
};

/// Why a load failed: the first of its ranges to do so.
pub const Fault = struct { file: u32, outcome: io.Outcome };

pub const Load = struct {
    kind: Kind = .demand,
    layer: u32 = none,
    expert: u32 = none,
    /// Requests of the slot that are in flight; 0: no load.
    ranges_left: u32 = 0,
    fault: ?Fault = null,
};

/// What a completion means. `whole`: the slot's last range, nothing writes into it any more.
pub const Arrival = struct { slot: u32, load: Load, whole: bool };

pub const Loads = struct {
    gpa: std.mem.Allocator,
    reader: io.Reader,
    layers: []const records.LayerExperts,
    slots: [*]align(4096) u8,
    slot_bytes: usize,
    places: []records.Places, // [slots]
    loads: []Load, // [slots]
    /// Requests in flight.
    demand_out: usize = 0,
    speculative_out: usize = 0,
    /// Records in flight.
    demand_records: u32 = 0,
    speculative_records: u32 = 0,

    pub fn init(
        gpa: std.mem.Allocator,
        reader: io.Reader,
        layers: []const records.LayerExperts,
        slots: [*]align(4096) u8,
        slot_bytes: usize,
        slot_count: u32,
    ) error{OutOfMemory}!Loads {
        const places = try gpa.alloc(records.Places, slot_count);
        errdefer gpa.free(places);
        const loads = try gpa.alloc(Load, slot_count);
        @memset(loads, .{});
        return .{ .gpa = gpa, .reader = reader, .layers = layers, .slots = slots, .slot_bytes = slot_bytes, .places = places, .loads = loads };
    }

    /// Nothing may be in flight.
    pub fn deinit(loads: *Loads) void {
        std.debug.assert(loads.requestsOut() == 0);
        loads.gpa.free(loads.places);
        loads.gpa.free(loads.loads);
        loads.* = undefined;
    }

    /// Bytes `init` allocates, for the memory plan.
    pub fn tableBytes(slot_count: u32) usize {
        return @as(usize, slot_count) * (@sizeOf(records.Places) + @sizeOf(Load));
    }

    pub fn requestsOut(loads: *const Loads) usize {
        return loads.demand_out + loads.speculative_out;
    }

    pub fn inFlight(loads: *const Loads, slot: u32) bool {
        return loads.loads[slot].ranges_left > 0;
    }

    pub fn memory(loads: *const Loads, slot: u32) []u8 {
        return loads.slots[@as(usize, slot) * loads.slot_bytes ..][0..loads.slot_bytes];
    }

    /// The reader must have room for the record's ranges.
    pub fn submit(loads: *Loads, slot: u32, layer: u32, expert: u32, record: *const records.Record, kind: Kind) void {
        std.debug.assert(!loads.inFlight(slot) and loads.requestsOut() + record.range_count <= loads.reader.capacity);
        const destination = loads.memory(slot);
        var requests: [records.pieces_max]io.Request = undefined;
        for (record.ranges[0..record.range_count], requests[0..record.range_count], 0..) |range, *request, r| request.* = .{
            .file = range.file,
            .offset = range.offset,
            .bytes = range.bytes,
            .needed = range.needed,
            .destination = @alignCast(destination.ptr + range.place),
            .tag = tagOf(slot, r),
            .urgent = kind == .demand,
        };
        loads.places[slot] = record.places();
        loads.loads[slot] = .{ .kind = kind, .layer = layer, .expert = expert, .ranges_left = @intCast(record.range_count) };
        switch (kind) {
            .demand => loads.demand_records += 1,
            .speculative => loads.speculative_records += 1,
        }
        loads.outOf(kind).* += record.range_count;
        loads.reader.submit(requests[0..record.range_count]);
    }

    /// A pass turned out to need what a guess is reading, or waits to. Returns a fault that the load already met.
    pub fn join(loads: *Loads, slot: u32) ?Fault {
        const load = &loads.loads[slot];
        std.debug.assert(load.ranges_left > 0 and load.kind == .speculative);
        load.kind = .demand;
        loads.speculative_out -= load.ranges_left;
        loads.demand_out += load.ranges_left;
        loads.speculative_records -= 1;
        loads.demand_records += 1;
        var tags: [records.pieces_max]u64 = undefined;
        loads.reader.raise(loads.tagsOf(slot, &tags));
        return load.fault;
    }

    /// Takes back a guess that nobody needs any more, unless any of it is being read: true where the slot has no load now.
    pub fn cancel(loads: *Loads, slot: u32) bool {
        const load = &loads.loads[slot];
        std.debug.assert(load.ranges_left > 0 and load.kind == .speculative);
        var memory_of_tags: [records.pieces_max]u64 = undefined;
        const tags = loads.tagsOf(slot, &memory_of_tags);
        if (load.ranges_left < tags.len or !loads.reader.cancel(tags)) return false;
        loads.speculative_out -= load.ranges_left;
        loads.speculative_records -= 1;
        load.* = .{};
        return true;
    }

    /// Those of all the record's requests, whether in flight or not.
    fn tagsOf(loads: *const Loads, slot: u32, out: *[records.pieces_max]u64) []const u64 {
        const load = &loads.loads[slot];
        const count = records.recordOf(&loads.layers[load.layer], load.expert).range_count;
        for (out[0..count], 0..) |*tag, range| tag.* = tagOf(slot, range);
        return out[0..count];
    }

    fn tagOf(slot: u32, range: usize) u64 {
        return slot | @as(u64, range) << 32;
    }

    /// Accounts for one completion; null while nothing follows from it.
    pub fn arrived(loads: *Loads, completion: io.Completion) ?Arrival {
        const slot: u32 = @truncate(completion.tag);
        const load = &loads.loads[slot];
        std.debug.assert(load.ranges_left > 0);
        load.ranges_left -= 1;
        loads.outOf(load.kind).* -= 1;
        const whole = load.ranges_left == 0;
        const first_fault = completion.result != .ok and load.fault == null;
        if (first_fault) {
            const record = records.recordOf(&loads.layers[load.layer], load.expert);
            load.fault = .{ .file = record.ranges[@intCast(completion.tag >> 32)].file, .outcome = completion.result };
        }
        if (whole) switch (load.kind) {
            .demand => loads.demand_records -= 1,
            .speculative => loads.speculative_records -= 1,
        };
        return if (whole or first_fault) .{ .slot = slot, .load = load.*, .whole = whole } else null;
    }

    fn outOf(loads: *Loads, kind: Kind) *usize {
        return switch (kind) {
            .demand => &loads.demand_out,
            .speculative => &loads.speculative_out,
        };
    }
};
