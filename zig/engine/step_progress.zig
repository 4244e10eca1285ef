//! How far the running step is: written by the thread that steps, after every layer; read by any thread at any time.
//! A sequence number makes the numbers a reader gets belong together: odd while they are being written. The writer never
//! waits.

const std = @import("std");
const abi = @import("../abi/types.zig");

const word_count = @divExact(@sizeOf(abi.StepProgress), @sizeOf(u64));

pub const StepProgress = struct {
    /// The writer's own.
    current: abi.StepProgress = std.mem.zeroes(abi.StepProgress),
    bytes_before: u64 = 0,
    sequence: std.atomic.Value(u32) = .init(0),
    words: [word_count]std.atomic.Value(u64) = @splat(.init(0)),

    /// `position` is the first session's; `bytes_read` the store's sum so far, here and in `layerDone`.
    pub fn begin(progress: *StepProgress, position: u32, tokens: u32, layers: u32, bytes_read: u64) void {
        progress.bytes_before = bytes_read;
        progress.current = .{ .expert_bytes = 0, .position = position, .tokens = tokens, .done_layers = 0, .layers = layers };
        progress.publish();
    }

    pub fn layerDone(progress: *StepProgress, bytes_read: u64) void {
        progress.current.done_layers += 1;
        progress.current.expert_bytes = bytes_read - progress.bytes_before;
        progress.publish();
    }

    /// Also of a step that failed.
    pub fn end(progress: *StepProgress) void {
        progress.current = std.mem.zeroes(abi.StepProgress);
        progress.publish();
    }

    /// Releases keep the stores in order: whoever sees one of the new words sees that the sequence is odd.
    fn publish(progress: *StepProgress) void {
        const before = progress.sequence.load(.monotonic);
        progress.sequence.store(before +% 1, .monotonic);
        const values: [word_count]u64 = @bitCast(progress.current);
        for (&progress.words, values) |*word, value| word.store(value, .release);
        progress.sequence.store(before +% 2, .release);
    }

    pub fn read(progress: *const StepProgress) abi.StepProgress {
        while (true) {
            const before = progress.sequence.load(.acquire);
            var values: [word_count]u64 = undefined;
            for (&values, &progress.words) |*value, *word| value.* = word.load(.acquire);
            const untouched = progress.sequence.load(.monotonic) == before;
            if (before % 2 == 0 and untouched) return @bitCast(values);
            std.Thread.yield() catch std.atomic.spinLoopHint();
        }
    }
};

test "a step's progress: by layer, bytes since it began, nothing after its end" {
    var progress: StepProgress = .{};
    try std.testing.expectEqual(std.mem.zeroes(abi.StepProgress), progress.read());
    progress.begin(40, 7, 3, 1000);
    const begun: abi.StepProgress = .{ .expert_bytes = 0, .position = 40, .tokens = 7, .done_layers = 0, .layers = 3 };
    try std.testing.expectEqual(begun, progress.read());
    progress.layerDone(1000);
    progress.layerDone(1600);
    const later: abi.StepProgress = .{ .expert_bytes = 600, .position = 40, .tokens = 7, .done_layers = 2, .layers = 3 };
    try std.testing.expectEqual(later, progress.read());
    progress.end();
    try std.testing.expectEqual(std.mem.zeroes(abi.StepProgress), progress.read());
}

test "a step's progress read by another thread: numbers that belong together, never going back" {
    const layers = 20;
    const Writer = struct {
        fn run(progress: *StepProgress, done: *std.atomic.Value(bool)) void {
            for (1..2001) |step| { // all numbers of a step follow from its number
                const number: u32 = @intCast(step);
                progress.begin(number, 2 * number, layers, 0);
                for (1..layers + 1) |layer| progress.layerDone(step * 1000 + layer);
            }
            done.store(true, .release);
        }
    };
    var progress: StepProgress = .{};
    progress.begin(0, 0, layers, 0);
    var done: std.atomic.Value(bool) = .init(false);
    const thread = try std.Thread.spawn(.{}, Writer.run, .{ &progress, &done });
    defer thread.join();
    var last: u64 = 0;
    var ended = false;
    while (!ended) {
        ended = done.load(.acquire);
        const seen = progress.read();
        try std.testing.expectEqual(2 * seen.position, seen.tokens);
        const bytes: u64 = if (seen.done_layers == 0) 0 else @as(u64, seen.position) * 1000 + seen.done_layers;
        try std.testing.expectEqual(bytes, seen.expert_bytes);
        const at = @as(u64, seen.position) * 100 + seen.done_layers;
        try std.testing.expect(at >= last);
        last = at;
    }
    try std.testing.expectEqual(2000 * 100 + layers, last);
}
