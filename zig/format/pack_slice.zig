//! Parses and checks the bytes of a pack slice: after `parse` every number in it may be used. The arrays stay the
//! caller's, results are written into them; the list of files is the given arena's.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const FileInfo = @import("../io/files.zig").FileInfo;

const Error = result.Error;
const Message = result.Message;

pub const limits = struct {
    pub const slice_bytes: usize = 1 << 28;
    /// Memory of one block, and what one piece may read: both are held at once by every thread.
    pub const block_bytes: u64 = 1 << 30;
    pub const padding_bytes: u64 = 1 << 16;
    pub const threads: u32 = 64;
    pub const offset: u64 = 1 << 60;
};

pub const Slice = struct {
    task: abi.PackTask,
    threads: u32,
    settle_offset: u64,
    settle_bytes: u64,
    /// Empty unless the task is `write`.
    target: []const u8,
    files: []const FileInfo,
    blocks: []abi.PackBlock,
    pieces: []abi.PackPiece,
    ranges: []abi.PackRange,

    pub fn parse(memory: std.mem.Allocator, bytes: []align(8) u8, message: *Message) Error!Slice {
        if (bytes.len < @sizeOf(abi.PackSlice) or bytes.len > limits.slice_bytes)
            return message.fail(error.InvalidArgument, "a pack slice of {d} bytes is none", .{bytes.len});
        const head: *const abi.PackSlice = @ptrCast(bytes.ptr);
        const parser: Parser = .{ .bytes = bytes, .message = message };
        if (head.total_bytes != bytes.len)
            return message.fail(error.InvalidArgument, "the pack slice says it has {d} bytes but {d} arrived", .{ head.total_bytes, bytes.len });
        const task = std.enums.fromInt(abi.PackTask, head.task) orelse
            return message.fail(error.InvalidArgument, "the pack task {d} is unknown", .{head.task});
        if (head.threads > limits.threads)
            return message.fail(error.InvalidArgument, "{d} pack threads; use at most {d}", .{ head.threads, limits.threads });
        if (head.settle_offset > limits.offset or head.settle_bytes > limits.offset)
            return message.fail(error.InvalidArgument, "the range to settle is beyond any file", .{});
        const slice: Slice = .{
            .task = task,
            .threads = head.threads,
            .settle_offset = head.settle_offset,
            .settle_bytes = head.settle_bytes,
            .target = if (task == .write) try parser.path(head.target_offset, head.target_bytes) else &.{},
            .files = try parser.files(memory, head),
            .blocks = try parser.array(abi.PackBlock, head.blocks_offset, head.blocks_count, "blocks"),
            .pieces = try parser.array(abi.PackPiece, head.pieces_offset, head.pieces_count, "pieces"),
            .ranges = try parser.array(abi.PackRange, head.ranges_offset, head.ranges_count, "ranges"),
        };
        for (slice.blocks) |*block| try slice.checkBlock(block, message);
        return slice;
    }

    fn checkBlock(slice: *const Slice, block: *const abi.PackBlock, message: *Message) Error!void {
        if (block.buffer_bytes > limits.block_bytes)
            return message.fail(error.InvalidArgument, "a pack block of {d} bytes is larger than {d}", .{ block.buffer_bytes, limits.block_bytes });
        if (@as(u64, block.first_piece) + block.piece_count > slice.pieces.len or @as(u64, block.first_range) + block.range_count > slice.ranges.len)
            return message.fail(error.InvalidArgument, "a pack block names pieces or ranges that are not there", .{});
        for (slice.rangesOf(block)) |*range| {
            if (range.bytes > limits.block_bytes or range.padding > limits.padding_bytes or range.offset > limits.offset)
                return message.fail(error.InvalidArgument, "a pack range of {d} + {d} bytes at {d} is out of bounds", .{ range.bytes, range.padding, range.offset });
            if (slice.task == .hash) {
                if (range.file >= slice.files.len or range.offset + range.bytes + range.padding > slice.files[range.file].bytes)
                    return message.fail(error.InvalidArgument, "a range to hash lies outside its file", .{});
            } else if (range.place +| range.bytes +| range.padding > block.buffer_bytes)
                return message.fail(error.InvalidArgument, "a pack range lies outside its block", .{});
        }
        for (slice.piecesOf(block)) |*piece| try slice.checkPiece(block, piece, message);
    }

    fn checkPiece(slice: *const Slice, block: *const abi.PackBlock, piece: *const abi.PackPiece, message: *Message) Error!void {
        const sizes = sizesOf(piece) orelse
            return message.fail(error.InvalidArgument, "a pack piece of format {d}, {d} bits, group {d} -> {d} bits, group {d} is impossible", .{ piece.format, piece.bits, piece.group, piece.to_bits, piece.to_group });
        for ([_]*const abi.Extent{ &piece.weight, &piece.scales, &piece.biases }, sizes.from) |extent, expected| {
            if (extent.bytes != expected or extent.bytes > limits.block_bytes)
                return message.fail(error.InvalidArgument, "a pack piece of {d} bytes should have {d}", .{ extent.bytes, expected });
            if (expected == 0) continue;
            if (extent.file >= slice.files.len or extent.offset +| extent.bytes > slice.files[extent.file].bytes)
                return message.fail(error.InvalidArgument, "a pack piece lies outside its file", .{});
        }
        if (slice.task != .write) return;
        for ([_]u64{ piece.weight_place, piece.scales_place, piece.biases_place }, sizes.to) |place, bytes| {
            if (place +| bytes > block.buffer_bytes)
                return message.fail(error.InvalidArgument, "a pack piece goes outside its block", .{});
        }
    }

    pub fn piecesOf(slice: *const Slice, block: *const abi.PackBlock) []abi.PackPiece {
        return slice.pieces[block.first_piece..][0..block.piece_count];
    }

    pub fn rangesOf(slice: *const Slice, block: *const abi.PackBlock) []abi.PackRange {
        return slice.ranges[block.first_range..][0..block.range_count];
    }
};

