//! The model as the layers use it: every dense tensor bound to its place in the one weights buffer. The plan of that
//! buffer is made here, from the description; weights_load.zig fills it. Tables are the given arena's; immutable after bind.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const description_room = @import("../format/description.zig");
const shapes = @import("../format/description_shapes.zig");
const store = @import("../experts/store.zig");

const Description = description_room.Description;
const Linear = backend.Linear;
const View = backend.View;
const Role = abi.Role;

/// Every piece starts on a cache line, so that aligned loads of a row's start are the common case.
const alignment = 64;

pub const Attention = struct { q: Linear, k: Linear, v: Linear, o: Linear, q_norm: View, k_norm: View };
pub const Delta = struct { qkv: Linear, z: Linear, b: Linear, a: Linear, out: Linear, conv: View, a_log: View, dt_bias: View, norm: View };
pub const Mixer = union(abi.LayerKind) { delta_net: Delta, attention: Attention };
pub const Moe = struct { router: Linear, shared_gate_proj: Linear, shared_up_proj: Linear, shared_down_proj: Linear, shared_gate: Linear };
pub const Layer = struct { input_norm: View, post_attention_norm: View, mixer: Mixer, moe: Moe };

/// Byte offsets of a dense tensor's pieces in the weights buffer; scales and biases only where quantised.
pub const Place = struct { weight: usize, scales: usize = 0, biases: usize = 0 };

/// Where each dense tensor of a description goes. Same order as `Description.tensors`; expert tensors have no place.
pub const WeightsLayout = struct {
    places: []const Place,
    bytes: usize,

    pub fn init(arena: std.mem.Allocator, description: *const Description) error{OutOfMemory}!WeightsLayout {
        const places = try arena.alloc(Place, description.tensors.len);
        var end: usize = 0;
        for (places, description.tensors) |*place, *tensor| {
            place.* = .{ .weight = 0 };
            const role: Role = @enumFromInt(tensor.role);
            if (shapes.isExpert(role)) continue;
            place.weight = take(&end, placedBytes(tensor));
            place.scales = take(&end, tensor.scales.bytes);
            place.biases = take(&end, tensor.biases.bytes);
        }
        return .{ .places = places, .bytes = end };
    }

    fn take(end: *usize, bytes: u64) usize {
        const offset = end.*;
        end.* += std.mem.alignForward(usize, @intCast(bytes), alignment);
        return offset;
    }
};

/// Bytes of a tensor's values in memory: vectors are kept as f32, everything else as it is on disk.
fn placedBytes(tensor: *const abi.TensorDesc) u64 {
    if (!shapes.isVector(@enumFromInt(tensor.role))) return tensor.weight.bytes;
    return @as(u64, tensor.rows) * tensor.cols * @sizeOf(f32);
}

pub const Model = struct {
    embedding: Linear,
    lm_head: Linear,
    final_norm: View,
    layers: []const Layer,

    /// Binds every tensor to `weights`, which must outlive the model at the same address.
    pub fn bind(arena: std.mem.Allocator, description: *const Description, layout: *const WeightsLayout, weights: *const backend.Buffer) error{OutOfMemory}!Model {
        const binder: Binder = .{ .description = description, .layout = layout, .weights = weights };
        const layers = try arena.alloc(Layer, description.layer_kinds.len);
        for (layers, description.layer_kinds, 0..) |*layer, kind, number| layer.* = binder.layer(kind, @intCast(number));
        const embedding = binder.linear(null, .embedding);
        return .{
            .embedding = embedding,
            .lm_head = if (description.shape.tied == 1) embedding else binder.linear(null, .lm_head),
            .final_norm = binder.vector(null, .final_norm),
            .layers = layers,
        };
    }
};

