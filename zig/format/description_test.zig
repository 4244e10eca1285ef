//! Tests of the description parser: what a valid description yields, one named refusal per kind of damage, and random
//! mutations, which must give an error or a model that holds together.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const description = @import("description.zig");
const shapes = @import("description_shapes.zig");
const test_model = @import("test_model.zig");
const test_rounds = @import("test_rounds.zig");

const Description = description.Description;
const TestModel = test_model.TestModel;
const gpa = std.testing.allocator;

fn build(options: test_model.Options) !TestModel {
    return TestModel.build(gpa, "nowhere", options);
}

test "a valid description is understood" {
    for ([_]test_model.Options{
        .{},
        .{ .bits = 0, .tied = true, .plain_format = .f32 },
        .{ .bits = 3, .expert_runs = 3, .file_count = 3, .scale_format = .f16 },
        .{ .kinds = &.{.delta_net}, .heads = 0, .kv_heads = 0, .head_dim = 0, .rotary_dim = 0 },
        .{ .kinds = &.{.attention}, .delta_value_heads = 0, .delta_key_heads = 0 },
    }) |options| {
        var model = try build(options);
        defer model.deinit();
        var message: Message = .{};
        var parsed = Description.parse(gpa, model.description, &message) catch |err| {
            std.debug.print("{s}\n", .{message.text()});
            return err;
        };
        defer parsed.deinit();
        try std.testing.expectEqual(options.kinds.len, parsed.layer_kinds.len);
        try std.testing.expectEqualSlices(abi.LayerKind, options.kinds, parsed.layer_kinds);
        try std.testing.expectEqualStrings("nowhere/part-0.bin", parsed.files[0].path);
        try std.testing.expectEqual(options.tied, parsed.dense(null, .lm_head) == null);
        try std.testing.expectEqual(options.kinds[0] == .attention, parsed.dense(0, .attention_q) != null);
        try std.testing.expectEqual(options.expert_runs, parsed.expertRuns(0, .up).len);
        try checkRunsCover(&parsed);
    }
}

fn checkRunsCover(parsed: *const Description) !void {
    for (0..parsed.shape.layers) |layer| {
        for (description.expert_parts) |part| {
            var next: u32 = 0;
            for (parsed.expertRuns(@intCast(layer), part)) |index| {
                const tensor = &parsed.tensors[index];
                try std.testing.expectEqual(@intFromEnum(part.role()), tensor.role);
                try std.testing.expectEqual(next, tensor.expert_first);
                next += tensor.expert_count;
            }
            try std.testing.expectEqual(parsed.shape.experts, next);
        }
    }
}

/// Damages a fresh description and expects the refusal to contain `text`.
fn refuses(options: test_model.Options, comptime damage: fn (*TestModel) void, text: []const u8) !void {
    var model = try build(options);
    defer model.deinit();
    damage(&model);
    var message: Message = .{};
    if (Description.parse(gpa, model.description, &message)) |parsed| {
        var accepted = parsed;
        accepted.deinit();
        std.debug.print("accepted, expected: {s}\n", .{text});
        return error.TestUnexpectedResult;
    } else |err| try std.testing.expectEqual(error.ModelInvalid, err);
    if (std.mem.indexOf(u8, message.text(), text) == null) {
        std.debug.print("got \"{s}\", expected \"{s}\"\n", .{ message.text(), text });
        return error.TestUnexpectedResult;
    }
}

/// A damage that sets one field of the head.
fn setHead(comptime field: []const u8, comptime value: anytype) fn (*TestModel) void {
    return struct {
        fn damage(model: *TestModel) void {
            @field(model.head(), field) = value;
        }
    }.damage;
}

/// A damage that sets one field of a tensor, `part` being "" for the tensor itself or one of its extents.
fn setTensor(comptime role: abi.Role, comptime layer: u32, comptime part: []const u8, comptime field: []const u8, comptime value: anytype) fn (*TestModel) void {
    return struct {
        fn damage(model: *TestModel) void {
            const tensor = model.find(role, layer);
            if (part.len == 0) @field(tensor, field) = value else @field(@field(tensor, part), field) = value;
        }
    }.damage;
}

