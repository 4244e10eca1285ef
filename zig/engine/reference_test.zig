//! The whole model once more, as plainly as it can be written: one token after the other, in f64, straight from the
//! files' bytes. Shares nothing with the engine but the description of the test model, so that an operation wired to
//! the wrong tensor, a norm left out or a head misplaced shows as different logits.

const std = @import("std");
const abi = @import("../abi/types.zig");
const test_model = @import("../format/test_model.zig");
const rig = @import("test_rig.zig");

const gpa = rig.gpa;
const Vector = []f64;
const none = abi.none_u32;

const Reference = struct {
    memory: std.mem.Allocator, // an arena: nothing is freed
    model: *test_model.TestModel,
    shape: *const abi.ModelDesc,
    options: test_model.Options,
    k: usize,
    layers: []State,

    const State = struct {
        keys: std.ArrayList(Vector) = .empty, // [position][kv_heads * head_dim]
        values: std.ArrayList(Vector) = .empty,
        inputs: std.ArrayList(Vector) = .empty, // of the convolution, [position][channels]
        s: Vector = &.{}, // [value_heads][value_dim][key_dim]
    };

    fn init(memory: std.mem.Allocator, model: *test_model.TestModel, options: test_model.Options, k: usize) !Reference {
        const shape = model.head();
        const layers = try memory.alloc(State, shape.layers);
        for (layers) |*layer| {
            layer.* = .{ .s = try memory.alloc(f64, shape.delta_value_heads * shape.delta_value_dim * shape.delta_key_dim) };
            @memset(layer.s, 0);
        }
        return .{ .memory = memory, .model = model, .shape = shape, .options = options, .k = k, .layers = layers };
    }

    fn number(ref: *Reference, format: u32, extent: *const abi.Extent, at: u64) f64 {
        const bytes = ref.model.contents[extent.file].items;
        return switch (@as(abi.Format, @enumFromInt(format))) {
            .f32 => @as(f32, @bitCast(std.mem.readInt(u32, bytes[@intCast(at)..][0..4], .little))),
            .f16 => @as(f16, @bitCast(std.mem.readInt(u16, bytes[@intCast(at)..][0..2], .little))),
            .bf16 => @as(f32, @bitCast(@as(u32, std.mem.readInt(u16, bytes[@intCast(at)..][0..2], .little)) << 16)),
            .affine => unreachable,
        };
    }

    /// Element (r, c) of a tensor, of its expert number `expert` within the run.
    fn element(ref: *Reference, t: *const abi.TensorDesc, expert: u64, r: u64, c: u64) f64 {
        const i = r * t.cols + c;
        if (t.format != @intFromEnum(abi.Format.affine)) {
            const width: u64 = if (t.format == @intFromEnum(abi.Format.f32)) 4 else 2;
            return ref.number(t.format, &t.weight, t.weight.offset + expert * t.weight.stride + i * width);
        }
        const bytes = ref.model.contents[t.weight.file].items;
        const base = (t.weight.offset + expert * t.weight.stride) * 8 + i * t.bits;
        var q: u32 = 0;
        for (0..t.bits) |b| {
            const bit = base + b;
            q |= @as(u32, bytes[@intCast(bit / 8)] >> @intCast(bit % 8) & 1) << @intCast(b);
        }
        const width: u64 = if (t.scale_format == @intFromEnum(abi.Format.f32)) 4 else 2;
        const g = i / t.group * width;
        const scale = ref.number(t.scale_format, &t.scales, t.scales.offset + expert * t.scales.stride + g);
        const bias = ref.number(t.scale_format, &t.biases, t.biases.offset + expert * t.biases.stride + g);
        return @as(f64, @floatFromInt(q)) * scale + bias;
    }

    fn multiply(ref: *Reference, t: *const abi.TensorDesc, expert: u64, x: Vector) !Vector {
        const out = try ref.memory.alloc(f64, t.rows);
        for (out, 0..) |*o, r| {
            o.* = 0;
            for (x, 0..) |v, c| o.* += v * ref.element(t, expert, r, c);
        }
        return out;
    }

    fn linear(ref: *Reference, role: abi.Role, layer: u32, x: Vector) !Vector {
        return ref.multiply(ref.model.find(role, layer), 0, x);
    }

    /// RMSNorm with the role's weights; `centred` ones may be stored around zero.
    fn norm(ref: *Reference, role: abi.Role, layer: u32, x: Vector, centred: bool) !Vector {
        const t = ref.model.find(role, layer);
        var squares: f64 = 0;
        for (x) |v| squares += v * v;
        const factor = 1 / @sqrt(squares / @as(f64, @floatFromInt(x.len)) + ref.shape.norm_eps);
        const out = try ref.memory.alloc(f64, x.len);
        const one: f64 = if (centred and ref.options.zero_centred) 1 else 0;
        for (out, x, 0..) |*o, v, c| o.* = v * factor * (ref.element(t, 0, 0, c) + one);
        return out;
    }

    /// Logits after one more token.
    fn feed(ref: *Reference, token: u32) !Vector {
        const table = ref.model.find(.embedding, none);
        const x = try ref.memory.alloc(f64, ref.shape.hidden);
        for (x, 0..) |*v, c| v.* = ref.element(table, 0, token, c);
        for (ref.options.kinds, 0..) |kind, number_| {
            const layer: u32 = @intCast(number_);
            const normed = try ref.norm(.input_norm, layer, x, true);
            const mixed = switch (kind) {
                .attention => try ref.attention(layer, normed),
                .delta_net => try ref.deltaNet(layer, normed),
            };
            for (x, mixed) |*v, m| v.* += m;
            const added = try ref.moe(layer, try ref.norm(.post_attention_norm, layer, x, true));
            for (x, added) |*v, m| v.* += m;
        }
        const last = try ref.norm(.final_norm, none, x, true);
        return ref.linear(if (ref.options.tied) .embedding else .lm_head, none, last);
    }

    fn attention(ref: *Reference, layer: u32, x: Vector) !Vector {
        const s = ref.shape;
        const d = s.head_dim;
        const state = &ref.layers[layer];
        const position = state.keys.items.len;
        const q_gate = try ref.linear(.attention_q, layer, x);
        const key = try ref.linear(.attention_k, layer, x);
        for (0..s.kv_heads) |h| {
            const head = key[h * d ..][0..d];
            @memcpy(head, try ref.norm(.attention_k_norm, layer, head, true));
            ref.rotate(head, position);
        }
        try state.keys.append(ref.memory, key);
        try state.values.append(ref.memory, try ref.linear(.attention_v, layer, x));
        const out = try ref.memory.alloc(f64, s.heads * d);
        @memset(out, 0);
        for (0..s.heads) |h| {
            const query = try ref.norm(.attention_q_norm, layer, q_gate[h * 2 * d ..][0..d], true);
            ref.rotate(query, position);
            const kv = h / (s.heads / s.kv_heads) * d;
            const shares = try ref.memory.alloc(f64, position + 1);
            var total: f64 = 0;
            for (shares, state.keys.items) |*share, k| {
                share.* = @exp(dot(query, k[kv..][0..d]) / @sqrt(@as(f64, @floatFromInt(d))));
                total += share.*;
            }
            for (shares, state.values.items) |share, v| {
                for (out[h * d ..][0..d], v[kv..][0..d]) |*o, value| o.* += share / total * value;
            }
            for (out[h * d ..][0..d], q_gate[h * 2 * d + d ..][0..d]) |*o, gate| o.* *= sigmoid(gate);
        }
        return ref.linear(.attention_o, layer, out);
    }

    /// Pairs (i, i + rotary / 2) of the first rotary_dim numbers.
    fn rotate(ref: *Reference, head: Vector, position: usize) void {
        const half = ref.shape.rotary_dim / 2;
        for (0..half) |i| {
            const share = @as(f64, @floatFromInt(i)) / @as(f64, @floatFromInt(half));
            const angle = @as(f64, @floatFromInt(position)) * std.math.pow(f64, ref.shape.rope_theta, -share);
            const a = head[i];
            const b = head[i + half];
            head[i] = a * @cos(angle) - b * @sin(angle);
            head[i + half] = a * @sin(angle) + b * @cos(angle);
        }
    }

    fn deltaNet(ref: *Reference, layer: u32, x: Vector) !Vector {
        const s = ref.shape;
        const dk = s.delta_key_dim;
        const dv = s.delta_value_dim;
        const state = &ref.layers[layer];
        try state.inputs.append(ref.memory, try ref.linear(.delta_qkv, layer, x));
        const u = try ref.convolve(layer, state.inputs.items);
        const z = try ref.linear(.delta_z, layer, x);
        const a = try ref.linear(.delta_a, layer, x);
        const b = try ref.linear(.delta_b, layer, x);
        const keys = s.delta_key_heads * dk;
        for (0..2 * s.delta_key_heads) |h| {
            const head = u[h * dk ..][0..dk];
            var factor = 1 / @sqrt(dot(head, head) + 1e-6);
            if (h < s.delta_key_heads) factor /= @sqrt(@as(f64, @floatFromInt(dk)));
            for (head) |*v| v.* *= factor;
        }
        const out = try ref.memory.alloc(f64, s.delta_value_heads * dv);
        for (0..s.delta_value_heads) |h| {
            const from = h / (s.delta_value_heads / s.delta_key_heads) * dk;
            const q = u[from..][0..dk];
            const k = u[keys + from ..][0..dk];
            const a_log = ref.element(ref.model.find(.delta_a_log, layer), 0, 0, h);
            const dt = ref.element(ref.model.find(.delta_dt_bias, layer), 0, 0, h);
            const g = @exp(-@exp(a_log) * @log(1 + @exp(a[h] + dt)));
            for (0..dv) |i| {
                const row = state.s[(h * dv + i) * dk ..][0..dk];
                for (row) |*v| v.* *= g;
                const delta = sigmoid(b[h]) * (u[2 * keys + h * dv + i] - dot(row, k));
                for (row, k) |*v, key| v.* += delta * key;
                out[h * dv + i] = dot(row, q);
            }
            const head = out[h * dv ..][0..dv];
            @memcpy(head, try ref.norm(.delta_norm, layer, head, false));
            for (head, z[h * dv ..][0..dv]) |*o, gate| o.* *= silu(gate);
        }
        return ref.linear(.delta_out, layer, out);
    }

    fn convolve(ref: *Reference, layer: u32, inputs: []const Vector) !Vector {
        const t = ref.model.find(.delta_conv, layer);
        const out = try ref.memory.alloc(f64, t.rows);
        for (out, 0..) |*o, c| {
            var sum: f64 = 0;
            for (0..t.cols) |tap| {
                const age = t.cols - 1 - tap;
                if (age < inputs.len) sum += ref.element(t, 0, c, tap) * inputs[inputs.len - 1 - age][c];
            }
            o.* = silu(sum);
        }
        return out;
    }

    fn moe(ref: *Reference, layer: u32, x: Vector) !Vector {
        const shares = try ref.linear(.router, layer, x);
        var total: f64 = 0;
        for (shares) |*share| {
            share.* = @exp(share.*);
            total += share.*;
        }
        const out = try ref.memory.alloc(f64, ref.shape.hidden);
        @memset(out, 0);
        const chosen = try ref.memory.alloc(usize, ref.k);
        var chosen_total: f64 = 0;
        for (chosen, 0..) |*expert, n| {
            var best: ?usize = null;
            for (shares, 0..) |share, e| {
                if (std.mem.indexOfScalar(usize, chosen[0..n], e) != null) continue;
                if (best == null or share > shares[best.?]) best = e;
            }
            expert.* = best.?;
            chosen_total += shares[expert.*];
        }
        for (chosen) |expert| {
            const y = try ref.gated(layer, .expert_gate_proj, .expert_up_proj, .expert_down_proj, expert, x);
            for (out, y) |*o, v| o.* += shares[expert] / chosen_total * v;
        }
        const gate = sigmoid((try ref.linear(.shared_gate, layer, x))[0]);
        const y = try ref.gated(layer, .shared_gate_proj, .shared_up_proj, .shared_down_proj, null, x);
        for (out, y) |*o, v| o.* += gate * v;
        return out;
    }

    fn gated(ref: *Reference, layer: u32, gate_role: abi.Role, up_role: abi.Role, down_role: abi.Role, expert: ?usize, x: Vector) !Vector {
        const gate = try ref.ofExpert(gate_role, layer, expert, x);
        const up = try ref.ofExpert(up_role, layer, expert, x);
        for (gate, up) |*g, u| g.* = silu(g.*) * u;
        return ref.ofExpert(down_role, layer, expert, gate);
    }

    fn ofExpert(ref: *Reference, role: abi.Role, layer: u32, expert: ?usize, x: Vector) !Vector {
        const e = expert orelse return ref.linear(role, layer, x);
        for (ref.model.tensors()) |*t| {
            if (t.role != @intFromEnum(role) or t.layer != layer) continue;
            if (e >= t.expert_first and e < t.expert_first + t.expert_count) return ref.multiply(t, e - t.expert_first, x);
        }
        unreachable; // every expert is in a run
    }
};

