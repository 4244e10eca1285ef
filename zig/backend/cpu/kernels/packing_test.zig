//! The packing against MLX: one row of 32 columns per number of bits, as mlx.core.quantize(group_size=32) packed
//! it and mlx.core.dequantize unpacked it (mlx 0.32.4, normal weights of numpy's default_rng(1)).

const std = @import("std");
const tables = @import("table.zig");
const support = @import("test_support.zig");
const reference = @import("reference.zig");

const Golden = struct { bits: u32, scale: u32, bias: u32, weight: []const u8, values: [32]u32 };

const goldens = [_]Golden{
    .{ .bits = 2, .scale = 0x3fad83b0, .bias = 0xc02d83b0, .weight = "6eabaaa99afaa47a", .values = .{
        0x00000000, 0x3fad83b0, 0x00000000, 0xbfad83b0, 0x3fad83b0, 0x00000000, 0x00000000, 0x00000000,
        0x00000000, 0x00000000, 0x00000000, 0x00000000, 0xbfad83b0, 0x00000000, 0x00000000, 0x00000000,
        0x00000000, 0x00000000, 0xbfad83b0, 0x00000000, 0x00000000, 0x00000000, 0x3fad83b0, 0x3fad83b0,
        0xc02d83b0, 0xbfad83b0, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x3fad83b0, 0xbfad83b0,
    } },
    .{ .bits = 3, .scale = 0xbf02bcc5, .bias = 0x4002bcc5, .weight = "c5d6932e4db2d3bccaa2cbd9", .values = .{
        0xbf02bcc4, 0x4002bcc5, 0x3f02bcc4, 0x3f02bcc4, 0xbf02bcc4, 0xbfc41b28, 0x00000000, 0x00000000,
        0xbf82bcc6, 0xbf02bcc4, 0x00000000, 0xbf82bcc6, 0x00000000, 0x00000000, 0x00000000, 0xbf02bcc4,
        0x3f02bcc4, 0x3f82bcc5, 0x3f02bcc4, 0xbf82bcc6, 0x3f02bcc4, 0xbf02bcc4, 0x3f82bcc5, 0xbf82bcc6,
        0x3f82bcc5, 0x00000000, 0xbf82bcc6, 0xbf02bcc4, 0x00000000, 0x3f02bcc4, 0xbf82bcc6, 0xbf82bcc6,
    } },
    .{ .bits = 4, .scale = 0x3e667ccb, .bias = 0xc0100dff, .weight = "8bdbb39fd6eb388abd53dea7ccbe9a0f", .values = .{
        0x3e667cd0, 0xbee67ccc, 0x3e667cd0, 0x3f2cdd98, 0xbfc9ad32, 0x3e667cd0, 0x3f900dfe, 0xbe667cd0,
        0xbf667ccc, 0x3f2cdd98, 0x3e667cd0, 0x3f667ccc, 0xbee67ccc, 0xbfc9ad32, 0x00000000, 0xbee67ccc,
        0x3f2cdd98, 0x3e667cd0, 0xbfc9ad32, 0xbf900dff, 0x3f667ccc, 0x3f2cdd98, 0xbf2cdd98, 0x00000000,
        0x3ee67cc8, 0x3ee67cc8, 0x3f667ccc, 0x3e667cd0, 0x00000000, 0xbe667cd0, 0x3f900dfe, 0xc0100dff,
    } },
    .{ .bits = 5, .scale = 0xbe2310c2, .bias = 0x402310c2, .weight = "1166475764c8555d227d7141489b65467f062c66", .values = .{
        0xbe2310c0, 0x00000000, 0xbfb772da, 0x3ea310c0, 0xbf2310c0, 0x3f4bd4f2, 0xbe2310c0, 0x3f2310c2,
        0x3fa310c2, 0x3ea310c0, 0xbf4bd4f4, 0xbfcbd4f4, 0x3fe0370b, 0xbe2310c0, 0xbf2310c0, 0x3e2310c0,
        0xbe2310c0, 0x3f4bd4f2, 0x00000000, 0x00000000, 0xbf2310c0, 0x3ef49920, 0xbf749924, 0x3f2310c2,
        0x3fcbd4f2, 0xbfcbd4f4, 0xc018dfb6, 0x3f2310c2, 0x402310c2, 0xbf749924, 0xbfa310c2, 0x3f2310c2,
    } },
    .{ .bits = 6, .scale = 0x3d733ca5, .bias = 0xc008d21d, .weight = "d6e6b55d1a5a1f4546523f8e6d07ae29246b52d5fdd00990", .values = .{
        0xbf54d512, 0xbf08d21e, 0xbeb66d7c, 0x3f08d21c, 0xbed4d510, 0x3e9805e8, 0xbe366d80, 0xbf54d512,
        0xbe9805e8, 0xbf733ca6, 0x00000000, 0xbf906c02, 0xbf88d21d, 0x3fbe0760, 0xbd733cc0, 0xbd733cc0,
        0x3f08d21c, 0xbed4d510, 0xbe733ca8, 0x3ed4d510, 0x3e9805e8, 0xbf9805e8, 0x3f54d510, 0xbf1805e8,
        0xbf88d21d, 0xbf6408dc, 0xbed4d510, 0x3fcd3b2a, 0xbf9805e8, 0x3e366d80, 0xc008d21d, 0x00000000,
    } },
    .{ .bits = 8, .scale = 0xbc921c6e, .bias = 0x4037c7c2, .weight = "6faec4947a7c3295c2a8a59ba397ff72c1e37d578598d50070e1cd9cf898bb5c", .values = .{
        0x3f644c6a, 0xbe6d6e40, 0xbf1fcf18, 0x3e6d6e30, 0x3f3212a4, 0x3f28f0dc, 0x3ffd694e, 0x3e5b2aa0,
        0xbf16ad54, 0xbdffb1c0, 0xbd921c80, 0x3ddb2aa0, 0xbd121c80, 0x3e36a380, 0xbfd699c4, 0x3f5699c0,
        0xbf121c70, 0xbf96ad54, 0x3f245ffc, 0x3fa8f0de, 0x3effb1c0, 0x3e245ff0, 0xbf6d6e34, 0x4037c7c2,
        0x3f5fbb88, 0xbf921c70, 0xbf48e718, 0x3db6a380, 0xbfc69ea8, 0x3e245ff0, 0xbeed6e38, 0x3f9d86a6,
    } },
};

