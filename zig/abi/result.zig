//! Errors of the native core and their text. Every fallible function of every room returns `Error`; the boundary
//! turns it into `Result`. The text travels beside it in a `Message`, plain memory owned by whoever holds it.

const std = @import("std");
const types = @import("types.zig");

pub const Result = types.Result;

/// One error per negative `Result`.
pub const Error = error{
    InvalidArgument,
    InvalidHandle,
    OutOfMemory,
    ModelInvalid,
    MemoryTooSmall,
    IoFailed,
    Cancelled,
    ContextFull,
    SessionBroken,
    Unsupported,
    SessionFileInvalid,
    Busy,
    Internal,
};

pub fn toResult(err: Error) Result {
    return switch (err) {
        error.InvalidArgument => .invalid_argument,
        error.InvalidHandle => .invalid_handle,
        error.OutOfMemory => .out_of_memory,
        error.ModelInvalid => .model_invalid,
        error.MemoryTooSmall => .memory_too_small,
        error.IoFailed => .io_failed,
        error.Cancelled => .cancelled,
        error.ContextFull => .context_full,
        error.SessionBroken => .session_broken,
        error.Unsupported => .unsupported,
        error.SessionFileInvalid => .session_file_invalid,
        error.Busy => .busy,
        error.Internal => .internal,
    };
}

/// What is said when the failing code set no text of its own.
pub fn defaultText(result: Result) []const u8 {
    return switch (result) {
        .ok => "",
        .invalid_argument => "an argument is out of range",
        .invalid_handle => "the handle is not open",
        .out_of_memory => "the system refused to give memory",
        .model_invalid => "the model's description or bytes contradict themselves",
        .memory_too_small => "the memory limit cannot hold one step",
        .io_failed => "a read or write failed",
        .cancelled => "the call was cancelled",
        .context_full => "the session's context is full",
        .session_broken => "an earlier step of this session failed half way; its state cannot be used",
        .unsupported => "this is not supported",
        .session_file_invalid => "the session file is damaged or belongs to another model",
        .busy => "the object is in use by another call",
        .internal => "an internal error",
    };
}

/// The text of one error: cause, then the next step. Bounded; a longer text ends in "...". Never allocates.
pub const Message = struct {
    buffer: [capacity]u8 = undefined,
    length: usize = 0,

    pub const capacity = 1024;
    const ellipsis = "...";

    /// Replaces the text.
    pub fn set(message: *Message, comptime format: []const u8, args: anytype) void {
        var writer: std.Io.Writer = .fixed(&message.buffer);
        writer.print(format, args) catch {
            // The writer kept what fitted; say that there was more, on a character boundary.
            var end: usize = @min(writer.end, capacity - ellipsis.len);
            while (end > 0 and end < writer.end and message.buffer[end] & 0xc0 == 0x80) end -= 1;
            @memcpy(message.buffer[end..][0..ellipsis.len], ellipsis);
            message.length = end + ellipsis.len;
            return;
        };
        message.length = writer.end;
    }

    /// Sets the text and returns the error, so that a failure is one statement:
    /// `return message.fail(error.ModelInvalid, "layer {d} has no router", .{layer});`
    pub fn fail(message: *Message, err: Error, comptime format: []const u8, args: anytype) Error {
        message.set(format, args);
        return err;
    }

    pub fn clear(message: *Message) void {
        message.length = 0;
    }

    pub fn text(message: *const Message) []const u8 {
        return message.buffer[0..message.length];
    }
};

test "every error has its own negative result and a default text" {
    var seen = std.enums.EnumSet(Result).initEmpty();
    inline for (@typeInfo(Error).error_set.?) |e| {
        const result = toResult(@field(Error, e.name));
        try std.testing.expect(@intFromEnum(result) < 0);
        try std.testing.expect(!seen.contains(result));
        try std.testing.expect(defaultText(result).len > 0);
        seen.insert(result);
    }
    try std.testing.expectEqual(std.enums.values(Result).len - 1, seen.count());
}

test "a message is replaced, and cut on a character boundary when too long" {
    var message: Message = .{};
    try std.testing.expectEqual(error.IoFailed, message.fail(error.IoFailed, "first {d}", .{1}));
    message.set("second {s}", .{"text"});
    try std.testing.expectEqualStrings("second text", message.text());
    message.set("{s}", .{"ä" ** 600});
    try std.testing.expect(message.text().len <= Message.capacity);
    try std.testing.expect(std.mem.endsWith(u8, message.text(), "ä..."));
    try std.testing.expect(std.unicode.utf8ValidateSlice(message.text()));
    message.set("{s}", .{"x" ** Message.capacity});
    try std.testing.expectEqual(Message.capacity, message.text().len);
    try std.testing.expect(!std.mem.endsWith(u8, message.text(), "..."));
    message.clear();
    try std.testing.expectEqual(0, message.text().len);
}
