//! Tests of whole steps on small random models: what must not change the logits (chunks, memory, threads, company,
//! saving and loading), and what a step must refuse.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const test_model = @import("../format/test_model.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");

const Engine = engine_room.Engine;
const Session = engine_room.Session;
const Disk = rig.Disk;
const Feed = rig.Feed;
const gpa = rig.gpa;

const vocab = 96;
const prompt_tokens = 70;

/// Logits of every token of the fixed prompt, [prompt_tokens, vocab].
fn promptLogits(disk: *const Disk, options: abi.EngineOptions, chunk: usize, hooks: engine_room.Hooks) ![]f32 {
    const engine = try rig.open(disk, options, hooks);
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var buffer: [prompt_tokens]u32 = undefined;
    const logits = try gpa.alloc(f32, prompt_tokens * vocab);
    errdefer gpa.free(logits);
    rig.feedAll(engine, session, rig.prompt(5, &buffer, vocab), chunk, logits) catch |err| {
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
        const whole = try promptLogits(&disk, rig.exact, 64, .{});
        defer gpa.free(whole);
        for ([_]usize{ 1, 7 }) |chunk| {
            const parts = try promptLogits(&disk, rig.exact, chunk, .{});
            defer gpa.free(parts);
            try expectNear(whole, parts, 2e-4);
        }
    }
}
