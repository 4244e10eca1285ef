//! Builds the native core: one dynamic library (zig/flashmoe.zig) with the CPU kernels linked in once per CPU level,
//! the native tests of each room (zig/tests_<room>.zig), and the generated bindings.
//!
//! What the sources may rely on:
//! - `@import("options").levels: []const []const u8`, the CPU levels linked into this artifact;
//! - `@import("options").level: []const u8`, the level being compiled, "" outside the kernel objects;
//! - each kernel object is zig/backend/cpu/kernels/level.zig and exports one hidden symbol `fm_kernels_<level>`.
const std = @import("std");
const builtin = @import("builtin");

comptime {
    if (!std.mem.eql(u8, builtin.zig_version_string, "0.16.0"))
        @compileError("flashmoe is built with Zig 0.16.0 exactly, this is " ++ builtin.zig_version_string ++
            "; `npm start` fetches the right one, or point $ZIG at it");
}

const library_root = "zig/flashmoe.zig";
const kernel_root = "zig/backend/cpu/kernels/level.zig";
/// Benchmarks by step.
const benches = .{
    .{ "bench", "zig/kernels_bench.zig", "Time the kernels beside a plain read of memory; arguments after --" },
    .{ "bench-reader", "zig/reader_bench.zig", "Time direct reads of records by every reader; a large FILE after --" },
};
const generator_root = "zig/abi/generate.zig";
const rooms = [_][]const u8{ "abi", "kernels", "backend", "engine", "experts", "format" };
/// These hold the others' tests too: half as many executables to compile. -Droom builds any room's alone.
const rooms_of_all = [_][]const u8{ "backend", "engine", "experts" };
const generated = [_][]const u8{ "src/native/bindings.gen.ts", "kernels/arguments.gen.h" };

/// A CPU level: the kernels compiled for one instruction set, chosen at run time.
const Level = struct {
    name: []const u8,
    model: *const std.Target.Cpu.Model,
    add: std.Target.Cpu.Feature.Set = .empty,
    subtract: std.Target.Cpu.Feature.Set = .empty,
};

pub fn build(b: *std.Build) void {
    const target = chooseTarget(b);
    const chosen = b.option(std.builtin.OptimizeMode, "optimize", "Default: ReleaseFast for the library, ReleaseSafe for tests");
    const artifact: Artifact = .{
        .target = target,
        .levels = levelsOf(b, target),
        .sanitize_thread = b.option(bool, "sanitize-thread", "Thread sanitiser in library and tests") orelse false,
        .strip = b.option(bool, "strip", "Leave debug information out (default: yes, but for -Doptimize=Debug)") orelse
            (chosen != .Debug),
    };

    // Tests link the kernels as they ship. Without debug information a test binary compiles four times faster;
    // `-Dstrip=false` brings stack traces back.
    const kernels = artifact.kernels(b, chosen orelse .ReleaseFast);
    if (exists(b, library_root)) addLibrary(b, artifact, chosen orelse .ReleaseFast, kernels);
    addTests(b, artifact, chosen orelse .ReleaseSafe, kernels);
    inline for (benches) |bench| if (exists(b, bench[1])) addBench(b, artifact, chosen orelse .ReleaseFast, kernels, bench);
    if (exists(b, generator_root)) addGenerator(b);
}

