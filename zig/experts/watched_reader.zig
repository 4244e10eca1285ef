//! For tests: a reader that watches what the store asks of another one. It knows which expert every request belongs to and
//! fails the test where a destination is in use, or where a guess is read before something demanded. Owns its tables.

const std = @import("std");
const reader = @import("../io/reader.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const records = @import("record.zig");

pub const Watched = struct {
    gpa: std.mem.Allocator,
    inner: reader.Reader,
    slots: []u8,
    slot_bytes: usize,
    owners: std.AutoHashMapUnmanaged(Place, Owner),
    in_flight: std.AutoHashMapUnmanaged(u64, Flight) = .empty, // by tag
    loads: std.AutoHashMapUnmanaged(usize, Load) = .empty, // by slot
    /// Slots whose experts the driver is looking at: nothing may be read into them.
    held: []bool,
    /// What the open pass asks for and has neither found resident nor submitted, by expert; empty between passes.
    layer: u32 = 0,
    awaited: std.AutoHashMapUnmanaged(u32, void) = .empty,
    /// All that the open pass, or the last one, asks for, by expert.
    demanded: std.AutoHashMapUnmanaged(u32, void) = .empty,
    submitted: u64 = 0,
    completed: u64 = 0,
    /// Bytes of records of which every range arrived whole.
    whole_bytes: u64 = 0,
    speculative_records: u64 = 0,
    /// Records that were taken back, and times that any were raised.
    cancelled: u64 = 0,
    raised: u64 = 0,
    violation: ?[]const u8 = null,

    const Flight = struct { destination: usize, bytes: usize, owner: Owner };
    const Load = struct { ranges_left: usize, bytes: u64, ok: bool = true };

    pub fn init(gpa: std.mem.Allocator, inner: reader.Reader, model: *const FakeModel, slots: []u8, slot_bytes: usize) !Watched {
        var owners: std.AutoHashMapUnmanaged(Place, Owner) = .empty;
        errdefer owners.deinit(gpa);
        for (model.layers, 0..) |*layer, l| for (0..model.experts) |expert| {
            const record = records.recordOf(layer, @intCast(expert));
            const first = record.ranges[0];
            const entry = try owners.getOrPut(gpa, .{ .file = first.file, .offset = first.offset, .needed = first.needed });
            std.debug.assert(!entry.found_existing);
            entry.value_ptr.* = .{ .layer = @intCast(l), .expert = @intCast(expert), .bytes = record.bytes, .ranges = record.range_count };
        };
        const held = try gpa.alloc(bool, slots.len / slot_bytes);
        @memset(held, false);
        return .{ .gpa = gpa, .inner = inner, .slots = slots, .slot_bytes = slot_bytes, .owners = owners, .held = held };
    }

    pub fn deinit(watched: *Watched) void {
        watched.owners.deinit(watched.gpa);
        watched.loads.deinit(watched.gpa);
        watched.in_flight.deinit(watched.gpa);
        watched.awaited.deinit(watched.gpa);
        watched.demanded.deinit(watched.gpa);
        watched.gpa.free(watched.held);
    }

    pub fn asReader(watched: *Watched) reader.Reader {
        return .{ .context = watched, .vtable = &vtable, .capacity = watched.inner.capacity };
    }

    const vtable: reader.Reader.VTable = .{
        .submit = vtableSubmit,
        .wait = vtableWait,
        .poll = vtablePoll,
        .raise = vtableRaise,
        .cancel = vtableCancel,
        .counters = vtableCounters,
        .deinit = vtableDeinit,
    };

    fn require(watched: *Watched, holds: bool, rule: []const u8) void {
        if (!holds and watched.violation == null) watched.violation = rule;
    }

    fn vtableSubmit(context: *anyopaque, requests: []const reader.Request) void {
        const watched: *Watched = @ptrCast(@alignCast(context));
        watched.require(requests.len > 0, "a submission has requests");
        watched.require(watched.in_flight.count() + requests.len <= watched.inner.capacity, "the reader's capacity is kept");
        const owner = watched.ownerOf(&requests[0]);
        watched.require(owner.ranges == requests.len, "a record is submitted whole");
        const slot = (@intFromPtr(requests[0].destination) - @intFromPtr(watched.slots.ptr)) / watched.slot_bytes;
        watched.require(!watched.loads.contains(slot), "a slot has one load at a time");
        watched.loads.put(watched.gpa, slot, .{ .ranges_left = requests.len, .bytes = owner.bytes }) catch unreachable;
        for (requests) |*request| watched.submitOne(request, owner);
        if (owner.layer == watched.layer and watched.awaited.remove(owner.expert)) {
            // Demanded.
        } else {
            watched.speculative_records += 1;
            watched.require(watched.awaited.count() == 0, "a guess is read only when everything demanded was submitted");
        }
        watched.inner.submit(requests);
    }

    fn submitOne(watched: *Watched, request: *const reader.Request, owner: Owner) void {
        const start = @intFromPtr(request.destination) - @intFromPtr(watched.slots.ptr);
        const bytes: usize = @intCast(request.bytes);
        watched.require(start + bytes <= watched.slots.len, "destinations lie in the slots");
        watched.require(start / watched.slot_bytes == (start + bytes - 1) / watched.slot_bytes, "a request stays in one slot");
        watched.require(!watched.held[start / watched.slot_bytes], "nothing is read into a slot that was given out");
        var others = watched.in_flight.valueIterator();
        while (others.next()) |other| {
            const apart = start + bytes <= other.destination or other.destination + other.bytes <= start;
            watched.require(apart, "two reads never share memory");
            const same_slot = start / watched.slot_bytes == other.destination / watched.slot_bytes;
            const same_expert = owner.layer == other.owner.layer and owner.expert == other.owner.expert;
            watched.require(same_slot == same_expert, "an expert is read into one slot, once at a time");
        }
        watched.in_flight.put(watched.gpa, request.tag, .{ .destination = start, .bytes = bytes, .owner = owner }) catch unreachable;
        watched.submitted += 1;
    }

    const Owner = struct { layer: u32 = 0, expert: u32 = 0, bytes: u64 = 0, ranges: usize = 1 };

    /// Where an expert's first range lies and ends; no other expert's ends there.
    const Place = struct { file: u32, offset: u64, needed: u64 };

    fn ownerOf(watched: *Watched, request: *const reader.Request) Owner {
        const place: Place = .{ .file = request.file, .offset = request.offset, .needed = request.needed };
        const owner = watched.owners.get(place);
        watched.require(owner != null, "every request belongs to an expert");
        return owner orelse .{};
    }

    fn note(watched: *Watched, completions: []const reader.Completion) void {
        for (completions) |completion| {
            watched.completed += 1;
            const entry = watched.in_flight.fetchRemove(completion.tag) orelse
                return watched.require(false, "every completion was asked for");
            const slot = entry.value.destination / watched.slot_bytes;
            const load = watched.loads.getPtr(slot).?;
            load.ranges_left -= 1;
            load.ok = load.ok and completion.result == .ok;
            if (load.ranges_left > 0) continue;
            if (load.ok) watched.whole_bytes += load.bytes;
            _ = watched.loads.remove(slot);
        }
    }

    fn vtableWait(context: *anyopaque, out: []reader.Completion) usize {
        const watched: *Watched = @ptrCast(@alignCast(context));
        const count = watched.inner.wait(out);
        watched.note(out[0..count]);
        return count;
    }

    fn vtablePoll(context: *anyopaque, out: []reader.Completion) usize {
        const watched: *Watched = @ptrCast(@alignCast(context));
        const count = watched.inner.poll(out);
        watched.note(out[0..count]);
        return count;
    }

    fn vtableRaise(context: *anyopaque, tags: []const u64) void {
        const watched: *Watched = @ptrCast(@alignCast(context));
        watched.raised += 1;
        watched.inner.raise(tags);
    }

    fn vtableCancel(context: *anyopaque, tags: []const u64) bool {
        const watched: *Watched = @ptrCast(@alignCast(context));
        for (tags) |tag| {
            const flight = watched.in_flight.get(tag) orelse return watched.refuse("only what is in flight is cancelled");
            const needed = flight.owner.layer == watched.layer and watched.demanded.contains(flight.owner.expert);
            watched.require(!needed, "nothing demanded is cancelled");
        }
        if (!watched.inner.cancel(tags)) return false;
        const first = watched.in_flight.get(tags[0]).?;
        const slot = first.destination / watched.slot_bytes;
        watched.require(watched.loads.get(slot).?.ranges_left == tags.len, "a record is cancelled whole");
        for (tags) |tag| _ = watched.in_flight.remove(tag);
        _ = watched.loads.remove(slot);
        watched.submitted -= tags.len;
        watched.cancelled += 1;
        return true;
    }

    fn refuse(watched: *Watched, rule: []const u8) bool {
        watched.require(false, rule);
        return false;
    }

    fn vtableCounters(context: *anyopaque) reader.Counters {
        const watched: *Watched = @ptrCast(@alignCast(context));
        return watched.inner.counters();
    }

    fn vtableDeinit(_: *anyopaque) void {}
};
