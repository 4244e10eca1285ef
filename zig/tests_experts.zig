//! Root of the experts and io tests, and of those of the formats, in which what they read is written.

test {
    _ = @import("tests_format.zig");
    _ = @import("format/finite.zig");
    _ = @import("experts/record_test.zig");
    _ = @import("experts/replay_test.zig");
    _ = @import("experts/simulation_test.zig");
    _ = @import("experts/slots_test.zig");
    _ = @import("experts/store_test.zig");
    _ = @import("experts/store_fault_test.zig");
    _ = @import("experts/store_pool_test.zig");
    _ = @import("io/transfer_test.zig");
    _ = @import("io/jobs_test.zig");
    _ = @import("io/uring_test.zig");
    _ = @import("io/readers_test.zig");
    _ = @import("format/fill_values.zig");
    _ = @import("format/fill_test.zig");
}
