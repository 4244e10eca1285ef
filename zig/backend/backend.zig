//! The backend interface: memory and about twenty operations over device-resident state. The engine enqueues
//! operations in order and never looks at a tensor; only `read` and `sync` make results visible to the host.
//! On the CPU every operation completes before it returns. One thread (the engine's) enters.
//! All activations are f32, row-major [tokens, dim].

const abi = @import("../abi/types.zig");

pub const Error = error{ OutOfMemory, DeviceFailed };

/// Memory owned by a backend. `host` is null where the device's memory is not mapped into the process.
pub const Buffer = struct {
    host: ?[*]align(4096) u8,
    device: usize,
    bytes: usize,
};

/// A place inside a buffer. Bounds are the enqueuer's duty: the plan sized the buffer. Not owning.
pub const View = struct {
    buffer: *const Buffer,
    offset: usize = 0,

    pub fn at(view: View, bytes: usize) View {
        return .{ .buffer = view.buffer, .offset = view.offset + bytes };
    }
    pub fn pointer(view: View) [*]u8 {
        return view.buffer.host.? + view.offset;
    }
    /// Host view of n floats; only for host-mapped buffers.
    pub fn floats(view: View, n: usize) []f32 {
        const p: [*]f32 = @ptrCast(@alignCast(view.pointer()));
        return p[0..n];
    }
};

/// A matrix [rows, cols] that multiplies activations: out[t, r] = sum_c x[t, c] * value(r, c).
/// weight/scales/biases may lie at any byte address (checkpoints do not align): kernels load unaligned.
pub const Linear = struct {
    format: abi.Format,
    bits: u32 = 0,
    group: u32 = 0,
    scale_format: abi.Format = .f32,
    rows: u32,
    cols: u32,
    weight: View,
    scales: View = undefined,
    biases: View = undefined,
};

/// down(silu(gate x) * up x)
pub const Expert = struct { gate: Linear, up: Linear, down: Linear };

pub const BufferKind = enum { weights, slots, state, scratch };

/// tokens: host ids [tokens]; out [tokens, table.cols]
pub const EmbedArgs = struct { table: *const Linear, tokens: []const u32, out: View };
/// x, out [rows, dim] (may alias); weight f32 [dim]; out = x * rsqrt(mean(x^2) + eps) * weight
pub const RmsNormArgs = struct { x: View, weight: View, out: View, rows: usize, dim: usize, eps: f32 };

pub const LinearOutput = struct { weight: *const Linear, out: View };
/// x [tokens, cols], several matrices on the same input; out [tokens, rows of that matrix]
pub const LinearArgs = struct { x: View, tokens: usize, outputs: []const LinearOutput };

/// A run of consecutive tokens of the batch that belong to one session.
pub const AttentionSegment = struct {
    first: usize, // index of the run's first token in the batch
    tokens: usize,
    position: usize, // position of the first token in the session = tokens already in the cache
    keys: View, // [context, kv_heads, head_dim] in kv_format
    values: View, // same shape
};
/// Full attention for a batch: per-head norm of q and k, RoPE, append to the cache, softmax(q k / sqrt(head_dim)) v, times sigmoid(gate).
pub const AttentionArgs = struct {
    q_gate: View, // [tokens, heads, 2 * head_dim]: query then gate
    k: View, // [tokens, kv_heads, head_dim]
    v: View, // [tokens, kv_heads, head_dim]
    q_norm: View, // f32 [head_dim]
    k_norm: View,
    out: View, // [tokens, heads, head_dim]
    segments: []const AttentionSegment,
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    rotary_dim: usize,
    rope_theta: f64,
    eps: f32,
    kv_format: abi.Format, // f16 or f32
};

pub const DeltaSegment = struct {
    first: usize,
    tokens: usize,
    conv_state: View, // f32 [conv_kernel - 1, channels], oldest first: the last inputs of the convolution
    state: View, // f32 [value_heads, value_dim, key_dim]
};
/// Gated delta net for a batch: conv + SiLU, L2 norms, decay and beta, recurrence (chunked for long runs), gated norm. See docs and 03 "One token".
pub const DeltaArgs = struct {
    qkv: View, // [tokens, channels], channels = 2 * key_heads * key_dim + value_heads * value_dim; may be overwritten
    z: View, // [tokens, value_heads * value_dim]
    a: View, // [tokens, value_heads]
    b: View, // [tokens, value_heads]
    conv_weight: View, // f32 [channels, conv_kernel], oldest tap first
    a_log: View, // f32 [value_heads]
    dt_bias: View, // f32 [value_heads]
    norm: View, // f32 [value_dim]
    out: View, // [tokens, value_heads * value_dim]
    segments: []const DeltaSegment,
    tokens: usize,
    key_heads: usize,
    value_heads: usize,
    key_dim: usize,
    value_dim: usize,
    conv_kernel: usize,
    eps: f32,
};

