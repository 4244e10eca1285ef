//! Tests of whole steps on small random models: what must not change the logits (chunks, memory, threads, company,
//! saving and loading), and what a step must refuse.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const detect = @import("../backend/cpu/kernels/detect.zig");
const simulated = @import("../io/simulated.zig");
const test_model = @import("../format/test_model.zig");
const test_rounds = @import("../format/test_rounds.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");

const Engine = engine_room.Engine;
const Disk = rig.Disk;
const Feed = rig.Feed;
const gpa = rig.gpa;

const vocab = 96;
const prompt_tokens = 70;

/// Logits of every token of the fixed prompt, [prompt_tokens, vocab].
fn promptLogits(disk: *const Disk, options: abi.EngineOptions, chunk: usize, hooks: engine_room.Hooks) ![]f32 {
    return firstLogits(disk, options, chunk, hooks, prompt_tokens);
}

/// Those of its first tokens, [tokens, vocab].
fn firstLogits(disk: *const Disk, options: abi.EngineOptions, chunk: usize, hooks: engine_room.Hooks, tokens: usize) ![]f32 {
    const engine = try rig.open(disk, options, hooks);
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var buffer: [prompt_tokens]u32 = undefined;
    const logits = try gpa.alloc(f32, tokens * vocab);
    errdefer gpa.free(logits);
    rig.feedAll(engine, session, rig.prompt(5, &buffer, vocab)[0..tokens], chunk, logits) catch |err| {
        std.debug.print("step: {s}\n", .{engine.message.text()});
        return err;
    };
    return logits;
}

fn deviation(values: []const f32) f64 {
    var sum: f64 = 0;
    var squares: f64 = 0;
    for (values) |v| {
        sum += v;
        squares += @as(f64, v) * v;
    }
    const n: f64 = @floatFromInt(values.len);
    return @sqrt(squares / n - (sum / n) * (sum / n));
}

fn expectNear(expected: []const f32, got: []const f32, bound: f64) !void {
    const scale = deviation(expected);
    try std.testing.expect(scale > 0.1); // logits of a model, not of nothing
    for (expected, got, 0..) |a, b, i| {
        if (@abs(a - b) <= bound * scale) continue;
        std.debug.print("logit {d}: {d} and {d}, bound {d}\n", .{ i, a, b, bound * scale });
        return error.TestUnexpectedResult;
    }
}

test "chunks of 1, 7 and 64 tokens give the same logits" {
    for ([_]test_model.Options{ .{}, .{ .bits = 0, .tied = true, .zero_centred = true, .expert_runs = 3, .file_count = 3 } }) |model| {
        var disk: Disk = try .init(model);
        defer disk.deinit();
        // The exact path, and the fastest one with its rounded activations and f16 keys and values.
        for ([_]abi.EngineOptions{ rig.exact, .{ .threads = 2 } }, [_]f64{ 2e-4, 2e-2 }) |options, bound| {
            const whole = try promptLogits(&disk, options, 64, .{});
            defer gpa.free(whole);
            for ([_]usize{ 1, 7 }) |chunk| {
                const parts = try promptLogits(&disk, options, chunk, .{});
                defer gpa.free(parts);
                try expectNear(whole, parts, bound);
            }
        }
    }
}

test "chunks of multiples of 32 tokens give the same bits, so the plan may choose among them" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var levels = detect.supported();
    var each = levels.iterator();
    while (each.next()) |level| {
        const options: abi.EngineOptions = .{ .threads = 2, .cpu_level = @intFromEnum(level) };
        // What remains of the prompt after whole chunks of 32: a short run, and one that the delta net takes as a chunk.
        for ([_]usize{ 70, 60 }) |tokens| {
            const expected = try firstLogits(&disk, options, 32, .{}, tokens);
            defer gpa.free(expected);
            for ([_]usize{ 64, 96 }) |chunk| {
                const got = try firstLogits(&disk, options, chunk, .{}, tokens);
                defer gpa.free(got);
                try std.testing.expectEqualSlices(u32, @ptrCast(expected), @ptrCast(got));
            }
        }
    }
}

