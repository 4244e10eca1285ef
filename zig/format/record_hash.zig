//! The hash of a packed model's records and tensors: XXH3, 64 bits. It has to find damage, not to resist an attacker, and at
//! ten times the speed of any disk it can look at every record that is read. Pure.

const std = @import("std");

pub fn recordHash(bytes: []const u8) u64 {
    return std.hash.XxHash3.hash(0, bytes);
}

test "the hash is XXH3 as published: packed models stay readable" {
    // Values of the reference implementation, seed 0.
    try std.testing.expectEqual(0x2d06800538d394c2, recordHash(""));
    try std.testing.expectEqual(0x78af5f94892f3950, recordHash("abc"));
}

test "every flipped bit of a record changes the hash" {
    var bytes: [1537]u8 = undefined;
    var prng: std.Random.DefaultPrng = .init(7);
    prng.random().bytes(&bytes);
    const whole = recordHash(&bytes);
    for (&bytes) |*byte| for (0..8) |bit| {
        byte.* ^= @as(u8, 1) << @intCast(bit);
        try std.testing.expect(recordHash(&bytes) != whole);
        byte.* ^= @as(u8, 1) << @intCast(bit);
    };
}
