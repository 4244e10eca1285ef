//! Operations on rows: embedding, norm, routing, combination, elementwise. Rows are shared out over the threads where
//! that is worth waking them. Memory belongs to the enqueuer; the engine's thread enters.

const std = @import("std");
const interface = @import("../backend.zig");
const matrices = @import("linear.zig");
const float_table = @import("kernels/float_table.zig");
const Cpu = @import("backend.zig").Cpu;

fn Task(comptime Args: type) type {
    return struct { cpu: *Cpu, args: *const Args };
}

pub fn embed(cpu: *Cpu, args: *const interface.EmbedArgs) void {
    const task: Task(interface.EmbedArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.tokens.len, args.table.cols, &task, embedRange);
}

fn embedRange(task: *const Task(interface.EmbedArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const matrix = matrices.matrixOf(args.table);
    const out = args.out.floats(args.tokens.len * args.table.cols);
    for (first..end) |t| {
        std.debug.assert(args.tokens[t] < args.table.rows);
        task.cpu.table.row(&matrix, args.tokens[t], out[t * args.table.cols ..].ptr);
    }
}

pub fn rmsNorm(cpu: *Cpu, args: *const interface.RmsNormArgs) void {
    const task: Task(interface.RmsNormArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.rows, args.dim / 8, &task, rmsNormRange);
}

fn rmsNormRange(task: *const Task(interface.RmsNormArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const x = args.x.floats(args.rows * args.dim);
    const out = args.out.floats(args.rows * args.dim);
    const weight = args.weight.floats(args.dim);
    for (first..end) |row| {
        const at = row * args.dim;
        task.cpu.table.float.rms_norm(x[at..].ptr, weight.ptr, out[at..].ptr, args.dim, args.eps);
    }
}

pub fn route(cpu: *Cpu, args: *const interface.RouteArgs) void {
    const task: Task(interface.RouteArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.tokens, args.experts * 3, &task, routeRange);
}

fn routeRange(task: *const Task(interface.RouteArgs), first: usize, end: usize, slot: usize) void {
    const args = task.args;
    const logits = args.logits.floats(args.tokens * args.experts);
    const weights = args.weights.floats(args.tokens * args.k);
    const ids: [*]u32 = @ptrCast(@alignCast(args.ids.pointer()));
    for (first..end) |t| task.cpu.table.float.route(&.{
        .logits = logits[t * args.experts ..].ptr,
        .ids = ids + t * args.k,
        .weights = weights[t * args.k ..].ptr,
        .experts = args.experts,
        .k = args.k,
        .renormalise = @intFromBool(args.renormalise),
        .scratch = task.cpu.work().ofThread(slot),
    });
}

pub fn combine(cpu: *Cpu, args: *const interface.CombineArgs) void {
    const task: Task(interface.CombineArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.tokens, args.hidden * (args.k + 2) / 8, &task, combineRange);
}

fn combineRange(task: *const Task(interface.CombineArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const n = args.tokens * args.hidden;
    const residual = args.residual.floats(n);
    const expert_out = args.expert_out.floats(n * args.k);
    const weights = args.weights.floats(args.tokens * args.k);
    const shared = args.shared.floats(n);
    const gates = args.shared_gate.floats(args.tokens);
    for (first..end) |t| task.cpu.table.float.combine(&.{
        .residual = residual[t * args.hidden ..].ptr,
        .expert_out = expert_out[t * args.k * args.hidden ..].ptr,
        .weights = weights[t * args.k ..].ptr,
        .shared = shared[t * args.hidden ..].ptr,
        .shared_gate = gates[t],
        .hidden = args.hidden,
        .k = args.k,
    });
}

/// Elementwise operations go in pieces of this many floats.
const piece = 8192;

pub fn swiglu(cpu: *Cpu, args: *const interface.SwigluArgs) void {
    const task: Task(interface.SwigluArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.n / piece + 1, piece, &task, swigluRange);
}

fn swigluRange(task: *const Task(interface.SwigluArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const from = first * piece;
    const to = @min(end * piece, args.n);
    if (from >= to) return;
    task.cpu.table.float.swiglu(args.gate.floats(args.n)[from..].ptr, args.up.floats(args.n)[from..].ptr, args.out.floats(args.n)[from..].ptr, to - from);
}

pub fn add(cpu: *Cpu, args: *const interface.AddArgs) void {
    const task: Task(interface.AddArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.n / piece + 1, piece / 8, &task, addRange);
}

fn addRange(task: *const Task(interface.AddArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const from = first * piece;
    const to = @min(end * piece, args.n);
    if (from >= to) return;
    task.cpu.table.float.add(args.out.floats(args.n)[from..].ptr, args.x.floats(args.n)[from..].ptr, to - from);
}

pub fn gather(cpu: *Cpu, args: *const interface.GatherArgs) void {
    const task: Task(interface.GatherArgs) = .{ .cpu = cpu, .args = args };
    cpu.spread(args.rows.len, args.dim / 8, &task, gatherRange);
}

fn gatherRange(task: *const Task(interface.GatherArgs), first: usize, end: usize, _: usize) void {
    const args = task.args;
    const out = args.out.floats(args.rows.len * args.dim);
    const x: [*]const f32 = @ptrCast(@alignCast(args.x.pointer()));
    for (first..end) |i| {
        const row = x + @as(usize, args.rows[i]) * args.dim;
        @memcpy(out[i * args.dim ..][0..args.dim], row[0..args.dim]);
    }
}
