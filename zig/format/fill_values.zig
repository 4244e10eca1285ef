//! Seeded random values by position: the bytes at an offset of a tensor depend on the seed and that offset only.
//! Integer arithmetic down to one float multiplication and rounding, so every machine gets the same bytes. No memory,
//! no state; any thread.

const std = @import("std");
const abi = @import("../abi/types.zig");

/// Slices begin at multiples of this.
pub const block_bytes = 64;

/// What to generate; made from validated arguments.
pub const Values = struct {
    key: u64,
    kind: abi.FillKind,
    format: abi.Format,
    mean: f32,
    spread: f32,

    pub fn init(seed: u64, kind: abi.FillKind, format: abi.Format, mean: f32, spread: f32) Values {
        // Seeds that differ in one bit, or only by kind, start at unrelated places of the sequence.
        const key = finalise(finalise(seed +% golden) +% (@as(u64, @intFromEnum(kind)) + 1) *% golden);
        return .{ .key = key, .kind = kind, .format = format, .mean = mean, .spread = spread };
    }

    /// Writes the tensor's bytes [first_byte, first_byte + out.len). `first_byte` is a multiple of `block_bytes`.
    pub fn write(values: *const Values, first_byte: u64, out: []u8) void {
        std.debug.assert(first_byte % block_bytes == 0);
        switch (values.kind) {
            .uniform_bits => values.writeBlocks(uniformBlock, first_byte, out),
            .constant_jitter => switch (values.format) {
                .f32 => values.writeBlocks(jitterBlock(.f32), first_byte, out),
                .f16 => values.writeBlocks(jitterBlock(.f16), first_byte, out),
                .bf16 => values.writeBlocks(jitterBlock(.bf16), first_byte, out),
                .affine => unreachable, // refused by the caller
            },
            .normal => switch (values.format) {
                .f32 => values.writeBlocks(normalBlock(.f32), first_byte, out),
                .f16 => values.writeBlocks(normalBlock(.f16), first_byte, out),
                .bf16 => values.writeBlocks(normalBlock(.bf16), first_byte, out),
                .affine => unreachable,
            },
        }
    }

    fn writeBlocks(values: *const Values, comptime writeBlock: fn (*const Values, u64, *[block_bytes]u8) void, first_byte: u64, out: []u8) void {
        var block = first_byte / block_bytes;
        var done: usize = 0;
        while (done + block_bytes <= out.len) : (done += block_bytes) {
            writeBlock(values, block, out[done..][0..block_bytes]);
            block += 1;
        }
        if (done == out.len) return;
        var last: [block_bytes]u8 = undefined;
        writeBlock(values, block, &last);
        @memcpy(out[done..], last[0 .. out.len - done]);
    }

    /// Word n of the sequence: SplitMix64, entered at any place.
    inline fn word(values: *const Values, n: u64) u64 {
        return finalise(values.key +% n *% golden);
    }
};

const golden: u64 = 0x9e37_79b9_7f4a_7c15;

inline fn finalise(x: u64) u64 {
    var z = x;
    z = (z ^ (z >> 30)) *% 0xbf58_476d_1ce4_e5b9;
    z = (z ^ (z >> 27)) *% 0x94d0_49bb_1331_11eb;
    return z ^ (z >> 31);
}

fn uniformBlock(values: *const Values, block: u64, out: *[block_bytes]u8) void {
    inline for (0..8) |i| std.mem.writeInt(u64, out[i * 8 ..][0..8], values.word(block *% 8 +% i), .little);
}

/// mean * (1 + spread * u), u uniform in [-1, 1) with 24 bits; one word serves two values.
fn jitterBlock(comptime format: abi.Format) fn (*const Values, u64, *[block_bytes]u8) void {
    return struct {
        fn write(values: *const Values, block: u64, out: *[block_bytes]u8) void {
            const count = comptime block_bytes / sizeOf(format);
            inline for (0..count / 2) |pair| {
                const bits = values.word(block *% (count / 2) +% pair);
                inline for (.{ @as(u32, @truncate(bits)), @as(u32, @truncate(bits >> 32)) }, 0..) |half, i| {
                    const u = @as(f32, @floatFromInt(@as(i32, @intCast(half >> 8)) - (1 << 23))) * (1.0 / @as(f32, 1 << 23));
                    put(format, out, pair * 2 + i, values.mean * (1 + values.spread * u));
                }
            }
        }
    }.write;
}

