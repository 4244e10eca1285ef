//! What reader threads share: mutex, condition and clock of the C library, and a thread that no signal interrupts.

const std = @import("std");

pub const Lock = struct {
    mutex: std.c.pthread_mutex_t = .{},

    pub fn lock(one: *Lock) void {
        const failed = std.c.pthread_mutex_lock(&one.mutex);
        std.debug.assert(failed == .SUCCESS);
    }

    pub fn unlock(one: *Lock) void {
        const failed = std.c.pthread_mutex_unlock(&one.mutex);
        std.debug.assert(failed == .SUCCESS);
    }

    pub fn deinit(one: *Lock) void {
        _ = std.c.pthread_mutex_destroy(&one.mutex);
    }
};

pub const Condition = struct {
    condition: std.c.pthread_cond_t = .{},

    /// The lock is held.
    pub fn wait(one: *Condition, lock: *Lock) void {
        _ = std.c.pthread_cond_wait(&one.condition, &lock.mutex);
    }

    pub fn signal(one: *Condition) void {
        _ = std.c.pthread_cond_signal(&one.condition);
    }

    pub fn broadcast(one: *Condition) void {
        _ = std.c.pthread_cond_broadcast(&one.condition);
    }

    pub fn deinit(one: *Condition) void {
        _ = std.c.pthread_cond_destroy(&one.condition);
    }
};

/// Signals are for the host's threads; reads are not to be interrupted by them.
pub fn spawn(comptime function: anytype, arguments: anytype) std.Thread.SpawnError!std.Thread {
    var every: std.c.sigset_t = undefined;
    var before: std.c.sigset_t = undefined;
    _ = std.c.sigfillset(&every);
    const masked = std.c.pthread_sigmask(std.c.SIG.SETMASK, &every, &before) == 0;
    defer if (masked) {
        _ = std.c.pthread_sigmask(std.c.SIG.SETMASK, &before, &every);
    };
    return std.Thread.spawn(.{ .stack_size = 512 * 1024 }, function, arguments);
}

pub fn sleepNs(ns: u64) void {
    const rest: std.c.timespec = .{ .sec = @intCast(ns / std.time.ns_per_s), .nsec = @intCast(ns % std.time.ns_per_s) };
    _ = std.c.nanosleep(&rest, null);
}

pub fn nowNs() u64 {
    var now: std.c.timespec = undefined;
    std.debug.assert(std.c.clock_gettime(.MONOTONIC, &now) == 0);
    return @as(u64, @intCast(now.sec)) * std.time.ns_per_s + @as(u64, @intCast(now.nsec));
}
