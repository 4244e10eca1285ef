//! A head in training: its weights in f32, their gradients and Adam's moments. Every product goes through the backend's
//! `linear`, with transposed copies where the sum runs over the batch. Memory is one buffer that the host can see.

const std = @import("std");
const backend = @import("../backend/backend.zig");
const Block = @import("heads_block.zig").Block;
const Random = @import("random.zig").Random;
const expNegative = @import("vector_math.zig").expNegative;

const lanes = 8;
const Lane = @Vector(lanes, f32);
const beta1 = 0.9;
const beta2 = 0.99;
const epsilon = 1e-8;
/// Of a weight, times the rate: what it loses a step.
const decay = 0.3;
/// Of an expert far from the border between chosen and not, beside 1 at it; and how wide that is, in the logits' spread.
const importance_least = 0.1;
const border_width = 0.5;

pub const Mlp = struct {
    device: backend.Backend,
    buffer: backend.Buffer,
    inputs: usize,
    width: usize,
    experts: usize,
    batch: usize,
    places: Places,
    /// Experts that are chosen.
    k: usize,
    /// How far a layer's logits lie from each other, as a standard deviation.
    spread: f32 = 1,
    step: u32 = 0,

    /// Offsets in floats. B rows of a batch.
    const Places = struct {
        parameters: usize, // first [width, inputs], second [experts, width], their biases
        gradients: usize,
        mean: usize,
        square: usize,
        x: usize, // [B, inputs]
        x_across: usize, // [inputs, B]
        gate: usize, // [B, width] before SiLU
        inner: usize, // [B, width] after
        inner_across: usize, // [width, B]
        ones: usize, // [B, width]
        inner_error: usize, // [B, width]
        inner_error_across: usize, // [width, B]
        out: usize, // [B, experts]
        out_error: usize, // [B, experts]
        out_error_across: usize, // [experts, B]
        target: usize, // [B, experts]
        importance: usize, // [B, experts]
        second_across: usize, // [width, experts]
        floats: usize,

        fn of(inputs: usize, width: usize, experts: usize, batch: usize) Places {
            const parameters = width * inputs + experts * width + width + experts;
            const sizes = [_]usize{
                parameters,      parameters,      parameters,      parameters,      batch * inputs,  batch * inputs,
                batch * width,   batch * width,   batch * width,   batch * width,   batch * width,   batch * width,
                batch * experts, batch * experts, batch * experts, batch * experts, batch * experts, width * experts,
            };
            var places: Places = undefined;
            var end: usize = 0;
            const fields = @typeInfo(Places).@"struct".fields;
            inline for (fields[0..sizes.len], sizes) |field, size| {
                @field(places, field.name) = end;
                end += std.mem.alignForward(usize, size, 16);
            }
            places.floats = end;
            return places;
        }
    };

    pub fn bytesFor(inputs: usize, width: usize, experts: usize, batch: usize) u64 {
        return Places.of(inputs, width, experts, batch).floats * @sizeOf(f32);
    }

    pub fn init(device: backend.Backend, inputs: usize, width: usize, experts: usize, k: usize, batch: usize) backend.Error!Mlp {
        std.debug.assert(batch % lanes == 0);
        const places: Places = .of(inputs, width, experts, batch);
        var mlp: Mlp = .{
            .device = device,
            .buffer = try device.vtable.alloc(device.context, places.floats * @sizeOf(f32), .scratch),
            .inputs = inputs,
            .width = width,
            .experts = experts,
            .k = k,
            .batch = batch,
            .places = places,
        };
        errdefer mlp.deinit();
        if (mlp.buffer.host == null) return error.DeviceFailed;
        @memset(mlp.at(places.ones, batch * width), 1);
        @memset(mlp.at(places.x, batch * inputs), 0); // where inputs do not fill a group
        return mlp;
    }

    pub fn deinit(mlp: *Mlp) void {
        mlp.device.vtable.free(mlp.device.context, &mlp.buffer);
    }

    fn view(mlp: *const Mlp, place: usize) backend.View {
        return .{ .buffer = &mlp.buffer, .offset = place * @sizeOf(f32) };
    }

    fn at(mlp: *const Mlp, place: usize, count: usize) []f32 {
        return mlp.view(place).floats(count);
    }

    fn parameterCount(mlp: *const Mlp) usize {
        return mlp.secondBias(0) + mlp.experts;
    }

    fn second(mlp: *const Mlp, base: usize) usize {
        return base + mlp.width * mlp.inputs;
    }

    fn firstBias(mlp: *const Mlp, base: usize) usize {
        return mlp.second(base) + mlp.experts * mlp.width;
    }

    fn secondBias(mlp: *const Mlp, base: usize) usize {
        return mlp.firstBias(base) + mlp.width;
    }

    pub fn inputRow(mlp: *const Mlp, row: usize) []f32 {
        return mlp.at(mlp.places.x + row * mlp.inputs, mlp.inputs);
    }

    /// The logits that the router's and the head's together shall be.
    pub fn setTarget(mlp: *const Mlp, row: usize, said: []const f16) void {
        const target = mlp.at(mlp.places.target + row * mlp.experts, mlp.experts);
        for (target, said) |*to, value| to.* = value;
        centre(target);
    }

    pub fn targetRow(mlp: *const Mlp, row: usize) []f32 {
        return mlp.at(mlp.places.target + row * mlp.experts, mlp.experts);
    }

    /// What is near the border between the chosen and the others decides who is chosen: there an error counts most.
    fn weighTarget(mlp: *const Mlp, row: usize) void {
        const target = mlp.targetRow(row);
        const importance = mlp.at(mlp.places.importance + row * mlp.experts, mlp.experts);
        const border = borderOf(target, importance, mlp.k);
        var sum: f32 = 0;
        importances(importance, target, border, 1 / (border_width * mlp.spread));
        for (importance) |value| sum += value;
        for (importance) |*value| value.* *= @as(f32, @floatFromInt(mlp.experts)) / sum;
    }

    /// New weights: uniform, scaled by the inputs, the second layer's small, so that the router's word stands at first.
    pub fn begin(mlp: *Mlp, random: *Random) void {
        const p = &mlp.places;
        mlp.step = 0;
        const count = mlp.parameterCount();
        for ([_]usize{ p.parameters, p.mean, p.square }) |place| @memset(mlp.at(place, count), 0);
        fill(mlp.at(p.parameters, mlp.width * mlp.inputs), random, 1 / @sqrt(@as(f64, @floatFromInt(mlp.inputs))));
        fill(mlp.at(mlp.second(p.parameters), mlp.experts * mlp.width), random, 0.1 / @sqrt(@as(f64, @floatFromInt(mlp.width))));
    }

    fn fill(values: []f32, random: *Random, bound: f64) void {
        for (values) |*value| value.* = @floatCast((2 * random.uniform() - 1) * bound);
    }

    /// What is added to the router's logits of the first `count` inputs, [count, experts].
    pub fn forward(mlp: *const Mlp, count: usize) []f32 {
        const p = &mlp.places;
        mlp.product(p.x, count, p.parameters, mlp.width, mlp.inputs, p.gate);
        addBias(mlp.at(p.gate, count * mlp.width), mlp.at(mlp.firstBias(p.parameters), mlp.width));
        mlp.device.vtable.swiglu(mlp.device.context, &.{ .gate = mlp.view(p.gate), .up = mlp.view(p.ones), .out = mlp.view(p.inner), .n = count * mlp.width });
        mlp.product(p.inner, count, mlp.second(p.parameters), mlp.experts, mlp.width, p.out);
        const out = mlp.at(p.out, count * mlp.experts);
        addBias(out, mlp.at(mlp.secondBias(p.parameters), mlp.experts));
        return out;
    }

    /// One step over the whole batch; `router` [batch, experts] are the logits that are corrected.
    pub fn learn(mlp: *Mlp, router: []const f32, rate: f32) void {
        const p = &mlp.places;
        const b = mlp.batch;
        const out = mlp.forward(b);
        for (out, router) |*value, base| value.* += base;
        const out_error = mlp.at(p.out_error, b * mlp.experts);
        for (0..b) |row| mlp.weighTarget(row);
        outputErrors(out_error, out, mlp.at(p.target, b * mlp.experts), mlp.at(p.importance, b * mlp.experts), @floatFromInt(b));

        transpose(mlp.at(p.out_error_across, b * mlp.experts), out_error, b, mlp.experts);
        transpose(mlp.at(p.inner_across, b * mlp.width), mlp.at(p.inner, b * mlp.width), b, mlp.width);
        mlp.product(p.out_error_across, mlp.experts, p.inner_across, mlp.width, b, mlp.second(p.gradients));
        sumRows(mlp.at(mlp.secondBias(p.gradients), mlp.experts), out_error);

        transpose(mlp.at(p.second_across, mlp.width * mlp.experts), mlp.at(mlp.second(p.parameters), mlp.experts * mlp.width), mlp.experts, mlp.width);
        mlp.product(p.out_error, b, p.second_across, mlp.width, mlp.experts, p.inner_error);
        const inner_error = mlp.at(p.inner_error, b * mlp.width);
        throughSilu(inner_error, mlp.at(p.gate, b * mlp.width));
        transpose(mlp.at(p.inner_error_across, b * mlp.width), inner_error, b, mlp.width);
        transpose(mlp.at(p.x_across, b * mlp.inputs), mlp.at(p.x, b * mlp.inputs), b, mlp.inputs);
        mlp.product(p.inner_error_across, mlp.width, p.x_across, mlp.inputs, b, p.gradients);
        sumRows(mlp.at(mlp.firstBias(p.gradients), mlp.width), inner_error);
        mlp.adam(rate);
    }

    /// out [rows_in, rows] = x [rows_in, cols] times weight [rows, cols] transposed
    fn product(mlp: *const Mlp, x: usize, rows_in: usize, weight: usize, rows: usize, cols: usize, out: usize) void {
        const matrix: backend.Linear = .{ .format = .f32, .rows = @intCast(rows), .cols = @intCast(cols), .weight = mlp.view(weight) };
        mlp.device.vtable.linear(mlp.device.context, &.{
            .x = mlp.view(x),
            .tokens = rows_in,
            .outputs = &.{.{ .weight = &matrix, .out = mlp.view(out) }},
        });
    }

    fn adam(mlp: *Mlp, rate: f32) void {
        mlp.step += 1;
        const p = &mlp.places;
        const n = mlp.parameterCount();
        const steps: f32 = @floatFromInt(mlp.step);
        const mean_rate = rate / (1 - std.math.pow(f32, beta1, steps));
        const square_rate = 1 / (1 - std.math.pow(f32, beta2, steps));
        const rates: Rates = .{ .mean = mean_rate, .square = square_rate, .kept = 1 - rate * decay };
        rates.move(mlp.at(p.parameters, n), mlp.at(p.gradients, n), mlp.at(p.mean, n), mlp.at(p.square, n));
    }

    /// Some inputs were given times `factor`: from here on they are taken as they are.
    pub fn scaleInputs(mlp: *Mlp, first: usize, count: usize, factor: f32) void {
        for (0..mlp.width) |row| for (mlp.at(mlp.places.parameters + row * mlp.inputs + first, count)) |*w| {
            w.* *= factor;
        };
    }

    /// Writes the weights as the file will keep them, and goes on with what they became.
    pub fn store(mlp: *const Mlp, block: *const Block, body: []u8) void {
        const base = mlp.places.parameters;
        block.first.store(mlp.at(base, mlp.width * mlp.inputs), body);
        block.second.store(mlp.at(mlp.second(base), mlp.experts * mlp.width), body);
        @memcpy(body[block.first_bias..][0 .. mlp.width * 4], std.mem.sliceAsBytes(mlp.at(mlp.firstBias(base), mlp.width)));
        @memcpy(body[block.second_bias..][0 .. mlp.experts * 4], std.mem.sliceAsBytes(mlp.at(mlp.secondBias(base), mlp.experts)));
    }
};

