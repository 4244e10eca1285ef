//! Root of the kernels' micro-benchmark (zig/backend/cpu/kernels/bench.zig), so that imports across rooms resolve.

pub const main = @import("backend/cpu/kernels/bench.zig").main;
