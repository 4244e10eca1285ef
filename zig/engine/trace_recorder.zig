//! Writes a trace while an engine runs: events gather in memory and go to the file in large pieces. The file appears when
//! the trace is stopped. Owns its buffer and descriptor; the engine's thread enters.

const std = @import("std");
const result = @import("../abi/result.zig");
const store_room = @import("../experts/store.zig");
const trace = @import("../experts/trace.zig");
const DurableFile = @import("durable_file.zig").DurableFile;
const process = @import("process.zig");

const Error = result.Error;
const Message = result.Message;

const buffer_bytes = 1 << 20;

pub const TraceRecorder = struct {
    gpa: std.mem.Allocator,
    file: DurableFile = undefined,
    buffer: []align(8) u8,
    used: usize = 0,
    written: u64 = 0,
    begun_ns: u64,
    /// A write failed: nothing more is recorded, `stop` tells it.
    failed: ?Error = null,

    pub fn start(gpa: std.mem.Allocator, path: []const u8, head: trace.Head, message: *Message) Error!*TraceRecorder {
        const recorder = gpa.create(TraceRecorder) catch return outOfMemory(message);
        errdefer gpa.destroy(recorder);
        const buffer = gpa.alignedAlloc(u8, .@"8", buffer_bytes) catch return outOfMemory(message);
        errdefer gpa.free(buffer);
        recorder.* = .{ .gpa = gpa, .buffer = buffer, .begun_ns = process.monotonicNs() };
        try recorder.file.create(path, message);
        recorder.append(std.mem.asBytes(&head));
        return recorder;
    }

    /// Writes what is left and puts the file in its place.
    pub fn stop(recorder: *TraceRecorder) Error!void {
        defer recorder.destroy();
        errdefer recorder.file.abandon();
        recorder.flush();
        if (recorder.failed) |err| return err;
        try recorder.file.commit();
    }

    fn destroy(recorder: *TraceRecorder) void {
        recorder.gpa.free(recorder.buffer);
        recorder.gpa.destroy(recorder);
    }

    fn outOfMemory(message: *Message) Error {
        return message.fail(error.OutOfMemory, "no memory for the trace's buffer", .{});
    }

    fn append(recorder: *TraceRecorder, bytes: []const u8) void {
        if (recorder.used + bytes.len > recorder.buffer.len) recorder.flush();
        if (bytes.len > recorder.buffer.len) return recorder.write(bytes); // a layer of very many experts
        @memcpy(recorder.buffer[recorder.used..][0..bytes.len], bytes);
        recorder.used += bytes.len;
    }

    fn flush(recorder: *TraceRecorder) void {
        recorder.write(recorder.buffer[0..recorder.used]);
        recorder.used = 0;
    }

    fn write(recorder: *TraceRecorder, bytes: []const u8) void {
        if (recorder.failed != null) return;
        recorder.file.writeAt(bytes, recorder.written) catch |err| {
            recorder.failed = err;
        };
        recorder.written += bytes.len;
    }

    /// What a layer's pass is measured against.
    pub const Mark = struct { begun_ns: u64, counters: store_room.Counters };

    pub fn mark(store: *const store_room.Store) Mark {
        return .{ .begun_ns = process.monotonicNs(), .counters = store.counters() };
    }

    /// `ids` ascending, as the batch's distinct experts are.
    pub fn record(recorder: *TraceRecorder, step: u64, layer: u32, tokens: u32, ids: []const u32, since: *const Mark, store: *const store_room.Store) void {
        const now = store.counters();
        const event: trace.Event = .{
            .step = step,
            .begun_ns = since.begun_ns -| recorder.begun_ns,
            .ended_ns = process.monotonicNs() -| recorder.begun_ns,
            .waited_ns = now.read_wait_ns - since.counters.read_wait_ns,
            .bytes = now.bytes - since.counters.bytes,
            .layer = layer,
            .tokens = tokens,
            .count = @intCast(ids.len),
            .hits = @intCast(now.hits - since.counters.hits),
            .joined = @intCast(now.prefetch_late - since.counters.prefetch_late),
        };
        recorder.append(std.mem.asBytes(&event));
        recorder.append(std.mem.sliceAsBytes(ids));
        const padding: [8]u8 = @splat(0);
        recorder.append(padding[0 .. trace.idsBytes(ids.len) - ids.len * @sizeOf(u32)]);
    }
};
