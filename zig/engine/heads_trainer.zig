//! Trains one head after the other on what the recorder kept, to correct the router's logits: Adam on the weighted square of
//! what is missing to those it gives in the end, in small steps, so that a call is short. The first layer needs none:
//! its mixer runs ahead. The last eighth of the tokens is held out; on it head and router are compared, and a head that
//! does not win by a margin is not kept. The same tokens and seed give the same heads, whatever the threads.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const heads_room = @import("heads.zig");
const Block = @import("heads_block.zig").Block;
const HeadsRecorder = @import("heads_recorder.zig").HeadsRecorder;
const centre = @import("heads_mlp.zig").centre;
const Mlp = @import("heads_mlp.zig").Mlp;
const model_room = @import("model.zig");
const predictor = @import("predictor.zig");
const process = @import("process.zig");
const Random = @import("random.zig").Random;

const Error = result.Error;
const Message = result.Message;

/// Tokens of a step.
pub const batch_tokens = 256;
/// Fewer recorded tokens teach nothing and prove nothing.
pub const tokens_min = 1024;
const held_share = 8;
/// What a head must name more of the needed experts than the router does, as a share, to be worth its bytes and its time.
const margin = 0.01;
pub const steps_default = 2000;
pub const steps_max = 1_000_000;
/// Made however little time there is, and timed to know how many there is time for.
const steps_min = 100;
const timed_steps = 8;
const slice_ns = 50 * std.time.ns_per_ms;
const rate_peak = 2e-3;
const warm_steps = 20;
/// The first trained layer.
const layer_first = 1;
/// Tokens whose inputs tell how large inputs are.
const scale_tokens = 1024;

pub const Parts = struct {
    gpa: std.mem.Allocator,
    device: backend.Backend,
    shape: *const abi.ModelDesc,
    k: u32,
    /// Most tokens of an operation with quantised weights.
    chunk_tokens: u32,
    model: *const model_room.Model,
    bytes: u64,
};

