# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How lit finds and runs the tests under test/ that compare printed text.

Every run of recur-opt also checks that the input survives a round trip
through text and bytecode; `--param roundtrip=0` leaves that out.
"""

import os
import shutil

import lit.formats

config.name = "Recur"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".recur", ".test"]
config.excludes = ["Inputs", "unit", "integration", "fuzz", "gpu", "benchmark"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.recur_obj_root, "test")

config.environment["PATH"] = os.pathsep.join(
    [config.recur_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]
)
# The user's ways to find a compiler or a cache stay visible to the tools.
for name in ("HOME", "CCACHE_DIR", "CXX", "CC", "LD_LIBRARY_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

roundtrip = lit_config.params.get("roundtrip", "1") != "0"
config.substitutions += [
    (r"(?<![\w/.-])recur-opt(?![\w.-])",
     "recur-opt --verify-roundtrip" if roundtrip else "recur-opt"),
    ("%specs", os.path.join(config.recur_src_root, "examples", "specs")),
    ("%examples", os.path.join(config.recur_src_root, "examples")),
    ("%include", os.path.join(config.recur_src_root, "runtime", "include")),
    # A driver that runs no kernel.
    ("%fakegpu", os.path.join(config.recur_obj_root, "lib", "librecur_fake_gpu.so")),
    ("%build", config.recur_obj_root),
    ("%python", config.python),
]

if shutil.which("ptxas"):
    config.available_features.add("ptxas")
