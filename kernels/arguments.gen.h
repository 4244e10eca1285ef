// Generated from zig/abi by `npm run generate`: do not edit. The boundary's data for GPU kernels and C hosts.
#ifndef FLASHMOE_ARGUMENTS_H
#define FLASHMOE_ARGUMENTS_H

#if !defined(__METAL_VERSION__) && !defined(__CUDACC_RTC__)
#include <stdint.h>
#endif

#ifdef __METAL_VERSION__
typedef uint64_t fm_f64; // Metal has no double; only the bytes pass through
#else
typedef double fm_f64;
#endif

#if defined(__cplusplus) || defined(__METAL_VERSION__)
#define FM_SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), #type " has another size")
#else
#define FM_SIZE_IS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has another size")
#endif

enum fm_result {
  FM_RESULT_OK = 0,
  FM_RESULT_INVALID_ARGUMENT = -1,
  FM_RESULT_INVALID_HANDLE = -2,
  FM_RESULT_OUT_OF_MEMORY = -3,
  FM_RESULT_MODEL_INVALID = -4,
  FM_RESULT_MEMORY_TOO_SMALL = -5,
  FM_RESULT_IO_FAILED = -6,
  FM_RESULT_CANCELLED = -7,
  FM_RESULT_CONTEXT_FULL = -8,
  FM_RESULT_SESSION_BROKEN = -9,
  FM_RESULT_UNSUPPORTED = -10,
  FM_RESULT_SESSION_FILE_INVALID = -11,
  FM_RESULT_BUSY = -12,
  FM_RESULT_INTERNAL = -13,
};

#define FM_NONE_U32 4294967295u

enum fm_format {
  FM_FORMAT_F32 = 0,
  FM_FORMAT_F16 = 1,
  FM_FORMAT_BF16 = 2,
  FM_FORMAT_AFFINE = 3,
};

enum fm_role {
  FM_ROLE_EMBEDDING = 0,
  FM_ROLE_FINAL_NORM = 1,
  FM_ROLE_LM_HEAD = 2,
  FM_ROLE_INPUT_NORM = 3,
  FM_ROLE_POST_ATTENTION_NORM = 4,
  FM_ROLE_ATTENTION_Q = 5,
  FM_ROLE_ATTENTION_K = 6,
  FM_ROLE_ATTENTION_V = 7,
  FM_ROLE_ATTENTION_O = 8,
  FM_ROLE_ATTENTION_Q_NORM = 9,
  FM_ROLE_ATTENTION_K_NORM = 10,
  FM_ROLE_DELTA_QKV = 11,
  FM_ROLE_DELTA_Z = 12,
  FM_ROLE_DELTA_B = 13,
  FM_ROLE_DELTA_A = 14,
  FM_ROLE_DELTA_CONV = 15,
  FM_ROLE_DELTA_A_LOG = 16,
  FM_ROLE_DELTA_DT_BIAS = 17,
  FM_ROLE_DELTA_NORM = 18,
  FM_ROLE_DELTA_OUT = 19,
  FM_ROLE_ROUTER = 20,
  FM_ROLE_SHARED_GATE_PROJ = 21,
  FM_ROLE_SHARED_UP_PROJ = 22,
  FM_ROLE_SHARED_DOWN_PROJ = 23,
  FM_ROLE_SHARED_GATE = 24,
  FM_ROLE_EXPERT_GATE_PROJ = 25,
  FM_ROLE_EXPERT_UP_PROJ = 26,
  FM_ROLE_EXPERT_DOWN_PROJ = 27,
};

enum fm_layer_kind {
  FM_LAYER_KIND_DELTA_NET = 0,
  FM_LAYER_KIND_ATTENTION = 1,
};

struct fm_extent {
  uint64_t offset;
  uint64_t bytes;
  uint64_t stride;
  uint32_t file;
  uint32_t reserved;
};
FM_SIZE_IS(fm_extent, 32);

