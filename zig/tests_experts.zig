//! Root of the experts and io tests.

test {
    _ = @import("experts/finite.zig");
    _ = @import("experts/slots_test.zig");
    _ = @import("experts/store_test.zig");
}
