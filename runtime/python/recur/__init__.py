# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls compiled recurrences on the arrays of NumPy, PyTorch, JAX and others.

    recurc smooth.recur --target cpu --target sm_90a -o smooth.so

    import recur
    smooth = recur.load("smooth.so")["smooth"]
    y, h_last = smooth(x, a)              # results are made beside the arguments
    smooth(x, a, out={"y": y})            # or written where they shall be
    call = smooth.bind(x, a)              # to be made often: call(); call.results

Needs nothing but Python; an array is anything with `__array_interface__`
(NumPy) or `__dlpack__` (PyTorch, JAX, CuPy, ...), on the CPU or on a CUDA
device. On a device the call only puts work into a stream: PyTorch's current
one for tensors of PyTorch, else the one that is given.
"""

from ._library import Argument, Call, Library, Recurrence, load
from ._abi import RecurError

__all__ = ["Argument", "Call", "Library", "RecurError", "Recurrence", "load"]
