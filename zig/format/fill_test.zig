//! The filler on real files: slices in any order and size, faults by name.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const Temporary = @import("../io/temporary.zig").Temporary;
const fill = @import("fill.zig").fill;

const gpa = std.testing.allocator;

fn argsOf(first_byte: u64, bytes: u64) abi.FillArgs {
    return .{ .seed = 42, .file_offset = 1003, .first_byte = first_byte, .bytes = bytes, .mean = 0.02, .spread = 0.3, .kind = 1, .format = 2 };
}

test "slices in any order and size make the same file, and bytes outside them stay" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    var message: Message = .{};
    const bytes = 3_000_000 + 10; // crosses the internal buffer, ends inside a block
    try fill(temporary.path("whole"), &argsOf(0, bytes), &message);
    const whole = try temporary.read("whole");
    defer gpa.free(whole);
    try std.testing.expectEqual(1003 + bytes, whole.len);
    for (whole[0..1003]) |byte| try std.testing.expectEqual(0, byte);

    var prng: std.Random.DefaultPrng = .init(1);
    try temporary.write("sliced", "head" ** 25 ++ "~" ** 903);
    var ends: [12]u64 = undefined;
    for (&ends) |*end| end.* = prng.random().uintLessThan(u64, bytes / 64) * 64;
    ends[11] = bytes;
    std.mem.sort(u64, &ends, {}, std.sort.asc(u64));
    var order: [12]usize = undefined;
    for (&order, 0..) |*i, n| i.* = n;
    prng.random().shuffle(usize, &order);
    for (order) |i| {
        const start = if (i == 0) 0 else ends[i - 1];
        if (ends[i] > start) try fill(temporary.path("sliced"), &argsOf(start, ends[i] - start), &message);
    }
    const sliced = try temporary.read("sliced");
    defer gpa.free(sliced);
    try std.testing.expectEqualStrings("head" ** 25 ++ "~" ** 903, sliced[0..1003]);
    try std.testing.expect(std.mem.eql(u8, whole[1003..], sliced[1003..]));
}

test "a slice larger than the write-back windows is complete" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    var message: Message = .{};
    const bytes = 35 << 20;
    var args = argsOf(0, bytes);
    args.kind = 0;
    try fill(temporary.path("large"), &args, &message);
    args.file_offset = 0;
    args.first_byte = 34 << 20;
    args.bytes = 1 << 20;
    try fill(temporary.path("tail"), &args, &message);
    const large = try temporary.read("large");
    defer gpa.free(large);
    const tail = try temporary.read("tail");
    defer gpa.free(tail);
    try std.testing.expectEqual(1003 + bytes, large.len);
    try std.testing.expect(std.mem.eql(u8, large[1003 + (34 << 20) ..], tail[34 << 20 ..]));
}

test "arguments that contradict themselves are refused by name" {
    var temporary: Temporary = .init();
    defer temporary.deinit();
    var message: Message = .{};
    const Change = struct { field: enum { kind, format, first_byte, file_offset, bytes, mean, spread, normal }, says: []const u8 };
    for ([_]Change{
        .{ .field = .kind, .says = "fill kind 9 is unknown" },
        .{ .field = .format, .says = "packed values" },
        .{ .field = .first_byte, .says = "multiple of 64, not at 65" },
        .{ .field = .file_offset, .says = "beyond any file" },
        .{ .field = .bytes, .says = "nothing to fill" },
        .{ .field = .mean, .says = "does not fit bf16" },
        .{ .field = .spread, .says = "does not fit bf16" },
        .{ .field = .normal, .says = "does not fit f16" },
    }) |change| {
        var args = argsOf(0, 128);
        switch (change.field) {
            .kind => args.kind = 9,
            .format => args.format = @intFromEnum(abi.Format.affine),
            .first_byte => args.first_byte = 65,
            .file_offset => args.file_offset = std.math.maxInt(u64),
            .bytes => args.bytes = 0,
            .mean => args.mean = std.math.nan(f64),
            .spread => args.spread = std.math.inf(f64),
            .normal => {
                args.kind = @intFromEnum(abi.FillKind.normal);
                args.format = @intFromEnum(abi.Format.f16);
                args.spread = 11_000;
            },
        }
        try std.testing.expectError(error.InvalidArgument, fill(temporary.path("x"), &args, &message));
        if (std.mem.indexOf(u8, message.text(), change.says) == null) {
            std.debug.print("{s}\n", .{message.text()});
            return error.WrongMessage;
        }
    }
    try std.testing.expectError(error.IoFailed, fill(temporary.path("no/such/folder"), &argsOf(0, 64), &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "ENOENT") != null);
}
