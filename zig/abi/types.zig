//! The C boundary's data: every struct, enum and constant that crosses between TypeScript and Zig.
//! This file is the single source: `zig/abi/generate.zig` reflects over its public declarations and writes
//! `src/native/bindings.gen.ts` and `kernels/arguments.gen.h`. Plain memory owned by the caller; no code.

/// Every fallible call returns one of these as i32: 0 is success, everything else is negative.
pub const Result = enum(i32) {
    ok = 0,
    invalid_argument = -1,
    invalid_handle = -2,
    out_of_memory = -3,
    /// The description or the checkpoint's bytes contradict themselves.
    model_invalid = -4,
    /// `memory_bytes` cannot hold one step; the message and `Plan.minimum_bytes` say what would do.
    memory_too_small = -5,
    /// A read failed after its retries; the message names layer, expert, file and offset.
    io_failed = -6,
    cancelled = -7,
    /// The session's context is full.
    context_full = -8,
    /// An earlier step of this session failed or was cancelled half way; its state is not usable.
    session_broken = -9,
    unsupported = -10,
    /// A session file is damaged or belongs to another model.
    session_file_invalid = -11,
    /// The object is in use by another call.
    busy = -12,
    internal = -13,
};

pub const none_u32: u32 = 0xffff_ffff;

/// How the values of a tensor are stored.
pub const Format = enum(u32) {
    f32 = 0,
    f16 = 1,
    bf16 = 2,
    /// MLX affine: value = q * scale + bias, q packed little end first into u32 words.
    affine = 3,
};

/// What a tensor is for. `layer` in `TensorDesc` says where.
pub const Role = enum(u32) {
    embedding = 0, // [vocab, hidden]
    final_norm = 1, // [hidden]
    lm_head = 2, // [vocab, hidden]; absent when tied
    input_norm = 3, // [hidden]
    post_attention_norm = 4, // [hidden]
    attention_q = 5, // [heads * 2 * head_dim, hidden]: per head query then gate
    attention_k = 6, // [kv_heads * head_dim, hidden]
    attention_v = 7, // [kv_heads * head_dim, hidden]
    attention_o = 8, // [hidden, heads * head_dim]
    attention_q_norm = 9, // [head_dim]
    attention_k_norm = 10, // [head_dim]
    delta_qkv = 11, // [2 * key_heads * key_dim + value_heads * value_dim, hidden]
    delta_z = 12, // [value_heads * value_dim, hidden]
    delta_b = 13, // [value_heads, hidden]
    delta_a = 14, // [value_heads, hidden]
    delta_conv = 15, // [channels, conv_kernel]
    delta_a_log = 16, // [value_heads]
    delta_dt_bias = 17, // [value_heads]
    delta_norm = 18, // [value_dim]
    delta_out = 19, // [hidden, value_heads * value_dim]
    router = 20, // [experts, hidden]
    shared_gate_proj = 21, // [shared_width, hidden]
    shared_up_proj = 22, // [shared_width, hidden]
    shared_down_proj = 23, // [hidden, shared_width]
    shared_gate = 24, // [1, hidden]
    expert_gate_proj = 25, // per expert [expert_width, hidden]
    expert_up_proj = 26, // per expert [expert_width, hidden]
    expert_down_proj = 27, // per expert [hidden, expert_width]
};

pub const LayerKind = enum(u32) { delta_net = 0, attention = 1 };

/// A range of bytes in a file. For expert tensors it is the first expert's range and expert e of the
/// tensor lies `e * stride` bytes later; dense tensors have stride 0. `bytes` is one expert's.
pub const Extent = extern struct {
    offset: u64 = 0,
    bytes: u64 = 0,
    stride: u64 = 0,
    file: u32 = none_u32,
    reserved: u32 = 0,
};

