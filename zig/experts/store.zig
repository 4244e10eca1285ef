//! The expert store: which experts lie in which slots, and how missing ones get there. It never computes.
//! The caller owns the slot buffer, the descriptions and the reader; the store owns its tables, allocated at `init`.
//! One thread (the engine's) enters.

const std = @import("std");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const io = @import("../io/reader.zig");
const record = @import("record.zig");

pub const FileInfo = @import("../io/files.zig").FileInfo;
pub const Error = result.Error;
pub const Message = result.Message;
pub const Run = record.Run;
pub const LayerExperts = record.LayerExperts;
pub const Projection = record.Projection;
pub const validate = record.validate;
pub const slotBytes = record.slotBytes;
pub const recordBytesMax = record.recordBytesMax;

pub const StoreOptions = struct {
    layers: []const LayerExperts,
    experts: u32,
    /// The files the extents point into, for checks and messages; the same order as the reader's.
    files: []const FileInfo,
    slots: *const backend.Buffer,
    slot_count: u32,
    /// A layer that holds this many slots or fewer loses none to other layers.
    floor_slots: u32,
    /// Looked at while waiting; a pass then returns `error.Cancelled`.
    cancelled: ?*const std.atomic.Value(bool) = null,
};

/// An expert that may be computed. Its slot stays as it is until it is released.
pub const Ready = struct {
    index: usize, // into the ids given to `begin`
    expert: backend.Expert,
    slot: u32,
};

pub const Counters = struct {
    hits: u64 = 0,
    misses: u64 = 0,
    /// Sum of the missed records' bytes.
    bytes: u64 = 0,
    evictions: u64 = 0,
    /// Time `next` stood still waiting for the reader.
    read_wait_ns: u64 = 0,
};

pub const Store = struct {
    /// `layers`, `files` and `slots` must outlive the store. `message` holds the text of any error, now and later.
    pub fn init(gpa: std.mem.Allocator, options: StoreOptions, reader: io.Reader, message: *Message) Error!Store {
        _ = .{ gpa, options, reader, message };
        return error.Unsupported;
    }

    pub fn deinit(store: *Store) void {
        _ = store;
    }

    /// Starts a pass over distinct experts of one layer: hits are pinned, misses are queued in the order of `ids`.
    /// One pass at a time; it must be ended with `Pass.end`, also after an error. `ids` is copied.
    pub fn begin(store: *Store, layer: u32, ids: []const u32) Error!Pass {
        _ = .{ store, layer, ids };
        return error.Unsupported;
    }

    pub fn counters(store: *const Store) Counters {
        _ = store;
        return .{};
    }
};

pub const Pass = struct {
    store: *Store,

    /// Experts that are ready: all hits first and at once, then misses as they land, each id once. Blocks until there
    /// is at least one; 0 means that all ids were yielded. When the pass has more misses than slots, experts must be
    /// released for it to go on.
    pub fn next(pass: Pass, out: []Ready) Error!usize {
        _ = .{ pass, out };
        return error.Unsupported;
    }

    /// Unpins experts that were computed, so that later misses of this pass may use their slots.
    pub fn release(pass: Pass, ready: []const Ready) void {
        _ = .{ pass, ready };
    }

    /// Ends the pass: waits for reads still in flight and unpins what was not released.
    pub fn end(pass: Pass) void {
        _ = pass;
    }
};
