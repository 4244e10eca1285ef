//! The exported calls over a model of an engine: codes, texts, bad pointers, use after close, Busy and cancel from
//! another thread. The real engine behind the same calls is tested from TypeScript (src/native, src/engine).

const std = @import("std");
const types = @import("types.zig");
const result = @import("result.zig");
const calls = @import("calls.zig");
const SessionResolver = @import("resolver.zig").SessionResolver;

const Error = result.Error;
const Result = types.Result;
const expectEqual = std.testing.expectEqual;

/// Counts what is open and fails on request; a step waits until it is cancelled.
const model = struct {
    var engines: std.atomic.Value(u32) = .init(0);
    var sessions: std.atomic.Value(u32) = .init(0);

    pub const Engine = struct {
        message: result.Message = .{},
        cancelled: std.atomic.Value(bool) = .init(false),
        stepping: std.atomic.Value(bool) = .init(false),
        sessions_found: u32 = 0,

        pub fn open(gpa: std.mem.Allocator, bytes: []align(8) const u8, options: types.EngineOptions, message: *result.Message) Error!*Engine {
            if (options.threads == 99) return message.fail(error.Unsupported, "no machine has {d} threads; {d} bytes", .{ options.threads, bytes.len });
            const engine = try gpa.create(Engine);
            engine.* = .{};
            _ = engines.fetchAdd(1, .monotonic);
            return engine;
        }
        pub fn load(_: *Engine, progress: *types.LoadProgress) Error!void {
            progress.* = .{ .loaded_bytes = 7, .total_bytes = 7, .done = 1, .reserved = 0 };
        }
        pub fn plan(_: *Engine) types.Plan {
            var p = std.mem.zeroes(types.Plan);
            p.slot_count = 11;
            return p;
        }
        pub fn stats(_: *Engine) types.Stats {
            return std.mem.zeroes(types.Stats);
        }
        pub fn trace(engine: *Engine, path: []const u8) Error!void {
            if (path.len == 0) return engine.message.fail(error.InvalidArgument, "no trace is being recorded", .{});
        }
        pub fn loadHeads(engine: *Engine, path: []const u8) Error!void {
            return engine.message.fail(error.InvalidArgument, "{s} is no file of heads", .{path});
        }
        pub fn saveHeads(engine: *Engine, path: []const u8) Error!void {
            return engine.message.fail(error.InvalidArgument, "no heads for {s}", .{path});
        }
        pub fn trainHeads(_: *Engine, args: *types.HeadsTraining) Error!void {
            args.done = 1;
        }
        pub fn headFigures(_: *const Engine) []const types.HeadFigures {
            return &.{};
        }
        pub fn cancel(engine: *Engine) void {
            engine.cancelled.store(true, .release);
        }
        pub fn stepProgress(_: *const Engine) types.StepProgress {
            return .{ .expert_bytes = 9, .position = 3, .tokens = 5, .done_layers = 1, .layers = 2 };
        }
        pub fn openSession(engine: *Engine) Error!*Session {
            const session = try std.heap.c_allocator.create(Session);
            session.* = .{ .engine = engine };
            _ = sessions.fetchAdd(1, .monotonic);
            return session;
        }
        pub fn loadSession(engine: *Engine, path: []const u8) Error!*Session {
            return engine.message.fail(error.SessionFileInvalid, "{s} is no session file", .{path});
        }
        pub fn step(engine: *Engine, arena: []align(8) u8, count: u32, resolver: SessionResolver) Error!void {
            const items: [*]types.StepItem = @ptrCast(arena);
            engine.sessions_found = 0;
            for (items[0..count]) |item| {
                const session = resolver.get(Session, item.session) orelse
                    return engine.message.fail(error.InvalidHandle, "session {d} is not open", .{item.session});
                std.debug.assert(session.engine == engine);
                engine.sessions_found += 1;
            }
            engine.stepping.store(true, .release);
            while (!engine.cancelled.load(.acquire)) std.Thread.yield() catch {};
            return engine.message.fail(error.Cancelled, "cancelled in the model of an engine", .{});
        }
        pub fn close(engine: *Engine) void {
            std.heap.c_allocator.destroy(engine);
            _ = engines.fetchSub(1, .monotonic);
        }
    };
    pub const Session = struct {
        engine: *Engine,

        pub fn close(session: *Session) void {
            std.heap.c_allocator.destroy(session);
            _ = sessions.fetchSub(1, .monotonic);
        }
        pub fn reset(_: *Session) void {}
        pub fn info(_: *Session) types.SessionInfo {
            return std.mem.zeroes(types.SessionInfo);
        }
        pub fn setSampling(session: *Session, sampling: types.Sampling) Error!void {
            if (sampling.temperature < 0) return session.engine.message.fail(error.InvalidArgument, "temperature {d}", .{sampling.temperature});
        }
        pub fn save(session: *Session, path: []const u8, user: []const u8) Error!void {
            return session.engine.message.fail(error.IoFailed, "{s} with {d} bytes", .{ path, user.len });
        }
        pub fn userBlob(_: *Session) []const u8 {
            return "blob of the caller";
        }
    };
    pub fn planOnly(_: std.mem.Allocator, _: []align(8) const u8, _: types.EngineOptions, message: *result.Message) Error!types.Plan {
        return message.fail(error.ModelInvalid, "a model without layers", .{});
    }
    pub fn fill(path: []const u8, args: *const types.FillArgs, message: *result.Message) Error!void {
        if (args.bytes == 0) return message.fail(error.InvalidArgument, "{s}: nothing to fill", .{path});
    }
    pub const measure = struct {
        pub fn disk(_: std.mem.Allocator, _: []align(8) const u8, options: *const types.EngineOptions, args: *types.DiskMeasurement, message: *result.Message) Error!void {
            if (args.milliseconds == 0) return message.fail(error.InvalidArgument, "no time for {d} threads", .{options.threads});
            args.records = 7;
        }
        pub fn memoryRead(_: std.mem.Allocator, args: *types.MemoryMeasurement, message: *result.Message) Error!void {
            if (args.milliseconds == 0) return message.fail(error.InvalidArgument, "no time", .{});
            args.ns = 5;
        }
    };
    pub fn pack(bytes: []align(8) u8, message: *result.Message) Error!void {
        if (bytes.len != 16) return message.fail(error.InvalidArgument, "a slice of {d} bytes", .{bytes.len});
    }
    pub fn replayTrace(_: std.mem.Allocator, path: []const u8, _: *const types.ReplayArgs, _: *types.ReplayScore, message: *result.Message) Error!void {
        return message.fail(error.IoFailed, "cannot open {s}", .{path});
    }
    pub fn exportTrace(_: std.mem.Allocator, path: []const u8, target: []const u8, message: *result.Message) Error!void {
        return message.fail(error.IoFailed, "cannot open {s} for {s}", .{ path, target });
    }
    pub const detect = struct {
        pub fn best() types.CpuLevel {
            return .avx2;
        }
        pub fn supportedBits() u32 {
            return 6;
        }
    };
    pub const process = struct {
        pub fn processorCount() u32 {
            return 3;
        }
        pub fn machineBytes() u64 {
            return 1 << 40;
        }
    };
    pub const direct_supported = true;
};

