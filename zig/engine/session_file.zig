//! A session on disk: header, the caller's blob, the tokens, then every layer's state that is alive at the position.
//! Loading reads into a session nobody has seen yet and hands it out only when every check has passed.
//! Transfer memory is allocated per call and freed. The engine's thread enters.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../abi/types.zig");
const result = @import("../abi/result.zig");
const errnoName = @import("../io/files.zig").errnoName;
const DurableFile = @import("durable_file.zig").DurableFile;
const sampler = @import("sampler.zig");
const Engine = @import("engine.zig").Engine;
const Session = @import("session.zig").Session;

const Error = result.Error;
const Hash = std.hash.XxHash64;

comptime {
    std.debug.assert(builtin.cpu.arch.endian() == .little); // the file's byte order
}

const magic = "fmsessn\n".*;
const version = 1;
const transfer_bytes = 1 << 20;
/// The caller's blob is its transcript; more than this is no transcript.
pub const user_bytes_max = 64 << 20;

/// What must agree between a file and the engine that loads it.
const Fit = extern struct {
    model_hash: u64,
    conv_bytes: u64,
    delta_bytes: u64,
    kv_row_bytes: u64,
    kv_format: u32, // Format
    experts_per_token: u32,
    layers: u32,
    vocab: u32,

    fn of(engine: *const Engine) Fit {
        return .{
            .model_hash = engine.description.shape.model_hash,
            .conv_bytes = engine.state.conv_bytes,
            .delta_bytes = engine.state.delta_bytes,
            .kv_row_bytes = engine.state.kv_row_bytes,
            .kv_format = @intFromEnum(engine.settings.kv_format),
            .experts_per_token = engine.settings.experts_per_token,
            .layers = engine.description.shape.layers,
            .vocab = engine.description.shape.vocab,
        };
    }
};

const Header = extern struct {
    magic: [8]u8,
    version: u32,
    header_bytes: u32,
    fit: Fit,
    file_bytes: u64,
    position: u32,
    user_bytes: u32,
    sampling: abi.Sampling,
    random: [4]u64,
    body_checksum: u64, // XxHash64 of everything after the header
    header_checksum: u64, // XxHash64 of the header up to here

    fn checksum(header: *const Header) u64 {
        return Hash.hash(version, std.mem.asBytes(header)[0..@offsetOf(Header, "header_checksum")]);
    }
};

fn fileBytes(engine: *const Engine, position: u32, user_bytes: u32) u64 {
    return @sizeOf(Header) + @as(u64, user_bytes) + @as(u64, position) * @sizeOf(u32) + engine.state.liveBytes(position);
}

pub fn save(session: *Session, path: []const u8, user: []const u8) Error!void {
    const engine = session.engine;
    const message = &engine.message;
    if (user.len > user_bytes_max) return message.fail(
        error.InvalidArgument,
        "{d} bytes of transcript; at most {d} go into a session file",
        .{ user.len, user_bytes_max },
    );
    const transfer = engine.gpa.alloc(u8, transfer_bytes) catch return message.fail(error.OutOfMemory, "no memory to save the session", .{});
    defer engine.gpa.free(transfer);
    var file: DurableFile = undefined;
    try file.create(path, message);
    errdefer file.abandon();
    var writer: Writer = .{ .file = &file };
    try writer.write(user);
    try writer.write(std.mem.sliceAsBytes(session.history[0..session.position]));
    for (0..engine.state.layers.len) |layer| {
        for ([_]u1{ 0, 1 }) |which| {
            const part = engine.state.part(layer, which, session.position);
            var done: usize = 0;
            while (done < part.bytes) {
                const slice = transfer[0..@min(transfer.len, part.bytes - done)];
                engine.device.vtable.read(engine.device.context, .{ .buffer = &session.buffer, .offset = part.offset + done }, slice) catch
                    return message.fail(error.Internal, "the compute device failed while the session was saved", .{});
                try writer.write(slice);
                done += slice.len;
            }
        }
    }
    var header = std.mem.zeroes(Header);
    header.magic = magic;
    header.version = version;
    header.header_bytes = @sizeOf(Header);
    header.fit = .of(engine);
    header.file_bytes = fileBytes(engine, session.position, @intCast(user.len));
    header.position = session.position;
    header.user_bytes = @intCast(user.len);
    header.sampling = session.sampling;
    header.random = session.random.state;
    header.body_checksum = writer.hash.final();
    header.header_checksum = header.checksum();
    std.debug.assert(writer.offset == header.file_bytes);
    try file.writeAt(std.mem.asBytes(&header), 0);
    try file.commit();
}

const Writer = struct {
    file: *DurableFile,
    offset: u64 = @sizeOf(Header),
    hash: Hash = .init(version),

    fn write(writer: *Writer, bytes: []const u8) Error!void {
        try writer.file.writeAt(bytes, writer.offset);
        writer.hash.update(bytes);
        writer.offset += bytes.len;
    }
};

