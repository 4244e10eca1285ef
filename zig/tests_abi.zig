//! Test root of the boundary room; its path makes relative imports between rooms work.

test {
    _ = @import("abi/result.zig");
}
