//! The memory plan: what an engine will hold, before it holds it. Everything is counted up from the description and
//! the settings; what is left under the limit becomes expert slots. Pure arithmetic; reads nothing from disk.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const Paranoid = @import("../experts/paranoid.zig").Paranoid;
const store = @import("../experts/store.zig");
const Description = @import("../format/description.zig").Description;
const Activations = @import("activations.zig").Activations;
const Ahead = @import("ahead.zig").Ahead;
const heads = @import("heads.zig");
const heads_past = @import("heads_past.zig");
const predictor = @import("predictor.zig");
const Settings = @import("settings.zig").Settings;
const StateLayout = @import("state_layout.zig").StateLayout;
const WeightsLayout = @import("model.zig").WeightsLayout;
const Workspace = @import("workspace.zig").Workspace;
const weights_load = @import("weights_load.zig");

const Error = result.Error;
const Message = result.Message;

/// Kept free for what grows after the engine opened and is not ours to count: the host's heap (tokenizer tables,
/// templates, transcripts), the stacks that compute and reader threads touch, the allocator's slack. A Bun process
/// that loads a tokenizer of 250,000 entries grows by about this much.
pub const process_margin_bytes: u64 = 64 << 20;

/// A prefill step is made this short, at the least, before a limit is refused. Steps of multiples of this give the same
/// bits (the delta net's chunk), so what the plan chooses never changes the output.
const chunk_tokens_min = 32;

/// What longer prefill steps, which read every expert less often, may cost decode: this part of the slots, and this part
/// more misses where all experts are equally likely.
const longer_slots_share = 8;
const longer_misses_share = 16;

/// What the plan is made of.
pub const Inputs = struct {
    description: *const Description,
    settings: *const Settings,
    device: backend.Backend,
    /// The level the backend chose.
    cpu_level: abi.CpuLevel,
    layers: []const store.LayerExperts,
    weights: *const WeightsLayout,
    state: *const StateLayout,
    /// Resident before the engine opened.
    resident_bytes: u64,
    /// The machine's memory; 0: not known.
    machine_bytes: u64,
};

/// Never fails: a limit that is too small gives a plan with too few slots, see `fits`.
pub fn compute(inputs: Inputs) abi.Plan {
    const settings = inputs.settings;
    const shape = &inputs.description.shape;
    const experts_all: u64 = @as(u64, shape.layers) * shape.experts;
    const slot_bytes: u64 = store.slotBytes(inputs.layers, shape.experts);
    const slot_cost = slot_bytes + slotTableBytes(shape);
    const least_slots: u64 = settings.experts_per_token; // one token's experts of one layer
    const least_chunk = @min(settings.chunk_tokens, @max(chunk_tokens_min, settings.sessions));

    var plan = std.mem.zeroes(abi.Plan);
    plan.limit_bytes = settings.memory_bytes;
    plan.process_bytes = inputs.resident_bytes + process_margin_bytes;
    plan.dense_bytes = inputs.weights.bytes;
    // The layouts were bounded one by one; a hostile description may still make their sums overflow, so they saturate.
    const history_bytes = @as(u64, settings.context) * @sizeOf(u32);
    plan.kv_bytes = @as(u64, inputs.state.kv_bytes) *| settings.sessions;
    plan.state_bytes = (inputs.state.bytes - inputs.state.kv_bytes + history_bytes) *| settings.sessions;
    plan.slot_bytes = slot_bytes;
    plan.record_bytes = store.recordBytesMax(inputs.layers, shape.experts);
    const resident = plan.process_bytes +| plan.dense_bytes +| plan.kv_bytes +| plan.state_bytes;
    plan.minimum_bytes = resident +| scratchBytes(inputs, least_chunk) +| least_slots *| slot_cost;
    plan.full_bytes = resident +| scratchBytes(inputs, settings.chunk_tokens) +| experts_all *| slot_cost;

    const limit = if (settings.memory_bytes == 0) @max(plan.full_bytes, inputs.machine_bytes) else settings.memory_bytes;
    const room: Room = .{ .inputs = inputs, .bytes = limit -| resident, .slot_cost = slot_cost, .experts_all = experts_all };
    plan.chunk_tokens = settings.chunk_tokens;
    while (plan.chunk_tokens > least_chunk and !room.holds(plan.chunk_tokens, least_slots)) {
        plan.chunk_tokens = @max(std.mem.alignBackward(u32, plan.chunk_tokens / 2, chunk_tokens_min), least_chunk);
    }
    if (plan.chunk_tokens == settings.chunk_tokens) plan.chunk_tokens = room.longerChunk();
    plan.scratch_bytes = scratchBytes(inputs, plan.chunk_tokens);
    plan.slot_count = @intCast(room.slots(plan.chunk_tokens));
    plan.slots_bytes = plan.slot_count * slot_bytes;
    plan.floor_slots = store.floorOf(plan.slot_count, shape.layers);
    plan.experts_per_token = settings.experts_per_token;
    plan.context = settings.context;
    plan.threads = settings.threads;
    plan.cpu_level = @intFromEnum(inputs.cpu_level);
    countExperts(inputs, &plan);
    return plan;
}

