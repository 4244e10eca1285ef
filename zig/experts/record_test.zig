//! Records: which ranges are read, where pieces lie in a slot, and every way a description can contradict itself.

const std = @import("std");
const abi = @import("../abi/types.zig");
const reader = @import("../io/reader.zig");
const records = @import("record.zig");
const FakeModel = @import("fake_model.zig").FakeModel;
const FileInfo = @import("../io/files.zig").FileInfo;
const Message = records.Message;

const gpa = std.testing.allocator;

/// 4 bits, group 64, [64, 128]: 4,096 bytes of weights, 256 each of scales and biases.
fn runAt(weight: u64, scales: u64, biases: u64) records.Run {
    return .{
        .format = .affine,
        .bits = 4,
        .group = 64,
        .scale_format = .bf16,
        .rows = 64,
        .cols = 128,
        .expert_first = 0,
        .expert_count = 4,
        .weight = .{ .file = 0, .offset = weight, .bytes = 4096, .stride = 4096 },
        .scales = .{ .file = 0, .offset = scales, .bytes = 256, .stride = 256 },
        .biases = .{ .file = 0, .offset = biases, .bytes = 256, .stride = 256 },
    };
}

fn packedRun(offset: u64, record_bytes: u64) records.Run {
    var run = runAt(offset, offset + 4096, offset + 4096 + 256);
    run.weight.stride = record_bytes;
    run.scales.stride = record_bytes;
    run.biases.stride = record_bytes;
    return run;
}

test "a packed record is one range, whatever its offset" {
    const bytes = 3 * (4096 + 512);
    const gate = [_]records.Run{packedRun(1000, bytes)};
    const up = [_]records.Run{packedRun(1000 + 4608, bytes)};
    const down = [_]records.Run{packedRun(1000 + 2 * 4608, bytes)};
    const layer: records.LayerExperts = .{ .gate = &gate, .up = &up, .down = &down };
    const record = records.recordOf(&layer, 3);
    try std.testing.expectEqual(1, record.range_count);
    try std.testing.expectEqual(bytes, record.bytes);
    const start = 1000 + 3 * bytes;
    const range = record.ranges[0];
    try std.testing.expectEqual(start / 4096 * 4096, range.offset);
    try std.testing.expectEqual(start % 4096, record.piece(.gate, .weight).place);
    try std.testing.expectEqual(start % 4096 + bytes, range.needed);
    try std.testing.expectEqual(std.mem.alignForward(u64, range.needed, 4096), range.bytes);
    try std.testing.expectEqual(range.bytes, record.slot_bytes);
}

test "nine pieces far from each other are nine ranges in file order" {
    const gate = [_]records.Run{runAt(900_000, 100_000, 200_001)};
    const up = [_]records.Run{runAt(500_000, 300_000, 400_000)};
    const down = [_]records.Run{runAt(600_000, 700_000, 800_000)};
    const layer: records.LayerExperts = .{ .gate = &gate, .up = &up, .down = &down };
    const record = records.recordOf(&layer, 0);
    try std.testing.expectEqual(9, record.range_count);
    for (record.ranges[0..8], record.ranges[1..9]) |a, b| {
        try std.testing.expect(a.offset + a.bytes < b.offset);
        try std.testing.expectEqual(a.place + a.bytes, b.place);
    }
    try std.testing.expectEqual(3 * 4608, record.bytes);
}

test "ranges never overlap in file or slot, and hold their pieces, over 300 random models" {
    for (0..300) |seed| {
        errdefer std.debug.print("seed {d}\n", .{seed});
        var model: FakeModel = try .init(gpa, seed, 2, 5);
        defer model.deinit();
        var message: Message = .{};
        try records.validate(model.layers, 5, model.infos, &message);
        const slot_bytes = records.slotBytes(model.layers, 5);
        try std.testing.expectEqual(0, slot_bytes % reader.alignment);
        for (model.layers, 0..) |*layer, l| for (0..5) |expert| {
            const record = records.recordOf(layer, @intCast(expert));
            try std.testing.expect(record.slot_bytes <= slot_bytes);
            try std.testing.expectEqual(model.recordBytes(@intCast(l), @intCast(expert)), record.bytes);
            try expectSound(&record);
        };
    }
}

fn expectSound(record: *const records.Record) !void {
    const ranges = record.ranges[0..record.range_count];
    for (ranges, 0..) |a, i| {
        try std.testing.expect(a.offset % 4096 == 0 and a.bytes % 4096 == 0 and a.place % 4096 == 0);
        try std.testing.expect(a.needed <= a.bytes and a.bytes - a.needed < 4096);
        try std.testing.expect(a.place + a.bytes <= record.slot_bytes);
        for (ranges[i + 1 ..]) |b| {
            try std.testing.expect(a.place + a.bytes <= b.place);
            try std.testing.expect(a.file != b.file or a.offset + a.bytes < b.offset);
        }
    }
    for (record.pieces) |piece| {
        if (piece.bytes == 0) continue;
        var homes: usize = 0;
        for (ranges) |range| {
            if (range.file != piece.file or piece.offset < range.offset) continue;
            if (piece.offset + piece.bytes > range.offset + range.needed) continue;
            homes += 1;
            try std.testing.expectEqual(piece.place - range.place, piece.offset - range.offset);
        }
        try std.testing.expectEqual(1, homes);
    }
}

const Change = struct { apply: *const fn (*records.Run) void, says: []const u8 };

fn change(comptime says: []const u8, comptime apply: fn (*records.Run) void) Change {
    return .{ .apply = apply, .says = says };
}

