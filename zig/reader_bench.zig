//! Root of the readers' benchmark (zig/experts/reader_bench.zig), so that imports across rooms resolve.
pub const main = @import("experts/reader_bench.zig").main;