fn dot(a: []const f64, b: []const f64) f64 {
    var sum: f64 = 0;
    for (a, b) |x, y| sum += x * y;
    return sum;
}

fn sigmoid(x: f64) f64 {
    return 1 / (1 + @exp(-x));
}

fn silu(x: f64) f64 {
    return x * sigmoid(x);
}

test "the engine agrees with the plain model" {
    const cases = [_]struct { model: test_model.Options, k: u32 = 3 }{
        .{ .model = .{} },
        .{ .model = .{ .seed = 2, .bits = 0, .plain_format = .f32, .zero_centred = true, .tied = true, .expert_runs = 3, .file_count = 3 } },
        .{ .model = .{ .seed = 3, .bits = 3, .scale_format = .f16, .plain_format = .f16, .kinds = &.{ .attention, .delta_net, .delta_net, .attention } } },
        .{ .k = 5, .model = .{
            .seed = 4,
            .bits = 6,
            .group = 64,
            .hidden = 128,
            .heads = 8,
            .kv_heads = 1,
            .rotary_dim = 16,
            .delta_value_heads = 8,
            .delta_key_heads = 4,
            .delta_key_dim = 8,
            .delta_value_dim = 24,
            .expert_width = 64,
        } },
    };
    for (cases, 0..) |case, number| {
        var disk: rig.Disk = try .init(case.model);
        defer disk.deinit();
        var options = rig.exact;
        options.experts_per_token = case.k;
        const engine = try rig.open(&disk, options, .{});
        defer engine.close();
        const session = try engine.openSession();
        defer session.close();
        var buffer: [12]u32 = undefined;
        const vocab = case.model.vocab;
        const tokens = rig.prompt(number, &buffer, vocab);
        const logits = try gpa.alloc(f32, tokens.len * vocab);
        defer gpa.free(logits);
        try rig.feedAll(engine, session, tokens, 5, logits);
        var arena: std.heap.ArenaAllocator = .init(gpa);
        defer arena.deinit();
        var reference: Reference = try .init(arena.allocator(), &disk.model, case.model, case.k);
        var worst: f64 = 0;
        var squares: f64 = 0;
        for (tokens, 0..) |token, t| {
            const expected = try reference.feed(token);
            for (expected, logits[t * vocab ..][0..vocab]) |e, got| {
                worst = @max(worst, @abs(e - got));
                squares += e * e;
            }
        }
        const scale = @sqrt(squares / @as(f64, @floatFromInt(logits.len)));
        errdefer std.debug.print("case {d}: worst {e}, scale {d}\n", .{ number, worst, scale });
        try std.testing.expect(scale > 0.1);
        try std.testing.expect(worst < 1e-4 * scale);
    }
}
