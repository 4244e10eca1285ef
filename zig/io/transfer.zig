//! One request against a source that may fault: completes short reads, repeats interrupted ones at once, repeats EIO
//! with a growing pause, and says what stopped it. Shared by the thread pool and the simulator, so that the code which
//! meets the disk is the code which is tested. Allocates nothing; any thread.

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

/// `source` has `read(file, buffer, offset) Got` and `pause(ns)`. With `aligned`, a read that stopped inside a page is
/// repeated from that page's start, as direct reads must be.
pub fn transfer(source: anytype, request: *const reader.Request, aligned: bool, tally: *Tally) reader.Outcome {
    var done: u64 = 0; // bytes that arrived, the next read's start
    var furthest: u64 = 0; // end of the longest read so far
    var io_errors: u32 = 0;
    var interruptions: u32 = 0;
    var stalls: u32 = 0;
    var pause_ns: u64 = io_error_pause_ns;
    while (furthest < request.needed) {
        const rest = request.destination[@intCast(done)..@intCast(request.bytes)];
        switch (source.read(request.file, rest, request.offset + done)) {
            .bytes => |bytes| {
                std.debug.assert(bytes <= rest.len);
                tally.bytes += bytes;
                const end = done + bytes;
                // An aligned read may repeat bytes that came before, so "nothing" is: not past what was there.
                stalls = if (end > furthest) 0 else stalls + 1;
                if (bytes == 0 or stalls >= stalls_max) return .{ .truncated = .{ .offset = request.offset + furthest } };
                furthest = @max(furthest, end);
                if (furthest >= request.needed) break;
                done = if (aligned) std.mem.alignBackward(u64, furthest, reader.alignment) else furthest;
                tally.retries += 1;
                io_errors = 0;
                interruptions = 0;
            },
            .errno => |errno| {
                const again = switch (@as(std.c.E, @enumFromInt(errno))) {
                    .INTR, .AGAIN => again: {
                        interruptions += 1;
                        break :again interruptions < interruptions_max;
                    },
                    .IO => again: {
                        io_errors += 1;
                        if (io_errors >= io_error_tries) break :again false;
                        source.pause(pause_ns);
                        pause_ns *= 8;
                        break :again true;
                    },
                    else => false,
                };
                if (!again) return .{ .failed = .{ .errno = errno, .offset = request.offset + done } };
                tally.retries += 1;
            },
        }
    }
    return .ok;
}
