//! AVX2 and FMA. 2 bits: byte weights against two int8 planes by vpmaddubsw, which cannot saturate there
//! (3 * 128 * 2 * 8 terms < 2^15). All others: 16-bit weights against 16-bit activations by vpmaddwd; odd fields are cut
//! out of 16-bit windows with a multiplication as the variable shift. Registers only.

const Layout = @import("activations.zig").Layout;
const vectors = @import("vectors.zig");

pub const lanes = 8;
pub const single_rows = 4;
pub const batch_rows = 1;
pub const batch_tokens = 4;

pub const F = @Vector(lanes, f32);
pub const I = @Vector(lanes, i32);
/// 16-bit words of one product.
pub const W = @Vector(16, i16);
const B = @Vector(32, u8);

extern fn @"llvm.x86.avx2.pmadd.ub.sw"(B, B) W;
extern fn @"llvm.x86.avx2.pmadd.wd"(W, W) I;
extern fn @"llvm.x86.avx2.permps"(F, I) F;

/// Tiles of expanded.zig: vectors of rows by tokens.
pub const expanded_rows = 2;
pub const expanded_tokens = 4;
/// Fewer tokens unpack their weights one after the other: to this many, that is as fast or faster.
pub const expanded_least = 3;

pub inline fn multiply(a: W, b: W) I {
    return @"llvm.x86.avx2.pmadd.wd"(a, b);
}

/// Two neighbouring activations in all lanes.
pub inline fn pairOf(x: [*]const u8) W {
    const pair: i32 = @as(*const i32, @ptrCast(@alignCast(x))).*;
    return @bitCast(@as(I, @splat(pair)));
}

/// The sums of 8 vectors, lane r that of vector r; in two parts, those of their lower and upper halves.
pub inline fn fold(comptime parts: usize, v: [lanes]I) [parts]I {
    const low = foldHalves(v[0..4].*);
    const high = foldHalves(v[4..8].*);
    const lower = @shuffle(i32, low, high, I{ 0, 1, 2, 3, -1, -2, -3, -4 });
    const upper = @shuffle(i32, low, high, I{ 4, 5, 6, 7, -5, -6, -7, -8 });
    return if (parts == 1) .{lower +% upper} else .{ lower, upper };
}

/// Four vectors' sums of each half, lane r of the half that of vector r.
inline fn foldHalves(v: [4]I) I {
    const first = foldPairs(v[0], v[1]);
    const second = foldPairs(v[2], v[3]);
    const even = @shuffle(i32, first, second, I{ 0, 1, -1, -2, 4, 5, -5, -6 });
    const odd = @shuffle(i32, first, second, I{ 2, 3, -3, -4, 6, 7, -7, -8 });
    return even +% odd;
}

inline fn foldPairs(a: I, b: I) I {
    const lower = @shuffle(i32, a, b, I{ 0, -1, 1, -2, 4, -5, 5, -6 });
    const upper = @shuffle(i32, a, b, I{ 2, -3, 3, -4, 6, -7, 7, -8 });
    return lower +% upper;
}

/// Computes the sum here and reads what follows after it. Left to itself the compiler fetches a whole tile's operands
/// first and spills the sums: half the speed.
pub inline fn keep(sum: I) I {
    return asm volatile (""
        : [kept] "=x" (-> I),
        : [sum] "0" (sum),
        : .{ .memory = true });
}

/// Weights in a register: else every use reads them again.
pub inline fn hold(words: W) W {
    return asm volatile (""
        : [held] "=x" (-> W),
        : [words] "0" (words),
    );
}

/// Lanes l of the result hold values[step * per + l * per / lanes]; per 1: values[step] in all lanes.
pub inline fn pick(values: F, comptime per: usize, step: usize) F {
    const first: I = @splat(@intCast(step * per));
    return @"llvm.x86.avx2.permps"(values, first + comptime spread(per));
}

fn spread(comptime per: usize) I {
    var index: [lanes]i32 = undefined;
    for (&index, 0..) |*to, l| to.* = @intCast(l * per / lanes);
    return index;
}

pub fn Step(comptime bits: u32) type {
    return switch (bits) {
        2 => Pairs,
        4 => Nibbles,
        3, 5, 6, 8 => Words(bits),
        else => unreachable,
    };
}

/// 2 bits: the four fields of every byte.
const Pairs = struct {
    const bits = 2;
    const stride = 4;
    pub const columns = 32 * stride;
    pub const bytes = 32;
    pub const overread = 0;
    pub const centre = 0;
    pub const layout: Layout = .{ .group = 0, .stride = stride, .width = 32, .kind = .planes };
    pub const Weights = [stride]B;
    pub const Sum = struct { high: W, low: W };

    pub inline fn load(from: [*]const u8) Weights {
        const raw: B = from[0..32].*;
        var weights: Weights = undefined;
        inline for (&weights, 0..) |*w, k| w.* = (raw >> @splat(k * bits)) & @as(B, @splat((1 << bits) - 1));
        return weights;
    }

    pub inline fn start(weights: Weights, x: [*]const u8) Sum {
        return add(.{ .high = @splat(0), .low = @splat(0) }, weights, x);
    }

    /// 16-bit sums: one step, 4 * 768, is a whole group.
    pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
        var result = sum;
        inline for (weights, 0..) |w, k| {
            result.high +%= @"llvm.x86.avx2.pmadd.ub.sw"(w, plane(x + k * 64));
            result.low +%= @"llvm.x86.avx2.pmadd.ub.sw"(w, plane(x + k * 64 + 32));
        }
        return result;
    }

    pub inline fn product(weights: Weights, x: [*]const u8) I {
        return total(start(weights, x));
    }

    pub inline fn total(sum: Sum) I {
        const high = @"llvm.x86.avx2.pmadd.wd"(sum.high, @splat(256));
        return high +% @"llvm.x86.avx2.pmadd.wd"(sum.low, @splat(1));
    }

    inline fn plane(x: [*]const u8) B {
        return @as(*const [32]u8, @ptrCast(@alignCast(x))).*;
    }
};

