//! Root of the backend's native tests, and of the kernels'.

test {
    _ = @import("tests_kernels.zig");
    _ = @import("backend/cpu/pool.zig");
    _ = @import("backend/cpu/memory.zig");
    _ = @import("backend/cpu/read_loop.zig");
    _ = @import("backend/cpu/backend.zig");
    _ = @import("backend/cpu/attention_test.zig");
    _ = @import("backend/cpu/delta_net_test.zig");
    _ = @import("backend/cpu/products_test.zig");
    _ = @import("backend/cpu/rows_test.zig");
    _ = @import("backend/cpu/kernels/float_scalar_math.zig");
    _ = @import("backend/cpu/kernels/float_math.zig");
    _ = @import("backend/cpu/kernels/float_products.zig");
    _ = @import("backend/cpu/kernels/float_rows.zig");
}
