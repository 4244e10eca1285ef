//! MLX's affine quantisation, value = q * scale + bias over groups of a row: decoding, and encoding by MLX's own rule bit
//! for bit (affine_search.zig has the better fit). Codes are one little-endian stream of bits. Pure; owns nothing.

const std = @import("std");
const abi = @import("../abi/types.zig");

pub const group_max = 128;
pub const lanes = 8;
pub const Lanes = @Vector(lanes, f32);

/// A stored matrix: its parts as they lie on disk, `scales` and `biases` empty when it is not quantised.
pub const Stored = struct {
    format: abi.Format,
    bits: u32,
    group: u32,
    scale_format: abi.Format,
    weight: []const u8,
    scales: []const u8 = &.{},
    biases: []const u8 = &.{},

    /// Values [first, first + out.len) of the matrix, row after row.
    pub fn decode(stored: *const Stored, first: usize, out: []f32) void {
        if (stored.format != .affine) {
            switch (stored.format) {
                inline .f32, .f16, .bf16 => |format| for (out, first..) |*value, i| {
                    value.* = load(format, stored.weight, i);
                },
                .affine => unreachable, // ruled out above
            }
            return;
        }
        var done: usize = 0;
        while (done < out.len) {
            const index = first + done;
            const group = index / stored.group;
            const count = @min(out.len - done, stored.group - index % stored.group);
            const scale = load(stored.scale_format, stored.scales, group);
            const bias = load(stored.scale_format, stored.biases, group);
            unpack(stored.weight, index, stored.bits, out[done..][0..count]);
            for (out[done..][0..count]) |*value| value.* = value.* * scale + bias;
            done += count;
        }
    }
};

/// Codes [first, first + out.len) of a stream; both are multiples of 8, so they fill whole bytes.
fn unpack(stream: []const u8, first: usize, bits: u32, out: []f32) void {
    std.debug.assert(first % 8 == 0 and out.len % 8 == 0);
    switch (bits) {
        inline 2, 3, 4, 5, 6, 8 => |n| {
            const Eight = std.meta.Int(.unsigned, 8 * n);
            var at = first / 8 * n;
            var i: usize = 0;
            while (i < out.len) : (i += 8) {
                const word = std.mem.readInt(Eight, stream[at..][0..n], .little);
                at += n;
                inline for (0..8) |k| out[i + k] = @floatFromInt(@as(u8, @truncate(word >> (k * n))) & ((1 << n) - 1));
            }
        },
        else => unreachable, // the slice was checked
    }
}

/// Value number `index` of plain floats.
pub fn load(format: abi.Format, bytes: []const u8, index: usize) f32 {
    return switch (format) {
        .f32 => @bitCast(std.mem.readInt(u32, bytes[index * 4 ..][0..4], .little)),
        .f16 => @as(f16, @bitCast(std.mem.readInt(u16, bytes[index * 2 ..][0..2], .little))),
        .bf16 => @bitCast(@as(u32, std.mem.readInt(u16, bytes[index * 2 ..][0..2], .little)) << 16),
        .affine => unreachable, // the caller asks for plain floats
    };
}

pub fn store(format: abi.Format, bytes: []u8, index: usize, value: f32) void {
    switch (format) {
        .f32 => std.mem.writeInt(u32, bytes[index * 4 ..][0..4], @bitCast(value), .little),
        .f16 => std.mem.writeInt(u16, bytes[index * 2 ..][0..2], @bitCast(@as(f16, @floatCast(value))), .little),
        .bf16 => std.mem.writeInt(u16, bytes[index * 2 ..][0..2], bf16Bits(value), .little),
        .affine => unreachable, // the caller asks for plain floats
    }
}

/// To nearest, ties to even; the value is finite.
fn bf16Bits(value: f32) u16 {
    const bits: u32 = @bitCast(value);
    return @intCast((bits +% 0x7fff +% ((bits >> 16) & 1)) >> 16);
}

