//! Chooses a token from a row of logits. Order: penalties over the session's tokens (prompt and reply alike),
//! temperature, top-k, top-p, min-p, one draw. Temperature 0 is the largest penalised logit, the lower id of equals.
//! Log probabilities are those of the row as the model gave it. Scratch memory is allocated once, by the engine.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const vector_math = @import("vector_math.zig");
const Random = @import("random.zig").Random;

const Message = result.Message;

/// A token id with its logit.
pub const Candidate = struct { value: f32, id: u32 };

/// Largest value first, the lower id of equals first.
fn ahead(a: Candidate, b: Candidate) bool {
    return a.value > b.value or (a.value == b.value and a.id < b.id);
}

pub const Scratch = struct {
    penalised: []f32, // [vocab]
    weights: []f32, // [vocab]
    counts: []u32, // [vocab], all zero between calls
    candidates: []Candidate, // [vocab]

    pub fn init(arena: std.mem.Allocator, vocab: usize) error{OutOfMemory}!Scratch {
        const counts = try arena.alloc(u32, vocab);
        @memset(counts, 0);
        return .{
            .penalised = try arena.alloc(f32, vocab),
            .weights = try arena.alloc(f32, vocab),
            .counts = counts,
            .candidates = try arena.alloc(Candidate, vocab),
        };
    }

    pub fn bytes(vocab: usize) usize {
        return vocab * (2 * @sizeOf(f32) + @sizeOf(u32) + @sizeOf(Candidate));
    }
};

pub const Choice = struct { id: u32, logprob: f32 };

/// Refuses settings that mean nothing, by name.
pub fn check(sampling: *const abi.Sampling, message: *Message) result.Error!void {
    const s = sampling;
    inline for (.{ "temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty" }) |field| {
        if (!std.math.isFinite(@field(s, field))) return message.fail(error.InvalidArgument, field ++ " is not a number", .{});
    }
    if (s.temperature < 0 or s.temperature > 100) return message.fail(error.InvalidArgument, "temperature {d} is outside 0 to 100", .{s.temperature});
    if (s.top_p < 0 or s.top_p > 1) return message.fail(error.InvalidArgument, "top_p {d} is outside 0 to 1", .{s.top_p});
    if (s.min_p < 0 or s.min_p > 1) return message.fail(error.InvalidArgument, "min_p {d} is outside 0 to 1", .{s.min_p});
    if (s.repeat_penalty <= 0) return message.fail(error.InvalidArgument, "repeat_penalty {d} is not above 0; 1 means none", .{s.repeat_penalty});
    if (s.top_logprobs > abi.max_top_logprobs) return message.fail(
        error.InvalidArgument,
        "{d} alternatives; at most {d} can be reported",
        .{ s.top_logprobs, abi.max_top_logprobs },
    );
}

/// A row of logits with what every log probability needs. Null when a value is infinite or not a number.
pub const Row = struct {
    logits: []const f32,
    top: vector_math.Peak,
    log_sum: f64,

    pub fn init(logits: []const f32) ?Row {
        const top = vector_math.peak(logits) orelse return null;
        return .{ .logits = logits, .top = top, .log_sum = vector_math.logSumExp(logits, top.value) };
    }

    pub fn logprob(row: *const Row, id: u32) f32 {
        return @floatCast(row.logits[id] - row.log_sum);
    }

    /// The most probable tokens, best first.
    pub fn alternatives(row: *const Row, scratch: *const Scratch, out: []abi.TopLogprob) void {
        const best = selectTop(row.logits, scratch.candidates[0..@min(out.len, row.logits.len)]);
        for (out, 0..) |*entry, i| {
            // A vocabulary smaller than the number asked for leaves the rest empty.
            const known = i < best.len;
            entry.id = if (known) best[i].id else abi.none_u32;
            entry.logprob = if (known) row.logprob(best[i].id) else -std.math.inf(f32);
        }
    }
};

/// `history`: every token of the session so far. Draws from `random` exactly once when temperature is above 0.
pub fn sample(row: *const Row, sampling: *const abi.Sampling, history: []const u32, random: *Random, scratch: *const Scratch) Choice {
    const id = choose(row, sampling, history, random, scratch);
    return .{ .id = id, .logprob = row.logprob(id) };
}

fn choose(row: *const Row, sampling: *const abi.Sampling, history: []const u32, random: *Random, scratch: *const Scratch) u32 {
    var values = row.logits;
    var top = row.top;
    if (penalises(sampling) and history.len > 0) {
        values = penalise(row.logits, sampling, history, scratch);
        top = vector_math.peak(values) orelse row.top; // finite settings on finite logits stay finite, but for overflow
    }
    if (sampling.temperature == 0) return top.index;
    const draw = random.uniform();
    const inverse = 1 / sampling.temperature;
    if (!std.math.isFinite(inverse)) return top.index; // a temperature so small that only the best is left
    const limited = sampling.top_k != 0 and sampling.top_k < values.len;
    if (!limited and sampling.top_p >= 1) return drawFromAll(values, top.value, inverse, sampling.min_p, draw, scratch);
    const kept = cut(values, top.value, inverse, sampling, scratch);
    return drawFromSorted(kept, scratch.weights, sampling.min_p, draw);
}

