//! Keeps large files that are written from filling the page cache. Advice only: where a call fails, the kernel writes
//! when it likes, and fsync tells of faults. Owns nothing.

const std = @import("std");
const builtin = @import("builtin");

const is_linux = builtin.os.tag == .linux;

const wait_before = 1;
const write = 2;
const wait_after = 4;

/// Starts bringing a range to disk.
pub fn begin(descriptor: std.c.fd_t, offset: u64, bytes: u64) void {
    syncRange(descriptor, offset, bytes, write);
}

/// Waits until a range is on disk and drops it from the page cache.
pub fn settle(descriptor: std.c.fd_t, offset: u64, bytes: u64) void {
    syncRange(descriptor, offset, bytes, wait_before | write | wait_after);
    if (is_linux) _ = std.os.linux.fadvise(descriptor, @intCast(offset), @intCast(bytes), std.os.linux.POSIX_FADV.DONTNEED);
}

fn syncRange(descriptor: std.c.fd_t, offset: u64, bytes: u64, flags: usize) void {
    if (!is_linux) return;
    _ = std.os.linux.syscall4(.sync_file_range, @as(usize, @intCast(descriptor)), @intCast(offset), @intCast(bytes), flags);
}
