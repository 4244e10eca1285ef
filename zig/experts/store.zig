//! The expert store: which experts lie in which slots, and how missing ones get there. It never computes.
//! The caller owns the slot buffer, the descriptions and the reader; the store owns its tables, allocated at `init`.
//! One thread (the engine's) enters. What is hit, missed and evicted depends on the calls alone, never on timing.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const io = @import("../io/reader.zig");
const errnoName = @import("../io/files.zig").errnoName;
const records = @import("record.zig");
const SlotTable = @import("slots.zig").SlotTable;
const firstNonFinite = @import("finite.zig").firstNonFinite;

pub const FileInfo = @import("../io/files.zig").FileInfo;
pub const Error = result.Error;
pub const Message = result.Message;
pub const Run = records.Run;
pub const LayerExperts = records.LayerExperts;
pub const Projection = records.Projection;
pub const validate = records.validate;
pub const slotBytes = records.slotBytes;
pub const recordBytesMax = records.recordBytesMax;

const none: u32 = 0xffff_ffff;

pub const StoreOptions = struct {
    layers: []const LayerExperts,
    experts: u32,
    /// The files the extents point into, for checks and messages; the same order as the reader's.
    files: []const FileInfo,
    /// At least `slot_count * slotBytes(layers, experts)` bytes, mapped into the process.
    slots: *const backend.Buffer,
    slot_count: u32,
    /// A layer that holds this many slots or fewer loses none to other layers.
    floor_slots: u32,
    /// Looked at while waiting; a pass then returns `error.Cancelled`.
    cancelled: ?*const std.atomic.Value(bool) = null,
};

/// An expert that may be computed. Its slot stays as it is until it is released or the pass ends.
pub const Ready = struct {
    index: usize, // into the ids given to `begin`
    expert: backend.Expert,
    slot: u32,
};

pub const Counters = struct {
    hits: u64 = 0,
    /// Records that were read completely.
    misses: u64 = 0,
    /// Sum of the missed records' bytes.
    bytes: u64 = 0,
    evictions: u64 = 0,
    /// Time `next` stood still waiting for the reader.
    read_wait_ns: u64 = 0,
};

/// One id of the pass.
const Item = struct {
    expert: u32,
    slot: u32 = none,
    state: State = .waiting,
    ranges_left: u32 = 0,
};

const State = enum {
    waiting, // not yet asked of the reader
    loading,
    failed,
    landed, // complete, not yet given out
    yielded,
    released,
};

