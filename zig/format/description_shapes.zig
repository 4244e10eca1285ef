//! What a model's sizes and tensors may be: bounds of every size, the shape and byte count each role must have, and
//! which roles a layer needs. Pure checks over plain data; owns nothing, any thread may enter.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const description = @import("description.zig");

const Error = result.Error;
const Message = result.Message;
const Role = abi.Role;
const TensorDesc = abi.TensorDesc;

/// Far above anything that exists, low enough that no product of two sizes and an element size overflows 64 bits.
pub const limits = struct {
    pub const description_bytes: usize = 1 << 30;
    pub const path_bytes: u32 = 1 << 14;
    pub const layers: u32 = 1 << 12;
    pub const vocab: u32 = 1 << 24;
    pub const width: u32 = 1 << 20; // hidden, projections, expert and shared width
    pub const heads: u32 = 1 << 12;
    pub const head_dim: u32 = 1 << 12;
    pub const conv_kernel: u32 = 8; // the backends keep the taps in registers
    pub const experts: u32 = 1 << 14;
    pub const context: u32 = 1 << 26;
};

/// A tensor's name for messages: its role, and its layer where it has one.
pub const Name = struct {
    role: Role,
    layer: u32,

    pub fn of(tensor: *const TensorDesc) Name {
        return .{ .role = @enumFromInt(tensor.role), .layer = tensor.layer };
    }

    pub fn format(name: Name, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (name.layer != abi.none_u32) try writer.print("layer {d} ", .{name.layer});
        try writer.writeAll(@tagName(name.role));
    }
};

pub fn isExpert(role: Role) bool {
    return switch (role) {
        .expert_gate_proj, .expert_up_proj, .expert_down_proj => true,
        else => false,
    };
}

pub fn isModelRole(role: Role) bool {
    return switch (role) {
        .embedding, .final_norm, .lm_head => true,
        else => false,
    };
}

/// Kept as f32 vectors in memory; never quantised.
pub fn isVector(role: Role) bool {
    return switch (role) {
        .final_norm, .input_norm, .post_attention_norm, .attention_q_norm, .attention_k_norm => true,
        .delta_conv, .delta_a_log, .delta_dt_bias, .delta_norm => true,
        else => false,
    };
}

/// Norms to which 1 is added when the checkpoint stores them zero-centred; the delta net's own norm never is.
pub fn isCentredNorm(role: Role) bool {
    return switch (role) {
        .final_norm, .input_norm, .post_attention_norm, .attention_q_norm, .attention_k_norm => true,
        else => false,
    };
}

/// Whether a layer of this kind needs the role (dense roles of a layer only).
pub fn isNeeded(role: Role, kind: abi.LayerKind) bool {
    return switch (role) {
        .attention_q, .attention_k, .attention_v, .attention_o, .attention_q_norm, .attention_k_norm => kind == .attention,
        .delta_qkv, .delta_z, .delta_b, .delta_a, .delta_conv, .delta_a_log, .delta_dt_bias, .delta_norm, .delta_out => kind == .delta_net,
        else => true,
    };
}

/// Channels of the delta net's convolution: queries, keys and values side by side.
pub fn deltaChannels(shape: *const abi.ModelDesc) u32 {
    return (2 *| shape.delta_key_heads *| shape.delta_key_dim) +| (shape.delta_value_heads *| shape.delta_value_dim);
}

