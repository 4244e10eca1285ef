//! The instruction set of the level being compiled, chosen at compile time by the build's `level` option.
//! Each isa_*.zig offers: lanes (32-bit lanes of a vector); single_rows, batch_rows, batch_tokens (tiles that fit the
//! registers); pick(vector, per, step), which spreads group scales over lanes; and Step(bits): how a step's `bytes` of
//! packed weights (`load`, which reads `overread` bytes more) become `columns` weights, minus `centre`, in the order of
//! `layout`, and their exact integer products (start, add, total; product is all three in one).
//! Where expanded_tokens is not 0, layouts of words also have the tiles of expanded.zig: expanded_rows x expanded_tokens
//! of multiply(W, W), each running sum passed through keep, for batches of expanded_least tokens or more.

const std = @import("std");
const options = @import("options");

pub const current = if (std.mem.eql(u8, options.level, "avx512"))
    @import("isa_avx512.zig")
else if (std.mem.eql(u8, options.level, "avx2"))
    @import("isa_avx2.zig")
else if (std.mem.eql(u8, options.level, "neon_dotprod"))
    @import("isa_neon_dotprod.zig")
else if (std.mem.eql(u8, options.level, "neon"))
    @import("isa_neon.zig")
else
    @compileError("no kernels for level " ++ options.level);
