test {
    _ = @import("format/description.zig");
    _ = @import("format/description_shapes.zig");
    _ = @import("format/description_test.zig");
}
