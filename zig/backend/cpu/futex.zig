//! Sleeping on a 32-bit word: wait returns when the word differs from what was expected, on a wake, or
//! spuriously; the caller rechecks. Linux futex and macOS ulock. Owns nothing; any thread enters.

const std = @import("std");
const builtin = @import("builtin");

pub const Word = std.atomic.Value(u32);

pub fn wait(word: *const Word, expected: u32) void {
    switch (builtin.os.tag) {
        .linux => _ = std.os.linux.futex_4arg(&word.raw, .{ .cmd = .WAIT, .private = true }, expected, null),
        .macos => _ = std.c.__ulock_wait(.{ .op = .COMPARE_AND_WAIT, .NO_ERRNO = true }, &word.raw, expected, 0),
        else => @compileError("no futex for this system"),
    }
}

pub fn wakeAll(word: *const Word) void {
    switch (builtin.os.tag) {
        .linux => _ = std.os.linux.futex_3arg(&word.raw, .{ .cmd = .WAKE, .private = true }, std.math.maxInt(i32)),
        .macos => _ = std.c.__ulock_wake(.{ .op = .COMPARE_AND_WAIT, .WAKE_ALL = true, .NO_ERRNO = true }, &word.raw, 0),
        else => @compileError("no futex for this system"),
    }
}
