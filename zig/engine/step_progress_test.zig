//! What is told of a running step, looked at from inside it: layer by layer, with what was read, and nothing afterwards.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend_room = @import("../backend/backend.zig");
const engine_room = @import("engine.zig");
const rig = @import("test_rig.zig");

const Engine = engine_room.Engine;
const none = std.mem.zeroes(abi.StepProgress);

/// A backend that looks at its engine's progress at every norm: before a layer's mixer, before its experts, at the end.
const LookingBackend = struct {
    engine: *Engine,
    inner: backend_room.Backend,
    table: backend_room.Backend.VTable = undefined,
    seen: [64]abi.StepProgress = undefined,
    count: usize = 0,
    /// Cancels the step when it looks at this many layers done.
    cancel_at: u32 = abi.none_u32,

    /// The operations carry the inner backend's context, so the hook is found here.
    var current: *LookingBackend = undefined;

    fn backend(hook: *LookingBackend) backend_room.Backend {
        current = hook;
        hook.table = hook.inner.vtable.*;
        hook.table.rmsNorm = struct {
            fn rmsNorm(context: *anyopaque, args: *const backend_room.RmsNormArgs) void {
                const now = current.engine.stepProgress();
                current.seen[current.count] = now;
                current.count += 1;
                if (now.done_layers == current.cancel_at) current.engine.cancel();
                current.inner.vtable.rmsNorm(context, args);
            }
        }.rmsNorm;
        return .{ .context = hook.inner.context, .vtable = &hook.table };
    }
};

test "a running step tells its layers and the bytes of experts; a step that ended or failed tells nothing" {
    var disk: rig.Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var hook: LookingBackend = .{ .engine = engine, .inner = engine.device };
    engine.device = hook.backend();
    defer engine.device = hook.inner;
    const layers: u32 = @intCast(engine.model.layers.len);
    const record_bytes = engine.plan().record_bytes;
    try std.testing.expectEqual(none, engine.stepProgress());

    var position: u32 = 0;
    for ([_][]const u32{ &.{ 1, 2, 3, 4, 5 }, &.{ 6, 7, 8 }, &.{9} }) |tokens| {
        hook.count = 0;
        var feeds = [_]rig.Feed{.{ .session = session, .tokens = tokens, .flags = &.{.logits_last} }};
        var logits: [96]f32 = undefined;
        feeds[0].logits = &logits;
        try rig.step(engine, &feeds);
        try std.testing.expectEqual(none, engine.stepProgress());
        var next: u32 = 0;
        var bytes: u64 = 0;
        for (hook.seen[0..hook.count]) |seen| {
            try std.testing.expectEqual(position, seen.position);
            try std.testing.expectEqual(@as(u32, @intCast(tokens.len)), seen.tokens);
            try std.testing.expectEqual(layers, seen.layers);
            if (seen.done_layers == next) next += 1 else try std.testing.expectEqual(next, seen.done_layers + 1);
            if (seen.done_layers == 0) try std.testing.expectEqual(0, seen.expert_bytes);
            try std.testing.expect(seen.expert_bytes >= bytes and seen.expert_bytes % record_bytes == 0);
            bytes = seen.expert_bytes;
        }
        try std.testing.expectEqual(layers + 1, next); // the last norm comes after all layers
        try std.testing.expectEqual(feeds[0].expert_bytes, bytes); // nothing reads ahead with everything resident
        if (position == 0) try std.testing.expect(bytes > 0);
        position += @intCast(tokens.len);
    }

    hook.cancel_at = 1;
    var cancelled = [_]rig.Feed{.{ .session = session, .tokens = &.{ 1, 2 }, .flags = &.{} }};
    try std.testing.expectError(error.Cancelled, rig.step(engine, &cancelled));
    try std.testing.expectEqual(none, engine.stepProgress());
}
