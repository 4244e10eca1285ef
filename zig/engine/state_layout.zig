//! Where a session's state lies: one buffer per session, holding for every layer either its keys and values or its
//! convolution tail and delta-net state. Pure arithmetic; the table is the given arena's, immutable after init.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const Description = @import("../format/description.zig").Description;
const deltaChannels = @import("../format/description_shapes.zig").deltaChannels;

/// Rows of tensors start on cache lines.
pub const alignment = 64;

/// Byte offsets of one layer's state inside a session's buffer.
pub const LayerState = union(abi.LayerKind) {
    delta_net: struct { conv: usize, state: usize },
    attention: struct { keys: usize, values: usize },
};

pub const StateLayout = struct {
    layers: []const LayerState,
    /// Of one session's buffer.
    bytes: usize,
    /// Of all keys and values in it; the rest is delta-net state.
    kv_bytes: usize,
    /// f32 [conv_kernel - 1, channels]
    conv_bytes: usize,
    /// f32 [value_heads, value_dim, key_dim]
    delta_bytes: usize,
    /// One token's keys (or values) of one layer: [kv_heads, head_dim] in the kv format.
    kv_row_bytes: usize,
    context: usize,

    pub fn init(arena: std.mem.Allocator, description: *const Description, context: usize, kv_format: abi.Format) error{OutOfMemory}!StateLayout {
        const s = &description.shape;
        var layout: StateLayout = .{
            .layers = &.{},
            .bytes = 0,
            .kv_bytes = 0,
            .conv_bytes = @sizeOf(f32) * @as(usize, s.conv_kernel -| 1) * deltaChannels(s),
            .delta_bytes = @sizeOf(f32) * @as(usize, s.delta_value_heads) * s.delta_value_dim * s.delta_key_dim,
            .kv_row_bytes = @as(usize, s.kv_heads) * s.head_dim * @as(usize, if (kv_format == .f32) 4 else 2),
            .context = context,
        };
        const layers = try arena.alloc(LayerState, description.layer_kinds.len);
        for (layers, description.layer_kinds) |*layer, kind| layer.* = switch (kind) {
            .delta_net => .{ .delta_net = .{ .conv = layout.take(layout.conv_bytes), .state = layout.take(layout.delta_bytes) } },
            .attention => attention: {
                const before = layout.bytes;
                const keys = layout.take(layout.kv_row_bytes * context);
                const values = layout.take(layout.kv_row_bytes * context);
                layout.kv_bytes += layout.bytes - before;
                break :attention .{ .attention = .{ .keys = keys, .values = values } };
            },
        };
        layout.layers = layers;
        return layout;
    }

    fn take(layout: *StateLayout, bytes: usize) usize {
        const offset = layout.bytes;
        layout.bytes += std.mem.alignForward(usize, bytes, alignment);
        return offset;
    }

    /// A run of bytes of the state that a session file holds.
    pub const Part = struct { offset: usize, bytes: usize };

    /// The parts that are alive at a position, in file order: part 0 or 1 of a layer.
    pub fn part(layout: *const StateLayout, layer: usize, which: u1, position: usize) Part {
        return switch (layout.layers[layer]) {
            .delta_net => |delta| if (which == 0)
                .{ .offset = delta.conv, .bytes = layout.conv_bytes }
            else
                .{ .offset = delta.state, .bytes = layout.delta_bytes },
            .attention => |attention| .{
                .offset = if (which == 0) attention.keys else attention.values,
                .bytes = layout.kv_row_bytes * position,
            },
        };
    }

    /// Bytes of all parts alive at a position.
    pub fn liveBytes(layout: *const StateLayout, position: usize) u64 {
        var bytes: u64 = 0;
        for (0..layout.layers.len) |layer| {
            bytes += layout.part(layer, 0, position).bytes + layout.part(layer, 1, position).bytes;
        }
        return bytes;
    }

    /// What must be zero before the first token: everything but keys and values, which are written before they are read.
    pub fn clear(layout: *const StateLayout, device: backend.Backend, buffer: *const backend.Buffer) void {
        for (layout.layers) |layer| switch (layer) {
            .attention => {},
            .delta_net => |delta| {
                device.vtable.zero(device.context, .{ .buffer = buffer, .offset = delta.conv }, layout.conv_bytes);
                device.vtable.zero(device.context, .{ .buffer = buffer, .offset = delta.state }, layout.delta_bytes);
            },
        };
    }
};
