//! Heads on a small model: training reaches a stated recall and is the same for every slicing and thread count, what is
//! saved guesses as it did, outputs do not change, and files that are damaged or of another model are refused.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");
const test_model = @import("../format/test_model.zig");
const test_rounds = @import("../format/test_rounds.zig");

const Engine = engine_room.Engine;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;
const gpa = rig.gpa;

const model_options: test_model.Options = .{ .experts = 16, .experts_per_token = 4, .vocab = 64, .tied = true };

const training: abi.EngineOptions = .{
    .threads = 1,
    .cpu_level = @intFromEnum(abi.CpuLevel.automatic),
    .kv_format = @intFromEnum(abi.Format.f32),
    .heads_training_bytes = 8 << 20,
};

const Lesson = struct { steps: u32, tokens: usize };

/// Teaches heads well.
const long_lesson: Lesson = .{ .steps = 300, .tokens = 4096 };
/// The least after which a head is kept.
const short_lesson: Lesson = .{ .steps = 20, .tokens = 1536 };
/// Where everything is slow: that it runs. What comes of it is not judged.
const no_lesson: Lesson = .{ .steps = 1, .tokens = 1024 };

fn record(engine: *Engine, tokens: usize) !void {
    const session = try engine.openSession();
    defer session.close();
    var buffer: [128]u32 = undefined;
    var seed: u64 = 0;
    var fed: usize = 0;
    while (fed < tokens) : (fed += buffer.len) {
        session.reset();
        var feeds = [_]rig.Feed{.{ .session = session, .tokens = rig.prompt(seed, &buffer, 64), .flags = &.{} }};
        try rig.step(engine, &feeds);
        seed += 1;
    }
}

fn train(engine: *Engine, steps: u32) !abi.HeadsTraining {
    var args: abi.HeadsTraining = .{ .seed = 5, .begin = 1, .steps = steps };
    while (args.done == 0) try engine.trainHeads(&args);
    return args;
}

fn trainedFile(disk: *const rig.Disk, options: abi.EngineOptions, path: []const u8, lesson: Lesson) !void {
    const engine = try rig.open(disk, options, .{});
    defer engine.close();
    try record(engine, lesson.tokens);
    _ = try train(engine, lesson.steps);
    try engine.saveHeads(path);
}

fn bytesOf(path: []const u8) ![]u8 {
    return std.Io.Dir.cwd().readFileAlloc(std.testing.io, path, gpa, .limited(16 << 20));
}

test "heads beat the router on tokens they have not seen" {
    if (test_rounds.crawling() or test_rounds.levelsOnly()) return error.SkipZigTest;
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    const engine = try rig.open(&disk, training, .{});
    defer engine.close();
    var told: abi.HeadsTraining = .{};
    try engine.trainHeads(&told);
    try expectEqual(0, told.recorded);
    var early: abi.HeadsTraining = .{ .begin = 1 };
    try expectError(error.InvalidArgument, engine.trainHeads(&early)); // nothing recorded
    const lesson = if (test_rounds.complete()) long_lesson else no_lesson;
    try record(engine, lesson.tokens);
    try expectError(error.InvalidArgument, engine.saveHeads("never"));
    const outcome = try train(engine, lesson.steps);
    try expectEqual(lesson.tokens, outcome.recorded);
    try expectEqual(2 * lesson.steps, outcome.done_steps);
    const figures = engine.headFigures();
    try expectEqual(3, figures.len);
    try expectEqual(0, figures[0].used + figures[0].held_tokens); // its mixer runs ahead: there is nothing to guess
    for (figures[1..], 1..) |figure, layer| {
        try expectEqual(lesson.tokens / 8, figure.held_tokens);
        try expectEqual(@intFromBool(figure.head >= figure.router + 0.01), figure.used);
        if (!test_rounds.complete()) continue;
        errdefer std.debug.print("layer {d}: {any}\n", .{ layer, figure });
        try expect(figure.head_all > figure.head);
    }
    if (!test_rounds.complete()) return;
    // The later routers say nearly what they will: on so few tokens of random weights there is little to add to them.
    try expect(figures[1].used == 1 and figures[1].head > 0.9 and figures[2].head > 0.72);
}

