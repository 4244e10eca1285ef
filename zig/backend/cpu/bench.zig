//! Micro-benchmark: what one token costs outside the linear products, and in them, at the shape of the 35B-A3B model,
//! with every layer's own state and weights so that caches are as cold as in use. Best and median of several tokens.
//! Root module: zig/backend_bench.zig. Arguments: threads, level (as in abi.CpuLevel), context tokens.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const cpu_backend = @import("backend.zig");

const layers = 40;
const attention_layers = 10;
const hidden = 2048;
const heads = 16;
const kv_heads = 2;
const head_dim = 256;
const key_heads = 16;
const value_heads = 32;
const dim = 128; // keys and values of the delta net
const channels = 2 * key_heads * dim + value_heads * dim;
const expert_count = 256;
const k = 8;
const width = 512;
const expert_sets = 24; // experts' weights held: more than the caches, less than the model
const passes = 9;

const View = interface.View;

const Bench = struct {
    backend: interface.Backend,
    arena: std.mem.Allocator,
    tokens: usize,

    fn bytes(bench: *const Bench, n: usize) View {
        const buffer = bench.arena.create(interface.Buffer) catch @panic("out of memory");
        buffer.* = bench.backend.vtable.alloc(bench.backend.context, n, .state) catch @panic("out of memory");
        return .{ .buffer = buffer };
    }

    fn floats(bench: *const Bench, n: usize) View {
        const view = bench.bytes(n * 4);
        for (view.floats(n), 0..) |*x, i| x.* = @as(f32, @floatFromInt((i *% 2654435761) >> 8 & 0xffff)) / 32768.0 - 1.0;
        return view;
    }

    fn affine(bench: *const Bench, rows: u32, cols: u32) interface.Linear {
        const weight = bench.bytes(@as(usize, rows) * cols / 2);
        @memset(weight.pointer()[0 .. @as(usize, rows) * cols / 2], 0x5a);
        const groups = @as(usize, rows) * cols / 64;
        return .{
            .format = .affine,
            .bits = 4,
            .group = 64,
            .scale_format = .bf16,
            .rows = rows,
            .cols = cols,
            .weight = weight,
            .scales = bench.bytes(groups * 2),
            .biases = bench.bytes(groups * 2),
        };
    }

    fn call(bench: *const Bench, comptime name: []const u8, args: anytype) void {
        @field(bench.backend.vtable, name)(bench.backend.context, args);
    }
};

fn nanoseconds(clock: std.c.clockid_t) u64 {
    var time: std.c.timespec = undefined;
    _ = std.c.clock_gettime(clock, &time);
    return @as(u64, @intCast(time.sec)) * 1_000_000_000 + @as(u64, @intCast(time.nsec));
}

/// Times body(context, pass) per pass; prints best and median of the clock, and the best processor time of all threads
/// together, which other load on the machine disturbs less.
fn measure(name: []const u8, tokens: usize, context: anytype, comptime body: anytype) void {
    var times: [passes]u64 = undefined;
    var processor: u64 = std.math.maxInt(u64);
    for (&times, 0..) |*time, pass| {
        const used = nanoseconds(.PROCESS_CPUTIME_ID);
        const start = nanoseconds(.MONOTONIC);
        body(context, pass);
        time.* = nanoseconds(.MONOTONIC) - start;
        processor = @min(processor, nanoseconds(.PROCESS_CPUTIME_ID) - used);
    }
    std.mem.sort(u64, &times, {}, std.sort.asc(u64));
    var ms: [3]f64 = undefined;
    for (&ms, [_]u64{ times[0], times[passes / 2], processor }) |*value, ns| value.* = @as(f64, @floatFromInt(ns)) / (1e6 * @as(f64, @floatFromInt(tokens)));
    std.debug.print("{s:<42} best {d:8.3}  median {d:8.3}  processor {d:8.3} ms/token\n", .{ name, ms[0], ms[1], ms[2] });
}

pub fn main(init: std.process.Init) !void {
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    const threads = if (arguments.len > 1) try std.fmt.parseInt(usize, arguments[1], 10) else 2;
    const level = if (arguments.len > 2) std.meta.stringToEnum(abi.CpuLevel, arguments[2]) orelse return error.UnknownLevel else .automatic;
    const context = if (arguments.len > 3) try std.fmt.parseInt(usize, arguments[3], 10) else 1024;
    for ([_]usize{ 1, 512 }) |tokens| try atTokens(init.arena.allocator(), threads, level, context, tokens);
}

