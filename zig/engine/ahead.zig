//! The first layer's mixer, computed ahead: it needs no expert, only the token just sampled. So its router can speak, and its
//! experts be read, before the next step begins; that step, when it is the one that was foreseen, takes the result over
//! instead of computing the same again. Sessions are not touched before that. The engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const batch_room = @import("batch.zig");
const forward = @import("forward.zig");
const predictor = @import("predictor.zig");
const Description = @import("../format/description.zig").Description;
const Session = @import("session.zig").Session;
const Settings = @import("settings.zig").Settings;
const StateLayout = @import("state_layout.zig").StateLayout;

const tokens_max = predictor.tokens_max;
const alignment = 64;

/// One session's next token, at its next position.
const Foreseen = struct { session: *Session, position: u32, token: u32 };

pub const Ahead = struct {
    device: backend.Backend,
    /// Per session the convolution tail and state after the token, where the first layer is a delta net.
    states: backend.Buffer,
    list: [tokens_max]Foreseen = undefined,
    /// Whose first layer's mixer the residual stream holds; 0: nobody's.
    count: usize = 0,
    /// Steps that began with it.
    taken: u64 = 0,

    /// Sessions that one step may be foreseen for.
    fn seats(settings: *const Settings) usize {
        return if (settings.prefetch == .off) 0 else @min(settings.sessions, tokens_max);
    }

    pub fn bytes(description: *const Description, settings: *const Settings, layout: *const StateLayout) usize {
        return switch (description.layer_kinds[0]) {
            .attention => 0, // keys and values go where the step itself would put them
            .delta_net => seats(settings) * seatBytes(layout),
        };
    }

    fn seatBytes(layout: *const StateLayout) usize {
        return stateOffset(layout) + std.mem.alignForward(usize, layout.delta_bytes, alignment);
    }

    /// Of the state behind its convolution tail.
    fn stateOffset(layout: *const StateLayout) usize {
        return std.mem.alignForward(usize, layout.conv_bytes, alignment);
    }

    pub fn init(device: backend.Backend, buffer_bytes: usize) backend.Error!Ahead {
        return .{ .device = device, .states = try device.vtable.alloc(device.context, @max(buffer_bytes, 1), .scratch) };
    }

    pub fn deinit(ahead: *Ahead) void {
        ahead.device.vtable.free(ahead.device.context, &ahead.states);
    }

    /// A session begins: it may lie where another one did.
    pub fn forget(ahead: *Ahead) void {
        ahead.count = 0;
    }

    /// After a step, whose sessions stand before its tokens still: the mixer for what was sampled. Afterwards the residual
    /// stream is the first layer's, its experts' input. Null when the next step cannot be foreseen.
    pub fn compute(ahead: *Ahead, pass: *const forward.Pass, sampled: *[tokens_max]u32) ?[]const u32 {
        const items = pass.batch.items;
        if (items.len > seats(pass.settings)) return null;
        var count: usize = 0;
        for (items) |*item| {
            const position = item.session.position + @as(u32, @intCast(item.count));
            if (item.sampled == abi.none_u32 or position == pass.settings.context) continue;
            ahead.list[count] = .{ .session = item.session, .position = position, .token = item.sampled };
            sampled[count] = item.sampled;
            count += 1;
        }
        if (count == 0) return null;
        const tokens = sampled[0..count];
        var next = pass.*;
        next.batch = &.{ .items = &.{}, .tokens = tokens, .decode = true };
        forward.embed(&next);
        switch (pass.state.layers[0]) {
            .attention => |place| forward.mix(&next, 0, .{ .attention = ahead.attentionSegments(pass, place.keys, place.values, count) }),
            .delta_net => |place| forward.mix(&next, 0, .{ .delta_net = ahead.deltaSegments(pass, place.conv, place.state, count) }),
        }
        ahead.count = count;
        return tokens;
    }

    fn attentionSegments(ahead: *const Ahead, pass: *const forward.Pass, keys: usize, values: usize, count: usize) []const backend.AttentionSegment {
        const list = pass.workspace.attention_segments[0..count];
        for (list, ahead.list[0..count], 0..) |*segment, *one, number| segment.* = .{
            .first = number,
            .tokens = 1,
            .position = one.position,
            .keys = .{ .buffer = &one.session.buffer, .offset = keys },
            .values = .{ .buffer = &one.session.buffer, .offset = values },
        };
        return list;
    }

    /// Over copies of the sessions' states.
    fn deltaSegments(ahead: *const Ahead, pass: *const forward.Pass, conv: usize, state: usize, count: usize) []const backend.DeltaSegment {
        const list = pass.workspace.delta_segments[0..count];
        const copy = ahead.device.vtable.copy;
        for (list, ahead.list[0..count], 0..) |*segment, *one, number| {
            segment.* = .{ .first = number, .tokens = 1, .conv_state = ahead.seat(pass.state, number, 0), .state = ahead.seat(pass.state, number, stateOffset(pass.state)) };
            copy(ahead.device.context, segment.conv_state, .{ .buffer = &one.session.buffer, .offset = conv }, pass.state.conv_bytes);
            copy(ahead.device.context, segment.state, .{ .buffer = &one.session.buffer, .offset = state }, pass.state.delta_bytes);
        }
        return list;
    }

    fn seat(ahead: *const Ahead, layout: *const StateLayout, number: usize, offset: usize) backend.View {
        return .{ .buffer = &ahead.states, .offset = number * seatBytes(layout) + offset };
    }

    /// A step begins. True when it is the one foreseen: then its sessions are moved on through the first layer's mixer, and
    /// the residual stream is what it would be. Bit for bit: the same operations saw the same tokens side by side.
    pub fn take(ahead: *Ahead, pass: *const forward.Pass) bool {
        const foreseen = ahead.isForeseen(pass.batch);
        defer ahead.count = 0;
        if (!foreseen) return false;
        ahead.taken += 1;
        switch (pass.state.layers[0]) {
            .attention => {},
            .delta_net => |place| for (pass.batch.items, 0..) |*item, number| {
                const copy = ahead.device.vtable.copy;
                const buffer = &item.session.buffer;
                copy(ahead.device.context, .{ .buffer = buffer, .offset = place.conv }, ahead.seat(pass.state, number, 0), pass.state.conv_bytes);
                copy(ahead.device.context, .{ .buffer = buffer, .offset = place.state }, ahead.seat(pass.state, number, stateOffset(pass.state)), pass.state.delta_bytes);
            },
        }
        return true;
    }

    fn isForeseen(ahead: *const Ahead, batch: *const batch_room.Batch) bool {
        if (ahead.count == 0 or batch.items.len != ahead.count or batch.tokens.len != ahead.count) return false;
        for (batch.items, batch.tokens, ahead.list[0..ahead.count]) |*item, token, *one| {
            if (item.session != one.session or item.session.position != one.position or token != one.token) return false;
        }
        return true;
    }
};
