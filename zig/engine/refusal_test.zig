//! Tests of what an engine refuses: limits, contexts, damaged weights and files, arenas that lie; and of cancelling.
//! After every refusal the engine must go on.

const std = @import("std");
const abi = @import("../abi/types.zig");
const Message = @import("../abi/result.zig").Message;
const SessionResolver = @import("../abi/resolver.zig").SessionResolver;
const backend_room = @import("../backend/backend.zig");
const engine_room = @import("engine.zig");
const foundation_room = @import("foundation.zig");
const rig = @import("test_rig.zig");
const test_model = @import("../format/test_model.zig");
const TestModel = test_model.TestModel;
const BadRange = @import("../io/simulated.zig").BadRange;
const test_rounds = @import("../format/test_rounds.zig");

const Engine = engine_room.Engine;
const Session = engine_room.Session;
const Disk = rig.Disk;
const Feed = rig.Feed;
const gpa = rig.gpa;
const vocab = 96;

fn expectText(message: *const Message, text: []const u8) !void {
    if (std.mem.indexOf(u8, message.text(), text) != null) return;
    std.debug.print("got \"{s}\", expected \"{s}\"\n", .{ message.text(), text });
    return error.TestUnexpectedResult;
}

test "a full context is refused before anything is touched" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var options = rig.exact;
    options.context = 10;
    options.sessions = 2;
    const engine = try rig.open(&disk, options, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    const other = try engine.openSession();
    defer other.close();
    var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3, 4, 5, 6, 7, 8 }, .flags = &.{} }};
    try rig.step(engine, &feeds);
    var both = [_]Feed{
        .{ .session = other, .tokens = &.{1}, .flags = &.{} },
        .{ .session = session, .tokens = &.{ 1, 2, 3 }, .flags = &.{} },
    };
    try std.testing.expectError(error.ContextFull, rig.step(engine, &both));
    try expectText(&engine.message, "3 tokens after 8");
    try std.testing.expectEqual(0, other.info().position);
    try std.testing.expectEqual(8, session.info().position);
    var last = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2 }, .flags = &.{} }};
    try rig.step(engine, &last);
    try std.testing.expectEqual(10, last[0].position);
    try std.testing.expectError(error.ContextFull, rig.step(engine, both[1..]));
}

test "a cancelled prompt breaks its session until reset; a decode step completes" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const engine = try rig.open(&disk, rig.exact, .{});
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var logits: [vocab]f32 = undefined;
    var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3 }, .logits = &logits }};
    // Asked for beforehand: the next step takes it at its entry, whatever its kind, and no session is touched.
    engine.cancel();
    try std.testing.expectError(error.Cancelled, rig.step(engine, &feeds));
    try rig.step(engine, &feeds);
    const expected = logits;

    // From inside a step: the hook cancels while the embedding is computed.
    var hook: CancellingBackend = .{ .engine = engine, .inner = engine.device };
    engine.device = hook.backend();
    defer engine.device = hook.inner;
    try std.testing.expectError(error.Cancelled, rig.step(engine, &feeds));
    try std.testing.expectError(error.SessionBroken, rig.step(engine, &feeds));
    var buffer: [200]u8 = undefined;
    try std.testing.expectError(error.SessionBroken, session.save(try disk.path(&buffer, "broken"), ""));
    hook.armed = false;
    session.reset();
    try rig.step(engine, &feeds);
    try std.testing.expectEqualSlices(f32, &expected, &logits);

    // A step of one token per session ignores the request; the next call takes it.
    hook.armed = true;
    var single = [_]Feed{.{ .session = session, .tokens = &.{7}, .flags = &.{} }};
    try rig.step(engine, &single);
    try std.testing.expectEqual(4, single[0].position);
    hook.armed = false;
    try std.testing.expectError(error.Cancelled, rig.step(engine, &single));
    try rig.step(engine, &single);
    try std.testing.expectEqual(5, single[0].position);
}

/// A backend that cancels its engine in the middle of a step.
const CancellingBackend = struct {
    engine: *Engine,
    inner: backend_room.Backend,
    table: backend_room.Backend.VTable = undefined,
    armed: bool = true,

    /// The operations carry the inner backend's context, so the hook is found here.
    var current: *CancellingBackend = undefined;

    fn backend(hook: *CancellingBackend) backend_room.Backend {
        current = hook;
        hook.table = hook.inner.vtable.*;
        hook.table.embed = struct {
            fn embed(context: *anyopaque, args: *const backend_room.EmbedArgs) void {
                current.inner.vtable.embed(context, args);
                if (current.armed) current.engine.cancel();
            }
        }.embed;
        return .{ .context = hook.inner.context, .vtable = &hook.table };
    }
};

