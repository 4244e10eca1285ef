//! Small networks that correct what a layer's router says one layer early: inputs -> width -> experts with SiLU, added to
//! the router's logits. They see the layer's normed input, the same of the token before and what the mixer added to that. Made by `heads_trainer`, kept in a file by `heads_file`. Owns one
//! buffer of the device: every layer's weights and the space the guess itself needs.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const Block = @import("heads_block.zig").Block;
const group_least = @import("heads_block.zig").group_least;
const heads_past = @import("heads_past.zig");
const Pass = @import("forward.zig").Pass;

/// Tokens guessed for at once.
const tokens_max = @import("predictor.zig").tokens_max;
pub const width_max = 1024;
const alignment = 64;

/// Neurons of a head. In a large model it then reads about as many bytes as its router, a hundredth of a token at most.
pub fn widthFor(shape: *const abi.ModelDesc) u32 {
    return if (shape.hidden <= 1024) 480 else 96;
}

/// What a head sees: the layer's input and that of the token before, through the router's norm, and what the mixer added
/// to the latter, for something like it is missing of the first. Zeros after them where they do not fill a group.
pub fn inputsFor(hidden: u32) u32 {
    return std.mem.alignForward(u32, 3 * hidden, group_least);
}

/// Widest input of a guess's products.
pub fn colsMax(hidden: u32) u32 {
    return @max(inputsFor(hidden), width_max);
}

pub fn blockOf(hidden: u32, width: u32, experts: u32) Block {
    return .of(inputsFor(hidden), width, experts);
}

pub const Heads = struct {
    device: backend.Backend,
    buffer: backend.Buffer,
    hidden: u32,
    width: u32,
    experts: u32,
    /// Per layer the place of its head in the buffer, null where the router guesses better.
    places: []const ?usize,
    figures: []const abi.HeadFigures,
    seen: usize, // f32 [tokens_max, inputs]
    inner: usize, // f32 [tokens_max, width]
    ones: usize, // f32 [tokens_max, width]
    outer: usize, // f32 [tokens_max, experts]

    /// What a guess needs beside the weights.
    pub fn workBytes(hidden: u32, width: u32, experts: u32) usize {
        return 2 * rowsBytes(width) + rowsBytes(experts) + rowsBytes(inputsFor(hidden));
    }

    fn rowsBytes(dim: u32) usize {
        return std.mem.alignForward(usize, @as(usize, tokens_max) * dim * @sizeOf(f32), alignment);
    }

    /// Takes the buffer over: `body_bytes` of weights are in it, `workBytes` more follow. The slices must outlive the heads.
    pub fn init(
        device: backend.Backend,
        buffer: backend.Buffer,
        body_bytes: usize,
        shape: *const abi.ModelDesc,
        width: u32,
        figures: []const abi.HeadFigures,
        places: []?usize,
    ) Heads {
        const block = blockOf(shape.hidden, width, shape.experts);
        var next: usize = 0;
        for (places, figures) |*place, *figure| {
            place.* = if (figure.used == 1) next else null;
            if (figure.used == 1) next += block.bytes;
        }
        std.debug.assert(next == body_bytes);
        var heads: Heads = .{
            .device = device,
            .buffer = buffer,
            .hidden = shape.hidden,
            .width = width,
            .experts = shape.experts,
            .places = places,
            .figures = figures,
            .inner = body_bytes,
            .ones = body_bytes + rowsBytes(width),
            .outer = body_bytes + 2 * rowsBytes(width),
            .seen = body_bytes + 2 * rowsBytes(width) + rowsBytes(shape.experts),
        };
        const row: [width_max]f32 = @splat(1);
        for (0..tokens_max) |token| {
            const at = heads.ones + token * width * @sizeOf(f32);
            device.vtable.write(device.context, heads.view(at), std.mem.sliceAsBytes(row[0..width]));
        }
        return heads;
    }

    pub fn deinit(heads: *Heads) void {
        heads.device.vtable.free(heads.device.context, &heads.buffer);
    }

    fn view(heads: *const Heads, offset: usize) backend.View {
        return .{ .buffer = &heads.buffer, .offset = offset };
    }

    /// Adds to the router's logits [tokens, experts] over `x`; nothing where the layer has no head.
    pub fn correct(heads: *const Heads, pass: *const Pass, layer: usize, x: backend.View, logits: backend.View) void {
        const tokens = pass.tokens();
        const place = heads.places[layer] orelse return;
        const block = blockOf(heads.hidden, heads.width, heads.experts);
        const inner = heads.view(heads.inner);
        const outer = heads.view(heads.outer);
        const first = block.first.linear(heads.view(place));
        const second = block.second.linear(heads.view(place));
        const device = heads.device;
        heads.look(pass, layer, x);
        device.vtable.linear(device.context, &.{ .x = heads.view(heads.seen), .tokens = tokens, .outputs = &.{.{ .weight = &first, .out = inner }} });
        heads.addRows(inner, heads.view(place + block.first_bias), tokens, heads.width);
        device.vtable.swiglu(device.context, &.{ .gate = inner, .up = heads.view(heads.ones), .out = inner, .n = tokens * heads.width });
        device.vtable.linear(device.context, &.{ .x = inner, .tokens = tokens, .outputs = &.{.{ .weight = &second, .out = outer }} });
        heads.addRows(outer, heads.view(place + block.second_bias), tokens, heads.experts);
        device.vtable.add(device.context, &.{ .out = logits, .x = outer, .n = tokens * heads.experts });
    }

    /// Fills `seen`. Of a step's tokens only each session's first has one before it that the mixer has seen.
    fn look(heads: *const Heads, pass: *const Pass, layer: usize, x: backend.View) void {
        const device = pass.device;
        const seen = heads.view(heads.seen);
        const row_bytes = inputsFor(heads.hidden) * @sizeOf(f32);
        const hidden_bytes = heads.hidden * @sizeOf(f32);
        device.vtable.zero(device.context, seen, pass.tokens() * row_bytes);
        for (0..pass.tokens()) |token| device.vtable.copy(device.context, seen.at(token * row_bytes), x.at(token * hidden_bytes), hidden_bytes);
        for (pass.batch.items) |*item| if (item.session.past) |*past| {
            const before = seen.at(item.first * row_bytes + hidden_bytes);
            device.vtable.rmsNorm(device.context, &.{
                .x = heads_past.input(past, pass.shape, layer),
                .weight = pass.model.layers[layer].post_attention_norm,
                .out = before,
                .rows = 1,
                .dim = heads.hidden,
                .eps = pass.shape.norm_eps,
            });
            device.vtable.copy(device.context, before.at(hidden_bytes), heads_past.mixed(past, pass.shape, layer), hidden_bytes);
        };
    }

    fn addRows(heads: *const Heads, out: backend.View, bias: backend.View, tokens: usize, dim: usize) void {
        for (0..tokens) |token| heads.device.vtable.add(heads.device.context, &.{ .out = out.at(token * dim * @sizeOf(f32)), .x = bias, .n = dim });
    }
};