/// The order of a token's experts does not depend on the mean of their logits.
pub fn centre(logits: []f32) void {
    var sum: f32 = 0;
    for (logits) |value| sum += value;
    for (logits) |*value| value.* -= sum / @as(f32, @floatFromInt(logits.len));
}

const one: Lane = @splat(1);

fn sigmoid(x: Lane) Lane {
    const e = expNegative(-@abs(x));
    return @select(f32, x < @as(Lane, @splat(0)), e, one) / (one + e);
}

/// Half way between the K-th largest and the next; `largest` is overwritten.
fn borderOf(logits: []const f32, largest: []f32, k: usize) f32 {
    const keep = @min(k + 1, logits.len);
    var count: usize = 0;
    for (logits) |value| {
        if (count == keep and value <= largest[keep - 1]) continue;
        var place = if (count == keep) keep - 1 else count;
        while (place > 0 and largest[place - 1] < value) : (place -= 1) largest[place] = largest[place - 1];
        largest[place] = value;
        count = @min(count + 1, keep);
    }
    return (largest[k - 1] + largest[keep - 1]) / 2;
}

test "the border lies between the last that is chosen and the next" {
    var sorted: [4]f32 = undefined;
    try std.testing.expectEqual(2.5, borderOf(&.{ 1, 4, 3, 2 }, &sorted, 2));
    try std.testing.expectEqual(1, borderOf(&.{ 1, 4, 3, 2 }, &sorted, 4)); // all are
    try std.testing.expectEqual(3, borderOf(&.{ 3, 3, 1, 3 }, &sorted, 2));
}

