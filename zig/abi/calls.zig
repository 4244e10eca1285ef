//! The table of exported calls: one public declaration per symbol, named as it is exported. `zig/flashmoe.zig` exports
//! it, `manifest.zig` reflects over it. Generic over `core`, what the boundary needs of the other rooms (see engine.zig;
//! also `fill(path, *const abi.FillArgs, *Message) Error!void`,
//! `pack([]align(8) u8, *Message) Error!void` and what machine.zig asks for).

const engine = @import("engine.zig");
const heads = @import("heads.zig");
const session = @import("session.zig");
const library = @import("library.zig");
const machine = @import("machine.zig");
const measure = @import("measure.zig");
const file = @import("file.zig");
const trace = @import("trace.zig");

pub fn Table(comptime core: type) type {
    return struct {
        const Library = library.Calls(@This());
        const Engine = engine.Calls(core);
        const Heads = heads.Calls(core);
        const Session = session.Calls(core);

        pub const fm_abi_hash = Library.abiHash;
        pub const fm_abi_manifest = Library.abiManifest;
        pub const fm_error_message = library.errorMessage;
        pub const fm_handle_count = library.handleCount;
        pub const fm_cpu_info = machine.Calls(core).cpuInfo;
        pub const fm_fill = file.Calls(core).fill;
        pub const fm_measure_disk = measure.Calls(core).disk;
        pub const fm_measure_memory = measure.Calls(core).memory;
        pub const fm_pack = file.Calls(core).pack;

        pub const fm_trace_replay = trace.Calls(core).replay;
        pub const fm_trace_export = trace.Calls(core).exportTo;

        pub const fm_plan = Engine.plan;
        pub const fm_engine_open = Engine.open;
        pub const fm_engine_load = Engine.load;
        pub const fm_engine_plan = Engine.planOf;
        pub const fm_engine_stats = Engine.stats;
        pub const fm_engine_trace = Engine.trace;
        pub const fm_engine_step = Engine.step;
        pub const fm_engine_cancel = Engine.cancel;
        pub const fm_engine_progress = Engine.progressOf;
        pub const fm_engine_close = Engine.close;

        pub const fm_heads_load = Heads.load;
        pub const fm_heads_train = Heads.train;
        pub const fm_heads_save = Heads.save;
        pub const fm_heads_figures = Heads.figures;

        pub const fm_session_open = Session.open;
        pub const fm_session_load = Session.load;
        pub const fm_session_info = Session.info;
        pub const fm_session_sampling = Session.sampling;
        pub const fm_session_reset = Session.reset;
        pub const fm_session_save = Session.save;
        pub const fm_session_user = Session.userBlob;
        pub const fm_session_close = Session.close;
    };
}

/// Enough of a core to know the signatures: no body is compiled.
pub const Signatures = Table(struct {
    pub const Engine = struct {};
    pub const Session = struct {};
});
