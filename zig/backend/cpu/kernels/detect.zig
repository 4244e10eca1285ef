//! Which kernel levels this machine can run, and their tables. Base code: compiled once, for the oldest CPU.
//! No memory, no state; any thread enters.

const std = @import("std");
const builtin = @import("builtin");
const options = @import("options");
const abi = @import("../../../abi/types.zig");
const tables = @import("table.zig");
const reference = @import("reference.zig");

comptime {
    for (@typeInfo(tables.Format).@"enum".fields) |field| {
        std.debug.assert(@intFromEnum(@field(abi.Format, field.name)) == field.value);
    }
}

/// The levels this machine runs and this library has, best last; `scalar` is always there.
pub fn supported() std.EnumSet(abi.CpuLevel) {
    var set: std.EnumSet(abi.CpuLevel) = .initOne(.scalar);
    inline for (options.levels) |name| {
        const level = @field(abi.CpuLevel, name);
        if (machineHas(level)) set.insert(level);
    }
    return set;
}

/// Bits (1 << CpuLevel), as `abi.CpuInfo.supported_levels` wants them.
pub fn supportedBits() u32 {
    var bits: u32 = 0;
    var levels = supported();
    var iterator = levels.iterator();
    while (iterator.next()) |level| bits |= @as(u32, 1) << @intCast(@intFromEnum(level));
    return bits;
}

/// The fastest level: within one architecture they are declared in rising order.
pub fn best() abi.CpuLevel {
    var result: abi.CpuLevel = .scalar;
    var levels = supported();
    var iterator = levels.iterator();
    while (iterator.next()) |level| {
        if (@intFromEnum(level) > @intFromEnum(result)) result = level;
    }
    return result;
}

/// The table of a level; null when this machine or this library does not have it. `automatic` is the best one.
pub fn tableOf(level: abi.CpuLevel) ?*const tables.KernelTable {
    const wanted = if (level == .automatic) best() else level;
    if (wanted == .scalar) return &reference.table;
    if (!supported().contains(wanted)) return null;
    inline for (options.levels) |name| {
        if (wanted == @field(abi.CpuLevel, name)) {
            return @extern(*const tables.KernelTable, .{ .name = "fm_kernels_" ++ name, .visibility = .hidden });
        }
    }
    return null;
}

fn machineHas(comptime level: abi.CpuLevel) bool {
    return switch (builtin.cpu.arch) {
        .x86_64 => switch (level) {
            .avx2 => X86.read().avx2(),
            .avx512 => X86.read().avx512(),
            else => false,
        },
        .aarch64 => switch (level) {
            .neon => true, // part of every ARMv8-A
            .neon_dotprod => armDotprod(),
            else => false,
        },
        else => false,
    };
}

/// Linux says in the auxiliary vector what the kernel lets processes use; every Apple machine has it.
fn armDotprod() bool {
    if (builtin.os.tag == .macos) return true;
    if (builtin.os.tag != .linux) return false;
    const crc32 = 1 << 7;
    const atomics = 1 << 8;
    const fphp = 1 << 9;
    const asimdhp = 1 << 10;
    const asimdrdm = 1 << 12;
    const asimddp = 1 << 20;
    const wanted: c_ulong = crc32 | atomics | fphp | asimdhp | asimdrdm | asimddp;
    return getauxval(std.elf.AT_HWCAP) & wanted == wanted;
}

extern "c" fn getauxval(kind: c_ulong) c_ulong;