/// One tensor: a matrix [rows, cols] (vectors are [1, n]) in one of the `Format`s.
/// Expert tensors cover experts [expert_first, expert_first + expert_count) and are named once per run.
pub const TensorDesc = extern struct {
    weight: Extent,
    /// [rows, cols / group], only for `affine`.
    scales: Extent,
    biases: Extent,
    role: u32, // Role
    layer: u32, // none_u32 for the model's own tensors
    format: u32, // Format
    bits: u32, // 2, 3, 4, 5, 6, 8 for affine, else 0
    group: u32, // 32, 64, 128 for affine, else 0
    scale_format: u32, // Format of scales and biases: f32, f16 or bf16
    rows: u32,
    cols: u32,
    expert_first: u32, // 0 for dense
    expert_count: u32, // 0 for dense
};

/// A file the tensors live in. The path is UTF-8 inside the description's string area.
pub const FileDesc = extern struct {
    bytes: u64, // size seen when the headers were read; a file that changed is refused
    path_offset: u32, // from the start of the description
    path_bytes: u32,
};

/// Head of a model description: one allocation, all offsets from its start, arrays 8-byte aligned.
/// layout: ModelDesc | u32 layer_kinds[layers] | FileDesc[] | TensorDesc[] | path bytes
pub const ModelDesc = extern struct {
    total_bytes: u64,
    /// Identifies the weights (hash of config, headers and a sample of the weights); session files are bound to it.
    model_hash: u64,
    rope_theta: f64,
    norm_eps: f32,
    hidden: u32,
    layers: u32,
    vocab: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    rotary_dim: u32,
    delta_value_heads: u32,
    delta_key_heads: u32,
    delta_key_dim: u32,
    delta_value_dim: u32,
    conv_kernel: u32,
    experts: u32,
    experts_per_token: u32, // trained K
    expert_width: u32,
    shared_width: u32,
    context_max: u32,
    /// 1: router weights are renormalised over the K chosen.
    norm_topk: u32,
    /// 1: norm weights are stored zero-centred (Hugging Face); 1 is added to input, post-attention, final, q and k norms.
    norm_zero_centred: u32,
    /// 1: no lm_head tensor; the embedding is used.
    tied: u32,
    layer_kinds_offset: u32,
    files_offset: u32,
    files_count: u32,
    tensors_offset: u32,
    tensors_count: u32,
    /// A packed model's hashes, u64[layers][experts] of the records' bytes; at offset 0 there are none.
    record_hashes_file: u32,
    record_hashes_offset: u32,
};

pub const CpuLevel = enum(u32) {
    automatic = 0,
    /// The definition: plain loops, f32 (weights dequantised, no activation quantisation).
    scalar = 1,
    avx2 = 2,
    avx512 = 3, // AVX-512 with VNNI
    neon = 4,
    neon_dotprod = 5,
};

pub const ReaderKind = enum(u32) {
    automatic = 0,
    /// Threads, one read each.
    pread = 1,
    /// Faults and delays for tests, over the real files.
    simulated = 2,
    /// Linux's io_uring.
    uring = 3,
};

/// Reading the experts of layers to come by guessing them.
pub const Prefetch = enum(u32) {
    automatic = 0, // while it pays
    off = 1,
    on = 2, // whether or not it pays
};

pub const EngineOptions = extern struct {
    /// Hard cap on everything the process holds; 0 means all experts resident.
    memory_bytes: u64 = 0,
    /// The simulated reader delivers this much, in real time, to measure against; 0: no limit, and no time passes.
    throttle_bytes_per_second: u64 = 0,
    heads_bytes: u64 = 0, // size of the file of heads that will be loaded; counted in the plan
    heads_training_bytes: u64 = 0, // memory to record and train heads in; 0: none are trained
    context: u32 = 0, // tokens per session; 0 = min(model's, 8192)
    threads: u32 = 0, // compute threads; 0 = all cores
    cpu_level: u32 = 0, // CpuLevel
    kv_format: u32 = 1, // Format: f16 (default) or f32
    experts_per_token: u32 = 0, // 0 = trained K
    chunk_tokens: u32 = 0, // tokens of a prefill step at most; 0 = 512, up to 2048 where the plan has room
    sessions: u32 = 1, // sessions that may be open at once
    reader: u32 = 0, // ReaderKind
    reader_threads: u32 = 0, // 0 = queue_depth or the default
    direct_io: u32 = 1, // 0: read through the page cache
    prefetch: u32 = 0, // Prefetch
    wait_for_misses: u32 = 0, // 1: a layer's experts are computed only when all of them are there, to compare with
    queue_depth: u32 = 0, // reads at once; 0 = the reader's default
    read_split: u32 = 0, // parts a range of a record is read in; 0 = 1
    paranoid: u32 = 0, // 1: every record that is read is compared with its hash; packed models only
    reserved0: u32 = 0,
};

