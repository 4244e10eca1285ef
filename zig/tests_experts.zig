//! Root of the experts and io tests.

const std = @import("std");

test {
    std.testing.refAllDecls(@import("experts/store.zig"));
    std.testing.refAllDecls(@import("experts/record.zig"));
}
