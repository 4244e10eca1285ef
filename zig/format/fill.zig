//! Writes slices of random-weight tensors into files at the speed of the disk, without leaving them in the page cache:
//! tens of GB must not push out everything else. Owns one buffer for the length of a call. Several threads may fill
//! different slices at once, also of one file.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const errnoName = @import("../io/files.zig").errnoName;
const fill_values = @import("fill_values.zig");

const Error = result.Error;
const Message = result.Message;
const Values = fill_values.Values;

const is_linux = builtin.os.tag == .linux;

const buffer_bytes = 1 << 20;
/// What is written out together; the next window is generated while the disk takes this one.
const window_bytes = 16 << 20;
const offset_max: u64 = 1 << 60;

/// Fills bytes [first_byte, first_byte + bytes) of the tensor at `file_offset`. Creates or extends the file, never
/// shortens it.
pub fn fill(path: []const u8, args: *const abi.FillArgs, message: *Message) Error!void {
    const values = try validated(path, args, message);
    var path_buffer: [std.c.PATH_MAX:0]u8 = undefined;
    const terminated = std.fmt.bufPrintSentinel(&path_buffer, "{s}", .{path}, 0) catch
        return message.fail(error.InvalidArgument, "the path is longer than {d} bytes: {s}", .{ path_buffer.len, path });

    const descriptor = std.c.open(terminated, .{ .ACCMODE = .WRONLY, .CREAT = true, .CLOEXEC = true }, @as(std.c.mode_t, 0o644));
    if (descriptor < 0) return fault(message, path, "cannot open", args.file_offset);
    defer _ = std.c.close(descriptor);
    if (builtin.os.tag.isDarwin()) _ = std.c.fcntl(descriptor, std.c.F.NOCACHE, @as(c_int, 1));
    const buffer = std.heap.page_allocator.alloc(u8, @intCast(@min(buffer_bytes, args.bytes))) catch
        return message.fail(error.OutOfMemory, "no memory for a buffer of {d} bytes", .{buffer_bytes});
    defer std.heap.page_allocator.free(buffer);

    const start = args.file_offset + args.first_byte;
    var written: u64 = 0;
    while (written < args.bytes) {
        const part = buffer[0..@intCast(@min(buffer.len, args.bytes - written))];
        values.write(args.first_byte + written, part);
        try writeAll(descriptor, path, part, start + written, message);
        written += part.len;
        if (written % window_bytes == 0) writeBack(descriptor, start, written);
    }
    if (written >= window_bytes) forget(descriptor, start, written);
}

fn validated(path: []const u8, args: *const abi.FillArgs, message: *Message) Error!Values {
    const kind = std.enums.fromInt(abi.FillKind, args.kind) orelse
        return message.fail(error.InvalidArgument, "{s}: fill kind {d} is unknown", .{ path, args.kind });
    const format = std.enums.fromInt(abi.Format, args.format) orelse
        return message.fail(error.InvalidArgument, "{s}: format {d} is unknown", .{ path, args.format });
    if (path.len == 0 or std.mem.indexOfScalar(u8, path, 0) != null)
        return message.fail(error.InvalidArgument, "the path is empty or contains a zero byte", .{});
    if (args.first_byte % fill_values.block_bytes != 0)
        return message.fail(error.InvalidArgument, "{s}: a slice starts at a multiple of {d}, not at {d}", .{ path, fill_values.block_bytes, args.first_byte });
    if (args.file_offset +| args.first_byte +| args.bytes > offset_max)
        return message.fail(error.InvalidArgument, "{s}: {d} bytes at {d} + {d} are beyond any file", .{ path, args.bytes, args.file_offset, args.first_byte });
    if (args.bytes == 0) return message.fail(error.InvalidArgument, "{s}: nothing to fill", .{path});
    if (kind != .uniform_bits) {
        if (format == .affine)
            return message.fail(error.InvalidArgument, "{s}: packed values are filled with uniform bits, not with {t}", .{ path, kind });
        const reach = @abs(args.spread) * if (kind == .normal) @as(f64, fill_values.normal_max) else @abs(args.mean);
        // Also false for NaN.
        if (!(@abs(args.mean) + reach <= fill_values.largest(format)))
            return message.fail(error.InvalidArgument, "{s}: mean {e} with spread {e} does not fit {t}", .{ path, args.mean, args.spread, format });
    }
    return .init(args.seed, kind, format, @floatCast(args.mean), @floatCast(args.spread));
}

fn writeAll(descriptor: std.c.fd_t, path: []const u8, bytes: []const u8, offset: u64, message: *Message) Error!void {
    var done: usize = 0;
    while (done < bytes.len) {
        const n = std.c.pwrite(descriptor, bytes.ptr + done, bytes.len - done, @intCast(offset + done));
        if (n > 0) {
            done += @intCast(n);
        } else if (n == 0 or std.c.errno(n) != .INTR) {
            return fault(message, path, "cannot write", offset + done);
        }
    }
}

fn fault(message: *Message, path: []const u8, what: []const u8, offset: u64) Error {
    const errno: u32 = @intCast(std.c._errno().*);
    const hint = switch (@as(std.c.E, @enumFromInt(errno))) {
        .NOSPC, .DQUOT => "free some space, then run it again",
        else => "check the folder and its permissions",
    };
    return message.fail(error.IoFailed, "{s} {s} at byte {d}: {s}; {s}", .{ what, path, offset, errnoName(errno), hint });
}

/// Starts writing the newest window out, waits for the one before and drops it from the page cache.
fn writeBack(descriptor: std.c.fd_t, start: u64, written: u64) void {
    syncRange(descriptor, start + written - window_bytes, window_bytes, sync_write);
    if (written < 2 * window_bytes) return;
    const before = start + written - 2 * window_bytes;
    syncRange(descriptor, before, window_bytes, sync_wait_before | sync_write | sync_wait_after);
    dropCache(descriptor, before, window_bytes);
}

/// What is left after the last window.
fn forget(descriptor: std.c.fd_t, start: u64, written: u64) void {
    const rest = written % window_bytes + window_bytes;
    const first = written - @min(written, rest);
    syncRange(descriptor, start + first, written - first, sync_wait_before | sync_write | sync_wait_after);
    dropCache(descriptor, start, written); // once more over all, for pages at the windows' edges
}

const sync_wait_before = 1;
const sync_write = 2;
const sync_wait_after = 4;

/// Advice only: where it fails, the kernel writes when it likes and pwrite has told of any fault that matters here.
fn syncRange(descriptor: std.c.fd_t, offset: u64, bytes: u64, flags: usize) void {
    if (!is_linux) return;
    _ = std.os.linux.syscall4(.sync_file_range, @as(usize, @intCast(descriptor)), @intCast(offset), @intCast(bytes), flags);
}

fn dropCache(descriptor: std.c.fd_t, offset: u64, bytes: u64) void {
    if (!is_linux) return;
    _ = std.os.linux.fadvise(descriptor, @intCast(offset), @intCast(bytes), std.os.linux.POSIX_FADV.DONTNEED);
}
