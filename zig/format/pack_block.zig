//! Makes one block after the other: an expert's record or some rows of a dense matrix. Owns its memory, which grows to
//! the largest block and is freed by `deinit`. One thread enters a maker; several makers share files and target.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const reader = @import("../io/reader.zig");
const transfer = @import("../io/transfer.zig");
const Files = @import("../io/files.zig").Files;
const Got = @import("../io/files.zig").Got;
const errnoName = @import("../io/files.zig").errnoName;
const affine = @import("affine.zig");
const affine_search = @import("affine_search.zig");
const firstNonFinite = @import("finite.zig").firstNonFinite;
const pack_slice = @import("pack_slice.zig");
const recordHash = @import("record_hash.zig").recordHash;
const write_back = @import("write_back.zig");

const Error = result.Error;
const Message = result.Message;
const Memory = []align(reader.alignment) u8;

const parts = [_][]const u8{ "weight", "scales", "biases" };

pub const BlockMaker = struct {
    slice: *const pack_slice.Slice,
    files: *const Files,
    target: std.c.fd_t,
    message: *Message,
    /// What the block becomes.
    buffer: Memory = &.{},
    /// What is read, one part of a piece each; also the ranges of `hash`.
    staging: [3]Memory = @splat(&.{}),

    pub fn deinit(maker: *BlockMaker) void {
        free(maker.buffer);
        for (maker.staging) |memory| free(memory);
    }

    pub fn make(maker: *BlockMaker, block: *abi.PackBlock) Error!void {
        switch (maker.slice.task) {
            .write => try maker.write(block),
            .hash => for (maker.slice.rangesOf(block)) |*range| try maker.hash(range),
            .finite => for (maker.slice.piecesOf(block)) |*piece| try maker.look(piece),
        }
    }

    fn write(maker: *BlockMaker, block: *abi.PackBlock) Error!void {
        const bytes: usize = @intCast(block.buffer_bytes);
        const buffer = try maker.room(&maker.buffer, bytes);
        @memset(buffer, 0); // gaps and padding
        block.squares = 0;
        block.errors = 0;
        block.minmax_errors = 0;
        for (maker.slice.piecesOf(block)) |*piece| try maker.fill(block, piece, buffer);
        for (maker.slice.rangesOf(block)) |*range| {
            const whole = buffer[@intCast(range.place)..][0..@intCast(range.bytes + range.padding)];
            setHash(range, recordHash(whole[0..@intCast(range.bytes)]));
            try maker.writeAll(whole, range.offset);
            write_back.begin(maker.target, range.offset, whole.len);
        }
    }

    fn fill(maker: *BlockMaker, block: *abi.PackBlock, piece: *const abi.PackPiece, buffer: []u8) Error!void {
        const read = try maker.readPiece(piece);
        for (read, 0..) |bytes, part| {
            const format = floatsOf(piece, part) orelse continue;
            const index = firstNonFinite(format, bytes) orelse continue;
            const extent = extentOf(piece, part);
            return maker.message.fail(error.ModelInvalid, "{s} holds an infinite or NaN value at byte {d}; the checkpoint is damaged, download it again", .{
                maker.slice.files[extent.file].path, extent.offset + index * pack_slice.valueBytes(format),
            });
        }
        const sizes = pack_slice.sizesOf(piece).?; // the slice was checked
        var out: [3][]u8 = undefined;
        for (&out, [_]u64{ piece.weight_place, piece.scales_place, piece.biases_place }, sizes.to) |*to, place, bytes| to.* = buffer[@intCast(place)..][0..@intCast(bytes)];
        if (piece.to_bits == 0) {
            for (out, read) |to, from| @memcpy(to, from);
        } else try maker.requantise(block, piece, read, out);
    }

    fn requantise(maker: *BlockMaker, block: *abi.PackBlock, piece: *const abi.PackPiece, read: [3][]const u8, out: [3][]u8) Error!void {
        const stored: affine.Stored = .{
            .format = @enumFromInt(piece.format),
            .bits = piece.bits,
            .group = piece.group,
            .scale_format = @enumFromInt(piece.scale_format),
            .weight = read[0],
            .scales = read[1],
            .biases = read[2],
        };
        const format: abi.Format = if (stored.format == .affine) stored.scale_format else stored.format;
        const group: usize = piece.to_group;
        const group_bytes = group * piece.to_bits / 8;
        const count = @as(usize, piece.rows) * piece.cols / group;
        var value_memory: [affine.group_max]f32 = undefined;
        var code_memory: [affine.group_max]f32 = undefined;
        const values = value_memory[0..group];
        const codes = code_memory[0..group];
        for (0..count) |index| {
            stored.decode(index * group, values);
            const fit = affine.minmax(values, piece.to_bits);
            affine.encode(values, fit, piece.to_bits, codes);
            const kept: affine.Fit = .{ .scale = affine.rounded(format, fit.scale), .bias = affine.rounded(format, fit.bias) };
            const squares = affine.squaredSum(values);
            if (!std.math.isFinite(kept.scale) or !std.math.isFinite(kept.bias) or !std.math.isFinite(squares))
                return maker.message.fail(error.ModelInvalid, "{s}: values around byte {d} are too large to be quantised", .{ maker.slice.files[piece.weight.file].path, piece.weight.offset });
            var found: affine_search.Found = .{ .fit = kept, .squared_error = affine.squaredError(values, codes, kept) };
            block.minmax_errors += found.squared_error;
            if (piece.fit == @intFromEnum(abi.PackFit.search)) found = affine_search.improve(values, piece.to_bits, format, found, codes);
            block.errors += found.squared_error;
            block.squares += squares;
            affine.pack(codes, piece.to_bits, out[0][index * group_bytes ..][0..group_bytes]);
            affine.store(format, out[1], index, found.fit.scale);
            affine.store(format, out[2], index, found.fit.bias);
        }
    }

    fn hash(maker: *BlockMaker, range: *abi.PackRange) Error!void {
        const bytes = try maker.fetch(0, range.file, range.offset, range.bytes + range.padding);
        const length: usize = @intCast(range.bytes);
        setHash(range, recordHash(bytes[0..length]));
        range.padding_dirty = @intFromBool(!std.mem.allEqual(u8, bytes[length..], 0));
    }

    fn look(maker: *BlockMaker, piece: *abi.PackPiece) Error!void {
        piece.damaged = 0;
        for (0..parts.len) |part| {
            const format = floatsOf(piece, part) orelse continue;
            const extent = extentOf(piece, part);
            const index = firstNonFinite(format, try maker.fetch(part, extent.file, extent.offset, extent.bytes)) orelse continue;
            piece.damaged = @intCast(part + 1);
            piece.damaged_low = @truncate(index);
            piece.damaged_high = @truncate(index >> 32);
            return;
        }
    }

    fn readPiece(maker: *BlockMaker, piece: *const abi.PackPiece) Error![3][]const u8 {
        var read_parts: [3][]const u8 = @splat(&.{});
        for (&read_parts, 0..) |*bytes, part| {
            const extent = extentOf(piece, part);
            if (extent.bytes > 0) bytes.* = try maker.fetch(part, extent.file, extent.offset, extent.bytes);
        }
        return read_parts;
    }

    /// Bytes [offset, offset + bytes) of a file, in the staging memory of that number.
    fn fetch(maker: *BlockMaker, number: usize, file: u32, offset: u64, bytes: u64) Error![]const u8 {
        const first = std.mem.alignBackward(u64, offset, reader.alignment);
        const needed = offset + bytes - first;
        const widened = std.mem.alignForward(u64, needed, reader.alignment);
        const memory = try maker.room(&maker.staging[number], @intCast(widened));
        const request: reader.Request = .{ .file = file, .offset = first, .bytes = widened, .needed = needed, .destination = memory.ptr, .tag = 0 };
        var tally: transfer.Tally = .{};
        const source: Source = .{ .files = maker.files };
        const outcome = transfer.transfer(source, &request, maker.files.handles[file].access == .direct, &tally);
        maker.files.finished(file, first, widened);
        const path = maker.slice.files[file].path;
        switch (outcome) {
            .ok => return memory[@intCast(offset - first)..][0..@intCast(bytes)],
            .failed => |fault| return maker.message.fail(error.IoFailed, "reading {s} at byte {d} failed with {s}; check the disk and the file, then try again", .{ path, fault.offset, errnoName(fault.errno) }),
            .truncated => |fault| return maker.message.fail(error.IoFailed, "{s} ends at byte {d}; the file was cut short, download it again", .{ path, fault.offset }),
        }
    }

    fn writeAll(maker: *BlockMaker, bytes: []const u8, offset: u64) Error!void {
        var done: usize = 0;
        while (done < bytes.len) {
            const n = std.c.pwrite(maker.target, bytes.ptr + done, bytes.len - done, @intCast(offset + done));
            if (n > 0) {
                done += @intCast(n);
            } else if (n == 0 or std.c.errno(n) != .INTR) {
                const errno: u32 = @intCast(std.c._errno().*);
                const hint = switch (@as(std.c.E, @enumFromInt(errno))) {
                    .NOSPC, .DQUOT => "free some space, then run it again: it goes on where it stopped",
                    else => "check the folder and its permissions",
                };
                return maker.message.fail(error.IoFailed, "cannot write {s} at byte {d}: {s}; {s}", .{ maker.slice.target, offset + done, errnoName(errno), hint });
            }
        }
    }

    /// Memory of at least `bytes`, kept for the next block.
    fn room(maker: *BlockMaker, memory: *Memory, bytes: usize) Error!Memory {
        if (memory.len < bytes) {
            free(memory.*);
            memory.* = &.{};
            memory.* = std.heap.page_allocator.alignedAlloc(u8, .fromByteUnits(reader.alignment), bytes) catch
                return maker.message.fail(error.OutOfMemory, "no memory for a block of {d} bytes; pack with fewer threads", .{bytes});
        }
        return memory.*[0..bytes];
    }
};