/// softmax over experts in f32, top K (ties to the lower index), weights renormalised over the K when `renormalise`.
/// ids u32 [tokens, k] and weights f32 [tokens, k], in descending order of probability.
pub const RouteArgs = struct { logits: View, ids: View, weights: View, tokens: usize, experts: usize, k: usize, renormalise: bool };

/// One expert and the (token, rank) pairs it serves: pair p is token p / k, written to row p of `out`.
pub const ExpertJob = struct { expert: Expert, pairs: []const u32 };
/// An expert that every token of the batch goes through; out [tokens, hidden].
pub const SharedJob = struct { expert: Expert, tokens: usize, out: View };
/// x [tokens, hidden]; out [tokens * k, hidden]. Jobs, or the shared one, or both.
pub const ExpertsArgs = struct { x: View, out: View, jobs: []const ExpertJob, shared: ?SharedJob = null, hidden: usize, width: usize, k: usize };

/// residual[t] += sum_j weights[t, j] * expert_out[t * k + j] (j ascending) + sigmoid(shared_gate[t]) * shared[t]
pub const CombineArgs = struct { residual: View, expert_out: View, weights: View, shared: View, shared_gate: View, tokens: usize, hidden: usize, k: usize };

/// out = silu(gate) * up over n floats; out may alias gate
pub const SwigluArgs = struct { gate: View, up: View, out: View, n: usize };
/// out += x over n floats
pub const AddArgs = struct { out: View, x: View, n: usize };
/// out[i] = x[rows[i]], rows of dim floats
pub const GatherArgs = struct { x: View, rows: []const u32, out: View, dim: usize };

/// Most floats of backend-internal scratch an operation may need is planned once: the engine asks `scratchBytes`
/// with the largest shapes and the backend allocates at open; operations allocate nothing.
pub const Shapes = struct {
    tokens: usize, // most tokens of a step
    hidden: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    key_heads: usize,
    value_heads: usize,
    key_dim: usize,
    value_dim: usize,
    conv_kernel: usize,
    experts: usize,
    k: usize,
    expert_width: usize,
    shared_width: usize,
    vocab: usize,
    context: usize,
    cols_max: usize, // widest input of any linear
    group_min: usize, // smallest quantisation group in the model (32 when unsure)
    few_tokens: usize = 0, // of products that are wider than `cols_max`
    few_cols: usize = 0,
};

pub const Backend = struct {
    context: *anyopaque,
    vtable: *const VTable,

    pub const VTable = struct {
        alloc: *const fn (*anyopaque, bytes: usize, kind: BufferKind) Error!Buffer,
        free: *const fn (*anyopaque, *Buffer) void,
        /// Allocates internal scratch for the shapes. Called once, before the first operation.
        prepare: *const fn (*anyopaque, *const Shapes) Error!void,
        scratchBytes: *const fn (*anyopaque, *const Shapes) usize,
        write: *const fn (*anyopaque, dst: View, src: []const u8) void,
        read: *const fn (*anyopaque, src: View, dst: []u8) Error!void,
        zero: *const fn (*anyopaque, View, bytes: usize) void,
        copy: *const fn (*anyopaque, dst: View, src: View, bytes: usize) void,
        sync: *const fn (*anyopaque) Error!void,
        embed: *const fn (*anyopaque, *const EmbedArgs) void,
        rmsNorm: *const fn (*anyopaque, *const RmsNormArgs) void,
        linear: *const fn (*anyopaque, *const LinearArgs) void,
        attention: *const fn (*anyopaque, *const AttentionArgs) void,
        deltaNet: *const fn (*anyopaque, *const DeltaArgs) void,
        route: *const fn (*anyopaque, *const RouteArgs) void,
        experts: *const fn (*anyopaque, *const ExpertsArgs) void,
        combine: *const fn (*anyopaque, *const CombineArgs) void,
        swiglu: *const fn (*anyopaque, *const SwigluArgs) void,
        add: *const fn (*anyopaque, *const AddArgs) void,
        gather: *const fn (*anyopaque, *const GatherArgs) void,
        deinit: *const fn (*anyopaque) void,
    };
};
