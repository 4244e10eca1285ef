//! fm_plan and fm_engine_*: opening, loading, stepping and closing engines. Buffers belong to the caller and are only
//! looked at during the call. One call per engine at a time (else Busy); `cancel` and `progress` may come from any
//! thread at any time.
//!
//! Generic over `core`, the engine room, so that the boundary's own tests run over a model of an engine. Expected of it:
//!
//!   pub fn planOnly(gpa: Allocator, desc: []align(8) const u8, options: abi.EngineOptions, message: *Message) Error!abi.Plan
//!   pub const Engine = struct {
//!       /// Text of the last error of this engine and its sessions. The boundary clears it before every call.
//!       message: Message,
//!       /// Copies what it needs of `desc`, which is 8-byte aligned. On error nothing stays allocated.
//!       pub fn open(gpa: Allocator, desc: []align(8) const u8, options: abi.EngineOptions, message: *Message) Error!*Engine
//!       /// A bounded slice of reading the dense part (tens of milliseconds); called again until progress.done is 1.
//!       pub fn load(*Engine, *abi.LoadProgress) Error!void
//!       pub fn plan(*Engine) abi.Plan
//!       pub fn stats(*Engine) abi.Stats
//!       /// Starts recording into a file; an empty path ends it.
//!       pub fn trace(*Engine, path: []const u8) Error!void
//!       /// Any thread, even while the engine steps: one atomic store. The running step or load returns Cancelled soon.
//!       /// When none runs, the next one returns Cancelled at its entry, having touched no session. Either way the
//!       /// call that returned Cancelled consumed the request.
//!       pub fn cancel(*Engine) void
//!       /// Any thread, even while the engine steps; waits for nothing.
//!       pub fn stepProgress(*const Engine) abi.StepProgress
//!       pub fn openSession(*Engine) Error!*Session
//!       pub fn loadSession(*Engine, path: []const u8) Error!*Session
//!       /// The arena is untrusted: every offset and count in it is checked. StepItem[count] stands at its start.
//!       pub fn step(*Engine, arena: []align(8) u8, count: u32, sessions: SessionResolver) Error!void  // resolver.zig
//!       /// Joins threads, closes files, frees everything. The boundary has closed the engine's sessions before.
//!       pub fn close(*Engine) void
//!   };
//!   pub const Session = struct {
//!       pub fn close(*Session) void
//!       pub fn reset(*Session) void                                    // also mends a broken session
//!       pub fn info(*Session) abi.SessionInfo
//!       pub fn setSampling(*Session, abi.Sampling) Error!void
//!       pub fn save(*Session, path: []const u8, user: []const u8) Error!void
//!       pub fn userBlob(*Session) []const u8                           // of the file it was loaded from, else empty
//!   };

const types = @import("types.zig");
const context = @import("context.zig");
const CallOf = @import("call.zig").CallOf;
const refusal = @import("call.zig").refusal;

const Error = context.Error;
const Message = context.Message;
const desc_alignment = 8;

