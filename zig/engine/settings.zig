//! The engine's options, checked against the model and with every default filled in. Plain data.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const ReaderOptions = @import("../io/open.zig").ReaderOptions;
const process = @import("process.zig");

const Error = result.Error;
const Message = result.Message;

pub const sessions_max = 256;
pub const threads_max = 512;
pub const chunk_tokens_max = 16384;
const heads_bytes_max: u64 = 1 << 40;
const context_default = 8192;
/// Where the caller leaves it open: what a step is planned for, and how far the plan may raise that.
const chunk_tokens_default = 512;
const chunk_tokens_automatic_max = 2048;

pub const Settings = struct {
    memory_bytes: u64,
    context: u32,
    threads: u32,
    cpu_level: abi.CpuLevel,
    kv_format: abi.Format,
    experts_per_token: u32,
    /// Most tokens of a step; the plan may lower it, and double it up to `chunk_tokens_most`.
    chunk_tokens: u32,
    chunk_tokens_most: u32,
    sessions: u32,
    reader: abi.ReaderKind,
    reader_threads: u32,
    queue_depth: u32,
    read_split: u32,
    direct_io: bool,
    prefetch: abi.Prefetch,
    throttle_bytes_per_second: u64,
    wait_for_misses: bool,
    paranoid: bool,
    heads_bytes: u64,
    heads_training_bytes: u64,

    pub fn init(options: *const abi.EngineOptions, shape: *const abi.ModelDesc, message: *Message) Error!Settings {
        const o = options;
        if (o.reserved0 != 0) return message.fail(error.InvalidArgument, "a reserved engine option is not zero", .{});
        if (o.experts_per_token > shape.experts)
            return message.fail(
                error.InvalidArgument,
                "{d} experts per token, but each layer has {d}; use 1 to {d}",
                .{ o.experts_per_token, shape.experts, shape.experts },
            );
        if (o.context > shape.context_max)
            return message.fail(
                error.InvalidArgument,
                "a context of {d} tokens, but the model was made for {d}; use at most that",
                .{ o.context, shape.context_max },
            );
        if (o.sessions == 0 or o.sessions > sessions_max) return message.fail(
            error.InvalidArgument,
            "{d} sessions; use 1 to {d}",
            .{ o.sessions, sessions_max },
        );
        if (o.threads > threads_max) return message.fail(error.InvalidArgument, "{d} threads; use at most {d}", .{ o.threads, threads_max });
        if (o.chunk_tokens > chunk_tokens_max) return message.fail(
            error.InvalidArgument,
            "{d} tokens a step; use at most {d}",
            .{ o.chunk_tokens, chunk_tokens_max },
        );
        if (o.direct_io > 1) return message.fail(error.InvalidArgument, "direct I/O is 0 or 1, not {d}", .{o.direct_io});
        if (o.wait_for_misses > 1) return message.fail(error.InvalidArgument, "waiting for all misses is 0 or 1, not {d}", .{o.wait_for_misses});
        if (o.paranoid > 1) return message.fail(error.InvalidArgument, "paranoid is 0 or 1, not {d}", .{o.paranoid});
        if (o.paranoid == 1 and shape.record_hashes_offset == 0) return message.fail(
            error.InvalidArgument,
            "only packed models have hashes to compare with; pack this one first, or leave paranoid out",
            .{},
        );
        if (o.throttle_bytes_per_second != 0 and (o.reader != @intFromEnum(abi.ReaderKind.simulated) or o.throttle_bytes_per_second > 1 << 40))
            return message.fail(error.InvalidArgument, "only the simulated reader can be throttled, to 1 byte to 1 TiB a second", .{});
        if (@max(o.heads_bytes, o.heads_training_bytes) > heads_bytes_max)
            return message.fail(error.InvalidArgument, "heads take at most {Bi}", .{heads_bytes_max});
        const kv_format: abi.Format = switch (o.kv_format) {
            @intFromEnum(abi.Format.f16) => .f16,
            @intFromEnum(abi.Format.f32) => .f32,
            else => return message.fail(error.InvalidArgument, "keys and values are kept in f16 or f32, not in format {d}", .{o.kv_format}),
        };
        const context = if (o.context == 0) @min(shape.context_max, context_default) else o.context;
        const chunk = @min(if (o.chunk_tokens == 0) chunk_tokens_default else o.chunk_tokens, context);
        const settings: Settings = .{
            .memory_bytes = o.memory_bytes,
            .context = context,
            .threads = if (o.threads == 0) @min(process.processorCount(), threads_max) else o.threads,
            .cpu_level = std.enums.fromInt(abi.CpuLevel, o.cpu_level) orelse
                return message.fail(error.InvalidArgument, "the CPU level {d} is unknown", .{o.cpu_level}),
            .kv_format = kv_format,
            .experts_per_token = if (o.experts_per_token == 0) shape.experts_per_token else o.experts_per_token,
            .chunk_tokens = @max(chunk, o.sessions), // every session can take part in a step
            .chunk_tokens_most = if (o.chunk_tokens == 0) @min(chunk_tokens_automatic_max, context) else 0,
            .sessions = o.sessions,
            .reader = std.enums.fromInt(abi.ReaderKind, o.reader) orelse
                return message.fail(error.InvalidArgument, "the reader {d} is unknown", .{o.reader}),
            .reader_threads = o.reader_threads,
            .queue_depth = o.queue_depth,
            .read_split = o.read_split,
            .direct_io = o.direct_io == 1,
            .prefetch = std.enums.fromInt(abi.Prefetch, o.prefetch) orelse
                return message.fail(error.InvalidArgument, "prefetch mode {d} is unknown", .{o.prefetch}),
            .throttle_bytes_per_second = o.throttle_bytes_per_second,
            .wait_for_misses = o.wait_for_misses == 1,
            .paranoid = o.paranoid == 1,
            .heads_bytes = o.heads_bytes,
            .heads_training_bytes = o.heads_training_bytes,
        };
        try settings.readerOptions().check(message);
        return settings;
    }

    pub fn readerOptions(settings: *const Settings) ReaderOptions {
        return .{
            .kind = settings.reader,
            .depth = settings.queue_depth,
            .split = settings.read_split,
            .threads = settings.reader_threads,
        };
    }
};
