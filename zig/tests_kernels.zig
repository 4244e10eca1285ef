//! Root of the kernels room's tests.

test {
    _ = @import("backend/cpu/kernels/tests.zig");
}
