#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws the roofline picture of what `recur-bench --json FILE` wrote.

Usage: roofline.py FILE.json PICTURE.png

Each case is a point: operations for each byte that it must move, and
operations a second, where a function such as exp counts as one. The slope is
the streaming loop's bandwidth and the flat roof what fused multiply-adds reach,
of the same run with as many threads.
"""

import json
import sys


def fail(message):
    sys.exit(f"roofline.py: error: {message}")


def read_cases(path):
    try:
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)["cases"]
    except OSError as error:
        fail(f"cannot read '{path}': {error.strerror}")
    except (ValueError, KeyError, TypeError):
        fail(f"'{path}' is not what recur-bench --json writes")
    return cases


def main():
    if len(sys.argv) != 3:
        fail("expected two arguments, FILE.json and PICTURE.png")
    cases = read_cases(sys.argv[1])
    points = [c for c in cases
              if c.get("operations") and c["gbs"] and c["name"] != "peak"]
    if not points:
        fail(f"'{sys.argv[1]}' has no case with operations and bytes")
    try:
        import matplotlib
    except ImportError:
        fail("matplotlib is not installed; on Debian: apt-get install python3-matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6))
    # Bytes are GB/s times ms, in millions; operations a ms in millions: G/s.
    intensity = lambda c: c["operations"] / (c["gbs"] * c["ms"] * 1e6)
    speed = lambda c: c["operations"] / c["ms"] / 1e6
    left = min(map(intensity, points)) / 3
    right = max(map(intensity, points)) * 10
    for style, threads in zip(("-", "--", ":"), sorted({c["threads"] for c in points}, reverse=True)):
        bandwidths = [c["gbs"] for c in cases
                      if c["name"] == "streaming" and c["threads"] == threads]
        peaks = [speed(c) for c in cases
                 if c["name"] == "peak" and c["threads"] == threads]
        if not bandwidths:
            continue
        bandwidth = max(bandwidths)
        peak = max(peaks, default=bandwidth * right)
        ridge = min(peak / bandwidth, right)
        axes.plot([left, ridge, right], [bandwidth * left, bandwidth * ridge, min(peak, bandwidth * right)],
                  style, color="black", linewidth=1,
                  label=f"{threads} threads: {bandwidth:.1f} GB/s, {peak:.0f} Gop/s")
    for number, case in enumerate(points):
        axes.plot(intensity(case), speed(case), marker="os^Dv<>*"[number // 10 % 8],
                  color=f"C{number % 10}", linestyle="none",
                  label=f"{case['name']} {case['shape']} {case['dtype']} "
                        f"{case['layout']}, {case['threads']} threads")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations for each byte")
    axes.set_ylabel("operations a second, in billions")
    axes.legend(fontsize="x-small")
    axes.grid(True, which="both", linewidth=0.3)
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=150)


main()
