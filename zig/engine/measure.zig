//! What the machine can do, for the rooflines: direct reads of a model's own expert records through the engine's own
//! reader, and a streaming read of memory with the engine's own threads. Each call is one bounded slice that holds its
//! memory only while it runs; no engine is needed, and none is touched.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const memory = @import("../backend/cpu/memory.zig");
const read_loop = @import("../backend/cpu/read_loop.zig");
const record_room = @import("../experts/record.zig");
const store = @import("../experts/store.zig");
const Description = @import("../format/description.zig").Description;
const files_room = @import("../io/files.zig");
const io = @import("../io/reader.zig");
const open_reader = @import("../io/open.zig");
const model_room = @import("model.zig");
const process = @import("process.zig");
const settings_room = @import("settings.zig");

const Allocator = std.mem.Allocator;
const Error = result.Error;
const Message = result.Message;

const milliseconds_max = 10_000;
const in_flight_default = 16;
pub const in_flight_max = 128;
const memory_bytes_min = 1 << 20;
const memory_bytes_max = 64 << 30;

/// Records of all layers, drawn at random and read whole, `in_flight` at once. The clock runs from the completion that
/// ends the first round to one with the same number of reads in flight, so that neither filling nor emptying the queue
/// counts, and for the time asked for: a queue that fills slowly is measured as long as any other.
pub fn disk(gpa: Allocator, desc: []align(8) const u8, options: *const abi.EngineOptions, args: *abi.DiskMeasurement, message: *Message) Error!void {
    var description: Description = try .parse(gpa, desc, message);
    defer description.deinit();
    const settings: settings_room.Settings = try .init(options, &description.shape, message);
    try checkDisk(&settings, args, message);
    var arena: std.heap.ArenaAllocator = .init(gpa);
    defer arena.deinit();
    const infos = arena.allocator().alloc(files_room.FileInfo, description.files.len) catch return outOfMemory(message);
    for (infos, description.files) |*info, file| info.* = .{ .path = file.path, .bytes = file.bytes };
    const layers = model_room.expertLayers(arena.allocator(), &description) catch return outOfMemory(message);
    try store.validate(layers, description.shape.experts, infos, message);

    var files: files_room.Files = try .open(gpa, infos, settings.direct_io, message);
    defer files.close();
    const opened = try open_reader.openReader(gpa, &files, settings.readerOptions(), message);
    defer opened.reader.deinit();
    const in_flight = if (args.in_flight == 0) in_flight_default else args.in_flight;
    var reads: DiskReads = try .init(arena.allocator(), layers, description.shape.experts, in_flight, opened.reader, args.seed, message);
    defer reads.deinit();
    try reads.run(args, infos, message);
    args.in_flight = in_flight;
    args.reader = @intFromEnum(opened.kind);
    args.direct = for (files.handles) |handle| {
        if (handle.access != .direct) break 0;
    } else 1;
}

fn checkDisk(settings: *const settings_room.Settings, args: *const abi.DiskMeasurement, message: *Message) Error!void {
    if (settings.reader == .simulated)
        return message.fail(error.InvalidArgument, "simulated reads say nothing of a disk; choose another reader", .{});
    if (args.in_flight > in_flight_max)
        return message.fail(error.InvalidArgument, "{d} records at once are too many, at most {d} make sense", .{ args.in_flight, in_flight_max });
    try checkTime(args.milliseconds, message);
}

fn checkTime(milliseconds: u32, message: *Message) Error!void {
    if (milliseconds == 0 or milliseconds > milliseconds_max)
        return message.fail(error.InvalidArgument, "a slice of {d} ms; use 1 to {d} and measure several", .{ milliseconds, milliseconds_max });
}

