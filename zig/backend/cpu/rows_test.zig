//! Tests of the row operations: levels against the definition, threads, routing of any input, embedding.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const detect = @import("kernels/detect.zig");
const rigs = @import("test_rig.zig");
const Rig = rigs.Rig;

const tokens = 37;
const hidden = 501; // no multiple of any vector

/// Norm, SwiGLU, sum, combination and gathering over the same data; results one after the other.
fn rowResults(gpa: std.mem.Allocator, level: abi.CpuLevel, threads: usize) ![]f32 {
    var rig = try Rig.create(level, threads, rigs.shapesFor(tokens));
    defer rig.destroy();
    const n = tokens * hidden;
    const k = 3;
    const x = try rig.normal(n, 1, 2, 0.3);
    const y = try rig.normal(n, 2, 3, 0);
    const weight = try rig.normal(hidden, 3, 0.2, 1);
    const normed = try rig.bytes(n * 4);
    const mixed = try rig.bytes(n * 4);
    rig.call("rmsNorm", &interface.RmsNormArgs{ .x = x, .weight = weight, .out = normed, .rows = tokens, .dim = hidden, .eps = 1e-6 });
    rig.call("swiglu", &interface.SwigluArgs{ .gate = x, .up = y, .out = mixed, .n = n });
    const total = try rig.copyOf(x.floats(n));
    rig.call("add", &interface.AddArgs{ .out = total, .x = y, .n = n });
    const combined = try rig.copyOf(y.floats(n));
    rig.call("combine", &interface.CombineArgs{
        .residual = combined,
        .expert_out = try rig.normal(n * k, 4, 1, 0),
        .weights = try rig.normal(tokens * k, 5, 0.2, 0.3),
        .shared = x,
        .shared_gate = try rig.normal(tokens, 6, 2, 0),
        .tokens = tokens,
        .hidden = hidden,
        .k = k,
    });
    const gathered = try rig.bytes(4 * hidden * 4);
    rig.call("gather", &interface.GatherArgs{ .x = x, .rows = &.{ 5, 0, 36, 5 }, .out = gathered, .dim = hidden });
    try rigs.expectSameBits(x.floats(n)[36 * hidden ..][0..hidden], gathered.floats(4 * hidden)[2 * hidden ..][0..hidden]);
    // In place: out may alias its input.
    rig.call("rmsNorm", &interface.RmsNormArgs{ .x = x, .weight = weight, .out = x, .rows = tokens, .dim = hidden, .eps = 1e-6 });
    try rigs.expectSameBits(normed.floats(n), x.floats(n));
    return std.mem.concat(gpa, f32, &.{ normed.floats(n), mixed.floats(n), total.floats(n), combined.floats(n) });
}

test "rows: levels agree with the definition within 2e-6 of the values' scale, threads to the byte" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const want = try rowResults(arena.allocator(), .scalar, 2);
    var levels = rigs.vectorLevels().iterator();
    while (levels.next()) |level| {
        const one = try rowResults(arena.allocator(), level, 1);
        try rigs.expectClose(2e-6, want, one);
        for ([_]usize{ 2, 3 }) |threads| try rigs.expectSameBits(one, try rowResults(arena.allocator(), level, threads));
    }
}

const Routed = struct { ids: []u32, weights: []f32 };

fn routed(rig: *Rig, logits: rigs.View, n: usize, experts: usize, k: usize, renormalise: bool) !Routed {
    const ids = try rig.bytes(n * k * 4);
    const weights = try rig.bytes(n * k * 4);
    rig.call("route", &interface.RouteArgs{ .logits = logits, .ids = ids, .weights = weights, .tokens = n, .experts = experts, .k = k, .renormalise = renormalise });
    return .{ .ids = @as([*]u32, @ptrCast(@alignCast(ids.pointer())))[0 .. n * k], .weights = weights.floats(n * k) };
}

