//! What the process itself holds and may hold: resident bytes, their peak, the machine's memory and processors.
//! Owns nothing; any thread may enter. A system that does not tell yields 0.

const std = @import("std");
const builtin = @import("builtin");

/// Bytes of this process that are in memory now.
pub fn residentBytes() u64 {
    return switch (builtin.os.tag) {
        .linux => linuxResident() orelse 0,
        .macos => darwinResident() orelse 0,
        else => 0,
    };
}

/// Most bytes that were ever in memory. Not getrusage on Linux: its peak survives exec, so it can be the size of the
/// program that started this one.
pub fn peakResidentBytes() u64 {
    if (builtin.os.tag == .linux) return linuxPeak() orelse 0;
    var usage: std.c.rusage = undefined;
    if (std.c.getrusage(std.c.rusage.SELF, &usage) != 0) return 0;
    return @intCast(@max(usage.maxrss, 0));
}

pub fn monotonicNs() u64 {
    var now: std.c.timespec = undefined;
    std.debug.assert(std.c.clock_gettime(.MONOTONIC, &now) == 0);
    return @as(u64, @intCast(now.sec)) * std.time.ns_per_s + @as(u64, @intCast(now.nsec));
}

/// Memory of the machine.
pub fn machineBytes() u64 {
    return std.process.totalSystemMemory() catch 0;
}

/// Processors this process may use, at least 1.
pub fn processorCount() u32 {
    return @intCast(std.Thread.getCpuCount() catch 1);
}

/// Second field of /proc/self/statm, in pages.
fn linuxResident() ?u64 {
    var buffer: [256]u8 = undefined;
    const text = readSmall("/proc/self/statm", &buffer) orelse return null;
    var fields = std.mem.tokenizeScalar(u8, text, ' ');
    _ = fields.next() orelse return null;
    const pages = std.fmt.parseInt(u64, fields.next() orelse return null, 10) catch return null;
    return pages * std.heap.pageSize();
}

/// The line "VmHWM:   1234 kB" of /proc/self/status, its unit KiB.
fn linuxPeak() ?u64 {
    var buffer: [8192]u8 = undefined;
    const text = readSmall("/proc/self/status", &buffer) orelse return null;
    const at = std.mem.indexOf(u8, text, "VmHWM:") orelse return null;
    var fields = std.mem.tokenizeAny(u8, text[at + "VmHWM:".len ..], " \t\n");
    const kib = std.fmt.parseInt(u64, fields.next() orelse return null, 10) catch return null;
    return kib * 1024;
}

/// A file of the proc file system, which comes in one read.
fn readSmall(path: [*:0]const u8, buffer: []u8) ?[]const u8 {
    const file = std.c.open(path, .{ .ACCMODE = .RDONLY, .CLOEXEC = true });
    if (file < 0) return null;
    defer _ = std.c.close(file);
    const got = std.c.read(file, buffer.ptr, buffer.len);
    return if (got > 0) buffer[0..@intCast(got)] else null;
}

fn darwinResident() ?u64 {
    var info: std.c.mach_task_basic_info = undefined;
    var count: std.c.mach_msg_type_number_t = @sizeOf(std.c.mach_task_basic_info) / @sizeOf(std.c.natural_t);
    const flavor = 20; // MACH_TASK_BASIC_INFO
    const status = std.c.task_info(std.c.mach_task_self(), flavor, @ptrCast(&info), &count);
    return if (status == 0) info.resident_size else null;
}

test "the process knows its own size" {
    const before = residentBytes();
    try std.testing.expect(before > 0);
    const memory = try std.testing.allocator.alloc(u8, 32 << 20);
    defer std.testing.allocator.free(memory);
    @memset(memory, 1);
    std.mem.doNotOptimizeAway(memory.ptr);
    try std.testing.expect(residentBytes() >= before + (24 << 20));
    try std.testing.expect(peakResidentBytes() >= residentBytes() / 2);
    try std.testing.expect(machineBytes() > residentBytes());
    try std.testing.expect(processorCount() >= 1);
}