test "memory, threads, reads and chunking of the same batch never change a bit" {
    var disk: Disk = try .init(.{ .experts = 12, .experts_per_token = 4 });
    defer disk.deinit();
    var levels = detect.supported();
    var each = levels.iterator();
    while (each.next()) |level| {
        var options = rig.exact;
        options.cpu_level = @intFromEnum(level);
        const expected = try promptLogits(&disk, options, 16, .{});
        defer gpa.free(expected);
        const full = try planOf(&disk, options);
        // The least that is accepted, some slots more, nearly everything.
        const sizes = [_]u64{ full.minimum_bytes, full.minimum_bytes + 9 * full.slot_bytes, full.full_bytes - 2 * full.slot_bytes };
        for (sizes) |memory_bytes| {
            for ([_]u32{ 1, 2 }) |threads| {
                var limited = options;
                limited.memory_bytes = memory_bytes;
                limited.threads = threads;
                const hooks: engine_room.Hooks = .{
                    .foundation = .{ .resident_bytes = 0 },
                    .simulated = if (threads == 2) .{ .seed = memory_bytes, .short_reads = 0.2, .interruptions = 0.1 } else null,
                };
                // Another thread needs scratch of its own: the limit is for one.
                if (threads == 2) limited.memory_bytes += (try planOf(&disk, limited)).minimum_bytes - full.minimum_bytes;
                const got = try promptLogits(&disk, limited, 16, hooks);
                defer gpa.free(got);
                try std.testing.expectEqualSlices(u32, @ptrCast(expected), @ptrCast(got));
            }
        }
    }
}

test "guesses, and waiting for all misses, never change a bit of steps of one token and of three" {
    if (test_rounds.levelsOnly()) return error.SkipZigTest;
    var disk: Disk = try .init(.{ .experts = 24, .experts_per_token = 4 });
    defer disk.deinit();
    for ([_]usize{ 1, 3 }) |chunk| {
        const tokens = 24;
        const expected = try firstLogits(&disk, rig.exact, chunk, .{}, tokens);
        defer gpa.free(expected);
        const full = try planOf(&disk, rig.exact);
        for (test_rounds.some(@as([]const u64, &.{ 0, 8, 30 }))) |more_slots| for (test_rounds.some(@as([]const abi.Prefetch, &.{ .off, .on, .automatic }))) |prefetch| for ([_]u32{ 0, 1 }) |waits| {
            var options = rig.exact;
            options.memory_bytes = full.minimum_bytes + more_slots * full.slot_bytes;
            options.prefetch = @intFromEnum(prefetch);
            options.wait_for_misses = waits;
            const hooks: engine_room.Hooks = .{
                .foundation = .{ .resident_bytes = 0 },
                // Real reads, whose order nobody knows, for one size: they wait for the disk.
                .simulated = if (waits == 1) .{ .seed = more_slots, .short_reads = 0.2, .io_errors = 0.1 } else if (more_slots == 8) null else .{ .seed = more_slots },
            };
            const got = try firstLogits(&disk, options, chunk, hooks, tokens);
            defer gpa.free(got);
            try std.testing.expectEqualSlices(u32, @ptrCast(expected), @ptrCast(got));
        };
    }
}

test "guesses are counted: those issued, used, late and wasted, and how many were right" {
    var disk: Disk = try .init(.{ .experts = 24, .experts_per_token = 4 });
    defer disk.deinit();
    var options = rig.exact;
    options.prefetch = @intFromEnum(abi.Prefetch.on);
    options.memory_bytes = (try planOf(&disk, options)).minimum_bytes;
    options.memory_bytes += 30 * (try planOf(&disk, options)).slot_bytes;
    const engine = try rig.open(&disk, options, .{ .foundation = .{ .resident_bytes = 0 } });
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    for (0..40) |i| {
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{@intCast(i * 7 % vocab)}, .flags = &.{.sample} }};
        try rig.step(engine, &feeds);
    }
    const stats = engine.stats();
    try std.testing.expect(stats.prefetch_issued > 0);
    try std.testing.expect(stats.prefetch_used + stats.prefetch_late <= stats.prefetch_issued);
    // Four experts of every layer but the first were guessed for in every step; the first one's after all but the last.
    const later_layers = stats.guess_needed / (40 * 4);
    try std.testing.expectEqual(later_layers * 40 * 4, stats.guess_needed);
    try std.testing.expectEqual(39 * 4, stats.guess_first_needed);
    try std.testing.expect(stats.guess_right > 0 and stats.guess_right <= stats.guess_right_all and stats.guess_right_all < stats.guess_needed);
    // Every record read is a miss that nobody was reading, or a guess; the last guesses may be in flight.
    const record = engine.plan().record_bytes;
    const demanded = (stats.expert_misses - stats.prefetch_late) * record;
    try std.testing.expect(stats.expert_bytes_read >= demanded + stats.prefetch_used * record + stats.prefetch_wasted_bytes);
    try std.testing.expect(stats.expert_bytes_read <= demanded + stats.prefetch_issued * record);
    try std.testing.expectEqual(stats.step_ns, stats.disk_busy_ns + stats.disk_idle_ns);
    try std.testing.expect(stats.disk_busy_ns > 0);
}

