#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes the examples' .npy files from recordings, time series and numbers, and
prints .npy files as columns. Needs nothing but Python.

    npy.py wav SOUND.wav OUT.npy            samples in [-1, 1) as [channel, time]
    npy.py gretl DATA.gdt OUT.npy           a gretl time series as [variable, time]
    npy.py values OUT.npy SHAPE NUMBER...   numbers, e.g. SHAPE 2,3; 'x' is rank 0
    npy.py normal OUT.npy SHAPE SEED MEAN DEVIATION   random numbers
    npy.py butterworth B.npy A.npy CUTOFF RATE   a low pass of order 4 in two sections
    npy.py cascade IN.npy B.npy A.npy OUT.npy    filters IN in plain loops, prints OUT's error
    npy.py columns FILE.npy...              one line an element, one column a file
"""

import array
import ast
import gzip
import math
import random
import sys
import wave
import xml.etree.ElementTree

TYPES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|i1": "b"}


def write(path, shape, values):
    """Writes float32 in row-major order, format version 1.0."""
    data = array.array("f", values)
    if len(data) != math.prod(shape):
        sys.exit(f"error: {path}: expected {math.prod(shape)} numbers, found {len(data)}")
    if sys.byteorder == "big":
        data.byteswap()
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little"))
        file.write(header.encode() + data.tobytes())


def read(path):
    """The numbers of a file in the order of its memory."""
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            sys.exit(f"error: {path}: not a .npy file")
        major = file.read(2)[0]
        size = int.from_bytes(file.read(2 if major == 1 else 4), "little")
        header = ast.literal_eval(file.read(size).decode())
        if header["descr"] not in TYPES:
            sys.exit(f"error: {path}: cannot print the type {header['descr']}")
        data = array.array(TYPES[header["descr"]], file.read())
    if sys.byteorder == "big":
        data.byteswap()
    return data


def shape(text):
    return [] if text == "x" else [int(size) for size in text.split(",")]


def wav(source, path):
    with wave.open(source) as sound:
        channels, width, rate, frames = sound.getparams()[:4]
        if width != 2:
            sys.exit(f"error: {source}: expected 16-bit samples, found {8 * width}-bit ones")
        samples = array.array("h", sound.readframes(frames))
    if sys.byteorder == "big":
        samples.byteswap()
    write(path, (channels, frames),
          (samples[t * channels + c] / 32768 for c in range(channels) for t in range(frames)))
    print(f"{path}: {channels} channel(s), {frames} samples at {rate} Hz")


def gretl(source, path):
    tree = xml.etree.ElementTree.parse(gzip.open(source)).getroot()
    variables = tree.find("variables").findall("variable")
    rows = [[float(x) for x in obs.text.split()]
            for obs in tree.find("observations").findall("obs")]
    write(path, (len(variables), len(rows)), (x for row in zip(*rows) for x in row))
    print(f"{path}: {variables[0].get('label')}, {tree.get('startobs')} to {tree.get('endobs')}")


def normal(path, sizes, seed, mean, deviation):
    """Numbers of a normal distribution, the same for the same seed."""
    generator = random.Random(int(seed))
    write(path, shape(sizes), (generator.gauss(float(mean), float(deviation))
                               for _ in range(math.prod(shape(sizes)))))


def butterworth(b, a, cutoff, rate):
    """The poles of order 4 in conjugate pairs, by the bilinear transform."""
    k = math.tan(math.pi * float(cutoff) / float(rate))
    forward, back = [], []
    for pair in (1, 3):
        damping = 2 * math.cos(pair * math.pi / 8) * k
        scale = 1 / (1 + damping + k * k)
        forward += [k * k * scale, 2 * k * k * scale, k * k * scale]
        back += [2 * (k * k - 1) * scale, (1 - damping + k * k) * scale]
    write(b, [2, 3], forward)
    write(a, [2, 2], back)


def cascade(source, b, a, result):
    """Sections of order 2 one after the other, in f64 and with nothing of Recur."""
    signal, b, a, found = list(read(source)), read(b), read(a), read(result)
    for section in range(len(a) // 2):
        b0, b1, b2 = b[3 * section:3 * section + 3]
        a1, a2 = a[2 * section:2 * section + 2]
        x1 = x2 = y1 = y2 = 0.0
        for t, x in enumerate(signal):
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            x1, x2, y1, y2 = x, x1, y, y1
            signal[t] = y
    norm = math.sqrt(sum(y * y for y in signal))
    error = math.dist(signal, found) / norm
    print(f"{result}: relative error {error:.1e} against plain loops")
    if not error <= 1e-5:
        sys.exit("error: expected at most 1e-5")


def columns(*paths):
    for row in zip(*map(read, paths)):
        print(*row)


COMMANDS = {
    "wav": wav,
    "gretl": gretl,
    "values": lambda path, sizes, *numbers: write(path, shape(sizes), map(float, numbers)),
    "normal": normal,
    "butterworth": butterworth,
    "cascade": cascade,
    "columns": columns,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
