# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packed sequences for peers.py: the diagonal scan over sequences of random lengths that lie
behind one another, beside a streaming kernel of the same size."""

import torch

import peer_scans
from gpu_bench import L2_BYTES, bound, distance, scan_f64

# t, d and the number of sequences: long and few, a page each, a line each.
SHAPES = [(65536, 4096, 16), (65536, 2048, 512), (131072, 1024, 64), (1048576, 128, 1000),
          (65536, 512, 65)]


class Set:
    """The tensors of one run, as [t,d]; time innermost in memory if `time_last`."""

    def __init__(self, shape, time_last, dtype, seed):
        t, d, s = shape
        generator = torch.Generator().manual_seed(seed)
        cuts = torch.randint(0, t + 1, (s - 1,), generator=generator).sort().values
        self.bounds = [0, *cuts.tolist(), t]
        self.cu = torch.tensor(self.bounds, dtype=torch.int32, device="cuda")
        sizes = (d, t) if time_last else (t, d)
        dense = [torch.rand(sizes, device="cuda").to(dtype) for _ in range(2)]
        dense.append(torch.empty(sizes, dtype=dtype, device="cuda"))
        self.flat = [part.view(-1) for part in dense]
        self.a, self.x, self.y = [part.t() if time_last else part for part in dense]

    def inputs(self):
        return self.a, self.x, self.cu


def error_of(tensors):
    """Of some channels, by norm."""
    channels = sorted({0, tensors.a.shape[1] // 2 + 1, tensors.a.shape[1] - 1})
    a, x, y = (part[:, channels] for part in (tensors.a.clone(), tensors.x, tensors.y))
    starts = [bound for bound in tensors.bounds if bound < len(a)]
    a[starts] = 0
    return distance(y, scan_f64(a, x))


def touched(tensors, run):
    """How many elements of the other sequences change when one of them has no finite number."""
    lengths = [end - begin for begin, end in zip(tensors.bounds, tensors.bounds[1:])]
    worst = lengths.index(max(lengths))
    begin, end = tensors.bounds[worst], tensors.bounds[worst + 1]
    run(tensors)
    torch.cuda.synchronize()
    before = tensors.y.clone()
    kept = tensors.x[begin:end].clone()
    tensors.x[begin:end] = float("inf")
    tensors.x[begin + 1:end:7] = float("nan")
    run(tensors)
    torch.cuda.synchronize()
    tensors.x[begin:end] = kept
    same = tensors.y == before
    same[begin:end] = True
    return int((~same).sum())


def add_case(bench, shape, time_last, dtype, kernel, variants):
    """`variants(case, kernel, arrays, row)` adds the rows of its schedules."""
    t, d, s = shape
    width = torch.tensor([], dtype=dtype).element_size()
    moved = 3 * t * d * width + 4 * (s + 1)
    number = max(1, min(4, int(12e9 / moved), int(3 * L2_BYTES / moved) + 1))
    sets = [Set(shape, time_last, dtype, seed) for seed in range(number)]
    case = {"work": "packed", "shape": list(shape), "dtype": str(dtype).split(".")[1],
            "layout": "[d,t]" if time_last else "[t,d]"}
    wanted, bench.only = bench.only, None
    floor = bench.row(case, "streaming", peer_scans.streaming(t * d), sets, moved,
                      dtype=dtype)["ms"]
    bench.only = wanted
    first = sets[0]
    result = kernel.results[0].name

    def bind():  # anew for each row: the schedule may be another
        return bound(kernel, lambda each: (each.inputs(), {result: each.y}))
    variants(case, kernel, [*first.inputs(), first.y],
             lambda name: bench.row(case, name, bind(), sets, moved, floor,
                                    lambda _: error_of(first),
                                    lambda: first.y.fill_(float("nan")), dtype, 2 * t * d,
                                    is_ours=True))
    if bench.is_wanted("recur"):
        count = touched(first, bind())
        print(f"  {count} elements beside a sequence of infinities have changed")
        bench.failed |= count > 0
