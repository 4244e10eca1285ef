//! What heads are trained on: for every layer but the first what a guess would see of a token, what its router said then,
//! and the experts it chose; and which token was the one before.
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
    inputs: []Brief, // [layers - 1, capacity, hidden] as a guess sees them
    mixed: []Brief, // [layers - 1, capacity, hidden] what the mixer added
    said: []f16, // [layers - 1, capacity, experts] logits
    chosen: []u16, // [layers - 1, capacity, k]
    before: []u32, // [capacity] the token before in the same session, none_u32 where it is the first or unknown
    row: []f32, // [max(hidden, experts)]
    /// Tokens whose last layer has been seen.
    count: usize = 0,

    pub fn tokenBytes(shape: *const abi.ModelDesc, k: usize) u64 {
        const layer = 2 * @as(u64, shape.hidden) * @sizeOf(Brief) + shape.experts * @as(u64, @sizeOf(f16)) + k * @sizeOf(u16);
        return (shape.layers - 1) * layer + @sizeOf(u32);
    }

    pub fn init(gpa: std.mem.Allocator, shape: *const abi.ModelDesc, k: usize, capacity: usize) error{OutOfMemory}!HeadsRecorder {
        const learning = shape.layers - 1; // a description has a layer
        const inputs = try gpa.alloc(Brief, learning * capacity * shape.hidden);
        errdefer gpa.free(inputs);
        const mixed = try gpa.alloc(Brief, learning * capacity * shape.hidden);
        errdefer gpa.free(mixed);
        const said = try gpa.alloc(f16, learning * capacity * shape.experts);
        errdefer gpa.free(said);
        const chosen = try gpa.alloc(u16, learning * capacity * k);
        errdefer gpa.free(chosen);
        const before = try gpa.alloc(u32, capacity);
        errdefer gpa.free(before);
        return .{
            .gpa = gpa,
            .hidden = shape.hidden,
            .layers = shape.layers,
            .k = k,
            .experts = shape.experts,
            .capacity = capacity,
            .inputs = inputs,
            .mixed = mixed,
            .said = said,
            .chosen = chosen,
            .before = before,
            .row = try gpa.alloc(f32, @max(shape.hidden, shape.experts)),
        };
    }

    pub fn deinit(recorder: *HeadsRecorder) void {
        recorder.gpa.free(recorder.inputs);
        recorder.gpa.free(recorder.mixed);
        recorder.gpa.free(recorder.said);
        recorder.gpa.free(recorder.chosen);
        recorder.gpa.free(recorder.before);
        recorder.gpa.free(recorder.row);
    }

    /// After a layer's routing.
    pub fn recordChoice(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        const taken = recorder.takes(pass);
        if (taken == 0) return;
        if (layer == 0) return recorder.link(pass, taken);
        const ids = pass.workspace.expert_ids[0 .. taken * recorder.k];
        for (recorder.chosenOf(layer)[recorder.count * recorder.k ..][0..ids.len], ids) |*to, id| to.* = @intCast(id);
        for (0..taken) |token| try recorder.keepLogits(pass, layer, token);
        if (layer + 1 == recorder.layers) recorder.finish(pass, taken);
    }

    fn link(recorder: *HeadsRecorder, pass: *const Pass, taken: usize) void {
        for (pass.batch.items) |*item| for (item.first..item.first + item.count) |row| {
            if (row >= taken) return;
            const known = if (item.session.position > 0) item.session.recorded else abi.none_u32;
            recorder.before[recorder.count + row] = if (row > item.first) @intCast(recorder.count + row - 1) else known;
        };
    }

    fn finish(recorder: *HeadsRecorder, pass: *const Pass, taken: usize) void {
        for (pass.batch.items) |*item| {
            const last = item.first + item.count - 1;
            item.session.recorded = if (last < taken) @intCast(recorder.count + last) else abi.none_u32;
        }
        recorder.count += taken;
    }

    /// After a layer's mixer, whose output is in `normed`.
    pub fn recordMixed(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        if (layer == 0) return;
        for (0..recorder.takes(pass)) |token| {
            const at = token * recorder.hidden * @sizeOf(f32);
            try recorder.keep(pass, recorder.mixed, layer, token, pass.at(pass.activations.normed).at(at));
        }
    }

    /// After a layer: the residual stream is the next one's input. Overwrites the guess's place in scratch, which the guess
    /// that follows fills anew.
    pub fn recordInputs(recorder: *HeadsRecorder, pass: *const Pass, layer: usize) result.Error!void {
        if (layer + 1 == recorder.layers) return;
        for (0..recorder.takes(pass)) |token| {
            const at = token * recorder.hidden * @sizeOf(f32);
            try recorder.keepNormed(pass, layer + 1, token, pass.at(pass.activations.residual).at(at));
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
        const limit = std.math.floatMax(f16);
        for (recorder.saidOf(layer, recorder.count + token), row) |*to, value| to.* = @floatCast(std.math.clamp(value, -limit, limit));
    }

    /// The input as the guess for `layer` would see it.
    fn keepNormed(recorder: *HeadsRecorder, pass: *const Pass, layer: usize, token: usize, residual: backend.View) result.Error!void {
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
        try recorder.keep(pass, recorder.inputs, layer, token, normed);
    }

    fn keep(recorder: *HeadsRecorder, pass: *const Pass, all: []Brief, layer: usize, token: usize, values: backend.View) result.Error!void {
        const row = recorder.row[0..recorder.hidden];
        pass.device.vtable.read(pass.device.context, values, std.mem.sliceAsBytes(row)) catch |err| return pass.fault(err);
        for (recorder.rowOf(all, layer, recorder.count + token), row) |*to, value| to.* = brief(value);
    }

    fn rowOf(recorder: *const HeadsRecorder, all: []Brief, layer: usize, token: usize) []Brief {
        return all[((layer - 1) * recorder.capacity + token) * recorder.hidden ..][0..recorder.hidden];
    }

    fn chosenOf(recorder: *const HeadsRecorder, layer: usize) []u16 {
        const n = recorder.capacity * recorder.k;
        return recorder.chosen[(layer - 1) * n ..][0..n];
    }

    /// What the layer's router said of one token.
    pub fn saidOf(recorder: *const HeadsRecorder, layer: usize, token: usize) []f16 {
        return recorder.said[((layer - 1) * recorder.capacity + token) * recorder.experts ..][0..recorder.experts];
    }

    /// The recorded input of one token.
    pub fn input(recorder: *const HeadsRecorder, layer: usize, token: usize, out: []f32) void {
        read(recorder.rowOf(recorder.inputs, layer, token), out);
    }

    /// What the mixer added to it.
    pub fn mixerOutput(recorder: *const HeadsRecorder, layer: usize, token: usize, out: []f32) void {
        read(recorder.rowOf(recorder.mixed, layer, token), out);
    }

    fn read(kept: []const Brief, out: []f32) void {
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
