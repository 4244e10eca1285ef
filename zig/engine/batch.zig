//! A step's batch: reads the caller's arena, which nobody trusts, checks every number in it, and copies what the step
//! needs, so that nothing the caller changes meanwhile matters. Touches no session. The engine's thread enters.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const SessionResolver = @import("../abi/resolver.zig").SessionResolver;
const Session = @import("session.zig").Session;
const Engine = @import("engine.zig").Engine;

const Error = result.Error;
const StepItem = abi.StepItem;

/// One session's share of a step, checked.
pub const Item = struct {
    session: *Session,
    flags: u32,
    /// Its tokens are [first, first + count) of the batch.
    first: usize,
    count: usize,
    /// Byte offsets in the arena, meaningful where the flags ask for them.
    logits_offset: usize,
    scores_offset: usize,
    top_offset: usize,
    sampled: u32 = abi.none_u32,
    logprob: f32 = 0,

    pub fn asks(item: *const Item, flag: abi.StepFlag) bool {
        return item.flags & @intFromEnum(flag) != 0;
    }
};

const known_flags: u32 = flags: {
    var bits: u32 = 0;
    for (std.enums.values(abi.StepFlag)) |flag| bits |= @intFromEnum(flag);
    break :flags bits;
};

pub const Batch = struct {
    items: []Item,
    tokens: []const u32,
    /// One token per session: such a step is short and always completes.
    decode: bool,
};

pub const Arena = []align(8) u8;

/// The caller's items at the arena's start; `count` of them were found to fit.
pub fn stepItems(arena: Arena, count: u32) []StepItem {
    const first: [*]StepItem = @ptrCast(@alignCast(arena.ptr));
    return first[0..count];
}

/// Fills the engine's workspace from the arena. On error no session was touched.
pub fn collect(engine: *Engine, arena: Arena, count: u32, sessions: SessionResolver) Error!Batch {
    const message = &engine.message;
    if (count == 0 or count > engine.workspace.items.len)
        return message.fail(
            error.InvalidArgument,
            "a step of {d} items; the engine was opened for 1 to {d} sessions",
            .{ count, engine.workspace.items.len },
        );
    if (@as(u64, count) * @sizeOf(StepItem) > arena.len)
        return message.fail(error.InvalidArgument, "a step of {d} items does not fit its arena of {d} bytes", .{ count, arena.len });
    var reader: Reader = .{ .engine = engine, .arena = arena, .sessions = sessions };
    for (stepItems(arena, count), engine.workspace.items[0..count], 0..) |given, *item, number| {
        // A copy: the checks and the use must see the same numbers.
        const raw = given;
        try reader.item(&raw, item, number);
    }
    return .{ .items = engine.workspace.items[0..count], .tokens = engine.workspace.tokens[0..reader.total], .decode = reader.decode };
}

const Reader = struct {
    engine: *Engine,
    arena: Arena,
    sessions: SessionResolver,
    total: usize = 0,
    decode: bool = true,

    fn item(reader: *Reader, raw: *const StepItem, out: *Item, number: usize) Error!void {
        const engine = reader.engine;
        const message = &engine.message;
        const session = reader.sessions.get(Session, raw.session) orelse
            return message.fail(error.InvalidHandle, "item {d} of the step names a session that is not open in this engine", .{number});
        for (engine.workspace.items[0..number]) |*earlier| {
            if (earlier.session == session) return message.fail(
                error.InvalidArgument,
                "item {d} of the step names a session for the second time",
                .{number},
            );
        }
        if (session.broken) return session.failBroken();
        if (raw.flags & ~known_flags != 0) return message.fail(
            error.InvalidArgument,
            "item {d} of the step asks for the unknown flags {x}",
            .{ number, raw.flags & ~known_flags },
        );
        const room = engine.workspace.tokens.len - reader.total;
        if (raw.token_count == 0) return message.fail(error.InvalidArgument, "item {d} of the step has no tokens", .{number});
        if (raw.token_count > room) return message.fail(
            error.InvalidArgument,
            "the step has more than {d} tokens; feed longer prompts in several steps",
            .{engine.workspace.tokens.len},
        );
        const context = engine.settings.context;
        if (raw.token_count > context - session.position)
            return message.fail(
                error.ContextFull,
                "{d} tokens after {d} do not fit the session's context of {d}; open the engine with a larger one or reset the session",
                .{ raw.token_count, session.position, context },
            );
        out.* = .{
            .session = session,
            .flags = raw.flags,
            .first = reader.total,
            .count = raw.token_count,
            .logits_offset = raw.logits_offset,
            .scores_offset = raw.scores_offset,
            .top_offset = raw.top_offset,
        };
        try reader.copyIds(raw.tokens_offset, raw.token_count, engine.workspace.tokens, false, number);
        if (out.asks(.score)) try reader.copyIds(raw.targets_offset, raw.token_count, engine.workspace.targets, true, number);
        try reader.checkOutputs(out, number);
        reader.total += raw.token_count;
        reader.decode = reader.decode and raw.token_count == 1;
    }

    /// Copies ids below the vocabulary to where the batch's tokens end; targets may also be none_u32.
    fn copyIds(reader: *Reader, offset: u32, count: u32, to: []u32, targets: bool, number: usize) Error!void {
        const vocab = reader.engine.description.shape.vocab;
        const source = try reader.region(offset, count, @sizeOf(u32), number);
        const ids = to[reader.total..][0..count];
        @memcpy(std.mem.sliceAsBytes(ids), source);
        for (ids, 0..) |id, i| {
            if (id < vocab or (targets and id == abi.none_u32)) continue;
            return reader.engine.message.fail(
                error.InvalidArgument,
                "{s} {d} of item {d} is {d}, outside the vocabulary of {d}",
                .{ if (targets) "target" else "token", i, number, id, vocab },
            );
        }
    }

    fn checkOutputs(reader: *Reader, item_: *const Item, number: usize) Error!void {
        const vocab = reader.engine.description.shape.vocab;
        if (item_.asks(.logits_last) and item_.asks(.logits_all))
            return reader.engine.message.fail(
                error.InvalidArgument,
                "item {d} of the step asks for the last logits and for all of them; choose one",
                .{number},
            );
        if (item_.asks(.logits_last)) _ = try reader.region(item_.logits_offset, vocab, @sizeOf(f32), number);
        if (item_.asks(.logits_all)) _ = try reader.region(item_.logits_offset, vocab * @as(u64, item_.count), @sizeOf(f32), number);
        if (item_.asks(.score)) _ = try reader.region(item_.scores_offset, item_.count, @sizeOf(f32), number);
        const alternatives = item_.session.sampling.top_logprobs;
        if (item_.asks(.sample) and alternatives > 0) _ = try reader.region(item_.top_offset, alternatives, @sizeOf(abi.TopLogprob), number);
    }

    /// `count` values of `size` bytes inside the arena, behind its items' bytes or not: they are the caller's to spoil.
    fn region(reader: *Reader, offset: u64, count: u64, size: u64, number: usize) Error![]u8 {
        const bytes = count * size; // both below 2^41
        if (offset % 4 != 0 or offset > reader.arena.len or bytes > reader.arena.len - offset)
            return reader.engine.message.fail(
                error.InvalidArgument,
                "item {d} of the step names {d} bytes at {d}, not aligned to 4 or outside its arena of {d}",
                .{ number, bytes, offset, reader.arena.len },
            );
        return reader.arena[@intCast(offset)..][0..@intCast(bytes)];
    }
};
