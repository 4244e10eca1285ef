//! What heads are told of the token before: for every layer its input and what the mixer added to it. One buffer per session,
//! where heads are used; not part of its state: a session that begins, or comes from a file, remembers nothing, and only a
//! guess is the worse for it. The engine's thread enters.

const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const Pass = @import("forward.zig").Pass;

/// Of one session: f32 [layers, 2 * hidden].
pub fn bytes(shape: *const abi.ModelDesc) usize {
    return shape.layers * layerBytes(shape);
}

fn layerBytes(shape: *const abi.ModelDesc) usize {
    return 2 * @as(usize, shape.hidden) * @sizeOf(f32);
}

/// Where a layer's input lies, as it is; the mixer's output follows.
pub fn input(past: *const backend.Buffer, shape: *const abi.ModelDesc, layer: usize) backend.View {
    return .{ .buffer = past, .offset = layer * layerBytes(shape) };
}

pub fn mixed(past: *const backend.Buffer, shape: *const abi.ModelDesc, layer: usize) backend.View {
    return input(past, shape, layer).at(shape.hidden * @sizeOf(f32));
}

/// Before a layer: the residual stream is its input.
pub fn keepInputs(pass: *const Pass, layer: usize) void {
    keep(pass, layer, pass.activations.residual, input);
}

/// After its mixer, whose output is in `normed`.
pub fn keepMixed(pass: *const Pass, layer: usize) void {
    keep(pass, layer, pass.activations.normed, mixed);
}

/// Of every session's last token in the step, its row of `rows`, [tokens, hidden].
fn keep(pass: *const Pass, layer: usize, rows: usize, place: fn (*const backend.Buffer, *const abi.ModelDesc, usize) backend.View) void {
    if (pass.heads == null or layer == 0) return;
    const row_bytes = pass.shape.hidden * @sizeOf(f32);
    for (pass.batch.items) |*item| if (item.session.past) |*past| {
        const last = pass.at(rows).at((item.first + item.count - 1) * row_bytes);
        pass.device.vtable.copy(pass.device.context, place(past, pass.shape, layer), last, row_bytes);
    };
}
