#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws how Newton's method converges: the residual against the pass, by the steps C of a segment.

Usage: convergence.py [SVG] [--steps T] [--channels N] [--passes P]

ParaGRU (examples/specs/paragru.recur) in f64, by NumPy: all of time is cut into segments of
C = 1, 16, 64 and 256 steps, whose entries start at zero and are corrected at once, as the kernels
do. The residual is the largest gap between an exit and the entry behind it, relative to the
largest state of the channel. Prints after how many corrections it is below 1e-5 (median, 90 % and
worst of the channels; - where some have not met) and writes the plot of the worst and the median
channel.
"""

import argparse

import numpy as np

SEGMENTS = (1, 16, 64, 256)
SCALES = {"clipped to 0.5": lambda a: a.clip(-0.5, 0.5), "N(0,1)": lambda a: a,
          "N(0,2)": lambda a: 2 * a}
COLOURS = {1: "#c0392b", 16: "#d68910", 64: "#1e8449", 256: "#2471a3"}
FLOOR = 1e-16


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(h, u, a):
    """The next state and its derivative."""
    z, r = sigmoid(a[0] * h + u[0]), sigmoid(a[1] * h + u[1])
    c = np.tanh(a[2] * h * r + u[2])
    slope = (1 - z) + (c - h) * z * (1 - z) * a[0] + \
        z * (1 - c * c) * a[2] * (r + h * r * (1 - r) * a[1])
    return (1 - z) * h + z * c, slope


def solve(u, a, segment, passes):
    """Residuals of every pass, by channel; u is [t, gate, channel]."""
    count = len(u) // segment
    u = u.reshape(count, segment, 3, -1).transpose(1, 2, 0, 3)
    entry = np.zeros((count, u.shape[-1]))
    residuals = []
    for _ in range(passes):
        exit, slope = entry, np.ones_like(entry)
        for now in u:
            exit, factor = step(exit, now, a)
            slope = slope * factor
        arriving = np.concatenate([np.zeros((1, entry.shape[1])), exit[:-1]])
        gap = np.abs(arriving - entry)
        residuals.append(gap.max(axis=0) / np.abs(exit).max(axis=0))
        added, corrected = np.zeros(entry.shape[1]), []
        for k in range(count):
            new = arriving[k] + added
            new = np.where(np.isfinite(new), new, arriving[k])
            corrected.append(new)
            added = slope[k] * (new - entry[k])
        entry = np.stack(corrected)
    return np.stack(residuals)


def line(values, left, top, width, height, passes, style):
    points = []
    for i, value in enumerate(values):
        depth = np.log10(np.clip(value, FLOOR, 10)) - 1
        points.append(f"{left + width * i / (passes - 1):.1f},"
                      f"{top - height * depth / 17:.1f}")
    return f'<polyline points="{" ".join(points)}" fill="none" {style}/>'


def draw(path, results, passes):
    width, height = 260, 220
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{3 * width + 160}" '
             f'height="{height + 90}" font-family="sans-serif" font-size="11">']
    for panel, (scale, by_segment) in enumerate(results.items()):
        left, top = 50 + panel * (width + 30), 30
        parts.append(f'<text x="{left}" y="18">weights {scale}</text>')
        parts.append(f'<rect x="{left}" y="{top}" width="{width}" height="{height}" '
                     'fill="none" stroke="#888"/>')
        for power in range(0, 17, 4):
            y = top + height * (power + 1) / 17
            parts.append(f'<text x="{left - 34}" y="{y + 4:.1f}">1e-{power}</text>')
        parts.append(f'<text x="{left + width / 2 - 20}" y="{top + height + 18}">pass, 1 to '
                     f'{passes}</text>')
        for segment, residuals in by_segment.items():
            colour = f'stroke="{COLOURS[segment]}"'
            parts.append(line(residuals.max(axis=1), left, top, width, height, passes,
                              f'{colour} stroke-width="2"'))
            parts.append(line(np.median(residuals, axis=1), left, top, width, height, passes,
                              f'{colour} stroke-dasharray="4 3"'))
    for i, segment in enumerate(SEGMENTS):
        x, y = 50 + i * 150, height + 75
        parts.append(f'<text x="{x}" y="{y}" fill="{COLOURS[segment]}">C = {segment}: worst '
                     'channel, -- median</text>')
    parts.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("svg", nargs="?")
    parser.add_argument("--steps", type=int, default=4096)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--passes", type=int, default=16)
    arguments = parser.parse_args()
    if arguments.steps % SEGMENTS[-1] or arguments.passes < 2:
        parser.error("expected steps that 256 divides and at least 2 passes")
    random = np.random.default_rng(1)
    u = random.standard_normal((arguments.steps, 3, arguments.channels))
    weights = random.standard_normal((3, arguments.channels))
    results = {}
    np.seterr(over="ignore", invalid="ignore")  # where Newton's method goes astray
    print("weights          C   corrections until 1e-5: median, 90 %, worst; channels that do not "
          "meet")
    for scale, change in SCALES.items():
        results[scale] = {}
        for segment in SEGMENTS:
            residuals = solve(u, change(weights), segment, arguments.passes)
            results[scale][segment] = residuals
            met = residuals < 1e-5
            first = np.where(met.any(axis=0), met.argmax(axis=0), np.inf)
            cells = [f"{value:4.0f}" if np.isfinite(value) else "   -"
                     for value in (np.median(first), np.quantile(first, 0.9, method="higher"),
                                   first.max())]
            print(f"{scale:15} {segment:3} {' '.join(cells)}   {np.isinf(first).sum()}")
    if arguments.svg:
        draw(arguments.svg, results, arguments.passes)


if __name__ == "__main__":
    main()
