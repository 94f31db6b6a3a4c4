#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times steps that are not affine on a GPU: every schedule, shape and scale of the weights.

Usage: nonlinear.py FOLDER [--cases REGEX] [--quick] [--json FILE]
       nonlinear.py FOLDER --guess|--split [--cases REGEX]

FOLDER holds paragru.so, paralstm.so and paragru_bf16.so, which recurc makes of
test/benchmark/specs and examples/specs where it is on the PATH:

    recurc examples/specs/paragru.recur --target sm_90a -o FOLDER/paragru.so

The cells are those of Danieli et al. 2025, ParaRNN, whose own kernels of three Newton passes took
the times of PARARNN on an NVIDIA H200 (f32, [b,d,t,gate]); they cannot be built here. Inputs are
normal; the recurrent weights are normal and clipped to 0.5, normal, or normal with deviation 2.
Times are medians over replays of a CUDA graph, inputs in turn from sets beyond the L2 cache.
--guess times the schedule that is chosen for paragru_guess, which takes a guess of its trajectory: none (no
numbers), the solution, and that of weights which are off by a thousandth. --split times
gru_smoothed, a GRU (weights clipped) and a filter of what it gives that remembers 1000 steps.
Every result is compared with f64 over the first steps of some channels, and on all channels with the schedule
`serial`; what the report of the call says stands beside it. --quick times clipped weights only.
Exits with 1 if a result is wrong.
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

import numpy as np
import torch

import recur
from gpu_bench import L2_BYTES, Bench, bound, distance

SHAPES = [(8, 2048, 2048), (8, 2048, 256), (2, 2048, 1024), (1, 65536, 512), (1, 131072, 64),
          (1, 512, 64)]
#: Milliseconds of ParaRNN's fused kernels.
PARARNN = {"paragru": dict(zip(SHAPES, (1.326, 0.177, 0.177, 0.796, 0.400, 0.0133))),
           "paralstm": dict(zip(SHAPES, (2.699, 0.354, 0.355, 2.773, 1.387, 0.0135)))}
STEPS_IN_F64 = 4096
SCALES = {"clipped 0.5": lambda a: a.clamp(-0.5, 0.5), "N(0,1)": lambda a: a,
          "N(0,2)": lambda a: 2 * a}
CELLS = {"paragru": ("paragru", torch.float32), "paralstm": ("paralstm", torch.float32),
         "paragru_bf16": ("paragru", torch.bfloat16)}
GUESSED, SPLIT = "paragru_guess", "gru_smoothed"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def paragru(u, a):
    h, out = 0, []
    for z, r, c in u:
        z, r = sigmoid(a[0] * h + z), sigmoid(a[1] * h + r)
        h = (1 - z) * h + z * np.tanh(a[2] * h * r + c)
        out.append(h)
    return np.stack(out)


def paralstm(u, a, p):
    h, c, out = 0, 0, []
    for f, o, g in u:
        f, g = sigmoid(a[0] * h + f + p[0] * c), np.tanh(a[2] * h + g)
        c = f * c + (1 - f) * g
        h = sigmoid(a[1] * h + o + p[1] * c) * np.tanh(c)
        out.append(h)
    return np.stack(out)


STEPS = {"paragru": paragru, "paralstm": paralstm}


