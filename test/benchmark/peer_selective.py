# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The selective scan (Gu and Dao, Mamba, 2023, algorithm 2) and its step, for peers.py."""

import torch

from gpu_bench import L2_BYTES, bound, distance, scan_f64, special_functions_a_second

#: b, t, d, n.
SHAPES = [(8, 2048, 2048, 16), (8, 2048, 4096, 16), (1, 16384, 2048, 16), (1, 2048, 5120, 16),
          (1, 131072, 1536, 16), (8, 2048, 2048, 64), (2, 2048, 2048, 256),
          (1, 2048, 70000, 16)]
#: b, d, n.
STEPS = [(64, 4096, 16), (1, 4096, 16), (64, 4096, 64), (16, 4096, 256)]


class Set:
    """Inputs as [b,t,d] and [b,t,n] in memory."""

    def __init__(self, shape, dtype):
        b, t, d, n = shape

        def normal(*sizes):
            return torch.randn(sizes, device="cuda", dtype=dtype)
        self.u, self.delta, self.z = normal(b, t, d), normal(b, t, d), normal(b, t, d)
        self.B, self.C = normal(b, t, n), normal(b, t, n)
        self.A = -0.5 - 4 * torch.rand(d, n, device="cuda")
        self.D = torch.randn(d, device="cuda")
        # Steps of 0.02 and more, as trained models have them.
        self.bias = torch.rand(d, device="cuda") * 2 - 4
        self.y = torch.empty_like(self.u)

    def inputs(self):
        return self.u, self.delta, self.A, self.B, self.C, self.D, self.z, self.bias

    def channels_first(self):
        """Copies as [b,d,t] and [b,n,t]."""
        for name in ("u", "delta", "z", "B", "C"):
            setattr(self, name + "_t", getattr(self, name).transpose(1, 2).contiguous())
        return self


def expect(s, batch, channels, h0=None):
    """y[t, channels] of one batch, and the last states, in f64."""
    def part(x):
        return x[batch][:, channels].double()
    u, z = part(s.u), part(s.z)
    dt = torch.nn.functional.softplus(part(s.delta) + s.bias[channels].double())
    A, B, C = s.A[channels].double(), s.B[batch].double(), s.C[batch].double()
    a = torch.exp(dt[:, :, None] * A)
    x = (dt * u)[:, :, None] * B[:, None, :]
    if h0 is not None:
        x[0] += a[0] * h0[batch][channels].double()
    h = scan_f64(a, x)
    y = (h * C[:, None, :]).sum(-1) + s.D[channels].double() * u
    return y * torch.nn.functional.silu(z), h[-1]


def error_of(s, y):
    b, _, d = s.u.shape
    channels = sorted({0, d // 2 + 1, d - 1})
    return max(distance(y[batch][:, channels], expect(s, batch, channels)[0])
               for batch in {0, b - 1})


def add_case(bench, shape, dtype, kernels, bandwidth, variants):
    """`kernels(name)` is a recurrence of Recur; `variants(case, kernel, arrays, row)` adds the
    rows of its schedules."""
    b, t, d, n = shape
    width = torch.tensor([], dtype=dtype).element_size()
    moved = width * (4 * b * t * d + 2 * b * t * n) + 4 * (d * n + 2 * d)
    special = b * t * d * (n + 4)  # exp, softplus, silu
    floor = 1e3 * max(moved / bandwidth, special / special_functions_a_second())
    number = max(1, min(4, int(12e9 / moved), int(3 * L2_BYTES / moved) + 1))
    sets = [Set(shape, dtype) for _ in range(number)]
    case = {"work": "selective scan", "shape": list(shape), "layout": "[b,t,d]",
            "dtype": str(dtype).split(".")[1]}
    operations = b * t * d * (8 * n + 12)

    def row(name, run, layout="[b,t,d]", **more):
        first = sets[0]

        def check(result):
            y = first.y if result is None else result
            return error_of(first, y.transpose(1, 2) if layout == "[b,d,t]" else y)
        return bench.row(dict(case, layout=layout), name, run, sets, moved, floor, check,
                         lambda: first.y.fill_(float("nan")), dtype, operations, **more)

    kernel = kernels(f"selective_scan_{n}")

    variants(case, kernel, [*sets[0].inputs(), sets[0].y],
             lambda name: row(name, bound(kernel, lambda s: (s.inputs(), {"y": s.y})),
                              is_ours=True))
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except Exception as why:
        bench.miss("mamba-ssm selective_scan_fn", why)
        return
    if not bench.is_wanted("mamba-ssm selective_scan_fn"):
        return
    for s in sets:
        s.channels_first()
    row("mamba-ssm selective_scan_fn", lambda s: selective_scan_fn(
        s.u_t, s.delta_t, s.A, s.B_t, s.C_t, s.D, s.z_t, s.bias, delta_softplus=True),
        "[b,d,t]")


def add_step(bench, sizes, dtype, kernels, bandwidth, variants):
    """One step of time; the states are updated in place, except where they are checked."""
    b, d, n = sizes
    width = torch.tensor([], dtype=dtype).element_size()
    moved = 8 * b * d * n + width * (4 * b * d + 2 * b * n) + 4 * (d * n + 2 * d)
    number = max(2, min(64, int(3 * L2_BYTES / moved) + 1))
    sets = [Set((b, 1, d, n), dtype) for _ in range(number)]
    for s in sets:
        s.h = torch.randn(b, d, n, device="cuda")
    case = {"work": "selective scan, one step", "shape": [b, d, n], "layout": "[b,d,n]",
            "dtype": str(dtype).split(".")[1]}

    def row(name, run, **more):
        first = sets[0]
        before = first.h.clone()

        def check(_):
            channels = sorted({0, d // 2 + 1, d - 1})
            worst = 0.0
            for batch in {0, b - 1}:
                y, h = expect(first, batch, channels, before)
                worst = max(worst, distance(first.y[batch][:, channels], y),
                            distance(first.h[batch][channels], h))
            return worst
        return bench.row(case, name, run, sets, moved, 1e3 * moved / bandwidth, check,
                         lambda: first.y.fill_(float("nan")), dtype, b * d * (8 * n + 12),
                         **more)

    kernel = kernels(f"selective_scan_{n}_step")
    names = [argument.name for argument in kernel.results]

    def arguments(s):
        return (*s.inputs(), s.h), dict(zip(names, (s.y, s.h)))
    variants(case, kernel, [*sets[0].inputs(), sets[0].h, sets[0].y, sets[0].h],
             lambda name: row(name, bound(kernel, arguments), is_ours=True))
    try:
        from mamba_ssm.ops.triton.selective_state_update import selective_state_update
    except Exception as why:
        bench.miss("mamba-ssm selective_state_update", why)
        return

    def update(s):
        s.y[:, 0] = selective_state_update(
            s.h, s.u[:, 0], s.delta[:, 0], s.A, s.B[:, 0], s.C[:, 0], s.D, s.z[:, 0], s.bias,
            dt_softplus=True)
    row("mamba-ssm selective_state_update", update)
