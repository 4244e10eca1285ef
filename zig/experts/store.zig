//! The expert store: which experts lie in which slots, and how missing ones get there. It never computes.
//! The caller owns the slot buffer, the descriptions and the reader; the store owns its tables, allocated at `init`.
//! One thread (the engine's) enters. Without `prefetch` what is hit, missed and evicted depends on the calls alone, never
//! on timing; with it, it also depends on which guesses landed in time. What a pass yields is the same either way.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const io = @import("../io/reader.zig");
const errnoName = @import("../io/files.zig").errnoName;
const nowNs = @import("../io/thread.zig").nowNs;
const records = @import("record.zig");
const loads_room = @import("loads.zig");
const SlotTable = @import("slots.zig").SlotTable;
const Policy = @import("slots.zig").Policy;
const Speculation = @import("speculation.zig").Speculation;
const Paranoid = @import("paranoid.zig").Paranoid;
const firstNonFinite = @import("../format/finite.zig").firstNonFinite;

pub const FileInfo = @import("../io/files.zig").FileInfo;
pub const Error = result.Error;
pub const Message = result.Message;
pub const Run = records.Run;
pub const LayerExperts = records.LayerExperts;
pub const Projection = records.Projection;
pub const validate = records.validate;
pub const slotBytes = records.slotBytes;
pub const recordBytesMax = records.recordBytesMax;
pub const floorOf = @import("slots.zig").floorOf;
pub const SpeculationOptions = @import("speculation.zig").Options;

const none: u32 = 0xffff_ffff;

/// A wide pass evicts this part of the pool at most, or enough to keep a disk busy.
const wide_share = 8;
const wide_slots_min = 32;

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
    policy: Policy = .default,
    speculation: SpeculationOptions = .{},
    /// A pass over more experts than this, a prompt's, may evict only a part of the pool, so that it does not flush what
    /// single tokens use.
    narrow_ids: u32 = none,
    /// Looked at while waiting; a pass then returns `error.Cancelled`.
    cancelled: ?*const std.atomic.Value(bool) = null,
    /// Compares records that land with their hashes.
    paranoid: ?*const Paranoid = null,
};

/// An expert that may be computed. Its slot stays as it is until it is released or the pass ends.
pub const Ready = struct {
    index: usize, // into the ids given to `begin`
    expert: backend.Expert,
    slot: u32,
};

pub const Counters = struct {
    /// Demanded and resident, those that a guess had brought included.
    hits: u64 = 0,
    /// Demanded and waited for: read completely for the pass, or joined while a guess was reading them.
    misses: u64 = 0,
    /// Sum of the bytes of all records that were read completely, for passes and for guesses.
    bytes: u64 = 0,
    evictions: u64 = 0,
    /// Time a pass stood still waiting for the reader.
    read_wait_ns: u64 = 0,
    /// Records that guesses had read, began to, or may yet.
    prefetch_issued: u64 = 0,
    /// Of these, hits when their layer came.
    prefetch_used: u64 = 0,
    /// Of these, still in flight when their layer came and needed them.
    prefetch_late: u64 = 0,
    /// Bytes of records read completely that their layer did not need.
    prefetch_wasted_bytes: u64 = 0,
};

