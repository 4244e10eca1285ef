//! A layer's experts: route the whole batch, ask the store for the distinct experts, compute the shared expert with the
//! hits while misses load, compute these as they land, then add everything up in rank order, whatever came first.
//! Input is `normed`, [tokens, hidden]; adds to the residual stream. The engine's thread enters and may wait for reads.

const std = @import("std");
const result = @import("../abi/result.zig");
const store = @import("../experts/store.zig");
const backend = @import("../backend/backend.zig");
const model_room = @import("model.zig");
const TraceRecorder = @import("trace_recorder.zig").TraceRecorder;
const Pass = @import("forward.zig").Pass;

const Error = result.Error;

pub fn run(pass: *const Pass, layer: usize, weights: *const model_room.Moe) Error!void {
    const distinct = try route(pass, layer, weights);
    pass.predictor.judge(layer, distinct);
    if (pass.heads_recorder) |recorder| try recorder.recordChoice(pass, layer);
    const mark = TraceRecorder.mark(pass.store);
    const experts = try pass.store.begin(@intCast(layer), distinct);
    defer experts.end();
    // The misses are being read now.
    pass.predictor.guessNext(pass, layer);
    if (pass.settings.wait_for_misses) try experts.settle();
    var shared: ?backend.SharedJob = sharedJob(pass, weights);
    // With nothing to go along with, it is computed while the misses load.
    if (!experts.anyReady()) compute(pass, &.{}, distinct, &shared);
    while (true) {
        const count = try experts.next(pass.workspace.ready);
        if (count == 0) break;
        const ready = pass.workspace.ready[0..count];
        compute(pass, ready, distinct, &shared);
        // Slots may be filled anew as soon as they are released: nothing may still read them.
        try syncDevice(pass);
        experts.release(ready);
    }
    if (pass.recorder) |recorder| recorder.record(pass.step, @intCast(layer), @intCast(pass.tokens()), distinct, &mark, pass.store);
    const a = pass.activations;
    pass.device.vtable.combine(pass.device.context, &.{
        .residual = pass.at(a.residual),
        .expert_out = pass.at(a.expert_out),
        .weights = pass.at(a.expert_weights),
        .shared = pass.at(a.shared),
        .shared_gate = pass.at(a.shared_gate),
        .tokens = pass.tokens(),
        .hidden = pass.shape.hidden,
        .k = pass.settings.experts_per_token,
    });
    if (pass.heads_recorder) |recorder| try recorder.recordInputs(pass, layer);
    pass.predictor.guessNextAgain(pass, layer);
}

/// Chooses K experts per token, brings the ids to the host and groups the (token, rank) pairs by expert.
/// Returns the distinct experts of the batch, ascending.
fn route(pass: *const Pass, layer: usize, weights: *const model_room.Moe) Error![]const u32 {
    const a = pass.activations;
    const device = pass.device;
    const k = pass.settings.experts_per_token;
    pass.linear(a.normed, &.{
        .{ .weight = &weights.router, .out = pass.at(a.router_logits) },
        .{ .weight = &weights.shared_gate, .out = pass.at(a.shared_gate) },
    });
    device.vtable.route(device.context, &.{
        .logits = pass.at(a.router_logits),
        .ids = pass.at(a.expert_ids),
        .weights = pass.at(a.expert_weights),
        .tokens = pass.tokens(),
        .experts = pass.shape.experts,
        .k = k,
        .renormalise = pass.shape.norm_topk == 1,
    });
    const ids = pass.workspace.expert_ids[0 .. pass.tokens() * k];
    device.vtable.read(device.context, pass.at(a.expert_ids), std.mem.sliceAsBytes(ids)) catch |err| return pass.fault(err);
    return group(pass, layer, ids);
}

/// Counting sort of the pairs by expert: `pairs` holds them grouped, in ascending order within each expert.
fn group(pass: *const Pass, layer: usize, ids: []const u32) Error![]const u32 {
    const w = pass.workspace;
    const experts = pass.shape.experts;
    @memset(w.pair_ends, 0);
    for (ids) |id| {
        if (id >= experts) return pass.message.fail(error.Internal, "the router of layer {d} chose no expert; its input is not a number", .{layer});
        w.pair_ends[id] += 1;
    }
    var distinct: usize = 0;
    var sum: u32 = 0;
    for (w.pair_ends, 0..) |*end, id| {
        if (end.* > 0) {
            w.distinct[distinct] = @intCast(id);
            distinct += 1;
        }
        const count = end.*;
        end.* = sum; // for now where the expert's pairs begin; each pair moves it on, to their end at last
        sum += count;
    }
    for (ids, 0..) |id, pair| {
        w.pairs[w.pair_ends[id]] = @intCast(pair);
        w.pair_ends[id] += 1;
    }
    return w.distinct[0..distinct];
}

fn pairsOf(pass: *const Pass, id: u32) []const u32 {
    const ends = pass.workspace.pair_ends;
    const first = if (id == 0) 0 else ends[id - 1];
    return pass.workspace.pairs[first..ends[id]];
}

/// The experts that are ready, and with the first of them the shared one: one dispatch for all.
fn compute(pass: *const Pass, ready: []const store.Ready, distinct: []const u32, shared: *?backend.SharedJob) void {
    const jobs = pass.workspace.jobs[0..ready.len];
    for (jobs, ready) |*job, *one| job.* = .{ .expert = one.expert, .pairs = pairsOf(pass, distinct[one.index]) };
    const a = pass.activations;
    pass.device.vtable.experts(pass.device.context, &.{
        .x = pass.at(a.normed),
        .out = pass.at(a.expert_out),
        .jobs = jobs,
        .shared = shared.*,
        .hidden = pass.shape.hidden,
        .width = pass.shape.expert_width,
        .k = pass.settings.experts_per_token,
    });
    shared.* = null;
}

/// shared [tokens, hidden] = down(silu(gate x) * up x)
fn sharedJob(pass: *const Pass, weights: *const model_room.Moe) backend.SharedJob {
    return .{
        .expert = .{ .gate = weights.shared_gate_proj, .up = weights.shared_up_proj, .down = weights.shared_down_proj },
        .tokens = pass.tokens(),
        .out = pass.at(pass.activations.shared),
    };
}

fn syncDevice(pass: *const Pass) Error!void {
    pass.device.vtable.sync(pass.device.context) catch |err| return pass.fault(err);
}
