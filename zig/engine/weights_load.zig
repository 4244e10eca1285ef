//! Fills the weights buffer from the model's files through the reader, a bounded slice per call: several reads in
//! flight, each landing in a window of its own, checked for infinities and NaNs, then written to its place. Vectors
//! become f32. Owns its windows until `deinit`; the engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const io = @import("../io/reader.zig");
const errnoName = @import("../io/files.zig").errnoName;
const firstNonFinite = @import("../format/finite.zig").firstNonFinite;
const description_room = @import("../format/description.zig");
const shapes = @import("../format/description_shapes.zig");
const WeightsLayout = @import("model.zig").WeightsLayout;

const Error = result.Error;
const Message = result.Message;
const Description = description_room.Description;
const TensorDesc = abi.TensorDesc;

/// Bytes of a tensor's piece per read, a multiple of every value size.
const job_bytes: usize = 1 << 20;
/// A job may begin and end anywhere: up to a page more on either side.
const window_bytes = job_bytes + 2 * io.alignment;
const windows_max = 8;
/// Most bytes one call loads.
pub const slice_bytes: u64 = 64 << 20;
/// What the windows take, for the memory plan.
pub const memory_bytes = windows_max * window_bytes;

const Piece = enum { weight, scales, biases };

/// A stretch of one piece of one dense tensor: bytes [start, start + bytes) of it.
const Job = struct { tensor: u32, piece: Piece, start: u64, bytes: usize };

pub const Loader = struct {
    gpa: std.mem.Allocator,
    description: *const Description,
    layout: *const WeightsLayout,
    weights: *const backend.Buffer,
    device: backend.Backend,
    reader: io.Reader,
    windows: []align(io.alignment) u8,
    window_count: usize,
    jobs: [windows_max]Job = undefined,
    /// Dense tensors in the order of their place on disk, and where the next job begins.
    order: []const Source,
    next: usize = 0,
    start: u64 = 0,
    loaded_bytes: u64 = 0,
    total_bytes: u64,

    const Source = struct { tensor: u32, piece: Piece, file: u32, offset: u64, bytes: u64 };

    pub fn init(
        gpa: std.mem.Allocator,
        description: *const Description,
        layout: *const WeightsLayout,
        weights: *const backend.Buffer,
        device: backend.Backend,
        reader: io.Reader,
    ) error{OutOfMemory}!Loader {
        const order = try sourcesOf(gpa, description);
        errdefer gpa.free(order);
        const window_count = @min(windows_max, reader.capacity);
        const windows = try gpa.alignedAlloc(u8, .fromByteUnits(io.alignment), window_count * window_bytes);
        var total: u64 = 0;
        for (order) |source| total += source.bytes;
        return .{
            .gpa = gpa,
            .description = description,
            .layout = layout,
            .weights = weights,
            .device = device,
            .reader = reader,
            .windows = windows,
            .window_count = window_count,
            .order = order,
            .total_bytes = total,
        };
    }

    pub fn deinit(loader: *Loader) void {
        loader.gpa.free(loader.windows);
        loader.gpa.free(loader.order);
        loader.* = undefined;
    }

    pub fn done(loader: *const Loader) bool {
        return loader.next == loader.order.len;
    }

    /// Loads the next slice. After an error the loader is of no more use.
    pub fn advance(loader: *Loader, message: *Message) Error!void {
        var budget = slice_bytes;
        var free: [windows_max]usize = undefined;
        for (free[0..loader.window_count], 0..) |*window, index| window.* = index;
        var free_count = loader.window_count;
        // Whatever happens, nothing may land in the windows after this call.
        defer while (free_count < loader.window_count) {
            var late: [windows_max]io.Completion = undefined;
            free_count += loader.reader.wait(&late);
        };
        while (true) {
            while (free_count > 0 and budget > 0 and !loader.done()) {
                const window = free[free_count - 1];
                budget -|= loader.submit(window);
                free_count -= 1;
            }
            if (free_count == loader.window_count) return;
            var completions: [windows_max]io.Completion = undefined;
            const arrived = loader.reader.wait(&completions);
            std.debug.assert(arrived > 0);
            for (completions[0..arrived]) |completion| {
                free[free_count] = @intCast(completion.tag);
                free_count += 1;
            }
            for (completions[0..arrived]) |completion| try loader.accept(completion, message);
        }
    }

    /// Queues the next job into a window; returns its bytes.
    fn submit(loader: *Loader, window: usize) u64 {
        const source = loader.order[loader.next];
        const bytes: usize = @intCast(@min(source.bytes - loader.start, job_bytes));
        loader.jobs[window] = .{ .tensor = source.tensor, .piece = source.piece, .start = loader.start, .bytes = bytes };
        const offset = source.offset + loader.start;
        const first = std.mem.alignBackward(u64, offset, io.alignment);
        const needed = offset + bytes - first;
        loader.reader.submit(&.{.{
            .file = source.file,
            .offset = first,
            .bytes = std.mem.alignForward(u64, needed, io.alignment),
            .needed = needed,
            .destination = @alignCast(loader.windows.ptr + window * window_bytes),
            .tag = window,
        }});
        loader.start += bytes;
        if (loader.start == source.bytes) {
            loader.next += 1;
            loader.start = 0;
        }
        return bytes;
    }

    fn accept(loader: *Loader, completion: io.Completion, message: *Message) Error!void {
        const window: usize = @intCast(completion.tag);
        const job = loader.jobs[window];
        const tensor = &loader.description.tensors[job.tensor];
        const extent = extentOf(tensor, job.piece);
        const name: shapes.Name = .of(tensor);
        const path = loader.description.files[extent.file].path;
        switch (completion.result) {
            .ok => {},
            .failed => |fault| return message.fail(
                error.IoFailed,
                "{f}: reading {s} at byte {d} failed with {s}; check the disk and the file, then try again",
                .{ name, path, fault.offset, errnoName(fault.errno) },
            ),
            .truncated => |fault| return message.fail(
                error.IoFailed,
                "{f}: {s} ends at byte {d}, inside the tensor; the file was cut short, download it again",
                .{ name, path, fault.offset },
            ),
        }
        const offset = extent.offset + job.start;
        const bytes = loader.windows[window * window_bytes ..][@intCast(offset % io.alignment)..][0..job.bytes];
        try checkFinite(tensor, job, bytes, message);
        loader.place(tensor, job, bytes);
        loader.loaded_bytes += job.bytes;
    }

    fn place(loader: *Loader, tensor: *const TensorDesc, job: Job, bytes: []const u8) void {
        const role: abi.Role = @enumFromInt(tensor.role);
        const base = loader.layout.places[job.tensor];
        const start: usize = @intCast(job.start);
        if (job.piece == .weight and shapes.isVector(role)) return loader.placeVector(tensor, base.weight, start, bytes);
        const offset = start + switch (job.piece) {
            .weight => base.weight,
            .scales => base.scales,
            .biases => base.biases,
        };
        loader.device.vtable.write(loader.device.context, .{ .buffer = loader.weights, .offset = offset }, bytes);
    }

    /// Vectors are kept as f32; norms that are stored around zero get their 1.
    fn placeVector(loader: *Loader, tensor: *const TensorDesc, base: usize, start: usize, bytes: []const u8) void {
        const format: abi.Format = @enumFromInt(tensor.format);
        const centred = loader.description.shape.norm_zero_centred == 1 and shapes.isCentredNorm(@enumFromInt(tensor.role));
        const value_bytes: usize = @intCast(shapes.valueBytes(format));
        const count = bytes.len / value_bytes;
        const first = start / value_bytes;
        var values: [256]f32 = undefined;
        var done_count: usize = 0;
        while (done_count < count) {
            const n = @min(values.len, count - done_count);
            for (values[0..n], done_count..) |*value, i| {
                value.* = decode(format, bytes[i * value_bytes ..]) + @as(f32, if (centred) 1 else 0);
            }
            const offset = base + (first + done_count) * @sizeOf(f32);
            loader.device.vtable.write(loader.device.context, .{ .buffer = loader.weights, .offset = offset }, std.mem.sliceAsBytes(values[0..n]));
            done_count += n;
        }
    }
};

