//! What open and plan have in common: the checked description and settings, the backend, the layouts and the memory
//! plan, all before anything large is allocated or read. Owns them until an engine takes them over.

const std = @import("std");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const cpu = @import("../backend/cpu/backend.zig");
const detect = @import("../backend/cpu/kernels/detect.zig");
const store = @import("../experts/store.zig");
const Description = @import("../format/description.zig").Description;
const memory_plan = @import("memory_plan.zig");
const model_room = @import("model.zig");
const process = @import("process.zig");
const Settings = @import("settings.zig").Settings;
const StateLayout = @import("state_layout.zig").StateLayout;

const Error = result.Error;
const Message = result.Message;

pub const Hooks = struct {
    /// Instead of what the process holds, for plans that must not depend on it.
    resident_bytes: ?u64 = null,
    /// Instead of the machine's memory.
    machine_bytes: ?u64 = null,
};

pub const Foundation = struct {
    arena: std.heap.ArenaAllocator,
    description: Description,
    settings: Settings,
    device: backend.Backend,
    layers: []const store.LayerExperts,
    file_infos: []const store.FileInfo,
    weights: model_room.WeightsLayout,
    state: StateLayout,
    plan: abi.Plan,

    pub fn init(gpa: std.mem.Allocator, desc: []align(8) const u8, options: *const abi.EngineOptions, hooks: Hooks, message: *Message) Error!Foundation {
        // First of all: what is allocated below is counted by the plan.
        const resident_bytes = hooks.resident_bytes orelse process.residentBytes();
        var description: Description = try .parse(gpa, desc, message);
        errdefer description.deinit();
        const settings: Settings = try .init(options, &description.shape, message);
        var arena: std.heap.ArenaAllocator = .init(gpa);
        errdefer arena.deinit();
        const tables = Tables.init(arena.allocator(), &description, &settings) catch
            return message.fail(error.OutOfMemory, "no memory for the model's tables", .{});
        try store.validate(tables.layers, description.shape.experts, tables.file_infos, message);
        const level = try chooseLevel(settings.cpu_level, message);
        const device = cpu.create(gpa, .{ .threads = settings.threads, .level = level }) catch
            return message.fail(error.OutOfMemory, "cannot start {d} compute threads; use fewer", .{settings.threads});
        const plan = memory_plan.compute(.{
            .description = &description,
            .settings = &settings,
            .device = device,
            .cpu_level = level,
            .layers = tables.layers,
            .weights = &tables.weights,
            .state = &tables.state,
            .resident_bytes = resident_bytes,
            .machine_bytes = hooks.machine_bytes orelse process.machineBytes(),
        });
        return .{
            .arena = arena,
            .description = description,
            .settings = settings,
            .device = device,
            .layers = tables.layers,
            .file_infos = tables.file_infos,
            .weights = tables.weights,
            .state = tables.state,
            .plan = plan,
        };
    }

    pub fn deinit(foundation: *Foundation) void {
        foundation.device.vtable.deinit(foundation.device.context);
        foundation.arena.deinit();
        foundation.description.deinit();
        foundation.* = undefined;
    }
};

/// What lives in the arena.
const Tables = struct {
    layers: []const store.LayerExperts,
    file_infos: []const store.FileInfo,
    weights: model_room.WeightsLayout,
    state: StateLayout,

    fn init(arena: std.mem.Allocator, description: *const Description, settings: *const Settings) error{OutOfMemory}!Tables {
        const infos = try arena.alloc(store.FileInfo, description.files.len);
        for (infos, description.files) |*info, file| info.* = .{ .path = file.path, .bytes = file.bytes };
        return .{
            .layers = try model_room.expertLayers(arena, description),
            .file_infos = infos,
            .weights = try .init(arena, description),
            .state = try .init(arena, description, settings.context, settings.kv_format),
        };
    }
};

fn chooseLevel(wanted: abi.CpuLevel, message: *Message) Error!abi.CpuLevel {
    if (wanted == .automatic) return detect.best();
    if (detect.supported().contains(wanted)) return wanted;
    return message.fail(error.Unsupported, "this machine does not run the CPU level {t}; its best is {t}", .{ wanted, detect.best() });
}