/// What an engine holds in memory, in bytes. `plan` prints it; open refuses when it does not fit.
pub const Plan = extern struct {
    limit_bytes: u64,
    process_bytes: u64, // already resident before the engine opens, plus a fixed margin
    dense_bytes: u64,
    kv_bytes: u64, // all sessions
    state_bytes: u64, // delta-net and conv state, all sessions
    scratch_bytes: u64,
    slot_bytes: u64, // one slot
    slots_bytes: u64, // all slots
    record_bytes: u64, // one expert's bytes on disk (largest layer)
    minimum_bytes: u64, // smallest limit that would be accepted
    full_bytes: u64, // limit at which every expert is resident
    bytes_per_token: u64, // expert bytes touched by one token at K
    expert_total_bytes: u64, // all experts on disk
    slot_count: u32,
    floor_slots: u32, // protected slots per layer
    experts_per_token: u32,
    context: u32,
    chunk_tokens: u32,
    threads: u32,
    cpu_level: u32,
    reserved: u32,
};

pub const LoadProgress = extern struct {
    loaded_bytes: u64,
    total_bytes: u64,
    done: u32,
    reserved: u32,
};

pub const Sampling = extern struct {
    seed: u64 = 0,
    temperature: f32 = 0, // 0 = greedy
    top_p: f32 = 1,
    min_p: f32 = 0,
    repeat_penalty: f32 = 1,
    presence_penalty: f32 = 0,
    frequency_penalty: f32 = 0,
    top_k: u32 = 0, // 0 = all
    top_logprobs: u32 = 0, // how many alternatives to report, at most 20
};

pub const max_top_logprobs: u32 = 20;

pub const SessionInfo = extern struct {
    position: u32, // tokens in the state
    context: u32,
    state_bytes: u64,
    user_bytes: u32, // caller's blob stored with a loaded session file
    reserved: u32,
};

/// What a step item asks for, a set of bits.
pub const StepFlag = enum(u32) {
    sample = 1, // sample one token after the last fed one
    logits_last = 2, // f32[vocab] at logits_offset
    logits_all = 4, // f32[token_count, vocab] at logits_offset
    score = 8, // f32[token_count] at scores_offset: log probability of targets[i] after tokens[i]
};

/// One session's share of a step. The step's arena is one caller-owned allocation: StepItem[count] first,
/// then whatever the offsets (bytes from the arena's start, 4-byte aligned, bounds checked) point at.
pub const StepItem = extern struct {
    session: u32,
    flags: u32, // StepFlag bits
    tokens_offset: u32, // u32[token_count]
    token_count: u32,
    logits_offset: u32,
    targets_offset: u32, // u32[token_count], none_u32 entries are skipped
    scores_offset: u32,
    top_offset: u32, // TopLogprob[top_logprobs] written when sampling with top_logprobs > 0
    // results
    sampled: u32,
    position: u32, // session position after the step
    logprob: f32, // of the sampled token, from the unmodified distribution
    reserved: u32,
    expert_bytes: u64, // of records that the whole step had read
};

/// The step that runs, as any thread may look at it.
pub const StepProgress = extern struct {
    expert_bytes: u64, // of records that the step has had read so far
    position: u32, // of its first session when it began
    tokens: u32, // of all its items
    done_layers: u32,
    layers: u32, // 0: no step runs
};

pub const TopLogprob = extern struct { id: u32, logprob: f32 };

