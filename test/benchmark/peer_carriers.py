# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scans of more than one real number, and over other semirings, for peers.py.

Each is compared with a streaming kernel that moves the same bytes, the filter on one long array
with a device copy. The error of a result is that of its steps: ||h - step(h before)|| / ||h||,
with the step in f64.
"""

import math

import torch

import peer_scans
from gpu_bench import L2_BYTES, bound, distance

FEW = [(1, 65536, 512), (1, 131072, 64), (1, 1048576, 128)]
LONG = (1, 1 << 28, 1)


def between(tensor, low, high):
    for some in tensor.view(-1).split(1 << 28):
        some.uniform_(low, high)


class Carrier:
    """A recurrence: the numbers of 32 bits that an element has in each argument (the last is the
    result), and a step in f64 of what is one step ago, `before` and `before2`."""

    def __init__(self, name, shapes, inner, ranges, step, is_complex=False):
        self.name, self.shapes, self.inner, self.ranges = name, shapes, inner, ranges
        self.step, self.is_complex = step, is_complex
        self.numbers = [math.prod(dims) * (2 if is_complex else 1) for dims in inner]


def block_step(before, _, a, x):
    return (a @ before.unsqueeze(-1)).squeeze(-1) + x


FILTER = (1.2, -0.4)
CARRIERS = [
    Carrier("complex_scan", [(8, 2048, 2048)] + FEW, [(), (), ()], [(-.6, .6), (-1, 1)],
            lambda h, _, a, x: a * h + x, is_complex=True),
    Carrier("blocks", [(8, 2048, 2048), (8, 2048, 256)] + FEW, [(2, 2), (2,), (2,)],
            [(-.45, .45), (-1, 1)], block_step),
    Carrier("varying_filter", [(8, 2048, 2048)] + FEW, [(), (), (), ()],
            [(0, .5), (-.4, 0), (-1, 1)], lambda y, y2, p, q, x: p * y + q * y2 + x),
    Carrier("filter", [(8, 4096, 4096)] + FEW + [LONG], [(), ()], [(-1, 1)],
            lambda y, y2, x: FILTER[0] * y + FILTER[1] * y2 + x),
    Carrier("max_plus", [(8, 2048, 2048)] + FEW, [(), (), ()], [(-1, 0), (-1, 1)],
            lambda v, _, a, x: torch.maximum(v + a, x)),
    Carrier("log_sum_exp", [(8, 2048, 2048)] + FEW, [(), (), ()], [(-1, 0), (-1, 1)],
            lambda v, _, a, x: torch.logaddexp(v + a, x)),
]


class Set:
    """The tensors of one run, as [b,t,d] and dims of a step; with time before the channels in
    memory, or after them."""

    def __init__(self, memory, carrier, shape, time_last):
        b, t, d = shape
        self.flat, self.dense, self.parts = memory, [], []
        for numbers, inner in zip(carrier.numbers, carrier.inner):
            part, memory = memory[:b * t * d * numbers], memory[b * t * d * numbers:]
            if carrier.is_complex:
                part = torch.view_as_complex(part.view(-1, 2))
            dense = part.view(*((b, d, t) if time_last else shape), *inner)
            self.dense.append(dense)
            self.parts.append(dense.transpose(1, 2) if time_last else dense)


def error_of(carrier, tensors):
    """Of some channels of some rows, over all times."""
    b, t, d = tensors.parts[-1].shape[:3]
    start = -math.inf if carrier.name in ("max_plus", "log_sum_exp") else 0
    worst = 0.0
    for row in {0, b - 1}:
        for channel in {0, d // 2, d - 1}:
            for begin in range(0, t, 1 << 24):
                end = min(t, begin + (1 << 24))
                cut = [part[row, max(0, begin - 2):end, channel] for part in tensors.parts]
                wide = torch.complex128 if carrier.is_complex else torch.float64
                *inputs, h = [part.to(wide) for part in cut]
                first = 0 if begin == 0 else 2
                past = torch.full_like(h[:2], start)
                all_h = torch.cat([past, h])
                after = carrier.step(all_h[1:-1], all_h[:-2], *inputs)
                worst = max(worst, distance_of(h[first:], after[first:]))
    return worst


def distance_of(x, y):
    if x.is_complex():
        x, y = torch.view_as_real(x), torch.view_as_real(y)
    return distance(x, y)


def add_cases(peers):
    """All carriers at all shapes, in both layouts."""
    pool = torch.empty(6 << 28, dtype=torch.float32, device="cuda")
    for carrier in CARRIERS:
        for shape in carrier.shapes:
            for time_last in (False, True):
                if shape == LONG and not time_last:
                    continue
                case = {"work": "carriers", "shape": list(shape), "carrier": carrier.name,
                        "layout": "[b,d,t]" if time_last else "[b,t,d]",
                        "dtype": "complex64" if carrier.is_complex else "float32"}
                if peers.is_wanted(case):
                    add_case(peers, case, carrier, shape, time_last, pool)


def add_case(peers, case, carrier, shape, time_last, pool):
    count = math.prod(shape)
    each = sum(carrier.numbers) * count
    if each > pool.numel():
        print("  too large for the memory")
        return
    number = max(1, min(8, pool.numel() // each))
    sets = [Set(pool[each * i:each * (i + 1)], carrier, shape, time_last) for i in range(number)]

    def fill(all_sets):
        for tensors in all_sets:
            for part, (low, high) in zip(tensors.dense, carrier.ranges):
                between(torch.view_as_real(part) if carrier.is_complex else part, low, high)
        torch.cuda.synchronize()

    fill(sets)
    if number * 4 * each < 3 * L2_BYTES:
        print("  note: all sets together are near the size of the L2 cache")
    first = sets[0]
    bench = peers.bench
    floor = None

    def row(name, run, check=True, **more):
        return bench.row(case, name, run, sets, 4 * each, floor,
                         (lambda _: error_of(carrier, first)) if check else None,
                         lambda: first.dense[-1].fill_(float("nan")), torch.float32, **more)

    wanted, bench.only = bench.only, None
    if shape == LONG:
        half = each // 2

        def copy(s):
            s.flat[half:each].copy_(s.flat[:half])
        floor = row("device copy", copy, check=False)["ms"]
    else:
        third = each // 3 // 2048 * 2048

        def stream(s):
            count = third
            a, x, y = (s.flat[i * count:(i + 1) * count] for i in range(3))
            peer_scans.stream_kernel[(-(-count // 2048),)](a, x, y, count, BLOCK=2048,
                                                          num_warps=8)
        floor = row("streaming", stream, check=False)["ms"]
    bench.only = wanted
    fill(sets)  # again: streaming has overwritten them

    constants = []
    if carrier.name == "filter":
        constants.append(torch.tensor(FILTER, device="cuda"))
    name = carrier.name
    arrange = (lambda s: s.parts)
    if name == "blocks" and time_last:
        name, arrange = "blocks_time_last", (lambda s: s.dense)
    kernel = peers.libraries["carriers"][name]
    result = kernel.results[0].name

    def arguments(s):
        *inputs, out = arrange(s)
        return (*constants, *inputs), {result: out}
    peers.variants(case, kernel, [*constants, *arrange(first)],
                   lambda title: row(title, bound(kernel, arguments), is_ours=True))
