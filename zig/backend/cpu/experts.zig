//! Routed experts: gate and up of all jobs, SwiGLU, down. Two dispatches: items of the first are (job, rows of the
//! inner width), and whoever finishes a job's last item prepares its inner activations; items of the second are
//! (job, rows of hidden). Memory belongs to the enqueuer and to scratch; the engine's thread enters.

const std = @import("std");
const interface = @import("../backend.zig");
const tables = @import("kernels/table.zig");
const linear = @import("linear.zig");
const Cpu = @import("backend.zig").Cpu;

/// What a job needs while it runs; lives in scratch.
pub const Work = struct {
    gate: tables.Matrix,
    up: tables.Matrix,
    down: tables.Matrix,
    gate_layout: u32,
    up_layout: u32,
    down_layout: u32,
    first_pair: usize, // its pairs' place among all pairs of the call
    pairs: []const u32,
    inner_rows: usize, // of an item of the first dispatch
    inner_end: usize, // items of this and all earlier jobs
    outer_rows: usize,
    outer_end: usize,
    pending: std.atomic.Value(u32), // inner items not finished
};

const Call = struct {
    cpu: *Cpu,
    args: *const interface.ExpertsArgs,
    planes: linear.Planes,
    works: []Work,
    x: [*]const f32,
    out: [*]f32,
    gate: [*]f32, // [pairs, width]
    up: [*]f32,
    inner_planes: [*]align(64) u8,
    pair_tokens: []u32,
    touched: []u32,
};

pub fn run(cpu: *Cpu, args: *const interface.ExpertsArgs) void {
    const scratch = cpu.work();
    const all = scratch.slice(Work, scratch.plan.jobs);
    var call: Call = .{
        .cpu = cpu,
        .args = args,
        .planes = .{ .cols = args.hidden },
        .works = all[0..0],
        .x = @ptrCast(@alignCast(args.x.pointer())),
        .out = @ptrCast(@alignCast(args.out.pointer())),
        .gate = scratch.slice(f32, scratch.plan.gate).ptr,
        .up = scratch.slice(f32, scratch.plan.up).ptr,
        .inner_planes = scratch.slice(u8, scratch.plan.inner_planes).ptr,
        .pair_tokens = scratch.slice(u32, scratch.plan.pair_tokens),
        .touched = undefined,
    };
    // Jobs go in runs that share at most `plane_count` layouts of the input: in practice all of them at once.
    var next: usize = 0;
    while (next < args.jobs.len) {
        call.planes.count = 0;
        const first = next;
        var pairs: usize = 0;
        while (next < args.jobs.len) : (next += 1) {
            const job = &args.jobs[next];
            if (!admit(&call, job)) break;
            all[next - first] = workOf(cpu, job, pairs);
            pairs += job.pairs.len;
        }
        std.debug.assert(next > first);
        call.works = all[0 .. next - first];
        runJobs(&call);
    }
}

fn admit(call: *Call, job: *const interface.ExpertJob) bool {
    const table = call.cpu.table;
    var planes = call.planes;
    const gate = linear.matrixOf(&job.expert.gate);
    const up = linear.matrixOf(&job.expert.up);
    if (!planes.admit(table.input_layout(&gate)) or !planes.admit(table.input_layout(&up))) return false;
    call.planes = planes;
    return true;
}

fn workOf(cpu: *const Cpu, job: *const interface.ExpertJob, first_pair: usize) Work {
    var work: Work = undefined;
    work.gate = linear.matrixOf(&job.expert.gate);
    work.up = linear.matrixOf(&job.expert.up);
    work.down = linear.matrixOf(&job.expert.down);
    work.gate_layout = cpu.table.input_layout(&work.gate);
    work.up_layout = cpu.table.input_layout(&work.up);
    work.down_layout = cpu.table.input_layout(&work.down);
    work.first_pair = first_pair;
    work.pairs = job.pairs;
    return work;
}

fn runJobs(call: *Call) void {
    const cpu = call.cpu;
    markTokens(call);
    if (call.planes.count > 0) cpu.spread(call.touched.len, call.args.hidden / 4, call, prepareRange);
    var inner: usize = 0;
    var outer: usize = 0;
    for (call.works) |*work| {
        // Gate and up rows are taken together: half as many of each.
        work.inner_rows = std.mem.alignForward(usize, linear.itemRows(&work.gate) / 2, tables.row_tile * 4);
        const items = (work.gate.rows - 1) / work.inner_rows + 1;
        work.pending = .init(@intCast(items));
        inner += items;
        work.inner_end = inner;
        work.outer_rows = linear.itemRows(&work.down);
        outer += (work.down.rows - 1) / work.outer_rows + 1;
        work.outer_end = outer;
    }
    cpu.pool.run(inner, call, innerItem);
    cpu.pool.run(outer, call, outerItem);
}

