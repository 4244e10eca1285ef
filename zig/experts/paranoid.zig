//! `--paranoid`: the bytes of every record that was read are compared with the hash that packing left of them, before
//! anything computes with them. The hashes (8 bytes an expert) are read once and owned here; the engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const io = @import("../io/reader.zig");
const transfer = @import("../io/transfer.zig");
const Files = @import("../io/files.zig").Files;
const FileInfo = @import("../io/files.zig").FileInfo;
const Got = @import("../io/files.zig").Got;
const recordHash = @import("../format/record_hash.zig").recordHash;
const Record = @import("record.zig").Record;

const Error = result.Error;
const Message = result.Message;

pub const Paranoid = struct {
    gpa: std.mem.Allocator,
    memory: []align(io.alignment) u8,
    /// u64 [layers][experts], little end first
    hashes: []const u8,
    experts: u32,

    /// Reads the hashes from where the model's head says; the description has been checked.
    pub fn init(gpa: std.mem.Allocator, files: *const Files, shape: *const abi.ModelDesc, message: *Message) Error!Paranoid {
        const file = shape.record_hashes_file;
        const offset: u64 = shape.record_hashes_offset;
        const first = std.mem.alignBackward(u64, offset, io.alignment);
        const needed = offset + tableBytes(shape.layers, shape.experts) - first;
        const widened = std.mem.alignForward(u64, needed, io.alignment);
        const memory = gpa.alignedAlloc(u8, .fromByteUnits(io.alignment), @intCast(widened)) catch
            return message.fail(error.OutOfMemory, "no memory for the hashes of {d} layers", .{shape.layers});
        errdefer gpa.free(memory);
        const request: io.Request = .{ .file = file, .offset = first, .bytes = widened, .needed = needed, .destination = memory.ptr, .tag = 0 };
        var tally: transfer.Tally = .{};
        if (transfer.transfer(Source{ .files = files }, &request, files.handles[file].access == .direct, &tally) != .ok)
            return message.fail(error.IoFailed, "the file with the records' hashes cannot be read; check the disk, then try again", .{});
        return .{ .gpa = gpa, .memory = memory, .hashes = memory[@intCast(offset - first)..@intCast(needed)], .experts = shape.experts };
    }

    pub fn deinit(paranoid: *Paranoid) void {
        paranoid.gpa.free(paranoid.memory);
        paranoid.* = undefined;
    }

    pub fn tableBytes(layers: u32, experts: u32) u64 {
        return @as(u64, layers) * experts * @sizeOf(u64);
    }

    /// Whether a record that landed in its slot is the one that was packed.
    pub fn matches(paranoid: *const Paranoid, layer: u32, expert: u32, record: *const Record, slot: []const u8) bool {
        if (record.range_count != 1) return false; // a record with a hash is in one piece
        const index = @as(usize, layer) * paranoid.experts + expert;
        const expected = std.mem.readInt(u64, paranoid.hashes[index * 8 ..][0..8], .little);
        const range = &record.ranges[0];
        return recordHash(slot[range.place..][0..@intCast(range.needed)]) == expected;
    }

    /// Says what `matches` found.
    pub fn fail(_: *const Paranoid, layer: u32, expert: u32, record: *const Record, files: []const FileInfo, message: *Message) Error {
        const range = &record.ranges[0];
        return message.fail(error.ModelInvalid, "layer {d}, expert {d}: the record at byte {d} of {s} does not match its hash; it was damaged on disk or on the way, `flashmoe verify` lists all damage", .{ layer, expert, range.offset, files[range.file].path });
    }
};

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
