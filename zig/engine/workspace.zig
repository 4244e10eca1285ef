//! The host's side of a step: token ids, routing, expert jobs, rows to be output and the sampler's scratch. Allocated
//! once, for the largest step, in the engine's arena; the engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const store = @import("../experts/store.zig");
const sampler = @import("sampler.zig");
const Item = @import("batch.zig").Item;
const Settings = @import("settings.zig").Settings;

/// A row of the batch whose logits somebody wants: token `token` of item `item`.
pub const OutputRow = struct { item: u32, token: u32 };

pub const Workspace = struct {
    tokens: []u32, // [T] the batch's token ids
    targets: []u32, // [T] of scored items
    items: []Item, // [sessions]
    attention_segments: []backend.AttentionSegment, // [sessions]
    delta_segments: []backend.DeltaSegment, // [sessions]
    expert_ids: []u32, // [T, K] as routed
    pairs: []u32, // [T * K] grouped by expert
    pair_ends: []u32, // [experts] where each expert's pairs end
    distinct: []u32, // [experts] the experts of the batch, ascending
    ready: []store.Ready, // [experts]
    jobs: []backend.ExpertJob, // [experts]
    output_rows: []OutputRow, // [T]
    gather_rows: []u32, // [T]
    logits: []f32, // [vocab] a row brought to the host where the device's memory is not mapped
    sampling: sampler.Scratch,

    pub fn init(arena: std.mem.Allocator, shape: *const abi.ModelDesc, settings: *const Settings, tokens: u32) error{OutOfMemory}!Workspace {
        const routed = @as(usize, tokens) * settings.experts_per_token;
        return .{
            .tokens = try arena.alloc(u32, tokens),
            .targets = try arena.alloc(u32, tokens),
            .items = try arena.alloc(Item, settings.sessions),
            .attention_segments = try arena.alloc(backend.AttentionSegment, settings.sessions),
            .delta_segments = try arena.alloc(backend.DeltaSegment, settings.sessions),
            .expert_ids = try arena.alloc(u32, routed),
            .pairs = try arena.alloc(u32, routed),
            .pair_ends = try arena.alloc(u32, shape.experts),
            .distinct = try arena.alloc(u32, shape.experts),
            .ready = try arena.alloc(store.Ready, shape.experts),
            .jobs = try arena.alloc(backend.ExpertJob, shape.experts),
            .output_rows = try arena.alloc(OutputRow, tokens),
            .gather_rows = try arena.alloc(u32, tokens),
            .logits = try arena.alloc(f32, shape.vocab),
            .sampling = try .init(arena, shape.vocab),
        };
    }

    /// What `init` allocates.
    pub fn bytes(shape: *const abi.ModelDesc, settings: *const Settings, tokens: u32) u64 {
        const routed = @as(u64, tokens) * settings.experts_per_token;
        const per_token = 3 * @sizeOf(u32) + @sizeOf(OutputRow);
        const per_session = @sizeOf(Item) + @sizeOf(backend.AttentionSegment) + @sizeOf(backend.DeltaSegment);
        const per_expert = 2 * @sizeOf(u32) + @sizeOf(store.Ready) + @sizeOf(backend.ExpertJob);
        return @as(u64, tokens) * per_token + settings.sessions * @as(u64, per_session) + routed * 2 * @sizeOf(u32) +
            shape.experts * @as(u64, per_expert) + shape.vocab * @as(u64, @sizeOf(f32)) + sampler.Scratch.bytes(shape.vocab);
    }
};
