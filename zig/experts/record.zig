//! What the store knows of an expert on disk: nine ranges of bytes (weight, scales and biases of gate, up and down)
//! and where each of them comes to lie in a slot. Validates the numbers it is given; owns nothing, allocates nothing.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const reader = @import("../io/reader.zig");
const FileInfo = @import("../io/files.zig").FileInfo;

pub const Error = result.Error;
pub const Message = result.Message;

/// One projection of experts [expert_first, expert_first + expert_count): expert e's bytes lie
/// `(e - expert_first) * stride` after the extents. `scales` and `biases` count only for `affine`.
pub const Run = struct {
    format: abi.Format,
    bits: u32 = 0,
    group: u32 = 0,
    scale_format: abi.Format = .f32,
    rows: u32,
    cols: u32,
    expert_first: u32,
    expert_count: u32,
    weight: abi.Extent,
    scales: abi.Extent = .{},
    biases: abi.Extent = .{},

    /// Copies a description's expert tensor; null when a format is not one of `Format`. Nothing else is checked here.
    pub fn fromTensor(tensor: *const abi.TensorDesc) ?Run {
        const format = std.enums.fromInt(abi.Format, tensor.format) orelse return null;
        const scale_format = std.enums.fromInt(abi.Format, tensor.scale_format) orelse return null;
        return .{
            .format = format,
            .bits = tensor.bits,
            .group = tensor.group,
            .scale_format = scale_format,
            .rows = tensor.rows,
            .cols = tensor.cols,
            .expert_first = tensor.expert_first,
            .expert_count = tensor.expert_count,
            .weight = tensor.weight,
            .scales = tensor.scales,
            .biases = tensor.biases,
        };
    }

    pub fn covers(run: *const Run, expert: u32) bool {
        return expert >= run.expert_first and expert - run.expert_first < run.expert_count;
    }
};

/// All experts of one layer. Each projection's runs together cover every expert exactly once.
pub const LayerExperts = struct {
    gate: []const Run,
    up: []const Run,
    down: []const Run,

    pub fn runs(layer: *const LayerExperts, projection: Projection) []const Run {
        return switch (projection) {
            .gate => layer.gate,
            .up => layer.up,
            .down => layer.down,
        };
    }
};

pub const Projection = enum(u32) { gate, up, down };
pub const Part = enum(u32) { weight, scales, biases };

/// weight, scales, biases of gate, then of up, then of down.
pub const pieces_max = 9;

/// One contiguous range to read: `offset` and `bytes` are multiples of the reader's alignment, `place` is a
/// page-aligned byte of the slot, `needed` bytes must arrive.
pub const Range = struct { file: u32, offset: u64, bytes: u64, needed: u64, place: usize };

/// A piece's own bytes, exactly, and the byte of the slot at which they begin.
pub const Piece = struct { file: u32 = abi.none_u32, offset: u64 = 0, bytes: u64 = 0, place: usize = 0 };

/// One expert's place on disk and in a slot.
pub const Record = struct {
    ranges: [pieces_max]Range = undefined,
    range_count: usize = 0,
    /// Index = projection * 3 + part; parts an unquantised expert lacks have no bytes.
    pieces: [pieces_max]Piece = @splat(.{}),
    runs: [3]*const Run = undefined,
    /// Sum of the pieces: what the statistics count.
    bytes: u64 = 0,
    /// What the record takes of a slot, a multiple of the alignment.
    slot_bytes: usize = 0,

    pub fn piece(record: *const Record, projection: Projection, part: Part) Piece {
        return record.pieces[@intFromEnum(projection) * 3 + @intFromEnum(part)];
    }

    /// Where the pieces begin in the slot; with it `expertAt` rebuilds the views without laying the record out again.
    pub fn places(record: *const Record) Places {
        var all: Places = undefined;
        for (&all, record.pieces) |*to, from| to.* = @intCast(from.place);
        return all;
    }
};

pub const Places = [pieces_max]u32;

/// The expert's matrices inside the slot that begins at `slot_offset` of `buffer`.
pub fn expertAt(layer: *const LayerExperts, expert: u32, places: *const Places, buffer: *const backend.Buffer, slot_offset: usize) backend.Expert {
    const slot: backend.View = .{ .buffer = buffer, .offset = slot_offset };
    return .{
        .gate = linearAt(findRun(layer.gate, expert), slot, places[0..3]),
        .up = linearAt(findRun(layer.up, expert), slot, places[3..6]),
        .down = linearAt(findRun(layer.down, expert), slot, places[6..9]),
    };
}

