//! A full-attention layer's mixer: query, gate, key and value products, attention over each session's cache, output
//! product. Input and output are `normed`, [tokens, hidden]. Enqueues only.

const backend = @import("../backend/backend.zig");
const model_room = @import("model.zig");
const Pass = @import("forward.zig").Pass;

pub fn enqueue(pass: *const Pass, weights: *const model_room.Attention, states: []const backend.AttentionSegment) void {
    const a = pass.activations;
    const shape = pass.shape;
    pass.linear(a.normed, &.{
        .{ .weight = &weights.q, .out = pass.at(a.mixer.q_gate) },
        .{ .weight = &weights.k, .out = pass.at(a.mixer.k) },
        .{ .weight = &weights.v, .out = pass.at(a.mixer.v) },
    });
    pass.device.vtable.attention(pass.device.context, &.{
        .q_gate = pass.at(a.mixer.q_gate),
        .k = pass.at(a.mixer.k),
        .v = pass.at(a.mixer.v),
        .q_norm = weights.q_norm,
        .k_norm = weights.k_norm,
        .out = pass.at(a.mixer.attended),
        .segments = states,
        .tokens = pass.tokens(),
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .head_dim = shape.head_dim,
        .rotary_dim = shape.rotary_dim,
        .rope_theta = shape.rope_theta,
        .eps = shape.norm_eps,
        .kv_format = pass.settings.kv_format,
    });
    pass.linear(a.mixer.attended, &.{.{ .weight = &weights.o, .out = pass.at(a.normed) }});
}

/// Each session's run of tokens with its keys and values of this layer.
pub fn segments(pass: *const Pass, layer: usize) []const backend.AttentionSegment {
    const list = pass.workspace.attention_segments[0..pass.batch.items.len];
    const place = pass.state.layers[layer].attention;
    for (list, pass.batch.items) |*segment, *item| segment.* = .{
        .first = item.first,
        .tokens = item.count,
        .position = item.session.position,
        .keys = .{ .buffer = &item.session.buffer, .offset = place.keys },
        .values = .{ .buffer = &item.session.buffer, .offset = place.values },
    };
    return list;
}
