//! The handle table: generational u32 handles for engines and their sessions, so that a closed handle is an error and
//! never memory. Owns nothing behind the pointers. Any thread may enter; a mutex guards the table, and each engine is
//! in at most one call at a time (`enter`/`leave`), which covers its sessions too.

const std = @import("std");
const result = @import("result.zig");
const Error = result.Error;
const Message = result.Message;

pub const Kind = enum { engine, session };

/// `index_bits` of a handle say where, the rest is the generation, which starts at 1 and ends before its maximum:
/// 0 and 0xffff_ffff are never handles, and a slot whose generations are used up is retired instead of repeating one.
pub fn HandleTable(comptime index_bits: u5) type {
    return struct {
        const Table = @This();
        pub const capacity = 1 << index_bits;
        const generation_end = (1 << (32 - @as(u6, index_bits))) - 1;

        const Entry = struct {
            generation: u32 = 1,
            pointer: ?*anyopaque = null,
            kind: Kind = .engine,
            /// Index of the engine; its own for an engine.
            owner: u32 = 0,
            /// Only meaningful in an engine's entry: a call is inside.
            entered: bool = false,
        };

        mutex: std.c.pthread_mutex_t = std.c.PTHREAD_MUTEX_INITIALIZER,
        entries: [capacity]Entry = @splat(.{}),
        /// Where the next search for a free entry starts: round robin, so that generations age evenly.
        next: u32 = 0,
        open: u32 = 0,
        /// The last error of each engine, apart from the entries: its pages stay untouched until something fails.
        messages: [capacity]Message = @splat(.{}),

        pub const Found = struct { pointer: *anyopaque, engine: *anyopaque, engine_handle: u32 };

        pub fn lock(table: *Table) void {
            std.debug.assert(std.c.pthread_mutex_lock(&table.mutex) == .SUCCESS);
        }

        pub fn unlock(table: *Table) void {
            std.debug.assert(std.c.pthread_mutex_unlock(&table.mutex) == .SUCCESS);
        }

        /// `engine` is null for an engine and the owning engine's handle for a session.
        pub fn insert(table: *Table, pointer: *anyopaque, engine: ?u32) Error!u32 {
            table.lock();
            defer table.unlock();
            const owner = if (engine) |handle| try table.find(handle, .engine) else null;
            for (0..capacity) |step| {
                const index: u32 = @intCast((table.next + step) % capacity);
                const entry = &table.entries[index];
                if (entry.pointer != null or entry.generation == generation_end) continue;
                entry.* = .{
                    .generation = entry.generation,
                    .pointer = pointer,
                    .kind = if (owner == null) .engine else .session,
                    .owner = owner orelse index,
                };
                if (owner == null) table.messages[index].clear();
                table.next = (index + 1) % capacity;
                table.open += 1;
                return entry.generation << index_bits | index;
            }
            return error.Busy;
        }

        /// Begins a call on the handle's engine. Fails with Busy while another call is inside.
        pub fn enter(table: *Table, handle: u32, kind: Kind) Error!Found {
            table.lock();
            defer table.unlock();
            const entry = &table.entries[try table.find(handle, kind)];
            const engine = &table.entries[entry.owner];
            if (engine.entered) return error.Busy;
            engine.entered = true;
            return .{
                .pointer = entry.pointer.?,
                .engine = engine.pointer.?,
                .engine_handle = engine.generation << index_bits | entry.owner,
            };
        }

        pub fn leave(table: *Table, engine_handle: u32) void {
            table.lock();
            defer table.unlock();
            // An engine that was closed in this call is gone.
            const index = table.find(engine_handle, .engine) catch return;
            std.debug.assert(table.entries[index].entered);
            table.entries[index].entered = false;
        }

        /// Keeps the text of a failed call for whoever asks by handle.
        pub fn keepMessage(table: *Table, engine_handle: u32, text: []const u8) void {
            table.lock();
            defer table.unlock();
            table.messages[table.find(engine_handle, .engine) catch return].set("{s}", .{text});
        }

        /// Copies the last error of the handle's engine.
        pub fn messageOf(table: *Table, handle: u32) Error!Message {
            table.lock();
            defer table.unlock();
            const index = table.find(handle, .engine) catch try table.find(handle, .session);
            return table.messages[table.entries[index].owner];
        }

        /// The pointer without entering, for what any thread may do at any time; the caller holds the lock.
        pub fn peek(table: *Table, handle: u32, kind: Kind) Error!*anyopaque {
            return table.entries[try table.find(handle, kind)].pointer.?;
        }

        /// Forgets a handle. The engine has been entered by the caller; removing an engine ends that call.
        pub fn remove(table: *Table, handle: u32) void {
            table.lock();
            defer table.unlock();
            const entry = &table.entries[handle & (capacity - 1)];
            std.debug.assert(entry.pointer != null and entry.generation == handle >> index_bits);
            entry.* = .{ .generation = entry.generation + 1 };
            table.open -= 1;
        }

        /// Takes one session of the engine out of the table; null when it has none left.
        pub fn takeSession(table: *Table, engine_handle: u32) ?*anyopaque {
            table.lock();
            defer table.unlock();
            const owner = engine_handle & (capacity - 1);
            for (&table.entries) |*entry| {
                const pointer = entry.pointer orelse continue;
                if (entry.kind != .session or entry.owner != owner) continue;
                entry.* = .{ .generation = entry.generation + 1 };
                table.open -= 1;
                return pointer;
            }
            return null;
        }

        /// The session behind a handle if it belongs to this engine, which the caller has entered.
        pub fn sessionOf(table: *Table, engine_handle: u32, handle: u32) ?*anyopaque {
            table.lock();
            defer table.unlock();
            const entry = &table.entries[table.find(handle, .session) catch return null];
            return if (entry.owner == engine_handle & (capacity - 1)) entry.pointer else null;
        }

        pub fn count(table: *Table) u32 {
            table.lock();
            defer table.unlock();
            return table.open;
        }

        fn find(table: *Table, handle: u32, kind: Kind) Error!u32 {
            const index = handle & (capacity - 1);
            const entry = &table.entries[index];
            if (entry.pointer == null or entry.generation != handle >> index_bits or entry.kind != kind)
                return error.InvalidHandle;
            return index;
        }
    };
}
