//! AVX-512 with VNNI and VBMI: 64 weights as bytes against two int8 planes per vpdpbusd.
//! 2 and 4 bits come apart by shift and mask; 3, 5 and 6 bits by one byte permute (each eight values' bytes
//! into one quadword) and one vpmultishiftqb (any eight bit fields of a quadword). Registers only.

const Layout = @import("activations.zig").Layout;

pub const lanes = 16;
pub const single_rows = 4;
pub const batch_rows = 4;
pub const batch_tokens = 2;

/// Batches unpack their weights tile by tile: expanding them was not measured here.
pub const expanded_tokens = 0;
pub const expanded_least = 0;

pub const F = @Vector(lanes, f32);
pub const I = @Vector(lanes, i32);
const B = @Vector(64, u8);

extern fn @"llvm.x86.avx512.vpdpbusd.512"(I, I, I) I;
extern fn @"llvm.x86.avx512.pmultishift.qb.512"(B, B) B;
extern fn @"llvm.x86.avx512.permvar.qi.512"(B, B) B;
extern fn @"llvm.x86.avx512.permvar.sf.512"(F, I) F;

/// Lanes l of the result hold values[step * per + l * per / lanes]; per 0 or 1: values[step] in all lanes.
pub inline fn pick(values: F, comptime per: usize, step: usize) F {
    const first: I = @splat(@intCast(step * per));
    return @"llvm.x86.avx512.permvar.sf.512"(values, first + comptime spread(per));
}

fn spread(comptime per: usize) I {
    var index: [lanes]i32 = undefined;
    for (&index, 0..) |*to, l| to.* = @intCast(l * per / lanes);
    return index;
}

pub fn Step(comptime bits: u32) type {
    const dense = bits == 2 or bits == 4;
    return struct {
        pub const stride = if (dense) 8 / bits else 1;
        pub const columns = 64 * stride;
        pub const bytes = columns * bits / 8;
        pub const overread = 64 - bytes;
        pub const centre = 0;
        pub const layout: Layout = .{ .group = 0, .stride = stride, .width = 64, .kind = .planes };
        pub const Weights = [stride]B;
        pub const Sum = struct { high: I, low: I };

        /// Reads bytes + overread bytes.
        pub inline fn load(from: [*]const u8) Weights {
            const raw: B = from[0..64].*;
            var weights: Weights = undefined;
            if (dense) {
                inline for (&weights, 0..) |*w, k| w.* = (raw >> @splat(k * bits)) & @as(B, @splat((1 << bits) - 1));
            } else if (bits == 8) {
                weights[0] = raw;
            } else {
                const gathered = @"llvm.x86.avx512.permvar.qi.512"(raw, comptime gatherIndex());
                const fields = @"llvm.x86.avx512.pmultishift.qb.512"(comptime shiftIndex(), gathered);
                weights[0] = fields & @as(B, @splat((1 << bits) - 1));
            }
            return weights;
        }

        pub inline fn start(weights: Weights, x: [*]const u8) Sum {
            return add(.{ .high = @splat(0), .low = @splat(0) }, weights, x);
        }

        pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
            var result = sum;
            inline for (weights, 0..) |w, k| {
                result.high = dot(result.high, w, x + k * 128);
                result.low = dot(result.low, w, x + k * 128 + 64);
            }
            return result;
        }

        /// total(start(weights, x)), with a register and an addition less: the low products land on the shifted high ones.
        pub inline fn product(weights: Weights, x: [*]const u8) I {
            var sum: I = @splat(0);
            inline for (weights, 0..) |w, k| sum = dot(sum, w, x + k * 128);
            sum = sum << @splat(8);
            inline for (weights, 0..) |w, k| sum = dot(sum, w, x + k * 128 + 64);
            return sum;
        }

        pub inline fn total(sum: Sum) I {
            return (sum.high << @splat(8)) +% sum.low;
        }

        fn gatherIndex() B {
            var index: [64]u8 = undefined;
            for (&index, 0..) |*to, i| to.* = @intCast(@min(i / 8 * bits + i % 8, 63));
            return index;
        }

        fn shiftIndex() B {
            var index: [64]u8 = undefined;
            for (&index, 0..) |*to, i| to.* = @intCast(i % 8 * bits);
            return index;
        }
    };
}

inline fn dot(sum: I, weights: B, x: [*]const u8) I {
    const plane: B = @as(*const [64]u8, @ptrCast(@alignCast(x))).*;
    return @"llvm.x86.avx512.vpdpbusd.512"(sum, @bitCast(weights), @bitCast(plane));
}