/// Time as the simulated disk has it: only reads take any.
const disk_clock: engine_room.Hooks.Clock = .{ .context = undefined, .now = struct {
    fn now(_: *anyopaque, engine: *Engine) u64 {
        const disk: *simulated.Simulated = @ptrCast(@alignCast(engine.reader.context));
        return disk.now_ns;
    }
}.now };

test "a bad predictor switches itself off, and its guesses never change a bit" {
    if (test_rounds.levelsOnly()) return error.SkipZigTest;
    var disk: Disk = try .init(.{ .experts = 32, .experts_per_token = 4 });
    defer disk.deinit();
    var logits: [2][vocab]f32 = undefined;
    for ([_]bool{ false, true }, &logits) |bad, *out| {
        var options = rig.exact;
        const plan = try planOf(&disk, options);
        options.memory_bytes = plan.minimum_bytes + 24 * plan.slot_bytes;
        options.prefetch = @intFromEnum(if (bad) abi.Prefetch.automatic else abi.Prefetch.off);
        const engine = try rig.open(&disk, options, .{
            .foundation = .{ .resident_bytes = 0 },
            .simulated = .{ .seed = 5, .bytes_per_second = 1 << 30, .latency_min_ns = 1000, .latency_max_ns = 2000 },
            .bad_guesses = bad,
            .clock = disk_clock,
        });
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var issued: u64 = 0;
        for (0..120) |i| {
            var feeds = [_]Feed{.{ .session = session, .tokens = &.{@intCast(i * 31 % vocab)}, .flags = &.{ .sample, .logits_last }, .logits = out }};
            try rig.step(engine, &feeds);
            if (i == 60) issued = engine.stats().prefetch_issued;
        }
        const stats = engine.stats();
        if (!bad) continue;
        try std.testing.expect(issued > 0); // it was tried
        try std.testing.expectEqual(0, stats.guess_active);
        try std.testing.expectEqual(1, stats.guess_off_verdicts);
        try std.testing.expectEqual(issued, stats.prefetch_issued); // and not again
    }
    try std.testing.expectEqualSlices(u32, @ptrCast(&logits[0]), @ptrCast(&logits[1]));
}

/// The plan with nothing resident before.
fn planOf(disk: *const Disk, options: abi.EngineOptions) !abi.Plan {
    const engine = try openPlanned(disk, options);
    defer engine.close();
    return engine.plan();
}

fn openPlanned(disk: *const Disk, options: abi.EngineOptions) !*Engine {
    var message: Message = .{};
    var generous = options;
    generous.memory_bytes = 0;
    return Engine.openWith(gpa, disk.model.description, generous, .{ .foundation = .{ .resident_bytes = 0 } }, &message);
}

test "the cache: a second pass hits, counters are exact" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3, 4 }, .flags = &.{} }};
    try rig.step(engine, &feeds);
    const cold = engine.stats();
    const record = engine.plan().record_bytes;
    try std.testing.expect(cold.expert_misses >= 3 * 3 and cold.expert_hits == 0);
    try std.testing.expectEqual(cold.expert_misses * record, cold.expert_bytes_read);
    try std.testing.expect(cold.device_bytes_read >= cold.expert_bytes_read + cold.dense_bytes_read);
    session.reset();
    try rig.step(engine, &feeds);
    const warm = engine.stats();
    try std.testing.expectEqual(cold.expert_misses, warm.expert_misses);
    try std.testing.expectEqual(cold.expert_misses, warm.expert_hits);
    try std.testing.expectEqual(2, warm.steps);
    try std.testing.expectEqual(8, warm.tokens);
    var dense: u64 = 0;
    for (disk.model.tensors()) |*tensor| {
        if (tensor.expert_count == 0) dense += tensor.weight.bytes + tensor.scales.bytes + tensor.biases.bytes;
    }
    try std.testing.expectEqual(dense, warm.dense_bytes_read);
}

