//! Routed experts and the shared one: gate and up of all jobs, SwiGLU, down. Two dispatches: items of the first are (job, rows of the
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
    tokens: usize,
    input: ?[*]const u32, // rows of x; null: row i
    gate_out: [*]f32, // [tokens, width]; then the inner activations
    up_out: [*]f32,
    inner_planes: [*]align(64) u8, // the inner activations, prepared for down
    out: [*]f32,
    out_rows: ?[*]const u32, // null: row i
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
    touched: []u32,
};

pub fn run(cpu: *Cpu, args: *const interface.ExpertsArgs) void {
    const scratch = cpu.work();
    const all = scratch.slice(Work, scratch.plan.jobs);
    var call: Call = .{
        .cpu = cpu,
        .args = args,
        .planes = .{ .cols = args.hidden },
        .works = undefined,
        .x = @ptrCast(@alignCast(args.x.pointer())),
        .touched = undefined,
    };
    // Jobs go in runs that share at most `plane_count` layouts of the input: in practice all of them at once.
    const count = args.jobs.len + @intFromBool(args.shared != null);
    var next: usize = 0;
    while (next < count) {
        call.planes.count = 0;
        const first = next;
        var place: Place = .{ .cpu = cpu };
        while (next < count) : (next += 1) {
            const shared = next == args.jobs.len;
            if (!admit(&call, if (shared) &args.shared.?.expert else &args.jobs[next].expert)) break;
            all[next - first] = if (shared) sharedWork(&place, &args.shared.?) else jobWork(&place, args, &args.jobs[next]);
        }
        std.debug.assert(next > first);
        call.works = all[0 .. next - first];
        runJobs(&call);
    }
}

fn admit(call: *Call, expert: *const interface.Expert) bool {
    const table = call.cpu.table;
    var planes = call.planes;
    const gate = linear.matrixOf(&expert.gate);
    const up = linear.matrixOf(&expert.up);
    if (!planes.admit(table.input_layout(&gate)) or !planes.admit(table.input_layout(&up))) return false;
    call.planes = planes;
    return true;
}

/// Hands scratch out to the jobs of a call, one after the other.
const Place = struct {
    cpu: *const Cpu,
    floats: usize = 0,
    bytes: usize = 0,
    pairs: usize = 0,

    fn workOf(place: *Place, expert: *const interface.Expert, tokens: usize) Work {
        const table = place.cpu.table;
        const scratch = place.cpu.work();
        var work: Work = undefined;
        work.gate = linear.matrixOf(&expert.gate);
        work.up = linear.matrixOf(&expert.up);
        work.down = linear.matrixOf(&expert.down);
        work.gate_layout = table.input_layout(&work.gate);
        work.up_layout = table.input_layout(&work.up);
        work.down_layout = table.input_layout(&work.down);
        work.tokens = tokens;
        work.gate_out = scratch.slice(f32, scratch.plan.gate)[place.floats..].ptr;
        work.up_out = scratch.slice(f32, scratch.plan.up)[place.floats..].ptr;
        work.inner_planes = @alignCast(scratch.slice(u8, scratch.plan.inner_planes)[place.bytes..].ptr);
        place.floats += tokens * work.gate.rows;
        place.bytes += tokens * tables.preparedBytes(work.gate.rows);
        std.debug.assert(place.floats * 4 <= scratch.plan.gate.bytes and place.bytes <= scratch.plan.inner_planes.bytes);
        return work;
    }
};

fn jobWork(place: *Place, args: *const interface.ExpertsArgs, job: *const interface.ExpertJob) Work {
    std.debug.assert(job.expert.gate.rows == args.width);
    const scratch = place.cpu.work();
    const tokens = scratch.slice(u32, scratch.plan.pair_tokens)[place.pairs..][0..job.pairs.len];
    place.pairs += job.pairs.len;
    for (job.pairs, tokens) |pair, *token| token.* = @intCast(pair / args.k);
    var work = place.workOf(&job.expert, job.pairs.len);
    work.input = tokens.ptr;
    work.out = @ptrCast(@alignCast(args.out.pointer()));
    work.out_rows = job.pairs.ptr;
    return work;
}

fn sharedWork(place: *Place, shared: *const interface.SharedJob) Work {
    var work = place.workOf(&shared.expert, shared.tokens);
    work.input = null;
    work.out = @ptrCast(@alignCast(shared.out.pointer()));
    work.out_rows = null;
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

/// The list of tokens that occur.
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
    for (call.works) |*work| for (0..work.tokens) |i| {
        const token = if (work.input) |input| input[i] else i;
        if (stamps[token] == call.cpu.experts_calls) continue;
        stamps[token] = call.cpu.experts_calls;
        call.touched[count] = @intCast(token);
        count += 1;
    };
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
    const width = work.gate.rows;
    const cpu = call.cpu;
    product(call, &work.gate, work.gate_layout, work, work.gate_out, first, end);
    product(call, &work.up, work.up_layout, work, work.up_out, first, end);
    for (0..work.tokens) |token| {
        const at = token * width + first;
        cpu.table.float.swiglu(work.gate_out + at, work.up_out + at, work.gate_out + at, end - first);
    }
    if (work.pending.fetchSub(1, .acq_rel) != 1 or work.down_layout == 0) return;
    // The last one: all of the job's inner activations are there.
    cpu.table.prepare(work.down_layout, work.gate_out, width, width, 0, work.tokens, work.inner_planes);
}

fn product(call: *const Call, matrix: *const tables.Matrix, layout: u32, work: *const Work, out: [*]f32, first: usize, end: usize) void {
    const input: tables.Input = .{
        .x = call.x,
        .stride = matrix.cols,
        .prepared = call.planes.memory(call.cpu, layout),
        .tokens = work.tokens,
        .index = work.input,
    };
    const output: tables.Output = .{ .out = out, .stride = matrix.rows };
    call.cpu.table.linear(matrix, &input, &output, first, end);
}

fn outerItem(call: *Call, item: usize, _: usize) void {
    const index = jobOf(call.works, item, "outer_end");
    const work = &call.works[index];
    const before = if (index == 0) 0 else call.works[index - 1].outer_end;
    const first = (item - before) * work.outer_rows;
    const input: tables.Input = .{
        .x = work.gate_out,
        .stride = work.gate.rows,
        .prepared = work.inner_planes,
        .tokens = work.tokens,
    };
    const output: tables.Output = .{ .out = work.out, .stride = call.args.hidden, .index = work.out_rows };
    call.cpu.table.linear(&work.down, &input, &output, first, @min(first + work.outer_rows, work.down.rows));
}
