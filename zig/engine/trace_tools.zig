//! What can be done with a trace file: score a policy on it, or write it for a timeline viewer. Holds the file in memory
//! while it works. Needs no engine; any thread.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const files_room = @import("../io/files.zig");
const replay_room = @import("../experts/replay.zig");
const slots = @import("../experts/slots.zig");
const trace_room = @import("../experts/trace.zig");
const DurableFile = @import("durable_file.zig").DurableFile;

const Error = result.Error;
const Message = result.Message;
const Trace = trace_room.Trace;

/// A trace and the memory it lies in.
const Loaded = struct {
    trace: Trace,
    memory: []align(8) u8,

    fn init(gpa: std.mem.Allocator, path: []const u8, message: *Message) Error!Loaded {
        const bytes = try fileBytes(path, message);
        const memory = gpa.alignedAlloc(u8, .@"8", bytes) catch
            return message.fail(error.OutOfMemory, "no memory for a trace of {d} bytes", .{bytes});
        errdefer gpa.free(memory);
        var files = try files_room.Files.open(gpa, &.{.{ .path = path, .bytes = bytes }}, false, message);
        defer files.close();
        var done: usize = 0;
        while (done < bytes) switch (files.readAt(0, memory[done..], done)) {
            .bytes => |got| {
                if (got == 0) return message.fail(error.IoFailed, "{s} ended while it was read", .{path});
                done += got;
            },
            .errno => |errno| return message.fail(error.IoFailed, "cannot read {s}: {s}", .{ path, files_room.errnoName(errno) }),
        };
        return .{ .trace = try .parse(memory, message), .memory = memory };
    }

    fn deinit(loaded: *const Loaded, gpa: std.mem.Allocator) void {
        gpa.free(loaded.memory);
    }
};

fn fileBytes(path: []const u8, message: *Message) Error!usize {
    var buffer: [std.c.PATH_MAX:0]u8 = undefined;
    const terminated = std.fmt.bufPrintSentinel(&buffer, "{s}", .{path}, 0) catch
        return message.fail(error.InvalidArgument, "the path is longer than {d} bytes: {s}", .{ buffer.len, path });
    const descriptor = std.c.open(terminated, .{ .ACCMODE = .RDONLY, .CLOEXEC = true, .NONBLOCK = true });
    if (descriptor < 0) return message.fail(error.IoFailed, "cannot open {s}: {s}", .{ path, files_room.errnoName(@intCast(std.c._errno().*)) });
    defer _ = std.c.close(descriptor);
    const end = std.c.lseek(descriptor, 0, std.c.SEEK.END);
    if (end < 0) return message.fail(error.IoFailed, "{s} is no regular file", .{path});
    return @intCast(end);
}

/// Scores one policy at one size.
pub fn replay(gpa: std.mem.Allocator, path: []const u8, args: *const abi.ReplayArgs, out: *abi.ReplayScore, message: *Message) Error!void {
    const policy = std.enums.fromInt(abi.ReplayPolicy, args.policy) orelse
        return message.fail(error.InvalidArgument, "the policy {d} is unknown", .{args.policy});
    const loaded: Loaded = try .init(gpa, path, message);
    defer loaded.deinit(gpa);
    const head = &loaded.trace.head;
    const total = @as(u64, head.layers) * head.experts;
    const slot_count: u32 = if (args.slot_count == 0) head.slot_count else args.slot_count;
    if (slot_count == 0 or slot_count > total)
        return message.fail(error.InvalidArgument, "{d} slots for {d} layers of {d} experts", .{ slot_count, head.layers, head.experts });
    const share = slots.floorOf(slot_count, head.layers);
    var options: replay_room.Options = .{
        .slot_count = slot_count,
        .floor_slots = @min(head.experts_per_token, share), // one token's experts
        .decode_only = args.decode_only != 0,
        .warm_steps = args.warm_steps,
    };
    const score = switch (policy) {
        .belady => replay_room.belady(gpa, &loaded.trace, options),
        .lru => replay_room.replay(gpa, &loaded.trace, .lru, options),
        .lfu => replay_room.replay(gpa, &loaded.trace, .lfu, options),
        .layer_lru => layer: {
            options.floor_slots = share;
            break :layer replay_room.replay(gpa, &loaded.trace, .lru, options);
        },
        .decayed => own: {
            options.floor_slots = share;
            break :own replay_room.replay(gpa, &loaded.trace, .decayed, options);
        },
    } catch return message.fail(error.OutOfMemory, "no memory to replay the trace", .{});
    out.* = .{
        .accesses = score.accesses,
        .hits = score.hits,
        .slot_count = slot_count,
        .layers = head.layers,
        .experts = head.experts,
        .experts_per_token = head.experts_per_token,
    };
}

