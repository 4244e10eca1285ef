//! An open model: its plan, its memory, and the step that moves its sessions on. Everything large is allocated at
//! open, from the plan; steps allocate nothing. One thread at a time enters, except `cancel`, which any thread may call.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const SessionResolver = @import("../abi/resolver.zig").SessionResolver;
const backend = @import("../backend/backend.zig");
const store_room = @import("../experts/store.zig");
const Files = @import("../io/files.zig").Files;
const io = @import("../io/reader.zig");
const open_reader = @import("../io/open.zig");
const Paranoid = @import("../experts/paranoid.zig").Paranoid;
const simulated = @import("../io/simulated.zig");
const Description = @import("../format/description.zig").Description;
const Activations = @import("activations.zig").Activations;
const Ahead = @import("ahead.zig").Ahead;
const batch_room = @import("batch.zig");
const forward = @import("forward.zig");
const foundation_room = @import("foundation.zig");
const Heads = @import("heads.zig").Heads;
const heads_file = @import("heads_file.zig");
const HeadsRecorder = @import("heads_recorder.zig").HeadsRecorder;
const HeadsTrainer = @import("heads_trainer.zig").HeadsTrainer;
const memory_plan = @import("memory_plan.zig");
const model_room = @import("model.zig");
const outputs = @import("outputs.zig");
const predictor_room = @import("predictor.zig");
const process = @import("process.zig");
const session_file = @import("session_file.zig");
const Settings = @import("settings.zig").Settings;
const StateLayout = @import("state_layout.zig").StateLayout;
const StepProgress = @import("step_progress.zig").StepProgress;
const Loader = @import("weights_load.zig").Loader;
const TraceRecorder = @import("trace_recorder.zig").TraceRecorder;
const Workspace = @import("workspace.zig").Workspace;

pub const Session = @import("session.zig").Session;
pub const Message = result.Message;
const Error = result.Error;
const Allocator = std.mem.Allocator;

/// What `open` would plan with these options. Reads nothing from disk; a limit that is too small is no error here:
/// compare `limit_bytes` with `minimum_bytes`.
pub fn planOnly(gpa: Allocator, desc: []align(8) const u8, options: abi.EngineOptions, message: *Message) Error!abi.Plan {
    var foundation: foundation_room.Foundation = try .init(gpa, desc, &options, .{}, message);
    defer foundation.deinit();
    return foundation.plan;
}

/// Parts that tests replace.
pub const Hooks = struct {
    foundation: foundation_room.Hooks = .{},
    /// Reads with faults and delays, over the real files.
    simulated: ?simulated.SimulatedOptions = null,
    /// Guesses the wrong experts.
    bad_guesses: bool = false,
    /// Tells automatic guessing how long steps take, instead of the system's clock.
    clock: ?Clock = null,

    pub const Clock = struct { context: *anyopaque, now: *const fn (*anyopaque, *Engine) u64 };
};

