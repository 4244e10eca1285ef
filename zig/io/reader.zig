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
        counters: *const fn (*anyopaque) Counters,
        deinit: *const fn (*anyopaque) void,
    };
};
