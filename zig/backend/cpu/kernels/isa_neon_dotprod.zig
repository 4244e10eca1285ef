//! NEON with dotprod: 16 weights as bytes against two int8 planes per sdot. sdot is signed on both sides, so
//! 8-bit weights are taken as q - 128 and the difference goes through the bias (`centre`). 2 and 4 bits come
//! apart by shift and mask, 3, 5 and 6 bits out of 16-bit windows by variable shifts. Registers only.

const Layout = @import("activations.zig").Layout;

pub const lanes = 4;
pub const single_rows = 4;
pub const batch_rows = 2;
pub const batch_tokens = 4;

/// Batches unpack their weights tile by tile: expanding them was not measured here.
pub const expanded_tokens = 0;
pub const expanded_least = 0;

pub const F = @Vector(lanes, f32);
pub const I = @Vector(lanes, i32);
const B = @Vector(16, u8);
const H = @Vector(8, u16);

extern fn @"llvm.aarch64.neon.sdot.v4i32.v16i8"(I, B, B) I;

/// Lanes l of the result hold values[step * per + l * per / lanes]; per 1: values[step] in all lanes.
pub inline fn pick(values: F, comptime per: usize, step: usize) F {
    const from: [lanes]f32 = values;
    var result: [lanes]f32 = undefined;
    inline for (&result, 0..) |*to, l| to.* = from[step * per + l * per / lanes];
    return result;
}

pub fn Step(comptime bits: u32) type {
    const dense = bits == 2 or bits == 4;
    return struct {
        const stride = if (dense) 8 / bits else 1;
        pub const columns = 16 * stride;
        pub const bytes = columns * bits / 8;
        pub const overread = 16 - bytes;
        pub const centre = if (bits == 8) 128 else 0;
        pub const layout: Layout = .{ .group = 0, .stride = stride, .width = 16, .kind = .planes };
        pub const Weights = [stride]B;
        pub const Sum = struct { high: I, low: I };

        /// Reads bytes + overread bytes.
        pub inline fn load(from: [*]const u8) Weights {
            const raw: B = from[0..16].*;
            const mask: u8 = (1 << bits) - 1;
            var weights: Weights = undefined;
            if (dense) {
                inline for (&weights, 0..) |*w, k| w.* = (raw >> @splat(k * bits)) & @as(B, @splat(mask));
            } else if (bits == 8) {
                weights[0] = raw ^ @as(B, @splat(0x80));
            } else {
                const low: H = @bitCast(@shuffle(u8, raw, undefined, windowIndex(0)));
                const high: H = @bitCast(@shuffle(u8, raw, undefined, windowIndex(8)));
                const low_bytes: B = @bitCast(low >> comptime shifts());
                const high_bytes: B = @bitCast(high >> comptime shifts());
                weights[0] = @shuffle(u8, low_bytes, high_bytes, evenBytes()) & @as(B, @splat(mask));
            }
            return weights;
        }

        pub inline fn start(weights: Weights, x: [*]const u8) Sum {
            return add(.{ .high = @splat(0), .low = @splat(0) }, weights, x);
        }

        pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
            const planes: [*]const B = @ptrCast(@alignCast(x));
            var result = sum;
            inline for (weights, 0..) |w, k| {
                result.high = @"llvm.aarch64.neon.sdot.v4i32.v16i8"(result.high, w, planes[k * 2]);
                result.low = @"llvm.aarch64.neon.sdot.v4i32.v16i8"(result.low, w, planes[k * 2 + 1]);
            }
            return result;
        }

        /// total(start(weights, x)), with a register and an addition less: the low products land on the shifted high ones.
        pub inline fn product(weights: Weights, x: [*]const u8) I {
            const planes: [*]const B = @ptrCast(@alignCast(x));
            var sum: I = @splat(0);
            inline for (weights, 0..) |w, k| sum = @"llvm.aarch64.neon.sdot.v4i32.v16i8"(sum, w, planes[k * 2]);
            sum = sum << @splat(8);
            inline for (weights, 0..) |w, k| sum = @"llvm.aarch64.neon.sdot.v4i32.v16i8"(sum, w, planes[k * 2 + 1]);
            return sum;
        }

        pub inline fn total(sum: Sum) I {
            return (sum.high << @splat(8)) +% sum.low;
        }

        /// The two bytes that hold field first + i, for 8 fields.
        fn windowIndex(first: usize) @Vector(16, i32) {
            var index: [16]i32 = undefined;
            for (&index, 0..) |*to, i| to.* = @intCast((first + i / 2) * bits / 8 + i % 2);
            return index;
        }

        /// Where in its window field i starts; eight fields end on a byte, so both halves agree.
        fn shifts() H {
            var shift: [8]u16 = undefined;
            for (&shift, 0..) |*to, i| to.* = i * bits % 8;
            return shift;
        }
    };
}

fn evenBytes() @Vector(16, i32) {
    var index: [16]i32 = undefined;
    for (&index, 0..) |*to, i| to.* = if (i < 8) i * 2 else ~@as(i32, (i - 8) * 2);
    return index;
}
