//! fm_trace_*: scoring cache policies on a recorded trace, and writing it for a timeline viewer. Need no engine.

const types = @import("types.zig");
const context = @import("context.zig");

const Error = context.Error;
const Message = context.Message;

pub fn Calls(comptime core: type) type {
    return struct {
        /// Hits of one policy at one size. Takes as long as the trace is: some tens of milliseconds for a million experts.
        pub fn replay(path: ?*const anyopaque, path_bytes: u32, args: ?*const anyopaque, out: ?*anyopaque) callconv(.c) i32 {
            var message: Message = .{};
            replayInto(path, path_bytes, args, out, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }

        fn replayInto(path: ?*const anyopaque, path_bytes: u32, args: ?*const anyopaque, out: ?*anyopaque, message: *Message) Error!void {
            const file = try pathOf(path, path_bytes, message);
            const given = try context.checkedConst(types.ReplayArgs, args);
            const score = try context.checked(types.ReplayScore, out);
            try core.replayTrace(context.gpa, file, given, score, message);
        }

        /// Writes the trace as Trace Event JSON.
        pub fn exportTo(path: ?*const anyopaque, path_bytes: u32, target: ?*const anyopaque, target_bytes: u32) callconv(.c) i32 {
            var message: Message = .{};
            exportInto(path, path_bytes, target, target_bytes, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }

        fn exportInto(path: ?*const anyopaque, path_bytes: u32, target: ?*const anyopaque, target_bytes: u32, message: *Message) Error!void {
            const file = try pathOf(path, path_bytes, message);
            const to = try pathOf(target, target_bytes, message);
            try core.exportTrace(context.gpa, file, to, message);
        }

        fn pathOf(path: ?*const anyopaque, path_bytes: u32, message: *Message) Error![]const u8 {
            return context.path(path, path_bytes) catch |err|
                message.fail(err, "a path must be UTF-8 without NUL, neither empty nor longer than the system's limit", .{});
        }
    };
}