fn penalises(s: *const abi.Sampling) bool {
    return s.repeat_penalty != 1 or s.presence_penalty != 0 or s.frequency_penalty != 0;
}

/// The repeat penalty divides positive logits and multiplies negative ones; presence is subtracted once for a token
/// that occurred, frequency once per occurrence.
fn penalise(logits: []const f32, s: *const abi.Sampling, history: []const u32, scratch: *const Scratch) []const f32 {
    const values = scratch.penalised[0..logits.len];
    @memcpy(values, logits);
    for (history) |id| scratch.counts[id] += 1;
    for (history) |id| {
        const count = scratch.counts[id];
        if (count == 0) continue; // already done
        scratch.counts[id] = 0;
        const repeated = if (values[id] > 0) values[id] / s.repeat_penalty else values[id] * s.repeat_penalty;
        values[id] = repeated - s.presence_penalty - s.frequency_penalty * @as(f32, @floatFromInt(count));
    }
    return values;
}

/// No sorting where nothing is cut by rank: one walk in the order of the ids.
fn drawFromAll(values: []const f32, top: f32, inverse: f32, min_p: f32, draw: f64, scratch: *const Scratch) u32 {
    const weights = scratch.weights[0..values.len];
    var total = vector_math.sumExp(values, top, inverse, weights);
    if (min_p > 0) {
        total = 0;
        for (weights) |weight| total += if (weight >= min_p) weight else 0;
    }
    var left = draw * total;
    var last: u32 = 0;
    for (weights, 0..) |weight, id| {
        if (weight == 0 or weight < min_p) continue;
        last = @intCast(id);
        left -= weight;
        if (left < 0) break;
    }
    return last; // rounding may leave a rest: then the last one that counts
}

/// The candidates that top-k and then top-p leave, best first, their weights in `scratch.weights` at the same index.
fn cut(values: []const f32, top: f32, inverse: f32, sampling: *const abi.Sampling, scratch: *const Scratch) []const Candidate {
    const limited = sampling.top_k != 0 and sampling.top_k < values.len;
    const most = if (limited) sampling.top_k else values.len;
    // The whole mass top-p is a share of: everything, or the top k.
    const all_mass = if (limited) 0 else vector_math.sumExp(values, top, inverse, null);
    var count: usize = if (limited) most else @min(most, 64);
    while (true) {
        const kept = selectTop(values, scratch.candidates[0..count]);
        var mass: f64 = 0;
        for (kept, scratch.weights[0..count]) |candidate, *weight| {
            weight.* = @floatCast(@exp((@as(f64, candidate.value) - top) * inverse));
            mass += weight.*;
        }
        const wanted = sampling.top_p * (if (limited) mass else all_mass);
        var sum: f64 = 0;
        for (scratch.weights[0..count], 1..) |weight, length| {
            sum += weight;
            if (sum >= wanted) return kept[0..length];
        }
        if (count == most) return kept;
        count = @min(most, count * 8); // a flat distribution: look at more of it
    }
}

fn drawFromSorted(kept: []const Candidate, weights: []const f32, min_p: f32, draw: f64) u32 {
    const least = min_p * weights[0];
    var length: usize = 1; // the best one always stays
    while (length < kept.len and weights[length] >= least) length += 1;
    var total: f64 = 0;
    for (weights[0..length]) |weight| total += weight;
    var left = draw * total;
    for (kept[0..length], weights[0..length]) |candidate, weight| {
        left -= weight;
        if (left < 0) return candidate.id;
    }
    return kept[length - 1].id;
}

/// The `out.len` best values, best first, by one pass with a heap whose root is the worst kept.
fn selectTop(values: []const f32, out: []Candidate) []Candidate {
    if (out.len == 0) return out;
    for (values[0..out.len], out, 0..) |value, *entry, id| entry.* = .{ .value = value, .id = @intCast(id) };
    var parent = out.len / 2;
    while (parent > 0) {
        parent -= 1;
        sink(out, parent);
    }
    for (values[out.len..], out.len..) |value, id| {
        // Later ids lose against equals, so the value alone decides.
        if (value <= out[0].value) continue;
        out[0] = .{ .value = value, .id = @intCast(id) };
        sink(out, 0);
    }
    std.mem.sortUnstable(Candidate, out, {}, struct {
        fn before(_: void, a: Candidate, b: Candidate) bool {
            return ahead(a, b);
        }
    }.before);
    return out;
}

fn sink(heap: []Candidate, start: usize) void {
    var at = start;
    while (true) {
        var worst = at;
        for ([_]usize{ 2 * at + 1, 2 * at + 2 }) |child| {
            if (child < heap.len and ahead(heap[worst], heap[child])) worst = child;
        }
        if (worst == at) return;
        std.mem.swap(Candidate, &heap[at], &heap[worst]);
        at = worst;
    }
}
