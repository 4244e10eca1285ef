//! For tests: a folder of its own for files that are really written and read. Removed by `deinit`.

const std = @import("std");

pub const Temporary = struct {
    folder: std.testing.TmpDir,
    path_buffer: [256]u8 = undefined,

    pub fn init() Temporary {
        return .{ .folder = std.testing.tmpDir(.{}) };
    }

    pub fn deinit(temporary: *Temporary) void {
        temporary.folder.cleanup();
    }

    /// Valid until the next call.
    pub fn path(temporary: *Temporary, name: []const u8) []const u8 {
        return std.fmt.bufPrint(&temporary.path_buffer, ".zig-cache/tmp/{s}/{s}", .{ temporary.folder.sub_path, name }) catch
            @panic("the test's file name is too long");
    }

    pub fn write(temporary: *Temporary, name: []const u8, bytes: []const u8) !void {
        try temporary.folder.dir.writeFile(std.testing.io, .{ .sub_path = name, .data = bytes });
    }

    /// The caller frees.
    pub fn read(temporary: *Temporary, name: []const u8) ![]u8 {
        return temporary.folder.dir.readFileAlloc(std.testing.io, name, std.testing.allocator, .unlimited);
    }
};