fn importances(out: []f32, target: []const f32, border: f32, inverse: f32) void {
    const middle: Lane = @splat(border);
    const factor: Lane = @splat(-inverse);
    const least: Lane = @splat(importance_least);
    var i: usize = 0;
    while (i < out.len) : (i += lanes) {
        const count = @min(lanes, out.len - i);
        var some: [lanes]f32 = @splat(0);
        @memcpy(some[0..count], target[i..][0..count]);
        some = least + expNegative(@abs(@as(Lane, some) - middle) * factor);
        @memcpy(out[i..][0..count], some[0..count]);
    }
}

/// Adam's, corrected for how few steps there were; the decay is apart from them.
const Rates = struct {
    mean: f32,
    square: f32,
    kept: f32,

    fn move(rates: *const Rates, weights: []f32, gradients: []const f32, means: []f32, squares: []f32) void {
        var i: usize = 0;
        while (i + lanes <= weights.len) : (i += lanes) rates.at(lanes, weights, gradients, means, squares, i);
        while (i < weights.len) : (i += 1) rates.at(1, weights, gradients, means, squares, i);
    }

    inline fn at(rates: *const Rates, comptime n: usize, weights: []f32, gradients: []const f32, means: []f32, squares: []f32, i: usize) void {
        const V = @Vector(n, f32);
        const g: V = gradients[i..][0..n].*;
        const m = @as(V, @splat(beta1)) * @as(V, means[i..][0..n].*) + @as(V, @splat(1 - beta1)) * g;
        const v = @as(V, @splat(beta2)) * @as(V, squares[i..][0..n].*) + @as(V, @splat(1 - beta2)) * g * g;
        const change = @as(V, @splat(rates.mean)) * m / (@sqrt(v * @as(V, @splat(rates.square))) + @as(V, @splat(epsilon)));
        means[i..][0..n].* = m;
        squares[i..][0..n].* = v;
        weights[i..][0..n].* = @as(V, weights[i..][0..n].*) * @as(V, @splat(rates.kept)) - change;
    }
};

