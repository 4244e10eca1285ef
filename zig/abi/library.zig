//! fm_abi_*, fm_error_message, fm_handle_count: the library as a whole. Any thread.

const std = @import("std");
const context = @import("context.zig");
const manifest = @import("manifest.zig");

pub fn Calls(comptime table: type) type {
    return struct {
        /// Of every layout, enum and signature; the bindings carry the value they were generated with.
        pub fn abiHash() callconv(.c) u32 {
            return manifest.hash(table);
        }

        /// The text the hash is taken of. Copies at most `capacity` bytes, returns the whole length.
        pub fn abiManifest(out: ?*anyopaque, capacity: u32) callconv(.c) i32 {
            return context.copyOut(manifest.text(table), out, capacity) catch |err| context.failed(err, "");
        }
    };
}

/// Text of the last failed call: of this thread for handle 0, else of the engine behind the handle (its own or one of
/// its sessions', on any thread). Copies at most `capacity` bytes, returns the whole length.
pub fn errorMessage(handle: u32, out: ?*anyopaque, capacity: u32) callconv(.c) i32 {
    if (handle == 0) return context.copyOut(context.lastMessage(), out, capacity) catch |err| context.failed(err, "");
    const message = context.table.messageOf(handle) catch |err| return context.failed(err, "");
    return context.copyOut(message.text(), out, capacity) catch |err| context.failed(err, "");
}

/// Open engines and sessions, for leak tests.
pub fn handleCount() callconv(.c) u32 {
    return context.table.count();
}
