#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times Recur's GPU kernels and whatever peer is there, in one process.

Usage: peers.py FOLDER [--work REGEX] [--cases REGEX] [--only REGEX] [--variants] [--tune]
                [--eager] [--json FILE] [--plot PICTURE.png]

FOLDER holds the shared libraries of test/benchmark/specs/*.recur, compiled for the GPU, and
cub_scan.so of test/benchmark/cub_scan.cu; where recurc is on the PATH, or nvcc is there, they
are made:

    recurc test/benchmark/specs/scan.recur --target sm_90a -o FOLDER/scan.so

The work is `scan`: the diagonal scan h[t] = a[t] h[t-1] + x[t] from a zero state; `packed`:
the same over packed sequences; `selective`: the selective scan; `step`: one step of it;
`carriers`: complex numbers, blocks, filters and other semirings, each against streaming of the
same bytes. Times are medians over replays of a CUDA graph
(with --eager also of launches one by one, between events), with inputs taken in turn from sets
that together exceed the L2 cache by far. The ratio is that of the least time to the row's: for
the scan that of a streaming kernel y = 1.5 a + x of the same size, else that of the bytes at the
bandwidth of a large streaming kernel of the same run, or of the exponentials, whichever is longer.
Results are compared with the same in f64. Peers that are missing are named.

--variants times all schedules of Recur's libraries that apply, and names the one that its
model chose. --tune does only that, and says at the end where the model chose wrong and by how
much. It needs no compiler: it is for machines that have the libraries alone; `recur-bench
--tune` does the same where the compiler is. Exits with 1 if a result of Recur is wrong.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "runtime" / "python"))

import torch
import triton

import packed
import peer_carriers
import peer_scans
import peer_selective
import recur
from gpu_bench import (L2_BYTES, Bench, bound, distance, scan_f64,
                       special_functions_a_second)

SHAPES = [(8, 4096, 4096), (8, 2048, 2048), (64, 1024, 1024), (1, 65536, 512),
          (1, 131072, 1024), (1, 1048576, 128), (4, 16384, 512), (2, 2048, 1024),
          (1, 4096, 256)]
POOL_BYTES = 6 << 30
DTYPES = (torch.float32, torch.bfloat16)


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


def error_of(tensors, y, only_sum):
    """Of some channels, by norm."""
    b, _, d = tensors.a.shape
    worst = 0.0
    for row in {0, b - 1}:
        channels = sorted({0, d // 2 + 1, d - 1})
        a, x, result = (t[row][:, channels] for t in (tensors.a, tensors.x, y))
        expected = scan_f64(torch.ones_like(a) if only_sum else a, x)
        worst = max(worst, distance(result, expected))
    return worst


class Libraries:
    """Recur's libraries in a folder, made there if recurc is at hand."""

    def __init__(self, folder):
        self.folder = folder
        self.loaded = {}

    def __getitem__(self, name):
        if name not in self.loaded:
            path = self.folder / f"{name}.so"
            if not path.exists():
                self._make(name, path)
            self.loaded[name] = recur.load(path)
        return self.loaded[name]

    def _make(self, name, path):
        recurc = shutil.which("recurc")
        if not recurc:
            sys.exit(f"peers.py: error: '{path}' is missing, and recurc is not on the PATH")
        major, minor = torch.cuda.get_device_capability()
        target = f"sm_{major}{minor}" + ("a" if major == 9 else "")
        self.folder.mkdir(parents=True, exist_ok=True)
        spec = ROOT / "test" / "benchmark" / "specs" / f"{name}.recur"
        subprocess.run([recurc, spec, "--target", target, "-o", path], check=True)


class Peers:
    def __init__(self, arguments):
        self.arguments = arguments
        self.bench = Bench("^(recur|streaming)" if arguments.tune else arguments.only,
                           arguments.eager)
        self.libraries = Libraries(arguments.folder)
        self.choices = []  # what the model chose, and what is best

    def is_wanted(self, case):
        title = f"{case.get('carrier', '')} {case['dtype']} {','.join(map(str, case['shape']))} " \
                f"{case['layout']}".strip()
        if self.arguments.cases and not re.search(self.arguments.cases, title):
            return False
        print(f"{case.get('work', 'scan')}: {title}")
        return True

    def variants(self, case, kernel, arrays, row):
        """Recur's row, and those of all its schedules that apply if they are asked for."""
        os.environ.pop("RECUR_SCHEDULE", None)
        chosen = kernel.variant(*arrays)
        ours = row("recur")
        if not ours:
            return
        if not (self.arguments.variants or self.arguments.tune):
            print(f"  recur: {chosen}")
            return
        times = {chosen: ours["ms"]}
        for variant in kernel.gpu_variants:
            os.environ["RECUR_SCHEDULE"] = variant
            try:
                kernel.variant(*arrays)
            except recur.RecurError:
                continue
            # One thread a channel over long times takes seconds.
            steps = case["shape"][1] if len(case["shape"]) > 2 and "step" not in \
                case.get("work", "") else 1
            if steps >= 1 << 20 and variant.startswith("serial"):
                continue
            result = row(f"recur: {variant}{' *' if variant == chosen else ''}")
            if result:
                times[variant] = min(result["ms"], times.get(variant, result["ms"]))
        os.environ.pop("RECUR_SCHEDULE", None)
        best = min(times, key=times.get)
        factor = times[chosen] / times[best]
        self.choices.append(dict(case, chosen=chosen, best=best, factor=factor, times=times))
        if factor > 1.1:
            print(f"  note: the model chose '{chosen}', {factor:.2f} times the best")

    def scan(self, shape, time_last, dtype, pool):
        b, t, d = shape
        case = {"work": "scan", "shape": list(shape), "layout": "[b,d,t]" if time_last
                else "[b,t,d]", "dtype": str(dtype).split(".")[1]}
        if not self.is_wanted(case):
            return
        memory = pool.view(dtype)
        count = b * t * d
        number = max(1, min(8, memory.numel() // (3 * count)))
        sets = [Set(memory[3 * count * i:3 * count * (i + 1)], shape, time_last)
                for i in range(number)]
        for tensors in sets:
            for part in tensors.flat[:2]:
                for some in part.split(1 << 28):
                    some.uniform_(0, 1)
        each = count * memory.element_size()
        if number * 3 * each < 3 * L2_BYTES:
            print("  note: all sets together are near the size of the L2 cache")
        first = sets[0]
        floor = None

        def row(name, run, bytes_each=3, only_sum=False, check=True, **more):
            def error(result):
                y = first.y if result is None else result
                if result is not None and time_last:
                    y = y.transpose(1, 2)
                return error_of(first, y, only_sum)
            return self.bench.row(case, name, run, sets, bytes_each * each, floor,
                                  error if check else None,
                                  lambda: first.flat[2].fill_(float("nan")), dtype, 2 * count,
                                  **more)

        wanted, self.bench.only = self.bench.only, None
        streaming = row("streaming", peer_scans.streaming(count), check=False)
        self.bench.only = wanted
        floor = streaming["ms"]
        kernel = self.libraries["scan" if dtype == torch.float32 else "scan_bf16"]["scan"]

        result = kernel.results[0].name
        self.variants(case, kernel, [first.a, first.x, first.y],
                      lambda name: row(name, bound(kernel, lambda s: ((s.a, s.x),
                                                                      {result: s.y})),
                                       is_ours=True))
        if not self.arguments.tune:
            peer_scans.add_rows(self.bench, shape, time_last, sets, self.arguments.folder, row)

    def packed(self, shape, time_last, dtype):
        case = {"work": "packed", "shape": list(shape), "layout": "[d,t]" if time_last
                else "[t,d]", "dtype": str(dtype).split(".")[1]}
        if self.is_wanted(case):
            name = "packed_scan" if dtype == torch.float32 else "packed_scan_bf16"
            packed.add_case(self.bench, shape, time_last, dtype, self.libraries[name]["scan"],
                            self.variants)
            torch.cuda.empty_cache()

    def selective(self, kind, bandwidth):
        add, shapes = {"selective": (peer_selective.add_case, peer_selective.SHAPES),
                       "step": (peer_selective.add_step, peer_selective.STEPS)}[kind]
        for dtype in DTYPES[::-1]:
            name = "selective_scan" if dtype == torch.bfloat16 else "selective_scan_f32"
            for shape in shapes:
                case = {"work": kind, "shape": list(shape), "layout": "[b,t,d]"
                        if kind == "selective" else "[b,d,n]",
                        "dtype": str(dtype).split(".")[1]}
                if self.is_wanted(case):
                    add(self.bench, shape, dtype, lambda k: self.libraries[name][k], bandwidth,
                        self.variants)
                torch.cuda.empty_cache()

    def measure_bandwidth(self):
        """Bytes a second of the streaming kernel on 2 GB."""
        count = 1 << 28
        memory = torch.ones(3 * count, device="cuda")
        one = Set(memory, (1, count, 1), False)
        run = peer_scans.streaming(count)
        with torch.cuda.stream(self.bench.stream):
            run(one)
            ms = self.bench.measure(lambda: run(one), 1)
        return 12 * count / ms * 1e3

    def report_choices(self):
        wrong = sorted((c for c in self.choices if c["factor"] > 1.1),
                       key=lambda c: -c["factor"])
        worst = max((c["factor"] for c in self.choices), default=1)
        print(f"the model's choice is within 10 % of the best at {len(self.choices) - len(wrong)} "
              f"of {len(self.choices)} shapes; at worst it takes {worst:.2f} times as long")
        for c in wrong:
            print(f"  {c['factor']:5.2f} {c.get('carrier', '')} {c['dtype']} {c['shape']} "
                  f"{c['layout']}: chose "
                  f"'{c['chosen']}', best is '{c['best']}'")


def plot(rows, path, bandwidth):
    """Each case's share of its floor, and the roofline."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    rows = [row for row in rows if not row["name"].startswith("recur:")]
    names = list(dict.fromkeys(row["name"] for row in rows if row["name"] != "streaming"))

    def key(row):
        return f"{row['work']} {row.get('carrier', '')} {row['dtype']} {tuple(row['shape'])} " \
               f"{row['layout']}"
    cases = list(dict.fromkeys(map(key, rows)))
    figure, (shares, roof) = plt.subplots(
        2, figsize=(10, 7 + 0.3 * len(cases)),
        height_ratios=(2 + 0.3 * len(cases), 5))
    for i, name in enumerate(names):
        mine = [row for row in rows if row["name"] == name]
        style = {"marker": "osD^vPX*<>"[i % 10], "color": f"C{i % 10}", "linestyle": "none"}
        shares.plot([100 * row["ratio"] for row in mine],
                    [cases.index(key(row)) for row in mine], label=name, **style)
        roof.plot([row["operations"] / row["bytes"] for row in mine],
                  [row["operations"] / row["ms"] / 1e6 for row in mine], **style)
    shares.axvline(100, color="gray", linewidth=1)
    shares.set_yticks(range(len(cases)), cases)
    shares.invert_yaxis()
    shares.set_xlim(0, 110)
    shares.set_xlabel("% of the floor: a streaming kernel of the same size, or the exponentials")
    shares.set_title(f"Scans on {torch.cuda.get_device_name()}")
    shares.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=3, fontsize="small")
    # Multiply-adds: 128 a clock and multiprocessor, eight times the special functions.
    peak = 16 * special_functions_a_second() / 1e9
    slope = bandwidth / 1e9
    intensities = [row["operations"] / row["bytes"] for row in rows if row["operations"]]
    left, right = min(intensities) / 2, max(max(intensities) * 2, 2 * peak / slope)
    roof.plot([left, peak / slope, right], [left * slope, peak, peak], color="black",
              linewidth=1, label=f"{slope:.0f} GB/s, {peak:.0f} Gop/s")
    roof.set_xscale("log")
    roof.set_yscale("log")
    roof.set_xlabel("operations for each byte")
    roof.set_ylabel("operations a second, in billions")
    roof.legend(fontsize="small")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--work")
    parser.add_argument("--cases")
    parser.add_argument("--only")
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--plot")
    return parser.parse_args()


def main():
    arguments = parse()
    if not torch.cuda.is_available():
        sys.exit("peers.py: error: PyTorch finds no CUDA device")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, "
          f"triton {triton.__version__}")
    peers = Peers(arguments)
    bandwidth = peers.measure_bandwidth()
    print(f"streaming: {bandwidth / 1e9:.0f} GB/s")
    for kind in ("scan", "packed", "selective", "step", "carriers"):
        if arguments.work and not re.search(arguments.work, kind):
            continue
        if kind == "carriers":
            peer_carriers.add_cases(peers)
            continue
        if kind == "packed":
            for dtype in DTYPES:
                for shape in packed.SHAPES:
                    for time_last in (False, True):
                        peers.packed(shape, time_last, dtype)
            continue
        if kind != "scan":
            peers.selective(kind, bandwidth)
            continue
        for dtype in DTYPES:
            pool = torch.empty(POOL_BYTES // 4, dtype=torch.float32, device="cuda")
            for shape in SHAPES:
                for time_last in (False, True):
                    peers.scan(shape, time_last, dtype, pool)
            del pool
            torch.cuda.empty_cache()
    bench = peers.bench
    if peers.choices:
        peers.report_choices()
    for name, why in bench.missing.items():
        print(f"missing: {name}: {why}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"device": torch.cuda.get_device_name(), "streaming_gbs": bandwidth / 1e9,
                       "cases": bench.rows, "choices": peers.choices,
                       "missing": bench.missing}, file, indent=1)
    if arguments.plot and bench.rows:
        plot(bench.rows, arguments.plot, bandwidth)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
