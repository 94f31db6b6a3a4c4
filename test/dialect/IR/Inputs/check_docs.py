# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that every op and attribute defined in TableGen has its section, and
every numbered constraint its line, in the generated reference, and that a test
breaks each constraint.

    check_docs.py FOLDER_OF_TD_FILES REFERENCE.md FOLDER_OF_TESTS
"""

import pathlib
import re
import sys

sources, reference, tests = map(pathlib.Path, sys.argv[1:])
definitions = "".join(path.read_text() for path in sorted(sources.glob("*.td")))
text = reference.read_text()
broken = "".join(path.read_text() for path in tests.glob("constraints-*.mlir"))
broken += (sources / "../../test/unit/Dialect/AttributesTest.cpp").read_text()

ops = re.findall(r'^def Recur_\w+Op : Recur_\w+<\s*"(\w+)"', definitions, re.M)
attributes = re.findall(r'^def Recur_\w+Attr : Recur_Attr<"(\w+)"', definitions, re.M)
constraints = set(re.findall(r"\(([A-Z]\d+)\)", definitions))
# What a number stands for in a scan or newton is listed where it is defined.
defined = set(re.findall(r"^\s*- \(([A-Z]\d+)\)|Constraints: \(([A-Z]\d+)\)|;\s+\(([A-Z]\d+)\)",
                         definitions, re.M))
defined = {number for match in defined for number in match if number}

missing = [f"no section on recur.{op}" for op in ops if f"### `recur.{op}`" not in text]
missing += [f"no section on {name}Attr" for name in attributes if f"### {name}Attr" not in text]
missing += [f"({number}) is used but not defined" for number in sorted(constraints - defined)]
missing += [f"({number}) is not in the reference" for number in sorted(defined)
            if f"({number})" not in text]
missing += [f"no test breaks ({number})" for number in sorted(defined)
            if f"// ({number}) " not in broken]
print(f"{len(ops)} ops, {len(attributes)} attributes, {len(defined)} constraints")
print("\n".join(missing) or "complete")
sys.exit(bool(missing))
