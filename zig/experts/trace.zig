//! A trace of routing and reading: a head, then one event per layer of every step with the experts it needed. Little
//! endian, as written by engine/trace_recorder.zig. Reads a whole file's bytes, which nobody trusts; allocates nothing.

const std = @import("std");
const builtin = @import("builtin");
const result = @import("../abi/result.zig");

const Error = result.Error;
const Message = result.Message;

comptime {
    std.debug.assert(builtin.cpu.arch.endian() == .little); // the structs below are the file
}

pub const magic: u64 = 0x3130_4543_4152_5446; // "FTRACE01"

pub const Head = extern struct {
    magic: u64 = magic,
    model_hash: u64,
    record_bytes: u64, // of the largest layer
    layers: u32,
    experts: u32,
    experts_per_token: u32,
    slot_count: u32,
    floor_slots: u32,
    reserved: u32 = 0,
};

/// One layer of one step; the ids of its `count` distinct experts follow, u32 each, padded to 8 bytes.
pub const Event = extern struct {
    step: u64, // since the engine opened
    begun_ns: u64, // since the trace began: the router had spoken
    ended_ns: u64, // all experts were computed
    waited_ns: u64, // of that, spent waiting for reads
    bytes: u64, // read meanwhile
    layer: u32,
    tokens: u32,
    count: u32,
    hits: u32,
    joined: u32, // misses that a guess was reading already
    reserved: u32 = 0,
};

pub fn idsBytes(count: usize) usize {
    return std.mem.alignForward(usize, count * @sizeOf(u32), 8);
}

pub const Trace = struct {
    head: Head,
    bytes: []align(8) const u8,

    pub const Item = struct { event: *const Event, ids: []const u32 };

    /// Checks everything: afterwards the iterator cannot fail. An event cut off at the end is an error.
    pub fn parse(bytes: []align(8) const u8, message: *Message) Error!Trace {
        if (bytes.len < @sizeOf(Head)) return message.fail(error.InvalidArgument, "the trace is shorter than its head", .{});
        const head: *const Head = @ptrCast(bytes.ptr);
        if (head.magic != magic) return message.fail(error.InvalidArgument, "this is no trace file of this version", .{});
        if (head.layers == 0 or head.experts == 0 or head.layers > 1 << 16 or head.experts > 1 << 20)
            return message.fail(error.InvalidArgument, "the trace is of a model with {d} layers of {d} experts", .{ head.layers, head.experts });
        const trace: Trace = .{ .head = head.*, .bytes = bytes };
        var offset: usize = @sizeOf(Head);
        while (offset < bytes.len) {
            const left = bytes.len - offset;
            const event: *const Event = @ptrCast(@alignCast(bytes.ptr + offset));
            if (left < @sizeOf(Event) or event.count > head.experts or left - @sizeOf(Event) < idsBytes(event.count) or event.layer >= head.layers)
                return message.fail(error.InvalidArgument, "the trace is damaged at byte {d}", .{offset});
            const ids: [*]const u32 = @ptrCast(@alignCast(bytes.ptr + offset + @sizeOf(Event)));
            for (ids[0..event.count], 0..) |id, i| {
                if (id >= head.experts or (i > 0 and id <= ids[i - 1]))
                    return message.fail(error.InvalidArgument, "the trace names expert {d} wrongly at byte {d}", .{ id, offset });
            }
            offset += @sizeOf(Event) + idsBytes(event.count);
        }
        return trace;
    }

    pub fn iterator(trace: *const Trace) Iterator {
        return .{ .bytes = trace.bytes };
    }

    pub const Iterator = struct {
        bytes: []align(8) const u8,
        offset: usize = @sizeOf(Head),

        pub fn next(it: *Iterator) ?Item {
            if (it.offset >= it.bytes.len) return null;
            const event: *const Event = @ptrCast(@alignCast(it.bytes.ptr + it.offset));
            const ids: [*]const u32 = @ptrCast(@alignCast(it.bytes.ptr + it.offset + @sizeOf(Event)));
            it.offset += @sizeOf(Event) + idsBytes(event.count);
            return .{ .event = event, .ids = ids[0..event.count] };
        }
    };
};