test "the memory plan: bounds hold, too little is refused with the number that would do, long steps are shortened" {
    var disk: Disk = try .init(.{ .experts = 16 });
    defer disk.deinit();
    const hooks: engine_room.Hooks = .{ .foundation = .{ .resident_bytes = 50 << 20 } };
    var options = rig.exact;
    options.chunk_tokens = 128;
    var message: Message = .{};
    const free = try engine_room.planOnly(gpa, disk.model.description, options, &message);
    try std.testing.expectEqual(3 * 16, free.slot_count);
    try std.testing.expectEqual(128, free.chunk_tokens);

    options.memory_bytes = 60 << 20;
    try std.testing.expectError(error.MemoryTooSmall, Engine.openWith(gpa, disk.model.description, options, hooks, &message));
    const minimum = number: {
        const start = std.mem.indexOf(u8, message.text(), "(").? + 1;
        const end = std.mem.indexOf(u8, message.text(), " bytes)").?;
        break :number try std.fmt.parseInt(u64, message.text()[start..end], 10);
    };
    options.memory_bytes = minimum - 1;
    try std.testing.expectError(error.MemoryTooSmall, Engine.openWith(gpa, disk.model.description, options, hooks, &message));
    options.memory_bytes = minimum;
    const smallest = try rig.open(&disk, options, hooks);
    defer smallest.close();
    try checkPlan(&smallest.plan());
    try std.testing.expectEqual(minimum, smallest.plan().minimum_bytes);
    try std.testing.expectEqual(32, smallest.plan().chunk_tokens);
    try std.testing.expect(smallest.plan().slot_count >= 3);

    options.memory_bytes = smallest.plan().full_bytes;
    const full = try rig.open(&disk, options, hooks);
    defer full.close();
    try checkPlan(&full.plan());
    try std.testing.expectEqual(3 * 16, full.plan().slot_count);
    try std.testing.expectEqual(128, full.plan().chunk_tokens);
    try std.testing.expectEqual(16, full.plan().floor_slots);
    // More than everything is not used.
    options.memory_bytes = 1 << 40;
    const plenty = try rig.open(&disk, options, hooks);
    defer plenty.close();
    try std.testing.expectEqual(full.plan().slots_bytes, plenty.plan().slots_bytes);
}

fn checkPlan(plan: *const abi.Plan) !void {
    const held = plan.process_bytes + plan.dense_bytes + plan.kv_bytes + plan.state_bytes + plan.scratch_bytes + plan.slots_bytes;
    try std.testing.expect(held <= plan.limit_bytes);
    try std.testing.expect(plan.limit_bytes >= plan.minimum_bytes);
    try std.testing.expectEqual(plan.slot_count * plan.slot_bytes, plan.slots_bytes);
    try std.testing.expect(plan.slot_bytes >= plan.record_bytes);
    try std.testing.expectEqual(plan.record_bytes * 3 * 16, plan.expert_total_bytes);
    try std.testing.expectEqual(plan.record_bytes * 3 * plan.experts_per_token, plan.bytes_per_token);
}

fn planWith(model: *const TestModel, options: abi.EngineOptions, machine_bytes: u64) !abi.Plan {
    var message: Message = .{};
    const hooks: foundation_room.Hooks = .{ .resident_bytes = 50 << 20, .machine_bytes = machine_bytes };
    var foundation: foundation_room.Foundation = try .init(gpa, model.description, &options, hooks, &message);
    defer foundation.deinit();
    return foundation.plan;
}

