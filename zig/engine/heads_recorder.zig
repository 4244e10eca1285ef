//! What heads are trained on: for every layer what a guess would see of a token, what its router said then, and the
//! experts it chose.
//! Fills a buffer of a fixed size during ordinary steps and stops when it is full. The engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const result = @import("../abi/result.zig");
const Pass = @import("forward.zig").Pass;

/// Upper half of an f32: exact enough for an input, and cheap to convert everywhere.
const Brief = u16;

pub const HeadsRecorder = struct {
    gpa: std.mem.Allocator,
    hidden: usize,
    layers: usize,
    k: usize,
    experts: usize,
    capacity: usize,
    inputs: []Brief, // [layers, capacity, hidden]
    said: []f16, // [layers, capacity, experts] logits, less their mean
    chosen: []u16, // [layers, capacity, k]
    row: []f32, // [max(hidden, experts)]
    /// Tokens whose last layer has been seen.
    count: usize = 0,

    pub fn tokenBytes(shape: *const abi.ModelDesc, k: usize) u64 {
        return shape.layers * (@as(u64, shape.hidden) * @sizeOf(Brief) + shape.experts * @as(u64, @sizeOf(f16)) + k * @sizeOf(u16));
    }

    pub fn init(gpa: std.mem.Allocator, shape: *const abi.ModelDesc, k: usize, capacity: usize) error{OutOfMemory}!HeadsRecorder {
        const inputs = try gpa.alloc(Brief, shape.layers * capacity * shape.hidden);
        errdefer gpa.free(inputs);
        const said = try gpa.alloc(f16, shape.layers * capacity * shape.experts);
        errdefer gpa.free(said);
        const chosen = try gpa.alloc(u16, shape.layers * capacity * k);
        errdefer gpa.free(chosen);
        return .{
            .gpa = gpa,
            .hidden = shape.hidden,
            .layers = shape.layers,
            .k = k,
            .experts = shape.experts,
            .capacity = capacity,
            .inputs = inputs,
            .said = said,
            .chosen = chosen,
            .row = try gpa.alloc(f32, @max(shape.hidden, shape.experts)),
        };
    }

    pub fn deinit(recorder: *HeadsRecorder) void {
        recorder.gpa.free(recorder.inputs);
        recorder.gpa.free(recorder.said);
        recorder.gpa.free(recorder.chosen);
        recorder.gpa.free(recorder.row);
    }

    /// After a layer's routing. Overwrites the guess's place in scratch, which the guess that follows fills anew.
    pub fn recordChoice(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        const taken = recorder.takes(pass);
        if (taken == 0) return;
        const routed = pass.workspace.expert_ids[0 .. taken * recorder.k];
        for (recorder.chosenOf(layer)[recorder.count * recorder.k ..][0..routed.len], routed) |*to, id| to.* = @intCast(id);
        for (0..taken) |token| try recorder.keepLogits(pass, layer, token);
        if (layer == 0) try recorder.inputsFromTokens(pass, taken);
        if (layer + 1 == recorder.layers) recorder.count += taken;
    }

    /// After a layer: the residual stream is the next one's input.
    pub fn recordInputs(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        if (layer + 1 == recorder.layers) return;
        for (0..recorder.takes(pass)) |token| {
            const at = token * recorder.hidden * @sizeOf(f32);
            try recorder.keep(pass, layer + 1, token, pass.at(pass.activations.residual).at(at));
        }
    }

    /// How many of the step's tokens there is room for.
    fn takes(recorder: *const HeadsRecorder, pass: *const Pass) usize {
        return @min(pass.tokens(), recorder.capacity - recorder.count);
    }

    fn keepLogits(recorder: *HeadsRecorder, pass: *const Pass, layer: usize, token: usize) result.Error!void {
        const row = recorder.row[0..recorder.experts];
        const logits = pass.at(pass.activations.router_logits).at(token * row.len * @sizeOf(f32));
        pass.device.vtable.read(pass.device.context, logits, std.mem.sliceAsBytes(row)) catch |err| return pass.fault(err);
        centre(row);
        const limit = std.math.floatMax(f16);
        for (recorder.saidOf(layer, recorder.count + token), row) |*to, value| to.* = @floatCast(std.math.clamp(value, -limit, limit));
    }

    fn inputsFromTokens(recorder: *HeadsRecorder, pass: *const Pass, taken: usize) result.Error!void {
        const place = pass.at(pass.activations.guess.normed);
        for (0..taken) |token| {
            pass.device.vtable.embed(pass.device.context, &.{ .table = &pass.model.embedding, .tokens = pass.batch.tokens[token..][0..1], .out = place });
            try recorder.keep(pass, 0, token, place);
        }
    }

    /// The input as the guess for `layer` would see it.
    fn keep(recorder: *HeadsRecorder, pass: *const Pass, layer: usize, token: usize, residual: backend.View) result.Error!void {
        const normed = pass.at(pass.activations.guess.normed);
        const device = pass.device;
        device.vtable.rmsNorm(device.context, &.{
            .x = residual,
            .weight = pass.model.layers[layer].post_attention_norm,
            .out = normed,
            .rows = 1,
            .dim = recorder.hidden,
            .eps = pass.shape.norm_eps,
        });
        device.vtable.read(device.context, normed, std.mem.sliceAsBytes(recorder.row[0..recorder.hidden])) catch |err| return pass.fault(err);
        const kept = recorder.inputsOf(layer)[(recorder.count + token) * recorder.hidden ..][0..recorder.hidden];
        for (kept, recorder.row[0..kept.len]) |*to, value| to.* = brief(value);
    }

    fn inputsOf(recorder: *const HeadsRecorder, layer: usize) []Brief {
        const n = recorder.capacity * recorder.hidden;
        return recorder.inputs[layer * n ..][0..n];
    }

    fn chosenOf(recorder: *const HeadsRecorder, layer: usize) []u16 {
        const n = recorder.capacity * recorder.k;
        return recorder.chosen[layer * n ..][0..n];
    }

    /// What the layer's router said of one token: its logits, less their mean.
    pub fn saidOf(recorder: *const HeadsRecorder, layer: usize, token: usize) []f16 {
        return recorder.said[(layer * recorder.capacity + token) * recorder.experts ..][0..recorder.experts];
    }

    /// The recorded input of one token.
    pub fn input(recorder: *const HeadsRecorder, layer: usize, token: usize, out: []f32) void {
        const kept = recorder.inputsOf(layer)[token * recorder.hidden ..][0..recorder.hidden];
        for (out, kept) |*value, from| value.* = @bitCast(@as(u32, from) << 16);
    }

    pub fn expertsOf(recorder: *const HeadsRecorder, layer: usize, token: usize) []const u16 {
        return recorder.chosenOf(layer)[token * recorder.k ..][0..recorder.k];
    }
};

/// The order of a token's experts does not depend on the mean of their logits.
pub fn centre(logits: []f32) void {
    var sum: f32 = 0;
    for (logits) |value| sum += value;
    for (logits) |*value| value.* -= sum / @as(f32, @floatFromInt(logits.len));
}

/// Rounded to nearest; what is not finite is refused by the step itself.
fn brief(value: f32) Brief {
    const bits: u32 = @bitCast(value);
    return @truncate((bits +% 0x7fff +% ((bits >> 16) & 1)) >> 16);
}

test "a recorded value keeps eight bits" {
    for ([_]f32{ 0, 1, -1, 0.1, 1e-30, -123456 }) |value| {
        const kept: f32 = @bitCast(@as(u32, brief(value)) << 16);
        try std.testing.expect(@abs(kept - value) <= @abs(value) / 256);
    }
}