/// Of the mean weighted square over the batch. Lengths are multiples of `lanes`, as the batch is.
fn outputErrors(errors: []f32, out: []const f32, target: []const f32, importance: []const f32, batch: f32) void {
    var i: usize = 0;
    while (i < errors.len) : (i += lanes) {
        const wanted: Lane = target[i..][0..lanes].*;
        const counts: Lane = importance[i..][0..lanes].*;
        errors[i..][0..lanes].* = (@as(Lane, out[i..][0..lanes].*) - wanted) * counts / @as(Lane, @splat(batch));
    }
}

/// errors *= the derivative of x * sigmoid(x) at `gate`
fn throughSilu(errors: []f32, gate: []const f32) void {
    var i: usize = 0;
    while (i < errors.len) : (i += lanes) {
        const x: Lane = gate[i..][0..lanes].*;
        const s = sigmoid(x);
        errors[i..][0..lanes].* = @as(Lane, errors[i..][0..lanes].*) * s * (one + x * (one - s));
    }
}

fn addBias(rows: []f32, bias: []const f32) void {
    var first: usize = 0;
    while (first < rows.len) : (first += bias.len) {
        for (rows[first..][0..bias.len], bias) |*value, b| value.* += b;
    }
}

fn sumRows(out: []f32, rows: []const f32) void {
    @memset(out, 0);
    var first: usize = 0;
    while (first < rows.len) : (first += out.len) {
        for (out, rows[first..][0..out.len]) |*sum, value| sum.* += value;
    }
}