test "where there is hardly any time every layer makes a hundred steps, and no more than were asked for" {
    if (!test_rounds.complete()) return error.SkipZigTest; // arithmetic with times around the steps that the others make
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    for ([_]u32{ 0, 40 }) |asked| {
        const engine = try rig.open(&disk, training, .{});
        defer engine.close();
        try record(engine, 1024);
        var args: abi.HeadsTraining = .{ .seed = 5, .begin = 1, .steps = asked, .budget_ms = 1 };
        while (args.done == 0) try engine.trainHeads(&args);
        try expectEqual(2 * @as(u32, if (asked == 0) 100 else asked), args.total_steps);
        try expectEqual(args.total_steps, args.done_steps);
    }
}

test "a recorded token knows the one before it in its session" {
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    var options = training;
    options.sessions = 2;
    const engine = try rig.open(&disk, options, .{});
    defer engine.close();
    const first = try engine.openSession();
    defer first.close();
    const second = try engine.openSession();
    defer second.close();
    var feeds = [_]rig.Feed{ .{ .session = first, .tokens = &.{ 1, 2 }, .flags = &.{} }, .{ .session = second, .tokens = &.{ 3, 4, 5 }, .flags = &.{} } };
    try rig.step(engine, &feeds);
    std.mem.swap(rig.Feed, &feeds[0], &feeds[1]);
    for (&feeds) |*feed| feed.tokens = &.{6};
    try rig.step(engine, &feeds);
    first.reset();
    var alone = [_]rig.Feed{.{ .session = first, .tokens = &.{ 7, 8 }, .flags = &.{} }};
    try rig.step(engine, &alone);
    const recorder = &engine.heads_trainer.?.recorder;
    try expectEqual(9, recorder.count);
    const none = abi.none_u32;
    try std.testing.expectEqualSlices(u32, &.{ none, 0, none, 2, 3, 4, 1, none, 7 }, recorder.before[0..9]);
}

test "the same tokens and seed give the same file, whatever the threads" {
    if (test_rounds.crawling() or test_rounds.levelsOnly()) return error.SkipZigTest;
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    var paths: [2][256]u8 = undefined;
    var files: [2][]u8 = undefined;
    for (&files, &paths, [_]u32{ 1, 3 }) |*file, *buffer, threads| {
        var options = training;
        options.threads = threads;
        const path = try disk.path(buffer, if (threads == 1) "one.heads" else "three.heads");
        try trainedFile(&disk, options, path, if (test_rounds.complete()) .{ .steps = 40, .tokens = 4096 } else no_lesson);
        file.* = try bytesOf(path);
    }
    defer for (files) |file| gpa.free(file);
    try std.testing.expectEqualSlices(u8, files[0], files[1]);
}

fn sampledWith(disk: *const rig.Disk, heads: ?[]const u8, guesses: *abi.Stats, sampled: []u32) !void {
    var options = rig.exact;
    options.prefetch = @intFromEnum(abi.Prefetch.on);
    options.reader = @intFromEnum(abi.ReaderKind.pread);
    options.heads_bytes = 1 << 20;
    const engine = try rig.open(disk, options, .{});
    defer engine.close();
    if (heads) |path| try engine.loadHeads(path);
    const session = try engine.openSession();
    defer session.close();
    var next: u32 = 1;
    for (sampled) |*id| {
        var feeds = [_]rig.Feed{.{ .session = session, .tokens = &.{next}, .flags = &.{.sample} }};
        try rig.step(engine, &feeds);
        next = feeds[0].sampled;
        id.* = @as(u32, @bitCast(feeds[0].logprob));
    }
    guesses.* = engine.stats();
}