test "a prompt reads every expert it touches once per chunk, and the step says how many bytes" {
    if (test_rounds.levelsOnly()) return error.SkipZigTest;
    var disk: Disk = try .init(.{ .experts = 48, .experts_per_token = 4 });
    defer disk.deinit();
    const full = try planOf(&disk, rig.exact);
    for ([_]u64{ 0, 10, 60 }) |more_slots| {
        var options = rig.exact;
        options.memory_bytes = full.minimum_bytes + more_slots * full.slot_bytes;
        const engine = try rig.open(&disk, options, .{ .foundation = .{ .resident_bytes = 0 } });
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var buffer: [96]u32 = undefined;
        const tokens = rig.prompt(8, &buffer, vocab);
        var told: u64 = 0;
        for (0..3) |chunk| {
            var feeds = [_]Feed{.{ .session = session, .tokens = tokens[chunk * 32 ..][0..32], .flags = &.{} }};
            try rig.step(engine, &feeds);
            told += feeds[0].expert_bytes;
        }
        const stats = engine.stats();
        const record = engine.plan().record_bytes;
        // Distinct experts of each layer of each chunk, less those that were still there from the chunk before.
        const touched = stats.expert_hits + stats.expert_misses;
        try std.testing.expect(touched > 3 * 3 * 24 and touched <= 3 * 3 * 48);
        try std.testing.expectEqual((touched - stats.expert_hits) * record, stats.expert_bytes_read);
        try std.testing.expectEqual(stats.expert_bytes_read, told);
        try std.testing.expectEqual(0, stats.prefetch_issued); // prompts are not guessed for
    }
}

test "a prompt does not flush what single tokens use" {
    var disk: Disk = try .init(.{ .experts = 48, .experts_per_token = 4 });
    defer disk.deinit();
    var options = rig.exact;
    options.prefetch = @intFromEnum(abi.Prefetch.off);
    const full = try planOf(&disk, options);
    options.memory_bytes = full.minimum_bytes + 3 * 20 * full.slot_bytes; // 21 of each layer's 48
    options.sessions = 2;
    options.memory_bytes += (try planOf(&disk, options)).minimum_bytes - full.minimum_bytes;
    const engine = try rig.open(&disk, options, .{ .foundation = .{ .resident_bytes = 0 } });
    defer engine.close();
    const talker = try engine.openSession();
    defer talker.close();
    const reader = try engine.openSession();
    defer reader.close();
    // The talker goes round a few tokens, whose experts become the working set.
    const before = try missesOf(engine, talker, 40);
    var buffer: [64]u32 = undefined;
    var prompt = [_]Feed{.{ .session = reader, .tokens = rig.prompt(8, &buffer, vocab), .flags = &.{} }};
    try rig.step(engine, &prompt);
    // It touched nearly everything, and the talker goes on with few misses all the same.
    const after = try missesOf(engine, talker, 5);
    try std.testing.expect(before.warm == 0 or before.warm * 10 < 5 * 3 * 4);
    try std.testing.expect(after.all * 4 <= 5 * 3 * 4);
}

const Misses = struct { all: u64, warm: u64 };

/// Misses of `count` single tokens in turn of two, all of them and those of the last five.
fn missesOf(engine: *Engine, session: *engine_room.Session, count: usize) !Misses {
    const first = engine.stats().expert_misses;
    var warm: u64 = 0;
    for (0..count) |i| {
        if (i + 5 == count) warm = engine.stats().expert_misses;
        session.reset(); // the same state, so the same experts each time
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{@intCast(7 + i % 2)}, .flags = &.{} }};
        try rig.step(engine, &feeds);
    }
    const last = engine.stats().expert_misses;
    return .{ .all = last - first, .warm = last - warm };
}

