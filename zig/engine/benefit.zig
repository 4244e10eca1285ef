//! Decides from measured step times whether guessing pays. Short windows with and without guesses take turns; then the
//! faster way is kept for a while that doubles each time the answer stays the same. Pure arithmetic, owns nothing.

const std = @import("std");

/// Steps of a window; its first is not counted, for it inherits what the window before had read.
const window_steps = 7;
/// Windows of each kind in a trial.
const windows_each = 3;
/// Steps between trials.
const patience_min = 256;
pub const patience_max = 8192;
/// What guessing must gain to be kept, as a share of the time without.
const gain_min = 0.005;
/// A loss or a gain this large ends a trial after its first two windows: a trial's windows without guesses cost more than
/// they tell where reading and arithmetic take equally long.
const loss_evident = 0.25;
const gain_evident = 0.1;
/// A gain this large needs no whole window without: so many of its steps show it.
const gain_glaring = 0.2;
const steps_glaring = 3;

pub const Benefit = struct {
    state: enum { trying, settled } = .trying,
    /// Whether the next step guesses.
    on: bool = true,
    step: u32 = 0, // of the window, or since it was settled
    window: u32 = 0,
    sum: u64 = 0, // of the window's counted steps
    with: [windows_each]u64 = @splat(0),
    without: [windows_each]u64 = @splat(0),
    patience: u32 = patience_min,
    verdict: ?bool = null,
    /// Verdicts against guessing, for the statistics.
    refusals: u64 = 0,

    /// A step of the kind that is guessed for took this long.
    pub fn stepped(benefit: *Benefit, ns: u64) void {
        benefit.step += 1;
        switch (benefit.state) {
            .settled => if (benefit.step >= benefit.patience) benefit.beginTrial(),
            .trying => {
                if (benefit.step > 1) benefit.sum += ns;
                if (benefit.step == window_steps) return benefit.endWindow();
                if (benefit.window == 1 and benefit.step >= steps_glaring and benefit.glaring()) benefit.settle(true);
            },
        }
    }

    /// In the first window without: the steps so far against the whole window with, both without their first.
    fn glaring(benefit: *const Benefit) bool {
        const counted = benefit.step - 1;
        return pays(benefit.with[0] * counted, benefit.sum * (window_steps - 1), gain_glaring);
    }

    fn beginTrial(benefit: *Benefit) void {
        benefit.* = .{ .patience = benefit.patience, .verdict = benefit.verdict, .refusals = benefit.refusals, .on = true };
    }

    /// Windows with guesses are the even ones.
    fn endWindow(benefit: *Benefit) void {
        const times = if (benefit.on) &benefit.with else &benefit.without;
        times[benefit.window / 2] = benefit.sum;
        benefit.sum = 0;
        benefit.step = 0;
        benefit.window += 1;
        benefit.on = benefit.window % 2 == 0;
        if (benefit.window == 2) {
            if (!pays(benefit.with[0], benefit.without[0], -loss_evident)) return benefit.settle(false);
            if (pays(benefit.with[0], benefit.without[0], gain_evident)) return benefit.settle(true);
        }
        if (benefit.window < 2 * windows_each) return;
        benefit.settle(pays(median(benefit.with), median(benefit.without), gain_min));
    }

    fn settle(benefit: *Benefit, verdict: bool) void {
        benefit.patience = if (benefit.verdict == verdict) @min(benefit.patience * 2, patience_max) else patience_min;
        benefit.verdict = verdict;
        benefit.refusals += @intFromBool(!verdict);
        benefit.on = verdict;
        benefit.state = .settled;
        benefit.step = 0;
    }

    fn pays(with: u64, without: u64, gain: f64) bool {
        return @as(f64, @floatFromInt(with)) <= @as(f64, @floatFromInt(without)) * (1 - gain);
    }
};

fn median(times: [windows_each]u64) u64 {
    var sorted = times;
    std.mem.sort(u64, &sorted, {}, std.sort.asc(u64));
    return sorted[windows_each / 2];
}
