//! The handle table against a naive model, and its limits.

const std = @import("std");
const handles = @import("handles.zig");
const Error = @import("result.zig").Error;

const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

var object: u32 = 0;

test "a closed handle is an error, and its slot's next handle differs" {
    var table: handles.HandleTable(1) = .{};
    const first = try table.insert(&object, null);
    try std.testing.expect(first != 0 and first != 0xffff_ffff);
    _ = try table.enter(first, .engine);
    table.remove(first);
    try expectError(error.InvalidHandle, table.enter(first, .engine));
    try expectError(error.InvalidHandle, table.messageOf(first));
    const second = try table.insert(&object, null);
    const third = try table.insert(&object, null);
    try std.testing.expect(second != first and third != first and second != third);
    try expectError(error.Busy, table.insert(&object, null)); // full
    try expectEqual(2, table.count());
}

test "a slot whose generations are used up is never handed out again" {
    // 30 index bits would need a gigabyte; the same arithmetic with a nearly worn entry.
    var table: handles.HandleTable(1) = .{};
    const last_generation = (1 << 31) - 2;
    table.entries[0].generation = last_generation;
    table.entries[1].generation = last_generation;
    for (0..2) |_| {
        const handle = try table.insert(&object, null);
        try std.testing.expect(handle != 0xffff_ffff);
        table.remove(handle);
        try expectError(error.InvalidHandle, table.enter(handle, .engine));
    }
    try expectError(error.Busy, table.insert(&object, null));
}

test "an engine is in one call at a time, its sessions included" {
    var table: handles.HandleTable(4) = .{};
    const engine = try table.insert(&object, null);
    const other = try table.insert(&object, null);
    const session = try table.insert(&object, engine);
    const found = try table.enter(session, .session);
    try expectEqual(engine, found.engine_handle);
    try expectError(error.Busy, table.enter(engine, .engine));
    try expectError(error.Busy, table.enter(session, .session));
    table.leave((try table.enter(other, .engine)).engine_handle); // another engine is free
    table.leave(found.engine_handle);
    table.leave((try table.enter(engine, .engine)).engine_handle);
    // The kinds do not stand for each other.
    try expectError(error.InvalidHandle, table.enter(engine, .session));
    try expectError(error.InvalidHandle, table.enter(session, .engine));
    try expectError(error.InvalidHandle, table.insert(&object, session));
    try expectEqual(null, table.sessionOf(other, session));
    try std.testing.expect(table.sessionOf(engine, session) != null);
}

test "random opens and closes agree with a naive model" {
    const Table = handles.HandleTable(4);
    const seed = 0x5eed_0001;
    errdefer std.debug.print("seed {x}\n", .{seed});
    var prng: std.Random.DefaultPrng = .init(seed);
    const random = prng.random();
    var table: Table = .{};
    var objects: [Table.capacity]u64 = undefined;
    var live: std.ArrayList(struct { handle: u32, pointer: *u64 }) = .empty;
    defer live.deinit(std.testing.allocator);
    var dead: std.AutoHashMapUnmanaged(u32, void) = .empty;
    defer dead.deinit(std.testing.allocator);

    for (0..20_000) |round| {
        if (random.boolean()) {
            const pointer = &objects[round % objects.len];
            const handle = table.insert(pointer, null) catch {
                try expectEqual(Table.capacity, live.items.len);
                continue;
            };
            try std.testing.expect(live.items.len < Table.capacity);
            try std.testing.expect(!dead.contains(handle));
            for (live.items) |item| try std.testing.expect(item.handle != handle);
            try live.append(std.testing.allocator, .{ .handle = handle, .pointer = pointer });
        } else if (live.items.len > 0) {
            const item = live.swapRemove(random.uintLessThan(usize, live.items.len));
            const found = try table.enter(item.handle, .engine);
            try expectEqual(@as(*anyopaque, @ptrCast(item.pointer)), found.pointer);
            table.remove(item.handle);
            table.leave(found.engine_handle);
            try dead.put(std.testing.allocator, item.handle, {});
        }
        try expectEqual(live.items.len, table.count());
        const guess = random.int(u32);
        if (table.enter(guess, .engine)) |found| {
            table.leave(found.engine_handle);
            try std.testing.expect(for (live.items) |item| {
                if (item.handle == guess) break true;
            } else false);
        } else |err| try expectEqual(@as(Error, error.InvalidHandle), err);
    }
    var closed = dead.keyIterator();
    while (closed.next()) |handle| try expectError(error.InvalidHandle, table.enter(handle.*, .engine));
}
