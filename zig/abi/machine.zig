//! fm_cpu_info: what this machine offers. Any thread.

const types = @import("types.zig");
const context = @import("context.zig");

pub fn Calls(comptime core: type) type {
    return struct {
        pub fn cpuInfo(out: ?*anyopaque) callconv(.c) i32 {
            const place = context.checked(types.CpuInfo, out) catch |err|
                return context.refused(err, "the place for the machine's description is missing or not aligned", .{});
            place.* = .{
                .level = @intFromEnum(core.detect.best()),
                .cores = core.process.processorCount(),
                .memory_bytes = core.process.machineBytes(),
                .supported_levels = core.detect.supportedBits(),
                .direct_io = @intFromBool(core.direct_supported),
            };
            return context.ok;
        }
    };
}
