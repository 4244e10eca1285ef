//! One entered call: finds the handle, keeps its engine to itself until `leave`, and turns the outcome into the code that
//! crosses, with its text kept for the thread and for the engine.

const context = @import("context.zig");
const handles = @import("handles.zig");

const Error = context.Error;

pub fn CallOf(comptime core: type) type {
    return struct {
        const Call = @This();

        found: context.Table.Found,
        engine: *core.Engine,

        pub fn enter(handle: u32, kind: handles.Kind) Error!Call {
            const found = try context.table.enter(handle, kind);
            const engine: *core.Engine = @ptrCast(@alignCast(found.engine));
            engine.message.clear();
            return .{ .found = found, .engine = engine };
        }

        pub fn leave(call: Call) void {
            context.table.leave(call.found.engine_handle);
        }

        pub fn session(call: Call) *core.Session {
            return @ptrCast(@alignCast(call.found.pointer));
        }

        pub fn finish(call: Call, outcome: Error!void) i32 {
            outcome catch |err| {
                const code = context.failed(err, call.engine.message.text());
                context.table.keepMessage(call.found.engine_handle, context.lastMessage());
                return code;
            };
            return context.ok;
        }

        /// A finished call whose only failure is a bad out-pointer.
        pub fn give(call: Call, comptime T: type, value: T, out: ?*anyopaque) i32 {
            const place = context.checked(T, out) catch |err| return call.finish(err);
            place.* = value;
            return context.ok;
        }
    };
}

/// Why a handle could not be entered.
pub fn refusal(err: Error, kind: handles.Kind, handle: u32) i32 {
    return switch (err) {
        error.InvalidHandle => context.refused(err, "{t} handle {d} is not open: it was closed or never existed", .{ kind, handle }),
        error.Busy => context.refused(err, "the engine is in another call; wait for it, or cancel it", .{}),
        else => context.failed(err, ""),
    };
}
