//! Guesses the experts of the next layer early, so that the disk need not fall idle: the next layer's own norm and router
//! over the residual stream, first while this layer's experts are being read, again when they are added up and the next
//! mixer is all that is missing. A trained head corrects the second guess where there is one. For the first layer, whose
//! mixer runs ahead (ahead.zig), there is nothing to guess. Only steps of few tokens are guessed for. Owned by the engine;
//! its thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const store_room = @import("../experts/store.zig");
const Benefit = @import("benefit.zig").Benefit;
const Heads = @import("heads.zig").Heads;
const Pass = @import("forward.zig").Pass;
const Settings = @import("settings.zig").Settings;

/// Steps of more tokens touch most experts anyway.
pub const tokens_max = 4;

/// Experts guessed per token and layer: half as many again as are routed.
pub fn guessesPerToken(shape: *const abi.ModelDesc, k: usize) usize {
    return @min(shape.experts, k + (k + 1) / 2);
}

/// What the store must be ready for.
pub fn speculationOptions(shape: *const abi.ModelDesc, settings: *const Settings) store_room.SpeculationOptions {
    return .{ .per_layer_max = @intCast(@min(shape.experts, guessesPerToken(shape, settings.experts_per_token) * tokens_max)) };
}

/// A guess is worth reading where one like it (of the same layer and place in the ranking) is right this often. The reader
/// begins guesses only beside little else, so that a wrong one costs a part of its own reading at most.
const precision_min = 0.3;
/// What is taken for the precision of a place nobody has seen yet, and how many layers' guesses it takes to forget.
const precision_first = 0.5;
const precision_memory = 16;

/// How good the guesses were: of the experts needed, those among the first K guesses per token, and among all of them.
pub const Recall = struct { needed: u64 = 0, right: u64 = 0, right_all: u64 = 0 };

/// `automatic` guesses while it is measured to pay.
pub const Mode = enum { off, automatic, on };

