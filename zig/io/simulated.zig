//! The reader for tests: one thread, virtual time, every choice from one seed. Requests complete in an order drawn from
//! random latencies; those that are not urgent begin only beside few others; reads come short, are interrupted, fail for a
//! while or for good. A destination holds garbage until its request completed. Files and memory belong to the caller.

const std = @import("std");
const result = @import("../abi/result.zig");
const reader = @import("reader.zig");
const files_room = @import("files.zig");
const transfer = @import("transfer.zig");
const nowNs = @import("thread.zig").nowNs;
const checkRequest = @import("jobs.zig").checkRequest;

const Got = files_room.Got;

/// What a destination holds until its bytes arrived.
const garbage = 0xa5;

/// Where the simulated bytes come from. A file shorter than its description is a truncated one.
pub const Content = union(enum) {
    memory: []const []const u8,
    files: *const files_room.Files,

    fn count(content: Content) usize {
        return switch (content) {
            .memory => |memory| memory.len,
            .files => |files| files.handles.len,
        };
    }

    /// At most `length` bytes into the front of `buffer`.
    fn read(content: Content, file: u32, buffer: []u8, length: usize, offset: u64) Got {
        switch (content) {
            // Real files may be open for direct reads: ask for whole pages, then take back what the fault withholds.
            .files => |files| switch (files.readAt(file, buffer, offset)) {
                .errno => |errno| return .{ .errno = errno },
                .bytes => |bytes| {
                    const n = @min(bytes, length);
                    @memset(buffer[n..], garbage);
                    return .{ .bytes = n };
                },
            },
            .memory => |memory| {
                const bytes = memory[file];
                if (offset >= bytes.len) return .{ .bytes = 0 };
                const start: usize = @intCast(offset);
                const n = @min(length, bytes.len - start);
                @memcpy(buffer[0..n], bytes[start..][0..n]);
                return .{ .bytes = n };
            },
        }
    }
};

/// A range of a file that always answers EIO.
pub const BadRange = struct { file: u32, offset: u64, bytes: u64 };

pub const SimulatedOptions = struct {
    seed: u64 = 0,
    capacity: u32 = 64,
    latency_min_ns: u64 = 100_000,
    latency_max_ns: u64 = 5_000_000,
    spare: reader.Spare = .{},
    /// Requests share a channel of this speed, first come first served, before their latency; 0: no limit.
    bytes_per_second: u64 = 0,
    /// Time is the system's: `wait` really waits. For measuring, not for tests.
    real_time: bool = false,
    /// Chances per system call, 0 to 1.
    short_reads: f32 = 0,
    interruptions: f32 = 0,
    io_errors: f32 = 0,
    /// Answer EIO at most this often in a row by chance; 2 lets the third try succeed.
    io_errors_in_row: u32 = transfer.io_error_tries - 1,
    bad: []const BadRange = &.{},
    /// Reads restart at page boundaries, as direct reads do; always so over real files.
    aligned: bool = true,
};

