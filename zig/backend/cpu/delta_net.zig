//! Gated delta net for a batch. An item is (segment, key head): the convolution of its channels, then the value heads
//! that share it, so that a head's inputs are still in the cache when its state is updated and one dispatch does it all.
//! Memory belongs to the enqueuer and to scratch; the engine's thread enters.

const std = @import("std");
const interface = @import("../backend.zig");
const float_table = @import("kernels/float_table.zig");
const Cpu = @import("backend.zig").Cpu;
const Args = interface.DeltaArgs;

const Call = struct { cpu: *Cpu, args: *const Args, channels: usize };

pub fn run(cpu: *Cpu, args: *const Args) void {
    std.debug.assert(args.value_heads % args.key_heads == 0);
    std.debug.assert(args.conv_kernel >= 1 and args.conv_kernel <= float_table.conv_kernel_max);
    const channels = 2 * args.key_heads * args.key_dim + args.value_heads * args.value_dim;
    const call: Call = .{ .cpu = cpu, .args = args, .channels = channels };
    cpu.pool.run(args.segments.len * args.key_heads, &call, headItem);
}

fn headItem(call: *const Call, item: usize, slot: usize) void {
    const args = call.args;
    const segment = &args.segments[item / args.key_heads];
    if (segment.tokens == 0) return;
    const key_head = item % args.key_heads;
    const keys = args.key_heads * args.key_dim; // channels of all queries; as many of all keys
    const shared = args.value_heads / args.key_heads;
    const value_width = shared * args.value_dim;
    convolve(call, segment, key_head * args.key_dim, args.key_dim);
    convolve(call, segment, keys + key_head * args.key_dim, args.key_dim);
    convolve(call, segment, 2 * keys + key_head * value_width, value_width);
    for (key_head * shared..(key_head + 1) * shared) |value_head| valueHead(call, segment, key_head, value_head, slot);
}

fn inputOf(call: *const Call, segment: *const interface.DeltaSegment) [*]f32 {
    return call.args.qkv.floats(call.args.tokens * call.channels)[segment.first * call.channels ..].ptr;
}

fn convolve(call: *const Call, segment: *const interface.DeltaSegment, first: usize, channels: usize) void {
    const args = call.args;
    call.cpu.table.float.delta_conv(&.{
        .qkv = inputOf(call, segment),
        .weight = args.conv_weight.floats(call.channels * args.conv_kernel).ptr,
        .state = segment.conv_state.floats((args.conv_kernel - 1) * call.channels).ptr,
        .tokens = segment.tokens,
        .channels = call.channels,
        .kernel = args.conv_kernel,
        .first = first,
        .end = first + channels,
    });
}

fn valueHead(call: *const Call, segment: *const interface.DeltaSegment, key_head: usize, value_head: usize, slot: usize) void {
    const args = call.args;
    const input = inputOf(call, segment);
    const keys = args.key_heads * args.key_dim;
    const row = args.value_heads * args.value_dim;
    const state_floats = args.value_dim * args.key_dim;
    const gate_at = segment.first * args.value_heads + value_head;
    const out_at = segment.first * row + value_head * args.value_dim;
    call.cpu.table.float.delta_head(&.{
        .q = input + key_head * args.key_dim,
        .k = input + keys + key_head * args.key_dim,
        .v = input + 2 * keys + value_head * args.value_dim,
        .qkv_stride = call.channels,
        .a = args.a.floats(args.tokens * args.value_heads)[gate_at..].ptr,
        .b = args.b.floats(args.tokens * args.value_heads)[gate_at..].ptr,
        .gate_stride = args.value_heads,
        .z = args.z.floats(args.tokens * row)[out_at..].ptr,
        .out = args.out.floats(args.tokens * row)[out_at..].ptr,
        .out_stride = row,
        .norm = args.norm.floats(args.value_dim).ptr,
        .state = segment.state.floats(args.value_heads * state_floats)[value_head * state_floats ..].ptr,
        .tokens = segment.tokens,
        .key_dim = args.key_dim,
        .value_dim = args.value_dim,
        .a_log = args.a_log.floats(args.value_heads)[value_head],
        .dt_bias = args.dt_bias.floats(args.value_heads)[value_head],
        .eps = args.eps,
        .scratch = call.cpu.work().ofThread(slot),
    });
}
