#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times Recur's GPU kernels and whatever peer is importable, in one process.

Usage: peers.py FOLDER [--cases REGEX] [--only REGEX] [--variants] [--eager]
                [--json FILE] [--plot PICTURE.png]

FOLDER holds the shared libraries of test/benchmark/specs/scan.recur and
scan_bf16.recur, compiled for the GPU; where recurc is on the PATH they are made:

    recurc test/benchmark/specs/scan.recur --target sm_90a -o FOLDER/scan.so

Every row is a diagonal scan h[t] = a[t] h[t-1] + x[t] from a zero state of one shape,
layout and type. Times are medians over replays of a CUDA graph (with --eager also of
launches one by one), with inputs taken in turn from sets that together exceed the L2
cache by far. The ratio is the time of a streaming kernel y = 1.5 a + x of the same size
in the same run to the time of the row. Every result is compared with a scan in f64.
--variants times all schedules of Recur's library that apply, and names the one that
its model chose. Exits with 1 if a result is wrong.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "runtime" / "python"))

import torch
import triton
import triton.language as tl

import recur

SHAPES = [(8, 4096, 4096), (8, 2048, 2048), (64, 1024, 1024), (1, 65536, 512),
          (1, 131072, 1024), (1, 1048576, 128), (4, 16384, 512), (2, 2048, 1024),
          (1, 4096, 256)]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
L2_BYTES = 60e6
POOL_BYTES = 6 << 30


