# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs every example spec on random data, with --check.

specs.py RECURC NPY_PY SPECS_FOLDER WORK_FOLDER

What recurc's compiler refuses must be refused with a reason at a place in the
spec, and must run in the interpreter.
"""

import os
import re
import subprocess
import sys

recurc, npy, specs, work = sys.argv[1:]
# Sizes that no tile divides; specs that say more about a dim have it static.
SIZES = {"b": 3, "t": 97, "d": 33, "n": 5, "c": 3, "h": 4, "s": 4, "g": 2, "p": 3}
FILES = {"f64": "<f8", "f32": "<f4", "f16": "<f2", "bf16": "<f4", "i8": "|i1",
         "i32": "<i4", "i64": "<i8", "bool": "|b1",
         "complex<f32>": "<c8", "complex<f64>": "<c16"}


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def arguments(ir):
    """Name, type and dims of every argument of the one function."""
    head = ir[ir.index("func.func"):]
    head = head[:head.index(") -> (")]
    for match in re.finditer(
            r'tensor<([^>]*(?:<[^>]*>)?[^>]*)> \{([^}]*)\}', head):
        attributes = match.group(2)
        name = re.search(r'recur\.name = "(\w+)"', attributes).group(1)
        dims = re.findall(r'"(\w+)"', re.search(
            r"recur\.dims = \[([^\]]*)\]", attributes).group(1))
        parts = re.match(r"((?:(?:\?|\d+)x)*)(.*)", match.group(1))
        static = [size for size in parts.group(1).split("x") if size]
        yield name, parts.group(2), dims, static


def check(spec):
    name = os.path.basename(spec)[:-len(".recur")]
    code, ir = run(recurc, spec, "--emit", "recur")
    if code:
        return ir
    flags = []
    for argument, element, dims, static in arguments(ir):
        kind = {"i1": "bool"}.get(element, element)
        if kind not in FILES:
            return "no files of type " + kind
        path = os.path.join(work, name + "." + argument + ".npy")
        shape = [SIZES.get(dim, 7) if size == "?" else int(size)
                 for dim, size in zip(dims, static)]
        text = "x".join(map(str, shape)) or "-"
        if "segments" in ir and kind in ("i32", "i64") and len(shape) == 1:
            # Four sequences of 97 steps in all, one of them empty.
            subprocess.check_call([sys.executable, npy, "values", path, FILES[kind],
                                   "5", "0", "13", "13", "64", "97"])
        else:
            # A is the generator of a decay in every spec that has one.
            low, high = ("-0.95", "-0.05") if argument == "A" else ("0.05", "0.95")
            subprocess.check_call([sys.executable, npy, "random", path, FILES[kind],
                                   text, low, high])
        flags += ["--in", argument + "=" + path]
    code, text = run(recurc, "run", spec, "--check", *flags)
    if code == 0:
        return None if "check: " in text else "nothing was checked"
    if not re.search(r"\.recur:\d+:\d+: error: ", text):
        return text
    print("  refused: " + text.split("error: ")[1].splitlines()[0])
    code, text = run(recurc, "run", spec, "--target", "interpreter", *flags)
    return text if code else None


failed = 0
os.makedirs(work, exist_ok=True)
for file in sorted(os.listdir(specs)):
    if not file.endswith(".recur"):
        continue
    print(file, flush=True)
    problem = check(os.path.join(specs, file))
    if problem:
        failed += 1
        print("  FAILED: " + problem)
sys.exit(1 if failed else 0)