fn free(memory: Memory) void {
    if (memory.len > 0) std.heap.page_allocator.free(memory);
}

fn setHash(range: *abi.PackRange, value: u64) void {
    range.hash_low = @truncate(value);
    range.hash_high = @truncate(value >> 32);
}

fn extentOf(piece: *const abi.PackPiece, part: usize) *const abi.Extent {
    return switch (part) {
        0 => &piece.weight,
        1 => &piece.scales,
        else => &piece.biases,
    };
}

/// The format of a part that holds plain floats; null for packed codes and for parts that are not there.
fn floatsOf(piece: *const abi.PackPiece, part: usize) ?abi.Format {
    const format: abi.Format = @enumFromInt(piece.format);
    if (part == 0) return if (format == .affine) null else format;
    return if (format == .affine) @enumFromInt(piece.scale_format) else null;
}

/// The system's files, seen by `transfer`.
const Source = struct {
    files: *const Files,

    pub fn read(source: Source, file: u32, buffer: []u8, offset: u64) Got {
        return source.files.readAt(file, buffer, offset);
    }

    pub fn pause(_: Source, ns: u64) void {
        const rest: std.c.timespec = .{ .sec = @intCast(ns / std.time.ns_per_s), .nsec = @intCast(ns % std.time.ns_per_s) };
        _ = std.c.nanosleep(&rest, null);
    }
};