/// to [cols, rows] from [rows, cols], in tiles that stay in the cache, four rows by four columns at once.
fn transpose(to: []f32, from: []const f32, rows: usize, cols: usize) void {
    const tile = 16;
    var r: usize = 0;
    while (r < rows) : (r += tile) {
        const row_end = @min(r + tile, rows);
        var c: usize = 0;
        while (c < cols) : (c += tile) {
            const col_end = @min(c + tile, cols);
            var row = r;
            while (row + 4 <= row_end) : (row += 4) {
                var col = c;
                while (col + 4 <= col_end) : (col += 4) transposeFour(to, from, rows, cols, row, col);
                while (col < col_end) : (col += 1) {
                    for (row..row + 4) |one_row| to[col * rows + one_row] = from[one_row * cols + col];
                }
            }
            for (row..row_end) |one_row| {
                for (c..col_end) |col| to[col * rows + one_row] = from[one_row * cols + col];
            }
        }
    }
}

inline fn transposeFour(to: []f32, from: []const f32, rows: usize, cols: usize, row: usize, col: usize) void {
    const Four = @Vector(4, f32);
    var in: [4]Four = undefined;
    for (&in, 0..) |*four, i| four.* = from[(row + i) * cols + col ..][0..4].*;
    const low = Four4{ 0, -1, 1, -2 };
    const high = Four4{ 2, -3, 3, -4 };
    const a = @shuffle(f32, in[0], in[2], low);
    const b = @shuffle(f32, in[0], in[2], high);
    const c = @shuffle(f32, in[1], in[3], low);
    const d = @shuffle(f32, in[1], in[3], high);
    const out = [4]Four{ @shuffle(f32, a, c, low), @shuffle(f32, a, c, high), @shuffle(f32, b, d, low), @shuffle(f32, b, d, high) };
    for (out, 0..) |four, i| to[(col + i) * rows + row ..][0..4].* = four;
}

const Four4 = @Vector(4, i32);

test "transposed, whatever the shape" {
    var from: [21 * 38]f32 = undefined;
    var to: [21 * 38]f32 = undefined;
    for (&from, 0..) |*value, i| value.* = @floatFromInt(i);
    for ([_][2]usize{ .{ 21, 38 }, .{ 16, 32 }, .{ 3, 5 }, .{ 4, 17 } }) |shape| {
        const rows, const cols = shape;
        transpose(&to, &from, rows, cols);
        for (0..rows) |r| for (0..cols) |c| try std.testing.expectEqual(from[r * cols + c], to[c * rows + r]);
    }
}
