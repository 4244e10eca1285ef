//! For tests: how many rounds those make whose cases are random. Where everything runs ten to fifty times slower (qemu,
//! valgrind, the thread sanitiser), FLASHMOE_TEST_DIVISOR asks for fewer: the first seeds of the full run.

const std = @import("std");

pub fn rounds(full: usize) usize {
    return @max(1, full / number("FLASHMOE_TEST_DIVISOR", 1));
}

/// Whether all rounds are made, so that what only many of them can show may be expected.
pub fn complete() bool {
    return number("FLASHMOE_TEST_DIVISOR", 1) == 1;
}

/// Where every instruction is watched (valgrind) a test that trains takes minutes and shows nothing that the kernels' own do not.
pub fn crawling() bool {
    return number("FLASHMOE_TEST_DIVISOR", 1) > 10;
}

/// Whether all but the kernels runs elsewhere in the same way (neoverse-n1, beside cortex-a53): what computes on the
/// scalar level alone is left out.
pub fn levelsOnly() bool {
    return number("FLASHMOE_TEST_LEVELS_ONLY", 0) != 0;
}

/// How many threads must give what one does; where everything is slow, the uneven shares alone.
pub fn threads() []const usize {
    return if (complete()) &.{ 2, 3 } else &.{3};
}

/// All of `cases`, or the first two.
pub fn some(cases: anytype) @TypeOf(cases) {
    return if (complete()) cases else cases[0..@min(2, cases.len)];
}

/// A whole number from the environment.
pub fn number(name: [*:0]const u8, default: u64) u64 {
    const text = std.c.getenv(name) orelse return default;
    return std.fmt.parseInt(u64, std.mem.span(text), 10) catch std.debug.panic("{s}={s} is no whole number", .{ name, text });
}
