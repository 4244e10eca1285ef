//! Guesses about the experts of layers to come: a bounded queue of reads not yet issued, and the slots that guesses hold
//! or want kept. A guess lives until its layer begins. Owns its tables, allocated once; never reads itself. One thread enters.

const std = @import("std");
const SlotTable = @import("slots.zig").SlotTable;

pub const Options = struct {
    /// Records that guesses may have in flight at once, those that wait in the reader included.
    records_max: u32 = 32,
    /// Experts of one layer that a call may ask to be read.
    per_layer_max: u32 = 16,
};

pub const Guess = struct { layer: u32, expert: u32 };

/// Layers ahead of the current one whose guesses can wait at the same time.
const layers_ahead = 2;

pub const Speculation = struct {
    gpa: std.mem.Allocator,
    options: Options,
    queue: []Guess,
    queued: usize = 0,
    /// Slots marked as wanted, those whose guessed reads are in flight included.
    wanted: []u32, // [slots]
    wanted_count: usize = 0,

    pub fn init(gpa: std.mem.Allocator, options: Options, slot_count: u32) error{OutOfMemory}!Speculation {
        const queue = try gpa.alloc(Guess, @as(usize, options.per_layer_max) * layers_ahead);
        errdefer gpa.free(queue);
        return .{ .gpa = gpa, .options = options, .queue = queue, .wanted = try gpa.alloc(u32, slot_count) };
    }

    pub fn deinit(speculation: *Speculation) void {
        speculation.gpa.free(speculation.queue);
        speculation.gpa.free(speculation.wanted);
        speculation.* = undefined;
    }

    pub fn tableBytes(options: Options, slot_count: u32) usize {
        return @as(usize, options.per_layer_max) * layers_ahead * @sizeOf(Guess) + @as(usize, slot_count) * @sizeOf(u32);
    }

    /// Keeps what is resident of `ids` (likeliest first) and queues the rest of the first `reads`, as far as the caps
    /// allow. Of earlier guesses for the layer those stay that were given to the reader.
    pub fn guess(speculation: *Speculation, table: *SlotTable, layer: u32, ids: []const u32, reads: usize) void {
        speculation.dropQueued(layer);
        var asked: u32 = 0;
        for (ids, 0..) |expert, i| {
            if (table.lookup(layer, expert)) |slot| {
                speculation.keep(table, slot);
                continue;
            }
            if (i >= reads or asked == speculation.options.per_layer_max or speculation.queued == speculation.queue.len) continue;
            if (speculation.isQueued(layer, expert)) continue;
            speculation.queue[speculation.queued] = .{ .layer = layer, .expert = expert };
            speculation.queued += 1;
            asked += 1;
        }
    }

    /// Marks a slot as wanted until its layer begins.
    pub fn keep(speculation: *Speculation, table: *SlotTable, slot: u32) void {
        if (speculation.indexOf(slot) != null) return;
        table.want(slot, true);
        speculation.wanted[speculation.wanted_count] = slot;
        speculation.wanted_count += 1;
    }

    pub fn next(speculation: *const Speculation) ?Guess {
        return if (speculation.queued == 0) null else speculation.queue[0];
    }

    pub fn pop(speculation: *Speculation) void {
        speculation.remove(0);
    }

    /// The layer begins: its queued guesses are void, its slots are no longer wanted.
    pub fn expire(speculation: *Speculation, table: *SlotTable, layer: u32) void {
        speculation.dropQueued(layer);
        var kept: usize = 0;
        for (speculation.wanted[0..speculation.wanted_count]) |slot| {
            if (table.entries[slot].layer == layer) {
                table.want(slot, false);
            } else {
                speculation.wanted[kept] = slot;
                kept += 1;
            }
        }
        speculation.wanted_count = kept;
    }

    /// The slot gets another expert, or none.
    pub fn forget(speculation: *Speculation, table: *SlotTable, slot: u32) void {
        const index = speculation.indexOf(slot) orelse return;
        table.want(slot, false);
        speculation.wanted_count -= 1;
        speculation.wanted[index] = speculation.wanted[speculation.wanted_count];
    }

    fn indexOf(speculation: *const Speculation, slot: u32) ?usize {
        return std.mem.indexOfScalar(u32, speculation.wanted[0..speculation.wanted_count], slot);
    }

    fn dropQueued(speculation: *Speculation, layer: u32) void {
        var i: usize = 0;
        while (i < speculation.queued) {
            if (speculation.queue[i].layer == layer) speculation.remove(i) else i += 1;
        }
    }

    fn isQueued(speculation: *const Speculation, layer: u32, expert: u32) bool {
        for (speculation.queue[0..speculation.queued]) |other| {
            if (other.layer == layer and other.expert == expert) return true;
        }
        return false;
    }

    fn remove(speculation: *Speculation, index: usize) void {
        std.mem.copyForwards(Guess, speculation.queue[index .. speculation.queued - 1], speculation.queue[index + 1 .. speculation.queued]);
        speculation.queued -= 1;
    }
};
