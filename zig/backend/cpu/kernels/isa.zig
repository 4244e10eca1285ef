//! The instruction set of the level being compiled, chosen at compile time by the build's `level` option.
//! Each isa_*.zig offers: lanes (32-bit lanes of a vector), row_tile and token_tile (what its registers hold),
//! pick(vector, per, step) and Step(bits), the unpacking and the integer dot product of one step of columns.

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