/// Writes the trace in the Trace Event format that chrome://tracing and Perfetto open: one row of layers, one of the time
/// waited for reads, and the bytes read as a curve.
pub fn exportTrace(gpa: std.mem.Allocator, path: []const u8, target: []const u8, message: *Message) Error!void {
    const loaded: Loaded = try .init(gpa, path, message);
    defer loaded.deinit(gpa);
    var file: DurableFile = undefined;
    try file.create(target, message);
    errdefer file.abandon();
    var out: Out = .{ .file = &file };
    try out.print("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{f}", .{Name{ .row = 1, .text = "layers" }});
    try out.print(",\n{f}", .{Name{ .row = 2, .text = "waiting for reads" }});
    var events = loaded.trace.iterator();
    while (events.next()) |item| try writeEvent(&out, item.event);
    try out.print("\n]}}\n", .{});
    try out.flush();
    try file.commit();
}

fn writeEvent(out: *Out, event: *const trace_room.Event) Error!void {
    const begun = micros(event.begun_ns);
    try out.print(",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":\"layer {d}\",\"ts\":{d:.3},\"dur\":{d:.3},\"args\":{{\"step\":{d},\"tokens\":{d}," ++
        "\"experts\":{d},\"hits\":{d},\"joined\":{d},\"waited_us\":{d:.3},\"bytes\":{d}}}}}", .{
        event.layer, begun,        micros(event.ended_ns -| event.begun_ns), event.step,  event.tokens, event.count,
        event.hits,  event.joined, micros(event.waited_ns),                  event.bytes,
    });
    if (event.waited_ns > 0)
        try out.print(",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":2,\"name\":\"wait\",\"ts\":{d:.3},\"dur\":{d:.3}}}", .{ begun, micros(event.waited_ns) });
    try out.print(",\n{{\"ph\":\"C\",\"pid\":1,\"name\":\"bytes read\",\"ts\":{d:.3},\"args\":{{\"bytes\":{d}}}}}", .{ begun, event.bytes });
}

fn micros(ns: u64) f64 {
    return @as(f64, @floatFromInt(ns)) / std.time.ns_per_us;
}

const Name = struct {
    row: u32,
    text: []const u8,

    pub fn format(name: Name, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.print("{{\"ph\":\"M\",\"pid\":1,\"tid\":{d},\"name\":\"thread_name\",\"args\":{{\"name\":\"{s}\"}}}}", .{ name.row, name.text });
    }
};

/// Text gathered into pieces for the file.
const Out = struct {
    file: *DurableFile,
    buffer: [64 << 10]u8 = undefined,
    used: usize = 0,
    written: u64 = 0,

    fn print(out: *Out, comptime format: []const u8, args: anytype) Error!void {
        const longest = 1024;
        if (out.buffer.len - out.used < longest) try out.flush();
        // Every piece is a few numbers between fixed words: far below the longest.
        const text = std.fmt.bufPrint(out.buffer[out.used..], format, args) catch unreachable;
        out.used += text.len;
    }

    fn flush(out: *Out) Error!void {
        try out.file.writeAt(out.buffer[0..out.used], out.written);
        out.written += out.used;
        out.used = 0;
    }
};