pub const Predictor = struct {
    mode: Mode,
    benefit: Benefit = .{},
    /// For tests: guesses the wrong experts.
    bad: bool = false,
    k: usize,
    per_token: usize,
    ids: []u32, // [tokens_max * per_token] as the router ranks them, token by token
    guessed: []u32, // the same without repeats, likeliest first
    rank: []u32, // [experts] place in a token's ranking, from 1; 0 when not guessed
    /// [layers, per_token] how often guesses of that place were right lately.
    precision: []f32,
    guessed_count: usize = 0,
    /// Of these the first: those probably right. The others are only kept where they are resident.
    read_count: usize = 0,
    /// Whose experts `guessed` are.
    layer: ?usize = null,
    first_layer: Recall = .{},
    later_layers: Recall = .{},

    pub fn init(arena: std.mem.Allocator, shape: *const abi.ModelDesc, settings: *const Settings, mode: Mode) error{OutOfMemory}!Predictor {
        const k = settings.experts_per_token;
        const per_token = guessesPerToken(shape, k);
        const rank = try arena.alloc(u32, shape.experts);
        @memset(rank, 0);
        const precision = try arena.alloc(f32, shape.layers * per_token);
        @memset(precision, precision_first);
        return .{
            .mode = mode,
            .k = k,
            .per_token = per_token,
            .ids = try arena.alloc(u32, tokens_max * per_token),
            .guessed = try arena.alloc(u32, tokens_max * per_token),
            .rank = rank,
            .precision = precision,
        };
    }

    /// What `init` allocates.
    pub fn bytes(shape: *const abi.ModelDesc, settings: *const Settings) u64 {
        const per_token: u64 = guessesPerToken(shape, settings.experts_per_token);
        return (2 * tokens_max * per_token + shape.experts + shape.layers * per_token) * @sizeOf(u32);
    }

    pub fn active(predictor: *const Predictor) bool {
        return switch (predictor.mode) {
            .off => false,
            .automatic => predictor.benefit.on,
            .on => true,
        };
    }

    /// A step of one token per session took this long.
    pub fn stepped(predictor: *Predictor, tokens: usize, ns: u64) void {
        if (predictor.mode == .automatic and tokens <= tokens_max) predictor.benefit.stepped(ns);
    }

    /// After the pass over `layer` began: its misses are under way, the residual stream holds the mixer's output.
    pub fn guessNext(predictor: *Predictor, pass: *const Pass, layer: usize) void {
        if (predictor.guessesAfter(pass, layer)) predictor.guess(pass, layer + 1, pass.tokens(), null);
    }

    /// After a layer: the residual stream is the next one's input. Takes the place of the guess before, as far as that was
    /// not acted upon, and is the one that is judged.
    pub fn guessNextAgain(predictor: *Predictor, pass: *const Pass, layer: usize) void {
        if (predictor.guessesAfter(pass, layer)) predictor.guess(pass, layer + 1, pass.tokens(), pass.heads);
    }

    fn guessesAfter(predictor: *const Predictor, pass: *const Pass, layer: usize) bool {
        return predictor.active() and pass.tokens() <= tokens_max and layer + 1 < pass.model.layers.len;
    }

    /// After a step, when the first layer's mixer has run on what was sampled: its router's own words.
    pub fn guessFirst(predictor: *Predictor, pass: *const Pass, tokens: usize) void {
        predictor.guess(pass, 0, tokens, null);
    }

    fn guess(predictor: *Predictor, pass: *const Pass, layer: usize, tokens: usize, trained: ?*const Heads) void {
        const device = pass.device;
        const a = pass.activations.guess;
        const weights = &pass.model.layers[layer];
        device.vtable.rmsNorm(device.context, &.{
            .x = pass.at(pass.activations.residual),
            .weight = weights.post_attention_norm,
            .out = pass.at(a.normed),
            .rows = tokens,
            .dim = pass.shape.hidden,
            .eps = pass.shape.norm_eps,
        });
        device.vtable.linear(device.context, &.{
            .x = pass.at(a.normed),
            .tokens = tokens,
            .outputs = &.{.{ .weight = &weights.moe.router, .out = pass.at(a.logits) }},
        });
        if (trained) |heads| heads.correct(pass, layer, pass.at(a.normed), pass.at(a.logits));
        device.vtable.route(device.context, &.{
            .logits = pass.at(a.logits),
            .ids = pass.at(a.ids),
            .weights = pass.at(a.weights),
            .tokens = tokens,
            .experts = pass.shape.experts,
            .k = predictor.per_token,
            .renormalise = false,
        });
        const ids = predictor.ids[0 .. tokens * predictor.per_token];
        // A device that fails here fails in the step as well, which tells it.
        device.vtable.read(device.context, pass.at(a.ids), std.mem.sliceAsBytes(ids)) catch return;
        predictor.collect(layer, ids, tokens);
        pass.store.prefetch(@intCast(layer), predictor.guessed[0..predictor.guessed_count], predictor.read_count);
    }

    /// The tokens' rankings merged: all first choices, then all second ones, each expert once.
    fn collect(predictor: *Predictor, layer: usize, ids: []const u32, tokens: usize) void {
        @memset(predictor.rank, 0);
        predictor.guessed_count = 0;
        predictor.read_count = 0;
        predictor.layer = layer;
        for (0..predictor.per_token) |place| for (0..tokens) |token| {
            var id = ids[token * predictor.per_token + place];
            if (predictor.bad) id = @intCast((id + predictor.rank.len / 2) % predictor.rank.len);
            if (id >= predictor.rank.len or predictor.rank[id] != 0) continue; // not a number: the step will say so
            predictor.rank[id] = @intCast(place + 1);
            predictor.guessed[predictor.guessed_count] = id;
            predictor.guessed_count += 1;
            if (predictor.precisionOf(layer, place).* >= precision_min) predictor.read_count = predictor.guessed_count;
        };
    }

    fn precisionOf(predictor: *Predictor, layer: usize, place: usize) *f32 {
        return &predictor.precision[layer * predictor.per_token + place];
    }

    /// The layer's router has spoken: `distinct` are the experts of the batch.
    pub fn judge(predictor: *Predictor, layer: usize, distinct: []const u32) void {
        if (predictor.layer != layer) return;
        predictor.layer = null;
        const recall = if (layer == 0) &predictor.first_layer else &predictor.later_layers;
        recall.needed += distinct.len;
        for (distinct) |id| {
            const rank = predictor.rank[id];
            recall.right += @intFromBool(rank > 0 and rank <= predictor.k);
            recall.right_all += @intFromBool(rank > 0);
        }
        for (predictor.guessed[0..predictor.guessed_count]) |id| {
            const right: f32 = @floatFromInt(@intFromBool(std.mem.indexOfScalar(u32, distinct, id) != null));
            const precision = predictor.precisionOf(layer, predictor.rank[id] - 1);
            precision.* += (right - precision.*) / precision_memory;
        }
    }
};