pub const Engine = struct {
    gpa: Allocator,
    /// Text of the last error of this engine and its sessions.
    message: Message = .{},

    // From the foundation, immutable after open.
    arena: std.heap.ArenaAllocator,
    description: Description,
    settings: Settings,
    device: backend.Backend,
    weights_layout: model_room.WeightsLayout,
    state: StateLayout,
    file_infos: []const store_room.FileInfo,
    memory_plan: abi.Plan,

    weights: backend.Buffer,
    scratch: backend.Buffer,
    slots: backend.Buffer,
    model: model_room.Model,
    activations: Activations,
    workspace: Workspace,
    predictor: predictor_room.Predictor,
    ahead: Ahead,
    files: Files,
    reader: io.Reader,
    reader_kind: abi.ReaderKind,
    reader_refusal: u32,
    paranoid: ?Paranoid,
    store: store_room.Store,

    loader: ?Loader,
    loading: Loading = .underway,
    session_count: u32 = 0,
    steps: u64 = 0,
    tokens: u64 = 0,
    dense_bytes_read: u64 = 0,
    clock: ?Hooks.Clock,
    recorder: ?*TraceRecorder = null,
    heads: ?Heads = null,
    heads_trainer: ?HeadsTrainer = null,
    step_ns: u64 = 0,
    disk_busy_ns: u64 = 0,
    /// Consumed by the call that returns Cancelled.
    cancel_requested: std.atomic.Value(bool) = .init(false),
    step_progress: StepProgress = .{},

    const Loading = enum { underway, done, failed };

    /// Copies what it needs of `desc`. On error nothing stays allocated.
    pub fn open(gpa: Allocator, desc: []align(8) const u8, options: abi.EngineOptions, message: *Message) Error!*Engine {
        return openWith(gpa, desc, options, .{}, message);
    }

    pub fn openWith(gpa: Allocator, desc: []align(8) const u8, options: abi.EngineOptions, hooks: Hooks, message: *Message) Error!*Engine {
        var foundation: foundation_room.Foundation = try .init(gpa, desc, &options, hooks.foundation, message);
        const engine = open: {
            errdefer foundation.deinit();
            try memory_plan.fits(&foundation.plan, process.machineBytes(), message);
            const allocated = gpa.create(Engine) catch return outOfMemory(message);
            errdefer gpa.destroy(allocated);
            try allocated.fill(gpa, &foundation, hooks, message);
            break :open allocated;
        };
        return engine;
    }

    /// Takes the foundation over when it succeeds.
    fn fill(engine: *Engine, gpa: Allocator, foundation: *foundation_room.Foundation, hooks: Hooks, message: *Message) Error!void {
        const plan_ = &foundation.plan;
        const device = foundation.device;
        const shape = &foundation.description.shape;
        const arena = foundation.arena.allocator();
        const settings = &foundation.settings;
        const shapes = memory_plan.shapesOf(&foundation.description, settings, plan_.chunk_tokens);
        device.vtable.prepare(device.context, &shapes) catch return outOfMemory(message);

        const activations: Activations = .init(shape, plan_.chunk_tokens, settings.experts_per_token);
        var weights = try allocate(device, foundation.weights.bytes, .weights, message);
        errdefer device.vtable.free(device.context, &weights);
        var scratch = try allocate(device, activations.bytes, .scratch, message);
        errdefer device.vtable.free(device.context, &scratch);
        var slots = try allocate(device, plan_.slots_bytes, .slots, message);
        errdefer device.vtable.free(device.context, &slots);
        var ahead = Ahead.init(device, Ahead.bytes(&foundation.description, settings, &foundation.state)) catch return outOfMemory(message);
        errdefer ahead.deinit();
        const workspace = Workspace.init(arena, shape, settings, plan_.chunk_tokens) catch return outOfMemory(message);

        engine.* = .{
            .gpa = gpa,
            .arena = undefined,
            .description = foundation.description,
            .settings = settings.*,
            .device = device,
            .weights_layout = foundation.weights,
            .state = foundation.state,
            .file_infos = foundation.file_infos,
            .memory_plan = plan_.*,
            .weights = weights,
            .scratch = scratch,
            .slots = slots,
            .model = undefined,
            .activations = activations,
            .workspace = workspace,
            .predictor = undefined,
            .ahead = ahead,
            .files = undefined,
            .reader = undefined,
            .reader_kind = undefined,
            .reader_refusal = undefined,
            .paranoid = null,
            .store = undefined,
            .loader = null,
            .clock = hooks.clock,
        };
        engine.model = model_room.Model.bind(arena, &engine.description, &engine.weights_layout, &engine.weights) catch return outOfMemory(message);
        const all_resident = plan_.slot_count == shape.layers * @as(u64, shape.experts);
        const mode: predictor_room.Mode = switch (settings.prefetch) {
            .automatic => if (all_resident) .off else .automatic, // else there is nothing to gain
            .off => .off,
            .on => .on,
        };
        engine.predictor = predictor_room.Predictor.init(arena, shape, settings, mode) catch return outOfMemory(message);
        engine.predictor.bad = hooks.bad_guesses;
        if (settings.heads_training_bytes != 0) engine.heads_trainer = try .init(.{
            .gpa = gpa,
            .device = device,
            .shape = &engine.description.shape,
            .k = settings.experts_per_token,
            .chunk_tokens = plan_.chunk_tokens,
            .model = &engine.model,
            .bytes = settings.heads_training_bytes,
        }, message);
        errdefer if (engine.heads_trainer) |*trainer| trainer.deinit();
        try engine.openFiles(foundation, hooks, message);
        engine.arena = foundation.arena;
    }

    /// Files, reader, store and loader.
    fn openFiles(engine: *Engine, foundation: *const foundation_room.Foundation, hooks: Hooks, message: *Message) Error!void {
        const gpa = engine.gpa;
        engine.files = try Files.open(gpa, engine.file_infos, engine.settings.direct_io, message);
        errdefer engine.files.close();
        const opened = try engine.openReader(hooks, message);
        engine.reader = opened.reader;
        engine.reader_kind = opened.kind;
        engine.reader_refusal = opened.refusal;
        errdefer engine.reader.deinit();
        if (engine.settings.paranoid) engine.paranoid = try .init(gpa, &engine.files, &engine.description.shape, message);
        errdefer if (engine.paranoid) |*paranoid| paranoid.deinit();
        engine.store = try store_room.Store.init(gpa, .{
            .layers = foundation.layers,
            .experts = engine.description.shape.experts,
            .files = engine.file_infos,
            .slots = &engine.slots,
            .slot_count = engine.memory_plan.slot_count,
            .floor_slots = engine.memory_plan.floor_slots,
            .narrow_ids = predictor_room.tokens_max * engine.settings.experts_per_token,
            .speculation = predictor_room.speculationOptions(&engine.description.shape, &engine.settings),
            .paranoid = if (engine.paranoid) |*paranoid| paranoid else null,
        }, engine.reader, message);
        errdefer engine.store.deinit();
        engine.store.message = &engine.message; // the opener's message does not outlive open
        engine.loader = Loader.init(gpa, &engine.description, &engine.weights_layout, &engine.weights, engine.device, engine.reader) catch
            return outOfMemory(message);
    }

    fn openReader(engine: *Engine, hooks: Hooks, message: *Message) Error!open_reader.Opened {
        if (hooks.simulated != null or engine.settings.reader == .simulated) {
            const options = hooks.simulated orelse simulatedOptions(&engine.settings);
            const reader = simulated.Simulated.init(engine.gpa, .{ .files = &engine.files }, options) catch return outOfMemory(message);
            return .{ .reader = reader.asReader(), .kind = .simulated };
        }
        return open_reader.openReader(engine.gpa, &engine.files, engine.settings.readerOptions(), message);
    }

    /// The boundary has closed the engine's sessions before.
    pub fn close(engine: *Engine) void {
        std.debug.assert(engine.session_count == 0);
        const device = engine.device;
        if (engine.loader) |*loader| loader.deinit();
        if (engine.recorder) |recorder| recorder.stop() catch {}; // whoever wants to know stops it before
        engine.store.deinit();
        if (engine.paranoid) |*paranoid| paranoid.deinit();
        engine.reader.deinit();
        engine.files.close();
        engine.dropHeads();
        if (engine.heads_trainer) |*trainer| trainer.deinit();
        engine.ahead.deinit();
        for ([_]*backend.Buffer{ &engine.slots, &engine.scratch, &engine.weights }) |buffer| device.vtable.free(device.context, buffer);
        device.vtable.deinit(device.context);
        engine.description.deinit();
        engine.arena.deinit();
        engine.gpa.destroy(engine);
    }

    /// Reads a bounded slice of the dense part; called again until `done` is 1. A cancelled load may be continued, a
    /// failed one may not.
    pub fn load(engine: *Engine, progress: *abi.LoadProgress) Error!void {
        if (engine.loading == .failed) return engine.message.fail(
            error.InvalidArgument,
            "loading this model failed before; close the engine and open it again",
            .{},
        );
        try engine.takeCancel();
        if (engine.loader) |*loader| {
            loader.advance(&engine.message) catch |err| {
                engine.loading = .failed;
                return err;
            };
            engine.dense_bytes_read = loader.loaded_bytes;
            if (loader.done()) {
                loader.deinit();
                engine.loader = null;
                engine.loading = .done;
            }
        }
        progress.* = .{
            .loaded_bytes = engine.dense_bytes_read,
            .total_bytes = if (engine.loader) |*loader| loader.total_bytes else engine.dense_bytes_read,
            .done = @intFromBool(engine.loading == .done),
            .reserved = 0,
        };
    }

    pub fn plan(engine: *const Engine) abi.Plan {
        return engine.memory_plan;
    }

    pub fn stats(engine: *const Engine) abi.Stats {
        const experts = engine.store.counters();
        const reads = engine.reader.counters();
        const first = &engine.predictor.first_layer;
        const later = &engine.predictor.later_layers;
        return .{
            .steps = engine.steps,
            .tokens = engine.tokens,
            .expert_hits = experts.hits,
            .expert_misses = experts.misses,
            .expert_bytes_read = experts.bytes,
            .device_bytes_read = reads.bytes,
            .read_requests = reads.requests,
            .read_retries = reads.retries,
            .evictions = experts.evictions,
            .read_wait_ns = experts.read_wait_ns,
            .prefetch_issued = experts.prefetch_issued,
            .prefetch_used = experts.prefetch_used,
            .prefetch_late = experts.prefetch_late,
            .prefetch_wasted_bytes = experts.prefetch_wasted_bytes,
            .guess_needed = later.needed,
            .guess_right = later.right,
            .guess_right_all = later.right_all,
            .guess_first_needed = first.needed,
            .guess_first_right = first.right,
            .guess_first_right_all = first.right_all,
            .guess_off_verdicts = engine.predictor.benefit.refusals,
            .guess_active = @intFromBool(engine.predictor.active()),
            .step_ns = engine.step_ns,
            .disk_busy_ns = engine.disk_busy_ns,
            .disk_idle_ns = engine.step_ns - engine.disk_busy_ns,
            .dense_bytes_read = engine.dense_bytes_read,
            .cache_bytes = engine.memory_plan.slots_bytes,
            .memory_limit_bytes = engine.memory_plan.limit_bytes,
            .peak_rss_bytes = process.peakResidentBytes(),
            .rss_bytes = process.residentBytes(),
            .reader = @intFromEnum(engine.reader_kind),
            .reader_refusal = engine.reader_refusal,
        };
    }

    /// Records routing and reading of every step from now on into `path`; an empty one ends the trace, and the file is
    /// there. A trace that runs when the engine closes is ended then.
    pub fn trace(engine: *Engine, path: []const u8) Error!void {
        if (path.len == 0) {
            const recorder = engine.recorder orelse
                return engine.message.fail(error.InvalidArgument, "no trace is being recorded", .{});
            engine.recorder = null;
            return recorder.stop();
        }
        if (engine.recorder != null) return engine.message.fail(error.Busy, "a trace is being recorded already; stop it first", .{});
        const shape = &engine.description.shape;
        engine.recorder = try TraceRecorder.start(engine.gpa, path, .{
            .model_hash = shape.model_hash,
            .record_bytes = engine.memory_plan.record_bytes,
            .layers = shape.layers,
            .experts = shape.experts,
            .experts_per_token = engine.settings.experts_per_token,
            .slot_count = engine.memory_plan.slot_count,
            .floor_slots = engine.memory_plan.floor_slots,
        }, &engine.message);
    }

    /// Guesses with a file's heads from now on, in place of those loaded before. `heads_bytes` of the options must have
    /// counted it.
    pub fn loadHeads(engine: *Engine, path: []const u8) Error!void {
        const shape = &engine.description.shape;
        const contents = try heads_file.load(engine.gpa, engine.device, path, shape, engine.settings.heads_bytes, &engine.message);
        const places = engine.gpa.alloc(?usize, shape.layers) catch {
            var buffer = contents.buffer;
            engine.device.vtable.free(engine.device.context, &buffer);
            engine.gpa.free(contents.figures);
            return outOfMemory(&engine.message);
        };
        engine.dropHeads();
        engine.heads = .init(engine.device, contents.buffer, contents.body_bytes, shape, contents.width, contents.figures, places);
    }

    fn dropHeads(engine: *Engine) void {
        const heads = if (engine.heads) |*heads| heads else return;
        heads.deinit();
        engine.gpa.free(heads.figures);
        engine.gpa.free(heads.places);
        engine.heads = null;
    }

    fn headsRecorder(engine: *Engine) ?*HeadsRecorder {
        const trainer = if (engine.heads_trainer) |*trainer| trainer else return null;
        return if (trainer.recording()) &trainer.recorder else null;
    }

    /// Tells what was recorded, and trains for some tens of milliseconds when asked to.
    pub fn trainHeads(engine: *Engine, args: *abi.HeadsTraining) Error!void {
        const trainer = try engine.headsTrainer();
        try engine.takeCancel();
        try trainer.slice(args, &engine.message);
    }

    fn headsTrainer(engine: *Engine) Error!*HeadsTrainer {
        if (engine.heads_trainer) |*trainer| return trainer;
        return engine.message.fail(error.InvalidArgument, "the model was opened without memory to train heads in; set heads_training_bytes", .{});
    }

    /// Writes the trained heads into a file that `loadHeads` takes.
    pub fn saveHeads(engine: *Engine, path: []const u8) Error!void {
        const trainer = try engine.headsTrainer();
        if (!trainer.done()) return engine.message.fail(error.InvalidArgument, "the heads are not trained yet; train until it is done", .{});
        const k = engine.settings.experts_per_token;
        try heads_file.save(path, &engine.description.shape, k, trainer.width, trainer.figures, trainer.bodies.items, &engine.message);
    }

    /// Per layer, of the heads that were loaded, else of those that were trained; empty when there are none.
    pub fn headFigures(engine: *const Engine) []const abi.HeadFigures {
        if (engine.heads) |*heads| return heads.figures;
        const trainer = if (engine.heads_trainer) |*trainer| trainer else return &.{};
        return if (trainer.done()) trainer.figures else &.{};
    }

    /// Any thread. The running load or prompt step returns Cancelled soon, else the next call of either kind does at
    /// its entry; a step of one token per session is short and completes first.
    pub fn cancel(engine: *Engine) void {
        engine.cancel_requested.store(true, .release);
    }

    /// Any thread. How far the running step is; zeroes when none runs.
    pub fn stepProgress(engine: *const Engine) abi.StepProgress {
        return engine.step_progress.read();
    }

    fn takeCancel(engine: *Engine) Error!void {
        if (engine.cancel_requested.swap(false, .acq_rel)) return engine.message.fail(
            error.Cancelled,
            "cancelled before the call began; no session was touched",
            .{},
        );
    }

    pub fn openSession(engine: *Engine) Error!*Session {
        if (engine.session_count == engine.settings.sessions)
            return engine.message.fail(
                error.InvalidArgument,
                "{d} sessions are open, as many as the engine was opened for; close one first",
                .{engine.session_count},
            );
        engine.ahead.forget();
        const session = try Session.create(engine);
        engine.session_count += 1;
        return session;
    }

    /// A new session with the state of a file that the same model saved.
    pub fn loadSession(engine: *Engine, path: []const u8) Error!*Session {
        const session = try engine.openSession();
        errdefer session.close();
        try session_file.load(session, path);
        return session;
    }

    /// One forward pass over the arena's items. Refused items leave every session as it was; a step that fails or is
    /// cancelled half way leaves the sessions in it broken until they are reset.
    pub fn step(engine: *Engine, arena: []align(8) u8, count: u32, sessions: SessionResolver) Error!void {
        if (engine.loading != .done) return engine.message.fail(
            error.InvalidArgument,
            "the model is not loaded yet; call load until it is done",
            .{},
        );
        try engine.takeCancel();
        const batch = try batch_room.collect(engine, arena, count, sessions);
        const flag: ?*std.atomic.Value(bool) = if (batch.decode) null else &engine.cancel_requested;
        engine.store.options.cancelled = flag;
        const pass: forward.Pass = .{
            .device = engine.device,
            .shape = &engine.description.shape,
            .settings = &engine.settings,
            .model = &engine.model,
            .activations = &engine.activations,
            .scratch = &engine.scratch,
            .state = &engine.state,
            .store = &engine.store,
            .workspace = &engine.workspace,
            .predictor = &engine.predictor,
            .ahead = &engine.ahead,
            .heads = if (engine.heads) |*heads| heads else null,
            .heads_recorder = engine.headsRecorder(),
            .recorder = engine.recorder,
            .step = engine.steps,
            .message = &engine.message,
            .cancelled = flag,
            .progress = &engine.step_progress,
            .batch = &batch,
        };
        for (batch.items) |*item| {
            const session = item.session;
            @memcpy(session.history[session.position..][0..item.count], batch.tokens[item.first..][0..item.count]);
            session.broken = true; // until every layer has moved on
        }
        errdefer |err| if (err == error.Cancelled) engine.cancel_requested.store(false, .release);
        const clock: StepClock = .start(engine);
        defer clock.stop(engine);
        const begun = engine.now();
        const read_before = engine.store.counters().bytes;
        const layers: u32 = @intCast(engine.model.layers.len);
        engine.step_progress.begin(batch.items[0].session.position, @intCast(batch.tokens.len), layers, read_before);
        defer engine.step_progress.end();
        try forward.run(&pass);
        try outputs.run(&pass, arena);
        engine.lookAhead(&pass);
        if (batch.decode) engine.predictor.stepped(batch.tokens.len, engine.now() - begun);
        engine.commit(&batch, batch_room.stepItems(arena, count), engine.store.counters().bytes - read_before);
    }

    fn now(engine: *Engine) u64 {
        const clock = engine.clock orelse return process.monotonicNs();
        return clock.now(clock.context, engine);
    }

    /// What was sampled is probably what the next step begins with: its first layer's experts can be read from now on.
    fn lookAhead(engine: *Engine, pass: *const forward.Pass) void {
        if (!engine.predictor.active()) return;
        var sampled: [predictor_room.tokens_max]u32 = undefined;
        const tokens = engine.ahead.compute(pass, &sampled) orelse return;
        engine.predictor.guessFirst(pass, tokens.len);
    }

    fn commit(engine: *Engine, batch: *const batch_room.Batch, given: []abi.StepItem, expert_bytes: u64) void {
        for (batch.items, given) |*item, *out| {
            item.session.position += @intCast(item.count);
            item.session.broken = false;
            out.sampled = item.sampled;
            out.logprob = item.logprob;
            out.position = item.session.position;
            out.expert_bytes = expert_bytes;
        }
        engine.steps += 1;
        engine.tokens += batch.tokens.len;
    }
};