const fm = calls.Table(model);
const desc: [@sizeOf(types.ModelDesc)]u8 align(8) = @splat(0);

fn expectResult(expected: Result, code: i32) !void {
    try expectEqual(@intFromEnum(expected), code);
}

fn expectMessage(handle: u32, expected: []const u8) !void {
    var buffer: [result.Message.capacity]u8 = undefined;
    const length = fm.fm_error_message(handle, &buffer, buffer.len);
    try std.testing.expect(length >= 0);
    try std.testing.expectEqualStrings(expected, buffer[0..@intCast(length)]);
}

fn openEngine() !u32 {
    var handle: u32 = 0;
    const options: types.EngineOptions = .{};
    try expectResult(.ok, fm.fm_engine_open(&desc, desc.len, &options, &handle));
    return handle;
}

test "open, use, close; then every call refuses the handles" {
    const engine = try openEngine();
    var session: u32 = 0;
    try expectResult(.ok, fm.fm_session_open(engine, &session));
    var progress: types.LoadProgress = undefined;
    try expectResult(.ok, fm.fm_engine_load(engine, &progress));
    try expectEqual(1, progress.done);
    var plan: types.Plan = undefined;
    try expectResult(.ok, fm.fm_engine_plan(engine, &plan));
    try expectEqual(11, plan.slot_count);
    var info: types.SessionInfo = undefined;
    try expectResult(.ok, fm.fm_session_info(session, &info));
    try expectEqual(2, fm.fm_handle_count());
    try expectEqual(1, model.sessions.load(.monotonic));

    // Closing the engine closes its session.
    try expectResult(.ok, fm.fm_engine_close(engine));
    try expectEqual(0, fm.fm_handle_count());
    try expectEqual(0, model.sessions.load(.monotonic));
    try expectEqual(0, model.engines.load(.monotonic));

    var stats: types.Stats = undefined;
    var step_progress: types.StepProgress = undefined;
    var sampling: types.Sampling = .{};
    var arena: [64]u8 align(8) = @splat(0);
    var buffer: [8]u8 = undefined;
    for ([_]i32{
        fm.fm_engine_progress(engine, &step_progress), fm.fm_engine_close(engine),                   fm.fm_engine_cancel(engine),                     fm.fm_engine_load(engine, &progress),
        fm.fm_engine_plan(engine, &plan),              fm.fm_engine_stats(engine, &stats),           fm.fm_engine_step(engine, &arena, arena.len, 1), fm.fm_session_open(engine, &session),
        fm.fm_session_load(engine, "x", 1, &session),  fm.fm_session_close(session),                 fm.fm_session_reset(session),                    fm.fm_session_info(session, &info),
        fm.fm_session_sampling(session, &sampling),    fm.fm_session_save(session, "x", 1, null, 0), fm.fm_session_user(session, &buffer, 8),         fm.fm_error_message(engine, &buffer, 8),
    }) |code| try expectResult(.invalid_handle, code);
    for ([_]u32{ 0, 1, 0xffff_ffff, 0x8000_0000 }) |handle| {
        try expectResult(.invalid_handle, fm.fm_engine_close(handle));
        try expectResult(.invalid_handle, fm.fm_session_close(handle));
    }
}

