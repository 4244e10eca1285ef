//! Where a step's activations lie: one scratch buffer, planned for the largest step. Regions that are never alive
//! together share their bytes: a layer's mixer, its experts and the output rows. Pure arithmetic over plain offsets.

const std = @import("std");
const abi = @import("../abi/types.zig");
const predictor = @import("predictor.zig");
const deltaChannels = @import("../format/description_shapes.zig").deltaChannels;

const alignment = 64;

/// Rows of logits that are computed at once: enough to use each lm_head row well, few enough to stay small.
const logits_rows_max = 32;
const logits_tile_bytes = 16 << 20;

/// Byte offsets into the scratch buffer. T is the most tokens of a step, K the experts per token.
pub const Activations = struct {
    residual: usize = 0, // [T, hidden]
    normed: usize = 0, // [T, hidden]; after the mixer's input products its output
    router_logits: usize = 0, // [T, experts]
    expert_ids: usize = 0, // u32 [T, K]
    expert_weights: usize = 0, // [T, K]
    shared_gate: usize = 0, // [T, 1]
    shared: usize = 0, // [T, hidden]
    guess: Guess = .{},
    mixer: Mixer = .{},
    expert_out: usize = 0, // [T * K, hidden]
    output: Output = .{},
    bytes: usize = 0,

    /// For the predictor: G tokens at most, N guesses for each.
    pub const Guess = struct {
        normed: usize = 0, // [G, hidden]
        logits: usize = 0, // [G, experts]
        ids: usize = 0, // u32 [G, N]
        weights: usize = 0, // [G, N]
    };
    pub const Mixer = struct {
        // attention
        q_gate: usize = 0, // [T, heads, 2 * head_dim]
        k: usize = 0, // [T, kv_heads, head_dim]
        v: usize = 0, // [T, kv_heads, head_dim]
        attended: usize = 0, // [T, heads, head_dim]
        // delta net
        qkv: usize = 0, // [T, channels]
        z: usize = 0, // [T, value_heads * value_dim]
        a: usize = 0, // [T, value_heads]
        b: usize = 0, // [T, value_heads]
        mixed: usize = 0, // [T, value_heads * value_dim]
    };
    pub const Output = struct {
        rows: usize = 0, // [tile_rows, hidden]
        logits: usize = 0, // [tile_rows, vocab]
        tile_rows: usize = 0,
    };

    pub fn init(shape: *const abi.ModelDesc, tokens: usize, k: usize) Activations {
        var layout: Activations = .{};
        var common: Cursor = .{};
        layout.residual = common.floats(tokens * shape.hidden);
        layout.normed = common.floats(tokens * shape.hidden);
        layout.router_logits = common.floats(tokens * shape.experts);
        layout.expert_ids = common.floats(tokens * k);
        layout.expert_weights = common.floats(tokens * k);
        layout.shared_gate = common.floats(tokens);
        layout.shared = common.floats(tokens * shape.hidden);
        const guess_tokens = @min(tokens, predictor.tokens_max);
        const guesses = guess_tokens * predictor.guessesPerToken(shape, k);
        layout.guess.normed = common.floats(guess_tokens * shape.hidden);
        layout.guess.logits = common.floats(guess_tokens * shape.experts);
        layout.guess.ids = common.floats(guesses);
        layout.guess.weights = common.floats(guesses);
        // Three users of the same bytes, one after the other.
        var attention = common;
        layout.mixer.q_gate = attention.floats(tokens * shape.heads * 2 * shape.head_dim);
        layout.mixer.k = attention.floats(tokens * shape.kv_heads * shape.head_dim);
        layout.mixer.v = attention.floats(tokens * shape.kv_heads * shape.head_dim);
        layout.mixer.attended = attention.floats(tokens * shape.heads * shape.head_dim);
        const values = @as(usize, shape.delta_value_heads) * shape.delta_value_dim;
        var delta = common;
        layout.mixer.qkv = delta.floats(tokens * deltaChannels(shape));
        layout.mixer.z = delta.floats(tokens * values);
        layout.mixer.a = delta.floats(tokens * shape.delta_value_heads);
        layout.mixer.b = delta.floats(tokens * shape.delta_value_heads);
        layout.mixer.mixed = delta.floats(tokens * values);
        var moe = common;
        layout.expert_out = moe.floats(tokens * k * shape.hidden);
        var output = common;
        layout.output.tile_rows = tileRows(shape, tokens);
        layout.output.rows = output.floats(layout.output.tile_rows * shape.hidden);
        layout.output.logits = output.floats(layout.output.tile_rows * shape.vocab);
        layout.bytes = @max(@max(attention.end, delta.end), @max(moe.end, output.end));
        return layout;
    }
};

fn tileRows(shape: *const abi.ModelDesc, tokens: usize) usize {
    const fitting = logits_tile_bytes / (@as(usize, shape.vocab) * @sizeOf(f32));
    return @min(@min(@max(fitting, 1), logits_rows_max), tokens);
}

const Cursor = struct {
    end: usize = 0,

    fn floats(cursor: *Cursor, count: usize) usize {
        const offset = cursor.end;
        cursor.end += std.mem.alignForward(usize, count * @sizeOf(f32), alignment);
        return offset;
    }
};

test "regions that live together do not overlap" {
    var shape = std.mem.zeroes(abi.ModelDesc);
    shape.hidden = 48;
    shape.vocab = 1000;
    shape.experts = 7;
    shape.heads = 3;
    shape.kv_heads = 1;
    shape.head_dim = 10;
    shape.delta_value_heads = 4;
    shape.delta_key_heads = 2;
    shape.delta_key_dim = 6;
    shape.delta_value_dim = 5;
    shape.shared_width = 33;
    const a: Activations = .init(&shape, 5, 3);
    // Each region: begins where an earlier one ended at the latest, and holds its floats.
    try std.testing.expect(a.normed - a.residual >= 5 * 48 * 4);
    try std.testing.expect(a.router_logits - a.normed >= 5 * 48 * 4);
    try std.testing.expect(a.expert_ids - a.router_logits >= 5 * 7 * 4);
    try std.testing.expect(a.expert_weights - a.expert_ids >= 5 * 3 * 4);
    try std.testing.expect(a.mixer.q_gate - a.shared >= 5 * 48 * 4);
    try std.testing.expect(a.mixer.k - a.mixer.q_gate >= 5 * 3 * 20 * 4);
    try std.testing.expect(a.mixer.attended - a.mixer.v >= 5 * 10 * 4);
    try std.testing.expect(a.bytes - a.mixer.attended >= 5 * 30 * 4);
    try std.testing.expect(a.mixer.z - a.mixer.qkv >= 5 * (2 * 12 + 20) * 4);
    try std.testing.expect(a.bytes - a.mixer.mixed >= 5 * 20 * 4);
    try std.testing.expect(a.expert_out - a.shared >= 5 * 48 * 4);
    try std.testing.expect(a.bytes - a.expert_out >= 15 * 48 * 4);
    try std.testing.expectEqual(5, a.output.tile_rows);
    try std.testing.expect(a.bytes - a.output.logits >= 5 * 1000 * 4);
}
