//! Heads on disk: a header bound to the model, what each layer's head was worth, then the weights of those that won.
//! Nothing of a file is used before every check has passed. The engine's thread enters.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const backend = @import("../backend/backend.zig");
const errnoName = @import("../io/files.zig").errnoName;
const DurableFile = @import("durable_file.zig").DurableFile;
const heads = @import("heads.zig");
const group_least = @import("heads_block.zig").group_least;

const Error = result.Error;
const Hash = std.hash.XxHash64;

comptime {
    std.debug.assert(builtin.cpu.arch.endian() == .little); // the file's byte order
}

const magic = "fmheads\n".*;
const version = 4; // 1: trained for the guess before a layer's experts; 2: not told of the token before; 3: f16 weights

pub const Header = extern struct {
    magic: [8]u8 = magic,
    version: u32 = version,
    header_bytes: u32 = @sizeOf(Header),
    model_hash: u64,
    file_bytes: u64,
    hidden: u32,
    layers: u32,
    experts: u32,
    experts_per_token: u32, // that were guessed when the heads were compared
    width: u32,
    reserved: u32 = 0,
    body_checksum: u64, // XxHash64 of everything after the header
    header_checksum: u64 = 0, // XxHash64 of the header up to here

    fn checksum(header: *const Header) u64 {
        return Hash.hash(version, std.mem.asBytes(header)[0..@offsetOf(Header, "header_checksum")]);
    }
};

/// Writes the file whole or not at all.
pub fn save(path: []const u8, shape: *const abi.ModelDesc, k: u32, width: u32, figures: []const abi.HeadFigures, body: []const u8, message: *result.Message) Error!void {
    var hash: Hash = .init(version);
    hash.update(std.mem.sliceAsBytes(figures));
    hash.update(body);
    var header: Header = .{
        .model_hash = shape.model_hash,
        .file_bytes = @sizeOf(Header) + figures.len * @sizeOf(abi.HeadFigures) + body.len,
        .hidden = shape.hidden,
        .layers = shape.layers,
        .experts = shape.experts,
        .experts_per_token = k,
        .width = width,
        .body_checksum = hash.final(),
    };
    header.header_checksum = header.checksum();
    var file: DurableFile = undefined;
    try file.create(path, message);
    errdefer file.abandon();
    try file.writeAt(std.mem.asBytes(&header), 0);
    try file.writeAt(std.mem.sliceAsBytes(figures), @sizeOf(Header));
    try file.writeAt(body, @sizeOf(Header) + figures.len * @sizeOf(abi.HeadFigures));
    try file.commit();
}

/// A file that was read and checked. The figures belong to the caller's allocator, the buffer to the device: the weights
/// are in it, and space for `Heads.workBytes` after them.
pub const Contents = struct { width: u32, figures: []abi.HeadFigures, buffer: backend.Buffer, body_bytes: usize };

const transfer_bytes = 1 << 20;

/// `bytes_max` is what the plan counted for the file.
pub fn load(gpa: std.mem.Allocator, device: backend.Backend, path: []const u8, shape: *const abi.ModelDesc, bytes_max: u64, message: *result.Message) Error!Contents {
    var reader: Reader = try .open(path, message);
    defer reader.close();
    var header: Header = undefined;
    try reader.read(std.mem.asBytes(&header));
    try checkHeader(&reader, &header, shape, bytes_max);
    reader.hash = .init(version);
    const figures = gpa.alloc(abi.HeadFigures, shape.layers) catch return outOfMemory(message);
    errdefer gpa.free(figures);
    try reader.read(std.mem.sliceAsBytes(figures));
    const block = heads.blockOf(shape.hidden, header.width, shape.experts);
    var used: u64 = 0;
    for (figures) |*figure| {
        if (figure.used > 1) return reader.fail("its figures are out of range");
        used += figure.used;
    }
    if (header.file_bytes != reader.offset + used * block.bytes) return reader.fail("its sizes contradict each other");
    const body_bytes: usize = @intCast(used * block.bytes);
    var buffer = device.vtable.alloc(device.context, body_bytes + heads.Heads.workBytes(shape.hidden, header.width, shape.experts), .weights) catch return outOfMemory(message);
    errdefer device.vtable.free(device.context, &buffer);
    const transfer = gpa.alloc(u8, transfer_bytes) catch return outOfMemory(message);
    defer gpa.free(transfer);
    var done: usize = 0;
    while (done < body_bytes) {
        const slice = transfer[0..@min(transfer.len, body_bytes - done)];
        try reader.read(slice);
        device.vtable.write(device.context, .{ .buffer = &buffer, .offset = done }, slice);
        done += slice.len;
    }
    if (reader.hash.final() != header.body_checksum) return reader.fail("its checksum is wrong: the file is damaged");
    return .{ .width = header.width, .figures = figures, .buffer = buffer, .body_bytes = body_bytes };
}