test "errors carry their text, by thread and by handle" {
    const options: types.EngineOptions = .{ .threads = 99 };
    var handle: u32 = 77;
    try expectResult(.unsupported, fm.fm_engine_open(&desc, desc.len, &options, &handle));
    try expectMessage(0, std.fmt.comptimePrint("no machine has 99 threads; {d} bytes", .{desc.len}));
    try expectEqual(77, handle); // untouched
    var plan: types.Plan = undefined;
    try expectResult(.model_invalid, fm.fm_plan(&desc, desc.len, &options, &plan));
    try expectMessage(0, "a model without layers");

    const engine = try openEngine();
    defer _ = fm.fm_engine_close(engine);
    try expectMessage(engine, "");
    var session: u32 = 0;
    try expectResult(.session_file_invalid, fm.fm_session_load(engine, "some/path", 9, &session));
    try expectMessage(engine, "some/path is no session file");
    try expectResult(.ok, fm.fm_session_open(engine, &session));
    var sampling: types.Sampling = .{ .temperature = -1 };
    try expectResult(.invalid_argument, fm.fm_session_sampling(session, &sampling));
    try expectMessage(session, "temperature -1");
    try expectMessage(0, "temperature -1");
    try expectResult(.io_failed, fm.fm_session_save(session, "f", 1, "abc", 3));
    try expectMessage(session, "f with 3 bytes");
    // A short buffer gets what fits and learns the length.
    var short: [4]u8 = undefined;
    try expectEqual(14, fm.fm_error_message(session, &short, short.len));
    try std.testing.expectEqualStrings("f wi", &short);
    try expectEqual(18, fm.fm_session_user(session, null, 0));
}