struct fm_tensor_desc {
  struct fm_extent weight;
  struct fm_extent scales;
  struct fm_extent biases;
  uint32_t role;
  uint32_t layer;
  uint32_t format;
  uint32_t bits;
  uint32_t group;
  uint32_t scale_format;
  uint32_t rows;
  uint32_t cols;
  uint32_t expert_first;
  uint32_t expert_count;
};
FM_SIZE_IS(fm_tensor_desc, 136);

struct fm_file_desc {
  uint64_t bytes;
  uint32_t path_offset;
  uint32_t path_bytes;
};
FM_SIZE_IS(fm_file_desc, 16);

struct fm_model_desc {
  uint64_t total_bytes;
  uint64_t model_hash;
  fm_f64 rope_theta;
  float norm_eps;
  uint32_t hidden;
  uint32_t layers;
  uint32_t vocab;
  uint32_t heads;
  uint32_t kv_heads;
  uint32_t head_dim;
  uint32_t rotary_dim;
  uint32_t delta_value_heads;
  uint32_t delta_key_heads;
  uint32_t delta_key_dim;
  uint32_t delta_value_dim;
  uint32_t conv_kernel;
  uint32_t experts;
  uint32_t experts_per_token;
  uint32_t expert_width;
  uint32_t shared_width;
  uint32_t context_max;
  uint32_t norm_topk;
  uint32_t norm_zero_centred;
  uint32_t tied;
  uint32_t layer_kinds_offset;
  uint32_t files_offset;
  uint32_t files_count;
  uint32_t tensors_offset;
  uint32_t tensors_count;
  uint32_t record_hashes_file;
  uint32_t record_hashes_offset;
};
FM_SIZE_IS(fm_model_desc, 136);

enum fm_cpu_level {
  FM_CPU_LEVEL_AUTOMATIC = 0,
  FM_CPU_LEVEL_SCALAR = 1,
  FM_CPU_LEVEL_AVX2 = 2,
  FM_CPU_LEVEL_AVX512 = 3,
  FM_CPU_LEVEL_NEON = 4,
  FM_CPU_LEVEL_NEON_DOTPROD = 5,
};

enum fm_reader_kind {
  FM_READER_KIND_AUTOMATIC = 0,
  FM_READER_KIND_PREAD = 1,
  FM_READER_KIND_SIMULATED = 2,
  FM_READER_KIND_URING = 3,
};

enum fm_prefetch {
  FM_PREFETCH_AUTOMATIC = 0,
  FM_PREFETCH_OFF = 1,
  FM_PREFETCH_ON = 2,
};

struct fm_engine_options {
  uint64_t memory_bytes;
  uint64_t throttle_bytes_per_second;
  uint64_t heads_bytes;
  uint64_t heads_training_bytes;
  uint32_t context;
  uint32_t threads;
  uint32_t cpu_level;
  uint32_t kv_format;
  uint32_t experts_per_token;
  uint32_t chunk_tokens;
  uint32_t sessions;
  uint32_t reader;
  uint32_t reader_threads;
  uint32_t direct_io;
  uint32_t prefetch;
  uint32_t wait_for_misses;
  uint32_t queue_depth;
  uint32_t read_split;
  uint32_t paranoid;
  uint32_t reserved0;
};
FM_SIZE_IS(fm_engine_options, 96);

struct fm_plan {
  uint64_t limit_bytes;
  uint64_t process_bytes;
  uint64_t dense_bytes;
  uint64_t kv_bytes;
  uint64_t state_bytes;
  uint64_t scratch_bytes;
  uint64_t slot_bytes;
  uint64_t slots_bytes;
  uint64_t record_bytes;
  uint64_t minimum_bytes;
  uint64_t full_bytes;
  uint64_t bytes_per_token;
  uint64_t expert_total_bytes;
  uint32_t slot_count;
  uint32_t floor_slots;
  uint32_t experts_per_token;
  uint32_t context;
  uint32_t chunk_tokens;
  uint32_t threads;
  uint32_t cpu_level;
  uint32_t reserved;
};
FM_SIZE_IS(fm_plan, 136);

