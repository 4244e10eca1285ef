//! Test support: a small model on disk, an engine opened on it, and steps without an arena's arithmetic in every test.
//! Only tests import it. Memory is the testing allocator's, so that leaks fail the tests.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const SessionResolver = @import("../abi/resolver.zig").SessionResolver;
const test_model = @import("../format/test_model.zig");
const engine_room = @import("engine.zig");

const Engine = engine_room.Engine;
const Session = engine_room.Session;
pub const gpa = std.testing.allocator;

/// A model written into a directory that disappears with it.
pub const Disk = struct {
    tmp: std.testing.TmpDir,
    directory: []const u8,
    model: test_model.TestModel,

    pub fn init(options: test_model.Options) !Disk {
        var tmp = std.testing.tmpDir(.{});
        errdefer tmp.cleanup();
        const directory = try std.fmt.allocPrint(gpa, ".zig-cache/tmp/{s}", .{tmp.sub_path});
        errdefer gpa.free(directory);
        var model: test_model.TestModel = try .build(gpa, directory, options);
        errdefer model.deinit();
        try model.save();
        return .{ .tmp = tmp, .directory = directory, .model = model };
    }

    pub fn deinit(disk: *Disk) void {
        disk.model.deinit();
        gpa.free(disk.directory);
        disk.tmp.cleanup();
    }

    /// The path of a file in the directory, in `buffer`.
    pub fn path(disk: *const Disk, buffer: []u8, name: []const u8) ![]const u8 {
        return std.fmt.bufPrint(buffer, "{s}/{s}", .{ disk.directory, name });
    }
};

/// The scalar level in f32 throughout: what is compared here is placement and order, not precision.
pub const exact: abi.EngineOptions = .{
    .threads = 1,
    .cpu_level = @intFromEnum(abi.CpuLevel.scalar),
    .kv_format = @intFromEnum(abi.Format.f32),
    .reader_threads = 2,
};

pub fn open(disk: *const Disk, options: abi.EngineOptions, hooks: engine_room.Hooks) !*Engine {
    var message: Message = .{};
    const engine = Engine.openWith(gpa, disk.model.description, options, hooks, &message) catch |err| {
        std.debug.print("open: {s}\n", .{message.text()});
        return err;
    };
    errdefer engine.close();
    var progress: abi.LoadProgress = undefined;
    while (true) {
        engine.load(&progress) catch |err| {
            std.debug.print("load: {s}\n", .{engine.message.text()});
            return err;
        };
        if (progress.done == 1) break;
    }
    return engine;
}

/// One item of a step in plain terms; what the step gave back is in the result fields.
pub const Feed = struct {
    session: *Session,
    tokens: []const u32,
    flags: []const abi.StepFlag = &.{.logits_last},
    targets: []const u32 = &.{},
    /// Filled where asked for: [vocab] or [tokens, vocab].
    logits: []f32 = &.{},
    scores: []f32 = &.{},
    top: []abi.TopLogprob = &.{},
    sampled: u32 = 0,
    logprob: f32 = 0,
    position: u32 = 0,
    expert_bytes: u64 = 0,
};

/// Runs one step over the feeds.
pub fn step(engine: *Engine, feeds: []Feed) !void {
    var builder: ArenaBuilder = .{};
    defer builder.bytes.deinit(gpa);
    _ = try builder.take(feeds.len * @sizeOf(abi.StepItem));
    for (feeds, 0..) |*feed, number| try builder.item(feed, number);
    const items = @as([*]abi.StepItem, @ptrCast(@alignCast(builder.bytes.items.ptr)))[0..feeds.len];
    try engine.step(builder.bytes.items, @intCast(feeds.len), resolver(&feeds));
    for (feeds, items) |*feed, *result| {
        feed.sampled = result.sampled;
        feed.logprob = result.logprob;
        feed.position = result.position;
        feed.expert_bytes = result.expert_bytes;
        builder.copyOut(result.logits_offset, std.mem.sliceAsBytes(feed.logits));
        builder.copyOut(result.scores_offset, std.mem.sliceAsBytes(feed.scores));
        builder.copyOut(result.top_offset, std.mem.sliceAsBytes(feed.top));
    }
}

/// Finds sessions by their place among the feeds.
fn resolver(feeds: *const []Feed) SessionResolver {
    return .{ .context = @ptrCast(feeds), .find = struct {
        fn find(context: *const anyopaque, handle: u32) ?*anyopaque {
            const list: *const []Feed = @ptrCast(@alignCast(context));
            return if (handle < list.len) list.*[handle].session else null;
        }
    }.find };
}

const ArenaBuilder = struct {
    bytes: std.array_list.Aligned(u8, .@"8") = .empty,

    fn take(builder: *ArenaBuilder, count: usize) !u32 {
        const offset = builder.bytes.items.len;
        try builder.bytes.appendNTimes(gpa, 0xcd, std.mem.alignForward(usize, count, 8));
        return @intCast(offset);
    }

    fn put(builder: *ArenaBuilder, values: []const u32) !u32 {
        const offset = try builder.take(values.len * 4);
        @memcpy(builder.bytes.items[offset..][0 .. values.len * 4], std.mem.sliceAsBytes(values));
        return offset;
    }

    fn item(builder: *ArenaBuilder, feed: *const Feed, number: usize) !void {
        var given = std.mem.zeroes(abi.StepItem);
        given.session = @intCast(number);
        for (feed.flags) |flag| given.flags |= @intFromEnum(flag);
        given.tokens_offset = try builder.put(feed.tokens);
        given.token_count = @intCast(feed.tokens.len);
        given.targets_offset = try builder.put(feed.targets);
        given.logits_offset = try builder.take(feed.logits.len * 4);
        given.scores_offset = try builder.take(feed.scores.len * 4);
        given.top_offset = try builder.take(feed.top.len * @sizeOf(abi.TopLogprob));
        @memcpy(builder.bytes.items[number * @sizeOf(abi.StepItem) ..][0..@sizeOf(abi.StepItem)], std.mem.asBytes(&given));
    }

    fn copyOut(builder: *const ArenaBuilder, offset: u32, to: []u8) void {
        @memcpy(to, builder.bytes.items[offset..][0..to.len]);
    }
};

/// A prompt of `n` ids below `vocab`, the same for the same seed.
pub fn prompt(seed: u64, buffer: []u32, vocab: u32) []u32 {
    var random: std.Random.DefaultPrng = .init(seed);
    for (buffer) |*id| id.* = random.random().uintLessThan(u32, vocab);
    return buffer;
}

/// Feeds all tokens in chunks of `chunk` and writes every token's logits, [tokens, vocab].
pub fn feedAll(engine: *Engine, session: *Session, tokens: []const u32, chunk: usize, logits: []f32) !void {
    const vocab = logits.len / tokens.len;
    var first: usize = 0;
    while (first < tokens.len) {
        const end = @min(first + chunk, tokens.len);
        var feeds = [_]Feed{.{ .session = session, .tokens = tokens[first..end], .flags = &.{.logits_all}, .logits = logits[first * vocab .. end * vocab] }};
        try step(engine, &feeds);
        first = end;
    }
}