test "loaded heads guess better than the routers did and change nothing else" {
    if (test_rounds.crawling()) return error.SkipZigTest;
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    var buffer: [256]u8 = undefined;
    const path = try disk.path(&buffer, "model.heads");
    try trainedFile(&disk, training, path, if (test_rounds.complete()) long_lesson else short_lesson);
    var stats: [2]abi.Stats = undefined;
    var logprobs: [2][100]u32 = undefined;
    try sampledWith(&disk, null, &stats[0], &logprobs[0]);
    try sampledWith(&disk, path, &stats[1], &logprobs[1]);
    try std.testing.expectEqualSlices(u32, &logprobs[0], &logprobs[1]);
    try expectEqual(stats[0].guess_needed, stats[1].guess_needed);
    if (!test_rounds.complete()) return damages(&disk, path); // training another file takes long
    try expect(stats[1].guess_right > stats[0].guess_right);
}

test "damaged, foreign and uncounted files are refused" {
    if (!test_rounds.complete()) return error.SkipZigTest; // with the heads that are loaded above
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    var buffer: [256]u8 = undefined;
    const path = try disk.path(&buffer, "model.heads");
    try trainedFile(&disk, training, path, short_lesson);
    try damages(&disk, path);
}

fn damages(disk: *const rig.Disk, path: []const u8) !void {
    var other: rig.Disk = try .init(.{ .experts = 16, .experts_per_token = 4, .vocab = 64, .tied = true, .seed = 9, .hidden = 32 });
    defer other.deinit();
    const good = try bytesOf(path);
    defer gpa.free(good);
    try expect(good.len > 4096); // there is a head in it to damage

    var options = rig.exact;
    options.heads_bytes = good.len;
    const engine = try rig.open(disk, options, .{});
    defer engine.close();
    try engine.loadHeads(path);
    try expectEqual(3, engine.headFigures().len);
    for ([_]usize{ 0, 9, 17, 30, 70, 100, 200, good.len - 1 }) |place| {
        const bad = try gpa.dupe(u8, good);
        defer gpa.free(bad);
        bad[place] ^= 0x20;
        try expectRefusal(engine, disk, bad);
    }
    const older = try gpa.dupe(u8, good);
    defer gpa.free(older);
    older[8] = 3; // its weights were f16
    try expectRefusal(engine, disk, older);
    try expect(std.mem.indexOf(u8, engine.message.text(), "written by another version of flashmoe; train them again") != null);
    try expectRefusal(engine, disk, good[0 .. good.len - 1]);
    try expectRefusal(engine, disk, good[0..40]);
    try expectEqual(3, engine.headFigures().len); // what was loaded stays

    const foreign = try rig.open(&other, options, .{});
    defer foreign.close();
    try expectError(error.InvalidArgument, foreign.loadHeads(path));
    try expect(std.mem.indexOf(u8, foreign.message.text(), "another model") != null);

    options.heads_bytes = good.len - 1;
    const narrow = try rig.open(disk, options, .{});
    defer narrow.close();
    try expectError(error.InvalidArgument, narrow.loadHeads(path));
    try expect(std.mem.indexOf(u8, narrow.message.text(), "memory plan counted") != null);
}

fn expectRefusal(engine: *Engine, disk: *const rig.Disk, bytes: []const u8) !void {
    var buffer: [256]u8 = undefined;
    const path = try disk.path(&buffer, "bad.heads");
    try std.Io.Dir.cwd().writeFile(std.testing.io, .{ .sub_path = path, .data = bytes });
    try expectError(error.InvalidArgument, engine.loadHeads(path));
    try expect(std.mem.indexOf(u8, engine.message.text(), "bad.heads cannot be used") != null);
}

test "the plan counts heads and the memory to train them in; too little of it is refused" {
    var disk: rig.Disk = try .init(model_options);
    defer disk.deinit();
    var message: Message = .{};
    const plain = try engine_room.planOnly(gpa, disk.model.description, rig.exact, &message);
    var options = rig.exact;
    options.heads_bytes = 3 << 20;
    options.heads_training_bytes = 8 << 20;
    const counted = try engine_room.planOnly(gpa, disk.model.description, options, &message);
    try expect(counted.scratch_bytes >= plain.scratch_bytes + (11 << 20));
    options.heads_training_bytes = 4096;
    try expectError(error.InvalidArgument, engine_room.Engine.open(gpa, disk.model.description, options, &message));
    try expect(std.mem.indexOf(u8, message.text(), "to train heads in hold 0 tokens") != null);
}
