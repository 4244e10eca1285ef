//! Benchmark of the readers: direct reads of whole records at random places of one large file, every setting in turn,
//! several rounds, so that what else the machine does meets all of them alike. Prints medians and processor time.
//! Root module: zig/reader_bench.zig. Arguments: FILE, milliseconds a slice, rounds. The file is only read.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const memory = @import("../backend/cpu/memory.zig");
const files_room = @import("../io/files.zig");
const open_reader = @import("../io/open.zig");
const reader = @import("../io/reader.zig");

const record_sizes = [_]u64{ 1_769_472, 7_077_888 };
const in_flight_max = 32;
const rounds_max = 32;

/// `all`: a full queue all the time. `burst`: eight records and the wait for all of them, as a decode step without
/// prediction reads a layer.
const Mode = enum { all, burst };

const Setting = struct { kind: abi.ReaderKind, depth: u32, split: u32, mode: Mode, huge: bool = true };

const settings = blk: {
    var list: []const Setting = &.{};
    for ([_]abi.ReaderKind{ .pread, .uring }) |kind| {
        for ([_]u32{ 1, 2, 4, 8, 16, 32 }) |depth| list = list ++ .{Setting{ .kind = kind, .depth = depth, .split = 1, .mode = .all }};
        for ([_]u32{ 2, 4 }) |split| list = list ++ .{Setting{ .kind = kind, .depth = 16, .split = split, .mode = .all }};
        for ([_]u32{ 1, 2, 4 }) |split| list = list ++ .{Setting{ .kind = kind, .depth = 16, .split = split, .mode = .burst }};
        list = list ++ .{Setting{ .kind = kind, .depth = 16, .split = 1, .mode = .all, .huge = false }};
    }
    break :blk list;
};

const Sample = struct { bytes_per_s: f64, processor: f64 };

pub fn main(init: std.process.Init) !void {
    const arena = init.arena.allocator();
    const arguments = try init.minimal.args.toSlice(arena);
    if (arguments.len < 2) {
        std.debug.print("usage: FILE [MILLISECONDS] [ROUNDS]\n", .{});
        return error.NoFile;
    }
    const slice_ms = if (arguments.len > 2) try std.fmt.parseInt(u64, arguments[2], 10) else 500;
    const rounds = @min(rounds_max, if (arguments.len > 3) try std.fmt.parseInt(usize, arguments[3], 10) else 5);
    const stat = try std.Io.Dir.cwd().statFile(init.io, arguments[1], .{});
    const infos = [_]files_room.FileInfo{.{ .path = arguments[1], .bytes = stat.size }};
    var message: Message = .{};
    errdefer std.debug.print("{s}\n", .{message.text()});
    var files = try files_room.Files.open(arena, &infos, true, &message);
    defer files.close();
    std.debug.print("{s}: {Bi:.2}, {t}\n", .{ arguments[1], stat.size, files.handles[0].access });
    for (record_sizes) |record| try compare(arena, &files, record, slice_ms * std.time.ns_per_ms, rounds, &message);
}

fn compare(arena: std.mem.Allocator, files: *const files_room.Files, record: u64, slice_ns: u64, rounds: usize, message: *Message) !void {
    const huge = try memory.map(@intCast(record * in_flight_max));
    defer memory.unmap(huge);
    const small = try memory.map(@intCast(record * in_flight_max));
    defer memory.unmap(small);
    if (@import("builtin").os.tag == .linux) try std.posix.madvise(small.ptr, small.len, std.posix.MADV.NOHUGEPAGE);
    @memset(huge, 1);
    @memset(small, 1);
    var samples: [settings.len][rounds_max]Sample = undefined;
    var prng: std.Random.DefaultPrng = .init(record);
    for (0..rounds) |round| {
        for (0..settings.len) |i| {
            const which = (i + round * 7) % settings.len;
            const setting = settings[which];
            const opened = try open_reader.openReader(arena, files, .{ .kind = setting.kind, .depth = setting.depth, .split = setting.split }, message);
            defer opened.reader.deinit();
            const places = if (setting.huge) huge else small;
            samples[which][round] = try slice(opened.reader, files.handles[0].bytes, record, setting.mode, slice_ns, prng.random(), places);
        }
    }
    std.debug.print("\nrecords of {d} bytes, {d} rounds of {d} ms; median MB/s, lowest, highest; processor seconds per GB\n", .{ record, rounds, slice_ns / std.time.ns_per_ms });
    for (settings, &samples) |setting, *all| {
        std.mem.sort(Sample, all[0..rounds], {}, slower);
        std.debug.print("{t:<6} depth {d:>2} split {d} {t:<5} {s:<11} {d:>7.0} {d:>7.0} {d:>7.0}   {d:.3}\n", .{
            setting.kind,                      setting.depth,            setting.split,                     setting.mode,              if (setting.huge) "" else "small pages",
            all[rounds / 2].bytes_per_s / 1e6, all[0].bytes_per_s / 1e6, all[rounds - 1].bytes_per_s / 1e6, all[rounds / 2].processor,
        });
    }
}

fn slower(_: void, a: Sample, b: Sample) bool {
    return a.bytes_per_s < b.bytes_per_s;
}

fn slice(r: reader.Reader, file_bytes: u64, record: u64, mode: Mode, slice_ns: u64, random: std.Random, places: memory.Block) !Sample {
    const used = nanoseconds(.PROCESS_CPUTIME_ID);
    const begun = nanoseconds(.MONOTONIC);
    var bytes: u64 = 0;
    var out: usize = 0;
    const wanted: usize = if (mode == .burst) 8 else in_flight_max;
    var free: [in_flight_max]usize = undefined;
    for (free[0..wanted], 0..) |*place, i| place.* = i;
    var free_count = wanted;
    while (true) {
        const over = nanoseconds(.MONOTONIC) - begun >= slice_ns;
        if (over and out == 0) break;
        if (!over and (mode == .all or out == 0)) while (free_count > 0) {
            free_count -= 1;
            const place = free[free_count];
            r.submit(&.{.{
                .file = 0,
                .offset = random.uintLessThan(u64, (file_bytes - record) / reader.alignment) * reader.alignment,
                .bytes = record,
                .needed = record,
                .destination = @alignCast(places.ptr + place * @as(usize, @intCast(record))),
                .tag = place,
            }});
            out += 1;
        };
        var completions: [in_flight_max]reader.Completion = undefined;
        for (completions[0..r.wait(&completions)]) |completion| {
            if (completion.result != .ok) return error.ReadFailed;
            free[free_count] = @intCast(completion.tag);
            free_count += 1;
            out -= 1;
            bytes += record;
        }
    }
    const ns: f64 = @floatFromInt(nanoseconds(.MONOTONIC) - begun);
    const processor: f64 = @floatFromInt(nanoseconds(.PROCESS_CPUTIME_ID) - used);
    const read: f64 = @floatFromInt(bytes);
    return .{ .bytes_per_s = read * 1e9 / ns, .processor = processor / read };
}

fn nanoseconds(clock: std.c.clockid_t) u64 {
    var time: std.c.timespec = undefined;
    _ = std.c.clock_gettime(clock, &time);
    return @as(u64, @intCast(time.sec)) * 1_000_000_000 + @as(u64, @intCast(time.nsec));
}