/// mean + spread * n, n the sum of twelve 16-bit uniforms, scaled to variance 1: normal to the eye, never beyond 6.
fn normalBlock(comptime format: abi.Format) fn (*const Values, u64, *[block_bytes]u8) void {
    return struct {
        fn write(values: *const Values, block: u64, out: *[block_bytes]u8) void {
            const count = comptime block_bytes / sizeOf(format);
            for (0..count) |i| {
                const first = (block *% count +% i) *% 3;
                const sum = quarters(values.word(first)) + quarters(values.word(first +% 1)) + quarters(values.word(first +% 2));
                // Two 32-bit halves, each the sum of six uniforms.
                const total: i32 = @intCast((sum & 0xffff_ffff) + (sum >> 32));
                const n = @as(f32, @floatFromInt(total - 12 * 65535 / 2)) * (1.0 / 65536.0);
                put(format, out, i, values.mean + values.spread * n);
            }
        }
    }.write;
}

/// Largest |n| of `normal`.
pub const normal_max = 6;

/// The four 16-bit parts of a word, summed in pairs in its two halves.
inline fn quarters(bits: u64) u64 {
    const mask = 0x0000_ffff_0000_ffff;
    return (bits & mask) + ((bits >> 16) & mask);
}

fn sizeOf(comptime format: abi.Format) usize {
    return switch (format) {
        .f32 => 4,
        .f16, .bf16 => 2,
        .affine => @compileError("packed values are filled with uniform bits"),
    };
}

inline fn put(comptime format: abi.Format, out: *[block_bytes]u8, index: usize, value: f32) void {
    switch (format) {
        .f32 => std.mem.writeInt(u32, out[index * 4 ..][0..4], @bitCast(value), .little),
        .f16 => std.mem.writeInt(u16, out[index * 2 ..][0..2], toF16(value), .little),
        .bf16 => std.mem.writeInt(u16, out[index * 2 ..][0..2], toBf16(value), .little),
        .affine => comptime unreachable,
    }
}