test "rows unpack exactly as MLX unpacks them, on every level" {
    for (goldens) |golden| {
        var weight: [32]u8 = undefined;
        const bytes = try std.fmt.hexToBytes(&weight, golden.weight);
        try std.testing.expectEqual(golden.bits * 4, bytes.len);
        const matrix: tables.Matrix = .{
            .weight = bytes.ptr,
            .scales = std.mem.asBytes(&golden.scale),
            .biases = std.mem.asBytes(&golden.bias),
            .rows = 1,
            .cols = 32,
            .format = @intFromEnum(tables.Format.affine),
            .bits = golden.bits,
            .group = 32,
            .scale_format = @intFromEnum(tables.Format.f32),
        };
        var out: [32]f32 = undefined;
        reference.table.row(&matrix, 0, &out);
        for (golden.values, out) |expected, value| try std.testing.expectEqual(expected, @as(u32, @bitCast(value)));
        const set = @import("detect.zig").supported();
        var levels: support.Levels = .init(&set);
        while (levels.next()) |level| {
            level.table.row(&matrix, 0, &out);
            for (golden.values, out) |expected, value| try std.testing.expectEqual(expected, @as(u32, @bitCast(value)));
        }
    }
}

test "products with unit vectors give MLX's values, on every level" {
    const set = @import("detect.zig").supported();
    var levels: support.Levels = .init(&set);
    while (levels.next()) |level| for (goldens) |golden| {
        var weight: [32]u8 = undefined;
        const bytes = try std.fmt.hexToBytes(&weight, golden.weight);
        const matrix: tables.Matrix = .{
            .weight = bytes.ptr,
            .scales = std.mem.asBytes(&golden.scale),
            .biases = std.mem.asBytes(&golden.bias),
            .rows = 1,
            .cols = 32,
            .format = @intFromEnum(tables.Format.affine),
            .bits = golden.bits,
            .group = 32,
            .scale_format = @intFromEnum(tables.Format.f32),
        };
        // x [32, 32] is the identity times 32639: its rounding is exact, so only float sums differ.
        var x: [32 * 32]f32 = @splat(0);
        for (0..32) |i| x[i * 33] = 32639;
        var out: [32]f32 = undefined;
        try support.multiply(level.table, &matrix, &x, 32, &out, 0, 1);
        for (golden.values, out) |expected, value| {
            const bias: f32 = @bitCast(golden.bias);
            try std.testing.expectApproxEqAbs(@as(f32, @bitCast(expected)), value / 32639, @abs(bias) * 0x1p-20);
        }
    };
}
