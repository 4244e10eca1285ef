//! What a step gives back: logits, scores and sampled tokens. Only the rows that somebody wants go through the last
//! norm and the output product, a tile of rows at a time, so that scratch does not grow with the vocabulary.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const batch_room = @import("batch.zig");
const sampler = @import("sampler.zig");
const OutputRow = @import("workspace.zig").OutputRow;
const Pass = @import("forward.zig").Pass;

const Error = result.Error;
const Item = batch_room.Item;

/// Writes into the arena what the items ask for; results of sampling stay in the items until the step is committed.
pub fn run(pass: *const Pass, arena: batch_room.Arena) Error!void {
    const wanted = wantedRows(pass);
    const tile_rows = pass.activations.output.tile_rows;
    var first: usize = 0;
    while (first < wanted.len) : (first += tile_rows) {
        const tile = wanted[first..@min(first + tile_rows, wanted.len)];
        enqueueLogits(pass, tile);
        pass.device.vtable.sync(pass.device.context) catch |err| return pass.fault(err);
        for (tile, 0..) |row, index| try deliver(pass, arena, row, index);
    }
    for (pass.batch.items) |*item| if (item.asks(.score)) blankScores(pass, arena, item);
}

/// The rows of the batch whose logits are needed, ascending.
fn wantedRows(pass: *const Pass) []const OutputRow {
    const rows = pass.workspace.output_rows;
    var count: usize = 0;
    for (pass.batch.items, 0..) |*item, number| {
        for (0..item.count) |token| {
            const last = token + 1 == item.count;
            const scored = item.asks(.score) and pass.workspace.targets[item.first + token] != abi.none_u32;
            const single = last and (item.asks(.sample) or item.asks(.logits_last));
            if (!scored and !single and !item.asks(.logits_all)) continue;
            rows[count] = .{ .item = @intCast(number), .token = @intCast(token) };
            count += 1;
        }
    }
    return rows[0..count];
}

/// logits [rows, vocab] = lm_head(norm(residual[rows]))
fn enqueueLogits(pass: *const Pass, tile: []const OutputRow) void {
    const device = pass.device;
    const output = pass.activations.output;
    const rows = pass.at(output.rows);
    const indices = pass.workspace.gather_rows[0..tile.len];
    for (indices, tile) |*index, row| index.* = @intCast(pass.batch.items[row.item].first + row.token);
    device.vtable.gather(device.context, &.{ .x = pass.at(pass.activations.residual), .rows = indices, .out = rows, .dim = pass.shape.hidden });
    device.vtable.rmsNorm(device.context, &.{
        .x = rows,
        .weight = pass.model.final_norm,
        .out = rows,
        .rows = tile.len,
        .dim = pass.shape.hidden,
        .eps = pass.shape.norm_eps,
    });
    device.vtable.linear(device.context, &.{
        .x = rows,
        .tokens = tile.len,
        .outputs = &.{.{ .weight = &pass.model.lm_head, .out = pass.at(output.logits) }},
    });
}

fn deliver(pass: *const Pass, arena: batch_room.Arena, place: OutputRow, index: usize) Error!void {
    const item = &pass.batch.items[place.item];
    const logits = try rowOnHost(pass, index);
    const row = sampler.Row.init(logits) orelse
        return pass.message.fail(
            error.Internal,
            "the logits after token {d} of the step are not numbers; the model's weights or state are damaged",
            .{item.first + place.token},
        );
    const last = place.token + 1 == item.count;
    if (item.asks(.logits_all)) writeRow(arena, item.logits_offset + place.token * logits.len * @sizeOf(f32), logits);
    if (last and item.asks(.logits_last)) writeRow(arena, item.logits_offset, logits);
    if (item.asks(.score)) {
        const target = pass.workspace.targets[item.first + place.token];
        if (target != abi.none_u32) writeRow(arena, item.scores_offset + place.token * @sizeOf(f32), &.{row.logprob(target)});
    }
    if (last and item.asks(.sample)) sampleRow(pass, arena, item, &row);
}

fn sampleRow(pass: *const Pass, arena: batch_room.Arena, item: *Item, row: *const sampler.Row) void {
    const session = item.session;
    const scratch = &pass.workspace.sampling;
    const history = session.history[0 .. session.position + item.count];
    const choice = sampler.sample(row, &session.sampling, history, &session.random, scratch);
    item.sampled = choice.id;
    item.logprob = choice.logprob;
    if (session.sampling.top_logprobs == 0) return;
    var best: [abi.max_top_logprobs]abi.TopLogprob = undefined;
    const alternatives = best[0..session.sampling.top_logprobs];
    row.alternatives(scratch, alternatives);
    const bytes = std.mem.sliceAsBytes(alternatives);
    @memcpy(arena[item.top_offset..][0..bytes.len], bytes);
}

/// Positions whose target is none_u32 score 0.
fn blankScores(pass: *const Pass, arena: batch_room.Arena, item: *const Item) void {
    for (pass.workspace.targets[item.first..][0..item.count], 0..) |target, token| {
        if (target == abi.none_u32) writeRow(arena, item.scores_offset + token * @sizeOf(f32), &.{0});
    }
}

fn writeRow(arena: batch_room.Arena, offset: usize, values: []const f32) void {
    const bytes = std.mem.sliceAsBytes(values);
    @memcpy(arena[offset..][0..bytes.len], bytes);
}

/// One row of the tile's logits: in place where the device's memory is mapped, else copied.
fn rowOnHost(pass: *const Pass, index: usize) Error![]const f32 {
    const vocab = pass.shape.vocab;
    const view = pass.at(pass.activations.output.logits).at(index * vocab * @sizeOf(f32));
    if (view.buffer.host != null) return view.floats(vocab);
    const row = pass.workspace.logits;
    pass.device.vtable.read(pass.device.context, view, std.mem.sliceAsBytes(row)) catch |err| return pass.fault(err);
    return row;
}
