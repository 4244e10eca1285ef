//! fm_measure_disk, fm_measure_memory: what the machine can do, one bounded slice a call. Needs no engine; any thread.
//! Expected of `core.measure`: `disk(gpa, desc, *const EngineOptions, *DiskMeasurement, *Message) Error!void` and
//! `memoryRead(gpa, *MemoryMeasurement, *Message) Error!void`.

const types = @import("types.zig");
const context = @import("context.zig");
const engine = @import("engine.zig");

pub fn Calls(comptime core: type) type {
    return struct {
        /// Holds `in_flight` records in memory while it runs.
        pub fn disk(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, measurement: ?*anyopaque) callconv(.c) i32 {
            var message: context.Message = .{};
            diskInto(desc, desc_bytes, options, measurement, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }

        fn diskInto(desc: ?*const anyopaque, desc_bytes: u32, options: ?*const anyopaque, measurement: ?*anyopaque, message: *context.Message) context.Error!void {
            const description = try engine.descriptionOf(desc, desc_bytes, message);
            const settings = (try engine.checkedOptions(options, message)).*;
            const args = try context.checked(types.DiskMeasurement, measurement);
            try core.measure.disk(context.gpa, description, &settings, args, message);
        }

        /// Holds `block_bytes` of memory while it runs.
        pub fn memory(measurement: ?*anyopaque) callconv(.c) i32 {
            const args = context.checked(types.MemoryMeasurement, measurement) catch |err|
                return context.refused(err, "the measurement is missing or not aligned", .{});
            var message: context.Message = .{};
            core.measure.memoryRead(context.gpa, args, &message) catch |err| return context.failed(err, message.text());
            return context.ok;
        }
    };
}
