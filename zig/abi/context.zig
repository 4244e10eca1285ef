//! What all calls of the boundary share: the handle table, the last error of each thread, argument checks, and the one
//! place where an error becomes a `Result`. Process-wide state; any thread may enter.

const std = @import("std");
const result = @import("result.zig");
const handles = @import("handles.zig");

pub const Error = result.Error;
pub const Message = result.Message;

/// 1,024 engines and sessions at once.
pub const Table = handles.HandleTable(10);
pub var table: Table = .{};

/// The engines and their records live here; model-sized memory is mapped by the engine itself.
pub const gpa = std.heap.c_allocator;

threadlocal var last: Message = .{};

/// Text of this thread's last failed call.
pub fn lastMessage() []const u8 {
    return last.text();
}

/// Ends a call that failed: remembers the text for this thread and returns the code that crosses.
pub fn failed(err: Error, text: []const u8) i32 {
    const code = result.toResult(err);
    if (text.len != 0) last.set("{s}", .{text}) else last.set("{s}", .{result.defaultText(code)});
    return @intFromEnum(code);
}

/// As `failed`, with text written here.
pub fn refused(err: Error, comptime format: []const u8, args: anytype) i32 {
    last.set(format, args);
    return @intFromEnum(result.toResult(err));
}

pub const ok: i32 = @intFromEnum(result.Result.ok);

/// A pointer from outside, checked for null and alignment before it is believed.
pub fn checked(comptime T: type, pointer: ?*anyopaque) Error!*T {
    const address = @intFromPtr(pointer orelse return error.InvalidArgument);
    if (address % @alignOf(T) != 0) return error.InvalidArgument;
    return @ptrFromInt(address);
}

pub fn checkedConst(comptime T: type, pointer: ?*const anyopaque) Error!*const T {
    return checked(T, @constCast(pointer));
}

/// Bytes from outside. No bytes need no pointer.
pub fn bytes(pointer: ?*const anyopaque, length: u32) Error![]const u8 {
    if (length == 0) return &.{};
    const first: [*]const u8 = @ptrCast(pointer orelse return error.InvalidArgument);
    return first[0..length];
}

/// A path from outside: present, bounded, UTF-8, without a NUL that would cut it for the system.
pub fn path(pointer: ?*const anyopaque, length: u32) Error![]const u8 {
    const text = try bytes(pointer, length);
    if (text.len == 0 or text.len >= std.c.PATH_MAX) return error.InvalidArgument;
    if (std.mem.indexOfScalar(u8, text, 0) != null) return error.InvalidArgument;
    if (!std.unicode.utf8ValidateSlice(text)) return error.InvalidArgument;
    return text;
}

/// Copies what fits and returns the whole length, so that the caller can tell when its buffer was too small.
pub fn copyOut(text: []const u8, out: ?*anyopaque, capacity: u32) Error!i32 {
    if (text.len > std.math.maxInt(i32)) return error.Internal;
    const n = @min(text.len, capacity);
    if (n != 0) {
        const first: [*]u8 = @ptrCast(out orelse return error.InvalidArgument);
        @memcpy(first[0..n], text[0..n]);
    }
    return @intCast(text.len);
}