@triton.jit
def stream_kernel(a, x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    value = tl.load(a + at, mask) * 1.5 + tl.load(x + at, mask)
    tl.store(y + at, value.to(y.dtype.element_ty), mask)


@triton.jit
def compose(p0, e0, p1, e1):
    return p0 * p1, e0 * p1 + e1


@triton.jit
def scan_kernel(a, x, y, steps, BLOCK: tl.constexpr):
    """One row of time a program, which walks it in blocks."""
    row = tl.program_id(0).to(tl.int64) * steps
    carry = tl.zeros((1,), tl.float32)
    last = tl.arange(0, BLOCK) == BLOCK - 1
    for begin in range(0, steps, BLOCK):
        at = begin + tl.arange(0, BLOCK)
        mask = at < steps
        p = tl.load(a + row + at, mask, 1.0).to(tl.float32)
        e = tl.load(x + row + at, mask, 0.0).to(tl.float32)
        p, e = tl.associative_scan((p, e), 0, compose)
        h = p * carry + e
        tl.store(y + row + at, h.to(y.dtype.element_ty), mask)
        carry = tl.sum(tl.where(last, h, 0.0), 0, keep_dims=True)


class Set:
    """The tensors of one run, as [b,t,d]; time innermost in memory if `time_last`."""

    def __init__(self, memory, shape, time_last):
        b, t, d = shape
        count = b * t * d
        self.flat = [memory[i * count:(i + 1) * count] for i in range(3)]
        sizes = (b, d, t) if time_last else shape
        self.dense = [part.view(sizes) for part in self.flat]
        self.a, self.x, self.y = [part.transpose(1, 2) if time_last else part
                                  for part in self.dense]


def reference(a, x):
    """The scan over dim 0 in f64, by doubling (Hillis and Steele 1986)."""
    p, e = a.double().clone(), x.double().clone()
    distance = 1
    while distance < len(p):
        e[distance:] = p[distance:] * e[:-distance] + e[distance:]
        p[distance:] = p[distance:] * p[:-distance]
        distance *= 2
    return e


def relative_error(tensors, scan=True):
    """Of some channels, by norm."""
    b, _, d = tensors.a.shape
    worst = 0.0
    for row in {0, b - 1}:
        channels = sorted({0, d // 2 + 1, d - 1})
        a, x, y = (t[row][:, channels] for t in (tensors.a, tensors.x, tensors.y))
        expected = reference(a if scan else torch.ones_like(a), x)
        error = (y.double() - expected).norm() / expected.norm()
        worst = max(worst, error.item() if torch.isfinite(error) else float("inf"))
    return worst


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.rows = []
        self.failed = False
        self.stream = torch.cuda.Stream()

    def time(self, run, sets, count):
        """Median milliseconds of run(set): in a graph, and launched one by one."""
        def measure(launch):
            times = []
            for _ in range(9):
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record(self.stream)
                launch()
                end.record(self.stream)
                end.synchronize()
                times.append(begin.elapsed_time(end) / count)
            return statistics.median(times)

        with torch.cuda.stream(self.stream):
            for tensors in sets[:2]:
                run(tensors)
            self.stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self.stream):
                for i in range(count):
                    run(sets[i % len(sets)])
            in_graph = measure(graph.replay)
            eager = None
            if self.arguments.eager:
                eager = measure(lambda: [run(sets[i % len(sets)]) for i in range(count)])
            del graph
        return in_graph, eager

    def row(self, case, name, run, sets, bytes_each=3, check=True, scan=True):
        if self.arguments.only and not re.search(self.arguments.only, name):
            return None
        first = sets[0]
        count = first.y.numel()
        with torch.cuda.stream(self.stream):
            first.flat[2].fill_(float("nan"))
            try:
                run(first)
                self.stream.synchronize()
            except Exception as error:
                print(f"  {name:44} {str(error).splitlines()[0][:100]}")
                return None
            error = relative_error(first, scan) if check else 0.0
        repeats = max(4, min(40, int(4e8 / (count * first.y.element_size()))))
        with torch.cuda.stream(self.stream):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record(self.stream)
            run(first)
            end.record(self.stream)
            end.synchronize()
        repeats = max(1, min(repeats, int(30 / begin.elapsed_time(end))))
        ms, eager = self.time(run, sets, repeats)
        moved = bytes_each * count * first.y.element_size()
        if name == "streaming":
            self.streaming = ms
        wrong = not error <= TOLERANCE[first.y.dtype]
        self.failed |= wrong
        result = dict(case, name=name, ms=ms, gbs=moved / ms / 1e6,
                      ratio=self.streaming / ms, error=error, eager_ms=eager)
        self.rows.append(result)
        print(f"  {name:44} {ms:9.4f} ms {result['gbs']:7.0f} GB/s {100 * result['ratio']:6.1f} % "
              f"{error:.1e}{' WRONG' if wrong else ''}"
              f"{f' eager {eager:.4f} ms' if eager else ''}", flush=True)
        return result

    def case(self, shape, time_last, dtype, pool, kernels):
        b, t, d = shape
        layout = "[b,d,t]" if time_last else "[b,t,d]"
        case = dict(shape=list(shape), layout=layout, dtype=str(dtype).split(".")[1])
        title = f"{case['dtype']} {b},{t},{d} {layout}"
        if self.arguments.cases and not re.search(self.arguments.cases, title):
            return
        print(title)
        memory = pool.view(dtype)
        count = b * t * d
        number = max(1, min(8, memory.numel() // (3 * count)))
        sets = [Set(memory[3 * count * i:3 * count * (i + 1)], shape, time_last)
                for i in range(number)]
        for tensors in sets:
            for part in tensors.flat[:2]:
                for some in part.split(1 << 28):
                    some.uniform_(0, 1)
        if number * 3 * count * memory.element_size() < 3 * L2_BYTES:
            print("  note: all sets together are near the size of the L2 cache")

        def streaming(s):
            stream_kernel[(triton.cdiv(count, 2048),)](*s.flat, count, BLOCK=2048, num_warps=8)
        self.row(case, "streaming", streaming, sets, check=False)

        kernel = kernels[dtype]
        first = sets[0]
        os.environ.pop("RECUR_SCHEDULE", None)
        chosen = kernel.variant(first.a, first.x, first.y)

        def call(s):
            kernel(s.a, s.x, out={kernel.results[0].name: s.y})
        ours = self.row(case, "recur", call, sets)
        if self.arguments.variants and ours:
            best = ours["ms"]
            for variant in kernel.gpu_variants:
                os.environ["RECUR_SCHEDULE"] = variant
                try:
                    kernel.variant(first.a, first.x, first.y)
                except recur.RecurError:
                    continue
                if t // 64 * 30 > 4e5 and variant.startswith("serial"):
                    continue
                mark = " *" if variant == chosen else ""
                result = self.row(case, f"recur: {variant}{mark}", call, sets)
                best = min(best, result["ms"] if result else best)
            os.environ.pop("RECUR_SCHEDULE", None)
            if ours["ms"] > 1.1 * best:
                print(f"  note: the model chose '{chosen}', {ours['ms'] / best:.2f} times the best")
        elif ours:
            print(f"  recur: {chosen}")
        self.peers(case, sets, time_last)

    def peers(self, case, sets, time_last):
        b, t, d = case["shape"]
        if time_last:
            def scan(s):
                scan_kernel[(b * d,)](*s.flat, t, BLOCK=min(2048, triton.next_power_of_2(t)),
                                      num_warps=8)
            self.row(case, "Triton tl.associative_scan", scan, sets)
            try:
                from accelerated_scan.scalar import forward_scan
            except ImportError:
                pass
            else:
                self.row(case, "accelerated-scan scalar",
                         lambda s: s.dense[2].copy_(forward_scan(s.dense[0], s.dense[1])), sets)
        self.row(case, "torch.cumsum (8 bytes)" if sets[0].y.element_size() == 4
                 else "torch.cumsum (4 bytes)",
                 lambda s: torch.cumsum(s.x, 1, out=s.y), sets, bytes_each=2, scan=False)
        if not time_last:
            try:
                from fla.ops.hgrn import chunk_hgrn
            except ImportError:
                return
            self.row(case, "fla chunk_hgrn",
                     lambda s: s.y.copy_(chunk_hgrn(s.x, s.a.log())[0]), sets)


def load(folder, name):
    path = folder / f"{name}.so"
    if not path.exists():
        recurc = shutil.which("recurc")
        if not recurc:
            sys.exit(f"peers.py: error: '{path}' is missing, and recurc is not on the PATH")
        major, minor = torch.cuda.get_device_capability()
        target = f"sm_{major}{minor}" + ("a" if major == 9 else "")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([recurc, ROOT / "test" / "benchmark" / "specs" / f"{name}.recur", "--target",
                        target, "-o", path], check=True)
    library = recur.load(path)
    return library["scan"]


def plot(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    names = list(dict.fromkeys(row["name"] for row in rows if row["name"] != "streaming"
                               and not row["name"].startswith("recur:")))
    cases = list(dict.fromkeys((row["dtype"], tuple(row["shape"]), row["layout"])
                               for row in rows))
    figure, axes = plt.subplots(figsize=(10, 1.5 + 0.35 * len(cases)))
    for i, name in enumerate(names):
        points = [(100 * row["ratio"], cases.index((row["dtype"], tuple(row["shape"]),
                                                    row["layout"])))
                  for row in rows if row["name"] == name]
        axes.plot([x for x, _ in points], [y for _, y in points], "osD^vPX*"[i % 8], label=name)
    axes.axvline(100, color="gray", linewidth=1)
    axes.set_yticks(range(len(cases)), [f"{dtype} {shape} {layout}"
                                        for dtype, shape, layout in cases])
    axes.invert_yaxis()
    axes.set_xlim(0, 110)
    axes.set_xlabel("% of the streaming kernel of the same size")
    axes.set_title(f"Diagonal scan, {torch.cuda.get_device_name()}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncol=3)
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cases")
    parser.add_argument("--only")
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--plot")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("peers.py: error: PyTorch finds no CUDA device")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, "
          f"triton {triton.__version__}")
    bench = Bench(arguments)
    kernels = {torch.float32: load(arguments.folder, "scan"),
               torch.bfloat16: load(arguments.folder, "scan_bf16")}
    words = POOL_BYTES // 4
    for dtype in (torch.float32, torch.bfloat16):
        pool = torch.empty(words, dtype=torch.float32, device="cuda")
        for shape in SHAPES:
            for time_last in (False, True):
                bench.case(shape, time_last, dtype, pool, kernels)
        del pool
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"device": torch.cuda.get_device_name(), "cases": bench.rows}, file, indent=1)
    if arguments.plot:
        plot(bench.rows, arguments.plot)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