pub const Store = struct {
    gpa: std.mem.Allocator,
    options: StoreOptions,
    reader: io.Reader,
    message: *Message,
    slot_bytes: usize,
    table: SlotTable,
    places: []records.Places, // [slots]
    totals: Counters = .{},

    // The pass. Arrays hold one entry per expert of a layer.
    active: bool = false,
    broken: ?Error = null,
    layer: u32 = 0,
    items: []Item, // in the order of the ids
    count: usize = 0,
    order: []u32, // indices: hits, then misses, each in the order of the ids
    hit_count: usize = 0,
    assigned: usize = 0, // misses that got a slot at `begin`; later ones follow released members of the pass
    issued: usize = 0, // misses given to the reader
    landed: []u32, // indices in the order of arrival
    landed_count: usize = 0,
    yielded_hits: usize = 0,
    yielded_misses: usize = 0,
    requests_out: usize = 0,
    pass_number: u64 = 0,
    seen: []u64, // [experts], number of the last pass that named the expert

    /// `layers`, `files` and `slots` must outlive the store. `message` holds the text of any error, now and later.
    pub fn init(gpa: std.mem.Allocator, options: StoreOptions, reader: io.Reader, message: *Message) Error!Store {
        try validate(options.layers, options.experts, options.files, message);
        const slot_bytes = slotBytes(options.layers, options.experts);
        try checkOptions(&options, slot_bytes, reader, message);
        return allocate(gpa, options, slot_bytes, reader, message) catch
            message.fail(error.OutOfMemory, "no memory for the tables of {d} expert slots", .{options.slot_count});
    }

    fn checkOptions(options: *const StoreOptions, slot_bytes: usize, reader: io.Reader, message: *Message) Error!void {
        const floors = options.layers.len * @as(u64, options.floor_slots);
        if (options.slot_count == 0 or options.slot_count < floors)
            return message.fail(error.MemoryTooSmall, "{d} expert slots of {d} bytes cannot give {d} layers {d} each", .{ options.slot_count, slot_bytes, options.layers.len, options.floor_slots });
        if (slot_bytes > none) return message.fail(error.Unsupported, "an expert of {d} bytes is larger than 4 GiB", .{slot_bytes});
        if (options.slot_count == none or options.experts == none) return message.fail(error.InvalidArgument, "too many expert slots or experts", .{});
        // The engine's plan decided these: a mismatch is our own mistake.
        std.debug.assert(options.slots.host != null);
        std.debug.assert(options.slots.bytes / options.slot_count >= slot_bytes);
        std.debug.assert(reader.capacity >= records.pieces_max);
    }

    fn allocate(gpa: std.mem.Allocator, options: StoreOptions, slot_bytes: usize, reader: io.Reader, message: *Message) error{OutOfMemory}!Store {
        var table: SlotTable = try .init(gpa, @intCast(options.layers.len), options.experts, options.slot_count, options.floor_slots);
        errdefer table.deinit();
        const places = try gpa.alloc(records.Places, options.slot_count);
        errdefer gpa.free(places);
        const items = try gpa.alloc(Item, options.experts);
        errdefer gpa.free(items);
        const order = try gpa.alloc(u32, options.experts);
        errdefer gpa.free(order);
        const landed = try gpa.alloc(u32, options.experts);
        errdefer gpa.free(landed);
        const seen = try gpa.alloc(u64, options.experts);
        @memset(seen, 0);
        return .{
            .gpa = gpa,
            .options = options,
            .reader = reader,
            .message = message,
            .slot_bytes = slot_bytes,
            .table = table,
            .places = places,
            .items = items,
            .order = order,
            .landed = landed,
            .seen = seen,
        };
    }

    /// No pass may be open. The reader stays the caller's.
    pub fn deinit(store: *Store) void {
        std.debug.assert(!store.active);
        store.table.deinit();
        store.gpa.free(store.places);
        store.gpa.free(store.items);
        store.gpa.free(store.order);
        store.gpa.free(store.landed);
        store.gpa.free(store.seen);
        store.* = undefined;
    }

    /// Bytes of the tables, for the memory plan; the slots themselves are not among them.
    pub fn tableBytes(layers: u32, experts: u32, slot_count: u32) usize {
        const per_expert = @sizeOf(Item) + 2 * @sizeOf(u32) + @sizeOf(u64);
        return SlotTable.tableBytes(layers, experts, slot_count) + @as(usize, slot_count) * @sizeOf(records.Places) + @as(usize, experts) * per_expert;
    }

    pub fn counters(store: *const Store) Counters {
        return store.totals;
    }

    /// Starts a pass over distinct experts of one layer: hits are pinned, misses are queued in the order of `ids`.
    /// One pass at a time; it must be ended with `Pass.end`, also after an error of `next`. `ids` is copied.
    pub fn begin(store: *Store, layer: u32, ids: []const u32) Error!Pass {
        std.debug.assert(!store.active and layer < store.options.layers.len);
        store.pass_number += 1;
        for (ids, 0..) |id, index| {
            if (id >= store.options.experts or store.seen[id] == store.pass_number)
                return store.message.fail(error.Internal, "layer {d}: expert {d} was routed twice or does not exist ({d} experts)", .{ layer, id, store.options.experts });
            store.seen[id] = store.pass_number;
            store.items[index] = .{ .expert = id };
        }
        store.active = true;
        store.broken = null;
        store.layer = layer;
        store.count = ids.len;
        store.issued = 0;
        store.landed_count = 0;
        store.yielded_hits = 0;
        store.yielded_misses = 0;
        store.pinHits();
        store.placeMisses();
        store.issue();
        return .{ .store = store };
    }

    fn pinHits(store: *Store) void {
        store.hit_count = 0;
        for (store.items[0..store.count], 0..) |*item, index| {
            item.slot = store.table.lookup(store.layer, item.expert) orelse continue;
            item.state = .landed;
            store.table.pin(item.slot);
            store.order[store.hit_count] = @intCast(index);
            store.hit_count += 1;
        }
        store.totals.hits += store.hit_count;
    }

    /// Recency follows the order of the ids, so every id is touched or placed in that order. Misses for which no slot
    /// can go stay without one.
    fn placeMisses(store: *Store) void {
        var miss_count: usize = 0;
        store.assigned = 0;
        for (store.items[0..store.count], 0..) |*item, index| {
            if (item.state == .landed) {
                store.table.touch(item.slot);
                continue;
            }
            store.order[store.hit_count + miss_count] = @intCast(index);
            miss_count += 1;
            const taken = store.table.take(store.layer, item.expert) orelse continue;
            // Victims only become fewer within a pass: the misses with a slot come first.
            std.debug.assert(store.assigned + 1 == miss_count);
            store.assigned += 1;
            item.slot = taken.slot;
            store.totals.evictions += @intFromBool(taken.evicted);
        }
    }

    /// Gives the reader as many misses as have a slot and fit its queue. Miss number `assigned + n` waits for member n
    /// of the pass to be released, whatever was released before: so the resident set does not depend on timing.
    fn issue(store: *Store) void {
        const miss_count = store.count - store.hit_count;
        while (store.issued < miss_count and store.broken == null) {
            const index = store.order[store.hit_count + store.issued];
            const item = &store.items[index];
            const record = records.recordOf(&store.options.layers[store.layer], item.expert);
            if (store.requests_out + record.range_count > store.reader.capacity) return;
            if (store.issued >= store.assigned) {
                const source = &store.items[store.order[store.issued - store.assigned]];
                if (source.state != .released) return;
                store.table.reassign(source.slot, item.expert);
                store.totals.evictions += 1;
                item.slot = source.slot;
                source.slot = none;
            }
            store.submit(index, &record);
            store.issued += 1;
        }
    }

    fn submit(store: *Store, index: u32, record: *const records.Record) void {
        const item = &store.items[index];
        const slot = store.slotMemory(item.slot);
        var requests: [records.pieces_max]io.Request = undefined;
        for (record.ranges[0..record.range_count], requests[0..record.range_count], 0..) |range, *request, r| request.* = .{
            .file = range.file,
            .offset = range.offset,
            .bytes = range.bytes,
            .needed = range.needed,
            .destination = @alignCast(slot.ptr + range.place),
            .tag = index | @as(u64, r) << 32,
        };
        store.places[item.slot] = record.places();
        item.state = .loading;
        item.ranges_left = @intCast(record.range_count);
        store.requests_out += record.range_count;
        store.reader.submit(requests[0..record.range_count]);
    }

    fn slotMemory(store: *const Store, slot: u32) []u8 {
        return store.options.slots.host.?[@as(usize, slot) * store.slot_bytes ..][0..store.slot_bytes];
    }

    /// Waits for at least one completion and takes what there is.
    fn collect(store: *Store) void {
        var completions: [64]io.Completion = undefined;
        const begun = nowNs();
        const count = store.reader.wait(&completions);
        store.totals.read_wait_ns += nowNs() - begun;
        std.debug.assert(count > 0 and count <= store.requests_out);
        store.requests_out -= count;
        for (completions[0..count]) |completion| store.arrived(completion);
    }

    fn arrived(store: *Store, completion: io.Completion) void {
        const index: u32 = @truncate(completion.tag);
        const item = &store.items[index];
        item.ranges_left -= 1;
        const record = if (item.ranges_left == 0 or completion.result != .ok)
            records.recordOf(&store.options.layers[store.layer], item.expert)
        else
            return;
        if (completion.result != .ok) {
            const file = record.ranges[@intCast(completion.tag >> 32)].file;
            store.fail(item, store.faultOf(item, file, completion.result));
        } else if (item.state == .loading) {
            store.check(item, &record) catch |err| return store.fail(item, err);
            item.state = .landed;
            store.landed[store.landed_count] = index;
            store.landed_count += 1;
            store.totals.misses += 1;
            store.totals.bytes += record.bytes;
        }
    }

    /// The first fault breaks the pass and is the one that is told.
    fn fail(store: *Store, item: *Item, err: Error) void {
        item.state = .failed;
        if (store.broken == null) store.broken = err;
    }

    fn faultOf(store: *Store, item: *const Item, file: u32, outcome: io.Outcome) Error {
        if (store.broken) |earlier| return earlier;
        const path = store.options.files[file].path;
        return switch (outcome) {
            .ok => unreachable, // asked for faults only
            .failed => |fault| store.message.fail(error.IoFailed, "layer {d}, expert {d}: reading {s} at byte {d} failed with {s}; check the disk and the file, then try again", .{ store.layer, item.expert, path, fault.offset, errnoName(fault.errno) }),
            .truncated => |fault| store.message.fail(error.IoFailed, "layer {d}, expert {d}: {s} ends at byte {d}, inside the expert; the file was cut short, download it again", .{ store.layer, item.expert, path, fault.offset }),
        };
    }

    /// Scales and biases must be finite.
    fn check(store: *Store, item: *const Item, record: *const records.Record) Error!void {
        const slot = store.slotMemory(item.slot);
        for (record.runs, [_]Projection{ .gate, .up, .down }) |run, projection| {
            if (run.format != .affine) continue;
            for ([_]records.Part{ .scales, .biases }) |part| {
                const piece = record.piece(projection, part);
                const value = firstNonFinite(run.scale_format, slot[piece.place..][0..@intCast(piece.bytes)]) orelse continue;
                if (store.broken) |earlier| return earlier;
                const path = store.options.files[piece.file].path;
                const offset = piece.offset + value * records.valueBytes(run.scale_format);
                return store.message.fail(error.ModelInvalid, "layer {d}, expert {d}: {t} projection has an infinite or NaN value in its {t} ({s}, byte {d}); the checkpoint is damaged, download it again", .{ store.layer, item.expert, projection, part, path, offset });
            }
        }
    }
};

