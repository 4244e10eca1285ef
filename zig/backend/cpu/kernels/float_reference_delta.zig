//! The definition of the gated delta net: convolution, and the recurrence token by token, in plain loops with sums in
//! f64. The state is f32. Caller's memory; any thread enters with channels or a head of its own.

const float_table = @import("float_table.zig");
const math = @import("float_scalar_math.zig");

pub fn conv(args: *const float_table.DeltaConv) callconv(.c) void {
    const kernel: usize = args.kernel;
    for (args.first..args.end) |channel| {
        const weight = args.weight + channel * kernel;
        var past: [float_table.conv_kernel_max]f32 = undefined; // kernel - 1 earlier inputs, then this one
        for (0..kernel - 1) |i| past[i] = args.state[i * args.channels + channel];
        for (0..args.tokens) |t| {
            const p = &args.qkv[t * args.channels + channel];
            past[kernel - 1] = p.*;
            var y: f64 = 0;
            for (past[0..kernel], weight) |input, w| y += @as(f64, input) * w;
            p.* = @floatCast(y * math.sigmoid(y));
            for (0..kernel - 1) |i| past[i] = past[i + 1];
        }
        for (0..kernel - 1) |i| args.state[i * args.channels + channel] = past[i];
    }
}

pub fn head(args: *const float_table.DeltaHead) callconv(.c) void {
    for (0..args.tokens) |t| step(args, t);
}

fn step(args: *const float_table.DeltaHead, t: usize) void {
    const dk: usize = args.key_dim;
    const dv: usize = args.value_dim;
    const q = args.scratch;
    const k = args.scratch + dk;
    normalise(args.q + t * args.qkv_stride, dk, 1.0 / @sqrt(@as(f64, @floatFromInt(dk))), q);
    normalise(args.k + t * args.qkv_stride, dk, 1.0, k);
    const a: f64 = args.a[t * args.gate_stride];
    const decay: f32 = @floatCast(math.exp(-math.exp(args.a_log) * math.softplus(a + args.dt_bias)));
    const beta = math.sigmoid(args.b[t * args.gate_stride]);
    const out = args.out + t * args.out_stride;
    const v = args.v + t * args.qkv_stride;
    for (0..dv) |row| {
        const state = args.state[row * dk ..][0..dk];
        var recalled: f64 = 0;
        for (state, k) |*s, x| {
            s.* *= decay;
            recalled += @as(f64, s.*) * x;
        }
        const d: f32 = @floatCast(beta * (v[row] - recalled));
        var read: f64 = 0;
        for (state, k, q) |*s, x, y| {
            s.* += d * x;
            read += @as(f64, s.*) * y;
        }
        out[row] = @floatCast(read);
    }
    gatedNorm(args, out, args.z + t * args.out_stride);
}

fn normalise(x: [*]const f32, dim: usize, factor: f64, out: [*]f32) void {
    var squares: f64 = 0;
    for (x[0..dim]) |value| squares += @as(f64, value) * value;
    const scale = factor / @sqrt(squares + float_table.l2_eps);
    for (out[0..dim], x) |*y, value| y.* = @floatCast(value * scale);
}

fn gatedNorm(args: *const float_table.DeltaHead, out: [*]f32, z: [*]const f32) void {
    const dim: usize = args.value_dim;
    var squares: f64 = 0;
    for (out[0..dim]) |value| squares += @as(f64, value) * value;
    const scale = 1.0 / @sqrt(squares / @as(f64, @floatFromInt(dim)) + args.eps);
    for (out[0..dim], z, args.norm) |*y, gate, w| y.* = @floatCast(y.* * scale * w * (gate * math.sigmoid(gate)));
}
