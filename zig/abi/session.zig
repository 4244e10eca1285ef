//! fm_session_*: one mutable timeline of an engine. A session call enters its engine, so it is Busy while that steps.
//! Paths and blobs are the caller's and are only looked at during the call.

const types = @import("types.zig");
const context = @import("context.zig");
const CallOf = @import("call.zig").CallOf;
const refusal = @import("call.zig").refusal;

const Error = context.Error;

pub fn Calls(comptime core: type) type {
    const Call = CallOf(core);

    return struct {
        pub fn open(engine_handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(engine_handle, .engine) catch |err| return refusal(err, .engine, engine_handle);
            defer call.leave();
            return call.finish(openInto(call, null, out));
        }

        /// Opens a session with the state of a file. The file must have been saved by the same model.
        pub fn load(engine_handle: u32, path: ?*const anyopaque, path_bytes: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(engine_handle, .engine) catch |err| return refusal(err, .engine, engine_handle);
            defer call.leave();
            const file = context.path(path, path_bytes) catch |err| return badPath(call, err);
            return call.finish(openInto(call, file, out));
        }

        fn openInto(call: Call, path: ?[]const u8, out: ?*anyopaque) Error!void {
            const handle = try context.checked(u32, out);
            const session = if (path) |file| try call.engine.loadSession(file) else try call.engine.openSession();
            errdefer session.close();
            handle.* = context.table.insert(session, call.found.engine_handle) catch |err|
                return call.engine.message.fail(err, "{d} engines and sessions are open, which is the most; close some", .{context.Table.capacity});
        }

        pub fn close(handle: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            context.table.remove(handle);
            call.session().close();
            return context.ok;
        }

        /// Back to an empty context; also mends a session that broke.
        pub fn reset(handle: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            call.session().reset();
            return context.ok;
        }

        pub fn info(handle: u32, out: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            return call.give(types.SessionInfo, call.session().info(), out);
        }

        pub fn sampling(handle: u32, settings: ?*const anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            const given = context.checkedConst(types.Sampling, settings) catch |err| return call.finish(err);
            return call.finish(call.session().setSampling(given.*));
        }

        /// Writes the state and the caller's blob to a temporary name, syncs and renames.
        pub fn save(handle: u32, path: ?*const anyopaque, path_bytes: u32, user: ?*const anyopaque, user_bytes: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            const file = context.path(path, path_bytes) catch |err| return badPath(call, err);
            const blob = context.bytes(user, user_bytes) catch |err| return call.finish(err);
            return call.finish(call.session().save(file, blob));
        }

        /// The blob stored with a loaded session. Copies at most `capacity` bytes, returns the whole length.
        pub fn userBlob(handle: u32, out: ?*anyopaque, capacity: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .session) catch |err| return refusal(err, .session, handle);
            defer call.leave();
            return context.copyOut(call.session().userBlob(), out, capacity) catch |err| call.finish(err);
        }

        fn badPath(call: Call, err: Error) i32 {
            call.engine.message.set("a session file's path must be UTF-8 without NUL, neither empty nor longer than the system's limit", .{});
            return call.finish(err);
        }
    };
}