/// What is left of a value once it was stored.
pub fn rounded(format: abi.Format, value: f32) f32 {
    return switch (format) {
        .f32 => value,
        .f16 => @as(f16, @floatCast(value)),
        .bf16 => @bitCast(@as(u32, bf16Bits(value)) << 16),
        .affine => unreachable, // scales are plain floats
    };
}

pub const Fit = struct { scale: f32, bias: f32 };

/// MLX's rule: the end of the range that is further from zero is hit exactly, and zero where the range holds it.
pub fn minmax(values: []const f32, bits: u32) Fit {
    var low: Lanes = @splat(std.math.inf(f32));
    var high: Lanes = @splat(-std.math.inf(f32));
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        low = @min(low, x);
        high = @max(high, x);
    }
    const least = @reduce(.Min, low);
    const most = @reduce(.Max, high);
    const below = @abs(least) > @abs(most);
    const step = @max((most - least) / topOf(bits), 1e-7);
    const scale = if (below) step else -step;
    const edge = if (below) least else most;
    const steps = nearest(edge / scale);
    if (steps == 0) return .{ .scale = scale, .bias = 0 };
    return .{ .scale = edge / steps, .bias = edge };
}

pub fn topOf(bits: u32) f32 {
    return @floatFromInt((@as(u32, 1) << @intCast(bits)) - 1);
}

/// To the nearest whole number, ties to even.
fn nearest(value: f32) f32 {
    const whole: f32 = 8_388_608; // from here on every f32 is whole
    if (!(@abs(value) < whole)) return value;
    return if (value < 0) (value - whole) + whole else (value + whole) - whole;
}

/// The nearest codes of a group under a fit, as floats.
pub fn encode(values: []const f32, fit: Fit, bits: u32, codes: []f32) void {
    const top: Lanes = @splat(topOf(bits));
    const zero: Lanes = @splat(0);
    const whole: Lanes = @splat(8_388_608);
    const scale: Lanes = @splat(fit.scale);
    const bias: Lanes = @splat(fit.bias);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        // Bounded first: then adding and taking away 2^23 rounds to even, as MLX's rint does.
        const q = @min(@max((x - bias) / scale, zero), top);
        codes[i..][0..lanes].* = (q + whole) - whole;
    }
}

/// Sum of the squared differences between values and what their codes stand for.
pub fn squaredError(values: []const f32, codes: []const f32, fit: Fit) f32 {
    const scale: Lanes = @splat(fit.scale);
    const bias: Lanes = @splat(fit.bias);
    var sum: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        const q: Lanes = codes[i..][0..lanes].*;
        const difference = x - (q * scale + bias);
        sum += difference * difference;
    }
    return @reduce(.Add, sum);
}

pub fn squaredSum(values: []const f32) f32 {
    var sum: Lanes = @splat(0);
    var i: usize = 0;
    while (i < values.len) : (i += lanes) {
        const x: Lanes = values[i..][0..lanes].*;
        sum += x * x;
    }
    return @reduce(.Add, sum);
}

/// Appends a group's codes to the stream of bits; a group fills whole bytes.
pub fn pack(codes: []const f32, bits: u32, stream: []u8) void {
    std.debug.assert(stream.len == codes.len * bits / 8);
    switch (bits) {
        inline 2, 3, 4, 5, 6, 8 => |n| {
            const Eight = std.meta.Int(.unsigned, 8 * n);
            var at: usize = 0;
            var i: usize = 0;
            while (i < codes.len) : (i += 8) {
                const eight: @Vector(8, i32) = @intFromFloat(@as(Lanes, codes[i..][0..8].*));
                var word: Eight = 0;
                inline for (0..8) |k| word |= @as(Eight, @intCast(eight[k])) << (k * n);
                std.mem.writeInt(Eight, stream[at..][0..n], word, .little);
                at += n;
            }
        },
        else => unreachable, // the slice was checked
    }
}