fn linearAt(run: *const Run, slot: backend.View, places: *const [3]u32) backend.Linear {
    return .{
        .format = run.format,
        .bits = run.bits,
        .group = run.group,
        .scale_format = run.scale_format,
        .rows = run.rows,
        .cols = run.cols,
        .weight = slot.at(places[0]),
        .scales = slot.at(places[1]),
        .biases = slot.at(places[2]),
    };
}

/// Lays out one expert. Pieces that lie beside each other in a file, or so near that their widened ranges touch,
/// become one range. The layer must have passed `validate`.
pub fn recordOf(layer: *const LayerExperts, expert: u32) Record {
    var record: Record = .{};
    var order: [pieces_max]u8 = undefined;
    var used: usize = 0;
    inline for (.{ Projection.gate, .up, .down }, 0..) |projection, p| {
        const run = findRun(layer.runs(projection), expert);
        record.runs[p] = run;
        const index: u64 = expert - run.expert_first;
        const parts = [_]abi.Extent{ run.weight, run.scales, run.biases };
        const part_count: usize = if (run.format == .affine) 3 else 1;
        for (parts[0..part_count], p * 3..) |extent, i| {
            record.pieces[i] = .{ .file = extent.file, .offset = extent.offset + index * extent.stride, .bytes = extent.bytes };
            record.bytes += extent.bytes;
            order[used] = @intCast(i);
            used += 1;
        }
    }
    std.sort.insertion(u8, order[0..used], &record, inFileOrder);
    place(&record, order[0..used]);
    return record;
}

fn findRun(runs: []const Run, expert: u32) *const Run {
    for (runs) |*run| if (run.covers(expert)) return run;
    unreachable; // `validate` proved the coverage
}

fn inFileOrder(record: *const Record, a: u8, b: u8) bool {
    const x = record.pieces[a];
    const y = record.pieces[b];
    if (x.file != y.file) return x.file < y.file;
    return x.offset < y.offset;
}

fn place(record: *Record, order: []const u8) void {
    for (order) |i| {
        const piece = &record.pieces[i];
        const start = std.mem.alignBackward(u64, piece.offset, reader.alignment);
        const end = piece.offset + piece.bytes;
        var range: *Range = undefined;
        if (record.range_count > 0 and touches(&record.ranges[record.range_count - 1], piece.file, start)) {
            range = &record.ranges[record.range_count - 1];
        } else {
            range = &record.ranges[record.range_count];
            range.* = .{ .file = piece.file, .offset = start, .bytes = 0, .needed = 0, .place = record.slot_bytes };
            record.range_count += 1;
        }
        range.needed = @max(range.needed, end - range.offset);
        range.bytes = std.mem.alignForward(u64, range.needed, reader.alignment);
        piece.place = range.place + @as(usize, @intCast(piece.offset - range.offset));
        record.slot_bytes = range.place + @as(usize, @intCast(range.bytes));
    }
}

fn touches(range: *const Range, file: u32, start: u64) bool {
    return range.file == file and start <= range.offset + range.bytes;
}

/// Bytes of the largest record's slot: page-aligned, fits any expert of any layer. Layers must have passed `validate`.
pub fn slotBytes(layers: []const LayerExperts, experts: u32) usize {
    var most: usize = 0;
    for (layers) |*layer| {
        for (0..experts) |expert| most = @max(most, recordOf(layer, @intCast(expert)).slot_bytes);
    }
    return most;
}

/// Bytes of the largest record on disk.
pub fn recordBytesMax(layers: []const LayerExperts, experts: u32) u64 {
    var most: u64 = 0;
    for (layers) |*layer| {
        for (0..experts) |expert| most = @max(most, recordOf(layer, @intCast(expert)).bytes);
    }
    return most;
}

/// No file is larger; offsets below it can be widened and added without overflow.
const file_bytes_max: u64 = 1 << 60;

/// Checks every number of the layers: shapes, sizes, coverage, and that each expert's ranges lie inside their files.
pub fn validate(layers: []const LayerExperts, experts: u32, files: []const FileInfo, message: *Message) Error!void {
    if (experts == 0) return message.fail(error.ModelInvalid, "the model has no experts", .{});
    if (layers.len == 0) return message.fail(error.ModelInvalid, "the model has no layers", .{});
    for (files) |file| {
        if (file.bytes > file_bytes_max) return message.fail(error.ModelInvalid, "{s} cannot have {d} bytes", .{ file.path, file.bytes });
    }
    for (layers, 0..) |*layer, l| {
        inline for (.{ Projection.gate, .up, .down }) |projection| {
            const where: Where = .{ .layer = l, .projection = projection, .message = message };
            try where.checkCoverage(layer.runs(projection), experts);
            for (layer.runs(projection)) |*run| try where.checkRun(run, files);
        }
    }
}