test "null, misaligned and oversized arguments are refused before they are looked at" {
    var plan: types.Plan = undefined;
    const options: types.EngineOptions = .{};
    var handle: u32 = 0;
    var disk_slice: types.DiskMeasurement = .{ .milliseconds = 1 };
    const odd: *const anyopaque = @ptrFromInt(@intFromPtr(&desc) + 1);
    for ([_]i32{
        fm.fm_plan(null, desc.len, &options, &plan),
        fm.fm_plan(odd, desc.len, &options, &plan),
        fm.fm_plan(&desc, desc.len - 1, &options, &plan),
        fm.fm_plan(&desc, 0, &options, &plan),
        fm.fm_plan(&desc, desc.len, null, &plan),
        fm.fm_plan(&desc, desc.len, &options, null),
        fm.fm_engine_open(&desc, desc.len, &options, null),
        fm.fm_engine_open(&desc, desc.len, odd, &handle),
        fm.fm_cpu_info(null),
        fm.fm_fill("x", 1, null),
        fm.fm_measure_disk(null, desc.len, &options, &disk_slice),
        fm.fm_measure_disk(&desc, desc.len - 1, &options, &disk_slice),
        fm.fm_measure_disk(&desc, desc.len, odd, &disk_slice),
        fm.fm_measure_disk(&desc, desc.len, &options, null),
        fm.fm_measure_memory(null),
        fm.fm_fill(null, 1, &types.FillArgs{ .seed = 0, .file_offset = 0, .first_byte = 0, .bytes = 1, .mean = 0, .spread = 0, .kind = 0, .format = 0 }),
        fm.fm_pack(null, 16),
        fm.fm_pack(@constCast(odd), 16),
        fm.fm_error_message(0, null, 5),
    }) |code| try expectResult(.invalid_argument, code);

    const engine = try openEngine();
    defer _ = fm.fm_engine_close(engine);
    var arena: [2 * @sizeOf(types.StepItem)]u8 align(8) = @splat(0);
    for ([_]i32{
        fm.fm_engine_step(engine, null, arena.len, 1),
        fm.fm_engine_step(engine, @ptrCast(arena[1..]), arena.len - 1, 1),
        fm.fm_engine_step(engine, &arena, arena.len, 0),
        fm.fm_engine_step(engine, &arena, arena.len, 3),
        fm.fm_engine_step(engine, &arena, arena.len, 0xffff_ffff),
        fm.fm_engine_load(engine, null),
        fm.fm_engine_progress(engine, null),
        fm.fm_engine_progress(engine, @constCast(odd)),
        fm.fm_session_open(engine, null),
        fm.fm_session_load(engine, null, 4, &handle),
        fm.fm_session_load(engine, "", 0, &handle),
        fm.fm_session_load(engine, "a\x00b", 3, &handle),
        fm.fm_session_load(engine, "\xff\xfe", 2, &handle),
        fm.fm_session_load(engine, @as([]const u8, &(.{'p'} ** 5000)).ptr, 5000, &handle),
    }) |code| try expectResult(.invalid_argument, code);
    try expectEqual(1, fm.fm_handle_count());
}

test "a step resolves only sessions of its own engine" {
    const engine = try openEngine();
    const other = try openEngine();
    defer _ = fm.fm_engine_close(engine);
    defer _ = fm.fm_engine_close(other);
    var foreign: u32 = 0;
    try expectResult(.ok, fm.fm_session_open(other, &foreign));
    var arena: [@sizeOf(types.StepItem)]u8 align(8) = @splat(0);
    const items: [*]types.StepItem = @ptrCast(&arena);
    for ([_]u32{ foreign, engine, 0, 12345 }) |handle| {
        items[0].session = handle;
        try expectResult(.invalid_handle, fm.fm_engine_step(engine, &arena, arena.len, 1));
    }
}