test "sessions in one batch compute what each computes alone" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var options = rig.exact;
    options.sessions = 3;
    const engine = try rig.open(&disk, options, .{});
    defer engine.close();
    var buffers: [3][20]u32 = undefined;
    const lengths = [_]usize{ 20, 1, 9 };
    var alone: [3][vocab]f32 = undefined;
    for (&buffers, &alone, 0..) |*buffer, *logits, i| {
        const tokens = rig.prompt(i + 40, buffer, vocab)[0..lengths[i]];
        const session = try engine.openSession();
        defer session.close();
        var warmup = [_]Feed{.{ .session = session, .tokens = &.{ 5, @intCast(i) }, .flags = &.{} }};
        try rig.step(engine, &warmup);
        var feeds = [_]Feed{.{ .session = session, .tokens = tokens, .logits = logits }};
        try rig.step(engine, &feeds);
    }
    var together: [3][vocab]f32 = undefined;
    var feeds: [3]Feed = undefined;
    for (&feeds, &together, 0..) |*feed, *logits, i| {
        const session = try engine.openSession();
        var warmup = [_]Feed{.{ .session = session, .tokens = &.{ 5, @intCast(i) }, .flags = &.{} }};
        try rig.step(engine, &warmup);
        feed.* = .{ .session = session, .tokens = buffers[i][0..lengths[i]], .logits = logits };
    }
    defer for (feeds) |feed| feed.session.close();
    try rig.step(engine, &feeds);
    for (alone, together, feeds) |a, b, feed| {
        try expectNear(&a, &b, 1e-4);
        try std.testing.expectEqual(feed.tokens.len + 2, feed.position);
    }
    // A fourth session is more than the engine was opened for.
    try std.testing.expectError(error.InvalidArgument, engine.openSession());
}

test "scores, last logits, all logits and samples agree" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var buffer: [40]u32 = undefined;
    const tokens = rig.prompt(9, &buffer, vocab);
    const all = try gpa.alloc(f32, 40 * vocab);
    defer gpa.free(all);
    try rig.feedAll(engine, session, tokens, 40, all);

    session.reset();
    try session.setSampling(.{ .top_logprobs = 3 });
    var targets: [40]u32 = undefined;
    for (&targets, 0..) |*target, i| target.* = if (i % 3 == 0) abi.none_u32 else tokens[(i + 1) % 40];
    var scores: [40]f32 = undefined;
    var last: [vocab]f32 = undefined;
    var top: [3]abi.TopLogprob = undefined;
    var feeds = [_]Feed{.{
        .session = session,
        .tokens = tokens,
        .flags = &.{ .score, .logits_last, .sample },
        .targets = &targets,
        .scores = &scores,
        .logits = &last,
        .top = &top,
    }};
    try rig.step(engine, &feeds);
    try expectNear(all[39 * vocab ..], &last, 1e-5);
    for (scores, targets, 0..) |score, target, i| {
        if (target == abi.none_u32) {
            try std.testing.expectEqual(0, score);
            continue;
        }
        var sum: f64 = 0;
        for (all[i * vocab ..][0..vocab]) |l| sum += @exp(@as(f64, l));
        try std.testing.expectApproxEqAbs(all[i * vocab + target] - @log(sum), score, 1e-4);
    }
    const best = std.mem.indexOfMax(f32, &last);
    try std.testing.expectEqual(best, feeds[0].sampled);
    try std.testing.expectEqual(best, top[0].id);
    try std.testing.expectEqual(top[0].logprob, feeds[0].logprob);
    try std.testing.expect(top[0].logprob >= top[1].logprob and top[1].logprob >= top[2].logprob);
}

test "K: fewer or more experts than trained change the logits, every K of 1..experts runs" {
    var disk: Disk = try .init(.{ .kinds = &.{ .attention, .delta_net }, .experts = 5, .experts_per_token = 2 });
    defer disk.deinit();
    var previous: [vocab]f32 = @splat(0);
    for (1..6) |k| {
        var options = rig.exact;
        options.experts_per_token = @intCast(k);
        const engine = try rig.open(&disk, options, .{});
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var logits: [vocab]f32 = undefined;
        var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 3, 1, 4 }, .logits = &logits }};
        try rig.step(engine, &feeds);
        try std.testing.expect(!std.mem.eql(u8, std.mem.asBytes(&previous), std.mem.asBytes(&logits)));
        previous = logits;
        try std.testing.expectEqual(k, engine.plan().experts_per_token);
        if (k == 5) try std.testing.expectEqual(10, engine.stats().expert_misses); // all five of both layers
    }
    var message: Message = .{};
    try std.testing.expectError(error.InvalidArgument, Engine.open(gpa, disk.model.description, .{ .experts_per_token = 6 }, &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "6 experts per token") != null);
}