/// What cpuid and the operating system (xgetbv) offer. Checks all that the compiler may use for a level.
const X86 = struct {
    leaf1_ecx: u32,
    leaf7_ebx: u32,
    leaf7_ecx: u32,
    extended_ecx: u32,
    /// Register state the operating system saves: without it the instructions fault.
    saved: u32,

    fn read() X86 {
        const none: X86 = .{ .leaf1_ecx = 0, .leaf7_ebx = 0, .leaf7_ecx = 0, .extended_ecx = 0, .saved = 0 };
        if (cpuid(0, 0).eax < 7) return none;
        const leaf1 = cpuid(1, 0);
        const osxsave = 1 << 27;
        if (leaf1.ecx & osxsave == 0) return none;
        const leaf7 = cpuid(7, 0);
        const extended = cpuid(0x8000_0001, 0);
        return .{ .leaf1_ecx = leaf1.ecx, .leaf7_ebx = leaf7.ebx, .leaf7_ecx = leaf7.ecx, .extended_ecx = extended.ecx, .saved = xgetbv() };
    }

    /// x86-64-v3: SSE3, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AVX, F16C; BMI1, AVX2, BMI2; LAHF, LZCNT.
    fn avx2(self: X86) bool {
        const one = bits(&.{ 0, 9, 12, 13, 19, 20, 22, 23, 28, 29 });
        const seven = bits(&.{ 3, 5, 8 });
        const extended = bits(&.{ 0, 5 });
        return self.leaf1_ecx & one == one and self.leaf7_ebx & seven == seven and
            self.extended_ecx & extended == extended and self.saved & 0x6 == 0x6;
    }

    /// x86-64-v4 (F, DQ, CD, BW, VL) with VBMI and VNNI.
    fn avx512(self: X86) bool {
        const ebx = bits(&.{ 16, 17, 28, 30, 31 });
        const ecx = bits(&.{ 1, 11 });
        return self.avx2() and self.leaf7_ebx & ebx == ebx and self.leaf7_ecx & ecx == ecx and self.saved & 0xe6 == 0xe6;
    }

    fn bits(comptime list: []const u5) u32 {
        var mask: u32 = 0;
        inline for (list) |bit| mask |= 1 << bit;
        return mask;
    }
};

const Registers = struct { eax: u32, ebx: u32, ecx: u32 };

fn cpuid(leaf: u32, subleaf: u32) Registers {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    asm volatile ("cpuid"
        : [_] "={eax}" (eax),
          [_] "={ebx}" (ebx),
          [_] "={ecx}" (ecx),
        : [_] "{eax}" (leaf),
          [_] "{ecx}" (subleaf),
        : .{ .edx = true });
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx };
}

fn xgetbv() u32 {
    return asm volatile ("xgetbv"
        : [_] "={eax}" (-> u32),
        : [_] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
}

test "the best level is among the supported ones, and each has a table" {
    const levels = supported();
    try std.testing.expect(levels.contains(.scalar));
    try std.testing.expect(levels.contains(best()));
    try std.testing.expect(tableOf(.automatic) == tableOf(best()));
    inline for (@typeInfo(abi.CpuLevel).@"enum".fields) |field| {
        const level: abi.CpuLevel = @enumFromInt(field.value);
        if (level != .automatic) {
            try std.testing.expectEqual(levels.contains(level), tableOf(level) != null);
            const bit = @as(u32, 1) << field.value;
            try std.testing.expectEqual(levels.contains(level), supportedBits() & bit != 0);
        }
    }
}

test "a CPU without saved registers or with one feature missing is refused" {
    const full: X86 = .{ .leaf1_ecx = ~@as(u32, 0), .leaf7_ebx = ~@as(u32, 0), .leaf7_ecx = ~@as(u32, 0), .extended_ecx = ~@as(u32, 0), .saved = 0xe7 };
    try std.testing.expect(full.avx2() and full.avx512());
    var cpu = full;
    cpu.saved = 0x7; // AVX registers only
    try std.testing.expect(cpu.avx2() and !cpu.avx512());
    cpu.saved = 0x1;
    try std.testing.expect(!cpu.avx2());
    cpu = full;
    cpu.leaf7_ecx = ~@as(u32, 1 << 11); // no VNNI
    try std.testing.expect(cpu.avx2() and !cpu.avx512());
    cpu = full;
    cpu.leaf1_ecx = ~@as(u32, 1 << 12); // no FMA
    try std.testing.expect(!cpu.avx2() and !cpu.avx512());
}