test "sizes out of range are refused by name" {
    try refuses(.{}, setHead("hidden", 0), "hidden size");
    try refuses(.{}, setHead("layers", 0), "number of layers");
    try refuses(.{}, setHead("layers", 0xffff_ffff), "number of layers");
    try refuses(.{}, setHead("vocab", 0x7fff_ffff), "vocabulary");
    try refuses(.{}, setHead("experts", 0), "number of experts");
    try refuses(.{}, setHead("experts_per_token", 0), "experts per token");
    try refuses(.{}, setHead("experts_per_token", 9), "experts per token");
    try refuses(.{}, setHead("expert_width", 0xffff_ffff), "expert width");
    try refuses(.{}, setHead("context_max", 0), "context");
    try refuses(.{}, setHead("tied", 2), "tied");
    try refuses(.{}, setHead("norm_eps", std.math.nan(f32)), "epsilon");
    try refuses(.{}, setHead("rope_theta", std.math.inf(f64)), "rope theta");
    try refuses(.{}, setHead("rotary_dim", 7), "odd");
    try refuses(.{}, setHead("rotary_dim", 18), "rotary size");
    try refuses(.{}, setHead("kv_heads", 3), "divide");
    try refuses(.{}, setHead("delta_key_heads", 3), "divide");
    try refuses(.{}, setHead("conv_kernel", 1), "convolution");
    try refuses(.{}, setHead("total_bytes", 12), "arrived");
    try refuses(.{}, setHead("tensors_offset", 0xffff_fff8), "tensors");
    try refuses(.{}, setHead("tensors_count", 0xffff_ffff), "tensors");
    try refuses(.{}, setHead("files_offset", 3), "files");
    try refuses(.{}, setHead("layer_kinds_offset", 0), "layer kinds");
}

test "tensors that do not fit are refused by name" {
    const none = abi.none_u32;
    try refuses(.{}, setTensor(.router, 1, "", "role", 99), "unknown role");
    try refuses(.{}, setTensor(.router, 1, "", "layer", 0), "layer 0 router is described twice");
    try refuses(.{}, setTensor(.router, 1, "", "layer", 3), "names layer 3 of 3");
    try refuses(.{}, setTensor(.embedding, none, "", "layer", 0), "belongs to no layer");
    try refuses(.{}, setTensor(.attention_k, 1, "", "rows", 31), "layer 1 attention_k has the shape [31, 64]");
    try refuses(.{}, setTensor(.attention_k, 1, "", "format", 7), "unknown format");
    try refuses(.{}, setTensor(.attention_k, 1, "", "bits", 7), "7 bits");
    try refuses(.{}, setTensor(.attention_k, 1, "", "group", 48), "group 48");
    try refuses(.{}, setTensor(.attention_k, 1, "", "group", 128), "do not divide");
    try refuses(.{}, setTensor(.attention_k, 1, "", "scale_format", 3), "scales of the unknown format");
    try refuses(.{}, setTensor(.attention_k, 1, "", "expert_count", 2), "no expert tensor");
    try refuses(.{}, setTensor(.input_norm, 1, "", "format", 3), "quantised");
    try refuses(.{}, setTensor(.attention_k, 1, "weight", "bytes", 1023), "asks for 1024");
    try refuses(.{}, setTensor(.attention_k, 1, "weight", "file", 2), "file 2 of 2");
    try refuses(.{}, setTensor(.attention_k, 1, "weight", "offset", 0xffff_ffff_ffff_ffff), "truncated");
    try refuses(.{}, setTensor(.attention_k, 1, "scales", "offset", 1 << 40), "its scales end beyond");
    try refuses(.{}, setTensor(.attention_k, 1, "biases", "reserved", 1), "reserved");
    try refuses(.{}, setTensor(.attention_k, 1, "weight", "stride", 8), "stride");
    try refuses(.{ .bits = 0 }, setTensor(.attention_k, 1, "scales", "bytes", 8), "names scales");
    try refuses(.{ .bits = 0 }, setTensor(.attention_k, 1, "", "bits", 4), "not quantised");
    try refuses(.{ .tied = true }, setHead("tied", 0), "lm_head is missing");
    try refuses(.{}, setHead("tied", 1), "no use for it");
    try refuses(.{}, setTensor(.delta_a, 0, "", "role", @intFromEnum(abi.Role.delta_b)), "layer 0 delta_b is described twice");
}

test "expert runs must cover every expert once" {
    try refuses(.{}, setTensor(.expert_up_proj, 1, "", "expert_count", 0), "names experts");
    try refuses(.{}, setTensor(.expert_up_proj, 1, "", "expert_count", 9), "names experts");
    try refuses(.{}, setTensor(.expert_up_proj, 1, "", "expert_count", 7), "layer 1 expert_up_proj is missing expert 7");
    try refuses(.{}, setTensor(.expert_up_proj, 1, "weight", "stride", 100), "overlap");
    try refuses(.{}, setTensor(.expert_up_proj, 1, "weight", "stride", 1 << 63), "end beyond");
    // `find` meets the last run first: experts 4..8 become 3..7 (twice) or 5..8 (a hole).
    try refuses(.{ .expert_runs = 2 }, setTensor(.expert_down_proj, 1, "", "expert_first", 3), "describes expert 3 twice");
    try refuses(.{ .expert_runs = 2 }, setTensor(.expert_down_proj, 1, "", "expert_count", 3), "is missing expert 7 of 8");
}