/// Counters since the engine opened. Bytes are exact: misses times the record's size.
pub const Stats = extern struct {
    steps: u64,
    tokens: u64,
    expert_hits: u64,
    expert_misses: u64,
    expert_bytes_read: u64, // record bytes
    device_bytes_read: u64, // including alignment of direct reads
    read_requests: u64,
    read_retries: u64,
    evictions: u64,
    read_wait_ns: u64, // time compute stood still for reads
    prefetch_issued: u64, // records that guesses had read
    prefetch_used: u64, // of these, there when their layer needed them
    prefetch_late: u64, // of these, still being read when their layer needed them; counted as misses
    prefetch_wasted_bytes: u64, // read for guesses and not needed by their layer
    guess_needed: u64, // experts that were needed where guesses had been made, layers from the second on
    guess_right: u64, // of these, among the first K guesses per token
    guess_right_all: u64, // of these, among all guesses
    guess_first_needed: u64, // the same for the first layer
    guess_first_right: u64,
    guess_first_right_all: u64,
    guess_off_verdicts: u64, // times that automatic guessing was measured and switched off
    guess_active: u64, // 1: guesses are being made
    step_ns: u64, // inside steps
    disk_busy_ns: u64, // of that, with a read in flight
    disk_idle_ns: u64, // of that, without
    dense_bytes_read: u64,
    cache_bytes: u64,
    memory_limit_bytes: u64,
    peak_rss_bytes: u64,
    rss_bytes: u64,
    reader: u32, // ReaderKind that was opened
    reader_refusal: u32, // errno with which the system refused io_uring to an automatic choice, else 0
};

/// A slice of training heads, see `EngineOptions.heads_training_bytes`. The same tokens and seed give the same heads.
pub const HeadsTraining = extern struct {
    seed: u64 = 0,
    begin: u32 = 0, // 0: only tell what was recorded; 1: end the recording and train
    steps: u32 = 0, // per layer; 0 = 2,000
    // results
    recorded: u32 = 0, // tokens
    capacity: u32 = 0, // most tokens that can be recorded
    done_steps: u32 = 0,
    total_steps: u32 = 0,
    done: u32 = 0,
    budget_ms: u32 = 0, // 0: none; else the first steps are timed, and so few are made that all take about this long
};

/// What guesses for a layer were worth on held-out tokens: shares of the experts needed.
pub const HeadFigures = extern struct {
    router: f32, // named by the next layer's own router, K guesses
    router_all: f32, // with half as many guesses again
    head: f32,
    head_all: f32,
    held_tokens: u32,
    used: u32, // 1: the head is better and in the file
};

/// How a replay chooses what leaves the cache.
pub const ReplayPolicy = enum(u32) {
    lru = 0, // the least recently used of all layers
    lfu = 1, // the least often used
    layer_lru = 2, // an equal share for every layer, the least recently used of each
    decayed = 3, // an equal share for every layer, uses averaged over few, some and many tokens: the engine's own
    belady = 4, // what is needed furthest in the future: the best there can be
};

pub const ReplayArgs = extern struct {
    policy: u32, // ReplayPolicy
    slot_count: u32, // 0: as recorded
    decode_only: u32, // 1: without steps of several tokens
    warm_steps: u32, // steps at the start that fill the cache and are not scored
};

pub const ReplayScore = extern struct {
    accesses: u64,
    hits: u64,
    slot_count: u32,
    layers: u32,
    experts: u32,
    experts_per_token: u32,
};

pub const CpuInfo = extern struct {
    level: u32, // best CpuLevel of this machine
    cores: u32,
    memory_bytes: u64,
    supported_levels: u32, // bit (1 << CpuLevel)
    direct_io: u32, // direct reads compiled in for this system
};

pub const FillKind = enum(u32) {
    uniform_bits = 0, // every bit random: packed quantised weights
    constant_jitter = 1, // mean * (1 + jitter u), u uniform in [-1, 1)
    normal = 2, // mean + std * n
};

/// Fills a byte range of a file with seeded random values; the value at an offset depends only on seed and offset
/// within the tensor, so slices may be written in any order and size.
pub const FillArgs = extern struct {
    seed: u64,
    file_offset: u64, // where the tensor's data starts in the file
    first_byte: u64, // of the tensor: slice start, a multiple of 64
    bytes: u64, // slice length
    mean: f64,
    spread: f64, // jitter or std
    kind: u32, // FillKind
    format: u32, // Format of the values for constant_jitter and normal: f32, f16, bf16
};