test "while an engine steps, other calls are Busy and cancel gets through" {
    const engine = try openEngine();
    var session: u32 = 0;
    try expectResult(.ok, fm.fm_session_open(engine, &session));
    const Stepper = struct {
        code: i32 = 0,
        text: [64]u8 = undefined,
        text_bytes: i32 = 0,

        fn run(stepper: *@This(), engine_handle: u32, session_handle: u32) void {
            var arena: [@sizeOf(types.StepItem)]u8 align(8) = @splat(0);
            const items: [*]types.StepItem = @ptrCast(&arena);
            items[0].session = session_handle;
            stepper.code = fm.fm_engine_step(engine_handle, &arena, arena.len, 1);
            stepper.text_bytes = fm.fm_error_message(0, &stepper.text, stepper.text.len);
        }
    };
    var stepper: Stepper = .{};
    const thread = try std.Thread.spawn(.{}, Stepper.run, .{ &stepper, engine, session });
    const context = @import("context.zig");
    const found = found: while (true) { // wait until the step is inside
        context.table.lock();
        defer context.table.unlock();
        const inside: *model.Engine = @ptrCast(@alignCast(try context.table.peek(engine, .engine)));
        if (inside.stepping.load(.acquire)) break :found inside;
    };
    var stats: types.Stats = undefined;
    var step_progress: types.StepProgress = undefined;
    try expectResult(.ok, fm.fm_engine_progress(engine, &step_progress));
    try expectEqual(found.stepProgress(), step_progress);
    try expectResult(.busy, fm.fm_engine_stats(engine, &stats));
    try expectResult(.busy, fm.fm_engine_close(engine));
    try expectResult(.busy, fm.fm_session_close(session));
    try expectResult(.busy, fm.fm_session_reset(session));
    try expectEqual(1, found.sessions_found);
    try expectResult(.ok, fm.fm_engine_cancel(engine));
    thread.join();
    try expectResult(.cancelled, stepper.code);
    try std.testing.expectEqualStrings("cancelled in the model of an engine", stepper.text[0..@intCast(stepper.text_bytes)]);
    try expectMessage(engine, "cancelled in the model of an engine");
    try expectResult(.ok, fm.fm_engine_close(engine));
    try expectEqual(0, fm.fm_handle_count());
}

test "the table's limit is an error with a text, and nothing leaks over many cycles" {
    const engine = try openEngine();
    var handle: u32 = 0;
    var opened: u32 = 1;
    while (true) : (opened += 1) {
        const code = fm.fm_session_open(engine, &handle);
        if (code == 0) continue;
        try expectResult(.busy, code);
        break;
    }
    try expectEqual(@import("context.zig").Table.capacity, opened);
    try expectEqual(opened - 1, model.sessions.load(.monotonic));
    try expectResult(.ok, fm.fm_engine_close(engine));
    for (0..2_000) |_| {
        const again = try openEngine();
        try expectResult(.ok, fm.fm_session_open(again, &handle));
        try expectResult(.ok, fm.fm_session_close(handle));
        try expectResult(.ok, fm.fm_engine_close(again));
    }
    try expectEqual(0, fm.fm_handle_count());
    try expectEqual(0, model.engines.load(.monotonic));
    try expectEqual(0, model.sessions.load(.monotonic));
}

test "machine and file calls pass through" {
    var info: types.CpuInfo = undefined;
    try expectResult(.ok, fm.fm_cpu_info(&info));
    try expectEqual(types.CpuInfo{ .level = 2, .cores = 3, .memory_bytes = 1 << 40, .supported_levels = 6, .direct_io = 1 }, info);
    var disk: types.DiskMeasurement = .{};
    try expectResult(.invalid_argument, fm.fm_measure_disk(&desc, desc.len, &types.EngineOptions{ .threads = 9 }, &disk));
    try expectMessage(0, "no time for 9 threads");
    disk.milliseconds = 1;
    try expectResult(.ok, fm.fm_measure_disk(&desc, desc.len, &types.EngineOptions{}, &disk));
    try expectEqual(7, disk.records);
    var memory: types.MemoryMeasurement = .{};
    try expectResult(.invalid_argument, fm.fm_measure_memory(&memory));
    try expectMessage(0, "no time");
    memory.milliseconds = 1;
    try expectResult(.ok, fm.fm_measure_memory(&memory));
    try expectEqual(5, memory.ns);
    var args: types.FillArgs = std.mem.zeroes(types.FillArgs);
    try expectResult(.invalid_argument, fm.fm_fill("a/b", 3, &args));
    try expectMessage(0, "a/b: nothing to fill");
    args.bytes = 64;
    try expectResult(.ok, fm.fm_fill("a/b", 3, &args));
    var slice: [16]u8 align(8) = undefined;
    try expectResult(.invalid_argument, fm.fm_pack(&slice, 8));
    try expectMessage(0, "a slice of 8 bytes");
    try expectResult(.ok, fm.fm_pack(&slice, slice.len));
}
