//! Slices of packing on real files: copied, hashed, looked at; damaged and contradictory slices are refused, never followed.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const Temporary = @import("../io/temporary.zig").Temporary;
const pack = @import("pack.zig").pack;
const recordHash = @import("record_hash.zig").recordHash;
const test_rounds = @import("test_rounds.zig");

const gpa = std.testing.allocator;
const source_bytes = 3 * 4096 + 100;

/// PackSlice | one file | one block | one piece | one range | the paths: a matrix of 8 rows of 64 codes of 4 bits at byte 5.
const Rig = struct {
    temporary: Temporary,
    arena: []align(8) u8,

    const files_at = @sizeOf(abi.PackSlice);
    const blocks_at = files_at + @sizeOf(abi.FileDesc);
    const pieces_at = blocks_at + @sizeOf(abi.PackBlock);
    const ranges_at = pieces_at + @sizeOf(abi.PackPiece);
    const paths_at = ranges_at + @sizeOf(abi.PackRange);
    const weight_bytes = 8 * 64 / 2;
    const scale_bytes = 8 * 2 * 2;
    const total = weight_bytes + 2 * scale_bytes;

    fn init() !Rig {
        var rig: Rig = .{ .temporary = .init(), .arena = undefined };
        var content: [source_bytes]u8 = undefined;
        for (&content, 0..) |*byte, i| byte.* = @truncate(i *% 31 % 60); // as bf16 always finite
        try rig.temporary.write("source", &content);
        const target = try gpa.dupe(u8, rig.temporary.path("target"));
        defer gpa.free(target);
        const source = rig.temporary.path("source");
        rig.arena = try gpa.alignedAlloc(u8, .@"8", std.mem.alignForward(usize, paths_at + target.len + source.len, 8));
        @memset(rig.arena, 0);
        @memcpy(rig.arena[paths_at..][0..target.len], target);
        @memcpy(rig.arena[paths_at + target.len ..][0..source.len], source);
        var head = std.mem.zeroes(abi.PackSlice);
        head.total_bytes = rig.arena.len;
        head.target_offset = paths_at;
        head.target_bytes = @intCast(target.len);
        head.files_offset = files_at;
        head.files_count = 1;
        head.blocks_offset = blocks_at;
        head.blocks_count = 1;
        head.pieces_offset = pieces_at;
        head.pieces_count = 1;
        head.ranges_offset = ranges_at;
        head.ranges_count = 1;
        rig.put(abi.PackSlice, 0, head);
        rig.put(abi.FileDesc, files_at, .{ .bytes = source_bytes, .path_offset = @intCast(paths_at + target.len), .path_bytes = @intCast(source.len) });
        var block = std.mem.zeroes(abi.PackBlock);
        block.buffer_bytes = 4096;
        block.piece_count = 1;
        block.range_count = 1;
        rig.put(abi.PackBlock, blocks_at, block);
        var piece = std.mem.zeroes(abi.PackPiece);
        piece.weight = .{ .offset = 5, .bytes = weight_bytes, .file = 0 };
        piece.scales = .{ .offset = 4095, .bytes = scale_bytes, .file = 0 };
        piece.biases = .{ .offset = source_bytes - scale_bytes, .bytes = scale_bytes, .file = 0 };
        piece.scales_place = weight_bytes;
        piece.biases_place = weight_bytes + scale_bytes;
        piece.rows = 8;
        piece.cols = 64;
        piece.format = @intFromEnum(abi.Format.affine);
        piece.bits = 4;
        piece.group = 32;
        piece.scale_format = @intFromEnum(abi.Format.bf16);
        rig.put(abi.PackPiece, pieces_at, piece);
        rig.put(abi.PackRange, ranges_at, .{ .offset = 4096, .bytes = total, .padding = 4096 - total, .place = 0, .file = 0, .padding_dirty = 0, .hash_low = 0, .hash_high = 0 });
        return rig;
    }

    fn deinit(rig: *Rig) void {
        gpa.free(rig.arena);
        rig.temporary.deinit();
    }

    fn put(rig: *Rig, comptime T: type, at: usize, value: T) void {
        @memcpy(rig.arena[at..][0..@sizeOf(T)], std.mem.asBytes(&value));
    }

    fn get(rig: *Rig, comptime T: type, at: usize) *T {
        return @ptrCast(@alignCast(rig.arena.ptr + at));
    }

    fn hashOf(rig: *Rig) u64 {
        const range = rig.get(abi.PackRange, ranges_at);
        return @as(u64, range.hash_high) << 32 | range.hash_low;
    }
};