/// What all binaries of one invocation share.
const Artifact = struct {
    target: std.Build.ResolvedTarget,
    levels: []const Level,
    sanitize_thread: bool,
    strip: bool,

    fn module(self: Artifact, b: *std.Build, root: []const u8, optimize: std.builtin.OptimizeMode) *std.Build.Module {
        const m = b.createModule(.{
            .root_source_file = b.path(root),
            .target = self.target,
            .optimize = optimize,
            .link_libc = true,
            .pic = true,
            .strip = self.strip,
            .sanitize_thread = if (self.sanitize_thread) true else null,
        });
        m.addOptions("options", self.options(b, ""));
        return m;
    }

    /// One object per CPU level, from the same source.
    fn kernels(self: Artifact, b: *std.Build, optimize: std.builtin.OptimizeMode) Objects {
        const objects = b.allocator.alloc(*std.Build.Step.Compile, self.levels.len) catch @panic("out of memory");
        for (self.levels, objects) |level, *object| {
            var query = self.target.query;
            query.cpu_model = .{ .explicit = level.model };
            query.cpu_features_add = level.add;
            query.cpu_features_sub = level.subtract;
            const m = b.createModule(.{
                .root_source_file = b.path(kernel_root),
                .target = b.resolveTargetQuery(query),
                .optimize = optimize,
                .link_libc = true,
                .pic = true,
                .strip = self.strip,
                .sanitize_thread = if (self.sanitize_thread) true else null,
            });
            m.addOptions("options", self.options(b, level.name));
            // Kernels call LLVM's instruction intrinsics: the self-hosted backend cannot compile them.
            object.* = b.addObject(.{ .name = b.fmt("kernels_{s}", .{level.name}), .root_module = m, .use_llvm = true });
        }
        return objects;
    }

    fn options(self: Artifact, b: *std.Build, level: []const u8) *std.Build.Step.Options {
        const names = b.allocator.alloc([]const u8, self.levels.len) catch @panic("out of memory");
        for (self.levels, names) |l, *name| name.* = l.name;
        const o = b.addOptions();
        o.addOption([]const []const u8, "levels", names);
        o.addOption([]const u8, "level", level);
        return o;
    }

    /// The self-hosted x86-64 backend does not instrument for the thread sanitiser.
    fn useLlvm(self: Artifact) ?bool {
        return if (self.sanitize_thread) true else null;
    }
};

const Objects = []const *std.Build.Step.Compile;

fn addLibrary(b: *std.Build, artifact: Artifact, optimize: std.builtin.OptimizeMode, kernels: Objects) void {
    const m = artifact.module(b, library_root, optimize);
    for (kernels) |object| m.addObject(object);
    const library = b.addLibrary(.{ .linkage = .dynamic, .name = "flashmoe", .root_module = m, .use_llvm = artifact.useLlvm() });
    b.installArtifact(library);
    // The same file under one name on every system: what package.json "imports" calls #native-library.
    b.getInstallStep().dependOn(&b.addInstallLibFile(library.getEmittedBin(), "libflashmoe.bin").step);
}

/// `test` runs the tests where this machine can, else only installs them; `test-binaries` only installs them, in
/// <prefix>/tests, for valgrind and qemu-user.
fn addTests(b: *std.Build, artifact: Artifact, optimize: std.builtin.OptimizeMode, kernels: Objects) void {
    const run = b.step("test", "Run the native tests (a foreign target: only install them)");
    const install = b.step("test-binaries", "Install the native test executables in <prefix>/tests");
    const only = b.option([]const []const u8, "room", "Build the tests of this room only; may be given again") orelse &rooms_of_all;
    const filters = b.option([]const []const u8, "test-filter", "Run only tests whose name contains this") orelse &.{};
    const runnable = artifact.target.result.cpu.arch == builtin.cpu.arch and artifact.target.result.os.tag == builtin.os.tag;

    for (rooms) |room| {
        const root = b.fmt("zig/tests_{s}.zig", .{room});
        if (!exists(b, root)) continue;
        for (only) |name| {
            if (std.mem.eql(u8, name, room)) break;
        } else continue;
        const m = artifact.module(b, root, optimize);
        m.valgrind = runnable and artifact.target.result.os.tag == .linux and !artifact.sanitize_thread; // told of undefined memory, and asked after
        for (kernels) |object| m.addObject(object);
        const tests = b.addTest(.{ .name = b.fmt("tests_{s}", .{room}), .root_module = m, .filters = filters, .use_llvm = artifact.useLlvm() });
        const installed = b.addInstallArtifact(tests, .{ .dest_dir = .{ .override = .{ .custom = "tests" } } });
        install.dependOn(&installed.step);
        run.dependOn(if (runnable) &b.addRunArtifact(tests).step else &installed.step);
    }
}

fn addBench(b: *std.Build, artifact: Artifact, optimize: std.builtin.OptimizeMode, kernels: Objects, bench: anytype) void {
    const step, const source, const about = bench;
    const m = artifact.module(b, source, optimize);
    for (kernels) |object| m.addObject(object);
    const run = b.addRunArtifact(b.addExecutable(.{ .name = step, .root_module = m, .use_llvm = artifact.useLlvm() }));
    if (b.args) |args| run.addArgs(args);
    run.has_side_effects = true; // times are never cached
    run.stdio = .inherit;
    b.step(step, about).dependOn(&run.step);
}

