//! fm_fill and fm_pack: slices of files that synth and pack write and verify reads. They need no engine; several threads
//! may write different files.

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

        /// Does what the slice asks for and writes the results into it; the caller keeps slices small enough to stay
        /// interruptible.
        pub fn pack(slice: ?*anyopaque, bytes: u32) callconv(.c) i32 {
            const first = context.checked(u64, slice) catch |err|
                return context.refused(err, "the pack slice is missing or not aligned to 8 bytes", .{});
            const data: [*]align(8) u8 = @ptrCast(first);
            var message: context.Message = .{};
            core.pack(data[0..bytes], &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }
    };
}
