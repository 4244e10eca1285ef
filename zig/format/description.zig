//! Parses and validates the bytes of a `ModelDesc`: after `Description.parse` every number may be used without another
//! check. Every offset, size and shape is re-derived from the model's own sizes; nothing of the sender is trusted.
//! A Description owns its memory (one arena, a copy of the bytes); immutable after parse, so any thread may read it.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const shapes = @import("description_shapes.zig");

const Error = result.Error;
const Message = result.Message;
const Role = abi.Role;
const TensorDesc = abi.TensorDesc;

pub const role_count = std.enums.values(Role).len;

/// The three matrices of an expert, in record order.
pub const ExpertPart = enum(u2) {
    gate,
    up,
    down,

    pub fn role(part: ExpertPart) Role {
        return @enumFromInt(@intFromEnum(Role.expert_gate_proj) + @as(u32, @intFromEnum(part)));
    }
};
pub const expert_parts = std.enums.values(ExpertPart);

pub const File = struct { path: [:0]const u8, bytes: u64 };

pub const Description = struct {
    arena: std.heap.ArenaAllocator,
    /// All sizes of the model; the offsets in it are of no more use.
    shape: abi.ModelDesc,
    layer_kinds: []const abi.LayerKind,
    files: []const File,
    tensors: []const TensorDesc,
    /// [layers + 1][role_count], the last row is the model's own tensors; none_u32 where there is none.
    dense_index: []const u32,
    /// [layers][3]: the runs of one matrix of the experts, ascending and covering 0..experts exactly once.
    expert_runs: []const []const u32,

    /// Refuses anything that contradicts itself; the message names the tensor, the number and what was expected.
    pub fn parse(gpa: std.mem.Allocator, bytes: []const u8, message: *Message) Error!Description {
        if (bytes.len < @sizeOf(abi.ModelDesc)) return message.fail(
            error.ModelInvalid,
            "the model description has {d} bytes, fewer than its head",
            .{bytes.len},
        );
        if (bytes.len > shapes.limits.description_bytes) return message.fail(
            error.ModelInvalid,
            "the model description has {d} bytes, more than {d}",
            .{ bytes.len, shapes.limits.description_bytes },
        );
        var arena: std.heap.ArenaAllocator = .init(gpa);
        errdefer arena.deinit();
        const memory = arena.allocator();
        const copy = try memory.alignedAlloc(u8, .@"8", bytes.len);
        @memcpy(copy, bytes);

        var parser: Parser = .{ .bytes = copy, .memory = memory, .message = message, .shape = @as(*const abi.ModelDesc, @ptrCast(copy.ptr)).* };
        if (parser.shape.total_bytes != bytes.len) return message.fail(
            error.ModelInvalid,
            "the model description says it has {d} bytes but {d} arrived",
            .{ parser.shape.total_bytes, bytes.len },
        );
        try shapes.checkShape(&parser.shape, message);
        const kinds = try parser.layerKinds();
        const files = try parser.files();
        const tensors = try parser.array(TensorDesc, parser.shape.tensors_offset, parser.shape.tensors_count, "tensors");
        for (tensors) |*tensor| try shapes.checkTensor(&parser.shape, files, tensor, message);
        try parser.checkHashes(files);
        const dense_index = try parser.denseIndex(kinds, tensors);
        const runs = try parser.groupRuns(tensors);
        return .{
            .arena = arena,
            .shape = parser.shape,
            .layer_kinds = kinds,
            .files = files,
            .tensors = tensors,
            .dense_index = dense_index,
            .expert_runs = runs,
        };
    }

    pub fn deinit(description: *Description) void {
        description.arena.deinit();
        description.* = undefined;
    }

    /// A tensor of a layer (or of the model: layer null). Null only where the layer's kind has no such tensor.
    pub fn dense(description: *const Description, layer: ?u32, role: Role) ?*const TensorDesc {
        const row = layer orelse description.shape.layers;
        const index = description.dense_index[row * role_count + @intFromEnum(role)];
        return if (index == abi.none_u32) null else &description.tensors[index];
    }

    /// Indices into `tensors`: the runs of one matrix of a layer's experts, ascending.
    pub fn expertRuns(description: *const Description, layer: u32, part: ExpertPart) []const u32 {
        return description.expert_runs[@as(usize, layer) * expert_parts.len + @intFromEnum(part)];
    }
};