/// [rows, cols] the role must have. Saturating: sizes of a layer kind the model lacks are unchecked when this is asked.
pub fn expectedShape(shape: *const abi.ModelDesc, role: Role) [2]u32 {
    const s = shape;
    const values = s.delta_value_heads *| s.delta_value_dim;
    return switch (role) {
        .embedding, .lm_head => .{ s.vocab, s.hidden },
        .final_norm, .input_norm, .post_attention_norm => .{ 1, s.hidden },
        .attention_q => .{ s.heads *| 2 *| s.head_dim, s.hidden },
        .attention_k, .attention_v => .{ s.kv_heads *| s.head_dim, s.hidden },
        .attention_o => .{ s.hidden, s.heads *| s.head_dim },
        .attention_q_norm, .attention_k_norm => .{ 1, s.head_dim },
        .delta_qkv => .{ deltaChannels(s), s.hidden },
        .delta_z => .{ values, s.hidden },
        .delta_b, .delta_a => .{ s.delta_value_heads, s.hidden },
        .delta_conv => .{ deltaChannels(s), s.conv_kernel },
        .delta_a_log, .delta_dt_bias => .{ 1, s.delta_value_heads },
        .delta_norm => .{ 1, s.delta_value_dim },
        .delta_out => .{ s.hidden, values },
        .router => .{ s.experts, s.hidden },
        .shared_gate_proj, .shared_up_proj => .{ s.shared_width, s.hidden },
        .shared_down_proj => .{ s.hidden, s.shared_width },
        .shared_gate => .{ 1, s.hidden },
        .expert_gate_proj, .expert_up_proj => .{ s.expert_width, s.hidden },
        .expert_down_proj => .{ s.hidden, s.expert_width },
    };
}

fn within(value: u32, low: u32, high: u32, what: []const u8, message: *Message) Error!void {
    if (value < low or value > high) return message.fail(
        error.ModelInvalid,
        "the model's {s} is {d}; it must lie between {d} and {d}",
        .{ what, value, low, high },
    );
}

/// Sizes every model has. Attention and delta-net sizes are checked only where a layer of that kind exists.
pub fn checkShape(shape: *const abi.ModelDesc, message: *Message) Error!void {
    const s = shape;
    try within(s.hidden, 1, limits.width, "hidden size", message);
    try within(s.layers, 1, limits.layers, "number of layers", message);
    try within(s.vocab, 1, limits.vocab, "vocabulary", message);
    try within(s.experts, 1, limits.experts, "number of experts", message);
    try within(s.experts_per_token, 1, s.experts, "number of experts per token", message);
    try within(s.expert_width, 1, limits.width, "expert width", message);
    try within(s.shared_width, 1, limits.width, "shared expert width", message);
    try within(s.context_max, 1, limits.context, "context", message);
    try within(s.norm_topk, 0, 1, "norm_topk flag", message);
    try within(s.norm_zero_centred, 0, 1, "zero-centred norm flag", message);
    try within(s.tied, 0, 1, "tied embedding flag", message);
    if (!(s.norm_eps > 0 and s.norm_eps < 1)) return message.fail(
        error.ModelInvalid,
        "the model's norm epsilon is {d}; it must lie between 0 and 1",
        .{s.norm_eps},
    );
}

pub fn checkAttention(shape: *const abi.ModelDesc, message: *Message) Error!void {
    const s = shape;
    try within(s.heads, 1, limits.heads, "number of attention heads", message);
    try within(s.kv_heads, 1, s.heads, "number of key-value heads", message);
    try within(s.head_dim, 1, limits.head_dim, "attention head size", message);
    try within(s.rotary_dim, 0, s.head_dim, "rotary size", message);
    if (s.heads % s.kv_heads != 0) return message.fail(
        error.ModelInvalid,
        "{d} attention heads do not divide among {d} key-value heads",
        .{ s.heads, s.kv_heads },
    );
    if (s.rotary_dim % 2 != 0) return message.fail(error.ModelInvalid, "the model's rotary size {d} is odd", .{s.rotary_dim});
    if (!(s.rope_theta > 0 and s.rope_theta < std.math.inf(f64))) return message.fail(
        error.ModelInvalid,
        "the model's rope theta {d} is not a positive number",
        .{s.rope_theta},
    );
    if (s.heads * 2 * s.head_dim > limits.width) return message.fail(
        error.ModelInvalid,
        "{d} attention heads of {d} are wider than {d}",
        .{ s.heads, s.head_dim, limits.width },
    );
}

