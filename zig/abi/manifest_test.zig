//! The manifest names everything that crosses, and its hash notices every change of it.

const std = @import("std");
const types = @import("types.zig");
const manifest = @import("manifest.zig");
const calls = @import("calls.zig");

fn has(line: []const u8) bool {
    const text = manifest.text(calls.Signatures);
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |candidate| if (std.mem.eql(u8, candidate, line)) return true;
    return false;
}

test "lines of every kind" {
    try std.testing.expect(has("const max_top_logprobs 20"));
    try std.testing.expect(has("enum Result busy -12"));
    try std.testing.expect(has("struct TopLogprob 8 4"));
    try std.testing.expect(has(std.fmt.comptimePrint("field TensorDesc biases Extent {d}", .{@offsetOf(types.TensorDesc, "biases")})));
    try std.testing.expect(has("call fm_engine_step i32 u32 ptr u32 u32"));
    try std.testing.expect(has("call fm_abi_hash u32"));
    try std.testing.expect(!has("call fm_engine_step i32 u32 ptr u32"));
}

test "the hash depends on names, order and signatures of calls" {
    const some = struct {
        pub fn fm_a(_: u32) callconv(.c) i32 {
            return 0;
        }
        pub fn fm_b() callconv(.c) u32 {
            return 0;
        }
    };
    const renamed = struct {
        pub const fm_c = some.fm_a;
        pub const fm_b = some.fm_b;
    };
    const reordered = struct {
        pub const fm_b = some.fm_b;
        pub const fm_a = some.fm_a;
    };
    const retyped = struct {
        pub fn fm_a(_: f32) callconv(.c) i32 {
            return 0;
        }
        pub const fm_b = some.fm_b;
    };
    const hashes = [_]u32{ manifest.hash(some), manifest.hash(renamed), manifest.hash(reordered), manifest.hash(retyped) };
    for (hashes, 0..) |hash, i| for (hashes[i + 1 ..]) |other| try std.testing.expect(hash != other);
}
