//! All tests of the kernels room.

test {
    _ = @import("detect.zig");
    _ = @import("packing_test.zig");
    _ = @import("activations_test.zig");
    _ = @import("linear_test.zig");
}