pub fn checkDelta(shape: *const abi.ModelDesc, message: *Message) Error!void {
    const s = shape;
    try within(s.delta_value_heads, 1, limits.heads, "number of delta-net value heads", message);
    try within(s.delta_key_heads, 1, s.delta_value_heads, "number of delta-net key heads", message);
    try within(s.delta_key_dim, 1, limits.head_dim, "delta-net key size", message);
    try within(s.delta_value_dim, 1, limits.head_dim, "delta-net value size", message);
    try within(s.conv_kernel, 2, limits.conv_kernel, "convolution kernel", message);
    if (s.delta_value_heads % s.delta_key_heads != 0) return message.fail(
        error.ModelInvalid,
        "{d} delta-net value heads do not divide among {d} key heads",
        .{ s.delta_value_heads, s.delta_key_heads },
    );
    if (deltaChannels(s) > limits.width) return message.fail(
        error.ModelInvalid,
        "the delta net's {d} channels are more than {d}",
        .{ deltaChannels(s), limits.width },
    );
}

pub fn clearAttention(shape: *abi.ModelDesc) void {
    inline for (.{ "heads", "kv_heads", "head_dim", "rotary_dim" }) |field| @field(shape, field) = 0;
}

pub fn clearDelta(shape: *abi.ModelDesc) void {
    inline for (.{ "delta_value_heads", "delta_key_heads", "delta_key_dim", "delta_value_dim", "conv_kernel" }) |field| @field(shape, field) = 0;
}

/// One tensor: role, layer, format, shape, bytes, and that every extent lies within its file.
pub fn checkTensor(shape: *const abi.ModelDesc, files: []const description.File, tensor: *const TensorDesc, message: *Message) Error!void {
    const role = std.enums.fromInt(Role, tensor.role) orelse return message.fail(
        error.ModelInvalid,
        "a tensor has the unknown role {d}",
        .{tensor.role},
    );
    const name: Name = .{ .role = role, .layer = tensor.layer };
    if (isModelRole(role)) {
        if (tensor.layer != abi.none_u32) return message.fail(error.ModelInvalid, "{f}: this tensor belongs to no layer", .{name});
    } else if (tensor.layer >= shape.layers) return message.fail(
        error.ModelInvalid,
        "{s} names layer {d} of {d}",
        .{ @tagName(role), tensor.layer, shape.layers },
    );
    const expected = expectedShape(shape, role);
    if (tensor.rows != expected[0] or tensor.cols != expected[1]) {
        return message.fail(
            error.ModelInvalid,
            "{f} has the shape [{d}, {d}]; the model's sizes ask for [{d}, {d}]",
            .{ name, tensor.rows, tensor.cols, expected[0], expected[1] },
        );
    }
    if (tensor.rows == 0 or tensor.cols == 0) return message.fail(error.ModelInvalid, "{f} is empty", .{name});
    if (isExpert(role)) {
        if (tensor.expert_count == 0 or tensor.expert_first >= shape.experts or tensor.expert_count > shape.experts - tensor.expert_first) {
            return message.fail(
                error.ModelInvalid,
                "{f} names experts {d} and {d} more, the layer has {d}",
                .{ name, tensor.expert_first, tensor.expert_count, shape.experts },
            );
        }
    } else if (tensor.expert_count != 0 or tensor.expert_first != 0) return message.fail(
        error.ModelInvalid,
        "{f} is no expert tensor but names experts",
        .{name},
    );
    try checkFormat(tensor, role, name, message);

    const elements = @as(u64, tensor.rows) * tensor.cols;
    const format: abi.Format = @enumFromInt(tensor.format);
    const sets: Sets = .{ .files = files, .tensor = tensor, .name = name, .message = message };
    if (format != .affine) {
        try sets.checkExtent(&tensor.weight, elements * valueBytes(format), "weight");
        try sets.checkAbsent(&tensor.scales, "scales");
        try sets.checkAbsent(&tensor.biases, "biases");
        return;
    }
    const scale_bytes = elements / tensor.group * valueBytes(@enumFromInt(tensor.scale_format));
    try sets.checkExtent(&tensor.weight, elements * tensor.bits / 8, "weight");
    try sets.checkExtent(&tensor.scales, scale_bytes, "scales");
    try sets.checkExtent(&tensor.biases, scale_bytes, "biases");
}

/// Bytes of one unquantised value.
pub fn valueBytes(format: abi.Format) u64 {
    return switch (format) {
        .f32 => 4,
        .f16, .bf16 => 2,
        .affine => unreachable, // callers ask only for unquantised formats
    };
}