test "left to the plan, steps become longer as far as that costs decode little" {
    const shape: test_model.Options = .{ .hollow = true, .hidden = 512, .expert_width = 512, .experts = 1024, .experts_per_token = 4, .context_max = 1 << 20 };
    var model: TestModel = try .build(gpa, "nowhere", shape);
    defer model.deinit();
    var options: abi.EngineOptions = .{ .threads = 1, .cpu_level = @intFromEnum(abi.CpuLevel.scalar), .context = 8192 };
    var given = options;
    given.chunk_tokens = 512;
    const everything: u64 = 3 * 1024;

    // No limit: as far as the machine goes.
    const full = try planWith(&model, given, 0);
    try std.testing.expectEqual(512, full.chunk_tokens);
    try std.testing.expectEqual(512, (try planWith(&model, options, 0)).chunk_tokens);
    try std.testing.expectEqual(512, (try planWith(&model, options, full.full_bytes)).chunk_tokens);
    const roomy = try planWith(&model, options, 1 << 40);
    try std.testing.expectEqual(2048, roomy.chunk_tokens);
    try std.testing.expectEqual(everything, roomy.slot_count);
    try std.testing.expectEqual(full.full_bytes, roomy.full_bytes);
    try std.testing.expectEqual(512, (try planWith(&model, given, 1 << 40)).chunk_tokens);

    // Within a limit: never an expert less where all are resident, else a few.
    options.memory_bytes = full.full_bytes;
    const exact = try planWith(&model, options, 1 << 40);
    try std.testing.expectEqual(512, exact.chunk_tokens);
    try std.testing.expectEqual(everything, exact.slot_count);
    var longest: u32 = 0;
    for (1..32) |part| {
        options.memory_bytes = full.minimum_bytes + (full.full_bytes - full.minimum_bytes) * part / 32;
        given.memory_bytes = options.memory_bytes;
        const short = try planWith(&model, given, 0);
        const long = try planWith(&model, options, 0);
        try std.testing.expect(long.chunk_tokens == short.chunk_tokens or long.chunk_tokens == 1024 or long.chunk_tokens == 2048);
        const fewer = short.slot_count - long.slot_count;
        try std.testing.expect(fewer <= short.slot_count / 8 + 1 and fewer <= (everything - short.slot_count) / 16);
        longest = @max(longest, long.chunk_tokens);
    }
    try std.testing.expectEqual(2048, longest);

    // No step can be longer than the context.
    options.memory_bytes = 0;
    options.context = 1500;
    try std.testing.expectEqual(1024, (try planWith(&model, options, 1 << 40)).chunk_tokens);

    // Where experts are small beside a step's scratch, it stays as it was.
    var small: TestModel = try .build(gpa, "nowhere", .{ .hollow = true, .context_max = 1 << 20 });
    defer small.deinit();
    options.context = 8192;
    try std.testing.expectEqual(512, (try planWith(&small, options, 1 << 40)).chunk_tokens);
}

test "sizes at the edge of what a description may say are planned and refused, without overflow" {
    if (!test_rounds.complete()) return error.SkipZigTest; // sums and products of numbers, in one thread
    const kinds = try gpa.alloc(abi.LayerKind, 1 << 8);
    defer gpa.free(kinds);
    for (kinds, 0..) |*kind, i| kind.* = if (i % 2 == 0) .attention else .delta_net;
    var model: TestModel = try .build(gpa, "nowhere", .{
        .hollow = true,
        .kinds = kinds,
        .hidden = 1 << 20,
        .vocab = 1 << 24,
        .heads = 1 << 10,
        .kv_heads = 1 << 10,
        .head_dim = 1 << 9,
        .rotary_dim = 1 << 9,
        .delta_value_heads = 1 << 8,
        .delta_key_heads = 1 << 8,
        .delta_key_dim = 1 << 10,
        .delta_value_dim = 1 << 10,
        .conv_kernel = 8,
        .experts = 1 << 13,
        .experts_per_token = 1 << 13,
        .plain_format = .f32,
        .expert_width = 1 << 20,
        .shared_width = 1 << 20,
        .context_max = 1 << 26,
    });
    defer model.deinit();
    var message: Message = .{};
    const options: abi.EngineOptions = .{ .context = 1 << 26, .sessions = 256, .chunk_tokens = 16384, .kv_format = 0, .threads = 2 };
    const plan = engine_room.planOnly(gpa, model.description, options, &message) catch |err| {
        std.debug.print("{s}\n", .{message.text()});
        return err;
    };
    try std.testing.expect(plan.full_bytes == std.math.maxInt(u64) and plan.minimum_bytes > 1 << 50);
    try std.testing.expectError(error.MemoryTooSmall, Engine.open(gpa, model.description, options, &message));
}

