//! A gated delta-net layer's mixer: input products, convolution and recurrence over each session's state, output
//! product. Input and output are `normed`, [tokens, hidden]. Enqueues only.

const backend = @import("../backend/backend.zig");
const model_room = @import("model.zig");
const Pass = @import("forward.zig").Pass;

pub fn enqueue(pass: *const Pass, weights: *const model_room.Delta, states: []const backend.DeltaSegment) void {
    const a = pass.activations;
    const shape = pass.shape;
    pass.linear(a.normed, &.{
        .{ .weight = &weights.qkv, .out = pass.at(a.mixer.qkv) },
        .{ .weight = &weights.z, .out = pass.at(a.mixer.z) },
        .{ .weight = &weights.a, .out = pass.at(a.mixer.a) },
        .{ .weight = &weights.b, .out = pass.at(a.mixer.b) },
    });
    pass.device.vtable.deltaNet(pass.device.context, &.{
        .qkv = pass.at(a.mixer.qkv),
        .z = pass.at(a.mixer.z),
        .a = pass.at(a.mixer.a),
        .b = pass.at(a.mixer.b),
        .conv_weight = weights.conv,
        .a_log = weights.a_log,
        .dt_bias = weights.dt_bias,
        .norm = weights.norm,
        .out = pass.at(a.mixer.mixed),
        .segments = states,
        .tokens = pass.tokens(),
        .key_heads = shape.delta_key_heads,
        .value_heads = shape.delta_value_heads,
        .key_dim = shape.delta_key_dim,
        .value_dim = shape.delta_value_dim,
        .conv_kernel = shape.conv_kernel,
        .eps = shape.norm_eps,
    });
    pass.linear(a.mixer.mixed, &.{.{ .weight = &weights.out, .out = pass.at(a.normed) }});
}

/// Each session's run of tokens with its convolution tail and state of this layer.
pub fn segments(pass: *const Pass, layer: usize) []const backend.DeltaSegment {
    const list = pass.workspace.delta_segments[0..pass.batch.items.len];
    const place = pass.state.layers[layer].delta_net;
    for (list, pass.batch.items) |*segment, *item| segment.* = .{
        .first = item.first,
        .tokens = item.count,
        .conv_state = .{ .buffer = &item.session.buffer, .offset = place.conv },
        .state = .{ .buffer = &item.session.buffer, .offset = place.state },
    };
    return list;
}