/// Bytes of weight, scales and biases before and after.
pub const Sizes = struct { from: [3]u64, to: [3]u64 };

/// Null when the piece's formats cannot be.
pub fn sizesOf(piece: *const abi.PackPiece) ?Sizes {
    const format = std.enums.fromInt(abi.Format, piece.format) orelse return null;
    const scale_format = std.enums.fromInt(abi.Format, piece.scale_format) orelse return null;
    const from = partBytes(piece, format, piece.bits, piece.group, scale_format) orelse return null;
    if (piece.to_bits == 0) return .{ .from = from, .to = from };
    if (std.enums.fromInt(abi.PackFit, piece.fit) == null) return null;
    const to_scale = if (format == .affine) scale_format else format;
    return .{ .from = from, .to = partBytes(piece, .affine, piece.to_bits, piece.to_group, to_scale) orelse return null };
}

fn partBytes(piece: *const abi.PackPiece, format: abi.Format, bits: u32, group: u32, scale_format: abi.Format) ?[3]u64 {
    const values = @as(u64, piece.rows) * piece.cols;
    if (values == 0) return null;
    if (format != .affine) return .{ values *| valueBytes(format), 0, 0 };
    switch (bits) {
        2, 3, 4, 5, 6, 8 => {},
        else => return null,
    }
    switch (group) {
        32, 64, 128 => {},
        else => return null,
    }
    if (piece.cols % group != 0 or scale_format == .affine) return null;
    const scale_bytes = values / group *| valueBytes(scale_format);
    return .{ values / 8 *| bits, scale_bytes, scale_bytes };
}

pub fn valueBytes(format: abi.Format) u64 {
    return switch (format) {
        .f32 => 4,
        .f16, .bf16 => 2,
        .affine => unreachable, // the callers ask for plain floats
    };
}

const Parser = struct {
    bytes: []align(8) u8,
    message: *Message,

    fn array(parser: *const Parser, comptime T: type, offset: u32, count: u32, what: []const u8) Error![]T {
        const bytes = @as(u64, count) * @sizeOf(T);
        if (offset % 8 != 0 or offset < @sizeOf(abi.PackSlice) or offset > parser.bytes.len or bytes > parser.bytes.len - offset)
            return parser.message.fail(error.InvalidArgument, "the pack slice's {s} ({d} at byte {d}) do not lie within its {d} bytes", .{ what, count, offset, parser.bytes.len });
        const first: [*]T = @ptrCast(@alignCast(parser.bytes.ptr + offset));
        return first[0..count];
    }

    fn path(parser: *const Parser, offset: u32, bytes: u32) Error![]const u8 {
        const end = @as(u64, offset) + bytes;
        if (bytes == 0 or bytes >= std.c.PATH_MAX or end > parser.bytes.len)
            return parser.message.fail(error.InvalidArgument, "a path of the pack slice lies outside it", .{});
        const text = parser.bytes[offset..@intCast(end)];
        if (std.mem.indexOfScalar(u8, text, 0) != null or !std.unicode.utf8ValidateSlice(text))
            return parser.message.fail(error.InvalidArgument, "a path of the pack slice is no UTF-8 or holds a zero byte", .{});
        return text;
    }

    fn files(parser: *const Parser, memory: std.mem.Allocator, head: *const abi.PackSlice) Error![]const FileInfo {
        const given = try parser.array(abi.FileDesc, head.files_offset, head.files_count, "files");
        const list = memory.alloc(FileInfo, given.len) catch return parser.message.fail(error.OutOfMemory, "no memory for {d} files", .{given.len});
        for (given, list) |*entry, *file| {
            if (entry.bytes > limits.offset) return parser.message.fail(error.InvalidArgument, "a file of {d} bytes cannot be", .{entry.bytes});
            file.* = .{ .path = try parser.path(entry.path_offset, entry.path_bytes), .bytes = entry.bytes };
        }
        return list;
    }
};