pub const HeadsTrainer = struct {
    parts: Parts,
    recorder: HeadsRecorder,
    mlp: Mlp,
    width: u32,
    figures: []abi.HeadFigures, // [layers]
    /// Of the layers whose heads are used, one after the other.
    bodies: std.ArrayList(u8) = .empty,
    router: backend.Buffer, // f32 [batch_tokens, hidden] of a batch, then the router's logits for them, [batch_tokens, experts]
    /// What inputs and mixers' outputs are multiplied with, so that both are of size 1; 1 once it is in the weights.
    scales: Scales = .{},
    random: Random = undefined,
    /// The taught tokens as they are taken: each once before any of them again.
    order: []u32, // [capacity]
    next: usize = 0,
    /// Of the layer in work; 0 while still recording.
    steps: u32 = 0,
    /// Of a layer where there is time for them, and of all layers that are done.
    steps_asked: u32 = 0,
    steps_done: u32 = 0,
    /// When training shall be over, and when the layer in work began; 0 without a budget.
    deadline_ns: u64 = 0,
    layer_begun_ns: u64 = 0,
    layer: u32 = layer_first,
    step: u32 = 0,
    scores: Scores = .{},

    const Scales = struct { input: f32 = 1, mixed: f32 = 1 };
    const Scores = struct { needed: u64 = 0, router: [2]u64 = @splat(0), head: [2]u64 = @splat(0) };

    /// Without what is recorded.
    fn ownBytes(shape: *const abi.ModelDesc) u64 {
        const width = heads_room.widthFor(shape);
        return Mlp.bytesFor(heads_room.inputsFor(shape.hidden), width, shape.experts, batch_tokens) + routerBytes(shape) +
            shape.layers * (heads_room.blockOf(shape.hidden, width, shape.experts).bytes + @as(u64, @sizeOf(abi.HeadFigures)));
    }

    fn routerBytes(shape: *const abi.ModelDesc) usize {
        return batch_tokens * (@as(usize, shape.hidden) + shape.experts) * @sizeOf(f32);
    }

    pub fn init(parts: Parts, message: *Message) Error!HeadsTrainer {
        const shape = parts.shape;
        if (shape.experts > std.math.maxInt(u16)) return message.fail(error.Unsupported, "heads are trained for at most 65,535 experts per layer", .{});
        const token_bytes = HeadsRecorder.tokenBytes(shape, parts.k) + @sizeOf(u32);
        const capacity = (parts.bytes -| ownBytes(shape)) / token_bytes;
        if (capacity < tokens_min) return message.fail(
            error.InvalidArgument,
            "{Bi:.2} to train heads in hold {d} tokens of this model; give {Bi:.2} or more",
            .{ parts.bytes, capacity, ownBytes(shape) + tokens_min * token_bytes },
        );
        return create(parts, @intCast(@min(capacity, 1 << 24))) catch
            message.fail(error.OutOfMemory, "no memory to train heads in; give fewer bytes", .{});
    }

    fn create(parts: Parts, capacity: usize) error{ OutOfMemory, DeviceFailed }!HeadsTrainer {
        const shape = parts.shape;
        const width = heads_room.widthFor(shape);
        var recorder: HeadsRecorder = try .init(parts.gpa, shape, parts.k, capacity);
        errdefer recorder.deinit();
        var mlp: Mlp = try .init(parts.device, heads_room.inputsFor(shape.hidden), width, shape.experts, parts.k, batch_tokens);
        errdefer mlp.deinit();
        const figures = try parts.gpa.alloc(abi.HeadFigures, shape.layers);
        errdefer parts.gpa.free(figures);
        @memset(figures, std.mem.zeroes(abi.HeadFigures));
        const order = try parts.gpa.alloc(u32, capacity);
        errdefer parts.gpa.free(order);
        return .{
            .parts = parts,
            .recorder = recorder,
            .mlp = mlp,
            .width = width,
            .figures = figures,
            .order = order,
            .router = try parts.device.vtable.alloc(parts.device.context, routerBytes(shape), .scratch),
        };
    }

    pub fn deinit(trainer: *HeadsTrainer) void {
        trainer.parts.device.vtable.free(trainer.parts.device.context, &trainer.router);
        trainer.bodies.deinit(trainer.parts.gpa);
        trainer.parts.gpa.free(trainer.figures);
        trainer.parts.gpa.free(trainer.order);
        trainer.mlp.deinit();
        trainer.recorder.deinit();
    }

    pub fn recording(trainer: *const HeadsTrainer) bool {
        return trainer.steps == 0;
    }

    pub fn done(trainer: *const HeadsTrainer) bool {
        return trainer.steps != 0 and trainer.layer == trainer.parts.shape.layers;
    }

    /// The first slice ends the recording and settles seed and steps; with a time to keep, that takes a few steps more.
    pub fn slice(trainer: *HeadsTrainer, args: *abi.HeadsTraining, message: *Message) Error!void {
        if (args.steps > steps_max) return message.fail(error.InvalidArgument, "{d} training steps; use at most {d}", .{ args.steps, steps_max });
        if (args.begin > 1) return message.fail(error.InvalidArgument, "begin is 0 or 1", .{});
        if (args.begin == 1 and trainer.recording()) {
            if (trainer.recorder.count < tokens_min) return message.fail(
                error.InvalidArgument,
                "{d} tokens were recorded; feed {d} or more before training heads",
                .{ trainer.recorder.count, tokens_min },
            );
            trainer.steps_asked = if (args.steps == 0) steps_default else args.steps;
            trainer.steps = trainer.steps_asked;
            if (args.budget_ms != 0) trainer.beginBudget(args.seed, args.budget_ms);
            trainer.random = .init(args.seed);
        }
        if (args.begin == 1) {
            const begun = process.monotonicNs();
            while (!trainer.done() and process.monotonicNs() - begun < slice_ns) try trainer.advance(message);
        }
        args.recorded = @intCast(trainer.recorder.count);
        args.capacity = @intCast(trainer.recorder.capacity);
        args.done_steps = trainer.steps_done + @min(trainer.step, trainer.steps);
        args.total_steps = trainer.steps_done + trainer.layersLeft() * trainer.steps;
        args.done = @intFromBool(trainer.done());
    }

    /// The first layer's steps by the time that a few take; what those learned is forgotten.
    fn beginBudget(trainer: *HeadsTrainer, seed: u64, budget_ms: u32) void {
        if (trainer.done()) return; // a single layer
        trainer.deadline_ns = process.monotonicNs() + @as(u64, budget_ms) * std.time.ns_per_ms;
        trainer.random = .init(seed);
        trainer.beginLayer();
        trainer.layer_begun_ns = process.monotonicNs();
        for (0..timed_steps) |_| trainer.learn();
        trainer.fitBudget(timed_steps);
    }

    /// Lowers the next layer's steps to its share of the time left; `steps` took the time since the layer began.
    fn fitBudget(trainer: *HeadsTrainer, steps: u64) void {
        const now = process.monotonicNs();
        const step_ns = @max(1, (now - trainer.layer_begun_ns) / steps);
        const fitting = (trainer.deadline_ns -| now) / step_ns / @max(1, trainer.layersLeft());
        trainer.steps = @intCast(@min(trainer.steps_asked, @max(fitting, steps_min)));
    }

    fn layersLeft(trainer: *const HeadsTrainer) u32 {
        return trainer.parts.shape.layers - trainer.layer;
    }

    fn held(trainer: *const HeadsTrainer) usize {
        return trainer.recorder.count / held_share;
    }

    fn taught(trainer: *const HeadsTrainer) usize {
        return trainer.recorder.count - trainer.held();
    }

    fn advance(trainer: *HeadsTrainer, message: *Message) Error!void {
        if (trainer.step == 0) trainer.beginLayer();
        if (trainer.step < trainer.steps) {
            trainer.learn();
        } else {
            if (trainer.step == trainer.steps) trainer.settle() catch return message.fail(error.OutOfMemory, "no memory for the trained heads", .{});
            if (trainer.compare(trainer.step - trainer.steps)) return trainer.finishLayer();
        }
        trainer.step += 1;
    }

    fn beginLayer(trainer: *HeadsTrainer) void {
        if (trainer.deadline_ns != 0) trainer.layer_begun_ns = process.monotonicNs();
        trainer.measure();
        trainer.mlp.begin(&trainer.random);
        for (trainer.order[0..trainer.taught()], 0..) |*token, i| token.* = @intCast(i);
        trainer.next = trainer.taught();
    }

    /// How large the layer's inputs are, and how far its logits lie from each other.
    fn measure(trainer: *HeadsTrainer) void {
        const shape = trainer.parts.shape;
        const count = @min(scale_tokens, trainer.taught());
        const row = trainer.mlp.inputRow(0)[0..shape.hidden];
        var sums: [3]f64 = @splat(0);
        for (0..count) |token| {
            trainer.recorder.input(trainer.layer, token, row);
            for (row) |value| sums[0] += value * value;
            trainer.recorder.mixerOutput(trainer.layer, token, row);
            for (row) |value| sums[2] += value * value;
            trainer.mlp.setTarget(0, trainer.recorder.saidOf(trainer.layer, token));
            for (trainer.mlp.targetRow(0)) |value| sums[1] += value * value;
        }
        trainer.scales = .{ .input = 1 / sizeOf(sums[0], count * shape.hidden), .mixed = 1 / sizeOf(sums[2], count * shape.hidden) };
        trainer.mlp.spread = sizeOf(sums[1], count * shape.experts);
    }

    fn sizeOf(squares: f64, count: usize) f32 {
        const mean = squares / @as(f64, @floatFromInt(count));
        return if (mean > 0 and std.math.isFinite(mean)) @floatCast(@sqrt(mean)) else 1;
    }

    /// The weights become what the file will hold.
    fn settle(trainer: *HeadsTrainer) error{OutOfMemory}!void {
        const hidden = trainer.parts.shape.hidden;
        trainer.mlp.scaleInputs(0, 2 * hidden, trainer.scales.input);
        trainer.mlp.scaleInputs(2 * hidden, hidden, trainer.scales.mixed);
        trainer.scales = .{};
        const block = trainer.blockOf();
        const body = try trainer.bodies.addManyAsSlice(trainer.parts.gpa, block.bytes);
        @memset(body, 0);
        trainer.mlp.store(&block, body);
    }

    fn blockOf(trainer: *const HeadsTrainer) Block {
        const shape = trainer.parts.shape;
        return heads_room.blockOf(shape.hidden, trainer.width, shape.experts);
    }

    /// What the router sees of a token and what its head does.
    fn fill(trainer: *HeadsTrainer, row: usize, token: usize) void {
        const hidden = trainer.parts.shape.hidden;
        const own = trainer.routerRows()[row * hidden ..][0..hidden];
        trainer.recorder.input(trainer.layer, token, own);
        const seen = trainer.mlp.inputRow(row);
        for (seen[0..hidden], own) |*to, value| to.* = value * trainer.scales.input;
        const before = trainer.recorder.before[token];
        if (before == abi.none_u32) return @memset(seen[hidden .. 3 * hidden], 0);
        trainer.recorder.input(trainer.layer, before, seen[hidden .. 2 * hidden]);
        trainer.recorder.mixerOutput(trainer.layer, before, seen[2 * hidden .. 3 * hidden]);
        for (seen[hidden .. 2 * hidden]) |*value| value.* *= trainer.scales.input;
        for (seen[2 * hidden .. 3 * hidden]) |*value| value.* *= trainer.scales.mixed;
    }

    fn routerRows(trainer: *const HeadsTrainer) []f32 {
        const view: backend.View = .{ .buffer = &trainer.router };
        return view.floats(batch_tokens * @as(usize, trainer.parts.shape.hidden));
    }

    fn learn(trainer: *HeadsTrainer) void {
        for (0..batch_tokens) |row| {
            const token = trainer.take();
            trainer.fill(row, token);
            trainer.mlp.setTarget(row, trainer.recorder.saidOf(trainer.layer, token));
        }
        const progress = @as(f32, @floatFromInt(trainer.step)) / @as(f32, @floatFromInt(trainer.steps));
        const warm = @min(1, @as(f32, @floatFromInt(trainer.step + 1)) / warm_steps);
        const router = trainer.routerLogits(batch_tokens);
        const experts = trainer.parts.shape.experts;
        for (0..batch_tokens) |row| centre(router[row * experts ..][0..experts]);
        trainer.mlp.learn(router, rate_peak * warm * (1 - progress));
    }

    /// The next token to learn from; when all were taken they are shuffled anew.
    fn take(trainer: *HeadsTrainer) u32 {
        const tokens = trainer.order[0..trainer.taught()];
        if (trainer.next == tokens.len) {
            trainer.next = 0;
            for (tokens, 0..) |*token, i| {
                const rest: f64 = @floatFromInt(tokens.len - i);
                const other = @min(i + @as(usize, @intFromFloat(trainer.random.uniform() * rest)), tokens.len - 1);
                std.mem.swap(u32, token, &tokens[other]);
            }
        }
        defer trainer.next += 1;
        return tokens[trainer.next];
    }

    /// Of the first `count` inputs, [count, experts]; quantised products take no more tokens at once than a step.
    fn routerLogits(trainer: *HeadsTrainer, count: usize) []f32 {
        const device = trainer.parts.device;
        const shape = trainer.parts.shape;
        const x: backend.View = .{ .buffer = &trainer.router };
        const out = x.at(batch_tokens * @as(usize, shape.hidden) * @sizeOf(f32));
        var first: usize = 0;
        while (first < count) {
            const some = @min(trainer.parts.chunk_tokens, count - first);
            device.vtable.linear(device.context, &.{
                .x = x.at(first * shape.hidden * @sizeOf(f32)),
                .tokens = some,
                .outputs = &.{.{
                    .weight = &trainer.parts.model.layers[trainer.layer].moe.router,
                    .out = out.at(first * shape.experts * @sizeOf(f32)),
                }},
            });
            first += some;
        }
        return out.floats(count * shape.experts);
    }

    /// Head and router on the next batch of held-out tokens; true when there are no more.
    fn compare(trainer: *HeadsTrainer, batch: usize) bool {
        const first = trainer.taught() + batch * batch_tokens;
        if (first >= trainer.recorder.count) return true;
        const count = @min(batch_tokens, trainer.recorder.count - first);
        for (0..count) |row| trainer.fill(row, first + row);
        const experts = trainer.parts.shape.experts;
        const router = trainer.routerLogits(count);
        const head = trainer.mlp.forward(count);
        for (head, router) |*value, base| value.* += base;
        for (0..count) |row| {
            const chosen = trainer.recorder.expertsOf(trainer.layer, first + row);
            trainer.scores.needed += chosen.len;
            trainer.score(&trainer.scores.router, router[row * experts ..][0..experts], chosen);
            trainer.score(&trainer.scores.head, head[row * experts ..][0..experts], chosen);
        }
        return false;
    }

    /// Adds the chosen experts that are among the first K, and among all that would be guessed.
    fn score(trainer: *const HeadsTrainer, sums: *[2]u64, logits: []const f32, chosen: []const u16) void {
        const guesses = predictor.guessesPerToken(trainer.parts.shape, trainer.parts.k);
        for (chosen) |id| {
            var rank: usize = 0;
            for (logits, 0..) |value, other| rank += @intFromBool(value > logits[id] or (value == logits[id] and other < id));
            sums[0] += @intFromBool(rank < trainer.parts.k);
            sums[1] += @intFromBool(rank < guesses);
        }
    }

    fn finishLayer(trainer: *HeadsTrainer) void {
        const scores = &trainer.scores;
        const won = share(scores.head[0], scores.needed) >= share(scores.router[0], scores.needed) + margin;
        if (!won) trainer.bodies.shrinkRetainingCapacity(trainer.bodies.items.len - trainer.blockOf().bytes);
        trainer.figures[trainer.layer] = .{
            .router = share(scores.router[0], scores.needed),
            .router_all = share(scores.router[1], scores.needed),
            .head = share(scores.head[0], scores.needed),
            .head_all = share(scores.head[1], scores.needed),
            .held_tokens = @intCast(trainer.held()),
            .used = @intFromBool(won),
        };
        trainer.scores = .{};
        trainer.layer += 1;
        trainer.step = 0;
        trainer.steps_done += trainer.steps;
        if (trainer.deadline_ns != 0) trainer.fitBudget(trainer.steps);
    }
};

fn share(part: u64, whole: u64) f32 {
    return @floatCast(@as(f64, @floatFromInt(part)) / @as(f64, @floatFromInt(whole)));
}