const changes = [_]Change{
    change("7 bits are not supported", struct {
        fn f(run: *records.Run) void {
            run.bits = 7;
        }
    }.f),
    change("a group of 0 is not supported", struct {
        fn f(run: *records.Run) void {
            run.group = 0;
        }
    }.f),
    change("130 columns are not a multiple of the group of 64", struct {
        fn f(run: *records.Run) void {
            run.cols = 130;
        }
    }.f),
    change("shape 0 x 128 is empty", struct {
        fn f(run: *records.Run) void {
            run.rows = 0;
        }
    }.f),
    change("weight: 4096 bytes per expert in a.safetensors, the shape asks for 274877890560", struct {
        fn f(run: *records.Run) void {
            run.rows = 0xffff_ff00;
        }
    }.f),
    change("scales: 255 bytes per expert in a.safetensors, the shape asks for 256", struct {
        fn f(run: *records.Run) void {
            run.scales.bytes = 255;
        }
    }.f),
    change("scales: 256 bytes per expert in a.safetensors, the shape asks for 512", struct {
        fn f(run: *records.Run) void {
            run.scale_format = .f32;
        }
    }.f),
    change("scales cannot be quantised", struct {
        fn f(run: *records.Run) void {
            run.scale_format = .affine;
        }
    }.f),
    change("biases: file 4294967295 of 1 does not exist", struct {
        fn f(run: *records.Run) void {
            run.biases.file = abi.none_u32;
        }
    }.f),
    change("weight: experts overlap in a.safetensors", struct {
        fn f(run: *records.Run) void {
            run.weight.stride = 4095;
        }
    }.f),
    change("weight: ends at byte 1000001 of a.safetensors, which has 1000000", struct {
        fn f(run: *records.Run) void {
            run.weight.offset = 1_000_001 - 4 * 4096;
        }
    }.f),
    change("ends at byte 18446744073709551615", struct {
        fn f(run: *records.Run) void {
            run.weight.offset = std.math.maxInt(u64) - 5;
        }
    }.f),
    change("ends at byte 18446744073709551615", struct {
        fn f(run: *records.Run) void {
            run.biases.stride = std.math.maxInt(u64) / 2;
        }
    }.f),
    change("expert 3 is missing", struct {
        fn f(run: *records.Run) void {
            run.expert_count = 3;
        }
    }.f),
    change("expert 0 is missing", struct {
        fn f(run: *records.Run) void {
            run.expert_first = 1;
            run.expert_count = 3;
        }
    }.f),
    change("experts 0.. exceed the model's 4", struct {
        fn f(run: *records.Run) void {
            run.expert_count = std.math.maxInt(u32);
        }
    }.f),
    change("weight: 4096 bytes per expert in a.safetensors, the shape asks for 16384", struct {
        fn f(run: *records.Run) void {
            run.format = .bf16;
        }
    }.f),
};

test "descriptions that contradict themselves are refused by layer, projection and cause" {
    const files = [_]FileInfo{.{ .path = "a.safetensors", .bytes = 1_000_000 }};
    const good = [_]records.Run{runAt(0, 20_000, 30_000)};
    for (changes) |each| {
        errdefer std.debug.print("expected: {s}\n", .{each.says});
        var bad = good;
        each.apply(&bad[0]);
        var message: Message = .{};
        const layers = [_]records.LayerExperts{ .{ .gate = &good, .up = &good, .down = &good }, .{ .gate = &good, .up = &bad, .down = &good } };
        try std.testing.expectError(error.ModelInvalid, records.validate(&layers, 4, &files, &message));
        if (std.mem.indexOf(u8, message.text(), each.says) == null or !std.mem.startsWith(u8, message.text(), "layer 1, expert up projection: ")) {
            std.debug.print("got: {s}\n", .{message.text()});
            return error.WrongMessage;
        }
        try records.validate(layers[0..1], 4, &files, &message);
    }
}

test "an expert described twice, a model without experts and an impossible file are refused" {
    var files = [_]FileInfo{.{ .path = "a.safetensors", .bytes = 1_000_000 }};
    const good = [_]records.Run{runAt(0, 20_000, 30_000)};
    var twice = [_]records.Run{ good[0], good[0] };
    twice[0].expert_count = 3;
    twice[1].expert_first = 2;
    twice[1].expert_count = 2;
    var message: Message = .{};
    const layers = [_]records.LayerExperts{.{ .gate = &good, .up = &good, .down = &twice }};
    try std.testing.expectError(error.ModelInvalid, records.validate(&layers, 4, &files, &message));
    try std.testing.expect(std.mem.indexOf(u8, message.text(), "expert 2 is described twice") != null);
    try std.testing.expectError(error.ModelInvalid, records.validate(&layers, 0, &files, &message));
    try std.testing.expectError(error.ModelInvalid, records.validate(&.{}, 4, &files, &message));
    files[0].bytes = std.math.maxInt(u64);
    try std.testing.expectError(error.ModelInvalid, records.validate(&layers, 4, &files, &message));
}

test "a tensor of a description becomes a run, an unknown format does not" {
    const run = runAt(1, 2, 3);
    var tensor: abi.TensorDesc = .{
        .weight = run.weight,
        .scales = run.scales,
        .biases = run.biases,
        .role = @intFromEnum(abi.Role.expert_up_proj),
        .layer = 0,
        .format = @intFromEnum(run.format),
        .bits = run.bits,
        .group = run.group,
        .scale_format = @intFromEnum(run.scale_format),
        .rows = run.rows,
        .cols = run.cols,
        .expert_first = run.expert_first,
        .expert_count = run.expert_count,
    };
    try std.testing.expectEqual(run, records.Run.fromTensor(&tensor).?);
    tensor.scale_format = 4;
    try std.testing.expectEqual(null, records.Run.fromTensor(&tensor));
}
