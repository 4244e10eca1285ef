//! The model's files, opened for reading: directly where the file system takes it, else through the page cache, whose
//! growth is then bounded by dropping what was read. Owns the descriptors. `readAt` may be called from any thread.

const std = @import("std");
const builtin = @import("builtin");
const result = @import("../abi/result.zig");
const alignment = @import("reader.zig").alignment;

const Error = result.Error;
const Message = result.Message;

/// A file as the description names it. Memory belongs to the caller.
pub const FileInfo = struct { path: []const u8, bytes: u64 };

/// How a file is read.
pub const Access = enum {
    /// Past the page cache (O_DIRECT): offsets, lengths and memory are aligned.
    direct,
    /// Through the page cache, which is told to forget each range after it was read. On macOS: F_NOCACHE.
    uncached,
    /// Through the page cache.
    cached,
};

/// One system call's outcome.
pub const Got = union(enum) { bytes: usize, errno: u32 };

const direct_flag = @hasField(std.c.O, "DIRECT");
const is_linux = builtin.os.tag == .linux;
const is_darwin = builtin.os.tag.isDarwin();

/// Whether direct reads are compiled in for this system.
pub const direct_supported = direct_flag or is_darwin;

pub const Files = struct {
    gpa: std.mem.Allocator,
    handles: []Handle,

    pub const Handle = struct { descriptor: std.c.fd_t, bytes: u64, access: Access };

    /// Opens every file and checks that it has the size the description was made from. `direct` asks for reads past
    /// the page cache; a file system that refuses gets `uncached`.
    pub fn open(gpa: std.mem.Allocator, infos: []const FileInfo, direct: bool, message: *Message) Error!Files {
        const handles = gpa.alloc(Handle, infos.len) catch
            return message.fail(error.OutOfMemory, "no memory for {d} open files", .{infos.len});
        errdefer gpa.free(handles);
        var opened: usize = 0;
        errdefer for (handles[0..opened]) |handle| {
            _ = std.c.close(handle.descriptor);
        };
        for (infos, handles) |info, *handle| {
            handle.* = try openOne(info, direct, message);
            opened += 1;
        }
        return .{ .gpa = gpa, .handles = handles };
    }

    pub fn close(files: *Files) void {
        for (files.handles) |handle| _ = std.c.close(handle.descriptor);
        files.gpa.free(files.handles);
        files.* = undefined;
    }

    /// One read; may deliver fewer bytes than asked.
    pub fn readAt(files: *const Files, file: u32, buffer: []u8, offset: u64) Got {
        const got = std.c.pread(files.handles[file].descriptor, buffer.ptr, buffer.len, @intCast(offset));
        if (got < 0) return .{ .errno = errnoNow() };
        return .{ .bytes = @intCast(got) };
    }

    /// Called once a range was read completely.
    pub fn finished(files: *const Files, file: u32, offset: u64, bytes: u64) void {
        const handle = files.handles[file];
        if (is_linux and handle.access == .uncached)
            _ = std.os.linux.fadvise(handle.descriptor, @intCast(offset), @intCast(bytes), std.os.linux.POSIX_FADV.DONTNEED);
    }
};

fn openOne(info: FileInfo, direct: bool, message: *Message) Error!Files.Handle {
    var path_buffer: [std.c.PATH_MAX:0]u8 = undefined;
    const path = std.fmt.bufPrintSentinel(&path_buffer, "{s}", .{info.path}, 0) catch
        return message.fail(error.ModelInvalid, "the path of a model file is longer than {d} bytes: {s}", .{ path_buffer.len, info.path });
    if (std.mem.indexOfScalar(u8, info.path, 0) != null)
        return message.fail(error.ModelInvalid, "the path of a model file contains a zero byte: {s}", .{info.path});

    var access: Access = if (direct and direct_supported) .direct else .cached;
    var descriptor = openPath(path, access);
    if (descriptor < 0 and access == .direct and errnoNow() == @intFromEnum(std.c.E.INVAL)) {
        access = .uncached;
        descriptor = openPath(path, access);
    }
    if (descriptor < 0)
        return message.fail(error.IoFailed, "cannot open {s}: {s}; check that the file exists and may be read", .{ info.path, errnoName(errnoNow()) });
    errdefer _ = std.c.close(descriptor);

    const end = std.c.lseek(descriptor, 0, std.c.SEEK.END);
    if (end < 0 or @as(u64, @intCast(end)) != info.bytes)
        return message.fail(error.ModelInvalid, "{s} has {d} bytes, its headers were read when it had {d}; the file changed or is no regular file, download it again", .{ info.path, end, info.bytes });

    if (is_linux and access == .direct and refusesDirect(descriptor, info.bytes)) {
        access = .uncached;
        // The flag is taken off; where even that fails the reads themselves will say so.
        const flags = std.c.fcntl(descriptor, std.c.F.GETFL, @as(c_int, 0));
        var parsed: std.c.O = @bitCast(flags);
        parsed.DIRECT = false;
        _ = std.c.fcntl(descriptor, std.c.F.SETFL, @as(c_int, @bitCast(parsed)));
    }
    if (is_darwin and access == .direct) {
        access = .uncached;
        _ = std.c.fcntl(descriptor, std.c.F.NOCACHE, @as(c_int, 1));
        _ = std.c.fcntl(descriptor, std.c.F.RDAHEAD, @as(c_int, 0));
    }
    if (is_linux and access != .direct)
        _ = std.os.linux.fadvise(descriptor, 0, 0, std.os.linux.POSIX_FADV.RANDOM);
    return .{ .descriptor = descriptor, .bytes = info.bytes, .access = access };
}

fn openPath(path: [*:0]const u8, access: Access) std.c.fd_t {
    // NONBLOCK: a path that is a pipe must not hang; regular files ignore it.
    var flags: std.c.O = .{ .ACCMODE = .RDONLY, .CLOEXEC = true, .NONBLOCK = true };
    if (direct_flag and access == .direct) flags.DIRECT = true;
    return std.c.open(path, flags);
}

/// Some file systems take the flag and refuse the read: one aligned page tells.
fn refusesDirect(descriptor: std.c.fd_t, bytes: u64) bool {
    if (bytes == 0) return false;
    var page: [alignment]u8 align(alignment) = undefined;
    return std.c.pread(descriptor, &page, page.len, 0) < 0 and errnoNow() == @intFromEnum(std.c.E.INVAL);
}

fn errnoNow() u32 {
    return @intCast(std.c._errno().*);
}

/// The symbol of an errno ("EIO", "ENOENT"), for messages.
pub fn errnoName(errno: u32) []const u8 {
    inline for (@typeInfo(std.c.E).@"enum".fields) |field| {
        if (field.value == errno) return "E" ++ field.name;
    }
    return "an unknown error";
}
