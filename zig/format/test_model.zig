//! Test support: builds a small random-weight model, its description and its files, the way a checkpoint would hold
//! it (unaligned offsets, several files, experts stacked per matrix). Only tests import it. The caller owns all memory.

const std = @import("std");
const abi = @import("../abi/types.zig");
const shapes = @import("description_shapes.zig");

const Allocator = std.mem.Allocator;

pub const Options = struct {
    seed: u64 = 1,
    kinds: []const abi.LayerKind = &.{ .delta_net, .attention, .delta_net },
    hidden: u32 = 64,
    vocab: u32 = 96,
    heads: u32 = 4,
    kv_heads: u32 = 2,
    head_dim: u32 = 16,
    rotary_dim: u32 = 8,
    delta_value_heads: u32 = 4,
    delta_key_heads: u32 = 2,
    delta_key_dim: u32 = 16,
    delta_value_dim: u32 = 16,
    conv_kernel: u32 = 4,
    experts: u32 = 8,
    experts_per_token: u32 = 3,
    expert_width: u32 = 32,
    shared_width: u32 = 64,
    context_max: u32 = 256,
    /// 0: nothing is quantised.
    bits: u32 = 4,
    group: u32 = 32,
    scale_format: abi.Format = .bf16,
    /// Of what is not quantised.
    plain_format: abi.Format = .bf16,
    tied: bool = false,
    zero_centred: bool = false,
    file_count: u32 = 2,
    /// Experts of a matrix lie in this many runs.
    expert_runs: u32 = 1,
    /// Only the description: sizes may then be anything, and there are no contents.
    hollow: bool = false,
};

/// A model in memory: `description` names the files by `paths`, `contents` are their bytes.
pub const TestModel = struct {
    arena: std.heap.ArenaAllocator,
    description: []align(8) u8,
    paths: []const []const u8,
    contents: []std.ArrayList(u8),

    /// Builds the model; its files will be named `<directory>/part-<n>.bin`.
    pub fn build(gpa: Allocator, directory: []const u8, options: Options) !TestModel {
        var arena: std.heap.ArenaAllocator = .init(gpa);
        errdefer arena.deinit();
        const memory = arena.allocator();
        var builder: Builder = .{
            .memory = memory,
            .options = options,
            .shape = shapeOf(options),
            .random = .init(options.seed),
            .contents = try memory.alloc(std.ArrayList(u8), options.file_count),
            .ends = try memory.alloc(u64, options.file_count),
        };
        @memset(builder.ends, 0);
        for (builder.contents, 0..) |*content, n| {
            content.* = .empty;
            try content.appendNTimes(memory, 0xa5, 11 + 6 * n); // a header of odd length: nothing in the file is aligned
        }
        try builder.modelTensors();
        for (options.kinds, 0..) |kind, layer| try builder.layerTensors(kind, @intCast(layer));
        const paths = try memory.alloc([]const u8, options.file_count);
        for (paths, 0..) |*path, n| path.* = try std.fmt.allocPrint(memory, "{s}/part-{d}.bin", .{ directory, n });
        const description = try builder.encode(paths);
        return .{ .arena = arena, .description = description, .paths = paths, .contents = builder.contents };
    }

    pub fn deinit(model: *TestModel) void {
        model.arena.deinit();
    }

    /// Writes the files. Paths are relative to the current directory.
    pub fn save(model: *const TestModel) !void {
        for (model.paths, model.contents) |path, content| {
            try std.Io.Dir.cwd().writeFile(std.testing.io, .{ .sub_path = path, .data = content.items });
        }
    }

    pub fn head(model: *TestModel) *abi.ModelDesc {
        return @ptrCast(model.description.ptr);
    }

    pub fn tensors(model: *TestModel) []abi.TensorDesc {
        const first: [*]abi.TensorDesc = @ptrCast(@alignCast(model.description.ptr + model.head().tensors_offset));
        return first[0..model.head().tensors_count];
    }

    pub fn files(model: *TestModel) []abi.FileDesc {
        const first: [*]abi.FileDesc = @ptrCast(@alignCast(model.description.ptr + model.head().files_offset));
        return first[0..model.head().files_count];
    }

    pub fn find(model: *TestModel, role: abi.Role, layer: u32) *abi.TensorDesc {
        for (model.tensors()) |*tensor| {
            if (tensor.role == @intFromEnum(role) and tensor.layer == layer) return tensor;
        }
        std.debug.panic("the test model has no {t} in layer {d}", .{ role, layer });
    }
};

