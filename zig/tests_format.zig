test {
    _ = @import("format/description.zig");
    _ = @import("format/description_shapes.zig");
    _ = @import("format/description_test.zig");
    _ = @import("format/pack_test.zig");
    _ = @import("format/record_hash.zig");
}