const DiskReads = struct {
    layers: []const store.LayerExperts,
    experts: u32,
    reader: io.Reader,
    random: std.Random.DefaultPrng,
    block: memory.Block,
    slot_bytes: usize,
    places: []Place,
    out: usize = 0,
    /// Records that arrived whole.
    records: u64 = 0,
    bytes: u64 = 0,

    const Place = struct { ranges_left: u32 = 0, bytes: u64 = 0 };

    fn init(arena: Allocator, layers: []const store.LayerExperts, experts: u32, in_flight: u32, reader: io.Reader, seed: u64, message: *Message) Error!DiskReads {
        if (@as(usize, in_flight) * record_room.pieces_max > reader.capacity)
            return message.fail(error.InvalidArgument, "{d} records at once may be more than the reader's {d} requests; use at most {d}", .{ in_flight, reader.capacity, reader.capacity / record_room.pieces_max });
        const slot_bytes = store.slotBytes(layers, experts);
        const places = arena.alloc(Place, in_flight) catch return outOfMemory(message);
        const block = memory.map(slot_bytes * in_flight) catch return outOfMemory(message);
        @memset(block, 0); // what the pages cost is not the disk's
        return .{ .layers = layers, .experts = experts, .reader = reader, .random = .init(seed), .block = block, .slot_bytes = slot_bytes, .places = places };
    }

    /// Nothing may be in flight.
    fn deinit(reads: *DiskReads) void {
        memory.unmap(reads.block);
    }

    fn run(reads: *DiskReads, args: *abi.DiskMeasurement, infos: []const files_room.FileInfo, message: *Message) Error!void {
        const slice_ns = @as(u64, args.milliseconds) * std.time.ns_per_ms;
        for (0..reads.places.len) |place| reads.begin(place);
        var fault: ?Error = null;
        var begun: ?Mark = null;
        var ended: ?Mark = null;
        while (reads.out > 0) {
            var completions: [64]io.Completion = undefined;
            for (completions[0..reads.reader.wait(&completions)]) |completion| {
                if (completion.result != .ok and fault == null) fault = faultOf(completion, infos, message);
                const place: u32 = @truncate(completion.tag);
                if (!reads.arrived(place)) continue;
                const mark: Mark = .{ .ns = process.monotonicNs(), .records = reads.records, .bytes = reads.bytes };
                // However slow the disk, what ends the slice is a later record: the two that a rate takes.
                if (begun) |from| {
                    if (ended == null and mark.ns - from.ns >= slice_ns) ended = mark;
                } else if (reads.records >= reads.places.len) begun = mark;
                if (ended == null and fault == null) reads.begin(place);
            }
        }
        if (fault) |err| return err;
        args.ns = @max(1, ended.?.ns - begun.?.ns);
        args.bytes = ended.?.bytes - begun.?.bytes;
        args.records = ended.?.records - begun.?.records;
    }

    const Mark = struct { ns: u64, records: u64, bytes: u64 };

    fn begin(reads: *DiskReads, place: usize) void {
        const random = reads.random.random();
        const layer = &reads.layers[random.uintLessThan(usize, reads.layers.len)];
        const record = record_room.recordOf(layer, random.uintLessThan(u32, reads.experts));
        const slot = reads.block.ptr + place * reads.slot_bytes;
        var requests: [record_room.pieces_max]io.Request = undefined;
        for (record.ranges[0..record.range_count], requests[0..record.range_count]) |range, *request| request.* = .{
            .file = range.file,
            .offset = range.offset,
            .bytes = range.bytes,
            .needed = range.needed,
            .destination = @alignCast(slot + range.place),
            .tag = place | @as(u64, range.file) << 32,
        };
        reads.places[place] = .{ .ranges_left = @intCast(record.range_count), .bytes = record.bytes };
        reads.out += record.range_count;
        reads.reader.submit(requests[0..record.range_count]);
    }

    /// Whether that was the last range of its record.
    fn arrived(reads: *DiskReads, index: u32) bool {
        const place = &reads.places[index];
        reads.out -= 1;
        place.ranges_left -= 1;
        if (place.ranges_left > 0) return false;
        reads.records += 1;
        reads.bytes += place.bytes;
        return true;
    }
};

fn faultOf(completion: io.Completion, infos: []const files_room.FileInfo, message: *Message) Error {
    const path = infos[@intCast(completion.tag >> 32)].path;
    return switch (completion.result) {
        .ok => unreachable, // asked for faults only
        .failed => |fault| message.fail(error.IoFailed, "reading {s} at byte {d} failed with {s}; check the disk and the file, then try again", .{ path, fault.offset, files_room.errnoName(fault.errno) }),
        .truncated => |fault| message.fail(error.IoFailed, "{s} ends at byte {d}, inside an expert; the file was cut short, download it again", .{ path, fault.offset }),
    };
}

/// Passes over a block larger than the caches until the time is up; at least one.
pub fn memoryRead(gpa: Allocator, args: *abi.MemoryMeasurement, message: *Message) Error!void {
    try checkTime(args.milliseconds, message);
    if (args.threads > settings_room.threads_max)
        return message.fail(error.InvalidArgument, "{d} threads; use at most {d}", .{ args.threads, settings_room.threads_max });
    if (args.block_bytes < memory_bytes_min or args.block_bytes > memory_bytes_max)
        return message.fail(error.InvalidArgument, "a block of {d} bytes; use {d} to {d}", .{ args.block_bytes, @as(u64, memory_bytes_min), @as(u64, memory_bytes_max) });
    const threads = if (args.threads == 0) @min(process.processorCount(), settings_room.threads_max) else args.threads;
    var reading = read_loop.Reading.init(gpa, threads, @intCast(args.block_bytes)) catch return outOfMemory(message);
    defer reading.deinit();
    const begun = process.monotonicNs();
    const deadline = begun + @as(u64, args.milliseconds) * std.time.ns_per_ms;
    var passes: u64 = 0;
    var now = begun;
    var fastest: u64 = std.math.maxInt(u64);
    while (passes == 0 or now < deadline) {
        reading.pass();
        const after = process.monotonicNs();
        fastest = @min(fastest, after - now);
        now = after;
        passes += 1;
    }
    args.threads = threads;
    args.bytes = passes * reading.block.len;
    args.ns = @max(1, now - begun);
    args.pass_bytes = reading.block.len;
    args.fastest_ns = @max(1, fastest);
}

fn outOfMemory(message: *Message) Error {
    return message.fail(error.OutOfMemory, "the system refused memory to measure with; close other programs", .{});
}