/// Direct reads of a model's own expert records at random places, through the reader that the engine options ask for.
pub const DiskMeasurement = extern struct {
    seed: u64 = 0, // which records
    milliseconds: u32 = 0, // how long, 1 to 10,000
    in_flight: u32 = 0, // records at once; 0 = 16; what was used, after the call
    // results
    bytes: u64 = 0,
    records: u64 = 0,
    ns: u64 = 0,
    reader: u32 = 0, // ReaderKind that was opened
    direct: u32 = 0, // 1: all files were read past the page cache
};

/// A streaming read of memory by compute threads.
pub const MemoryMeasurement = extern struct {
    block_bytes: u64 = 0, // what is read again and again, 1 MiB to 64 GiB: several times the caches
    milliseconds: u32 = 0, // how long, 1 to 10,000
    threads: u32 = 0, // 0 = all cores; what was used, after the call
    // results
    bytes: u64 = 0,
    ns: u64 = 0,
    pass_bytes: u64 = 0,
    fastest_ns: u64 = 0, // the fastest pass, of a machine that does other things too
};

/// What a pack slice does with its blocks.
pub const PackTask = enum(u32) {
    write = 0, // pieces are read, requantised where asked, and written to the ranges of the target; ranges are hashed
    hash = 1, // ranges of the files are read and hashed
    finite = 2, // the floats of pieces are read and looked at
};

/// How scale and bias of a group are found.
pub const PackFit = enum(u32) {
    minmax = 0, // MLX's rule
    search = 1, // the least squared error among many
};

/// Head of a pack slice: one allocation, all offsets from its start, arrays 8-byte aligned.
/// layout: PackSlice | FileDesc[] | PackBlock[] | PackPiece[] | PackRange[] | path bytes
pub const PackSlice = extern struct {
    total_bytes: u64,
    /// Range of the target written by the slice before: brought to disk and dropped from the page cache.
    settle_offset: u64,
    settle_bytes: u64,
    task: u32, // PackTask
    threads: u32, // 0 = as many as useful
    target_offset: u32, // path of the file to write
    target_bytes: u32,
    files_offset: u32, // the files that are read
    files_count: u32,
    blocks_offset: u32,
    blocks_count: u32,
    pieces_offset: u32,
    pieces_count: u32,
    ranges_offset: u32,
    ranges_count: u32,
};

/// What is made in one piece of memory: an expert's record, or the same rows of a matrix' weights, scales and biases.
pub const PackBlock = extern struct {
    buffer_bytes: u64,
    // results: sums over the values that were requantised
    squares: f64,
    errors: f64, // squared
    minmax_errors: f64, // what MLX's rule would have made of the same values
    first_piece: u32,
    piece_count: u32,
    first_range: u32,
    range_count: u32,
};

/// One matrix, or some rows of it, and where its parts go in the block's memory.
pub const PackPiece = extern struct {
    weight: Extent, // stride 0
    scales: Extent,
    biases: Extent,
    weight_place: u64,
    scales_place: u64,
    biases_place: u64,
    rows: u32,
    cols: u32,
    format: u32, // Format of the source
    bits: u32,
    group: u32,
    scale_format: u32,
    to_bits: u32, // 0: copied as it is
    to_group: u32,
    fit: u32, // PackFit
    damaged: u32, // result of `finite`: 0 none, 1 weight, 2 scales, 3 biases
    damaged_low: u32, // index of the first value that is infinite or not a number
    damaged_high: u32,
};

/// Bytes of the block's memory and their place in a file.
pub const PackRange = extern struct {
    offset: u64,
    bytes: u64,
    padding: u64, // zeros that follow in the file; not part of the hash
    place: u64,
    file: u32, // for `hash`
    padding_dirty: u32, // result of `hash`: 1 when the padding is not all zeros
    hash_low: u32, // result
    hash_high: u32,
};
