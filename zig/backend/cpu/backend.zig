//! The CPU backend: buffers, scratch, threads and the operations of one kernel level behind the `Backend` interface.
//! Owns its thread pool and scratch; buffers belong to whoever allocated them and are given back through `free`.
//! One thread (the engine's) enters; every operation is complete when it returns. Operations allocate nothing.

const std = @import("std");
const abi = @import("../../abi/types.zig");
const interface = @import("../backend.zig");
const memory = @import("memory.zig");
const scratches = @import("scratch.zig");
const detect = @import("kernels/detect.zig");
const KernelTable = @import("kernels/table.zig").KernelTable;
const Pool = @import("pool.zig").Pool;
const rows = @import("rows.zig");
const linear = @import("linear.zig");
const experts = @import("experts.zig");
const attention = @import("attention.zig");
const delta_net = @import("delta_net.zig");

const Backend = interface.Backend;
const Error = interface.Error;
const View = interface.View;

pub const Options = struct {
    /// Compute threads, the caller included; 0 = all cores.
    threads: usize = 0,
    level: abi.CpuLevel = .automatic,
};

/// Fails with `DeviceFailed` where this machine or this library does not have the level.
pub fn create(gpa: std.mem.Allocator, options: Options) Error!Backend {
    const table = detect.tableOf(options.level) orelse return error.DeviceFailed;
    const cpu = try gpa.create(Cpu);
    errdefer gpa.destroy(cpu);
    const threads = if (options.threads != 0) options.threads else std.Thread.getCpuCount() catch 1;
    cpu.* = .{ .gpa = gpa, .table = table, .pool = try Pool.create(gpa, threads) };
    return .{ .context = cpu, .vtable = &vtable };
}

pub const Cpu = struct {
    gpa: std.mem.Allocator,
    table: *const KernelTable,
    pool: *Pool,
    scratch: ?scratches.Scratch = null,
    /// Number of the newest `experts` call; marks tokens in scratch.
    experts_calls: u32 = 0,
    /// What `inverse_frequencies` in scratch was computed for.
    rope_theta: f64 = 0,
    rotary_dim: usize = 0,

    pub fn work(cpu: *const Cpu) *const scratches.Scratch {
        return &cpu.scratch.?;
    }

    /// Runs task(context, first, end, slot) over [0, items) in ranges, on all threads when the whole is worth it.
    /// `item_ns` is a rough cost of one item.
    pub fn spread(cpu: *Cpu, items: usize, item_ns: usize, context: anytype, comptime task: fn (@TypeOf(context), usize, usize, usize) void) void {
        if (items == 0) return;
        const threads = cpu.pool.threadCount();
        if (threads == 1 or items == 1 or items * item_ns < dispatch_ns) return task(context, 0, items, 0);
        const Range = struct {
            context: @TypeOf(context),
            items: usize,
            step: usize,

            fn run(range: *const @This(), index: usize, slot: usize) void {
                const first = index * range.step;
                task(range.context, first, @min(first + range.step, range.items), slot);
            }
        };
        // About four ranges a thread, none so short that taking it would show.
        const shortest = dispatch_ns / 4 / @max(item_ns, 1) + 1;
        const range: Range = .{ .context = context, .items = items, .step = @min(@max(items / (threads * 4), shortest), items) };
        cpu.pool.run((items - 1) / range.step + 1, &range, Range.run);
    }

    /// Work below this is done by the caller: waking others costs as much.
    const dispatch_ns = 8_000;
};

fn self(context: *anyopaque) *Cpu {
    return @ptrCast(@alignCast(context));
}

const vtable: Backend.VTable = .{
    .alloc = &alloc,
    .free = &free,
    .prepare = &prepare,
    .scratchBytes = &scratchBytes,
    .write = &write,
    .read = &read,
    .zero = &zero,
    .copy = &copy,
    .sync = &sync,
    .embed = operation(interface.EmbedArgs, rows.embed),
    .rmsNorm = operation(interface.RmsNormArgs, rows.rmsNorm),
    .linear = operation(interface.LinearArgs, linear.run),
    .attention = operation(interface.AttentionArgs, attention.run),
    .deltaNet = operation(interface.DeltaArgs, delta_net.run),
    .route = operation(interface.RouteArgs, rows.route),
    .experts = operation(interface.ExpertsArgs, experts.run),
    .combine = operation(interface.CombineArgs, rows.combine),
    .swiglu = operation(interface.SwigluArgs, rows.swiglu),
    .add = operation(interface.AddArgs, rows.add),
    .gather = operation(interface.GatherArgs, rows.gather),
    .deinit = &deinit,
};

fn operation(comptime Args: type, comptime body: fn (*Cpu, *const Args) void) *const fn (*anyopaque, *const Args) void {
    return &struct {
        fn call(context: *anyopaque, args: *const Args) void {
            body(self(context), args);
        }
    }.call;
}

fn alloc(_: *anyopaque, bytes: usize, _: interface.BufferKind) Error!interface.Buffer {
    const block = try memory.map(bytes);
    return .{ .host = block.ptr, .device = 0, .bytes = bytes };
}

fn free(_: *anyopaque, buffer: *interface.Buffer) void {
    if (buffer.host) |host| memory.unmap(host[0..buffer.bytes]);
    buffer.* = .{ .host = null, .device = 0, .bytes = 0 };
}

fn planOf(cpu: *const Cpu, shapes: *const interface.Shapes) scratches.Plan {
    return .of(shapes, cpu.pool.threadCount(), @sizeOf(experts.Work));
}

fn scratchBytes(context: *anyopaque, shapes: *const interface.Shapes) usize {
    return planOf(self(context), shapes).bytes;
}

fn prepare(context: *anyopaque, shapes: *const interface.Shapes) Error!void {
    const cpu = self(context);
    std.debug.assert(cpu.scratch == null);
    cpu.scratch = try .create(planOf(cpu, shapes));
}

fn write(_: *anyopaque, dst: View, src: []const u8) void {
    @memcpy(dst.pointer()[0..src.len], src);
}

fn read(_: *anyopaque, src: View, dst: []u8) Error!void {
    @memcpy(dst, src.pointer()[0..dst.len]);
}

fn zero(_: *anyopaque, view: View, bytes: usize) void {
    @memset(view.pointer()[0..bytes], 0);
}

fn copy(_: *anyopaque, dst: View, src: View, bytes: usize) void {
    @memmove(dst.pointer()[0..bytes], src.pointer()[0..bytes]);
}

fn sync(_: *anyopaque) Error!void {}

fn deinit(context: *anyopaque) void {
    const cpu = self(context);
    cpu.pool.destroy();
    if (cpu.scratch) |scratch| scratch.destroy();
    cpu.gpa.destroy(cpu);
}
