# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes examples/specs/README.md: what becomes of every example spec.

    gallery.py RECURC               rewrites the page, errors on the CPU included
    gallery.py RECURC --emulator X  and errors of the GPU kernels in recur-emulate
    gallery.py RECURC --cuda NAME   or on the CUDA device of that name
    gallery.py RECURC --check       fails if the page is not what the specs say

--only SPEC,... measures these alone, --only none nothing. Errors that are not measured again stay as
they are on the page, and --check does not compare them, which depend on the machine: it only wants
all columns measured.
Needs nothing but Python.
"""

import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

SPECS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "specs")
PAGE = os.path.join(SPECS, "README.md")
TARGETS = ["--target", "x86-64-v3", "--target", "sm_90a"]
# Sizes that no tile divides.
SIZES = {"other": 7, "b": 3, "t": 997, "d": 33, "n": 5, "c": 3, "h": 4, "s": 4, "g": 2,
         "p": 3}
# And sizes for the emulator, which the vectors of the first choices divide but
# no tile of threads does.
EMULATED = {"other": 8, "b": 4, "t": 520, "d": 40, "n": 8, "c": 4, "h": 4, "s": 4,
            "g": 2, "p": 8}
# What keeps states from growing, or is a condition of the paper; others are
# between 0.05 and 0.95.
RANGES = {
    "A": (-0.95, -0.05), "Lambda": (-0.9, -0.1), "Abar": (-0.25, 0.25),
    "hmm_forward.A": (-3, -0.5), "viterbi.A": (-3, -0.5),
    "butterworth.a": (-0.4, 0.4), "biquad.feedback": (-0.4, 0.4),
    "heinsen.log_a": (-0.9, -0.1), "rotation.A": (-0.6, 0.6),
    "rts_smoother2.G": (-0.4, 0.4), "line_of_sight.distance": (1, 2),
    "holt_winters.alpha": (0.1, 0.3), "holt_winters.beta": (0.1, 0.3),
    "holt_winters.gamma": (0.1, 0.3), "holt_winters.x": (-1, 1), "kalman2.p12": (0, 0.05),
    "kalman2.F": (0.1, 0.5), "cusum.target": (0.1, 0.3), "cusum.slack": (0.05, 0.15),
    "logistic_map.r": (1.5, 2.9),
}
FLAGS = ("bit", "done", "flag", "last")  # 0 or 1
FILES = {"f64": "<f8", "f32": "<f4", "bf16": "<f4", "f16": "<f2", "i8": "|i1",
         "i32": "<i4", "i64": "<i8", "i1": "|b1",
         "complex<f32>": "<c8", "complex<f64>": "<c16"}
CODES = {"<f2": "e", "<f4": "f", "<f8": "d", "|i1": "b", "<i4": "i", "<i8": "q",
         "|b1": "?", "<c8": "f", "<c16": "d"}
HEAD = """# Example specs

Written by [gallery.py](../gallery.py); do not edit. Each spec cites its paper.

- *Recognised* is what the compiler found in the step; *schedules* are its first choices for `x86-64-v3` and `sm_90a`.
- *Bytes* and *operations* are those of one more step with every open size 1, inputs and results in the dtypes of the
  spec; special functions (exp, log, sqrt, divisions of the transition) stand behind the plus.
- *Errors* are the largest relative ones of all results, norm-wise, against the interpreter in f64, as the spec stands and
  with what varies over time stored in bf16; on the GPU the worst of the first choice and whatever other schedules take
  the same tensors. GPU: %s.

