//! The CPU backend's scratch: one mapping, laid out from the largest shapes of a step. `Plan.of` is the only place
//! that knows the parts; `bytes` is what the engine's memory plan counts. Owned by the backend; operations only borrow.

const std = @import("std");
const backend = @import("../backend.zig");
const memory = @import("memory.zig");
const tables = @import("kernels/table.zig");
const float_table = @import("kernels/float_table.zig");

/// Prepared forms of one input that exist at a time.
pub const plane_count = 2;

const line = 64;

const Part = struct { offset: usize, bytes: usize };

pub const Plan = struct {
    bytes: usize = 0,
    /// Prepared inputs of linears and of experts' gate and up: [plane_count][tokens][preparedBytes(cols_max)], or of the few wider ones.
    planes: [plane_count]Part = undefined,
    /// Experts: gate then swiglu result, up [tokens * k, expert_width], then [tokens, shared_width]; the former prepared for down.
    gate: Part = undefined,
    up: Part = undefined,
    inner_planes: Part = undefined,
    /// Token of each pair, tokens touched, last call that touched a token; all u32.
    pair_tokens: Part = undefined,
    touched: Part = undefined,
    stamps: Part = undefined,
    jobs: Part = undefined,
    /// Per-thread blocks, then partials of attention split over keys.
    threads: Part = undefined,
    thread_bytes: usize = 0,
    partials: Part = undefined,
    inverse_frequencies: Part = undefined, // f64 [head_dim / 2]

    pub fn of(shapes: *const backend.Shapes, threads: usize, job_bytes: usize) Plan {
        var plan: Plan = .{};
        const pairs = shapes.tokens * shapes.k;
        const input_bytes = tables.preparedBytes(@max(shapes.cols_max, shapes.hidden));
        const plane_bytes = @max(shapes.tokens * input_bytes, shapes.few_tokens * tables.preparedBytes(shapes.few_cols));
        for (&plan.planes) |*part| part.* = plan.take(plane_bytes);
        const inner_floats = pairs * shapes.expert_width + shapes.tokens * shapes.shared_width;
        plan.gate = plan.take(inner_floats * 4);
        plan.up = plan.take(inner_floats * 4);
        plan.inner_planes = plan.take(pairs * tables.preparedBytes(shapes.expert_width) + shapes.tokens * tables.preparedBytes(shapes.shared_width));
        plan.pair_tokens = plan.take(pairs * 4);
        plan.touched = plan.take(shapes.tokens * 4);
        plan.stamps = plan.take(shapes.tokens * 4);
        plan.jobs = plan.take((shapes.experts + 1) * job_bytes);
        plan.thread_bytes = threadBytes(shapes);
        plan.threads = plan.take(threads * plan.thread_bytes);
        plan.partials = plan.take(if (threads > 1) partialBytes(shapes) else 0);
        plan.inverse_frequencies = plan.take(shapes.head_dim / 2 * 8);
        return plan;
    }

    fn take(plan: *Plan, bytes: usize) Part {
        const part: Part = .{ .offset = plan.bytes, .bytes = bytes };
        plan.bytes += std.mem.alignForward(usize, bytes, line);
        return part;
    }
};

/// Query heads of one kv head.
pub fn groupOf(heads: usize, kv_heads: usize) usize {
    return heads / @max(kv_heads, 1);
}

/// Tokens of one attention tile.
pub fn tileTokens(group: usize) usize {
    return @max(1, float_table.tile_rows / @max(group, 1));
}

fn threadBytes(shapes: *const backend.Shapes) usize {
    const group = groupOf(shapes.heads, shapes.kv_heads);
    const attention = float_table.attentionScratch(tileTokens(group) * group, shapes.head_dim) + float_table.padded(shapes.head_dim);
    const delta = float_table.deltaScratch(shapes.key_dim, shapes.value_dim);
    const route = float_table.padded(shapes.experts);
    const token = 2 * float_table.padded(shapes.head_dim);
    return std.mem.alignForward(usize, @max(attention, delta, route, token) * 4, line);
}

/// Partials of one session at full context.
fn partialBytes(shapes: *const backend.Shapes) usize {
    const group = groupOf(shapes.heads, shapes.kv_heads);
    const blocks = shapes.context / float_table.key_block + 1;
    return blocks * shapes.kv_heads * float_table.partialFloats(group, shapes.head_dim) * 4;
}

pub const Scratch = struct {
    block: memory.Block,
    plan: Plan,

    pub fn create(plan: Plan) error{OutOfMemory}!Scratch {
        return .{ .block = try memory.map(plan.bytes), .plan = plan };
    }

    pub fn destroy(scratch: Scratch) void {
        memory.unmap(scratch.block);
    }

    pub fn slice(scratch: *const Scratch, comptime T: type, part: Part) []align(line) T {
        const bytes: []align(line) u8 = @alignCast(scratch.block[part.offset..][0..part.bytes]);
        return @alignCast(std.mem.bytesAsSlice(T, bytes[0 .. part.bytes / @sizeOf(T) * @sizeOf(T)]));
    }

    /// The floats of one thread.
    pub fn ofThread(scratch: *const Scratch, slot: usize) [*]align(line) f32 {
        const address = scratch.block.ptr + scratch.plan.threads.offset + slot * scratch.plan.thread_bytes;
        return @ptrCast(@alignCast(address));
    }
};