const Parser = struct {
    bytes: []align(8) const u8,
    memory: std.mem.Allocator,
    message: *Message,
    shape: abi.ModelDesc,

    /// A typed view of `count` entries inside the description, bounds and alignment checked.
    fn array(parser: *Parser, comptime T: type, offset: u32, count: u32, what: []const u8) Error![]const T {
        const bytes: u64 = @as(u64, count) * @sizeOf(T);
        if (offset % 8 != 0 or offset < @sizeOf(abi.ModelDesc) or offset > parser.bytes.len or bytes > parser.bytes.len - offset) {
            return parser.message.fail(
                error.ModelInvalid,
                "the model description's {s} ({d} at byte {d}) do not lie within its {d} bytes",
                .{ what, count, offset, parser.bytes.len },
            );
        }
        const first: [*]const T = @ptrCast(@alignCast(parser.bytes.ptr + offset));
        return first[0..count];
    }

    fn layerKinds(parser: *Parser) Error![]const abi.LayerKind {
        const raw = try parser.array(u32, parser.shape.layer_kinds_offset, parser.shape.layers, "layer kinds");
        const kinds = try parser.memory.alloc(abi.LayerKind, raw.len);
        var attention = false;
        var delta = false;
        for (raw, kinds, 0..) |value, *kind, layer| {
            kind.* = std.enums.fromInt(abi.LayerKind, value) orelse return parser.message.fail(
                error.ModelInvalid,
                "layer {d} has the unknown kind {d}",
                .{ layer, value },
            );
            switch (kind.*) {
                .attention => attention = true,
                .delta_net => delta = true,
            }
        }
        // Sizes of a kind no layer has are cleared, so that nobody computes with unchecked numbers.
        if (attention) try shapes.checkAttention(&parser.shape, parser.message) else shapes.clearAttention(&parser.shape);
        if (delta) try shapes.checkDelta(&parser.shape, parser.message) else shapes.clearDelta(&parser.shape);
        return kinds;
    }

    fn files(parser: *Parser) Error![]const File {
        const raw = try parser.array(abi.FileDesc, parser.shape.files_offset, parser.shape.files_count, "files");
        const list = try parser.memory.alloc(File, raw.len);
        for (raw, list, 0..) |entry, *file, index| {
            const end = @as(u64, entry.path_offset) + entry.path_bytes;
            if (entry.path_offset < @sizeOf(abi.ModelDesc) or end > parser.bytes.len) return parser.message.fail(
                error.ModelInvalid,
                "the path of file {d} lies outside the model description",
                .{index},
            );
            if (entry.path_bytes == 0 or entry.path_bytes > shapes.limits.path_bytes) return parser.message.fail(
                error.ModelInvalid,
                "the path of file {d} has {d} bytes",
                .{ index, entry.path_bytes },
            );
            const path = parser.bytes[entry.path_offset..@intCast(end)];
            if (std.mem.indexOfScalar(u8, path, 0) != null) return parser.message.fail(
                error.ModelInvalid,
                "the path of file {d} holds a zero byte",
                .{index},
            );
            if (!std.unicode.utf8ValidateSlice(path)) return parser.message.fail(error.ModelInvalid, "the path of file {d} is not UTF-8", .{index});
            if (entry.bytes > std.math.maxInt(i64)) return parser.message.fail(error.ModelInvalid, "file {d} has an impossible size", .{index});
            file.* = .{ .path = try parser.memory.dupeSentinel(u8, path, 0), .bytes = entry.bytes };
        }
        return list;
    }

    /// The table of the records' hashes, where there is one, must lie within its file.
    fn checkHashes(parser: *Parser, list: []const File) Error!void {
        const shape = &parser.shape;
        if (shape.record_hashes_offset == 0) return;
        const bytes = @as(u64, shape.layers) * shape.experts * @sizeOf(u64);
        if (shape.record_hashes_file >= list.len or shape.record_hashes_offset + bytes > list[shape.record_hashes_file].bytes)
            return parser.message.fail(error.ModelInvalid, "the hashes of the experts' records lie outside their file", .{});
    }

    /// Enters every dense tensor once and checks that each layer has exactly what its kind needs.
    fn denseIndex(parser: *Parser, kinds: []const abi.LayerKind, tensors: []const TensorDesc) Error![]const u32 {
        const index = try parser.memory.alloc(u32, (@as(usize, parser.shape.layers) + 1) * role_count);
        @memset(index, abi.none_u32);
        for (tensors, 0..) |*tensor, number| {
            const role: Role = @enumFromInt(tensor.role);
            if (shapes.isExpert(role)) continue;
            const row = if (shapes.isModelRole(role)) parser.shape.layers else tensor.layer;
            const entry = &index[@as(usize, row) * role_count + tensor.role];
            if (entry.* != abi.none_u32) return parser.message.fail(error.ModelInvalid, "{f} is described twice", .{shapes.Name.of(tensor)});
            entry.* = @intCast(number);
        }
        for (std.enums.values(Role)) |role| {
            if (shapes.isExpert(role)) continue;
            if (shapes.isModelRole(role)) {
                const needed = role != .lm_head or parser.shape.tied == 0;
                try parser.checkPresence(index, parser.shape.layers, role, needed);
            } else for (kinds, 0..) |kind, layer| {
                try parser.checkPresence(index, @intCast(layer), role, shapes.isNeeded(role, kind));
            }
        }
        return index;
    }

    fn checkPresence(parser: *Parser, index: []const u32, row: u32, role: Role, needed: bool) Error!void {
        const present = index[@as(usize, row) * role_count + @intFromEnum(role)] != abi.none_u32;
        if (present == needed) return;
        const name: shapes.Name = .{ .role = role, .layer = if (row == parser.shape.layers) abi.none_u32 else row };
        if (needed) return parser.message.fail(error.ModelInvalid, "{f} is missing from the checkpoint", .{name});
        return parser.message.fail(error.ModelInvalid, "{f} is described but this model has no use for it", .{name});
    }

    /// Groups the expert tensors by layer and matrix, sorts the runs and checks that they cover every expert once.
    fn groupRuns(parser: *Parser, tensors: []const TensorDesc) Error![]const []const u32 {
        const groups = @as(usize, parser.shape.layers) * expert_parts.len;
        const counts = try parser.memory.alloc(usize, groups);
        @memset(counts, 0);
        for (tensors) |*tensor| if (runGroup(tensor)) |group| {
            counts[group] += 1;
        };
        const runs = try parser.memory.alloc([]u32, groups);
        for (runs, counts) |*run, *count| {
            run.* = try parser.memory.alloc(u32, count.*);
            count.* = 0;
        }
        for (tensors, 0..) |*tensor, number| if (runGroup(tensor)) |group| {
            runs[group][counts[group]] = @intCast(number);
            counts[group] += 1;
        };
        for (runs, 0..) |run, group| try parser.checkRuns(tensors, run, group);
        return runs;
    }

    fn checkRuns(parser: *Parser, tensors: []const TensorDesc, run: []u32, group: usize) Error!void {
        const part: ExpertPart = @enumFromInt(group % expert_parts.len);
        const name: shapes.Name = .{ .role = part.role(), .layer = @intCast(group / expert_parts.len) };
        std.mem.sort(u32, run, tensors, struct {
            fn before(all: []const TensorDesc, a: u32, b: u32) bool {
                return all[a].expert_first < all[b].expert_first;
            }
        }.before);
        var next: u64 = 0;
        for (run) |number| {
            const tensor = &tensors[number];
            if (tensor.expert_first < next) return parser.message.fail(
                error.ModelInvalid,
                "{f} describes expert {d} twice",
                .{ name, tensor.expert_first },
            );
            if (tensor.expert_first > next) break;
            next += tensor.expert_count;
        }
        if (next != parser.shape.experts) return parser.message.fail(
            error.ModelInvalid,
            "{f} is missing expert {d} of {d}",
            .{ name, next, parser.shape.experts },
        );
    }
};

fn runGroup(tensor: *const TensorDesc) ?usize {
    const role: Role = @enumFromInt(tensor.role);
    if (!shapes.isExpert(role)) return null;
    return @as(usize, tensor.layer) * expert_parts.len + (tensor.role - @intFromEnum(Role.expert_gate_proj));
}
