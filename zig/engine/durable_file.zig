//! A file that appears whole or not at all: written under a temporary name beside its place, synced, renamed, and the
//! directory synced. What was written is dropped from the page cache piece by piece, so that a large file does not
//! fill memory. Owns its descriptor until `commit` or `abandon`; one thread enters.

const std = @import("std");
const builtin = @import("builtin");
const result = @import("../abi/result.zig");
const errnoName = @import("../io/files.zig").errnoName;

const Error = result.Error;
const Message = result.Message;
const path_capacity = std.c.PATH_MAX;

/// Written bytes after which they are brought to disk and out of the page cache.
const flush_bytes = 32 << 20;

pub const DurableFile = struct {
    descriptor: std.c.fd_t,
    message: *Message,
    path: [path_capacity:0]u8,
    temporary: [path_capacity:0]u8,
    unflushed: u64 = 0,

    /// `file` is filled in place: it holds the two names.
    pub fn create(file: *DurableFile, path: []const u8, message: *Message) Error!void {
        if (std.mem.indexOfScalar(u8, path, 0) != null) return message.fail(error.InvalidArgument, "the path contains a zero byte", .{});
        file.message = message;
        file.unflushed = 0;
        _ = std.fmt.bufPrintSentinel(&file.path, "{s}", .{path}, 0) catch
            return message.fail(error.InvalidArgument, "the path is longer than {d} bytes: {s}", .{ path_capacity, path });
        _ = std.fmt.bufPrintSentinel(&file.temporary, "{s}.{d}.tmp", .{ path, std.c.getpid() }, 0) catch
            return message.fail(error.InvalidArgument, "the path is longer than {d} bytes: {s}", .{ path_capacity, path });
        const flags: std.c.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .TRUNC = true, .CLOEXEC = true };
        file.descriptor = std.c.open(&file.temporary, flags, @as(std.c.mode_t, 0o600));
        if (file.descriptor < 0) return file.fail("create");
    }

    pub fn writeAt(file: *DurableFile, bytes: []const u8, offset: u64) Error!void {
        var done: usize = 0;
        while (done < bytes.len) {
            const wrote = std.c.pwrite(file.descriptor, bytes.ptr + done, bytes.len - done, @intCast(offset + done));
            if (wrote < 0) {
                if (errnoNow() == @intFromEnum(std.c.E.INTR)) continue;
                return file.fail("write");
            }
            if (wrote == 0) return file.message.fail(error.IoFailed, "cannot write {s}: the disk takes no more bytes", .{file.name()});
            done += @intCast(wrote);
        }
        file.unflushed += bytes.len;
        if (file.unflushed >= flush_bytes) try file.flush();
    }

    /// After an error the caller abandons the file.
    pub fn commit(file: *DurableFile) Error!void {
        try file.flush();
        if (std.c.rename(&file.temporary, &file.path) != 0) return file.fail("rename to");
        _ = std.c.close(file.descriptor);
        file.descriptor = -1;
        syncDirectory(file.name());
    }

    /// Removes what was written. Does nothing after `commit`.
    pub fn abandon(file: *DurableFile) void {
        if (file.descriptor < 0) return;
        _ = std.c.close(file.descriptor);
        _ = std.c.unlink(&file.temporary);
        file.descriptor = -1;
    }

    fn flush(file: *DurableFile) Error!void {
        if (std.c.fsync(file.descriptor) != 0) return file.fail("sync");
        if (builtin.os.tag == .linux) _ = std.os.linux.fadvise(file.descriptor, 0, 0, std.os.linux.POSIX_FADV.DONTNEED);
        file.unflushed = 0;
    }

    fn fail(file: *DurableFile, what: []const u8) Error {
        const errno = errnoNow();
        return file.message.fail(
            error.IoFailed,
            "cannot {s} {s}: {s}; check the directory, its permissions and the free space",
            .{ what, file.name(), errnoName(errno) },
        );
    }

    fn name(file: *const DurableFile) [:0]const u8 {
        return std.mem.sliceTo(&file.path, 0);
    }
};

/// Makes the rename itself durable. A system that cannot sync a directory has done so already.
fn syncDirectory(path: []const u8) void {
    var buffer: [path_capacity:0]u8 = undefined;
    const directory = std.fs.path.dirname(path) orelse ".";
    const terminated = std.fmt.bufPrintSentinel(&buffer, "{s}", .{directory}, 0) catch return;
    const descriptor = std.c.open(terminated, .{ .ACCMODE = .RDONLY, .CLOEXEC = true });
    if (descriptor < 0) return;
    _ = std.c.fsync(descriptor);
    _ = std.c.close(descriptor);
}

fn errnoNow() u32 {
    return @intCast(std.c._errno().*);
}