/// Round to nearest even; values are finite.
inline fn toBf16(value: f32) u16 {
    const bits: u32 = @bitCast(value);
    return @truncate((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Round to nearest even, for finite values within range; a tenth of the time of the compiler's call.
inline fn toF16(value: f32) u16 {
    const bits: u32 = @bitCast(value);
    const magnitude = bits & 0x7fff_ffff;
    // Below 2^-14 the result is subnormal: adding 1/2 shifts its ten bits to the end of the sum, rounded.
    const half_bits: u32 = @bitCast(@as(f32, 0.5));
    const small = @as(u32, @bitCast(@as(f32, @bitCast(magnitude)) + 0.5)) -% half_bits;
    // Otherwise the exponent is rebased from 127 to 15 and 13 bits are rounded away.
    const rebase: u32 = @bitCast(@as(i32, (15 - 127) << 23));
    const normal = (magnitude +% rebase +% 0xfff +% ((magnitude >> 13) & 1)) >> 13;
    const rounded = if (magnitude < (127 - 14) << 23) small else normal;
    return @truncate(rounded | (bits >> 16 & 0x8000));
}

/// Largest finite value of a format.
pub fn largest(format: abi.Format) f64 {
    return switch (format) {
        .f32 => std.math.floatMax(f32),
        .f16 => std.math.floatMax(f16),
        .bf16 => @as(f32, @bitCast(@as(u32, 0x7f7f_0000))),
        .affine => unreachable, // has no values of its own
    };
}

fn decode(format: abi.Format, bytes: []const u8, index: usize) f32 {
    return switch (format) {
        .f32 => @bitCast(std.mem.readInt(u32, bytes[index * 4 ..][0..4], .little)),
        .f16 => @as(f16, @bitCast(std.mem.readInt(u16, bytes[index * 2 ..][0..2], .little))),
        .bf16 => @bitCast(@as(u32, std.mem.readInt(u16, bytes[index * 2 ..][0..2], .little)) << 16),
        .affine => unreachable,
    };
}

const every_case = [_]Values{
    .init(1, .uniform_bits, .affine, 0, 0),
    .init(2, .constant_jitter, .f32, 0.02, 0.1),
    .init(2, .constant_jitter, .f16, -0.5, 0.5),
    .init(2, .constant_jitter, .bf16, 1, 0.01),
    .init(3, .normal, .f32, 0, 1),
    .init(3, .normal, .f16, 0.25, 0.02),
    .init(3, .normal, .bf16, -1, 2),
};

test "any slicing gives the same bytes" {
    var whole: [40 * block_bytes + 22]u8 = undefined;
    var sliced: [whole.len]u8 = undefined;
    var prng: std.Random.DefaultPrng = .init(5);
    for (every_case) |values| {
        const base = 64 * 1_000_003;
        values.write(base, &whole);
        for (0..50) |_| {
            @memset(&sliced, 0);
            var start: usize = 0;
            while (start < sliced.len) {
                const end = @min(sliced.len, start + block_bytes * prng.random().intRangeAtMost(usize, 1, 9));
                values.write(base + start, sliced[start..end]);
                start = end;
            }
            try std.testing.expectEqualSlices(u8, &whole, &sliced);
        }
    }
}

test "the sequence is pinned: checkpoints made with a seed stay what they were" {
    var bytes: [block_bytes * 4]u8 = undefined;
    // From the formulas above, evaluated outside this code.
    const expected = [every_case.len]u32{ 0xb1226344, 0xd334b62b, 0xf0a8c8c9, 0xf4beabb4, 0xf45c213d, 0xc8ec0ae4, 0x30dc6665 };
    for (every_case, expected) |values, checksum| {
        values.write(64 * 12345, &bytes);
        try std.testing.expectEqual(checksum, std.hash.Crc32.hash(&bytes));
    }
}

test "bits, jitter and normal have the moments they promise" {
    const gpa = std.testing.allocator;
    const bytes = try gpa.alloc(u8, 1 << 20);
    defer gpa.free(bytes);
    for (every_case) |values| {
        values.write(0, bytes);
        if (values.kind == .uniform_bits) {
            var counts: [256]u32 = @splat(0);
            for (bytes) |byte| counts[byte] += 1;
            var chi: f64 = 0;
            for (counts) |n| chi += std.math.pow(f64, @as(f64, @floatFromInt(n)) - 4096, 2) / 4096;
            // 255 degrees of freedom: mean 255, deviation 22.6.
            try std.testing.expect(chi > 150 and chi < 370);
            continue;
        }
        const count = bytes.len / @as(usize, if (values.format == .f32) 4 else 2);
        var sum: f64 = 0;
        var square: f64 = 0;
        var extreme: f64 = 0;
        for (0..count) |i| {
            const x: f64 = (decode(values.format, bytes, i) - values.mean) / if (values.kind == .normal) values.spread else values.mean * values.spread;
            sum += x;
            square += x * x;
            extreme = @max(extreme, @abs(x));
        }
        const n: f64 = @floatFromInt(count);
        const variance: f64 = if (values.kind == .normal) 1 else 1.0 / 3.0;
        try std.testing.expectApproxEqAbs(0, sum / n, 0.01);
        try std.testing.expectApproxEqAbs(variance, square / n, 0.02);
        try std.testing.expect(if (values.kind == .normal) extreme > 4 and extreme < normal_max else extreme <= 1.5 and extreme > 0.99);
    }
}

test "rounding to f16 and bf16 is the compiler's" {
    var prng: std.Random.DefaultPrng = .init(9);
    for (0..200_000) |i| {
        var value: f32 = @bitCast(prng.random().int(u32));
        if (i % 2 == 0) value = prng.random().floatNorm(f32) * std.math.pow(f32, 2, @floatFromInt(i % 40)) / 1e9;
        if (!(@abs(value) <= 65504)) continue;
        try std.testing.expectEqual(@as(u16, @bitCast(@as(f16, @floatCast(value)))), toF16(value));
        const down: f32 = @bitCast(@as(u32, @bitCast(value)) & 0xffff_0000);
        const up: f32 = @bitCast((@as(u32, @bitCast(value)) & 0xffff_0000) + 0x1_0000);
        const got: f32 = @bitCast(@as(u32, toBf16(value)) << 16);
        try std.testing.expect(@abs(got - value) <= @min(@abs(down - value), @abs(up - value)));
    }
}

test "seeds give unrelated bytes" {
    var a: [1024]u8 = undefined;
    var b: [1024]u8 = undefined;
    for (0..8) |seed| {
        Values.init(seed, .uniform_bits, .affine, 0, 0).write(0, &a);
        Values.init(seed + 1, .uniform_bits, .affine, 0, 0).write(0, &b);
        var equal: usize = 0;
        for (a, b) |x, y| equal += @intFromBool(x == y);
        try std.testing.expect(equal < 16); // 4 expected by chance
    }
}