struct fm_load_progress {
  uint64_t loaded_bytes;
  uint64_t total_bytes;
  uint32_t done;
  uint32_t reserved;
};
FM_SIZE_IS(fm_load_progress, 24);

struct fm_sampling {
  uint64_t seed;
  float temperature;
  float top_p;
  float min_p;
  float repeat_penalty;
  float presence_penalty;
  float frequency_penalty;
  uint32_t top_k;
  uint32_t top_logprobs;
};
FM_SIZE_IS(fm_sampling, 40);

#define FM_MAX_TOP_LOGPROBS 20u

struct fm_session_info {
  uint32_t position;
  uint32_t context;
  uint64_t state_bytes;
  uint32_t user_bytes;
  uint32_t reserved;
};
FM_SIZE_IS(fm_session_info, 24);

enum fm_step_flag {
  FM_STEP_FLAG_SAMPLE = 1,
  FM_STEP_FLAG_LOGITS_LAST = 2,
  FM_STEP_FLAG_LOGITS_ALL = 4,
  FM_STEP_FLAG_SCORE = 8,
};

struct fm_step_item {
  uint32_t session;
  uint32_t flags;
  uint32_t tokens_offset;
  uint32_t token_count;
  uint32_t logits_offset;
  uint32_t targets_offset;
  uint32_t scores_offset;
  uint32_t top_offset;
  uint32_t sampled;
  uint32_t position;
  float logprob;
  uint32_t reserved;
  uint64_t expert_bytes;
};
FM_SIZE_IS(fm_step_item, 56);

struct fm_step_progress {
  uint64_t expert_bytes;
  uint32_t position;
  uint32_t tokens;
  uint32_t done_layers;
  uint32_t layers;
};
FM_SIZE_IS(fm_step_progress, 24);

struct fm_top_logprob {
  uint32_t id;
  float logprob;
};
FM_SIZE_IS(fm_top_logprob, 8);

struct fm_stats {
  uint64_t steps;
  uint64_t tokens;
  uint64_t expert_hits;
  uint64_t expert_misses;
  uint64_t expert_bytes_read;
  uint64_t device_bytes_read;
  uint64_t read_requests;
  uint64_t read_retries;
  uint64_t evictions;
  uint64_t read_wait_ns;
  uint64_t prefetch_issued;
  uint64_t prefetch_used;
  uint64_t prefetch_late;
  uint64_t prefetch_wasted_bytes;
  uint64_t guess_needed;
  uint64_t guess_right;
  uint64_t guess_right_all;
  uint64_t guess_first_needed;
  uint64_t guess_first_right;
  uint64_t guess_first_right_all;
  uint64_t guess_off_verdicts;
  uint64_t guess_active;
  uint64_t step_ns;
  uint64_t disk_busy_ns;
  uint64_t disk_idle_ns;
  uint64_t dense_bytes_read;
  uint64_t cache_bytes;
  uint64_t memory_limit_bytes;
  uint64_t peak_rss_bytes;
  uint64_t rss_bytes;
  uint32_t reader;
  uint32_t reader_refusal;
};
FM_SIZE_IS(fm_stats, 248);

struct fm_heads_training {
  uint64_t seed;
  uint32_t begin;
  uint32_t steps;
  uint32_t recorded;
  uint32_t capacity;
  uint32_t done_steps;
  uint32_t total_steps;
  uint32_t done;
  uint32_t budget_ms;
};
FM_SIZE_IS(fm_heads_training, 40);

struct fm_head_figures {
  float router;
  float router_all;
  float head;
  float head_all;
  uint32_t held_tokens;
  uint32_t used;
};
FM_SIZE_IS(fm_head_figures, 24);

enum fm_replay_policy {
  FM_REPLAY_POLICY_LRU = 0,
  FM_REPLAY_POLICY_LFU = 1,
  FM_REPLAY_POLICY_LAYER_LRU = 2,
  FM_REPLAY_POLICY_DECAYED = 3,
  FM_REPLAY_POLICY_BELADY = 4,
};

