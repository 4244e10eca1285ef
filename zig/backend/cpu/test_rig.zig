//! For tests: one CPU backend with tensors of seeded random values. The rig owns backend and tensors.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const cpu_backend = @import("backend.zig");
const detect = @import("kernels/detect.zig");

pub const View = interface.View;

pub const Rig = struct {
    arena: std.heap.ArenaAllocator,
    backend: interface.Backend,
    buffers: std.ArrayList(*interface.Buffer) = .empty,

    pub fn create(level: abi.CpuLevel, threads: usize, shapes: interface.Shapes) !Rig {
        var rig: Rig = .{
            .arena = .init(std.testing.allocator),
            .backend = try cpu_backend.create(std.testing.allocator, .{ .threads = threads, .level = level }),
        };
        errdefer rig.destroy();
        try rig.backend.vtable.prepare(rig.backend.context, &shapes);
        return rig;
    }

    pub fn destroy(rig: *Rig) void {
        for (rig.buffers.items) |buffer| rig.backend.vtable.free(rig.backend.context, buffer);
        rig.backend.vtable.deinit(rig.backend.context);
        rig.arena.deinit();
    }

    pub fn bytes(rig: *Rig, n: usize) !View {
        const buffer = try rig.arena.allocator().create(interface.Buffer);
        buffer.* = try rig.backend.vtable.alloc(rig.backend.context, n, .state);
        try rig.buffers.append(rig.arena.allocator(), buffer);
        return .{ .buffer = buffer };
    }

    /// n floats, standard normal times `scale` plus `mean`, the same for the same seed.
    pub fn normal(rig: *Rig, n: usize, seed: u64, scale: f32, mean: f32) !View {
        const view = try rig.bytes(n * 4);
        fillNormal(view.floats(n), seed, scale, mean);
        return view;
    }

    pub fn copyOf(rig: *Rig, values: []const f32) !View {
        const view = try rig.bytes(values.len * 4);
        @memcpy(view.floats(values.len), values);
        return view;
    }

    pub fn call(rig: *const Rig, comptime name: []const u8, args: anytype) void {
        @field(rig.backend.vtable, name)(rig.backend.context, args);
    }
};

pub fn fillNormal(values: []f32, seed: u64, scale: f32, mean: f32) void {
    var random = std.Random.DefaultPrng.init(seed);
    for (values) |*value| value.* = random.random().floatNorm(f32) * scale + mean;
}

pub fn shapesFor(tokens: usize) interface.Shapes {
    return .{
        .tokens = tokens,
        .hidden = 512,
        .heads = 16,
        .kv_heads = 2,
        .head_dim = 256,
        .key_heads = 4,
        .value_heads = 8,
        .key_dim = 128,
        .value_dim = 128,
        .conv_kernel = 4,
        .experts = 64,
        .k = 8,
        .expert_width = 256,
        .shared_width = 256,
        .vocab = 1000,
        .context = 4096,
        .cols_max = 4096,
        .group_min = 32,
    };
}

/// The vector levels of this machine.
pub fn vectorLevels() std.EnumSet(abi.CpuLevel) {
    var levels = detect.supported();
    levels.remove(.scalar);
    return levels;
}

/// Largest difference, relative to the root mean square of `want`.
pub fn relativeError(want: []const f32, got: []const f32) f64 {
    std.debug.assert(want.len == got.len);
    var squares: f64 = 1e-30;
    var worst: f64 = 0;
    for (want, got) |a, b| {
        squares += @as(f64, a) * a;
        const difference = @abs(@as(f64, a) - b);
        worst = if (difference > worst or difference != difference) difference else worst;
    }
    return worst / @sqrt(squares / @as(f64, @floatFromInt(want.len)));
}

pub fn expectClose(bound: f64, want: []const f32, got: []const f32) !void {
    const found = relativeError(want, got);
    if (found <= bound) return;
    std.debug.print("difference {e} over the bound {e}\n", .{ found, bound });
    return error.TooDifferent;
}

pub fn expectSameBits(want: []const f32, got: []const f32) !void {
    try std.testing.expectEqualSlices(u32, @as([]const u32, @ptrCast(want)), @as([]const u32, @ptrCast(got)));
}

/// The value tests/golden/float_ops.py uses: a hash of seed and index in [-1, 1), exact in f32.
pub fn hashed(values: []f32, seed: u32) void {
    for (values, 0..) |*value, i| {
        var x: u32 = @as(u32, @intCast(i)) *% 2654435761 +% seed *% 40503;
        x ^= x >> 15;
        x *%= 2246822519;
        x ^= x >> 13;
        value.* = @as(f32, @floatFromInt(x >> 8)) / 8388608.0 - 1.0;
    }
}