/// How long a step took, and how much of that the reader had something to read.
const StepClock = struct {
    begun_ns: u64,
    busy_ns: u64,

    fn start(engine: *const Engine) StepClock {
        return .{ .begun_ns = process.monotonicNs(), .busy_ns = engine.reader.counters().busy_ns };
    }

    fn stop(clock: StepClock, engine: *Engine) void {
        const busy = engine.reader.counters().busy_ns - clock.busy_ns;
        const step = process.monotonicNs() - clock.begun_ns;
        engine.step_ns += step;
        engine.disk_busy_ns += @min(busy, step); // a reader may count time of its own
    }
};

/// Chosen by the options: a disk of even speed and short latency where it is throttled, random delays otherwise.
fn simulatedOptions(settings: *const Settings) simulated.SimulatedOptions {
    if (settings.throttle_bytes_per_second == 0) return .{};
    return .{
        .capacity = 256,
        .bytes_per_second = settings.throttle_bytes_per_second,
        .real_time = true,
        .latency_min_ns = 80 * std.time.ns_per_us,
        .latency_max_ns = 120 * std.time.ns_per_us,
    };
}

fn allocate(device: backend.Backend, bytes: u64, kind: backend.BufferKind, message: *Message) Error!backend.Buffer {
    const size = std.math.cast(usize, @max(bytes, 1)) orelse return outOfMemory(message);
    return device.vtable.alloc(device.context, size, kind) catch
        message.fail(error.OutOfMemory, "the system refused {Bi:.2} for {t}; set a smaller memory limit", .{ bytes, kind });
}

fn outOfMemory(message: *Message) Error {
    return message.fail(error.OutOfMemory, "the system refused memory for the model; set a smaller memory limit", .{});
}