/// What a limit leaves for a step's scratch and the slots.
const Room = struct {
    inputs: Inputs,
    bytes: u64,
    slot_cost: u64,
    experts_all: u64,

    fn holds(room: *const Room, tokens: u32, least_slots: u64) bool {
        return scratchBytes(room.inputs, tokens) +| least_slots *| room.slot_cost <= room.bytes;
    }

    fn slots(room: *const Room, tokens: u32) u64 {
        return @min((room.bytes -| scratchBytes(room.inputs, tokens)) / room.slot_cost, room.experts_all);
    }

    /// Steps as long as they may become without costing decode much. A prompt's chunk touches nearly all experts: twice as
    /// many tokens, half as much to read.
    fn longerChunk(room: *const Room) u32 {
        const settings = room.inputs.settings;
        const before = room.slots(settings.chunk_tokens);
        const scratch_before = scratchBytes(room.inputs, settings.chunk_tokens);
        var tokens = settings.chunk_tokens;
        while (tokens <= settings.chunk_tokens_most / 2) : (tokens *= 2) {
            const fewer = before - room.slots(2 * tokens);
            if (fewer > (room.experts_all - before) / longer_misses_share) break;
            // Where everything fits, the scratch still stays small beside it.
            if ((scratchBytes(room.inputs, 2 * tokens) - scratch_before) / room.slot_cost > before / longer_slots_share) break;
        }
        return tokens;
    }
};

/// Refuses a plan whose limit cannot hold one step, or one that the machine cannot hold.
pub fn fits(plan: *const abi.Plan, machine_bytes: u64, message: *Message) Error!void {
    if (plan.limit_bytes != 0 and plan.limit_bytes < plan.minimum_bytes) {
        return message.fail(error.MemoryTooSmall, "a memory limit of {Bi:.2} cannot hold one step of this model; the smallest that would do is {Bi:.2} ({d} bytes): " ++
            "{Bi:.1} dense weights, {Bi:.1} context and state, {Bi:.1} scratch, {d} expert slots of {Bi:.2}, {Bi:.1} the process itself", .{
            plan.limit_bytes,                 plan.minimum_bytes, plan.minimum_bytes,     plan.dense_bytes,
            plan.kv_bytes + plan.state_bytes, plan.scratch_bytes, plan.experts_per_token, plan.slot_bytes,
            plan.process_bytes,
        });
    }
    if (plan.limit_bytes == 0 and machine_bytes != 0 and plan.full_bytes > machine_bytes) {
        return message.fail(
            error.MemoryTooSmall,
            "all experts in memory need {Bi:.2}, the machine has {Bi:.2}; set a memory limit of {Bi:.2} or more to stream them from disk",
            .{ plan.full_bytes, machine_bytes, plan.minimum_bytes },
        );
    }
}