fn checkFormat(tensor: *const TensorDesc, role: Role, name: Name, message: *Message) Error!void {
    const format = std.enums.fromInt(abi.Format, tensor.format) orelse return message.fail(
        error.ModelInvalid,
        "{f} has the unknown format {d}",
        .{ name, tensor.format },
    );
    switch (tensor.scale_format) {
        @intFromEnum(abi.Format.f32), @intFromEnum(abi.Format.f16), @intFromEnum(abi.Format.bf16) => {},
        else => return message.fail(error.ModelInvalid, "{f} has scales of the unknown format {d}", .{ name, tensor.scale_format }),
    }
    if (format != .affine) {
        if (tensor.bits != 0 or tensor.group != 0) return message.fail(
            error.ModelInvalid,
            "{f} is not quantised but names {d} bits, group {d}",
            .{ name, tensor.bits, tensor.group },
        );
        return;
    }
    if (isVector(role)) return message.fail(error.ModelInvalid, "{f} is quantised; it must be f32, f16 or bf16", .{name});
    switch (tensor.bits) {
        2, 3, 4, 5, 6, 8 => {},
        else => return message.fail(error.ModelInvalid, "{f} has {d} bits; 2, 3, 4, 5, 6 and 8 are supported", .{ name, tensor.bits }),
    }
    switch (tensor.group) {
        32, 64, 128 => {},
        else => return message.fail(error.ModelInvalid, "{f} has the quantisation group {d}; 32, 64 and 128 are supported", .{ name, tensor.group }),
    }
    if (tensor.cols % tensor.group != 0) return message.fail(
        error.ModelInvalid,
        "{f} has {d} columns, which groups of {d} do not divide",
        .{ name, tensor.cols, tensor.group },
    );
}

const Sets = struct {
    files: []const description.File,
    tensor: *const TensorDesc,
    name: Name,
    message: *Message,

    fn checkExtent(sets: Sets, extent: *const abi.Extent, bytes: u64, what: []const u8) Error!void {
        const name = sets.name;
        const tensor = sets.tensor;
        if (extent.file >= sets.files.len) return sets.message.fail(
            error.ModelInvalid,
            "{f}: its {s} lie in file {d} of {d}",
            .{ name, what, extent.file, sets.files.len },
        );
        if (extent.reserved != 0) return sets.message.fail(error.ModelInvalid, "{f}: a reserved field of its {s} is not zero", .{ name, what });
        if (extent.bytes != bytes) return sets.message.fail(
            error.ModelInvalid,
            "{f}: its {s} have {d} bytes; the shape asks for {d}",
            .{ name, what, extent.bytes, bytes },
        );
        if (tensor.expert_count == 0 and extent.stride != 0) return sets.message.fail(
            error.ModelInvalid,
            "{f}: its {s} have a stride but it is no expert tensor",
            .{ name, what },
        );
        if (tensor.expert_count > 1 and extent.stride < extent.bytes) return sets.message.fail(
            error.ModelInvalid,
            "{f}: the experts' {s} overlap ({d} bytes every {d})",
            .{ name, what, extent.bytes, extent.stride },
        );
        const file = &sets.files[extent.file];
        // offset + stride * (count - 1) + bytes, in 128 bits so that nothing wraps.
        const last: u128 = if (tensor.expert_count > 1) @as(u128, extent.stride) * (tensor.expert_count - 1) else 0;
        if (@as(u128, extent.offset) + last + extent.bytes > file.bytes) {
            return sets.message.fail(
                error.ModelInvalid,
                "{f}: its {s} end beyond the {d} bytes of {s}; the file is truncated or belongs to another checkpoint",
                .{ name, what, file.bytes, file.path },
            );
        }
    }

    fn checkAbsent(sets: Sets, extent: *const abi.Extent, what: []const u8) Error!void {
        if (extent.file != abi.none_u32 or extent.bytes != 0 or extent.stride != 0 or extent.offset != 0 or extent.reserved != 0) {
            return sets.message.fail(error.ModelInvalid, "{f} is not quantised but names {s}", .{ sets.name, what });
        }
    }
};