pub fn Calls(comptime core: type) type {
    const Engine = core.Engine;
    const Call = CallOf(core);

    return struct {
        /// What `open` would need with these options; reads no tensor.
        pub fn plan(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, out: ?*anyopaque) callconv(.c) i32 {
            var message: Message = .{};
            planInto(desc, desc_bytes, options, out, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }

        fn planInto(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, out: ?*anyopaque, message: *Message) Error!void {
            const description = try descriptionOf(desc, desc_bytes, message);
            const settings = (try checkedOptions(options, message)).*;
            const result = try context.checked(types.Plan, out);
            result.* = try core.planOnly(context.gpa, description, settings, message);
        }

        /// Opens an engine that holds memory but no weights yet: `load` follows.
        pub fn open(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, out: ?*anyopaque) callconv(.c) i32 {
            var message: Message = .{};
            openInto(desc, desc_bytes, options, out, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }

        fn openInto(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, out: ?*anyopaque, message: *Message) Error!void {
            const description = try descriptionOf(desc, desc_bytes, message);
            const settings = (try checkedOptions(options, message)).*;
            const handle = try context.checked(u32, out);
            const engine = try Engine.open(context.gpa, description, settings, message);
            errdefer engine.close();
            handle.* = context.table.insert(engine, null) catch |err|
                return message.fail(err, "{d} engines and sessions are open, which is the most; close some", .{context.Table.capacity});
        }

        /// Reads a bounded slice of the dense part; repeated until `progress.done`.
        pub fn load(handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            const progress = context.checked(types.LoadProgress, out) catch |err| return call.finish(err);
            return call.finish(call.engine.load(progress));
        }

        pub fn planOf(handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            return call.give(types.Plan, call.engine.plan(), out);
        }

        pub fn stats(handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            return call.give(types.Stats, call.engine.stats(), out);
        }

        /// Records every step's routing and reading into a file; without a path, ends that.
        pub fn trace(handle: u32, path: ?*const anyopaque, path_bytes: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            if (path_bytes == 0) return call.finish(call.engine.trace(&.{}));
            const file = context.path(path, path_bytes) catch |err| {
                call.engine.message.set("a trace's path must be UTF-8 without NUL, not longer than the system's limit", .{});
                return call.finish(err);
            };
            return call.finish(call.engine.trace(file));
        }

        /// Any thread, also while the engine is in another call. Under the table's lock: it cannot be closed meanwhile.
        pub fn cancel(handle: u32) callconv(.c) i32 {
            context.table.lock();
            defer context.table.unlock();
            const pointer = context.table.peek(handle, .engine) catch |err| return refusal(err, .engine, handle);
            const engine: *Engine = @ptrCast(@alignCast(pointer));
            engine.cancel();
            return context.ok;
        }

        /// How far the running step is. Any thread, as `cancel`.
        pub fn progressOf(handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const place = context.checked(types.StepProgress, out) catch |err|
                return context.refused(err, "the place for a step's progress is missing or not aligned", .{});
            context.table.lock();
            defer context.table.unlock();
            const pointer = context.table.peek(handle, .engine) catch |err| return refusal(err, .engine, handle);
            const engine: *const Engine = @ptrCast(@alignCast(pointer));
            place.* = engine.stepProgress();
            return context.ok;
        }

        /// Closes the engine's sessions, then the engine. Busy while a call is inside: cancel that first.
        pub fn close(handle: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            while (context.table.takeSession(handle)) |pointer| {
                const session: *core.Session = @ptrCast(@alignCast(pointer));
                session.close();
            }
            context.table.remove(handle); // nobody can find it from here on
            call.engine.close();
            return context.ok;
        }

        /// One forward pass over a ragged batch described by the arena; see StepItem.
        pub fn step(handle: u32, arena: ?*anyopaque, arena_bytes: u32, item_count: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            return call.finish(stepArena(call, arena, arena_bytes, item_count));
        }

        fn stepArena(call: Call, arena: ?*anyopaque, arena_bytes: u32, item_count: u32) Error!void {
            const items_bytes = @as(u64, item_count) * @sizeOf(types.StepItem);
            if (item_count == 0 or items_bytes > arena_bytes)
                return call.engine.message.fail(error.InvalidArgument, "a step of {d} items does not fit its arena of {d} bytes", .{ item_count, arena_bytes });
            const first: [*]align(desc_alignment) u8 = @ptrCast(try context.checked(u64, arena));
            try call.engine.step(first[0..arena_bytes], item_count, .{ .context = &call.found.engine_handle, .find = findSession });
        }

        fn findSession(pointer: *const anyopaque, handle: u32) ?*anyopaque {
            const engine_handle: *const u32 = @ptrCast(@alignCast(pointer));
            return context.table.sessionOf(engine_handle.*, handle);
        }
    };
}

pub fn descriptionOf(pointer: ?*const anyopaque, length: u32, message: *Message) Error![]align(desc_alignment) const u8 {
    if (length < @sizeOf(types.ModelDesc))
        return message.fail(error.InvalidArgument, "a model description has at least {d} bytes, not {d}", .{ @sizeOf(types.ModelDesc), length });
    const first = context.checkedConst(u64, pointer) catch |err|
        return message.fail(err, "the model description is missing or not aligned to {d} bytes", .{desc_alignment});
    const data: [*]align(desc_alignment) const u8 = @ptrCast(first);
    return data[0..length];
}

pub fn checkedOptions(pointer: ?*const anyopaque, message: *Message) Error!*const types.EngineOptions {
    return context.checkedConst(types.EngineOptions, pointer) catch |err|
        message.fail(err, "the engine options are missing or not aligned", .{});
}
