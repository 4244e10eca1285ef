//! The model's files, opened for reading: directly where the file system takes it, else through the page cache.

/// A file as the description names it. Memory belongs to the caller.
pub const FileInfo = struct { path: []const u8, bytes: u64 };