pub const Simulated = struct {
    gpa: std.mem.Allocator,
    content: Content,
    options: SimulatedOptions,
    random: std.Random.DefaultPrng,
    pending: []Pending,
    pending_count: usize = 0,
    now_ns: u64 = 0,
    /// Until when it is decided what has begun.
    begun_until_ns: u64 = 0,
    channel_free_ns: u64 = 0, // when the channel has sent all it was given
    busy_until_ns: u64 = 0, // when the last request given so far completes
    submitted: u64 = 0,
    errors_in_row: u32 = 0,
    counters: reader.Counters = .{},

    /// `due_ns` is null until it has begun. `order` is that of submission.
    const Pending = struct { request: reader.Request, order: u64, due_ns: ?u64 = null };

    pub fn init(gpa: std.mem.Allocator, content: Content, options: SimulatedOptions) error{OutOfMemory}!*Simulated {
        const simulated = try gpa.create(Simulated);
        errdefer gpa.destroy(simulated);
        const pending = try gpa.alloc(Pending, options.capacity);
        simulated.* = .{ .gpa = gpa, .content = content, .options = options, .random = .init(options.seed), .pending = pending };
        return simulated;
    }

    pub fn destroy(simulated: *Simulated) void {
        const gpa = simulated.gpa;
        gpa.free(simulated.pending);
        gpa.destroy(simulated);
    }

    pub fn asReader(simulated: *Simulated) reader.Reader {
        return .{ .context = simulated, .vtable = &vtable, .capacity = simulated.pending.len };
    }

    const vtable: reader.Reader.VTable = .{
        .submit = vtableSubmit,
        .wait = vtableWait,
        .poll = vtablePoll,
        .raise = vtableRaise,
        .cancel = vtableCancel,
        .counters = vtableCounters,
        .deinit = vtableDeinit,
    };

    fn vtableSubmit(context: *anyopaque, requests: []const reader.Request) void {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        std.debug.assert(simulated.pending_count + requests.len <= simulated.pending.len);
        simulated.refresh();
        for (requests) |request| {
            checkRequest(&request, simulated.content.count());
            @memset(request.destination[0..@intCast(request.bytes)], garbage);
            const pending = &simulated.pending[simulated.pending_count];
            pending.* = .{ .request = request, .order = simulated.submitted };
            simulated.pending_count += 1;
            simulated.submitted += 1;
            if (request.urgent) simulated.begin(pending, simulated.now_ns);
        }
        simulated.beginOthers();
    }

    fn begin(simulated: *Simulated, pending: *Pending, at_ns: u64) void {
        const latency = simulated.random.random().intRangeAtMost(u64, simulated.options.latency_min_ns, simulated.options.latency_max_ns);
        const due_ns = simulated.sentAt(pending.request.bytes, at_ns) + latency;
        pending.due_ns = due_ns;
        simulated.counters.busy_ns += due_ns -| @max(at_ns, simulated.busy_until_ns);
        simulated.busy_until_ns = @max(simulated.busy_until_ns, due_ns);
    }

    /// What is not urgent begins when little else was being read, up to now.
    fn beginOthers(simulated: *Simulated) void {
        while (simulated.nextOther()) |next| {
            var at_ns = simulated.begun_until_ns;
            while (!simulated.hasSpareAt(at_ns)) at_ns = simulated.nextDue(at_ns);
            if (at_ns > simulated.now_ns) break;
            simulated.begin(next, at_ns);
            simulated.begun_until_ns = at_ns;
        }
        simulated.begun_until_ns = simulated.now_ns;
    }

    fn nextOther(simulated: *Simulated) ?*Pending {
        var first: ?*Pending = null;
        for (simulated.pending[0..simulated.pending_count]) |*pending| {
            if (pending.due_ns == null and (first == null or pending.order < first.?.order)) first = pending;
        }
        return first;
    }

    fn hasSpareAt(simulated: *const Simulated, at_ns: u64) bool {
        var reads: usize = 0;
        var bytes: u64 = 0;
        for (simulated.pending[0..simulated.pending_count]) |*pending| {
            if ((pending.due_ns orelse continue) <= at_ns) continue;
            reads += 1;
            bytes += pending.request.bytes;
        }
        return simulated.options.spare.beside(reads, bytes);
    }

    /// The first completion after that time; there is one.
    fn nextDue(simulated: *const Simulated, at_ns: u64) u64 {
        var first: u64 = std.math.maxInt(u64);
        for (simulated.pending[0..simulated.pending_count]) |*pending| {
            const due_ns = pending.due_ns orelse continue;
            if (due_ns > at_ns) first = @min(first, due_ns);
        }
        return first;
    }

    fn find(simulated: *const Simulated, tag: u64) ?usize {
        for (simulated.pending[0..simulated.pending_count], 0..) |*pending, i| if (pending.request.tag == tag) return i;
        return null;
    }

    fn vtableRaise(context: *anyopaque, tags: []const u64) void {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        simulated.refresh();
        for (tags) |tag| {
            const pending = &simulated.pending[simulated.find(tag) orelse continue];
            if (pending.due_ns == null) simulated.begin(pending, simulated.now_ns);
        }
    }

    fn vtableCancel(context: *anyopaque, tags: []const u64) bool {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        simulated.refresh();
        for (tags) |tag| if (simulated.pending[simulated.find(tag) orelse return false].due_ns != null) return false;
        for (tags) |tag| simulated.remove(simulated.find(tag).?);
        return true;
    }

    fn remove(simulated: *Simulated, index: usize) void {
        simulated.pending_count -= 1;
        simulated.pending[index] = simulated.pending[simulated.pending_count];
    }

    fn vtableWait(context: *anyopaque, out: []reader.Completion) usize {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        std.debug.assert(out.len > 0);
        if (simulated.pending_count == 0) return 0;
        simulated.refresh();
        simulated.advance(simulated.dueOf(simulated.earliest()) -| simulated.now_ns);
        return simulated.takeDue(out);
    }

    fn vtablePoll(context: *anyopaque, out: []reader.Completion) usize {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        simulated.refresh();
        return simulated.takeDue(out);
    }

    /// Virtual time passes, as when the caller computes; real time is waited for.
    pub fn advance(simulated: *Simulated, ns: u64) void {
        if (simulated.options.real_time and ns > 0) {
            const rest: std.c.timespec = .{ .sec = @intCast(ns / std.time.ns_per_s), .nsec = @intCast(ns % std.time.ns_per_s) };
            _ = std.c.nanosleep(&rest, null);
        }
        simulated.now_ns += ns;
        simulated.refresh();
    }

    fn refresh(simulated: *Simulated) void {
        if (simulated.options.real_time) simulated.now_ns = @max(simulated.now_ns, nowNs());
        simulated.beginOthers();
    }

    /// When the channel has sent `bytes` more, asked for at that time.
    fn sentAt(simulated: *Simulated, bytes: u64, at_ns: u64) u64 {
        if (simulated.options.bytes_per_second == 0) return at_ns;
        const duration = bytes * std.time.ns_per_s / simulated.options.bytes_per_second;
        simulated.channel_free_ns = @max(simulated.channel_free_ns, at_ns) + duration;
        return simulated.channel_free_ns;
    }

    /// What has completed by now, in the order of completion.
    fn takeDue(simulated: *Simulated, out: []reader.Completion) usize {
        var count: usize = 0;
        while (count < out.len and simulated.pending_count > 0) {
            const i = simulated.earliest();
            if (simulated.dueOf(i) > simulated.now_ns) break;
            out[count] = simulated.complete(i);
            count += 1;
        }
        return count;
    }

    /// Of those that have begun the one that completes first: where anything is pending, something has begun.
    fn earliest(simulated: *const Simulated) usize {
        var best: usize = 0;
        for (0..simulated.pending_count) |i| {
            if (simulated.dueOf(i) < simulated.dueOf(best)) best = i;
        }
        return best;
    }

    fn dueOf(simulated: *const Simulated, index: usize) u64 {
        return simulated.pending[index].due_ns orelse std.math.maxInt(u64);
    }

    fn complete(simulated: *Simulated, index: usize) reader.Completion {
        const request = simulated.pending[index].request;
        simulated.remove(index);
        var tally: transfer.Tally = .{};
        simulated.errors_in_row = 0;
        const outcome = transfer.transfer(simulated, &request, simulated.options.aligned or simulated.content == .files, &tally);
        simulated.counters.requests += 1;
        simulated.counters.bytes += tally.bytes;
        simulated.counters.retries += tally.retries;
        return .{ .tag = request.tag, .result = outcome };
    }

    fn vtableCounters(context: *anyopaque) reader.Counters {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        simulated.refresh();
        var counters = simulated.counters;
        counters.busy_ns -= simulated.busy_until_ns -| simulated.now_ns; // counted ahead
        return counters;
    }

    fn vtableDeinit(context: *anyopaque) void {
        const simulated: *Simulated = @ptrCast(@alignCast(context));
        simulated.destroy();
    }

    /// One simulated system call; `transfer` calls it.
    pub fn read(simulated: *Simulated, file: u32, buffer: []u8, offset: u64) Got {
        const random = simulated.random.random();
        const options = &simulated.options;
        for (options.bad) |bad| {
            if (bad.file == file and offset < bad.offset + bad.bytes and bad.offset < offset + buffer.len)
                return .{ .errno = @intFromEnum(std.c.E.IO) };
        }
        if (random.float(f32) < options.interruptions)
            return .{ .errno = @intFromEnum(if (random.boolean()) std.c.E.INTR else std.c.E.AGAIN) };
        if (simulated.errors_in_row < options.io_errors_in_row and random.float(f32) < options.io_errors) {
            simulated.errors_in_row += 1;
            return .{ .errno = @intFromEnum(std.c.E.IO) };
        }
        simulated.errors_in_row = 0;
        var length = buffer.len;
        if (buffer.len > 1 and random.float(f32) < options.short_reads)
            length = random.intRangeLessThan(usize, 1, buffer.len);
        return simulated.content.read(file, buffer, length, offset);
    }

    /// Virtual time passes; nothing sleeps.
    pub fn pause(simulated: *Simulated, ns: u64) void {
        simulated.counters.busy_ns += ns;
        simulated.now_ns += ns;
    }
};