class Set:
    expected = None

    def __init__(self, cell, shape, dtype, scale):
        b, t, d = shape

        def normal(*sizes):
            return torch.randn(sizes, device="cuda")
        self.u = normal(b, t, 3, d).to(dtype)
        self.weights = [scale(normal(3, d))]
        self.starts = [torch.zeros(b, d, device="cuda")]
        if cell == "paralstm":
            self.weights.append(scale(normal(2, d)))
            self.starts.append(torch.zeros(b, d, device="cuda"))
        self.h = torch.empty(b, t, d, device="cuda", dtype=dtype)

    def inputs(self):
        return (self.u, *self.weights, *self.starts)

    def error(self, cell):
        """Of the first steps of some channels, by norm, to f64."""
        b, _, _, d = self.u.shape
        channels = sorted({0, d // 3, d // 2 + 1, d - 1})
        if self.expected is None:
            u = self.u[b - 1][:STEPS_IN_F64, :, channels].double().cpu().numpy()
            weights = [w[:, channels].double().cpu().numpy() for w in self.weights]
            self.expected = torch.from_numpy(STEPS[cell](u, *weights))
        return distance(self.h[b - 1][:STEPS_IN_F64, channels].cpu(), self.expected)


def worst_channel(found, expected):
    """||found - expected|| / ||expected|| of the worst channel."""
    found, expected = found.double(), expected.double()
    return ((found - expected).norm(dim=1) / expected.norm(dim=1)).max().item()


def load(folder, name):
    path = folder / f"{name}.so"
    recurc = shutil.which("recurc")
    if not path.exists() and recurc:
        spec = ROOT / "examples" / "specs" / f"{name}.recur"
        if not spec.exists():
            spec = ROOT / "test" / "benchmark" / "specs" / f"{name}.recur"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([recurc, spec, "--target", "sm_90a", "-o", path], check=True)
    if not path.exists():
        sys.exit(f"nonlinear.py: error: '{path}' is missing, and recurc is not on the PATH")
    return recur.load(path)[CELLS[name][0] if name in CELLS else name]


def run_case(bench, name, kernel, shape, scale):
    cell, dtype = CELLS[name]
    b, t, d = shape
    moved = b * t * d * 4 * torch.empty(0, dtype=dtype).element_size()
    number = max(1, min(8, int(3 * L2_BYTES / moved) + 1))
    sets = [Set(cell, shape, dtype, SCALES[scale]) for _ in range(number)]
    first = sets[0]
    case = {"cell": name, "shape": list(shape), "weights": scale}
    print(f"{name} {shape} {scale}, floor {moved / 4.2e9:.4f} ms at 4.2 TB/s")
    result = kernel.results[0].name

    def arguments(s):
        return s.inputs(), {result: s.h}
    call = kernel.bind(*first.inputs(), out={result: first.h})
    everything = [*first.inputs(), *call.results]
    os.environ.pop("RECUR_SCHEDULE", None)
    chosen = kernel.variant(*everything)
    serial, times = None, {}
    variants = sorted(kernel.gpu_variants, key=lambda v: not v.startswith("serial"))
    for variant in variants:
        os.environ["RECUR_SCHEDULE"] = variant
        try:
            kernel.variant(*everything)
        except recur.RecurError:
            continue
        if "any strides" in variant and variant != chosen:
            continue
        row = bench.row(case, f"{variant[:44]}{' *' if variant == chosen else ''}",
                        bound(kernel, arguments), sets, moved, moved / 4.2e9,
                        check=lambda _: first.error(cell),
                        poison=lambda: first.h.fill_(float("nan")), dtype=dtype, is_ours=True)
        if not row:
            continue
        call = kernel.bind(*first.inputs(), out={result: first.h})
        call()
        torch.cuda.synchronize()
        report = call.report()
        times[variant] = row["ms"]
        if variant.startswith("serial"):
            serial = first.h.clone()
            continue
        row["worst_channel"] = worst_channel(first.h, serial)
        row["report"] = {key: report[key] for key in
                         ("channels", "passes", "finished_in_order", "not_finite", "residual")}
        print(f"    passes {report['passes']}, residual {report['residual']:.1e}, in order "
              f"{report['finished_in_order']} of {report['channels']}, worst channel to serial "
              f"{row['worst_channel']:.1e}", flush=True)
    os.environ.pop("RECUR_SCHEDULE", None)
    best = min(times, key=times.get)
    peer = PARARNN.get(cell, {}).get(shape)
    if dtype == torch.float32 and peer:
        print(f"  ParaRNN {peer} ms: {peer / times[chosen]:.2f}x")
    print(f"  chosen {times[chosen] / times[best]:.2f} of the best: {chosen}", flush=True)


def run_guess(bench, kernel, shape, scale):
    """The chosen schedule by what it is given as a guess."""
    b, t, d = shape
    moved = b * t * d * 20
    number = max(1, min(8, int(3 * L2_BYTES / moved) + 1))
    sets = [Set("paragru", shape, torch.float32, SCALES[scale]) for _ in range(number)]
    for s in sets:
        s.g = torch.full_like(s.h, float("nan"))
    first = sets[0]
    case = {"cell": GUESSED, "shape": list(shape), "weights": scale}
    print(f"{GUESSED} {shape} {scale}")

    def solve(s, weights):
        kernel.bind(s.u, *weights, *s.starts, s.g, out={"h": s.h})()
        torch.cuda.synchronize()

    def arguments(s):
        return (*s.inputs(), s.g), {"h": s.h}

    os.environ["RECUR_SCHEDULE"] = next(v for v in kernel.gpu_variants
                                        if v.startswith("serial"))
    solve(first, first.weights)
    serial = first.h.clone()
    os.environ.pop("RECUR_SCHEDULE")
    call = kernel.bind(*first.inputs(), first.g, out={"h": first.h})
    print(f"  {kernel.variant(*first.inputs(), first.g, *call.results)}")
    for name in ("none", "weights off by 1e-3", "the solution"):
        for s in sets:
            s.g.fill_(float("nan"))
            if name != "none":
                weights = s.weights
                if name != "the solution":
                    weights = [w * (1 + 1e-3 * torch.randn_like(w)) for w in weights]
                solve(s, weights)
                s.g.copy_(s.h)
        bench.row(case, f"guess: {name}", bound(kernel, arguments), sets, moved, moved / 4.2e9,
                  check=lambda _: first.error("paragru"),
                  poison=lambda: first.h.fill_(float("nan")), dtype=torch.float32, is_ours=True)
        call = kernel.bind(*first.inputs(), first.g, out={"h": first.h})
        call()
        torch.cuda.synchronize()
        report = call.report()
        print(f"    passes {report['passes']}, residual {report['residual']:.1e}, in order "
              f"{report['finished_in_order']} of {report['channels']}, worst channel to serial "
              f"{worst_channel(first.h, serial):.1e}", flush=True)


def run_split(bench, kernel, shape):
    b, t, d = shape
    moved = b * t * d * 16
    first = Set("paragru", shape, torch.float32, SCALES["clipped 0.5"])
    keep = torch.full((d,), 0.999, device="cuda")
    first.starts = [keep]
    share = float(np.float32(0.999))

    def check(_):
        channels = [0, d // 2 + 1, d - 1]
        u = first.u[b - 1][:STEPS_IN_F64, :, channels].double().cpu().numpy()
        h = paragru(u, first.weights[0][:, channels].double().cpu().numpy())
        y, out = 0, []
        for now in h:
            y = share * y + (1 - share) * now
            out.append(y)
        return distance(first.h[b - 1][:STEPS_IN_F64, channels].cpu(),
                        torch.from_numpy(np.stack(out)))

    def arguments(s):
        return s.inputs(), {"y": s.h}
    call = kernel.bind(*first.inputs(), out={"y": first.h})
    everything = [*first.inputs(), *call.results]
    os.environ.pop("RECUR_SCHEDULE", None)
    chosen = kernel.variant(*everything)
    print(f"{SPLIT} {shape}")
    serial = None
    for variant in sorted(kernel.gpu_variants, key=lambda v: not v.startswith("serial")):
        if "any strides" in variant and variant != chosen:
            continue
        os.environ["RECUR_SCHEDULE"] = variant
        bench.row({"cell": SPLIT, "shape": list(shape)},
                  f"{variant[:44]}{' *' if variant == chosen else ''}", bound(kernel, arguments),
                  [first], moved, moved / 4.2e9, check=check,
                  poison=lambda: first.h.fill_(float("nan")), dtype=torch.float32, is_ours=True)
        call = kernel.bind(*first.inputs(), out={"y": first.h})
        call()
        torch.cuda.synchronize()
        if variant.startswith("serial"):
            serial = first.h.clone()
            continue
        report = call.report()
        print(f"    passes {report['passes']}, residual {report['residual']:.1e}, in order "
              f"{report['finished_in_order']} of {report['channels']}, worst channel to serial "
              f"{worst_channel(first.h, serial):.1e}", flush=True)
    os.environ.pop("RECUR_SCHEDULE", None)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cases")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--guess", action="store_true")
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("nonlinear.py: error: PyTorch finds no CUDA device")
    torch.manual_seed(1)
    print(torch.cuda.get_device_name())
    bench = Bench()
    if arguments.split:
        kernel = load(arguments.folder, SPLIT)
        for shape in SHAPES:
            if re.search(arguments.cases or "", f"{shape}"):
                run_split(bench, kernel, shape)
                torch.cuda.empty_cache()
        sys.exit(bench.failed)
    if arguments.guess:
        kernel = load(arguments.folder, GUESSED)
        for scale in SCALES:
            for shape in SHAPES:
                if re.search(arguments.cases or "", f"{shape} {scale}"):
                    run_guess(bench, kernel, shape, scale)
                    torch.cuda.empty_cache()
        sys.exit(bench.failed)
    for name in CELLS:
        kernel = load(arguments.folder, name)
        for scale in SCALES:
            for shape in SHAPES:
                if scale != "clipped 0.5" and (arguments.quick or
                                               CELLS[name][1] != torch.float32):
                    continue
                if arguments.cases and not re.search(arguments.cases,
                                                     f"{name} {shape} {scale}"):
                    continue
                run_case(bench, name, kernel, shape, scale)
                torch.cuda.empty_cache()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(bench.rows, indent=1))
    sys.exit(bench.failed)


if __name__ == "__main__":
    main()