/// Token of every pair, and the list of tokens that occur.
fn markTokens(call: *Call) void {
    const scratch = call.cpu.work();
    const stamps = scratch.slice(u32, scratch.plan.stamps);
    call.touched = scratch.slice(u32, scratch.plan.touched);
    call.cpu.experts_calls +%= 1;
    if (call.cpu.experts_calls == 0) {
        @memset(stamps, 0);
        call.cpu.experts_calls = 1;
    }
    var count: usize = 0;
    for (call.works) |*work| {
        for (work.pairs, call.pair_tokens[work.first_pair..][0..work.pairs.len]) |pair, *token| {
            token.* = @intCast(pair / call.args.k);
            if (stamps[token.*] == call.cpu.experts_calls) continue;
            stamps[token.*] = call.cpu.experts_calls;
            call.touched[count] = token.*;
            count += 1;
        }
    }
    call.touched = call.touched[0..count];
}

fn prepareRange(call: *Call, first: usize, end: usize, _: usize) void {
    for (call.touched[first..end]) |token| call.planes.prepareRow(call.cpu, call.x, token);
}

/// Index of the job whose items end after `item`.
fn jobOf(works: []const Work, item: usize, comptime end: []const u8) usize {
    var low: usize = 0;
    var high = works.len - 1;
    while (low < high) {
        const middle = (low + high) / 2;
        if (item >= @field(works[middle], end)) low = middle + 1 else high = middle;
    }
    return low;
}

/// swiglu of rows [first, end) of the job's inner width, into `gate`.
fn innerItem(call: *Call, item: usize, _: usize) void {
    const index = jobOf(call.works, item, "inner_end");
    const work = &call.works[index];
    const before = if (index == 0) 0 else call.works[index - 1].inner_end;
    const first = (item - before) * work.inner_rows;
    const end = @min(first + work.inner_rows, work.gate.rows);
    const width = call.args.width;
    const cpu = call.cpu;
    const gate = call.gate + work.first_pair * width;
    const up = call.up + work.first_pair * width;
    product(call, &work.gate, work.gate_layout, work, gate, first, end);
    product(call, &work.up, work.up_layout, work, up, first, end);
    for (0..work.pairs.len) |pair| {
        const at = pair * width + first;
        cpu.table.float.swiglu(gate + at, up + at, gate + at, end - first);
    }
    if (work.pending.fetchSub(1, .acq_rel) != 1 or work.down_layout == 0) return;
    // The last one: all of the job's inner activations are there.
    const last = work.first_pair + work.pairs.len;
    cpu.table.prepare(work.down_layout, call.gate, width, width, work.first_pair, last, call.inner_planes);
}

fn product(call: *const Call, matrix: *const tables.Matrix, layout: u32, work: *const Work, out: [*]f32, first: usize, end: usize) void {
    const input: tables.Input = .{
        .x = call.x,
        .stride = matrix.cols,
        .prepared = call.planes.memory(call.cpu, layout),
        .tokens = work.pairs.len,
        .index = call.pair_tokens.ptr + work.first_pair,
    };
    const output: tables.Output = .{ .out = out, .stride = call.args.width };
    call.cpu.table.linear(matrix, &input, &output, first, end);
}

fn outerItem(call: *Call, item: usize, _: usize) void {
    const index = jobOf(call.works, item, "outer_end");
    const work = &call.works[index];
    const before = if (index == 0) 0 else call.works[index - 1].outer_end;
    const first = (item - before) * work.outer_rows;
    const width = call.args.width;
    const input: tables.Input = .{
        .x = call.gate + work.first_pair * width,
        .stride = width,
        .prepared = @alignCast(call.inner_planes + work.first_pair * tables.preparedBytes(width)),
        .tokens = work.pairs.len,
    };
    const output: tables.Output = .{ .out = call.out, .stride = call.args.hidden, .index = work.pairs.ptr };
    call.cpu.table.linear(&work.down, &input, &output, first, @min(first + work.outer_rows, work.down.rows));
}