fn checkHeader(reader: *Reader, header: *const Header, shape: *const abi.ModelDesc, bytes_max: u64) Error!void {
    if (!std.mem.eql(u8, &header.magic, &magic)) return reader.fail("it is no file of heads");
    if (header.version != version or header.header_bytes != @sizeOf(Header)) return reader.fail("it was written by another version of flashmoe");
    if (header.header_checksum != header.checksum()) return reader.fail("its header's checksum is wrong: the file is damaged");
    if (header.model_hash != shape.model_hash) return reader.fail("it belongs to another model");
    if (header.hidden != shape.hidden or header.layers != shape.layers or header.experts != shape.experts or
        header.width == 0 or header.width > heads.width_max or header.width % group_least != 0) return reader.fail("its shapes are not this model's");
    const end = std.c.lseek(reader.descriptor, 0, std.c.SEEK.END);
    if (end < 0 or @as(u64, @intCast(end)) != header.file_bytes)
        return reader.failWith("it has {d} bytes instead of {d}: the file is damaged", .{ end, header.file_bytes });
    if (header.file_bytes > bytes_max)
        return reader.failWith("it has {d} bytes, the memory plan counted {d} for it", .{ header.file_bytes, bytes_max });
}

fn outOfMemory(message: *result.Message) Error {
    return message.fail(error.OutOfMemory, "no memory to load the heads", .{});
}

const Reader = struct {
    descriptor: std.c.fd_t,
    path: []const u8,
    message: *result.Message,
    offset: u64 = 0,
    hash: Hash = .init(version),

    fn open(path: []const u8, message: *result.Message) Error!Reader {
        var buffer: [std.c.PATH_MAX:0]u8 = undefined;
        if (std.mem.indexOfScalar(u8, path, 0) != null) return message.fail(error.InvalidArgument, "the path of the heads contains a zero byte", .{});
        const terminated = std.fmt.bufPrintSentinel(&buffer, "{s}", .{path}, 0) catch
            return message.fail(error.InvalidArgument, "the path of the heads is longer than {d} bytes", .{buffer.len});
        const descriptor = std.c.open(terminated, .{ .ACCMODE = .RDONLY, .CLOEXEC = true, .NONBLOCK = true });
        if (descriptor < 0) return message.fail(
            error.IoFailed,
            "cannot open the heads {s}: {s}",
            .{ path, errnoName(@intCast(std.c._errno().*)) },
        );
        return .{ .descriptor = descriptor, .path = path, .message = message };
    }

    fn close(reader: *Reader) void {
        _ = std.c.close(reader.descriptor);
    }

    fn read(reader: *Reader, into: []u8) Error!void {
        var done: usize = 0;
        while (done < into.len) {
            const got = std.c.pread(reader.descriptor, into.ptr + done, into.len - done, @intCast(reader.offset + done));
            if (got == 0) return reader.fail("it ends too early: the file is damaged");
            if (got < 0) {
                const errno: u32 = @intCast(std.c._errno().*);
                if (errno == @intFromEnum(std.c.E.INTR)) continue;
                return reader.message.fail(error.IoFailed, "cannot read the heads {s}: {s}", .{ reader.path, errnoName(errno) });
            }
            done += @intCast(got);
        }
        reader.hash.update(into);
        reader.offset += into.len;
    }

    fn fail(reader: *Reader, comptime cause: []const u8) Error {
        return reader.failWith(cause, .{});
    }

    fn failWith(reader: *Reader, comptime cause: []const u8, args: anytype) Error {
        return reader.message.fail(error.InvalidArgument, "the heads {s} cannot be used: " ++ cause ++ "; train them again", .{reader.path} ++ args);
    }
};
