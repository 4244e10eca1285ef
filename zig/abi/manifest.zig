//! Everything that crosses, as text made at compile time: constants, enums, structs with offsets, calls. Its hash is the
//! ABI hash; the bindings are generated from the same reflection, and a test compares both line by line.

const std = @import("std");
const types = @import("types.zig");

/// FNV-1a of the manifest's text.
pub fn hash(comptime table: type) u32 {
    return comptime blk: {
        @setEvalBranchQuota(1_000_000);
        break :blk std.hash.Fnv1a_32.hash(text(table));
    };
}

/// One line per fact:
///   const NAME VALUE | enum NAME MEMBER VALUE | struct NAME SIZE ALIGN | field STRUCT NAME TYPE OFFSET | call NAME RETURN ARG...
pub fn text(comptime table: type) []const u8 {
    return comptime blk: {
        @setEvalBranchQuota(1_000_000);
        var lines: []const u8 = "";
        for (declarations(types)) |name| {
            const value = @field(types, name);
            if (@TypeOf(value) != type) {
                lines = lines ++ std.fmt.comptimePrint("const {s} {d}\n", .{ name, value });
            } else switch (@typeInfo(value)) {
                .@"enum" => |info| for (info.fields) |member| {
                    lines = lines ++ std.fmt.comptimePrint("enum {s} {s} {d}\n", .{ name, member.name, member.value });
                },
                .@"struct" => |info| {
                    requireExtern(name, info);
                    lines = lines ++ std.fmt.comptimePrint("struct {s} {d} {d}\n", .{ name, @sizeOf(value), @alignOf(value) });
                    for (info.fields) |field| lines = lines ++ std.fmt.comptimePrint(
                        "field {s} {s} {s} {d}\n",
                        .{ name, field.name, fieldType(field.type), @offsetOf(value, field.name) },
                    );
                },
                else => @compileError("zig/abi/types.zig: " ++ name ++ " is neither constant, enum nor extern struct"),
            }
        }
        for (declarations(table)) |name| {
            const info = @typeInfo(@TypeOf(@field(table, name))).@"fn";
            lines = lines ++ "call " ++ name ++ " " ++ argumentType(info.return_type.?);
            for (info.params) |param| lines = lines ++ " " ++ argumentType(param.type.?);
            lines = lines ++ "\n";
        }
        break :blk lines;
    };
}

/// Names of the public declarations, in source order.
pub fn declarations(comptime namespace: type) []const []const u8 {
    comptime {
        var names: []const []const u8 = &.{};
        for (@typeInfo(namespace).@"struct".decls) |declaration| names = names ++ .{declaration.name};
        return names;
    }
}

/// Field types that may cross inside a struct: numbers, and structs of them.
pub fn fieldType(comptime T: type) []const u8 {
    return switch (T) {
        u32 => "u32",
        i32 => "i32",
        u64 => "u64",
        f32 => "f32",
        f64 => "f64",
        else => switch (@typeInfo(T)) {
            .@"struct" => comptime structName(T),
            else => @compileError("a struct that crosses cannot hold " ++ @typeName(T)),
        },
    };
}

/// Types that may cross as arguments and results.
pub fn argumentType(comptime T: type) []const u8 {
    return switch (T) {
        u32 => "u32",
        i32 => "i32",
        f32 => "f32",
        f64 => "f64",
        ?*anyopaque, ?*const anyopaque => "ptr",
        else => @compileError("a call cannot take or return " ++ @typeName(T)),
    };
}

fn structName(comptime T: type) []const u8 {
    for (declarations(types)) |name| {
        const value = @field(types, name);
        if (@TypeOf(value) == type and value == T) return name;
    }
    @compileError(@typeName(T) ++ " is not declared in zig/abi/types.zig");
}

/// Explicit `reserved` fields instead of padding: every byte that crosses has a name.
fn requireExtern(comptime name: []const u8, comptime info: std.builtin.Type.Struct) void {
    if (info.layout != .@"extern") @compileError("zig/abi/types.zig: " ++ name ++ " is not an extern struct");
    var end: usize = 0;
    for (info.fields) |field| end += @sizeOf(field.type);
    if (end != @sizeOf(@field(types, name))) @compileError("zig/abi/types.zig: " ++ name ++ " has padding; name it");
}