/// The bindings are reflected from zig/abi/types.zig on the building machine and committed; `-Dcheck` only compares.
fn addGenerator(b: *std.Build) void {
    const step = b.step("generate", "Write the generated bindings; with -Dcheck, fail where they are not fresh");
    const check = b.option(bool, "check", "generate: compare instead of writing") orelse false;
    const m = b.createModule(.{ .root_source_file = b.path(generator_root), .target = b.graph.host, .optimize = .Debug });
    const run = b.addRunArtifact(b.addExecutable(.{ .name = "generate", .root_module = m }));
    const update = b.addUpdateSourceFiles();
    for (generated) |path| {
        const fresh = run.addOutputFileArg(std.fs.path.basename(path));
        if (check) {
            const compare = b.addSystemCommand(&.{ "diff", "-u" });
            compare.setName(b.fmt("{s} is fresh (else: npm run generate)", .{path}));
            compare.addFileArg(b.path(path));
            compare.addFileArg(fresh);
            compare.expectExitCode(0);
            step.dependOn(&compare.step);
        } else update.addCopyFileToSource(fresh, path);
    }
    if (!check) step.dependOn(&update.step);
}

/// The target asked for, made explicit: the product must not depend on the CPU or the glibc of the building machine.
fn chooseTarget(b: *std.Build) std.Build.ResolvedTarget {
    var query = b.standardTargetOptionsQueryOnly(.{});
    const arch = query.cpu_arch orelse builtin.cpu.arch;
    const os = query.os_tag orelse builtin.os.tag;
    query.cpu_arch = arch;
    query.os_tag = os;
    if (query.cpu_model == .determined_by_arch_os or query.cpu_model == .native) query.cpu_model = .{ .explicit = switch (arch) {
        .x86_64 => &std.Target.x86.cpu.x86_64_v2,
        .aarch64 => if (os == .macos) &std.Target.aarch64.cpu.apple_m1 else &std.Target.aarch64.cpu.generic,
        else => std.process.fatal("flashmoe builds for x86_64 and aarch64, not {s}", .{@tagName(arch)}),
    } };
    switch (os) {
        .macos => if (query.os_version_min == null) {
            query.os_version_min = .{ .semver = .{ .major = 13, .minor = 0, .patch = 0 } };
        },
        .linux => {
            if (query.abi == null) query.abi = .gnu;
            if (query.abi == .gnu and query.glibc_version == null) query.glibc_version = .{ .major = 2, .minor = 28, .patch = 0 };
        },
        else => std.process.fatal("flashmoe builds for linux and macos, not {s}", .{@tagName(os)}),
    }
    return b.resolveTargetQuery(query);
}

fn levelsOf(b: *std.Build, target: std.Build.ResolvedTarget) []const Level {
    if (!exists(b, kernel_root)) return &.{};
    const x86 = std.Target.x86;
    const arm = std.Target.aarch64;
    const list: []const Level = switch (target.result.cpu.arch) {
        .x86_64 => &.{
            .{ .name = "avx2", .model = &x86.cpu.x86_64_v3 },
            .{
                .name = "avx512",
                .model = &x86.cpu.x86_64_v4,
                .add = x86.featureSet(&.{ .avx512vnni, .avx512vbmi }),
                .subtract = x86.featureSet(&.{.prefer_256_bit}),
            },
        },
        // Every Apple machine has dotprod: both names exist so that a level can be asked for by name everywhere.
        .aarch64 => if (target.result.os.tag == .macos) &.{
            .{ .name = "neon", .model = &arm.cpu.apple_m1 },
            .{ .name = "neon_dotprod", .model = &arm.cpu.apple_m1 },
        } else &.{
            .{ .name = "neon", .model = &arm.cpu.generic },
            .{ .name = "neon_dotprod", .model = &arm.cpu.generic, .add = arm.featureSet(&.{ .v8_2a, .dotprod, .fullfp16 }) },
        },
        else => unreachable, // chooseTarget refused it
    };
    return b.allocator.dupe(Level, list) catch @panic("out of memory");
}

fn exists(b: *std.Build, path: []const u8) bool {
    b.build_root.handle.access(b.graph.io, path, .{}) catch return false;
    return true;
}
