//! The slices that measure: what they count is what was read, what is out of range is refused, a damaged file is named.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const measure = @import("measure.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");

const gpa = rig.gpa;

test "a disk slice counts whole records of the model, by every reader, one or many at once" {
    var disk: rig.Disk = try .init(.{});
    defer disk.deinit();
    var message: Message = .{};
    errdefer std.debug.print("{s}\n", .{message.text()});
    const plan = try engine_room.planOnly(gpa, disk.model.description, .{}, &message);
    for ([_]abi.ReaderKind{ .automatic, .pread, .uring }) |reader| {
        for ([_]u32{ 0, 1, 20 }) |in_flight| {
            const options: abi.EngineOptions = .{ .reader = @intFromEnum(reader), .read_split = 2 };
            var args: abi.DiskMeasurement = .{ .seed = 3, .milliseconds = 5, .in_flight = in_flight };
            measure.disk(gpa, disk.model.description, &options, &args, &message) catch |err|
                if (err == error.Unsupported and reader == .uring) continue else return err;
            try std.testing.expect(args.records > 0 and args.ns > 0);
            try std.testing.expectEqual(args.records * plan.record_bytes, args.bytes);
            try std.testing.expectEqual(if (in_flight == 0) 16 else in_flight, args.in_flight);
            if (reader != .automatic) try std.testing.expectEqual(@intFromEnum(reader), args.reader);
            try std.testing.expect(args.direct <= 1);
        }
    }
    const cached: abi.EngineOptions = .{ .direct_io = 0 };
    var args: abi.DiskMeasurement = .{ .milliseconds = 1 };
    try measure.disk(gpa, disk.model.description, &cached, &args, &message);
    try std.testing.expectEqual(0, args.direct);
}

test "slices out of range are refused by name" {
    var disk: rig.Disk = try .init(.{});
    defer disk.deinit();
    const Case = struct { abi.DiskMeasurement, abi.EngineOptions, []const u8 };
    for ([_]Case{
        .{ .{}, .{}, "a slice of 0 ms" },
        .{ .{ .milliseconds = 10_001 }, .{}, "a slice of 10001 ms" },
        .{ .{ .milliseconds = 1, .in_flight = 129 }, .{}, "129 records at once" },
        .{ .{ .milliseconds = 1, .in_flight = 64 }, .{}, "use at most 28" },
        .{ .{ .milliseconds = 1 }, .{ .reader = @intFromEnum(abi.ReaderKind.simulated) }, "simulated" },
        .{ .{ .milliseconds = 1 }, .{ .queue_depth = 1000 }, "1000 reads at once" },
    }) |case| {
        var args = case[0];
        var message: Message = .{};
        try std.testing.expectError(error.InvalidArgument, measure.disk(gpa, disk.model.description, &case[1], &args, &message));
        try std.testing.expect(std.mem.indexOf(u8, message.text(), case[2]) != null);
    }
    for ([_]abi.MemoryMeasurement{
        .{ .block_bytes = 1 << 20 },
        .{ .block_bytes = 1 << 19, .milliseconds = 1 },
        .{ .block_bytes = 1 << 40, .milliseconds = 1 },
        .{ .block_bytes = 1 << 20, .milliseconds = 1, .threads = 100_000 },
    }) |given| {
        var args = given;
        var message: Message = .{};
        try std.testing.expectError(error.InvalidArgument, measure.memoryRead(gpa, &args, &message));
        try std.testing.expect(message.text().len > 0);
    }
}

test "a file that is gone or was cut ends the slice with its name" {
    var disk: rig.Disk = try .init(.{});
    defer disk.deinit();
    const name = std.fs.path.basename(disk.model.paths[1]);
    for ([_]anyerror{ error.ModelInvalid, error.IoFailed }) |expected| {
        if (expected == error.IoFailed)
            try disk.tmp.dir.deleteFile(std.testing.io, name)
        else
            try disk.tmp.dir.writeFile(std.testing.io, .{ .sub_path = name, .data = "cut" });
        var message: Message = .{};
        var args: abi.DiskMeasurement = .{ .milliseconds = 5 };
        try std.testing.expectError(expected, measure.disk(gpa, disk.model.description, &.{}, &args, &message));
        try std.testing.expect(std.mem.indexOf(u8, message.text(), name) != null);
    }
}

test "a memory slice reads its block whole, at least once" {
    var message: Message = .{};
    for ([_]u32{ 0, 1, 2 }) |threads| {
        var args: abi.MemoryMeasurement = .{ .block_bytes = (3 << 20) + 1, .milliseconds = 1, .threads = threads };
        try measure.memoryRead(gpa, &args, &message);
        try std.testing.expectEqual(4 << 20, args.pass_bytes);
        try std.testing.expect(args.bytes >= args.pass_bytes and args.bytes % args.pass_bytes == 0);
        try std.testing.expect(args.ns >= args.fastest_ns and args.fastest_ns > 0);
        try std.testing.expect(if (threads == 0) args.threads > 0 else args.threads == threads);
    }
}