fn atTokens(arena: std.mem.Allocator, threads: usize, level: abi.CpuLevel, context: usize, tokens: usize) !void {
    var bench: Bench = .{ .backend = try cpu_backend.create(arena, .{ .threads = threads, .level = level }), .arena = arena, .tokens = tokens };
    defer bench.backend.vtable.deinit(bench.backend.context);
    try bench.backend.vtable.prepare(bench.backend.context, &.{
        .tokens = tokens,
        .hidden = hidden,
        .heads = heads,
        .kv_heads = kv_heads,
        .head_dim = head_dim,
        .key_heads = key_heads,
        .value_heads = value_heads,
        .key_dim = dim,
        .value_dim = dim,
        .conv_kernel = 4,
        .experts = expert_count,
        .k = k,
        .expert_width = width,
        .shared_width = width,
        .vocab = 248320,
        .context = context + tokens,
        .cols_max = 4096,
        .group_min = 64,
    });
    std.debug.print("\n{d} thread(s), level {t}, {d} token(s) a step, context {d}\n", .{ threads, level, tokens, context });
    deltaNet(&bench);
    attention(&bench, context);
    small(&bench);
    if (tokens == 1) linears(&bench);
    experts(&bench);
}

fn deltaNet(bench: *const Bench) void {
    const n = bench.tokens;
    const Layers = struct { bench: *const Bench, args: [layers - attention_layers]interface.DeltaArgs };
    const all = bench.arena.create(Layers) catch @panic("out of memory");
    const segments = bench.arena.alloc(interface.DeltaSegment, all.args.len) catch @panic("out of memory");
    all.bench = bench;
    const first: interface.DeltaArgs = .{
        .qkv = bench.floats(n * channels),
        .z = bench.floats(n * value_heads * dim),
        .a = bench.floats(n * value_heads),
        .b = bench.floats(n * value_heads),
        .conv_weight = bench.floats(channels * 4),
        .a_log = bench.floats(value_heads),
        .dt_bias = bench.floats(value_heads),
        .norm = bench.floats(dim),
        .out = bench.bytes(n * value_heads * dim * 4),
        .segments = undefined,
        .tokens = n,
        .key_heads = key_heads,
        .value_heads = value_heads,
        .key_dim = dim,
        .value_dim = dim,
        .conv_kernel = 4,
        .eps = 1e-6,
    };
    for (&all.args, segments) |*args, *segment| {
        segment.* = .{ .first = 0, .tokens = n, .conv_state = bench.floats(3 * channels), .state = bench.floats(value_heads * dim * dim) };
        args.* = first;
        args.segments = segment[0..1];
    }
    measure("delta net, 30 layers", n, all, struct {
        fn body(l: *Layers, _: usize) void {
            for (&l.args) |*args| l.bench.call("deltaNet", args);
        }
    }.body);
}

fn attention(bench: *const Bench, context: usize) void {
    const n = bench.tokens;
    const Layers = struct { bench: *const Bench, args: [attention_layers]interface.AttentionArgs };
    const all = bench.arena.create(Layers) catch @panic("out of memory");
    const segments = bench.arena.alloc(interface.AttentionSegment, all.args.len) catch @panic("out of memory");
    all.bench = bench;
    for (&all.args, segments) |*args, *segment| {
        const cache_bytes = (context + n) * kv_heads * head_dim * 2;
        segment.* = .{ .first = 0, .tokens = n, .position = context, .keys = bench.bytes(cache_bytes), .values = bench.bytes(cache_bytes) };
        args.* = .{
            .q_gate = bench.floats(n * heads * 2 * head_dim),
            .k = bench.floats(n * kv_heads * head_dim),
            .v = bench.floats(n * kv_heads * head_dim),
            .q_norm = bench.floats(head_dim),
            .k_norm = bench.floats(head_dim),
            .out = bench.bytes(n * heads * head_dim * 4),
            .segments = segment[0..1],
            .tokens = n,
            .heads = heads,
            .kv_heads = kv_heads,
            .head_dim = head_dim,
            .rotary_dim = 64,
            .rope_theta = 1e7,
            .eps = 1e-6,
            .kv_format = .f16,
        };
        for ([_]View{ segment.keys, segment.values }) |view| {
            const values: [*]f16 = @ptrCast(@alignCast(view.pointer()));
            for (values[0 .. cache_bytes / 2], 0..) |*x, i| x.* = @floatFromInt(@as(i32, @intCast(i % 7)) - 3);
        }
    }
    measure("attention, 10 layers", n, all, struct {
        fn body(l: *Layers, _: usize) void {
            for (&l.args) |*args| l.bench.call("attention", args);
        }
    }.body);
}