fn shapeOf(options: Options) abi.ModelDesc {
    var shape = std.mem.zeroes(abi.ModelDesc);
    inline for (@typeInfo(Options).@"struct".fields) |field| {
        if (field.type == u32 and @hasField(abi.ModelDesc, field.name)) @field(shape, field.name) = @field(options, field.name);
    }
    shape.layers = @intCast(options.kinds.len);
    shape.model_hash = options.seed *% 0x9e3779b97f4a7c15 +% options.bits;
    shape.rope_theta = 1e4;
    shape.norm_eps = 1e-6;
    shape.norm_topk = 1;
    shape.norm_zero_centred = @intFromBool(options.zero_centred);
    shape.tied = @intFromBool(options.tied);
    return shape;
}

const Builder = struct {
    memory: Allocator,
    options: Options,
    shape: abi.ModelDesc,
    random: std.Random.DefaultPrng,
    contents: []std.ArrayList(u8),
    /// Ends of the files of a hollow model.
    ends: []u64,
    list: std.ArrayList(abi.TensorDesc) = .empty,

    fn modelTensors(builder: *Builder) !void {
        try builder.add(.embedding, abi.none_u32);
        try builder.add(.final_norm, abi.none_u32);
        if (!builder.options.tied) try builder.add(.lm_head, abi.none_u32);
    }

    fn layerTensors(builder: *Builder, kind: abi.LayerKind, layer: u32) !void {
        for (std.enums.values(abi.Role)) |role| {
            if (shapes.isModelRole(role) or !shapes.isNeeded(role, kind)) continue;
            if (!shapes.isExpert(role)) {
                try builder.add(role, layer);
                continue;
            }
            // Last run first: the order in the description must not matter.
            var run = builder.options.expert_runs;
            while (run > 0) {
                run -= 1;
                const first = builder.options.experts * run / builder.options.expert_runs;
                const end = builder.options.experts * (run + 1) / builder.options.expert_runs;
                try builder.addRun(role, layer, first, end - first);
            }
        }
    }

    fn add(builder: *Builder, role: abi.Role, layer: u32) !void {
        return builder.addRun(role, layer, 0, 0);
    }

    fn addRun(builder: *Builder, role: abi.Role, layer: u32, expert_first: u32, expert_count: u32) !void {
        const dims = shapes.expectedShape(&builder.shape, role);
        const file: u32 = (builder.shape.layers +% layer +% expert_first) % builder.options.file_count;
        const quantised = builder.options.bits != 0 and !builder.options.hollow and !shapes.isVector(role);
        var tensor: abi.TensorDesc = .{
            .weight = .{},
            .scales = .{},
            .biases = .{},
            .role = @intFromEnum(role),
            .layer = layer,
            .format = @intFromEnum(if (quantised) abi.Format.affine else builder.plainFormat(role)),
            .bits = 0,
            .group = 0,
            .scale_format = 0,
            .rows = dims[0],
            .cols = dims[1],
            .expert_first = expert_first,
            .expert_count = expert_count,
        };
        const copies = @max(expert_count, 1);
        if (builder.options.hollow) {
            builder.reserve(&tensor, file, copies);
        } else if (quantised) {
            // The small gates stay at 8 bits, as in real checkpoints.
            tensor.bits = if (role == .router or role == .shared_gate) 8 else builder.options.bits;
            tensor.group = builder.options.group;
            tensor.scale_format = @intFromEnum(builder.options.scale_format);
            try builder.affine(&tensor, file, copies);
        } else {
            try builder.plain(&tensor, role, file, copies);
        }
        for ([_]*abi.Extent{ &tensor.weight, &tensor.scales, &tensor.biases }) |extent| {
            if (expert_count > 0 and extent.file != abi.none_u32) extent.stride = extent.bytes;
        }
        try builder.list.append(builder.memory, tensor);
    }

    /// An unquantised tensor of a hollow model: a place without bytes.
    fn reserve(builder: *Builder, tensor: *abi.TensorDesc, file: u32, copies: u32) void {
        const bytes = @as(u64, tensor.rows) * tensor.cols * shapes.valueBytes(@enumFromInt(tensor.format));
        tensor.weight = .{ .offset = 0, .bytes = bytes, .file = file };
        builder.ends[file] = @max(builder.ends[file], bytes * copies);
    }

    fn plainFormat(builder: *Builder, role: abi.Role) abi.Format {
        return if (role == .delta_a_log) .f32 else builder.options.plain_format; // real checkpoints keep it in f32
    }

    /// Random bits with scales that keep the outputs near unit size, centred by the bias.
    fn affine(builder: *Builder, tensor: *abi.TensorDesc, file: u32, copies: u32) !void {
        const elements = @as(u64, tensor.rows) * tensor.cols;
        const content = &builder.contents[file];
        tensor.weight = .{ .offset = content.items.len, .bytes = elements * tensor.bits / 8, .file = file };
        builder.random.random().bytes(try content.addManyAsSlice(builder.memory, @intCast(tensor.weight.bytes * copies)));
        const top = std.math.exp2(@as(f64, @floatFromInt(tensor.bits))) - 1;
        const spread = 1.6 / @sqrt(@as(f64, @floatFromInt(tensor.cols)));
        const scale = spread * @sqrt(12.0) / (top + 1);
        const groups: usize = @intCast(elements / tensor.group);
        const format: abi.Format = @enumFromInt(tensor.scale_format);
        const bytes = groups * shapes.valueBytes(format);
        const jitters = try builder.memory.alloc(f64, groups * copies);
        for (jitters) |*jitter| jitter.* = 1 + 0.2 * (builder.random.random().float(f64) - 0.5);
        tensor.scales = .{ .offset = content.items.len, .bytes = bytes, .file = file };
        for (jitters) |jitter| try builder.value(content, format, scale * jitter);
        tensor.biases = .{ .offset = content.items.len, .bytes = bytes, .file = file };
        for (jitters) |jitter| try builder.value(content, format, -scale * jitter * top / 2);
    }

    fn plain(builder: *Builder, tensor: *abi.TensorDesc, role: abi.Role, file: u32, copies: u32) !void {
        const elements = @as(u64, tensor.rows) * tensor.cols;
        const content = &builder.contents[file];
        const format: abi.Format = @enumFromInt(tensor.format);
        tensor.weight = .{ .offset = content.items.len, .bytes = elements * shapes.valueBytes(format), .file = file };
        for (0..@intCast(elements * copies)) |_| {
            const u = builder.random.random().float(f64);
            const n = builder.random.random().floatNorm(f64);
            try builder.value(content, format, switch (role) {
                .delta_a_log => @log(0.5 + 7 * u),
                .delta_dt_bias => 0.5 * n,
                .delta_conv => 0.4 * n,
                .delta_norm => 1 + 0.1 * n,
                else => if (!shapes.isCentredNorm(role))
                    1.6 * n / @sqrt(@as(f64, @floatFromInt(tensor.cols)))
                else if (builder.options.zero_centred) 0.1 * n else 1 + 0.1 * n,
            });
        }
    }

    fn value(builder: *Builder, content: *std.ArrayList(u8), format: abi.Format, number: f64) !void {
        const single: f32 = @floatCast(number);
        switch (format) {
            .f32 => try content.appendSlice(builder.memory, std.mem.asBytes(&single)),
            .f16 => try content.appendSlice(builder.memory, std.mem.asBytes(&@as(f16, @floatCast(number)))),
            .bf16 => {
                const high: u16 = @truncate((@as(u32, @bitCast(single)) +% 0x8000) >> 16);
                try content.appendSlice(builder.memory, std.mem.asBytes(&high));
            },
            .affine => unreachable, // plain values only
        }
    }

    /// ModelDesc | layer kinds | files | tensors | paths
    fn encode(builder: *Builder, paths: []const []const u8) ![]align(8) u8 {
        const shape = &builder.shape;
        shape.layer_kinds_offset = @sizeOf(abi.ModelDesc);
        shape.files_offset = std.mem.alignForward(u32, shape.layer_kinds_offset + 4 * shape.layers, 8);
        shape.files_count = @intCast(paths.len);
        shape.tensors_offset = shape.files_offset + @sizeOf(abi.FileDesc) * shape.files_count;
        shape.tensors_count = @intCast(builder.list.items.len);
        var end: u32 = shape.tensors_offset + @as(u32, @intCast(@sizeOf(abi.TensorDesc) * builder.list.items.len));
        const files = try builder.memory.alloc(abi.FileDesc, paths.len);
        for (files, paths, builder.contents, builder.ends) |*file, path, content, hollow_end| {
            file.* = .{ .bytes = @max(content.items.len, hollow_end), .path_offset = end, .path_bytes = @intCast(path.len) };
            end += file.path_bytes;
        }
        shape.total_bytes = end;
        const bytes = try builder.memory.alignedAlloc(u8, .@"8", end);
        @memcpy(bytes[0..@sizeOf(abi.ModelDesc)], std.mem.asBytes(shape));
        @memset(bytes[shape.layer_kinds_offset..shape.files_offset], 0);
        for (builder.options.kinds, 0..) |kind, layer| {
            std.mem.writeInt(u32, bytes[shape.layer_kinds_offset + 4 * layer ..][0..4], @intFromEnum(kind), .native);
        }
        @memcpy(bytes[shape.files_offset..shape.tensors_offset], std.mem.sliceAsBytes(files));
        const tensor_bytes = std.mem.sliceAsBytes(builder.list.items);
        @memcpy(bytes[shape.tensors_offset..][0..tensor_bytes.len], tensor_bytes);
        for (files, paths) |file, path| @memcpy(bytes[file.path_offset..][0..path.len], path);
        return bytes;
    }
};