/// 4 bits: the four nibbles of every 16-bit word.
const Nibbles = struct {
    pub const columns = 64;
    pub const bytes = 32;
    pub const overread = 0;
    pub const centre = 0;
    pub const layout: Layout = .{ .group = 0, .stride = 4, .width = 16, .kind = .words };
    pub const Weights = [4]W;
    pub const Sum = I;

    pub inline fn load(from: [*]const u8) Weights {
        return nibbles(@bitCast(from[0..32].*));
    }

    inline fn nibbles(raw: @Vector(16, u16)) Weights {
        const mask: @Vector(16, u16) = @splat(15);
        return .{ @bitCast(raw & mask), @bitCast((raw >> @splat(4)) & mask), @bitCast((raw >> @splat(8)) & mask), @bitCast(raw >> @splat(12)) };
    }

    /// A step of 8 rows: vector v * 8 + p holds pair p of vector v of every row.
    pub inline fn interleave(from: [lanes][*]const u8) [32]W {
        var raw: [lanes]I = undefined;
        inline for (&raw, from) |*to, row| to.* = @bitCast(row[0..32].*);
        var words: [32]W = undefined;
        inline for (vectors.transpose(i32, raw), 0..) |pairs, p| {
            inline for (nibbles(@bitCast(pairs)), 0..) |w, v| words[v * lanes + p] = w;
        }
        return words;
    }

    pub inline fn start(weights: Weights, x: [*]const u8) Sum {
        const values: *const [4]W = @ptrCast(@alignCast(x));
        const even = multiply(weights[0], values[0]) +% multiply(weights[1], values[1]);
        return even +% (multiply(weights[2], values[2]) +% multiply(weights[3], values[3]));
    }

    pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
        return sum +% start(weights, x);
    }

    pub inline fn product(weights: Weights, x: [*]const u8) I {
        return start(weights, x);
    }

    pub inline fn total(sum: Sum) I {
        return sum;
    }
};

fn Words(comptime bits: u32) type {
    return struct {
        pub const columns = 32;
        pub const bytes = 4 * bits;
        pub const overread = if (bits == 8) 0 else 16 - 2 * bits;
        pub const centre = 0;
        pub const layout: Layout = .{ .group = 0, .stride = 1, .width = 16, .kind = .words };
        pub const Weights = [2]W;
        pub const Sum = I;

        /// Reads bytes + overread bytes: 16 for each half.
        pub inline fn load(from: [*]const u8) Weights {
            return .{ half(from), half(from + 2 * bits) };
        }

        /// A step of 8 rows: vector v * 8 + p holds pair p of vector v of every row.
        pub inline fn interleave(from: [lanes][*]const u8) [16]W {
            var words: [16]W = undefined;
            inline for (0..2) |v| {
                var rows: [lanes]I = undefined;
                inline for (&rows, from) |*to, row| to.* = @bitCast(half(row + v * 2 * bits));
                inline for (vectors.transpose(i32, rows), 0..) |pairs, p| words[v * lanes + p] = @bitCast(pairs);
            }
            return words;
        }

        inline fn half(from: [*]const u8) W {
            if (bits == 8) return @as(@Vector(16, u8), from[0..16].*); // widens
            const raw = whole(from[0..16].*);
            const windows: @Vector(16, u16) = @bitCast(@shuffle(u8, raw, undefined, windowIndex()));
            const raised = windows *% comptime raise();
            return @bitCast(raised >> @splat(16 - bits));
        }

        pub inline fn start(weights: Weights, x: [*]const u8) Sum {
            return add(@splat(0), weights, x);
        }

        pub inline fn add(sum: Sum, weights: Weights, x: [*]const u8) Sum {
            const values: *const [2]W = @ptrCast(@alignCast(x));
            const first = @"llvm.x86.avx2.pmadd.wd"(weights[0], values[0]);
            return sum +% first +% @"llvm.x86.avx2.pmadd.wd"(weights[1], values[1]);
        }

        pub inline fn product(weights: Weights, x: [*]const u8) I {
            return total(start(weights, x));
        }

        pub inline fn total(sum: Sum) I {
            return sum;
        }

        /// One load of 16 bytes: the compiler would put the bytes that are used together one by one.
        inline fn whole(raw: @Vector(16, u8)) @Vector(16, u8) {
            return asm (""
                : [whole] "=x" (-> @Vector(16, u8)),
                : [raw] "0" (raw),
            );
        }

        /// The two bytes that hold field i, for 16 fields.
        fn windowIndex() @Vector(32, i32) {
            var index: [32]i32 = undefined;
            for (&index, 0..) |*to, i| to.* = @intCast(i / 2 * bits / 8 + i % 2);
            return index;
        }

        /// Factors that move field i to the top of its window.
        fn raise() @Vector(16, u16) {
            var factor: [16]u16 = undefined;
            for (&factor, 0..) |*to, i| to.* = 1 << (16 - bits - i * bits % 8);
            return factor;
        }
    };
}