pub const Pass = struct {
    store: *Store,

    /// Experts that are ready: all hits first and at once, then misses as they land, each id once. Blocks until there
    /// is at least one; 0 means that all ids were yielded. A pass with more experts than slots goes on in waves:
    /// what was yielded must be released before the next call.
    pub fn next(pass: Pass, out: []Ready) Error!usize {
        const store = pass.store;
        std.debug.assert(store.active and out.len > 0);
        while (true) {
            if (store.broken) |err| return err;
            if (store.options.cancelled) |flag| {
                if (flag.load(.acquire)) {
                    store.broken = error.Cancelled;
                    return store.message.fail(error.Cancelled, "cancelled while experts of layer {d} were read", .{store.layer});
                }
            }
            if (store.yielded_hits < store.hit_count) return pass.give(out, store.order[0..store.hit_count], &store.yielded_hits);
            if (store.yielded_misses < store.landed_count) return pass.give(out, store.landed[0..store.landed_count], &store.yielded_misses);
            if (store.yielded_hits + store.yielded_misses == store.count) return 0;
            store.issue();
            // Everything in flight arrived and was given out, and the next miss waits for a slot.
            if (store.requests_out == 0) return store.message.fail(error.Internal, "layer {d}: expert slots are wanted that were yielded and not released", .{store.layer});
            store.collect();
        }
    }

    fn give(pass: Pass, out: []Ready, from: []const u32, given: *usize) usize {
        const store = pass.store;
        const count = @min(out.len, from.len - given.*);
        for (out[0..count], from[given.*..][0..count]) |*ready, index| {
            const item = &store.items[index];
            std.debug.assert(item.state == .landed);
            item.state = .yielded;
            const offset = @as(usize, item.slot) * store.slot_bytes;
            ready.* = .{
                .index = index,
                .expert = records.expertAt(&store.options.layers[store.layer], item.expert, &store.places[item.slot], store.options.slots, offset),
                .slot = item.slot,
            };
        }
        given.* += count;
        return count;
    }

    /// Says that experts were computed, so that later misses of this pass may use their slots.
    pub fn release(pass: Pass, ready: []const Ready) void {
        const store = pass.store;
        std.debug.assert(store.active);
        for (ready) |one| {
            const item = &store.items[one.index];
            std.debug.assert(item.state == .yielded and item.slot == one.slot);
            item.state = .released;
        }
        store.issue();
    }

    /// Ends the pass: waits for reads still in flight, keeps what arrived whole and unpins everything.
    pub fn end(pass: Pass) void {
        const store = pass.store;
        std.debug.assert(store.active);
        // From here on faults are nobody's: what did not arrive will be a miss again.
        if (store.broken == null) store.broken = error.Cancelled;
        while (store.requests_out > 0) store.collect();
        for (store.items[0..store.count]) |*item| {
            if (item.slot == none) continue;
            switch (item.state) {
                .waiting, .failed => store.table.drop(item.slot),
                .loading => unreachable, // nothing is in flight any more
                .landed, .yielded, .released => store.table.unpin(item.slot),
            }
        }
        store.active = false;
    }
};

fn nowNs() u64 {
    var now: std.c.timespec = undefined;
    std.debug.assert(std.c.clock_gettime(.MONOTONIC, &now) == 0);
    return @as(u64, @intCast(now.sec)) * std.time.ns_per_s + @as(u64, @intCast(now.nsec));
}
