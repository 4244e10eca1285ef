//! One request against a source that may fault: completes short reads, repeats interrupted ones at once, repeats EIO
//! with a growing pause, and says what stopped it. A state machine without a clock or a system call, shared by every
//! reader, so that the code which meets the disk is the code which is tested. Allocates nothing; any thread.

const std = @import("std");
const reader = @import("reader.zig");
const Got = @import("files.zig").Got;

/// Tries of a read that answers EIO, and the pause before the second; it grows eightfold each time.
pub const io_error_tries = 3;
pub const io_error_pause_ns = 2 * std.time.ns_per_ms;
/// Reads in a row that delivered nothing new before the file counts as ended there.
pub const stalls_max = 64;
/// Interruptions in a row before a read counts as failed; a live system never comes near.
pub const interruptions_max = 1000;

pub const Tally = struct { bytes: u64 = 0, retries: u64 = 0 };

/// What follows an answer: another read (of `buffer` at `offset`), the same after a pause, or the end.
pub const Step = union(enum) { read, read_after_ns: u64, finished: reader.Outcome };

pub const Transfer = struct {
    request: reader.Request,
    /// A read that stopped inside a page is repeated from that page's start, as direct reads must be.
    aligned: bool,
    tally: Tally = .{},
    done: u64 = 0, // bytes that arrived, the next read's start
    furthest: u64 = 0, // end of the longest read so far
    io_errors: u32 = 0,
    interruptions: u32 = 0,
    stalls: u32 = 0,
    pause_ns: u64 = io_error_pause_ns,

    pub fn start(request: reader.Request, aligned: bool) Transfer {
        std.debug.assert(request.needed > 0 and request.needed <= request.bytes);
        return .{ .request = request, .aligned = aligned };
    }

    /// Where the next read goes.
    pub fn buffer(one: *const Transfer) []u8 {
        return one.request.destination[@intCast(one.done)..@intCast(one.request.bytes)];
    }

    /// Where in the file it begins.
    pub fn offset(one: *const Transfer) u64 {
        return one.request.offset + one.done;
    }

    /// The answer to the read that `buffer` and `offset` described.
    pub fn take(one: *Transfer, got: Got) Step {
        const step = switch (got) {
            .bytes => |bytes| one.arrived(bytes),
            .errno => |errno| one.failed(errno),
        };
        if (step != .finished) one.tally.retries += 1;
        return step;
    }

    fn arrived(one: *Transfer, bytes: usize) Step {
        std.debug.assert(bytes <= one.request.bytes - one.done);
        one.tally.bytes += bytes;
        const end = one.done + bytes;
        // An aligned read may repeat bytes that came before, so "nothing" is: not past what was there.
        one.stalls = if (end > one.furthest) 0 else one.stalls + 1;
        if (bytes == 0 or one.stalls >= stalls_max)
            return .{ .finished = .{ .truncated = .{ .offset = one.request.offset + one.furthest } } };
        one.furthest = @max(one.furthest, end);
        if (one.furthest >= one.request.needed) return .{ .finished = .ok };
        one.done = if (one.aligned) std.mem.alignBackward(u64, one.furthest, reader.alignment) else one.furthest;
        one.io_errors = 0;
        one.interruptions = 0;
        return .read;
    }

    fn failed(one: *Transfer, errno: u32) Step {
        switch (@as(std.c.E, @enumFromInt(errno))) {
            .INTR, .AGAIN => {
                one.interruptions += 1;
                if (one.interruptions < interruptions_max) return .read;
            },
            .IO => {
                one.io_errors += 1;
                if (one.io_errors < io_error_tries) {
                    defer one.pause_ns *= 8;
                    return .{ .read_after_ns = one.pause_ns };
                }
            },
            else => {},
        }
        return .{ .finished = .{ .failed = .{ .errno = errno, .offset = one.offset() } } };
    }
};

/// The whole of it against a source that answers at once: `read(file, buffer, offset) Got` and `pause(ns)`.
pub fn transfer(source: anytype, request: *const reader.Request, aligned: bool, tally: *Tally) reader.Outcome {
    var one: Transfer = .start(request.*, aligned);
    defer {
        tally.bytes += one.tally.bytes;
        tally.retries += one.tally.retries;
    }
    while (true) switch (one.take(source.read(request.file, one.buffer(), one.offset()))) {
        .read => {},
        .read_after_ns => |ns| source.pause(ns),
        .finished => |outcome| return outcome,
    };
}