test "options out of range are refused by name" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    const cases = [_]struct { abi.EngineOptions, []const u8 }{
        .{ .{ .context = 257 }, "context of 257" },
        .{ .{ .sessions = 0 }, "0 sessions" },
        .{ .{ .sessions = 100_000 }, "100000 sessions" },
        .{ .{ .threads = 100_000 }, "100000 threads" },
        .{ .{ .chunk_tokens = 1 << 30 }, "tokens a step" },
        .{ .{ .kv_format = 3 }, "f16 or f32" },
        .{ .{ .cpu_level = 17 }, "CPU level 17" },
        .{ .{ .reader = 4 }, "reader 4" },
        .{ .{ .reader_threads = 65 }, "65 reader threads" },
        .{ .{ .queue_depth = 257 }, "257 reads at once" },
        .{ .{ .read_split = 17 }, "17 parts of a read" },
        .{ .{ .direct_io = 2 }, "direct I/O" },
        .{ .{ .paranoid = 2 }, "paranoid is 0 or 1" },
        .{ .{ .paranoid = 1 }, "only packed models have hashes" },
        .{ .{ .reserved0 = 1 }, "reserved" },
    };
    for (cases) |case| {
        var message: Message = .{};
        try std.testing.expectError(error.InvalidArgument, engine_room.planOnly(gpa, disk.model.description, case[0], &message));
        try expectText(&message, case[1]);
    }
}

test "weights that are not numbers are refused by role and layer" {
    for ([_]struct { abi.Role, u32, []const u8 }{
        .{ .attention_q, 1, "layer 1 attention_q" },
        .{ .final_norm, abi.none_u32, "final_norm" },
    }) |case| {
        var disk: Disk = try .init(.{ .scale_format = .f16, .plain_format = .f32 });
        defer disk.deinit();
        const tensor = disk.model.find(case[0], case[1]);
        const extent = if (tensor.format == @intFromEnum(abi.Format.affine)) tensor.scales else tensor.weight;
        // The high byte of the third value: NaN or infinity in f16 and in f32.
        const width: usize = if (tensor.format == @intFromEnum(abi.Format.affine)) 2 else 4;
        const at: usize = @intCast(extent.offset + 3 * width);
        disk.model.contents[extent.file].items[at - 1] = 0x7f;
        disk.model.contents[extent.file].items[at - 2] = 0xff;
        try disk.model.save();
        var message: Message = .{};
        const engine = try Engine.open(gpa, disk.model.description, rig.exact, &message);
        defer engine.close();
        var progress: abi.LoadProgress = undefined;
        try std.testing.expectError(error.ModelInvalid, engine.load(&progress));
        try expectText(&engine.message, case[2]);
        try expectText(&engine.message, "number 2 of its");
        try std.testing.expectError(error.InvalidArgument, engine.load(&progress));
    }
}

test "missing, short and unreadable files are named" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var message: Message = .{};
    const whole = disk.model.contents[1].items.len;
    disk.model.contents[1].items.len -= 1;
    try disk.model.save();
    try std.testing.expectError(error.ModelInvalid, Engine.open(gpa, disk.model.description, rig.exact, &message));
    try expectText(&message, "part-1.bin");
    disk.model.contents[1].items.len = whole;
    try disk.model.save();
    try disk.tmp.dir.deleteFile(std.testing.io, "part-0.bin");
    try std.testing.expectError(error.IoFailed, Engine.open(gpa, disk.model.description, rig.exact, &message));
    try expectText(&message, "part-0.bin");
    try disk.model.save();

    // A bad sector in the dense part fails the load, one in the experts fails the step, by name.
    const norm = disk.model.find(.input_norm, 1).weight;
    const hooks: engine_room.Hooks = .{ .simulated = .{ .bad = &.{.{ .file = norm.file, .offset = norm.offset, .bytes = 1 }} } };
    const failing = try Engine.openWith(gpa, disk.model.description, rig.exact, hooks, &message);
    defer failing.close();
    var progress: abi.LoadProgress = undefined;
    try std.testing.expectError(error.IoFailed, failing.load(&progress));
}

test "a failed expert read fails the step by name, breaks its session and nothing else" {
    var disk: Disk = try .init(.{ .kinds = &.{.delta_net}, .file_count = 1 });
    defer disk.deinit();
    // All of the gate projections' weights: whatever is routed to cannot be read.
    const gate = disk.model.find(.expert_gate_proj, 0).weight;
    const bad = [_]BadRange{.{ .file = 0, .offset = std.mem.alignForward(u64, gate.offset, 4096), .bytes = gate.stride * 8 - 8192 }};
    const engine = try rig.open(&disk, rig.exact, .{ .simulated = .{ .bad = &bad } });
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var feeds = [_]Feed{.{ .session = session, .tokens = &.{ 1, 2, 3, 4, 5, 6 }, .flags = &.{} }};
    try std.testing.expectError(error.IoFailed, rig.step(engine, &feeds));
    try expectText(&engine.message, "layer 0, expert ");
    try expectText(&engine.message, "part-0.bin");
    try std.testing.expectError(error.SessionBroken, rig.step(engine, &feeds));
    session.reset();
    try std.testing.expectError(error.IoFailed, rig.step(engine, &feeds));
}

