//! The store when reads fail for good, files end early, scales are broken and callers cancel: the error is named, no
//! wrong byte is ever given out, and the store is usable afterwards.

const std = @import("std");
const simulated = @import("../io/simulated.zig");
const store_room = @import("store.zig");
const records = @import("record.zig");
const rig = @import("rig.zig");
const test_rounds = @import("../format/test_rounds.zig");

const Ready = store_room.Ready;
const Rig = rig.Rig;

fn expectText(rigged: *const Rig, parts: []const []const u8) !void {
    for (parts) |part| {
        if (std.mem.indexOf(u8, rigged.message.text(), part) != null) continue;
        std.debug.print("no \"{s}\" in: {s}\n", .{ part, rigged.message.text() });
        return error.WrongMessage;
    }
}

/// No pass left anything behind: all is unpinned, and what is resident holds its file's bytes.
fn expectSound(rigged: *Rig) !void {
    for (rigged.store.table.entries) |entry| try std.testing.expect(!entry.pinned);
    const counters = rigged.store.counters();
    for (0..rigged.model.layers.len) |layer| for (0..rigged.model.experts) |expert| {
        if (rigged.store.table.lookup(@intCast(layer), @intCast(expert)) == null) continue;
        const pass = try rigged.store.begin(@intCast(layer), &.{@intCast(expert)});
        defer pass.end();
        var ready: [1]Ready = undefined;
        try std.testing.expectEqual(1, try pass.next(&ready));
        try rigged.model.expectExpert(@intCast(layer), @intCast(expert), &ready[0].expert);
    };
    // All of these were hits.
    try std.testing.expectEqual(counters.misses, rigged.store.counters().misses);
}