/// Norms, routing, combination and residual adds of 40 layers.
fn small(bench: *const Bench) void {
    const n = bench.tokens;
    const All = struct {
        bench: *const Bench,
        norm: interface.RmsNormArgs,
        add: interface.AddArgs,
        route: interface.RouteArgs,
        combine: interface.CombineArgs,
    };
    const x = bench.floats(n * hidden);
    const weights = bench.floats(n * k);
    const all: All = .{
        .bench = bench,
        .norm = .{ .x = x, .weight = bench.floats(hidden), .out = bench.floats(n * hidden), .rows = n, .dim = hidden, .eps = 1e-6 },
        .add = .{ .out = bench.floats(n * hidden), .x = x, .n = n * hidden },
        .route = .{ .logits = bench.floats(n * expert_count), .ids = bench.bytes(n * k * 4), .weights = weights, .tokens = n, .experts = expert_count, .k = k, .renormalise = true },
        .combine = .{ .residual = bench.floats(n * hidden), .expert_out = bench.floats(n * k * hidden), .weights = weights, .shared = x, .shared_gate = bench.floats(n), .tokens = n, .hidden = hidden, .k = k },
    };
    measure("norms, route, combine, add, 40 layers", n, &all, struct {
        fn body(a: *const All, _: usize) void {
            for (0..layers) |_| {
                a.bench.call("rmsNorm", &a.norm);
                a.bench.call("add", &a.add);
                a.bench.call("rmsNorm", &a.norm);
                a.bench.call("route", &a.route);
                a.bench.call("combine", &a.combine);
            }
        }
    }.body);
}

fn linears(bench: *const Bench) void {
    const Layers = struct { bench: *const Bench, args: [8]interface.LinearArgs, head: interface.LinearArgs };
    const all = bench.arena.create(Layers) catch @panic("out of memory");
    all.bench = bench;
    const x = bench.floats(hidden);
    for (&all.args) |*args| {
        const outputs = bench.arena.alloc(interface.LinearOutput, 4) catch @panic("out of memory");
        for (outputs, [_]u32{ channels, value_heads * dim, value_heads, value_heads }) |*output, rows| {
            const weight = bench.arena.create(interface.Linear) catch @panic("out of memory");
            weight.* = bench.affine(rows, hidden);
            output.* = .{ .weight = weight, .out = bench.bytes(rows * 4) };
        }
        args.* = .{ .x = x, .tokens = 1, .outputs = outputs };
    }
    measure("delta net inputs, 8 layers (57 MB)", 1, all, struct {
        fn body(l: *Layers, _: usize) void {
            for (&l.args) |*args| l.bench.call("linear", args);
        }
    }.body);
    const head = bench.arena.create(interface.Linear) catch @panic("out of memory");
    head.* = bench.affine(248320, hidden);
    all.head = .{ .x = x, .tokens = 1, .outputs = &.{.{ .weight = head, .out = bench.bytes(248320 * 4) }} };
    measure("lm_head (286 MB)", 1, all, struct {
        fn body(l: *Layers, _: usize) void {
            l.bench.call("linear", &l.head);
        }
    }.body);
    for ([_]View{ head.weight, head.scales, head.biases }) |view| bench.backend.vtable.free(bench.backend.context, @constCast(view.buffer));
}

fn experts(bench: *const Bench) void {
    const n = bench.tokens;
    const All = struct { bench: *const Bench, jobs: [expert_sets][]interface.ExpertJob, args: interface.ExpertsArgs };
    const all = bench.arena.create(All) catch @panic("out of memory");
    all.bench = bench;
    // One token: 8 experts, other ones in every layer. Many: all pairs spread evenly over one set of experts.
    const count: usize = if (n == 1) k else 128;
    for (all.jobs[0..if (n == 1) expert_sets else 1]) |*jobs| {
        jobs.* = bench.arena.alloc(interface.ExpertJob, count) catch @panic("out of memory");
        for (jobs.*, 0..) |*job, e| {
            const pairs = bench.arena.alloc(u32, n * k / count) catch @panic("out of memory");
            for (pairs, 0..) |*pair, i| pair.* = @intCast(i * count + e);
            job.* = .{
                .expert = .{ .gate = bench.affine(width, hidden), .up = bench.affine(width, hidden), .down = bench.affine(hidden, width) },
                .pairs = pairs,
            };
        }
    }
    all.args = .{ .x = bench.floats(n * hidden), .out = bench.bytes(n * k * hidden * 4), .jobs = undefined, .hidden = hidden, .width = width, .k = k };
    measure(if (n == 1) "experts, 24 layers (340 MB)" else "experts, 1 layer, 128 of 32 tokens", n, all, struct {
        fn body(a: *All, _: usize) void {
            const sets: usize = if (a.bench.tokens == 1) expert_sets else 1;
            for (a.jobs[0..sets]) |jobs| {
                a.args.jobs = jobs;
                a.bench.call("experts", &a.args);
            }
        }
    }.body);
}