test "files and layer kinds are checked" {
    try refuses(.{}, struct {
        fn damage(model: *TestModel) void {
            model.files()[1].path_offset = 0xffff_fff0;
        }
    }.damage, "path of file 1");
    try refuses(.{}, struct {
        fn damage(model: *TestModel) void {
            model.description[model.files()[0].path_offset] = 0;
        }
    }.damage, "zero byte");
    try refuses(.{}, struct {
        fn damage(model: *TestModel) void {
            model.files()[0].bytes = 1000;
        }
    }.damage, "1000 bytes of nowhere/part-0.bin");
    try refuses(.{}, struct {
        fn damage(model: *TestModel) void {
            model.description[model.head().layer_kinds_offset] = 2;
        }
    }.damage, "layer 0 has the unknown kind 2");
    // A layer of the other kind: its own tensors have become strangers.
    try refuses(.{}, struct {
        fn damage(model: *TestModel) void {
            model.description[model.head().layer_kinds_offset + 4] = 0;
        }
    }.damage, "attention_q");
}

test "every truncation is refused" {
    var model = try build(.{});
    defer model.deinit();
    var length: usize = 0;
    while (length < model.description.len) : (length += 7) {
        var message: Message = .{};
        try std.testing.expectError(error.ModelInvalid, Description.parse(gpa, model.description[0..length], &message));
        try std.testing.expect(message.text().len > 0);
    }
}

test "random mutations give an error or a model that holds together" {
    const seed: u64 = 0x5eed_0001;
    errdefer std.debug.print("seed {x}\n", .{seed});
    var random: std.Random.DefaultPrng = .init(seed);
    const r = random.random();
    var accepted: usize = 0;
    var model = try build(.{ .kinds = &.{ .delta_net, .attention }, .expert_runs = 2 });
    defer model.deinit();
    const original = try gpa.dupe(u8, model.description);
    defer gpa.free(original);
    const extremes = [_]u32{ 0, 1, 2, 3, 7, 8, 31, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff };
    const rounds = test_rounds.rounds(20_000);
    for (0..rounds) |_| {
        @memcpy(model.description, original);
        for (0..r.intRangeAtMost(usize, 1, 4)) |_| {
            const at = r.uintLessThan(usize, original.len);
            switch (r.uintLessThan(u8, 4)) {
                0 => model.description[at] ^= @as(u8, 1) << r.int(u3),
                1 => model.description[at] = r.int(u8),
                else => {
                    const word = at / 4 * 4;
                    if (word + 4 > original.len) continue;
                    const slot = model.description[word..][0..4];
                    const old = std.mem.readInt(u32, slot, .native);
                    const new = if (r.boolean()) extremes[r.uintLessThan(usize, extremes.len)] else old +% r.intRangeAtMost(u32, 0, 2) -% 1;
                    std.mem.writeInt(u32, slot, new, .native);
                },
            }
        }
        var message: Message = .{};
        var parsed = Description.parse(gpa, model.description, &message) catch |err| {
            try std.testing.expectEqual(error.ModelInvalid, err);
            try std.testing.expect(message.text().len > 0);
            continue;
        };
        defer parsed.deinit();
        accepted += 1;
        try checkHolds(&parsed);
    }
    // Mutated hashes, paths and shifted offsets are fine; nearly everything else must not be.
    try std.testing.expect(accepted > 0 and accepted < rounds / 2);
}

/// What the engine relies on, recomputed independently of the parser.
fn checkHolds(parsed: *const Description) !void {
    const s = &parsed.shape;
    try std.testing.expect(s.experts_per_token >= 1 and s.experts_per_token <= s.experts);
    try checkRunsCover(parsed);
    for (parsed.tensors) |*tensor| {
        const copies: u128 = @max(tensor.expert_count, 1);
        for ([_]*const abi.Extent{ &tensor.weight, &tensor.scales, &tensor.biases }) |extent| {
            if (extent.file == abi.none_u32) continue;
            const end = @as(u128, extent.offset) + (copies - 1) * extent.stride + extent.bytes;
            try std.testing.expect(end <= parsed.files[extent.file].bytes);
        }
        const elements = @as(u128, tensor.rows) * tensor.cols;
        const bits: u128 = if (tensor.format == @intFromEnum(abi.Format.affine)) tensor.bits else 8 * shapes.valueBytes(@enumFromInt(tensor.format));
        try std.testing.expectEqual(elements * bits, @as(u128, tensor.weight.bytes) * 8);
    }
    for (0..s.layers) |layer| {
        try std.testing.expect(parsed.dense(@intCast(layer), .router) != null);
        const attention = parsed.layer_kinds[layer] == .attention;
        try std.testing.expectEqual(attention, parsed.dense(@intCast(layer), .attention_o) != null);
        try std.testing.expectEqual(!attention, parsed.dense(@intCast(layer), .delta_out) != null);
    }
}
