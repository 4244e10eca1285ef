//! Root of the experts and io tests.

test {
    _ = @import("experts/finite.zig");
    const std = @import("std");
    std.testing.refAllDecls(@import("experts/store.zig").Store);
    std.testing.refAllDecls(@import("experts/store.zig").Pass);
    std.testing.refAllDecls(@import("io/pread_pool.zig").PreadPool);
    std.testing.refAllDecls(@import("io/files.zig").Files);
    std.testing.refAllDecls(@import("io/simulated.zig").Simulated);
}
