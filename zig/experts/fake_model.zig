//! For tests: random expert layers over files in memory, in every arrangement the store must take: nine stacked tensors
//! at odd offsets over several files, runs of experts, fused gate and up, packed records, unquantised. Owns its memory.

const std = @import("std");
const abi = @import("../abi/types.zig");
const backend = @import("../backend/backend.zig");
const records = @import("record.zig");
const FileInfo = @import("../io/files.zig").FileInfo;

pub const Arrangement = enum { stacked, packed_records, fused };

pub const FakeModel = struct {
    arena: std.heap.ArenaAllocator,
    layers: []records.LayerExperts,
    experts: u32,
    infos: []FileInfo,
    contents: [][]u8,

    const Layout = struct { arena: std.mem.Allocator, random: std.Random, file_ends: []u64 };

    const Shape = struct { format: abi.Format, bits: u32, group: u32, scale_format: abi.Format, width: u32, hidden: u32 };

    pub fn init(gpa: std.mem.Allocator, seed: u64, layer_count: u32, experts: u32) !FakeModel {
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        var arena: std.heap.ArenaAllocator = .init(gpa);
        errdefer arena.deinit();
        const a = arena.allocator();

        const file_ends = try a.alloc(u64, random.intRangeAtMost(usize, 1, 3));
        for (file_ends) |*end| end.* = random.uintLessThan(u64, 9000);
        const layers = try a.alloc(records.LayerExperts, layer_count);
        for (layers) |*layer| layer.* = try randomLayer(.{ .arena = a, .random = random, .file_ends = file_ends }, experts);

        const infos = try a.alloc(FileInfo, file_ends.len);
        const contents = try a.alloc([]u8, file_ends.len);
        for (infos, contents, file_ends, 0..) |*info, *content, end, i| {
            content.* = try filled(a, @intCast(end), random.int(u64));
            info.* = .{ .path = try std.fmt.allocPrint(a, "model-{d}.safetensors", .{i}), .bytes = end };
        }
        return .{ .arena = arena, .layers = layers, .experts = experts, .infos = infos, .contents = contents };
    }

    pub fn deinit(model: *FakeModel) void {
        model.arena.deinit();
    }

    /// Bytes that differ from place to place. Made by the word: millions of runs fill their files.
    fn filled(a: std.mem.Allocator, bytes: usize, seed: u64) ![]u8 {
        const words = try a.alloc(u64, std.math.divCeil(usize, bytes, 8) catch unreachable);
        for (words, 0..) |*word, i| {
            var mixed = (seed +% i) *% 0x9e37_79b9_7f4a_7c15;
            mixed = (mixed ^ (mixed >> 32)) *% 0xd6e8_feb8_6659_fd93;
            // With the exponent's high bit clear every value of every format is finite.
            word.* = (mixed ^ (mixed >> 32)) & 0x3f3f_3f3f_3f3f_3f3f;
        }
        return std.mem.sliceAsBytes(words)[0..bytes];
    }

    fn randomLayer(layout: Layout, experts: u32) !records.LayerExperts {
        const random = layout.random;
        const quantised = random.uintLessThan(u32, 4) != 0;
        // Mostly small groups and so small matrices: pieces of a page, of several, and many to a page. Unquantised
        // ones are large at any size.
        const group = if (quantised) ([_]u32{ 32, 32, 32, 32, 32, 32, 32, 32, 64, 64, 64, 128 })[random.uintLessThan(usize, 12)] else 32;
        const shape: Shape = .{
            .format = if (quantised) .affine else ([_]abi.Format{ .f32, .f16, .bf16 })[random.uintLessThan(usize, 3)],
            .bits = if (quantised) ([_]u32{ 2, 3, 4, 5, 6, 8 })[random.uintLessThan(usize, 6)] else 0,
            .group = if (quantised) group else 0,
            .scale_format = ([_]abi.Format{ .f32, .f16, .bf16 })[random.uintLessThan(usize, 3)],
            .width = group,
            .hidden = group * random.intRangeAtMost(u32, 1, 2),
        };
        return switch (random.enumValue(Arrangement)) {
            .stacked => .{
                .gate = try stacked(layout, shape, shape.width, shape.hidden, experts),
                .up = try stacked(layout, shape, shape.width, shape.hidden, experts),
                .down = try stacked(layout, shape, shape.hidden, shape.width, experts),
            },
            .packed_records, .fused => |arrangement| try together(layout, shape, experts, arrangement),
        };
    }

    fn emptyRun(shape: Shape, rows: u32, cols: u32, first: u32, count: u32) records.Run {
        return .{
            .format = shape.format,
            .bits = shape.bits,
            .group = shape.group,
            .scale_format = shape.scale_format,
            .rows = rows,
            .cols = cols,
            .expert_first = first,
            .expert_count = count,
            .weight = .{},
        };
    }

    fn partBytes(run: *const records.Run, part: records.Part) u64 {
        const values = @as(u64, run.rows) * run.cols;
        if (run.format != .affine) return if (part == .weight) values * records.valueBytes(run.format) else 0;
        return if (part == .weight) values * run.bits / 8 else values / run.group * records.valueBytes(run.scale_format);
    }

    /// One tensor per part, in one or two runs of experts, each anywhere in any file.
    fn stacked(layout: Layout, shape: Shape, rows: u32, cols: u32, experts: u32) ![]const records.Run {
        const split: u32 = if (experts > 1 and layout.random.boolean()) layout.random.intRangeLessThan(u32, 1, experts) else experts;
        const runs = try layout.arena.alloc(records.Run, if (split < experts) 2 else 1);
        runs[0] = emptyRun(shape, rows, cols, 0, split);
        if (split < experts) runs[1] = emptyRun(shape, rows, cols, split, experts - split);
        for (runs) |*run| for ([_]records.Part{ .weight, .scales, .biases }) |part| {
            const bytes = partBytes(run, part);
            if (bytes == 0) continue;
            const file = layout.random.uintLessThan(u32, @intCast(layout.file_ends.len));
            const gap = layout.random.uintLessThan(u64, 3000);
            extentOf(run, part).* = .{ .file = file, .offset = layout.file_ends[file] + gap, .bytes = bytes, .stride = bytes };
            layout.file_ends[file] += gap + bytes * run.expert_count;
        };
        return runs;
    }

    /// Packed: all pieces of an expert beside each other. Fused: gate and up share one tensor, down has its own.
    fn together(layout: Layout, shape: Shape, experts: u32, arrangement: Arrangement) !records.LayerExperts {
        const runs = try layout.arena.alloc(records.Run, 3);
        runs[0] = emptyRun(shape, shape.width, shape.hidden, 0, experts);
        runs[1] = runs[0];
        runs[2] = emptyRun(shape, shape.hidden, shape.width, 0, experts);
        const tied: usize = if (arrangement == .packed_records) 3 else 2;
        place(layout, runs[0..tied], experts);
        if (tied < 3) place(layout, runs[2..3], experts);
        return .{ .gate = runs[0..1], .up = runs[1..2], .down = runs[2..3] };
    }

    fn place(layout: Layout, runs: []records.Run, experts: u32) void {
        const file = layout.random.uintLessThan(u32, @intCast(layout.file_ends.len));
        var offset = layout.file_ends[file] + layout.random.uintLessThan(u64, 3000);
        const start = offset;
        for (runs) |*run| for ([_]records.Part{ .weight, .scales, .biases }) |part| {
            const bytes = partBytes(run, part);
            if (bytes == 0) continue;
            extentOf(run, part).* = .{ .file = file, .offset = offset, .bytes = bytes };
            offset += bytes;
        };
        for (runs) |*run| for ([_]records.Part{ .weight, .scales, .biases }) |part| {
            extentOf(run, part).stride = offset - start;
        };
        layout.file_ends[file] = start + (offset - start) * experts;
    }

    pub fn extentOf(run: *records.Run, part: records.Part) *abi.Extent {
        return switch (part) {
            .weight => &run.weight,
            .scales => &run.scales,
            .biases => &run.biases,
        };
    }

    /// The bytes of one piece as the file has them, found without the store's own arithmetic.
    pub fn bytesOf(model: *const FakeModel, layer: u32, expert: u32, projection: records.Projection, part: records.Part) []const u8 {
        for (model.layers[layer].runs(projection)) |run| {
            if (expert < run.expert_first or expert >= run.expert_first + run.expert_count) continue;
            var copy = run;
            const extent = extentOf(&copy, part).*;
            const start: usize = @intCast(extent.offset + (expert - run.expert_first) * extent.stride);
            return model.contents[extent.file][start..][0..@intCast(extent.bytes)];
        }
        unreachable; // every expert is covered
    }

    pub fn recordBytes(model: *const FakeModel, layer: u32, expert: u32) u64 {
        var sum: u64 = 0;
        for ([_]records.Projection{ .gate, .up, .down }) |projection| {
            const affine = model.layers[layer].runs(projection)[0].format == .affine;
            for ([_]records.Part{ .weight, .scales, .biases }) |part| {
                if (affine or part == .weight) sum += model.bytesOf(layer, expert, projection, part).len;
            }
        }
        return sum;
    }

    /// The expert's views hold exactly the file's bytes and its description.
    pub fn expectExpert(model: *const FakeModel, layer: u32, expert: u32, views: *const backend.Expert) !void {
        inline for (.{ "gate", "up", "down" }, .{ records.Projection.gate, .up, .down }) |name, projection| {
            const linear: *const backend.Linear = &@field(views, name);
            const run = model.layers[layer].runs(projection)[0];
            try std.testing.expectEqual(run.format, linear.format);
            try std.testing.expectEqual(run.bits, linear.bits);
            try std.testing.expectEqual(run.group, linear.group);
            try std.testing.expectEqual(run.rows, linear.rows);
            try std.testing.expectEqual(run.cols, linear.cols);
            try expectBytes(model.bytesOf(layer, expert, projection, .weight), linear.weight);
            if (run.format == .affine) {
                try std.testing.expectEqual(run.scale_format, linear.scale_format);
                try expectBytes(model.bytesOf(layer, expert, projection, .scales), linear.scales);
                try expectBytes(model.bytesOf(layer, expert, projection, .biases), linear.biases);
            }
        }
    }

    fn expectBytes(expected: []const u8, view: backend.View) !void {
        try std.testing.expect(view.offset + expected.len <= view.buffer.bytes);
        if (!std.mem.eql(u8, expected, view.pointer()[0..expected.len])) return error.WrongBytes;
    }
};
