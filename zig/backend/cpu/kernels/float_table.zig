//! The float operations of one CPU level: argument structs and function table, a field of `KernelTable`.
//! `float_simd.zig` implements it with vectors (compiled once per level), `float_reference.zig` in plain loops.
//! All memory belongs to the caller; nothing allocates or keeps state; calls on disjoint outputs may run side by
//! side. An output value depends only on its own inputs, never on what else is in the call.

const std = @import("std");

/// Keys are taken in blocks of this many from the session's start; each block has its own softmax maximum and the
/// blocks are merged in order, so a token's result does not depend on who computed which block.
pub const key_block = 512;
/// Query rows of one attention tile at most (one token's group of heads where the group is larger).
pub const tile_rows = 32;
/// Tokens of one delta-net chunk; runs shorter than `delta_chunk_min` use the recurrence.
pub const delta_chunk = 32;
pub const delta_chunk_min = 16;
/// Widest convolution.
pub const conv_kernel_max = 8;
/// Added to the sum of squares when delta-net queries and keys are normalised.
pub const l2_eps: f32 = 1e-6;

/// Rows are padded to this many floats in scratch, the widest vector.
pub fn padded(dim: usize) usize {
    return std.mem.alignForward(usize, dim, 16);
}

/// One token: norm and rotation of its heads, key and value into the cache.
pub const AttentionToken = extern struct {
    q_gate: [*]const f32, // [heads, 2 * head_dim]
    k: [*]const f32, // [kv_heads, head_dim]
    v: [*]const f32, // [kv_heads, head_dim]
    q_norm: [*]const f32, // [head_dim]
    k_norm: [*]const f32, // [head_dim]
    cos_sin: [*]const f32, // [2, rotary_dim / 2]: cosines, then sines
    query: [*]f32, // out: [heads, head_dim], scaled by head_dim^-0.5
    key_row: [*]u8, // out: the token's row of the cache, [kv_heads, head_dim]
    value_row: [*]u8,
    heads: u64,
    kv_heads: u64,
    head_dim: u64,
    rotary_dim: u64,
    kv_f16: u32,
    eps: f32,
    scratch: [*]align(64) f32, // padded(head_dim)
};

/// A tile: `tokens` consecutive tokens of one session and the `group` query heads that share one kv head.
/// Row r is token r / group, head r % group of the group.
pub const AttentionTile = extern struct {
    /// First token's first head of the group, [tokens, heads, head_dim] by strides: queries in, result out.
    out: [*]f32,
    out_stride: u64, // floats between tokens
    gate: [*]const f32, // likewise; heads are 2 * head_dim floats apart
    gate_stride: u64,
    keys: [*]const u8, // this kv head's first row in the cache
    values: [*]const u8,
    kv_stride: u64, // elements between positions
    position: u64, // of the tile's first token
    tokens: u64,
    group: u64,
    head_dim: u64,
    kv_f16: u32,
    reserved: u32 = 0,
    scratch: [*]align(64) f32, // attentionScratch floats

    pub fn rows(tile: *const AttentionTile) usize {
        return tile.tokens * tile.group;
    }
    /// How many blocks of keys the tile's last token sees.
    pub fn blocks(tile: *const AttentionTile) usize {
        return (tile.position + tile.tokens - 1) / key_block + 1;
    }
};

/// Softmax state of a tile's rows: max [rows], sum [rows], accumulator [rows, padded(head_dim)]; each part padded.
pub fn partialFloats(rows: usize, head_dim: usize) usize {
    return 2 * padded(rows) + rows * padded(head_dim);
}

/// Queries, scores, the running state and one block's partial.
pub fn attentionScratch(rows: usize, head_dim: usize) usize {
    return rows * padded(head_dim) + rows * key_block + 2 * partialFloats(rows, head_dim);
}