/// For the message: which layer and projection is being looked at.
const Where = struct {
    layer: usize,
    projection: Projection,
    message: *Message,

    fn invalid(where: Where, comptime format: []const u8, args: anytype) Error {
        return where.message.fail(error.ModelInvalid, "layer {d}, expert {t} projection: " ++ format, .{ where.layer, where.projection } ++ args);
    }

    fn checkCoverage(where: Where, runs: []const Run, experts: u32) Error!void {
        // Runs are few, so every run start is looked for by scanning: next expert not yet covered, exactly once.
        var next: u32 = 0;
        while (next < experts) {
            var found: ?*const Run = null;
            for (runs) |*run| {
                if (!run.covers(next)) continue;
                if (found != null) return where.invalid("expert {d} is described twice", .{next});
                found = run;
            }
            const run = found orelse return where.invalid("expert {d} is missing", .{next});
            if (run.expert_first != next) return where.invalid("expert {d} is described twice", .{run.expert_first});
            if (run.expert_count > experts - next) return where.invalid("experts {d}.. exceed the model's {d}", .{ next, experts });
            next += run.expert_count;
        }
        for (runs) |*run| {
            if (run.expert_count == 0 or run.expert_first >= experts)
                return where.invalid("a run of {d} experts from {d} is outside the model's {d}", .{ run.expert_count, run.expert_first, experts });
        }
    }

    fn checkRun(where: Where, run: *const Run, files: []const FileInfo) Error!void {
        if (run.rows == 0 or run.cols == 0) return where.invalid("shape {d} x {d} is empty", .{ run.rows, run.cols });
        const values = @as(u64, run.rows) * run.cols;
        if (run.format != .affine) {
            const bytes = std.math.mul(u64, values, valueBytes(run.format)) catch
                return where.invalid("shape {d} x {d} is too large", .{ run.rows, run.cols });
            return where.checkExtent(run, run.weight, .weight, bytes, files);
        }
        switch (run.bits) {
            2, 3, 4, 5, 6, 8 => {},
            else => return where.invalid("{d} bits are not supported (2, 3, 4, 5, 6, 8 are)", .{run.bits}),
        }
        switch (run.group) {
            32, 64, 128 => {},
            else => return where.invalid("a group of {d} is not supported (32, 64, 128 are)", .{run.group}),
        }
        if (run.cols % run.group != 0) return where.invalid("{d} columns are not a multiple of the group of {d}", .{ run.cols, run.group });
        if (run.scale_format == .affine) return where.invalid("scales cannot be quantised themselves", .{});
        const weight_bits = std.math.mul(u64, values, run.bits) catch return where.invalid("shape {d} x {d} is too large", .{ run.rows, run.cols });
        const scale_bytes = values / run.group * valueBytes(run.scale_format);
        try where.checkExtent(run, run.weight, .weight, weight_bits / 8, files);
        try where.checkExtent(run, run.scales, .scales, scale_bytes, files);
        try where.checkExtent(run, run.biases, .biases, scale_bytes, files);
    }

    fn checkExtent(where: Where, run: *const Run, extent: abi.Extent, part: Part, expected: u64, files: []const FileInfo) Error!void {
        if (extent.file >= files.len) return where.invalid("{t}: file {d} of {d} does not exist", .{ part, extent.file, files.len });
        const file = files[extent.file];
        if (extent.bytes != expected)
            return where.invalid("{t}: {d} bytes per expert in {s}, the shape asks for {d}", .{ part, extent.bytes, file.path, expected });
        if (run.expert_count > 1 and extent.stride < extent.bytes)
            return where.invalid("{t}: experts overlap in {s} (stride {d}, {d} bytes each)", .{ part, file.path, extent.stride, extent.bytes });
        const last = std.math.mul(u64, extent.stride, run.expert_count - 1) catch std.math.maxInt(u64);
        const end = extent.offset +| last +| extent.bytes;
        if (end > file.bytes)
            return where.invalid("{t}: ends at byte {d} of {s}, which has {d}", .{ part, end, file.path, file.bytes });
    }
};

pub fn valueBytes(format: abi.Format) u64 {
    return switch (format) {
        .f32 => 4,
        .f16, .bf16 => 2,
        .affine => unreachable, // a packed format has no whole bytes per value
    };
}
