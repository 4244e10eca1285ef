//! The forward path of a batch: embedding, then every layer's mixer and experts over the residual stream. Enqueues
//! operations only; what a layer of a kind does is in that kind's file. The engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const store = @import("../experts/store.zig");
const Activations = @import("activations.zig").Activations;
const Ahead = @import("ahead.zig").Ahead;
const attention_layer = @import("attention_layer.zig");
const batch_room = @import("batch.zig");
const delta_layer = @import("delta_layer.zig");
const Heads = @import("heads.zig").Heads;
const heads_past = @import("heads_past.zig");
const HeadsRecorder = @import("heads_recorder.zig").HeadsRecorder;
const model_room = @import("model.zig");
const moe_layer = @import("moe_layer.zig");
const Predictor = @import("predictor.zig").Predictor;
const Settings = @import("settings.zig").Settings;
const StateLayout = @import("state_layout.zig").StateLayout;
const StepProgress = @import("step_progress.zig").StepProgress;
const TraceRecorder = @import("trace_recorder.zig").TraceRecorder;
const Workspace = @import("workspace.zig").Workspace;

const Error = result.Error;

/// What every layer of a step sees.
pub const Pass = struct {
    device: backend.Backend,
    shape: *const abi.ModelDesc,
    settings: *const Settings,
    model: *const model_room.Model,
    activations: *const Activations,
    scratch: *const backend.Buffer,
    state: *const StateLayout,
    store: *store.Store,
    predictor: *Predictor,
    ahead: *Ahead,
    /// Null where none were loaded.
    heads: ?*const Heads,
    /// Null unless heads are to be trained on this step.
    heads_recorder: ?*HeadsRecorder,
    /// Null when nothing is recorded.
    recorder: ?*TraceRecorder,
    step: u64,
    workspace: *Workspace,
    message: *result.Message,
    /// Looked at between layers; null in a step that always completes.
    cancelled: ?*std.atomic.Value(bool),
    /// Told after every layer.
    progress: *StepProgress,
    batch: *const batch_room.Batch,

    /// A place of the scratch buffer, by its offset in `Activations`.
    pub fn at(pass: *const Pass, offset: usize) backend.View {
        return .{ .buffer = pass.scratch, .offset = offset };
    }

    pub fn tokens(pass: *const Pass) usize {
        return pass.batch.tokens.len;
    }

    /// out [tokens, hidden] = norm(residual) * weight
    pub fn normInto(pass: *const Pass, weight: backend.View, out: usize) void {
        const device = pass.device;
        device.vtable.rmsNorm(device.context, &.{
            .x = pass.at(pass.activations.residual),
            .weight = weight,
            .out = pass.at(out),
            .rows = pass.tokens(),
            .dim = pass.shape.hidden,
            .eps = pass.shape.norm_eps,
        });
    }

    pub fn fault(pass: *const Pass, err: backend.Error) Error {
        return switch (err) {
            error.OutOfMemory => pass.message.fail(error.OutOfMemory, "the compute device ran out of memory", .{}),
            error.DeviceFailed => pass.message.fail(error.Internal, "the compute device failed", .{}),
        };
    }

    /// Several matrices over the same input.
    pub fn linear(pass: *const Pass, x: usize, outputs: []const backend.LinearOutput) void {
        pass.device.vtable.linear(pass.device.context, &.{ .x = pass.at(x), .tokens = pass.tokens(), .outputs = outputs });
    }
};

/// Runs all layers; afterwards the residual stream holds the last layer's output, [tokens, hidden].
pub fn run(pass: *const Pass) Error!void {
    const begun = pass.ahead.take(pass); // the first layer's mixer has run
    if (!begun) embed(pass);
    for (pass.model.layers, 0..) |*layer, number| {
        if (pass.cancelled) |flag| {
            if (flag.load(.acquire)) return pass.message.fail(
                error.Cancelled,
                "cancelled before layer {d} of {d}; the session must be reset",
                .{ number, pass.model.layers.len },
            );
        }
        pass.store.poll(); // guesses that wait are read while the mixer computes
        heads_past.keepInputs(pass, number);
        if (number > 0 or !begun) mix(pass, number, switch (layer.mixer) {
            .attention => .{ .attention = attention_layer.segments(pass, number) },
            .delta_net => .{ .delta_net = delta_layer.segments(pass, number) },
        });
        heads_past.keepMixed(pass, number);
        if (pass.heads_recorder) |recorder| try recorder.recordMixed(pass, number);
        pass.normInto(layer.post_attention_norm, pass.activations.normed);
        try moe_layer.run(pass, number, &layer.moe);
        pass.progress.layerDone(pass.store.counters().bytes);
    }
}

/// The residual stream becomes the tokens' embeddings.
pub fn embed(pass: *const Pass) void {
    pass.device.vtable.embed(pass.device.context, &.{
        .table = &pass.model.embedding,
        .tokens = pass.batch.tokens,
        .out = pass.at(pass.activations.residual),
    });
}

/// The sessions' states of a layer, by its kind.
pub const Segments = union(abi.LayerKind) { delta_net: []const backend.DeltaSegment, attention: []const backend.AttentionSegment };

/// A layer's mixer: adds to the residual stream, moves the states on.
pub fn mix(pass: *const Pass, number: usize, segments: Segments) void {
    const a = pass.activations;
    const layer = &pass.model.layers[number];
    pass.normInto(layer.input_norm, a.normed);
    switch (layer.mixer) {
        .attention => |*weights| attention_layer.enqueue(pass, weights, segments.attention),
        .delta_net => |*weights| delta_layer.enqueue(pass, weights, segments.delta_net),
    }
    pass.device.vtable.add(pass.device.context, &.{ .out = pass.at(a.residual), .x = pass.at(a.normed), .n = pass.tokens() * pass.shape.hidden });
}