/// Causal depthwise convolution and SiLU in place, channels [first, end) of one segment; advances its state.
pub const DeltaConv = extern struct {
    qkv: [*]f32, // [tokens, channels]
    weight: [*]const f32, // [channels, kernel], oldest tap first
    state: [*]f32, // [kernel - 1, channels], oldest first
    tokens: u64,
    channels: u64,
    kernel: u64, // 1 .. conv_kernel_max
    first: u64,
    end: u64,
};

/// One value head over one segment: norms, gates, recurrence, gated norm.
pub const DeltaHead = extern struct {
    q: [*]const f32, // first token's query of the head's key head, after the convolution
    k: [*]const f32,
    v: [*]const f32,
    qkv_stride: u64, // floats between tokens
    a: [*]const f32, // first token's value of this head
    b: [*]const f32,
    gate_stride: u64, // floats between tokens of a and b
    z: [*]const f32, // first token's [value_dim] of this head
    out: [*]f32, // likewise; may not alias z
    out_stride: u64, // floats between tokens of z and out
    norm: [*]const f32, // [value_dim]
    state: [*]f32, // [value_dim, key_dim]
    tokens: u64,
    key_dim: u64,
    value_dim: u64,
    a_log: f32,
    dt_bias: f32,
    eps: f32,
    reserved: u32 = 0,
    scratch: [*]align(64) f32, // deltaScratch floats
};

pub fn deltaScratch(key_dim: usize, value_dim: usize) usize {
    const dk = padded(key_dim);
    const dv = padded(value_dim);
    // Queries and keys, their products with the state, solved updates, three [chunk, chunk] matrices, gates.
    return delta_chunk * (2 * dk + 3 * dv + 3 * delta_chunk + 4);
}

/// One token. ids and weights in descending order of the logit, ties to the lower index; NaN counts as lowest.
pub const Route = extern struct {
    logits: [*]const f32, // [experts]
    ids: [*]u32, // [k]
    weights: [*]f32, // [k]
    experts: u64,
    k: u64,
    renormalise: u32,
    reserved: u32 = 0,
    scratch: [*]align(64) f32, // padded(experts)
};

/// One token: residual += sum_j weights[j] * expert_out[j] + sigmoid(shared_gate) * shared
pub const Combine = extern struct {
    residual: [*]f32, // [hidden]
    expert_out: [*]const f32, // [k, hidden]
    weights: [*]const f32, // [k]
    shared: [*]const f32, // [hidden]
    shared_gate: f32,
    reserved: u32 = 0,
    hidden: u64,
    k: u64,
};

pub const FloatTable = extern struct {
    /// out = x * rsqrt(mean(x^2) + eps) * weight over one row; out may alias x.
    rms_norm: *const fn (x: [*]const f32, weight: [*]const f32, out: [*]f32, dim: u64, eps: f32) callconv(.c) void,
    /// out += x
    add: *const fn (out: [*]f32, x: [*]const f32, n: u64) callconv(.c) void,
    /// out = silu(gate) * up; out may alias gate or up.
    swiglu: *const fn (gate: [*]const f32, up: [*]const f32, out: [*]f32, n: u64) callconv(.c) void,
    route: *const fn (*const Route) callconv(.c) void,
    combine: *const fn (*const Combine) callconv(.c) void,
    attention_token: *const fn (*const AttentionToken) callconv(.c) void,
    /// Attention of a whole tile, gate included.
    attention_tile: *const fn (*const AttentionTile) callconv(.c) void,
    /// The same in parts that give the same bytes: one block's partial for a tile of one token into
    /// `partial` (partialFloats), then all of them merged in order. Null: the level does not split.
    attention_block: ?*const fn (*const AttentionTile, block: u64, partial: [*]align(64) f32) callconv(.c) void,
    attention_merge: ?*const fn (*const AttentionTile, partials: [*]align(64) const f32, stride: u64) callconv(.c) void,
    delta_conv: *const fn (*const DeltaConv) callconv(.c) void,
    delta_head: *const fn (*const DeltaHead) callconv(.c) void,
};
