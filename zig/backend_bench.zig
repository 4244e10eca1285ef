//! Root of the CPU backend's micro-benchmark.
pub const main = @import("backend/cpu/bench.zig").main;