/// Largest shapes of a step of `tokens` tokens.
pub fn shapesOf(description: *const Description, settings: *const Settings, tokens: u32) backend.Shapes {
    const s = &description.shape;
    const attended = @as(usize, s.heads) * s.head_dim;
    const values = @as(usize, s.delta_value_heads) * s.delta_value_dim;
    var group_min: usize = 128;
    var quantised = false;
    for (description.tensors) |*tensor| if (tensor.group != 0) {
        group_min = @min(group_min, tensor.group);
        quantised = true;
    };
    return .{
        .tokens = tokens,
        .hidden = s.hidden,
        .heads = s.heads,
        .kv_heads = s.kv_heads,
        .head_dim = s.head_dim,
        .key_heads = s.delta_key_heads,
        .value_heads = s.delta_value_heads,
        .key_dim = s.delta_key_dim,
        .value_dim = s.delta_value_dim,
        .conv_kernel = s.conv_kernel,
        .experts = s.experts,
        .k = settings.experts_per_token,
        .expert_width = s.expert_width,
        .shared_width = s.shared_width,
        .vocab = s.vocab,
        .context = settings.context,
        .cols_max = @max(@max(s.hidden, @max(attended, values)), @max(s.shared_width, s.expert_width)),
        .group_min = if (quantised) group_min else 32,
        .few_tokens = if (settings.heads_bytes == 0) 0 else predictor.tokens_max,
        .few_cols = if (settings.heads_bytes == 0) 0 else heads.colsMax(s.hidden),
    };
}

fn scratchBytes(inputs: Inputs, tokens: u32) u64 {
    const shape = &inputs.description.shape;
    const shapes = shapesOf(inputs.description, inputs.settings, tokens);
    const speculation = predictor.speculationOptions(shape, inputs.settings);
    const activations: Activations = .init(shape, tokens, inputs.settings.experts_per_token);
    const hashes = if (inputs.settings.paranoid) Paranoid.tableBytes(shape.layers, shape.experts) else 0;
    const host = Workspace.bytes(shape, inputs.settings, tokens) + store.Store.tableBytes(shape.layers, shape.experts, 0, speculation) +
        predictor.Predictor.bytes(shape, inputs.settings) + hashes + headsBytes(inputs.settings, shape);
    const ahead = Ahead.bytes(inputs.description, inputs.settings, inputs.state);
    return activations.bytes + ahead + inputs.device.vtable.scratchBytes(inputs.device.context, &shapes) + host + weights_load.memory_bytes;
}

/// Heads that will be loaded, and the memory to train some in.
fn headsBytes(settings: *const Settings, shape: *const abi.ModelDesc) u64 {
    if (settings.heads_bytes == 0) return settings.heads_training_bytes;
    const work = heads.Heads.workBytes(shape.hidden, heads.width_max, shape.experts) + settings.sessions *| @as(u64, heads_past.bytes(shape));
    return settings.heads_bytes +| work +| settings.heads_training_bytes;
}

/// What one more slot adds to the store's tables.
fn slotTableBytes(shape: *const abi.ModelDesc) u64 {
    const many = 1024;
    const with = store.Store.tableBytes(shape.layers, shape.experts, many, .{});
    const without = store.Store.tableBytes(shape.layers, shape.experts, 0, .{});
    return std.math.divCeil(u64, with - without, many) catch unreachable; // the divisor is a constant
}

fn countExperts(inputs: Inputs, plan: *abi.Plan) void {
    const shape = &inputs.description.shape;
    for (inputs.layers) |*layer| {
        var layer_bytes: u64 = 0;
        for ([_]store.Projection{ .gate, .up, .down }) |projection| {
            for (layer.runs(projection)) |*run| {
                layer_bytes +|= (run.weight.bytes + run.scales.bytes + run.biases.bytes) *| run.expert_count;
            }
        }
        plan.expert_total_bytes +|= layer_bytes;
        // Exact where a layer's experts are equally large, which they are in all but hand-made checkpoints.
        plan.bytes_per_token +|= layer_bytes / shape.experts *| plan.experts_per_token;
    }
}
