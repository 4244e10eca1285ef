//! The reader interface: many extents in flight, completions in any order. Implementations: uring.zig (Linux: a ring
//! shared with the kernel), pread_pool.zig (threads), simulated.zig (tests: latency, short reads, faults); open.zig
//! chooses. Real readers read directly, past the page cache, where the system allows.
//! Destinations belong to the caller and stay valid until the request completes. One thread submits and waits.

/// Smallest unit of a direct read; offsets, lengths and destinations of `Request` are multiples of it.
pub const alignment: usize = 4096;

/// One contiguous read. offset and bytes are multiples of `alignment`, destination is aligned to it.
/// The file may end inside the range: `needed` is how many bytes from `offset` must arrive.
pub const Request = struct {
    file: u32, // index into the opened files
    offset: u64,
    bytes: u64,
    needed: u64,
    destination: [*]align(alignment) u8,
    /// Returned in the completion; the caller groups requests of one record by it.
    tag: u64,
    /// Somebody waits for it: begun before every request that is not urgent and still waits in the queue.
    urgent: bool = true,
};

/// Requests that are not urgent wait while so many reads and so many bytes are under way, so that they keep a disk from
/// falling idle and what is waited for never finds it full of them. One read alone does not reach a disk's speed.
pub const Spare = struct {
    reads: usize = 2,
    bytes: u64 = 4 << 20,
    /// However small they are.
    reads_most: usize = 8,

    /// Whether one that is not urgent may be begun beside so much.
    pub fn beside(spare: Spare, reads: usize, bytes: u64) bool {
        return reads < spare.reads or (bytes < spare.bytes and reads < spare.reads_most);
    }
};

pub const Completion = struct { tag: u64, result: Outcome };

/// Transient faults (EINTR, EAGAIN, short reads) are completed inside the reader; EIO is retried with backoff first.
pub const Outcome = union(enum) {
    ok,
    /// errno of the last try, and the file offset that failed.
    failed: struct { errno: u32, offset: u64 },
    /// The file ended before `needed` bytes.
    truncated: struct { offset: u64 },
};

/// `bytes` are what the system delivered, alignment included; `retries` are tries repeated after a fault; `busy_ns` is
/// the time with at least one request submitted and not completed, whether or not anyone has collected it since.
pub const Counters = struct { requests: u64 = 0, bytes: u64 = 0, retries: u64 = 0, busy_ns: u64 = 0 };

pub const Reader = struct {
    context: *anyopaque,
    vtable: *const VTable,
    /// Most requests in flight: submitted and not yet returned by `wait`. The submitter keeps to it.
    capacity: usize,

    pub fn submit(reader: Reader, requests: []const Request) void {
        reader.vtable.submit(reader.context, requests);
    }
    pub fn wait(reader: Reader, out: []Completion) usize {
        return reader.vtable.wait(reader.context, out);
    }
    /// As `wait`, but takes only what has completed: 0 when nothing has.
    pub fn poll(reader: Reader, out: []Completion) usize {
        const take = reader.vtable.poll orelse return 0;
        return take(reader.context, out);
    }
    /// From now on somebody waits for these. Nothing happens to one that was urgent, has begun or has completed.
    pub fn raise(reader: Reader, tags: []const u64) void {
        reader.vtable.raise(reader.context, tags);
    }
    /// Takes requests back, all of them or, where any part of one has begun, none: true where nothing writes into their
    /// destinations any more and `wait` will not return them.
    pub fn cancel(reader: Reader, tags: []const u64) bool {
        return reader.vtable.cancel(reader.context, tags);
    }
    pub fn counters(reader: Reader) Counters {
        return reader.vtable.counters(reader.context);
    }
    pub fn deinit(reader: Reader) void {
        reader.vtable.deinit(reader.context);
    }

    pub const VTable = struct {
        /// Queues requests and returns at once. Never fails: faults arrive as completions.
        submit: *const fn (*anyopaque, []const Request) void,
        /// Blocks until at least one request completed (or none is in flight: returns 0). Fills `out`.
        wait: *const fn (*anyopaque, out: []Completion) usize,
        /// Never blocks. Null: completions are only seen by `wait`.
        poll: ?*const fn (*anyopaque, out: []Completion) usize = null,
        raise: *const fn (*anyopaque, tags: []const u64) void,
        cancel: *const fn (*anyopaque, tags: []const u64) bool,
        counters: *const fn (*anyopaque) Counters,
        deinit: *const fn (*anyopaque) void,
    };
};