/// Everything that is a float on disk must be finite: scales, biases, vectors and unquantised matrices.
fn checkFinite(tensor: *const TensorDesc, job: Job, bytes: []const u8, message: *Message) Error!void {
    const weights: abi.Format = @enumFromInt(tensor.format);
    const format: abi.Format = if (job.piece == .weight) weights else @enumFromInt(tensor.scale_format);
    if (format == .affine) return;
    const index = firstNonFinite(format, bytes) orelse return;
    const number = job.start / shapes.valueBytes(format) + index;
    const what: []const u8 = if (job.piece == .weight) "values" else @tagName(job.piece);
    return message.fail(
        error.ModelInvalid,
        "{f}: number {d} of its {s} is infinite or not a number; the checkpoint is damaged",
        .{ shapes.Name.of(tensor), number, what },
    );
}

fn decode(format: abi.Format, bytes: []const u8) f32 {
    return switch (format) {
        .f32 => @bitCast(std.mem.readInt(u32, bytes[0..4], .little)),
        .f16 => @as(f16, @bitCast(std.mem.readInt(u16, bytes[0..2], .little))),
        .bf16 => @bitCast(@as(u32, std.mem.readInt(u16, bytes[0..2], .little)) << 16),
        .affine => unreachable, // vectors are never quantised: the description proved it
    };
}

fn extentOf(tensor: *const TensorDesc, piece: Piece) *const abi.Extent {
    return switch (piece) {
        .weight => &tensor.weight,
        .scales => &tensor.scales,
        .biases => &tensor.biases,
    };
}

/// All pieces of dense tensors, in the order in which they lie on disk.
fn sourcesOf(gpa: std.mem.Allocator, description: *const Description) error{OutOfMemory}![]const Loader.Source {
    var list: std.ArrayList(Loader.Source) = .empty;
    errdefer list.deinit(gpa);
    for (description.tensors, 0..) |*tensor, number| {
        if (shapes.isExpert(@enumFromInt(tensor.role))) continue;
        for (std.enums.values(Piece)) |piece| {
            const extent = extentOf(tensor, piece);
            if (extent.file == abi.none_u32) continue;
            try list.append(gpa, .{ .tensor = @intCast(number), .piece = piece, .file = extent.file, .offset = extent.offset, .bytes = extent.bytes });
        }
    }
    std.mem.sort(Loader.Source, list.items, {}, struct {
        fn before(_: void, a: Loader.Source, b: Loader.Source) bool {
            return if (a.file != b.file) a.file < b.file else a.offset < b.offset;
        }
    }.before);
    return list.toOwnedSlice(gpa);
}