test "a block is copied from anywhere to its place, its padding zeroed, its bytes hashed" {
    var rig: Rig = try .init();
    defer rig.deinit();
    var message: Message = .{};
    try pack(rig.arena, &message);
    const target = try rig.temporary.read("target");
    defer gpa.free(target);
    const source = try rig.temporary.read("source");
    defer gpa.free(source);
    try std.testing.expectEqual(8192, target.len);
    const made = target[4096..];
    try std.testing.expectEqualSlices(u8, source[5..][0..Rig.weight_bytes], made[0..Rig.weight_bytes]);
    try std.testing.expectEqualSlices(u8, source[4095..][0..Rig.scale_bytes], made[Rig.weight_bytes..][0..Rig.scale_bytes]);
    try std.testing.expectEqualSlices(u8, source[source_bytes - Rig.scale_bytes ..], made[Rig.weight_bytes + Rig.scale_bytes ..][0..Rig.scale_bytes]);
    try std.testing.expect(std.mem.allEqual(u8, made[Rig.total..], 0));
    try std.testing.expectEqual(recordHash(made[0..Rig.total]), rig.hashOf());

    // The same range hashed from the file: first as it was written, then with a bit of its padding set.
    const hash = rig.hashOf();
    for ([_]u8{ 0, 1 }, 0..) |dirt, dirty| {
        target[8191] = dirt;
        try rig.temporary.write("source", target);
        rig.get(abi.PackSlice, 0).task = @intFromEnum(abi.PackTask.hash);
        rig.get(abi.PackBlock, Rig.blocks_at).piece_count = 0;
        rig.get(abi.FileDesc, Rig.files_at).bytes = target.len;
        rig.get(abi.PackRange, Rig.ranges_at).hash_low = 0;
        try pack(rig.arena, &message);
        try std.testing.expectEqual(hash, rig.hashOf());
        try std.testing.expectEqual(dirty, rig.get(abi.PackRange, Rig.ranges_at).padding_dirty);
    }
}

test "a value that is not finite is found by number, and not packed" {
    var rig: Rig = try .init();
    defer rig.deinit();
    var message: Message = .{};
    const source = try rig.temporary.read("source");
    defer gpa.free(source);
    std.mem.writeInt(u16, source[source_bytes - Rig.scale_bytes + 6 ..][0..2], 0xff80, .little);
    try rig.temporary.write("source", source);
    try std.testing.expectError(error.ModelInvalid, pack(rig.arena, &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "at byte 12362") != null);
    rig.get(abi.PackSlice, 0).task = @intFromEnum(abi.PackTask.finite);
    try pack(rig.arena, &message);
    const piece = rig.get(abi.PackPiece, Rig.pieces_at);
    try std.testing.expectEqual(.{ 3, 3, 0 }, .{ piece.damaged, piece.damaged_low, piece.damaged_high });
}

test "a file that is shorter than it was, or gone, is told by name" {
    var rig: Rig = try .init();
    defer rig.deinit();
    var message: Message = .{};
    try rig.temporary.write("source", "short");
    try std.testing.expectError(error.ModelInvalid, pack(rig.arena, &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "source has 5 bytes") != null);
    try rig.temporary.folder.dir.deleteFile(std.testing.io, "source");
    try std.testing.expectError(error.IoFailed, pack(rig.arena, &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "ENOENT") != null);
}

test "slices with any number changed are done or refused" {
    var rig: Rig = try .init();
    defer rig.deinit();
    var message: Message = .{};
    const valid = try gpa.dupe(u8, rig.arena);
    defer gpa.free(valid);
    var prng: std.Random.DefaultPrng = .init(5);
    const random = prng.random();
    const numbers = [_]u32{ 0, 1, 2, 3, 7, 8, 32, 4096, 65535, 1 << 16, 1 << 20, 0x7fff_ffff, 0xffff_ffff };
    const target_bytes = rig.get(abi.PackSlice, 0).target_bytes;
    for ([_]u32{ 0, 1 << 14, 0xffff_ffff }) |wrong| {
        rig.get(abi.PackSlice, 0).target_bytes = wrong;
        try std.testing.expectError(error.InvalidArgument, pack(rig.arena, &message));
    }
    var refused: usize = 0;
    const rounds = test_rounds.rounds(4000);
    for (0..rounds) |_| {
        @memcpy(rig.arena, valid);
        for (0..1 + random.uintLessThan(usize, 2)) |_| {
            const at = random.uintLessThan(usize, Rig.paths_at / 4) * 4;
            const number = numbers[random.uintLessThan(usize, numbers.len)];
            std.mem.writeInt(u32, rig.arena[at..][0..4], number, .little);
        }
        // The file that is written stays the same: a shorter path would be a file somewhere else.
        rig.get(abi.PackSlice, 0).target_offset = Rig.paths_at;
        rig.get(abi.PackSlice, 0).target_bytes = target_bytes;
        // A range far out in the target is allowed, but would leave a huge sparse file for the other rounds to read.
        if (rig.get(abi.PackRange, Rig.ranges_at).offset > 1 << 20) rig.get(abi.PackRange, Rig.ranges_at).offset = 0;
        pack(rig.arena, &message) catch {
            refused += 1;
            try std.testing.expect(message.text().len > 0);
        };
    }
    try std.testing.expect(refused > rounds / 3);
    for (0..64) |length| try std.testing.expectError(error.InvalidArgument, pack(rig.arena[0..length], &message));
}
