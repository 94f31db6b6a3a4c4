# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes and shows small .npy files without NumPy.

npy.py random FILE DTYPE SHAPE [LOW HIGH]   uniform numbers, SHAPE as 2x50x3 or -
npy.py values FILE DTYPE SHAPE VALUE...
npy.py show FILE                            dtype, shape, values
"""

import random
import struct
import sys

CODES = {"<f2": "e", "<f4": "f", "<f8": "d", "|i1": "b", "<i4": "i", "<i8": "q",
         "|b1": "?", "<c8": "f", "<c16": "d"}


def parseShape(text):
    return [] if text == "-" else [int(size) for size in text.split("x")]


def write(path, dtype, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (
        dtype, "".join("%d, " % size for size in shape))
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode())
        file.write(struct.pack("<%d%s" % (len(values), CODES[dtype]), *values))


def show(path):
    data = open(path, "rb").read()
    length = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + length].decode())
    code = CODES[header["descr"]]
    body = data[10 + length:]
    values = struct.unpack("<%d%s" % (len(body) // struct.calcsize(code), code),
                           body)
    print(header["descr"], list(header["shape"]), " ".join("%g" % v for v in values))


def main(command, path, *rest):
    if command == "show":
        return show(path)
    dtype, shape = rest[0], parseShape(rest[1])
    count = 1
    for size in shape:
        count *= size
    if "c" in dtype:
        count *= 2  # real and imaginary parts in turn
    if command == "values":
        values = [float(text) for text in rest[2:]]
        assert len(values) == count
    else:
        low, high = (float(text) for text in rest[2:4]) if rest[2:] else (0, 1)
        generator = random.Random(path.rsplit("/", 1)[-1])
        values = [generator.uniform(low, high) for _ in range(count)]
    if CODES[dtype] not in "efd":
        values = [int(value) for value in values]
    write(path, dtype, shape, values)


main(*sys.argv[1:])
