//! NEON of any ARMv8: 16-bit weights against 16-bit activations by widening multiply-adds (smlal), 32 columns a
//! step. 2 and 4 bits come apart by shift and mask, 3, 5 and 6 bits out of 16-bit windows by variable shifts.
//! Registers only.

const std = @import("std");
const Layout = @import("activations.zig").Layout;

pub const lanes = 4;
pub const single_rows = 2;
pub const batch_rows = 1;
pub const batch_tokens = 4;

/// Batches unpack their weights tile by tile: expanding them was not measured here.
pub const expanded_tokens = 0;
pub const expanded_least = 0;

pub const F = @Vector(lanes, f32);
pub const I = @Vector(lanes, i32);
const B = @Vector(8, u8);
const H = @Vector(8, i16);

/// Lanes l of the result hold values[step * per + l * per / lanes]; here per is always 1: values[step] in all.
pub inline fn pick(values: F, comptime per: usize, step: usize) F {
    comptime std.debug.assert(per == 1);
    const from: [lanes]f32 = values;
    return @splat(from[step]);
}

pub fn Step(comptime bits: u32) type {
    const stride = if (bits == 2 or bits == 4) 8 / bits else 1;
    const vectors = 4;
    return struct {
        pub const columns = 8 * vectors;
        pub const bytes = columns * bits / 8;
        pub const overread = if (stride == 1) 8 - bits else 0;
        pub const centre = 0;
        pub const layout: Layout = .{ .group = 0, .stride = stride, .width = 8, .kind = .words };
        pub const Weights = [vectors]H;
        pub const Sum = I;

        /// Reads bytes + overread bytes.
        pub inline fn load(from: [*]const u8) Weights {
            const mask = (1 << bits) - 1;
            var weights: Weights = undefined;
            inline for (&weights, 0..) |*w, k| {
                const raw: B = from[k / stride * stride * bits ..][0..8].*;
                if (stride > 1) {
                    w.* = (raw >> @splat(k % stride * bits)) & @as(B, @splat(mask)); // widens
                } else if (bits == 8) {
                    w.* = raw;
                } else {
                    const windows: @Vector(8, u16) = @bitCast(@shuffle(u8, raw, undefined, windowIndex()));
                    w.* = @bitCast((windows >> comptime shifts()) & @as(@Vector(8, u16), @splat(mask)));
                }
            }
            return weights;
        }

        pub inline fn start(weights: Weights, x: [*]const u8) Sum {
            return add(@splat(0), weights, x);
        }

        pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
            const values: *const [vectors]H = @ptrCast(@alignCast(x));
            var result = sum;
            inline for (weights, values) |w, v| {
                const wide = @as(@Vector(8, i32), w) *% @as(@Vector(8, i32), v);
                const halves: [2]I = @bitCast(wide);
                result +%= halves[0];
                result +%= halves[1];
            }
            return result;
        }

        pub inline fn product(weights: Weights, x: [*]const u8) I {
            return total(start(weights, x));
        }

        pub inline fn total(sum: Sum) I {
            return sum;
        }

        /// The two bytes that hold field i, for 8 fields.
        fn windowIndex() @Vector(16, i32) {
            var index: [16]i32 = undefined;
            for (&index, 0..) |*to, i| to.* = @intCast(i / 2 * bits / 8 + i % 2);
            return index;
        }

        fn shifts() @Vector(8, u16) {
            var shift: [8]u16 = undefined;
            for (&shift, 0..) |*to, i| to.* = i * bits % 8;
            return shift;
        }
    };
}
