//! The dynamic library: its export table and its panic handler, nothing else.

const std = @import("std");
const builtin = @import("builtin");
const calls = @import("abi/calls.zig");
const engine = @import("engine/engine.zig");

/// What the boundary needs of the other rooms.
const core = struct {
    pub const Engine = engine.Engine;
    pub const Session = @import("engine/session.zig").Session;
    pub const planOnly = engine.planOnly;
    pub const replayTrace = @import("engine/trace_tools.zig").replay;
    pub const exportTrace = @import("engine/trace_tools.zig").exportTrace;
    pub const fill = @import("format/fill.zig").fill;
    pub const pack = @import("format/pack.zig").pack;
    pub const detect = @import("backend/cpu/kernels/detect.zig");
    pub const measure = @import("engine/measure.zig");
    pub const process = @import("engine/process.zig");
    pub const direct_supported = @import("io/files.zig").direct_supported;
};

const table = calls.Table(core);

comptime {
    for (@typeInfo(table).@"struct".decls) |declaration|
        @export(&@field(table, declaration.name), .{ .name = declaration.name });
}

/// A broken assertion is our mistake and ends the process: say so in one line, with a trace where there are symbols.
pub const panic = std.debug.FullPanic(reportPanic);

fn reportPanic(text: []const u8, first_trace_address: ?usize) noreturn {
    @branchHint(.cold);
    std.debug.print("flashmoe: internal error: {s}\nThis is a mistake in flashmoe, not in your model or command; please report it.\n", .{text});
    if (builtin.mode == .Debug or builtin.mode == .ReleaseSafe)
        std.debug.dumpCurrentStackTrace(.{ .first_address = first_trace_address });
    std.process.abort();
}

/// The host program owns the signals.
pub const std_options: std.Options = .{ .enable_segfault_handler = false };
