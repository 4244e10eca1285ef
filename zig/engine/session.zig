//! One mutable timeline: a session's state on the device, its tokens, its sampling settings and random numbers.
//! Memory is allocated when the session opens, within what the plan set aside. One thread (the engine's) enters.

const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const heads_past = @import("heads_past.zig");
const sampler = @import("sampler.zig");
const session_file = @import("session_file.zig");
const Engine = @import("engine.zig").Engine;
const Random = @import("random.zig").Random;

const Error = result.Error;

pub const Session = struct {
    engine: *Engine,
    buffer: backend.Buffer, // laid out by the engine's StateLayout
    /// What heads are told of the token before; null where none can be used.
    past: ?backend.Buffer = null,
    /// The row where its last token was recorded for training heads.
    recorded: u32 = abi.none_u32,
    /// [context] every token fed so far, prompt and reply alike. A sampled token enters when it is fed.
    history: []u32,
    /// Tokens in the state.
    position: u32 = 0,
    /// A step failed half way: the layers disagree about the position.
    broken: bool = false,
    sampling: abi.Sampling = .{},
    random: Random = .init(0),
    /// Stored with the file the session was loaded from.
    user: []u8 = &.{},

    /// Called by the engine, which counts its sessions.
    pub fn create(engine: *Engine) Error!*Session {
        const gpa = engine.gpa;
        const out_of_memory = "no memory for the session's {d} bytes of state; close sessions or lower the context";
        const session = gpa.create(Session) catch return engine.message.fail(error.OutOfMemory, out_of_memory, .{engine.state.bytes});
        errdefer gpa.destroy(session);
        const history = gpa.alloc(u32, engine.settings.context) catch return engine.message.fail(
            error.OutOfMemory,
            out_of_memory,
            .{engine.state.bytes},
        );
        errdefer gpa.free(history);
        const buffer = engine.device.vtable.alloc(engine.device.context, @max(engine.state.bytes, 1), .state) catch
            return engine.message.fail(error.OutOfMemory, out_of_memory, .{engine.state.bytes});
        session.* = .{ .engine = engine, .buffer = buffer, .history = history };
        errdefer engine.device.vtable.free(engine.device.context, &session.buffer);
        if (engine.settings.heads_bytes != 0) session.past = engine.device.vtable.alloc(
            engine.device.context,
            heads_past.bytes(&engine.description.shape),
            .state,
        ) catch return engine.message.fail(error.OutOfMemory, out_of_memory, .{engine.state.bytes});
        session.clear();
        return session;
    }

    pub fn close(session: *Session) void {
        const engine = session.engine;
        engine.device.vtable.free(engine.device.context, &session.buffer);
        if (session.past) |*past| engine.device.vtable.free(engine.device.context, past);
        engine.gpa.free(session.history);
        engine.gpa.free(session.user);
        engine.session_count -= 1;
        engine.gpa.destroy(session);
    }

    /// Back to an empty context, with the same settings and the seed's first draw. Mends a broken session.
    pub fn reset(session: *Session) void {
        session.clear();
        session.position = 0;
        session.broken = false;
        session.random = .init(session.sampling.seed);
    }

    fn clear(session: *Session) void {
        const engine = session.engine;
        engine.state.clear(engine.device, &session.buffer);
        if (session.past) |*past|
            engine.device.vtable.zero(engine.device.context, .{ .buffer = past }, heads_past.bytes(&engine.description.shape));
    }

    pub fn info(session: *const Session) abi.SessionInfo {
        return .{
            .position = session.position,
            .context = session.engine.settings.context,
            .state_bytes = session.engine.state.liveBytes(session.position),
            .user_bytes = @intCast(session.user.len),
            .reserved = 0,
        };
    }

    /// A new seed starts its draws anew; the same seed goes on where it was, so that settings may be given again at
    /// every turn, and after a file was loaded, without repeating random numbers.
    pub fn setSampling(session: *Session, sampling: abi.Sampling) Error!void {
        try sampler.check(&sampling, &session.engine.message);
        if (sampling.seed != session.sampling.seed) session.random = .init(sampling.seed);
        session.sampling = sampling;
    }

    /// Writes the state and the caller's blob to a temporary name beside `path`, syncs and renames.
    pub fn save(session: *Session, path: []const u8, user: []const u8) Error!void {
        if (session.broken) return session.failBroken();
        return session_file.save(session, path, user);
    }

    pub fn userBlob(session: *const Session) []const u8 {
        return session.user;
    }

    pub fn failBroken(session: *const Session) Error {
        return session.engine.message.fail(
            error.SessionBroken,
            "an earlier step of this session failed or was cancelled half way; reset the session, or load it from its file",
            .{},
        );
    }
};