/// Fills a fresh session. On error the caller closes it: its contents mean nothing then.
pub fn load(session: *Session, path: []const u8) Error!void {
    const engine = session.engine;
    const message = &engine.message;
    var buffer: [std.c.PATH_MAX:0]u8 = undefined;
    if (std.mem.indexOfScalar(u8, path, 0) != null) return message.fail(
        error.InvalidArgument,
        "the path of the session file contains a zero byte",
        .{},
    );
    const terminated = std.fmt.bufPrintSentinel(&buffer, "{s}", .{path}, 0) catch
        return message.fail(error.InvalidArgument, "the path of the session file is longer than {d} bytes", .{buffer.len});
    const descriptor = std.c.open(terminated, .{ .ACCMODE = .RDONLY, .CLOEXEC = true, .NONBLOCK = true });
    if (descriptor < 0) return message.fail(
        error.IoFailed,
        "cannot open the session file {s}: {s}",
        .{ path, errnoName(@intCast(std.c._errno().*)) },
    );
    defer _ = std.c.close(descriptor);
    var reader: Reader = .{ .descriptor = descriptor, .path = path, .message = message };

    var header: Header = undefined;
    try reader.read(std.mem.asBytes(&header));
    try checkHeader(engine, &reader, &header);
    reader.hash = .init(version); // the body's begins here
    const transfer = engine.gpa.alloc(u8, transfer_bytes) catch return message.fail(error.OutOfMemory, "no memory to load the session", .{});
    defer engine.gpa.free(transfer);
    session.user = engine.gpa.alloc(u8, header.user_bytes) catch return message.fail(
        error.OutOfMemory,
        "no memory for the session's {d} bytes of transcript",
        .{header.user_bytes},
    );
    try reader.read(session.user);
    const history = session.history[0..header.position];
    try reader.read(std.mem.sliceAsBytes(history));
    try readState(session, &reader, header.position, transfer);
    if (reader.hash.final() != header.body_checksum) return reader.fail("its checksum is wrong: the file is damaged");
    for (history) |id| if (id >= engine.description.shape.vocab) return reader.fail("it holds a token outside the vocabulary");
    sampler.check(&header.sampling, message) catch return reader.fail("its sampling settings are out of range");
    session.position = header.position;
    session.sampling = header.sampling;
    session.random = .{ .state = header.random };
    if (builtin.os.tag == .linux) _ = std.os.linux.fadvise(descriptor, 0, 0, std.os.linux.POSIX_FADV.DONTNEED);
}

fn readState(session: *Session, reader: *Reader, position: u32, transfer: []u8) Error!void {
    const engine = session.engine;
    for (0..engine.state.layers.len) |layer| {
        for ([_]u1{ 0, 1 }) |which| {
            const part = engine.state.part(layer, which, position);
            var done: usize = 0;
            while (done < part.bytes) {
                const slice = transfer[0..@min(transfer.len, part.bytes - done)];
                try reader.read(slice);
                engine.device.vtable.write(engine.device.context, .{ .buffer = &session.buffer, .offset = part.offset + done }, slice);
                done += slice.len;
            }
        }
    }
}

fn checkHeader(engine: *const Engine, reader: *Reader, header: *const Header) Error!void {
    if (!std.mem.eql(u8, &header.magic, &magic)) return reader.fail("it is no session file");
    if (header.version != version or header.header_bytes != @sizeOf(Header)) return reader.fail("it was written by another version of flashmoe");
    if (header.header_checksum != header.checksum()) return reader.fail("its header's checksum is wrong: the file is damaged");
    const fit: Fit = .of(engine);
    const theirs = header.fit;
    if (theirs.model_hash != fit.model_hash) return reader.fail("it belongs to another model");
    if (theirs.experts_per_token != fit.experts_per_token)
        return reader.failWith("it was made with {d} experts per token, this engine uses {d}", .{ theirs.experts_per_token, fit.experts_per_token });
    if (theirs.kv_format != fit.kv_format) return reader.fail("its keys and values have another precision than this engine's");
    if (!std.meta.eql(theirs, fit)) return reader.fail("its shapes are not this model's");
    if (header.position > engine.settings.context)
        return reader.failWith(
            "it holds {d} tokens, this engine's context only {d}; open with a larger context",
            .{ header.position, engine.settings.context },
        );
    if (header.user_bytes > user_bytes_max or header.file_bytes != fileBytes(engine, header.position, header.user_bytes))
        return reader.fail("its sizes contradict each other");
    const end = std.c.lseek(reader.descriptor, 0, std.c.SEEK.END);
    if (end < 0 or @as(u64, @intCast(end)) != header.file_bytes)
        return reader.failWith("it has {d} bytes instead of {d}: the file is damaged", .{ end, header.file_bytes });
}

const Reader = struct {
    descriptor: std.c.fd_t,
    path: []const u8,
    message: *result.Message,
    offset: u64 = 0,
    hash: Hash = .init(version),

    fn read(reader: *Reader, into: []u8) Error!void {
        var done: usize = 0;
        while (done < into.len) {
            const got = std.c.pread(reader.descriptor, into.ptr + done, into.len - done, @intCast(reader.offset + done));
            if (got == 0) return reader.fail("it ends too early: the file is damaged");
            if (got < 0) {
                const errno: u32 = @intCast(std.c._errno().*);
                if (errno == @intFromEnum(std.c.E.INTR)) continue;
                return reader.message.fail(error.IoFailed, "cannot read the session file {s}: {s}", .{ reader.path, errnoName(errno) });
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
        return reader.message.fail(error.SessionFileInvalid, "the session file {s} cannot be used: " ++ cause, .{reader.path} ++ args);
    }
};
