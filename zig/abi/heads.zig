//! fm_heads_*: small networks of an engine that guess the experts of a layer early: training, saving, loading.
//! Expected of `core.Engine`: `loadHeads` and `saveHeads` of a path, `trainHeads(*HeadsTraining)`, all `Error!void`, and
//! `headFigures() []const HeadFigures`.

const std = @import("std");
const types = @import("types.zig");
const context = @import("context.zig");
const CallOf = @import("call.zig").CallOf;
const refusal = @import("call.zig").refusal;

pub fn Calls(comptime core: type) type {
    const Call = CallOf(core);

    return struct {
        /// Guesses with a file's heads from now on.
        pub fn load(handle: u32, path: ?*const anyopaque, path_bytes: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            const file = pathOf(call, path, path_bytes) catch |err| return call.finish(err);
            return call.finish(call.engine.loadHeads(file));
        }

        /// A slice of training; repeated until `done`.
        pub fn train(handle: u32, args: ?*anyopaque) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            const given = context.checked(types.HeadsTraining, args) catch |err| return call.finish(err);
            return call.finish(call.engine.trainHeads(given));
        }

        /// Writes what was trained.
        pub fn save(handle: u32, path: ?*const anyopaque, path_bytes: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            const file = pathOf(call, path, path_bytes) catch |err| return call.finish(err);
            return call.finish(call.engine.saveHeads(file));
        }

        /// HeadFigures of every layer. Copies at most `capacity` bytes, returns the whole length.
        pub fn figures(handle: u32, out: ?*anyopaque, capacity: u32) callconv(.c) i32 {
            const call = Call.enter(handle, .engine) catch |err| return refusal(err, .engine, handle);
            defer call.leave();
            const bytes = std.mem.sliceAsBytes(call.engine.headFigures());
            return context.copyOut(bytes, out, capacity) catch |err| call.finish(err);
        }

        fn pathOf(call: Call, path: ?*const anyopaque, path_bytes: u32) context.Error![]const u8 {
            return context.path(path, path_bytes) catch |err|
                call.engine.message.fail(err, "a path must be UTF-8 without NUL, neither empty nor longer than the system's limit", .{});
        }
    };
}