test "sessions before loading, steps before loading" {
    var disk: Disk = try .init(.{});
    defer disk.deinit();
    var message: Message = .{};
    const engine = try Engine.open(gpa, disk.model.description, rig.exact, &message);
    defer engine.close();
    const session = try engine.openSession();
    defer session.close();
    var feeds = [_]Feed{.{ .session = session, .tokens = &.{1}, .flags = &.{} }};
    try std.testing.expectError(error.InvalidArgument, rig.step(engine, &feeds));
    try expectText(&engine.message, "not loaded");
    engine.cancel();
    var progress: abi.LoadProgress = undefined;
    try std.testing.expectError(error.Cancelled, engine.load(&progress));
    while (true) {
        try engine.load(&progress);
        try std.testing.expect(progress.loaded_bytes <= progress.total_bytes);
        if (progress.done == 1) break;
    }
    try std.testing.expectEqual(progress.total_bytes, progress.loaded_bytes);
    try rig.step(engine, &feeds);
}

test "an arena that lies is refused, and never read or written outside" {
    const seed: u64 = 0x5eed_0002;
    errdefer std.debug.print("seed {x}\n", .{seed});
    var disk: Disk = try .init(.{ .kinds = &.{.delta_net} });
    defer disk.deinit();
    var options = rig.exact;
    options.sessions = 2;
    options.context = 64;
    const engine = try rig.open(&disk, options, .{});
    defer engine.close();
    var sessions = [_]*Session{ try engine.openSession(), try engine.openSession() };
    defer for (sessions) |session| session.close();
    try sessions[1].setSampling(.{ .top_logprobs = 4, .temperature = 1 });
    const resolver: SessionResolver = .{ .context = &sessions, .find = struct {
        fn find(context: *const anyopaque, handle: u32) ?*anyopaque {
            const list: *const [2]*Session = @ptrCast(@alignCast(context));
            return if (handle < 2) list[handle] else null;
        }
    }.find };
    // Exactly as long as used, so that the testing allocator's guard would see an overrun.
    const arena = try gpa.alignedAlloc(u8, .@"8", 4096);
    defer gpa.free(arena);
    var random: std.Random.DefaultPrng = .init(seed);
    const r = random.random();
    const interesting = [_]u32{ 0, 1, 2, 3, 4, 8, 12, 95, 96, 4088, 4092, 4095, 4096, 4100, 0x7fff_fffc, 0xffff_fffc, 0xffff_ffff };
    var completed: usize = 0;
    const rounds = test_rounds.rounds(3000);
    for (0..rounds) |_| {
        for (sessions) |session| if (session.broken or session.position > 40) session.reset();
        r.bytes(arena);
        const ids = @as([*]u32, @ptrCast(arena.ptr))[0 .. arena.len / 4];
        for (ids) |*id| id.* = if (r.uintLessThan(u8, 100) == 0) r.int(u32) else r.uintLessThan(u32, vocab);
        const items = @as([*]abi.StepItem, @ptrCast(arena.ptr))[0..2];
        for (items, 0..) |*item, i| {
            item.* = std.mem.zeroes(abi.StepItem);
            item.session = @intCast(i);
            item.flags = r.uintLessThan(u32, 16);
            item.tokens_offset = 200;
            item.token_count = r.uintAtMost(u32, 3);
            item.targets_offset = 220;
            item.logits_offset = 1024;
            item.scores_offset = 240;
            item.top_offset = 256;
            inline for (@typeInfo(abi.StepItem).@"struct".fields) |field| {
                if (field.type == u32 and r.uintLessThan(u8, 30) == 0) @field(item, field.name) = interesting[r.uintLessThan(usize, interesting.len)];
            }
        }
        const count = if (r.uintLessThan(u8, 20) == 0) interesting[r.uintLessThan(usize, interesting.len)] else r.intRangeAtMost(u32, 1, 2);
        const length = if (r.uintLessThan(u8, 20) == 0) r.uintLessThan(usize, 4096) else 4096;
        engine.message.clear();
        engine.step(arena[0..length], count, resolver) catch {
            try std.testing.expect(engine.message.text().len > 0);
            continue;
        };
        completed += 1;
    }
    try std.testing.expect(completed > rounds / 10 and completed < rounds - rounds / 30);
}
