//! Test root of the boundary room; its path makes relative imports between rooms work.

test {
    _ = @import("abi/result.zig");
    _ = @import("abi/handles_test.zig");
    _ = @import("abi/calls_test.zig");
    _ = @import("abi/manifest_test.zig");
}
