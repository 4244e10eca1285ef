//! The float operations of the level this is compiled for.

const float_table = @import("float_table.zig");
const rows = @import("float_rows.zig");
const attention = @import("float_attention.zig");
const delta = @import("float_delta.zig");

pub const table: float_table.FloatTable = .{
    .rms_norm = &rows.rmsNorm,
    .add = &rows.add,
    .swiglu = &rows.swiglu,
    .route = &rows.route,
    .combine = &rows.combine,
    .attention_token = &attention.token,
    .attention_tile = &attention.tileWhole,
    .attention_block = &attention.tileBlock,
    .attention_merge = &attention.tileMerge,
    .delta_conv = &delta.conv,
    .delta_head = &delta.head,
};
