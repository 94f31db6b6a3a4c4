# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times and checks what runs on a GPU, for peers.py: rows of a table.

A row is timed in replays of a CUDA graph, and with `eager` also by events around
launches one by one, with inputs taken in turn from sets that together exceed the L2
cache by far. Medians.
"""

import collections
import re
import statistics
import time

import torch

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
L2_BYTES = 60e6


def scan_f64(a, x):
    """The scan over dim 0 in f64, by doubling (Hillis and Steele 1986)."""
    p, e = a.double().clone(), x.double().clone()
    distance = 1
    while distance < len(p):
        e[distance:] = p[distance:] * e[:-distance] + e[distance:]
        p[distance:] = p[distance:] * p[:-distance]
        distance *= 2
    return e


def distance(result, expected):
    """||result - expected|| / ||expected||; infinite where a number is not finite."""
    error = ((result.double() - expected).norm() / expected.norm()).item()
    return error if error == error else float("inf")


def special_functions_a_second():
    """Of ex2 and the like: 16 for each clock and multiprocessor (of capability 8 and 9)."""
    properties = torch.cuda.get_device_properties(0)
    clock = getattr(properties, "clock_rate", 0) * 1e3 or 1.755e9
    return 16 * properties.multi_processor_count * clock


def bound(kernel, arguments):
    """run(set) of a recurrence of Recur, which is bound to each set once; `arguments(set)` are
    its inputs and its results by name."""
    calls = {}

    def run(s):
        if id(s) not in calls:
            inputs, out = arguments(s)
            calls[id(s)] = kernel.bind(*inputs, out=out)
        calls[id(s)]()
    return run


class Bench:
    """Rows as dicts: the case's entries, name, ms, gbs, floor_ms, ratio (floor_ms / ms),
    error, eager_ms, how ("graph" or "host"), operations."""

    def __init__(self, only=None, eager=False):
        self.only, self.eager = only, eager
        self.rows = []
        self.failed = False
        self.missing = {}
        self.stream = torch.cuda.Stream()

    def is_wanted(self, name):
        return not self.only or re.search(self.only, name)

    def miss(self, peer, why):
        """Notes, once, that a peer is not there or does not run."""
        if peer not in self.missing and self.is_wanted(peer):
            self.missing[peer] = str(why).splitlines()[0][:160] if str(why) else "unknown"
            print(f"  missing: {peer}: {self.missing[peer]}")

    def measure(self, launch, count, repeats=9):
        times = []
        for _ in range(repeats):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record(self.stream)
            launch()
            end.record(self.stream)
            end.synchronize()
            times.append(begin.elapsed_time(end) / count)
        return statistics.median(times)

    def time(self, run, sets, count):
        """Median milliseconds of run(set): in a graph, and launched one by one."""
        def run_all():
            # A peer that makes its results would be given the same memory again and
            # again, and write to the L2 cache; as many are kept as there are sets.
            results = collections.deque(maxlen=len(sets))
            for i in range(count):
                results.append(run(sets[i % len(sets)]))
        with torch.cuda.stream(self.stream):
            for tensors in sets[:2]:
                run(tensors)
            self.stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream):
                run_all()
            in_graph = self.measure(graph.replay, count)
            eager = self.measure(run_all, count) if self.eager else None
            del graph
        return in_graph, eager

    @staticmethod
    def time_on_host(run, count, repeats=9):
        """Median milliseconds of one of the `count` computations of run(), which waits."""
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - begin) / count)
        return statistics.median(times)

    def row(self, case, name, run, sets, moved, floor_ms=None, check=None, poison=None,
            dtype=None, operations=0, is_ours=False, prepare=None, on_host=None):
        """Runs, checks and times `run`, which gets a set and returns its result or None.

        `moved` bytes at the least; `check(result)` is an error, `poison()` spoils what is
        written. `prepare()` makes `run` when that takes long. `on_host` = (all, count): the time
        is that of all(), which computes `count` sets and waits.
        """
        if not self.is_wanted(name):
            return None
        error = None
        torch.cuda.synchronize()  # inputs are made on another stream
        try:
            with torch.cuda.stream(self.stream):
                if prepare:
                    run = prepare()
                if poison:
                    poison()
                result = run(sets[0])
                self.stream.synchronize()
                if check:
                    error = check(result)
                del result
            if on_host:
                everything, count = on_host
                everything()
                ms, eager, how = self.time_on_host(everything, count), None, "host"
            else:
                with torch.cuda.stream(self.stream):
                    once = self.measure(lambda: run(sets[0]), 1, repeats=3)
                count = max(1, min(40, int(4e8 / moved) or 4, int(30 / once)))
                ms, eager = self.time(run, sets, max(count, min(len(sets), 4)))
                how = "graph"
        except Exception as failure:  # a peer may refuse in any way
            torch.cuda.synchronize()
            if is_ours:
                raise
            self.miss(name, f"{type(failure).__name__}: {str(failure).strip()}")
            return None
        result = dict(case, name=name, ms=ms, gbs=moved / ms / 1e6, floor_ms=floor_ms or ms,
                      ratio=(floor_ms or ms) / ms, error=error, eager_ms=eager, how=how,
                      operations=operations, bytes=moved)
        wrong = error is not None and not error <= TOLERANCE[dtype]
        self.failed |= wrong and is_ours
        self.rows.append(result)
        print(f"  {name:44} {ms:9.4f} ms {result['gbs']:7.0f} GB/s "
              f"{100 * result['ratio']:6.1f} % "
              f"{'-' if error is None else f'{error:.1e}'}{' WRONG' if wrong else ''}"
              f"{f' eager {eager:.4f} ms' if eager else ''}"
              f"{' (host clock)' if how == 'host' else ''}", flush=True)
        return result
