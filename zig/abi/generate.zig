//! Writes what the other languages know of the boundary: `generate BINDINGS.ts ARGUMENTS.h`. Run by `zig build generate`.

const std = @import("std");
const types = @import("types.zig");
const manifest = @import("manifest.zig");
const calls = @import("calls.zig");

const Writer = std.Io.Writer;

pub fn main(init: std.process.Init) !void {
    const args = try init.minimal.args.toSlice(init.arena.allocator());
    if (args.len != 3) std.process.fatal("usage: generate BINDINGS.ts ARGUMENTS.h", .{});
    inline for (.{ writeBindings, writeHeader }, args[1..3]) |write, path| {
        var text: Writer.Allocating = .init(init.arena.allocator());
        try write(&text.writer);
        try std.Io.Dir.cwd().writeFile(init.io, .{ .sub_path = path, .data = text.written() });
    }
}

fn writeBindings(out: *Writer) !void {
    @setEvalBranchQuota(100_000); // grows with the number of structs and calls
    try out.print(
        \\/** Generated from zig/abi by `npm run generate`: do not edit. What crosses between TypeScript and the native core. */
        \\
        \\import type {{ StructLayout, SymbolSignature }} from "./layout.ts";
        \\
        \\/** Compared with fm_abi_hash() when the library is loaded. */
        \\export const abiHash = 0x{x:0>8};
        \\
        \\
    , .{manifest.hash(calls.Signatures)});
    inline for (comptime manifest.declarations(types)) |name| {
        const value = @field(types, name);
        if (@TypeOf(value) != type) {
            try out.print("export const {f} = {d};\n\n", .{ camel(name), value });
        } else switch (@typeInfo(value)) {
            .@"enum" => |info| {
                try out.print("export const {s} = {{\n", .{name});
                inline for (info.fields) |member| try out.print("  {f}: {d},\n", .{ camel(member.name), member.value });
                try out.writeAll("} as const;\n\n");
            },
            .@"struct" => |info| {
                try out.print("export const {s} = {{\n  name: \"{s}\",\n  size: {d},\n  align: {d},\n  fields: {{\n", .{ name, name, @sizeOf(value), @alignOf(value) });
                inline for (info.fields) |field| {
                    const kind = comptime manifest.fieldType(field.type);
                    try out.print("    {f}: {{ offset: {d}, type: ", .{ camel(field.name), @offsetOf(value, field.name) });
                    try out.print(if (comptime isStruct(field.type)) "{s} }},\n" else "\"{s}\" }},\n", .{kind});
                }
                try out.writeAll("  },\n} as const satisfies StructLayout;\n\n");
            },
            else => comptime unreachable,
        }
    }
    @setEvalBranchQuota(20_000); // a few hundred for every symbol
    try out.writeAll("export const symbols = {\n");
    inline for (comptime manifest.declarations(calls.Signatures)) |name| {
        const info = @typeInfo(@TypeOf(@field(calls.Signatures, name))).@"fn";
        try out.print("  {s}: {{ args: [", .{name});
        inline for (info.params, 0..) |param, i|
            try out.print("{s}\"{s}\"", .{ if (i == 0) "" else ", ", comptime manifest.argumentType(param.type.?) });
        try out.print("], returns: \"{s}\" }},\n", .{comptime manifest.argumentType(info.return_type.?)});
    }
    try out.writeAll("} as const satisfies Record<string, SymbolSignature>;\n");
}

/// The same structs for C, C++, Metal and CUDA: kernels and hosts share one header.
fn writeHeader(out: *Writer) !void {
    try out.writeAll(
        \\// Generated from zig/abi by `npm run generate`: do not edit. The boundary's data for GPU kernels and C hosts.
        \\#ifndef FLASHMOE_ARGUMENTS_H
        \\#define FLASHMOE_ARGUMENTS_H
        \\
        \\#if !defined(__METAL_VERSION__) && !defined(__CUDACC_RTC__)
        \\#include <stdint.h>
        \\#endif
        \\
        \\#ifdef __METAL_VERSION__
        \\typedef uint64_t fm_f64; // Metal has no double; only the bytes pass through
        \\#else
        \\typedef double fm_f64;
        \\#endif
        \\
        \\#if defined(__cplusplus) || defined(__METAL_VERSION__)
        \\#define FM_SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), #type " has another size")
        \\#else
        \\#define FM_SIZE_IS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has another size")
        \\#endif
        \\
        \\
    );
    inline for (comptime manifest.declarations(types)) |name| {
        const value = @field(types, name);
        if (@TypeOf(value) != type) {
            try out.print("#define {f} {d}u\n\n", .{ macro(name), value });
        } else switch (@typeInfo(value)) {
            .@"enum" => |info| {
                try out.print("enum fm_{f} {{\n", .{snake(name)});
                inline for (info.fields) |member| try out.print("  {f}_{f} = {d},\n", .{ macro(name), upper(member.name), member.value });
                try out.writeAll("};\n\n");
            },
            .@"struct" => |info| {
                try out.print("struct fm_{f} {{\n", .{snake(name)});
                inline for (info.fields) |field| {
                    if (comptime isStruct(field.type))
                        try out.print("  struct fm_{f} {s};\n", .{ snake(comptime manifest.fieldType(field.type)), field.name })
                    else
                        try out.print("  {s} {s};\n", .{ cType(field.type), field.name });
                }
                try out.print("}};\nFM_SIZE_IS(fm_{f}, {d});\n\n", .{ snake(name), @sizeOf(value) });
            },
            else => comptime unreachable,
        }
    }
    try out.writeAll("#endif\n");
}

fn isStruct(comptime T: type) bool {
    return @typeInfo(T) == .@"struct";
}

fn cType(comptime T: type) []const u8 {
    return switch (T) {
        u32 => "uint32_t",
        i32 => "int32_t",
        u64 => "uint64_t",
        f32 => "float",
        f64 => "fm_f64",
        else => unreachable,
    };
}

const Style = enum { camel, snake, upper, macro };
const Name = struct {
    text: []const u8,
    style: Style,

    pub fn format(name: Name, out: *Writer) Writer.Error!void {
        if (name.style == .macro) try out.writeAll("FM_");
        var raise = false;
        for (name.text, 0..) |c, i| {
            if (c == '_' and name.style == .camel) {
                raise = true;
                continue;
            }
            const starts_word = std.ascii.isUpper(c) and i != 0;
            if (starts_word and name.style != .camel) try out.writeByte('_');
            try out.writeByte(switch (name.style) {
                .camel => if (raise) std.ascii.toUpper(c) else c,
                .snake => std.ascii.toLower(c),
                .upper, .macro => std.ascii.toUpper(c),
            });
            raise = false;
        }
    }
};

fn camel(text: []const u8) Name {
    return .{ .text = text, .style = .camel };
}
fn snake(text: []const u8) Name {
    return .{ .text = text, .style = .snake };
}
fn upper(text: []const u8) Name {
    return .{ .text = text, .style = .upper };
}
fn macro(text: []const u8) Name {
    return .{ .text = text, .style = .macro };
}
