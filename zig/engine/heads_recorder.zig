//! What heads are trained on: for every layer what a guess would see of a token, and the experts its router chose then.
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
    capacity: usize,
    inputs: []Brief, // [layers, capacity, hidden]
    chosen: []u16, // [layers, capacity, k]
    row: []f32, // [hidden]
    /// Tokens whose last layer has been seen.
    count: usize = 0,

    pub fn tokenBytes(shape: *const abi.ModelDesc, k: usize) u64 {
        return shape.layers * (@as(u64, shape.hidden) * @sizeOf(Brief) + k * @sizeOf(u16));
    }

    pub fn init(gpa: std.mem.Allocator, shape: *const abi.ModelDesc, k: usize, capacity: usize) error{OutOfMemory}!HeadsRecorder {
        const inputs = try gpa.alloc(Brief, shape.layers * capacity * shape.hidden);
        errdefer gpa.free(inputs);
        const chosen = try gpa.alloc(u16, shape.layers * capacity * k);
        errdefer gpa.free(chosen);
        return .{
            .gpa = gpa,
            .hidden = shape.hidden,
            .layers = shape.layers,
            .k = k,
            .capacity = capacity,
            .inputs = inputs,
            .chosen = chosen,
            .row = try gpa.alloc(f32, shape.hidden),
        };
    }

    pub fn deinit(recorder: *HeadsRecorder) void {
        recorder.gpa.free(recorder.inputs);
        recorder.gpa.free(recorder.chosen);
        recorder.gpa.free(recorder.row);
    }

    /// After a layer's routing, before its experts: the residual stream holds the mixer's output. Overwrites the guess's
    /// place in scratch, which the guess that follows fills anew.
    pub fn record(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        const taken = @min(pass.tokens(), recorder.capacity - recorder.count);
        if (taken == 0) return;
        const routed = pass.workspace.expert_ids[0 .. taken * recorder.k];
        for (recorder.chosenOf(layer)[recorder.count * recorder.k ..][0..routed.len], routed) |*to, id| to.* = @intCast(id);
        if (layer == 0) try recorder.inputsFromTokens(pass, taken);
        if (layer + 1 < recorder.layers) {
            for (0..taken) |token| {
                const at = token * recorder.hidden * @sizeOf(f32);
                try recorder.keep(pass, layer + 1, token, pass.at(pass.activations.residual).at(at));
            }
        } else recorder.count += taken;
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
        device.vtable.read(device.context, normed, std.mem.sliceAsBytes(recorder.row)) catch |err| return pass.fault(err);
        const kept = recorder.inputsOf(layer)[(recorder.count + token) * recorder.hidden ..][0..recorder.hidden];
        for (kept, recorder.row) |*to, value| to.* = brief(value);
    }

    fn inputsOf(recorder: *const HeadsRecorder, layer: usize) []Brief {
        const n = recorder.capacity * recorder.hidden;
        return recorder.inputs[layer * n ..][0..n];
    }

    fn chosenOf(recorder: *const HeadsRecorder, layer: usize) []u16 {
        const n = recorder.capacity * recorder.k;
        return recorder.chosen[layer * n ..][0..n];
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
