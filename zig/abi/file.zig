//! fm_fill: fills a slice of a file with seeded values (synth). Needs no engine; several threads may fill different files.

const types = @import("types.zig");
const context = @import("context.zig");

pub fn Calls(comptime core: type) type {
    return struct {
        /// Writes `args.bytes` bytes; the caller keeps slices small enough to stay interruptible.
        pub fn fill(path: ?*const anyopaque, path_bytes: u32, args: ?*const anyopaque) callconv(.c) i32 {
            const file = context.path(path, path_bytes) catch |err|
                return context.refused(err, "a path must be UTF-8 without NUL, neither empty nor longer than the system's limit", .{});
            const given = context.checkedConst(types.FillArgs, args) catch |err|
                return context.refused(err, "the arguments are missing or not aligned", .{});
            var message: context.Message = .{};
            core.fill(file, given, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }
    };
}
