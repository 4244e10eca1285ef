//! Property tests of the engine as a whole: descriptions damaged at random either are refused or give an engine that
//! steps or says why not, and opening and closing leaves nothing behind. Seeds are printed on failure.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");
const test_rounds = @import("../format/test_rounds.zig");

const Engine = engine_room.Engine;
const gpa = rig.gpa;

test "a damaged description is refused, or gives an engine that runs or says why not" {
    if (test_rounds.levelsOnly()) return error.SkipZigTest;
    const seed: u64 = 0x5eed_0004;
    errdefer std.debug.print("seed {x}\n", .{seed});
    var disk: rig.Disk = try .init(.{ .kinds = &.{ .delta_net, .attention }, .vocab = 32, .experts = 4, .expert_runs = 2 });
    defer disk.deinit();
    const original = try gpa.dupe(u8, disk.model.description);
    defer gpa.free(original);
    var random: std.Random.DefaultPrng = .init(seed);
    const r = random.random();
    var options = rig.exact;
    options.context = 16;
    options.reader_threads = 1;
    var opened: usize = 0;
    var stepped: usize = 0;
    const rounds = test_rounds.rounds(500);
    for (0..rounds) |_| {
        @memcpy(disk.model.description, original);
        // Offsets within tensors are what most often survives the checks: half of the damage goes there.
        const tensors = disk.model.tensors();
        const tensor = &tensors[r.uintLessThan(usize, tensors.len)];
        switch (r.uintLessThan(u8, 4)) {
            0 => tensor.weight.offset -|= r.uintLessThan(u64, 64),
            1 => tensor.scales.offset -|= r.uintLessThan(u64, 64),
            2 => tensor.scale_format = r.uintLessThan(u32, 4),
            else => {
                const at = r.uintLessThan(usize, original.len) / 4 * 4;
                if (at + 4 > original.len) continue;
                const word = disk.model.description[at..][0..4];
                std.mem.writeInt(u32, word, std.mem.readInt(u32, word, .native) +% r.intRangeAtMost(u32, 0, 8) -% 4, .native);
            },
        }
        var message: Message = .{};
        const engine = Engine.open(gpa, disk.model.description, options, &message) catch {
            try std.testing.expect(message.text().len > 0);
            continue;
        };
        defer engine.close();
        opened += 1;
        if (try runs(engine)) stepped += 1;
    }
    try std.testing.expect(opened > rounds / 9 and stepped > rounds / 13 and stepped < opened);
}

/// Loads and steps; an error must come with its text.
fn runs(engine: *Engine) !bool {
    var progress: abi.LoadProgress = .{ .loaded_bytes = 0, .total_bytes = 0, .done = 0, .reserved = 0 };
    while (progress.done == 0) engine.load(&progress) catch {
        try std.testing.expect(engine.message.text().len > 0);
        return false;
    };
    const session = try engine.openSession();
    defer session.close();
    var feeds = [_]rig.Feed{.{ .session = session, .tokens = &.{ 1, 2 }, .flags = &.{.sample} }};
    rig.step(engine, &feeds) catch {
        try std.testing.expect(engine.message.text().len > 0);
        return false;
    };
    return true;
}

test "opening and closing leaves no file open and no memory behind" {
    var disk: rig.Disk = try .init(.{ .kinds = &.{.attention} });
    defer disk.deinit();
    const before = openFiles();
    for (0..test_rounds.rounds(40)) |round| {
        var options = rig.exact;
        options.threads = 1 + @as(u32, @intCast(round % 3));
        const engine = try rig.open(&disk, options, .{});
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var feeds = [_]rig.Feed{.{ .session = session, .tokens = &.{@intCast(round % 90)}, .flags = &.{.sample} }};
        try rig.step(engine, &feeds);
    }
    try std.testing.expectEqual(before, openFiles());
}

/// Descriptors in use below 1024.
fn openFiles() usize {
    var count: usize = 0;
    for (0..1024) |descriptor| {
        if (std.c.fcntl(@intCast(descriptor), std.c.F.GETFD) >= 0) count += 1;
    }
    return count;
}
