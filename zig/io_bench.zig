//! Root of the readers' benchmark (zig/io/bench.zig), so that imports across rooms resolve.
pub const main = @import("io/bench.zig").main;