/// One id of the pass.
const Item = struct {
    expert: u32,
    slot: u32 = none,
    state: State = .waiting,
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
    message: *Message,
    slot_bytes: usize,
    table: SlotTable,
    loads: loads_room.Loads,
    speculation: Speculation,
    totals: Counters = .{},

    // The pass. Arrays hold one entry per expert of a layer.
    active: bool = false,
    broken: ?Error = null,
    layer: u32 = 0,
    items: []Item, // in the order of the ids
    count: usize = 0,
    order: []u32, // indices: hits, then those a guess is reading, then misses, each in the order of the ids
    hit_count: usize = 0,
    joined_count: usize = 0,
    assigned: usize = 0, // misses that got a slot at `begin`; later ones follow released members of the pass
    issued: usize = 0, // misses given to the reader
    landed: []u32, // indices in the order of arrival
    landed_count: usize = 0,
    yielded_hits: usize = 0,
    yielded_landed: usize = 0,
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
        var table: SlotTable = try .init(gpa, @intCast(options.layers.len), options.experts, options.slot_count, options.floor_slots, options.policy);
        errdefer table.deinit();
        var loads: loads_room.Loads = try .init(gpa, reader, options.layers, options.slots.host.?, slot_bytes, options.slot_count);
        errdefer loads.deinit();
        var speculation: Speculation = try .init(gpa, options.speculation, options.slot_count);
        errdefer speculation.deinit();
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
            .message = message,
            .slot_bytes = slot_bytes,
            .table = table,
            .loads = loads,
            .speculation = speculation,
            .items = items,
            .order = order,
            .landed = landed,
            .seen = seen,
        };
    }

    /// No pass may be open. Waits for guesses still in flight. The reader stays the caller's.
    pub fn deinit(store: *Store) void {
        std.debug.assert(!store.active);
        while (store.loads.requestsOut() > 0) store.take(.waiting);
        store.table.deinit();
        store.loads.deinit();
        store.speculation.deinit();
        store.gpa.free(store.items);
        store.gpa.free(store.order);
        store.gpa.free(store.landed);
        store.gpa.free(store.seen);
        store.* = undefined;
    }

    /// Bytes of the tables, for the memory plan; the slots themselves are not among them.
    pub fn tableBytes(layers: u32, experts: u32, slot_count: u32, speculation: SpeculationOptions) usize {
        const per_expert = @sizeOf(Item) + 2 * @sizeOf(u32) + @sizeOf(u64);
        return SlotTable.tableBytes(layers, experts, slot_count) + loads_room.Loads.tableBytes(slot_count) +
            Speculation.tableBytes(speculation, slot_count) + @as(usize, experts) * per_expert;
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
        store.table.tick(layer);
        store.active = true;
        store.broken = null;
        store.layer = layer;
        store.count = ids.len;
        store.hit_count = 0;
        store.joined_count = 0;
        store.issued = 0;
        store.landed_count = 0;
        store.yielded_hits = 0;
        store.yielded_landed = 0;
        store.poll(); // what landed while the caller computed is a hit
        store.judgeGuesses();
        store.pinHits();
        store.joinLoads();
        store.placeMisses();
        store.issue();
        store.speculate();
        return .{ .store = store };
    }

    /// Which of the layer's guesses were right; from here on they are void.
    fn judgeGuesses(store: *Store) void {
        var i: usize = 0;
        while (i < store.speculation.wanted_count) {
            const slot = store.speculation.wanted[i];
            const load = &store.loads.loads[slot];
            if (load.kind != .speculative or load.layer != store.layer or !store.takeBack(slot)) i += 1;
        }
        store.speculation.expire(&store.table, store.layer);
    }

    /// Judges one guess of the pass's layer. True where nobody needs it and none of it was read yet: its slot is free.
    fn takeBack(store: *Store, slot: u32) bool {
        const load = &store.loads.loads[slot];
        const needed = store.seen[load.expert] == store.pass_number;
        if (!store.loads.inFlight(slot)) {
            load.kind = .demand; // judged
            if (needed) store.totals.prefetch_used += 1 else store.waste(load.layer, load.expert);
            return false;
        }
        store.totals.prefetch_late += @intFromBool(needed);
        if (needed or !store.loads.cancel(slot)) return false;
        store.totals.prefetch_issued -= 1;
        store.speculation.forget(&store.table, slot);
        store.table.drop(slot);
        return true;
    }

    fn waste(store: *Store, layer: u32, expert: u32) void {
        store.totals.prefetch_wasted_bytes += records.recordOf(&store.options.layers[layer], expert).bytes;
    }

    fn pinHits(store: *Store) void {
        for (store.items[0..store.count], 0..) |*item, index| {
            item.slot = store.table.lookup(store.layer, item.expert) orelse continue;
            if (store.loads.inFlight(item.slot)) continue;
            item.state = .landed;
            store.table.pin(item.slot);
            store.order[store.hit_count] = @intCast(index);
            store.hit_count += 1;
        }
        store.totals.hits += store.hit_count;
    }

    /// What a guess is reading already is waited for, not read again. Its slot has been pinned since.
    fn joinLoads(store: *Store) void {
        for (store.items[0..store.count], 0..) |*item, index| {
            if (item.slot == none or item.state == .landed) continue;
            item.state = .loading;
            store.order[store.hit_count + store.joined_count] = @intCast(index);
            store.joined_count += 1;
            if (store.loads.join(item.slot)) |fault| store.fail(item, store.faultOf(item.expert, &fault));
        }
    }

    /// Recency follows the order of the ids, so every id is touched or placed in that order. Misses for which no slot
    /// can go stay without one.
    fn placeMisses(store: *Store) void {
        const members = store.hit_count + store.joined_count;
        var miss_count: usize = 0;
        const evicted_before = store.totals.evictions;
        var evictions: u64 = 0;
        store.assigned = 0;
        for (store.items[0..store.count], 0..) |*item, index| {
            if (item.slot != none) {
                store.table.touch(item.slot);
                continue;
            }
            store.order[members + miss_count] = @intCast(index);
            miss_count += 1;
            if (evictions == store.evictionsMax()) continue;
            item.slot = store.slotFor(item.expert, members + store.assigned == 0) orelse continue;
            // Victims only become fewer within a pass: the misses with a slot come first.
            std.debug.assert(store.assigned + 1 == miss_count);
            store.assigned += 1;
            evictions = store.totals.evictions - evicted_before;
        }
    }

    /// What the open pass may evict before it goes on in the slots it has.
    fn evictionsMax(store: *const Store) u64 {
        if (store.count <= store.options.narrow_ids) return std.math.maxInt(u64);
        return @max(store.options.slot_count / wide_share, wide_slots_min);
    }

    /// A pass needs one slot at least. Where guesses hold all there are, they are waited for.
    fn slotFor(store: *Store, expert: u32, must: bool) ?u32 {
        while (true) {
            if (store.table.take(store.layer, expert)) |taken| {
                if (taken.evicted) store.evicted(taken.slot);
                return taken.slot;
            }
            if (!must or store.loads.requestsOut() == 0) return null;
            store.take(.waiting);
        }
    }

    /// Another expert has the slot from now on.
    fn evicted(store: *Store, slot: u32) void {
        store.totals.evictions += 1;
        store.speculation.forget(&store.table, slot);
        const load = &store.loads.loads[slot];
        if (load.kind == .speculative) store.waste(load.layer, load.expert);
        load.* = .{};
    }

    /// Gives the reader as many misses as have a slot and fit its queue. Miss number `assigned + n` waits for miss n to be
    /// released, whatever was released before: so the resident set does not depend on timing, and hits stay. A pass none
    /// of whose misses got a slot takes its other members' instead.
    fn issue(store: *Store) void {
        const members = store.hit_count + store.joined_count;
        const miss_count = store.count - members;
        while (store.issued < miss_count and store.broken == null) {
            const item = &store.items[store.order[members + store.issued]];
            const record = records.recordOf(&store.options.layers[store.layer], item.expert);
            if (store.loads.requestsOut() + record.range_count > store.loads.reader.capacity) return;
            if (store.issued >= store.assigned) {
                const first = if (store.assigned > 0) members else 0;
                const source = &store.items[store.order[first + store.issued - store.assigned]];
                if (source.state != .released) return;
                store.table.reassign(source.slot, item.expert);
                store.totals.evictions += 1;
                item.slot = source.slot;
                source.slot = none;
            }
            item.state = .loading;
            store.loads.submit(item.slot, store.layer, item.expert, &record, .demand);
            store.issued += 1;
        }
    }

    /// Says which experts of a coming layer are probably needed, likeliest first. What is resident is kept; of the first
    /// `reads` what is not is read when nothing demanded waits to be. Never fails: a guess that cannot be read is dropped and read on demand.
    pub fn prefetch(store: *Store, layer: u32, ids: []const u32, reads: usize) void {
        std.debug.assert(layer < store.options.layers.len);
        store.speculation.guess(&store.table, layer, ids, reads);
        store.poll();
    }

    /// Takes what has landed and keeps the reader busy with guesses. Never blocks. For long stretches of arithmetic.
    pub fn poll(store: *Store) void {
        if (store.loads.requestsOut() > 0) store.take(.landed);
        store.speculate();
    }

    /// Issues guesses, strictly behind demand: only while every miss of the pass was given to the reader, which begins them
    /// when little else is being read, and so that half the reader's queue stays free.
    fn speculate(store: *Store) void {
        if (store.active and store.issued < store.count - store.hit_count - store.joined_count) return;
        const options = &store.speculation.options;
        const slots_max = store.options.slot_count / 4;
        while (store.speculation.next()) |guess| {
            if (store.loads.speculative_records >= @min(options.records_max, slots_max)) return;
            if (store.table.lookup(guess.layer, guess.expert) == null) {
                const record = records.recordOf(&store.options.layers[guess.layer], guess.expert);
                if (store.loads.requestsOut() + record.range_count > store.loads.reader.capacity / 2) return;
                const taken = store.table.takeSpeculative(guess.layer, guess.expert) orelse return;
                if (taken.evicted) store.evicted(taken.slot);
                store.speculation.keep(&store.table, taken.slot);
                store.totals.prefetch_issued += 1;
                store.loads.submit(taken.slot, guess.layer, guess.expert, &record, .speculative);
            }
            store.speculation.pop();
        }
    }

    fn take(store: *Store, how: enum { waiting, landed }) void {
        var completions: [64]io.Completion = undefined;
        const count = switch (how) {
            .waiting => store.loads.reader.wait(&completions),
            .landed => store.loads.reader.poll(&completions),
        };
        std.debug.assert(count > 0 or how == .landed);
        for (completions[0..count]) |completion| {
            const arrival = store.loads.arrived(completion) orelse continue;
            switch (arrival.load.kind) {
                .demand => store.demandArrived(&arrival),
                .speculative => if (arrival.whole) store.guessArrived(&arrival),
            }
        }
    }

    /// Waits for at least one completion that the open pass may need.
    fn collect(store: *Store) void {
        const begun = nowNs();
        store.take(.waiting);
        store.totals.read_wait_ns += nowNs() - begun;
    }

    fn demandArrived(store: *Store, arrival: *const loads_room.Arrival) void {
        // A pass is over only when its loads are: the slot is one of its items'.
        const index = for (store.items[0..store.count], 0..) |*item, i| {
            if (item.slot == arrival.slot) break i;
        } else unreachable;
        const item = &store.items[index];
        if (arrival.load.fault) |*fault| return store.fail(item, store.faultOf(item.expert, fault));
        if (item.state != .loading) return; // failed by another range
        store.check(&arrival.load, arrival.slot) catch |err| return store.fail(item, err);
        item.state = .landed;
        store.landed[store.landed_count] = @intCast(index);
        store.landed_count += 1;
        store.totals.misses += 1;
        store.totals.bytes += records.recordOf(&store.options.layers[store.layer], item.expert).bytes;
    }

    /// A guess that failed, or whose scales are broken, is dropped: if it is needed it will be read again, and told.
    fn guessArrived(store: *Store, arrival: *const loads_room.Arrival) void {
        const load = &store.loads.loads[arrival.slot];
        const bad = load.fault != null or store.isSpoiled(load, arrival.slot);
        const expired = !store.table.entries[arrival.slot].wanted;
        if (load.fault == null) store.totals.bytes += records.recordOf(&store.options.layers[load.layer], load.expert).bytes;
        if (load.fault == null and (expired or bad)) store.waste(load.layer, load.expert);
        if (bad) {
            store.speculation.forget(&store.table, arrival.slot);
            store.table.drop(arrival.slot);
            load.* = .{};
            return;
        }
        if (expired) load.kind = .demand; // judged
        store.table.unpin(arrival.slot);
    }

    /// The first fault breaks the pass and is the one that is told.
    fn fail(store: *Store, item: *Item, err: Error) void {
        item.state = .failed;
        if (store.broken == null) store.broken = err;
    }

    fn faultOf(store: *Store, expert: u32, fault: *const loads_room.Fault) Error {
        if (store.broken) |earlier| return earlier;
        const path = store.options.files[fault.file].path;
        return switch (fault.outcome) {
            .ok => unreachable, // asked for faults only
            .failed => |failed| store.message.fail(error.IoFailed, "layer {d}, expert {d}: reading {s} at byte {d} failed with {s}; check the disk and the file, then try again", .{ store.layer, expert, path, failed.offset, errnoName(failed.errno) }),
            .truncated => |truncated| store.message.fail(error.IoFailed, "layer {d}, expert {d}: {s} ends at byte {d}, inside the expert; the file was cut short, download it again", .{ store.layer, expert, path, truncated.offset }),
        };
    }

    /// The bytes must be those that were packed, where that is known, and scales and biases must be finite.
    fn check(store: *Store, load: *const loads_room.Load, slot: u32) Error!void {
        const record = records.recordOf(&store.options.layers[load.layer], load.expert);
        const memory = store.loads.memory(slot);
        if (store.options.paranoid) |paranoid| if (!paranoid.matches(load.layer, load.expert, &record, memory)) {
            if (store.broken) |earlier| return earlier;
            return paranoid.fail(load.layer, load.expert, &record, store.options.files, store.message);
        };
        const bad = firstBad(memory, &record) orelse return;
        if (store.broken) |earlier| return earlier;
        const path = store.options.files[bad.file].path;
        return store.message.fail(error.ModelInvalid, "layer {d}, expert {d}: {t} projection has an infinite or NaN value in its {t} ({s}, byte {d}); the checkpoint is damaged, download it again", .{ load.layer, load.expert, bad.projection, bad.part, path, bad.offset });
    }

    /// What `check` would refuse, of a guess.
    fn isSpoiled(store: *const Store, load: *const loads_room.Load, slot: u32) bool {
        const record = records.recordOf(&store.options.layers[load.layer], load.expert);
        const memory = store.loads.memory(slot);
        if (store.options.paranoid) |paranoid| if (!paranoid.matches(load.layer, load.expert, &record, memory)) return true;
        return firstBad(memory, &record) != null;
    }
};