const Binder = struct {
    description: *const Description,
    layout: *const WeightsLayout,
    weights: *const backend.Buffer,

    fn at(binder: Binder, offset: usize) View {
        return .{ .buffer = binder.weights, .offset = offset };
    }

    /// The description proved that the role is there.
    fn index(binder: Binder, layer_number: ?u32, role: Role) usize {
        const tensor = binder.description.dense(layer_number, role).?;
        return (@intFromPtr(tensor) - @intFromPtr(binder.description.tensors.ptr)) / @sizeOf(abi.TensorDesc);
    }

    fn vector(binder: Binder, layer_number: ?u32, role: Role) View {
        return binder.at(binder.layout.places[binder.index(layer_number, role)].weight);
    }

    fn linear(binder: Binder, layer_number: ?u32, role: Role) Linear {
        const number = binder.index(layer_number, role);
        const tensor = &binder.description.tensors[number];
        const place = binder.layout.places[number];
        return .{
            .format = @enumFromInt(tensor.format),
            .bits = tensor.bits,
            .group = tensor.group,
            .scale_format = if (tensor.format == @intFromEnum(abi.Format.affine)) @enumFromInt(tensor.scale_format) else .f32,
            .rows = tensor.rows,
            .cols = tensor.cols,
            .weight = binder.at(place.weight),
            .scales = binder.at(place.scales),
            .biases = binder.at(place.biases),
        };
    }

    fn layer(binder: Binder, kind: abi.LayerKind, number: u32) Layer {
        return .{
            .input_norm = binder.vector(number, .input_norm),
            .post_attention_norm = binder.vector(number, .post_attention_norm),
            .mixer = switch (kind) {
                .attention => .{ .attention = .{
                    .q = binder.linear(number, .attention_q),
                    .k = binder.linear(number, .attention_k),
                    .v = binder.linear(number, .attention_v),
                    .o = binder.linear(number, .attention_o),
                    .q_norm = binder.vector(number, .attention_q_norm),
                    .k_norm = binder.vector(number, .attention_k_norm),
                } },
                .delta_net => .{ .delta_net = .{
                    .qkv = binder.linear(number, .delta_qkv),
                    .z = binder.linear(number, .delta_z),
                    .b = binder.linear(number, .delta_b),
                    .a = binder.linear(number, .delta_a),
                    .out = binder.linear(number, .delta_out),
                    .conv = binder.vector(number, .delta_conv),
                    .a_log = binder.vector(number, .delta_a_log),
                    .dt_bias = binder.vector(number, .delta_dt_bias),
                    .norm = binder.vector(number, .delta_norm),
                } },
            },
            .moe = .{
                .router = binder.linear(number, .router),
                .shared_gate_proj = binder.linear(number, .shared_gate_proj),
                .shared_up_proj = binder.linear(number, .shared_up_proj),
                .shared_down_proj = binder.linear(number, .shared_down_proj),
                .shared_gate = binder.linear(number, .shared_gate),
            },
        };
    }
};

/// The experts of every layer as the store wants them, from the description's runs. One allocation each; the arena's.
pub fn expertLayers(arena: std.mem.Allocator, description: *const Description) error{OutOfMemory}![]const store.LayerExperts {
    const layers = try arena.alloc(store.LayerExperts, description.layer_kinds.len);
    for (layers, 0..) |*layer, number| layer.* = .{
        .gate = try runsOf(arena, description, @intCast(number), .gate),
        .up = try runsOf(arena, description, @intCast(number), .up),
        .down = try runsOf(arena, description, @intCast(number), .down),
    };
    return layers;
}

fn runsOf(arena: std.mem.Allocator, description: *const Description, layer: u32, part: description_room.ExpertPart) error{OutOfMemory}![]const store.Run {
    const indices = description.expertRuns(layer, part);
    const runs = try arena.alloc(store.Run, indices.len);
    // `fromTensor` refuses only formats the description has already refused.
    for (runs, indices) |*run, index| run.* = store.Run.fromTensor(&description.tensors[index]).?;
    return runs;
}
