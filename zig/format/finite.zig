//! Looks for infinities and NaNs in the scales and biases of a record that landed, where one would silently spoil every
//! product. Reads any byte address; about a tenth of a record is looked at, at memory speed. Owns nothing.

const std = @import("std");
const abi = @import("../abi/types.zig");

/// Index of the first value that is infinite or NaN. `format` is f32, f16 or bf16, `bytes` whole values of it.
pub fn firstNonFinite(format: abi.Format, bytes: []const u8) ?usize {
    return switch (format) {
        .f32 => search(u32, 0x7f80_0000, bytes),
        .f16 => search(u16, 0x7c00, bytes),
        .bf16 => search(u16, 0x7f80, bytes),
        .affine => unreachable, // scales are never packed
    };
}

/// A float is infinite or NaN exactly when all bits of its exponent are set.
fn search(comptime Bits: type, comptime exponent: Bits, bytes: []const u8) ?usize {
    const value_bytes = @sizeOf(Bits);
    const block_bytes = 128;
    const lanes = block_bytes / value_bytes;
    const Block = @Vector(lanes, Bits);
    const mask: Block = @splat(exponent);
    std.debug.assert(bytes.len % value_bytes == 0);

    var offset: usize = 0;
    while (offset + block_bytes <= bytes.len) : (offset += block_bytes) {
        const block: Block = @bitCast(bytes[offset..][0..block_bytes].*);
        if (@reduce(.Or, (block & mask) == mask)) break; // the loop below says which one
    }
    while (offset < bytes.len) : (offset += value_bytes) {
        const bits = std.mem.readInt(Bits, bytes[offset..][0..value_bytes], .little);
        if (bits & exponent == exponent) return offset / value_bytes;
    }
    return null;
}

test "finds exactly the first infinite or NaN value, at every place and address" {
    const formats = [_]abi.Format{ .f32, .f16, .bf16 };
    const largest = [_]u32{ 0x7f7f_ffff, 0x7bff, 0x7f7f };
    const infinite = [_]u32{ 0xff80_0000, 0x7c00, 0xff80 };
    const nan = [_]u32{ 0x7fc0_0001, 0xfe01, 0x7fc1 };
    var memory: [1200 + 3]u8 = undefined;
    for (formats, largest, infinite, nan) |format, fine, inf, not_a_number| {
        const size: usize = if (format == .f32) 4 else 2;
        for (0..4) |shift| {
            const bytes = memory[shift..][0 .. 297 * size];
            for (0..297) |i| write(bytes, size, i, fine);
            try std.testing.expectEqual(null, firstNonFinite(format, bytes));
            var i: usize = 296;
            while (true) : (i -= 1) {
                write(bytes, size, i, if (i % 2 == 0) inf else not_a_number);
                try std.testing.expectEqual(i, firstNonFinite(format, bytes));
                if (i == 0) break;
            }
        }
        try std.testing.expectEqual(null, firstNonFinite(format, &.{}));
    }
}

fn write(bytes: []u8, size: usize, index: usize, bits: u32) void {
    if (size == 4)
        std.mem.writeInt(u32, bytes[index * 4 ..][0..4], bits, .little)
    else
        std.mem.writeInt(u16, bytes[index * 2 ..][0..2], @intCast(bits), .little);
}
