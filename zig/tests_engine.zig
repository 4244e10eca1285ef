//! Root of the engine's tests, and of the C boundary's, which compile the engine too.

test {
    _ = @import("tests_abi.zig");
    _ = @import("engine/activations.zig");
    _ = @import("engine/ahead_test.zig");
    _ = @import("engine/benefit_test.zig");
    _ = @import("engine/engine.zig");
    _ = @import("engine/process.zig");
    _ = @import("engine/random.zig");
    _ = @import("engine/vector_math.zig");
    _ = @import("engine/engine_test.zig");
    _ = @import("engine/fuzz_test.zig");
    _ = @import("engine/heads_block.zig");
    _ = @import("engine/heads_mlp.zig");
    _ = @import("engine/heads_recorder.zig");
    _ = @import("engine/heads_test.zig");
    _ = @import("engine/refusal_test.zig");
    _ = @import("engine/reference_test.zig");
    _ = @import("engine/sampler_test.zig");
    _ = @import("engine/measure_test.zig");
    _ = @import("engine/session_test.zig");
    _ = @import("engine/step_progress.zig");
    _ = @import("engine/step_progress_test.zig");
}