test "route: same experts on every level, weights within 1e-6, summing to one when renormalised" {
    for ([_]usize{ 5, 60, 64 }) |experts| for ([_]usize{ 1, 5 }) |k| for ([_]bool{ true, false }) |renormalise| {
        var reference = try Rig.create(.scalar, 1, rigs.shapesFor(tokens));
        defer reference.destroy();
        const logits = try reference.normal(tokens * experts, experts + k, 2, 0);
        logits.floats(tokens * experts)[3] = logits.floats(tokens * experts)[1]; // a tie
        const want = try routed(&reference, logits, tokens, experts, k, renormalise);
        for (0..tokens) |t| {
            var total: f64 = 0;
            for (want.weights[t * k ..][0..k], 0..) |weight, rank| {
                total += weight;
                if (rank > 0) try std.testing.expect(weight <= want.weights[t * k + rank - 1]);
            }
            if (renormalise) try std.testing.expectApproxEqAbs(1.0, total, 1e-6) else try std.testing.expect(total < 1.0 + 1e-6);
        }
        var levels = rigs.vectorLevels().iterator();
        while (levels.next()) |level| {
            var rig = try Rig.create(level, 3, rigs.shapesFor(tokens));
            defer rig.destroy();
            const got = try routed(&rig, logits, tokens, experts, k, renormalise);
            try std.testing.expectEqualSlices(u32, want.ids, got.ids);
            for (want.weights, got.weights) |a, b| try std.testing.expectApproxEqAbs(a, b, 1e-6);
        }
    };
}

test "route: NaN and infinite logits still give distinct experts in range" {
    const experts = 48;
    const k = 8;
    var levels = detect.supported().iterator();
    while (levels.next()) |level| {
        var rig = try Rig.create(level, 2, rigs.shapesFor(tokens));
        defer rig.destroy();
        const logits = try rig.normal(tokens * experts, 3, 2, 0);
        const values = logits.floats(tokens * experts);
        for (values, 0..) |*value, i| {
            const t = i / experts;
            if (t == 0 or (t < 20 and i % 3 == 0)) value.* = std.math.nan(f32);
            if (t > 10 and i % 5 == 0) value.* = if (i % 2 == 0) std.math.inf(f32) else -std.math.inf(f32);
        }
        const got = try routed(&rig, logits, tokens, experts, k, true);
        for (0..tokens) |t| {
            var seen: std.StaticBitSet(experts) = .initEmpty();
            for (got.ids[t * k ..][0..k]) |id| {
                try std.testing.expect(id < experts and !seen.isSet(id));
                seen.set(id);
            }
        }
    }
}

test "embed: rows of the table, on every level" {
    var levels = detect.supported().iterator();
    while (levels.next()) |level| {
        var rig = try Rig.create(level, 3, rigs.shapesFor(tokens));
        defer rig.destroy();
        const table: interface.Linear = .{ .format = .f32, .rows = 9, .cols = 70, .weight = try rig.normal(9 * 70, 8, 1, 0) };
        const out = try rig.bytes(4 * 70 * 4);
        rig.call("embed", &interface.EmbedArgs{ .table = &table, .tokens = &.{ 8, 0, 3, 8 }, .out = out });
        for ([_]usize{ 8, 0, 3, 8 }, 0..) |row, i| {
            try rigs.expectSameBits(table.weight.floats(9 * 70)[row * 70 ..][0..70], out.floats(4 * 70)[i * 70 ..][0..70]);
        }
    }
}

test "backend: a level this machine lacks is refused; buffers copy, zero, write and read" {
    const cpu = @import("backend.zig");
    inline for (@typeInfo(abi.CpuLevel).@"enum".fields) |field| {
        const level: abi.CpuLevel = @enumFromInt(field.value);
        if (level != .automatic and !detect.supported().contains(level))
            try std.testing.expectError(error.DeviceFailed, cpu.create(std.testing.allocator, .{ .threads = 1, .level = level }));
    }
    var rig = try Rig.create(.automatic, 2, rigs.shapesFor(8));
    defer rig.destroy();
    const view = try rig.bytes(64);
    rig.backend.vtable.write(rig.backend.context, view.at(8), "abcdef");
    rig.backend.vtable.copy(rig.backend.context, view.at(10), view.at(8), 6); // overlapping
    var got: [10]u8 = undefined;
    try rig.backend.vtable.read(rig.backend.context, view.at(7), &got);
    try std.testing.expectEqualStrings("\x00ababcdef\x00", &got);
    rig.backend.vtable.zero(rig.backend.context, view.at(9), 3);
    try rig.backend.vtable.read(rig.backend.context, view.at(7), &got);
    try std.testing.expectEqualStrings("\x00a\x00\x00\x00def\x00\x00"[0..5], got[0..5]);
    try rig.backend.vtable.sync(rig.backend.context);
    const scratchBytes = rig.backend.vtable.scratchBytes;
    try std.testing.expect(scratchBytes(rig.backend.context, &rigs.shapesFor(8)) < scratchBytes(rig.backend.context, &rigs.shapesFor(9)));
}
