//! How a step finds its sessions: the boundary owns the handle table, the engine owns the sessions, and neither
//! imports the other's types. A plain value over borrowed memory, valid during one call.

/// Finds the session behind a handle, only among the open sessions of the engine that is stepping.
pub const SessionResolver = struct {
    context: *const anyopaque,
    find: *const fn (context: *const anyopaque, handle: u32) ?*anyopaque,

    /// Null for a handle that is closed, is no session, or belongs to another engine: `error.InvalidHandle` then.
    pub fn get(resolver: SessionResolver, comptime Session: type, handle: u32) ?*Session {
        const pointer = resolver.find(resolver.context, handle) orelse return null;
        return @ptrCast(@alignCast(pointer));
    }
};