| spec | paper | recognised | CPU | GPU | bytes | operations | f32, CPU | bf16, CPU | f32, GPU | bf16, GPU |
|---|---|---|---|---|---|---|---|---|---|---|
"""


failures = []  # names of specs that could not be measured


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def writeNpy(path, dtype, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (
        dtype, "".join("%d, " % size for size in shape))
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode())
        file.write(struct.pack("<%d%s" % (len(values), CODES[dtype]), *values))


def readArguments(ir):
    """Name, element type, dims and sizes of every argument; -1: open."""
    head = ir[ir.index("func.func"):]
    head = head[:head.index(") -> (")]
    for match in re.finditer(r"tensor<([^>]*(?:<[^>]*>)?[^>]*)> \{([^}]*)\}", head):
        name = re.search(r'recur\.name = "(\w+)"', match.group(2)).group(1)
        dims = re.findall(r'"(\w+)"', re.search(
            r"recur\.dims = \[([^\]]*)\]", match.group(2)).group(1))
        shape, element = re.match(r"((?:(?:\?|\d+)x)*)(.*)", match.group(1)).groups()
        sizes = [-1 if size == "?" else int(size) for size in shape.split("x") if size]
        yield name, element, dims, sizes


def inBf16(text):
    """The spec with what varies over time, histories included, in bf16."""
    match = re.search(r"(recurrence\s+\w+\s+over\s+(\w+)[^(]*\()([^)]*)(\)\s*->\s*\()"
                      r"((?:[^()]|\([^()]*\))*)\)", text)
    time, past = match.group(2), set(re.findall(r"history\s+\w+\s*=\s*(\w+)", text))

    def store(part):
        def change(found):
            name, indices, dtype = found.groups()
            varies = time in re.findall(r"\w+", indices) or name in past
            return "%s[%s]%s" % (name, indices, ": bf16" if varies and not dtype
                                 else dtype or "")
        return re.sub(r"(\w+)\[([^\]]*)\](\s*:\s*\w+)?", change, part)

    return (text[:match.start()] + match.group(1) + store(match.group(3)) +
            match.group(4) + store(match.group(5)) + ")" + text[match.end():])


class Spec:
    def __init__(self, recurc, name):
        self.recurc, self.name = recurc, name
        self.path = os.path.join(SPECS, name + ".recur")
        with open(self.path) as file:
            self.text = file.read()

    def explain(self, steps):
        dims = self.openDims()
        for _ in range(2):
            sizes = ",".join("%s=%d" % (dim, steps if dim == "t" else 1)
                             for dim in dims)
            code, text = run(self.recurc, self.path, "--explain", "--size", sizes,
                             *TARGETS)
            # An index of an argument need not be one of the step.
            known = re.search(r"expected one of the indices (.*)", text)
            if not known:
                break
            dims = [dim for dim in dims if dim in known.group(1).split(", ")]
        return code, text

    def openDims(self):
        code, ir = run(self.recurc, self.path, "--emit", "recur")
        if code:
            sys.exit(ir)
        dims = {}
        for _, _, names, sizes in readArguments(ir):
            dims.update((dim, size) for dim, size in zip(names, sizes))
        return sorted(dim for dim, size in dims.items() if size < 0)

    def describe(self):
        """The columns that are the same on every machine."""
        comment = " ".join(line.lstrip("# ") for line in
                           self.text.split("\n\n")[0].splitlines()
                           if line.startswith("#"))
        dated = re.match(r"([^\"]{0,80}?\b(?:1[89]|20)\d\d)\b", comment)
        paper = (dated.group(1).split("(")[-1] if dated
                 else re.split(r"[,:]", comment)[0])
        code, text = self.explain(1)
        if code:
            reason = re.search(r"error: (.*)", text).group(1)
            return [paper, "no scan: " + reason, "-", "-", "-", "-"]
        found = re.search(r"recognised: (.*)", text).group(1)
        schedules = []
        for target in ("x86-64-v3", "sm_90a"):
            line = re.search(target + r": (.*?)  <- preferred", text)
            schedules.append(line.group(1).replace(", unit stride there", "")
                             if line else "-")
        counts = []
        for steps in (0, 1):
            total = re.search(r"reads (\d+) B, writes (\d+) B, (\d+) arithmetic "
                              r"and (\d+) special", self.explain(steps)[1])
            counts.append([int(number) for number in total.groups()])
        reads, writes, plain, special = (b - a for a, b in zip(*counts))
        work = "%d + %d" % (plain, special) if special else str(plain)
        return [paper, found] + schedules + [str(reads + writes), work]

    def range(self, argument):
        return RANGES.get(self.name + "." + argument,
                          RANGES.get(argument, (0.05, 0.95)))

    def write(self, folder, narrow):
        path = os.path.join(folder, self.name + ".recur")
        with open(path, "w") as file:
            file.write(inBf16(self.text) if narrow else self.text)
        return path

    def makeInputs(self, folder, ir, sizes):
        """Flags that name a file of random numbers for every argument."""
        flags = []
        for name, element, dims, static in readArguments(ir):
            shape = [sizes.get(dim, sizes["other"]) if size < 0 else size
                     for dim, size in zip(dims, static)]
            count = 2 if "complex" in element else 1
            for size in shape:
                count *= size
            low, high = self.range(name)
            generator = random.Random(name)
            values = [generator.uniform(low, high) for _ in range(count)]
            if "segments" in ir and element in ("i32", "i64") and len(dims) == 1:
                values = [0, 13, 13, sizes["t"] * 2 // 3, sizes["t"]]
                shape = [len(values)]
            elif name in FLAGS:
                values = [int(value > 0.9) for value in values]
            elif FILES[element] in ("|b1", "|i1", "<i4", "<i8"):
                values = [int(value + 0.5) for value in values]
            file = os.path.join(folder, name + ".npy")
            writeNpy(file, FILES[element], shape, values)
            flags += ["--in", name + "=" + file]
        return flags

    def measure(self, folder, narrow, options):
        """The worst error of a run of the compiled spec."""
        path = self.write(folder, narrow)
        code, ir = run(self.recurc, path, "--emit", "recur")
        if code:
            sys.exit(ir)
        code, text = run(self.recurc, "run", path, "--check",
                         *self.makeInputs(folder, ir, SIZES), *options)
        return self.worst(text, r"relative error ([^\s,]+)", code)

    def emulate(self, folder, narrow, emulator, lanes):
        """The same of all schedules for the GPU that take tensors whose rows
        are along `lanes`, as the first choice wants it."""
        path = self.write(folder, narrow)
        code, ir = run(self.recurc, path, "--emit", "recur")
        flags = ["%s=%d" % (dim, EMULATED.get(dim, EMULATED["other"]))
                 for dim in self.openDims()]
        code, text = run(emulator, path, "--innermost", lanes, *flags,
                         *self.makeInputs(folder, ir, EMULATED))
        if re.search(r"\n0 .*does not apply", text):
            code = 1  # the first choice has to be among them
        return self.worst(text, r"\w+ (\d\.\d\de[-+]\d+|-?nan)  ", code)

    def worst(self, text, pattern, code):
        errors = [float(number) for number in re.findall(pattern, text)]
        if code or not errors or any(error != error for error in errors):
            print("%s: %s" % (self.name, text), flush=True)
            failures.append(self.name)
            return "-"
        return "%.0e" % max(errors) if max(errors) > 0 else "0"


def readPage():
    """The measured columns of every spec, and how the GPU's were measured."""
    rows, gpu = {}, "not measured"
    if os.path.exists(PAGE):
        with open(PAGE) as file:
            for line in file:
                cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
                name = re.match(r"\[(\w+)\]", cells[0].lstrip("| "))
                if name and len(cells) == 11:
                    rows[name.group(1)] = cells[7:]
                if "GPU: " in line:
                    gpu = line.strip().split("GPU: ")[1].rstrip(".")
    return rows, gpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recurc")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--emulator")
    parser.add_argument("--cuda")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    known, gpu = readPage()
    if options.emulator:
        gpu = "the kernels of `sm_90a` in the emulator"
    if options.cuda:
        gpu = options.cuda
    names = sorted(file[:-6] for file in os.listdir(SPECS) if file.endswith(".recur"))
    only = options.only.split(",") if options.only else names
    lines, unmeasured = [], []
    for name in names:
        spec = Spec(options.recurc, name)
        cells = spec.describe()
        errors = known.get(name, ["-"] * 4)
        if cells[2] != "-" and not options.check and name in only:
            with tempfile.TemporaryDirectory() as folder:
                for narrow in (False, True):
                    errors[narrow] = spec.measure(folder, narrow, ["--target", "cpu"])
                    if options.emulator:
                        lanes = re.search(r"(?:along|each) (\w+)", cells[3])
                        errors[2 + narrow] = spec.emulate(
                            folder, narrow, options.emulator, lanes.group(1))
                    if options.cuda:
                        errors[2 + narrow] = spec.measure(folder, narrow,
                                                          ["--target", "cuda"])
            print(name, *errors, flush=True)
        if cells[2] != "-" and "-" in errors:
            unmeasured.append(name)
        lines.append("| [%s](%s.recur) | %s |\n" % (
            name, name, " | ".join(cell.replace("|", "\\|")
                                   for cell in cells + errors)))
    text = HEAD % gpu + "".join(lines)
    if options.check:
        with open(PAGE) as file:
            found = file.read()
        if found != text:
            for old, new in zip(found.splitlines(), text.splitlines()):
                if old != new:
                    print("found    " + old + "\nexpected " + new)
            sys.exit("examples/specs/README.md is not what the specs say; run "
                     "examples/gallery.py")
        if unmeasured:
            sys.exit("errors that nobody has measured: " + ", ".join(unmeasured))
        return
    with open(PAGE, "w") as file:
        file.write(text)
    if failures:
        sys.exit("failed: " + ", ".join(failures))


if __name__ == "__main__":
    main()
