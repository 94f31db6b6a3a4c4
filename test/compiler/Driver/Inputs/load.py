# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""load.py LIBRARY NAME...: loads a library and asks for each description."""

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
for name in sys.argv[2:]:
    info = getattr(library, name + "_info")
    info.restype = ctypes.POINTER(ctypes.c_int32)
    assert info()[0] == 5, "ABI version"