const Bad = struct { projection: Projection, part: records.Part, file: u32, offset: u64 };

/// The first infinite or NaN scale or bias of a record in its slot.
fn firstBad(slot: []const u8, record: *const records.Record) ?Bad {
    for (record.runs, [_]Projection{ .gate, .up, .down }) |run, projection| {
        if (run.format != .affine) continue;
        for ([_]records.Part{ .scales, .biases }) |part| {
            const piece = record.piece(projection, part);
            const value = firstNonFinite(run.scale_format, slot[piece.place..][0..@intCast(piece.bytes)]) orelse continue;
            const offset = piece.offset + value * records.valueBytes(run.scale_format);
            return .{ .projection = projection, .part = part, .file = piece.file, .offset = offset };
        }
    }
    return null;
}

pub const Pass = struct {
    store: *Store,

    /// Experts that are ready: all hits first and at once, then misses as they land, each id once. Blocks until there
    /// is at least one; 0 means that all ids were yielded. A pass with more experts than slots goes on in waves:
    /// what was yielded must be released before the next call.
    pub fn next(pass: Pass, out: []Ready) Error!usize {
        const store = pass.store;
        std.debug.assert(store.active and out.len > 0);
        store.poll();
        while (true) {
            try pass.check();
            if (store.yielded_hits < store.hit_count) return pass.give(out, store.order[0..store.hit_count], &store.yielded_hits);
            if (store.yielded_landed < store.landed_count) return pass.give(out, store.landed[0..store.landed_count], &store.yielded_landed);
            if (store.yielded_hits + store.yielded_landed == store.count) return 0;
            store.issue();
            store.speculate();
            // Everything in flight arrived and was given out, and the next miss waits for a slot.
            if (store.loads.requestsOut() == 0) return store.message.fail(error.Internal, "layer {d}: expert slots are wanted that were yielded and not released", .{store.layer});
            store.collect();
        }
    }

    /// Whether `next` would give some without waiting.
    pub fn anyReady(pass: Pass) bool {
        const store = pass.store;
        return store.yielded_hits < store.hit_count or store.yielded_landed < store.landed_count;
    }

    /// Waits until nothing the pass asked for is in flight, so that all of it is given out at once: the opposite of
    /// computing the hits first, to be compared with it.
    pub fn settle(pass: Pass) Error!void {
        const store = pass.store;
        try pass.check();
        while (store.loads.demand_out > 0) {
            store.collect();
            store.issue();
            try pass.check();
        }
    }

    fn check(pass: Pass) Error!void {
        const store = pass.store;
        if (store.broken) |err| return err;
        const flag = store.options.cancelled orelse return;
        if (!flag.load(.acquire)) return;
        store.broken = error.Cancelled;
        return store.message.fail(error.Cancelled, "cancelled while experts of layer {d} were read", .{store.layer});
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
                .expert = records.expertAt(&store.options.layers[store.layer], item.expert, &store.loads.places[item.slot], store.options.slots, offset),
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
        store.poll();
    }

    /// Ends the pass: waits for its reads still in flight, not for guesses; keeps what arrived whole and unpins everything.
    pub fn end(pass: Pass) void {
        const store = pass.store;
        std.debug.assert(store.active);
        // From here on faults are nobody's: what did not arrive will be a miss again.
        if (store.broken == null) store.broken = error.Cancelled;
        while (store.loads.demand_out > 0) store.collect();
        for (store.items[0..store.count]) |*item| {
            if (item.slot == none) continue;
            switch (item.state) {
                .waiting, .failed => store.table.drop(item.slot),
                .loading => unreachable, // nothing of the pass is in flight any more
                .landed, .yielded, .released => store.table.unpin(item.slot),
            }
        }
        store.active = false;
        store.speculate();
    }
};