test "a sector that cannot be read is named by layer, expert, file and offset, and costs only its experts" {
    var rigged: Rig = undefined;
    try rigged.init(4, .{ .layers = 2, .experts = 6, .slots = 12, .floor = 0 }, .{ .seed = 4 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(4);
    const record = records.recordOf(&rigged.model.layers[1], 3);
    const piece = record.piece(.down, .weight);
    const bad = [_]simulated.BadRange{.{ .file = piece.file, .offset = piece.offset + 7, .bytes = 1 }};
    rigged.simulated.options.bad = &bad;
    try std.testing.expectError(error.IoFailed, rigged.run(prng.random(), 1, &.{ 0, 3 }));
    try expectText(&rigged, &.{ "layer 1, expert ", rigged.model.infos[piece.file].path, "at byte ", "failed with EIO" });
    try std.testing.expect(rigged.simulated.counters.retries >= 2); // three tries before it is believed
    try expectSound(&rigged);
    try std.testing.expectEqual(null, rigged.store.table.lookup(1, 3));
    // The disk recovers.
    rigged.simulated.options.bad = &.{};
    try rigged.run(prng.random(), 1, &.{ 0, 3 });
    try expectSound(&rigged);
}

test "an error that comes twice is retried in silence" {
    var rigged: Rig = undefined;
    try rigged.init(8, .{ .layers = 1, .experts = 4, .slots = 4, .floor = 0 }, .{ .seed = 1, .io_errors = 1 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(1);
    try rigged.run(prng.random(), 0, &.{ 2, 0, 1, 3 });
    const counters = rigged.simulated.counters;
    try std.testing.expectEqual(2 * counters.requests, counters.retries);
}

test "a file that was cut short is told with its name and end" {
    var rigged: Rig = undefined;
    try rigged.init(6, .{ .layers = 1, .experts = 4, .slots = 4, .floor = 0 }, .{ .seed = 2, .short_reads = 0.3 });
    defer rigged.deinit();
    var prng: std.Random.DefaultPrng = .init(2);
    const piece = records.recordOf(&rigged.model.layers[0], 2).piece(.gate, .weight);
    const whole = rigged.model.contents[piece.file];
    rigged.model.contents[piece.file] = whole[0..@intCast(piece.offset + piece.bytes - 1)];
    try std.testing.expectError(error.IoFailed, rigged.run(prng.random(), 0, &.{2}));
    var text: [32]u8 = undefined;
    const end = try std.fmt.bufPrint(&text, "ends at byte {d}", .{piece.offset + piece.bytes - 1});
    try expectText(&rigged, &.{ "layer 0, expert 2: ", rigged.model.infos[piece.file].path, end });
    try std.testing.expectEqual(0, rigged.store.counters().bytes);
    rigged.model.contents[piece.file] = whole;
    try rigged.run(prng.random(), 0, &.{2});
}

test "infinite and NaN scales are named by layer, expert, projection and byte" {
    const gpa = std.testing.allocator;
    var tried: usize = 0;
    for (0..40) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var rigged: Rig = undefined;
        try rigged.init(seed, .{ .layers = 1, .experts = 3, .slots = 3, .floor = 0 }, .{ .seed = seed });
        defer rigged.deinit();
        var prng: std.Random.DefaultPrng = .init(seed);
        const run = rigged.model.layers[0].up[0];
        if (run.format != .affine) continue;
        tried += 1;
        const part: records.Part = if (seed % 2 == 0) .scales else .biases;
        const piece = records.recordOf(&rigged.model.layers[0], 1).piece(.up, part);
        const value_bytes: usize = @intCast(records.valueBytes(run.scale_format));
        const index = prng.random().uintLessThan(usize, @intCast(piece.bytes / value_bytes));
        const at: usize = @as(usize, @intCast(piece.offset)) + index * value_bytes;
        const place = rigged.model.contents[piece.file][at..][0..value_bytes];
        const saved = try gpa.dupe(u8, place);
        defer gpa.free(saved);
        @memset(place, 0xff); // a NaN in every format
        try std.testing.expectError(error.ModelInvalid, rigged.run(prng.random(), 0, &.{ 0, 1, 2 }));
        var text: [48]u8 = undefined;
        const where = try std.fmt.bufPrint(&text, "{s}, byte {d}", .{ rigged.model.infos[piece.file].path, at });
        try expectText(&rigged, &.{ "layer 0, expert 1: up projection", @tagName(part), where });
        try std.testing.expectEqual(null, rigged.store.table.lookup(0, 1));
        @memcpy(place, saved);
        try expectSound(&rigged);
        try rigged.run(prng.random(), 0, &.{ 0, 1, 2 });
    }
    try std.testing.expect(tried > 20);
}

test "a cancelled pass ends at once and leaves a sound store" {
    var rigged: Rig = undefined;
    try rigged.init(13, .{ .layers = 1, .experts = 8, .slots = 8, .floor = 0 }, .{ .seed = 3, .capacity = 9 });
    defer rigged.deinit();
    const pass = try rigged.store.begin(0, &.{ 0, 1, 2, 3 });
    var ready: [4]Ready = undefined;
    _ = try pass.next(&ready);
    rigged.cancelled.store(true, .release);
    try std.testing.expectError(error.Cancelled, pass.next(&ready));
    try std.testing.expectError(error.Cancelled, pass.next(&ready));
    try expectText(&rigged, &.{"cancelled"});
    pass.end();
    rigged.cancelled.store(false, .release);
    try std.testing.expectEqual(0, rigged.simulated.pending_count);
    try expectSound(&rigged);
    var prng: std.Random.DefaultPrng = .init(13);
    try rigged.run(prng.random(), 0, &.{ 7, 3, 2, 1, 0 });
}

test "1,500 seeded runs of faults, cancels and abandoned passes: errors are named, bytes are right, statistics exact" {
    var failures: usize = 0;
    const rounds = test_rounds.rounds(1500);
    for (0..rounds) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        const sizes = rig.randomSizes(random);
        var faults = rig.randomFaults(random, seed);
        faults.io_errors_in_row = 3; // now and then one too many
        faults.io_errors = random.float(f32) * 0.5;
        var rigged: Rig = undefined;
        try rigged.init(seed, sizes, faults);
        defer rigged.deinit();
        var lower_bound: u64 = 0;
        for (0..12) |_| {
            const layer = random.uintLessThan(u32, sizes.layers);
            var memory: [64]u32 = undefined;
            const ids = rig.randomIds(random, sizes.experts, &memory);
            const kind = random.uintLessThan(u32, 4);
            rigged.cancelled.store(kind == 0, .release);
            if (kind == 1) {
                // Walk away after one look.
                const pass = try rigged.store.begin(layer, ids);
                var ready: [3]Ready = undefined;
                _ = pass.next(&ready) catch 0;
                pass.end();
            } else rigged.run(random, layer, ids) catch |err| switch (err) {
                error.IoFailed => {
                    failures += 1;
                    try expectText(&rigged, &.{ "layer ", "expert ", "model-", "at byte ", "failed with EIO" });
                },
                error.Cancelled => try std.testing.expectEqual(0, kind),
                else => return err,
            };
            rigged.cancelled.store(false, .release);
            try std.testing.expectEqual(0, rigged.simulated.pending_count);
            try std.testing.expect(rigged.store.counters().bytes >= lower_bound);
            lower_bound = rigged.store.counters().bytes;
        }
        try expectSound(&rigged);
        if (rigged.model.layers.len == 1) {
            // One layer's records are all of one size here, so bytes are misses times that.
            const counters = rigged.store.counters();
            try std.testing.expectEqual(counters.misses * rigged.model.recordBytes(0, 0), counters.bytes);
        }
    }
    try std.testing.expect(failures > rounds / 15);
}