struct fm_replay_args {
  uint32_t policy;
  uint32_t slot_count;
  uint32_t decode_only;
  uint32_t warm_steps;
};
FM_SIZE_IS(fm_replay_args, 16);

struct fm_replay_score {
  uint64_t accesses;
  uint64_t hits;
  uint32_t slot_count;
  uint32_t layers;
  uint32_t experts;
  uint32_t experts_per_token;
};
FM_SIZE_IS(fm_replay_score, 32);

struct fm_cpu_info {
  uint32_t level;
  uint32_t cores;
  uint64_t memory_bytes;
  uint32_t supported_levels;
  uint32_t direct_io;
};
FM_SIZE_IS(fm_cpu_info, 24);

enum fm_fill_kind {
  FM_FILL_KIND_UNIFORM_BITS = 0,
  FM_FILL_KIND_CONSTANT_JITTER = 1,
  FM_FILL_KIND_NORMAL = 2,
};

struct fm_fill_args {
  uint64_t seed;
  uint64_t file_offset;
  uint64_t first_byte;
  uint64_t bytes;
  fm_f64 mean;
  fm_f64 spread;
  uint32_t kind;
  uint32_t format;
};
FM_SIZE_IS(fm_fill_args, 56);

struct fm_disk_measurement {
  uint64_t seed;
  uint32_t milliseconds;
  uint32_t in_flight;
  uint64_t bytes;
  uint64_t records;
  uint64_t ns;
  uint32_t reader;
  uint32_t direct;
};
FM_SIZE_IS(fm_disk_measurement, 48);

struct fm_memory_measurement {
  uint64_t block_bytes;
  uint32_t milliseconds;
  uint32_t threads;
  uint64_t bytes;
  uint64_t ns;
  uint64_t pass_bytes;
  uint64_t fastest_ns;
};
FM_SIZE_IS(fm_memory_measurement, 48);

enum fm_pack_task {
  FM_PACK_TASK_WRITE = 0,
  FM_PACK_TASK_HASH = 1,
  FM_PACK_TASK_FINITE = 2,
};

enum fm_pack_fit {
  FM_PACK_FIT_MINMAX = 0,
  FM_PACK_FIT_SEARCH = 1,
};

struct fm_pack_slice {
  uint64_t total_bytes;
  uint64_t settle_offset;
  uint64_t settle_bytes;
  uint32_t task;
  uint32_t threads;
  uint32_t target_offset;
  uint32_t target_bytes;
  uint32_t files_offset;
  uint32_t files_count;
  uint32_t blocks_offset;
  uint32_t blocks_count;
  uint32_t pieces_offset;
  uint32_t pieces_count;
  uint32_t ranges_offset;
  uint32_t ranges_count;
};
FM_SIZE_IS(fm_pack_slice, 72);

struct fm_pack_block {
  uint64_t buffer_bytes;
  fm_f64 squares;
  fm_f64 errors;
  fm_f64 minmax_errors;
  uint32_t first_piece;
  uint32_t piece_count;
  uint32_t first_range;
  uint32_t range_count;
};
FM_SIZE_IS(fm_pack_block, 48);

struct fm_pack_piece {
  struct fm_extent weight;
  struct fm_extent scales;
  struct fm_extent biases;
  uint64_t weight_place;
  uint64_t scales_place;
  uint64_t biases_place;
  uint32_t rows;
  uint32_t cols;
  uint32_t format;
  uint32_t bits;
  uint32_t group;
  uint32_t scale_format;
  uint32_t to_bits;
  uint32_t to_group;
  uint32_t fit;
  uint32_t damaged;
  uint32_t damaged_low;
  uint32_t damaged_high;
};
FM_SIZE_IS(fm_pack_piece, 168);

struct fm_pack_range {
  uint64_t offset;
  uint64_t bytes;
  uint64_t padding;
  uint64_t place;
  uint32_t file;
  uint32_t padding_dirty;
  uint32_t hash_low;
  uint32_t hash_high;
};
FM_SIZE_IS(fm_pack_range, 48);

#endif
