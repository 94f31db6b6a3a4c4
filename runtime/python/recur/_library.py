# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Shared libraries that recurc has made, and the recurrences in them."""

import collections
import ctypes
import os
import threading

from . import _abi, _arrays
from ._abi import RecurError

#: One argument of a recurrence: its name, role (input, segments, initial, result,
#: final), dtype as in the spec, and the names of its dims.
Argument = collections.namedtuple("Argument", "name role dtype dims")


def load(path):
    """Opens a shared library that recurc has made with -o PATH.so."""
    return Library(path)


class Library:
    """A shared library; its recurrences by name: `library["smooth"]`."""

    def __init__(self, path):
        self.path = os.path.abspath(os.fspath(path))
        try:
            self._handle = ctypes.CDLL(self.path)
        except OSError as error:
            raise RecurError(f"cannot load '{path}': {error}") from None
        try:
            _abi.declare(self._handle)
        except AttributeError:
            raise RecurError(f"'{path}' is not linked with Recur's runtime; expected a library "
                             "that recurc has made") from None
        self._found = {}

    def __getitem__(self, name):
        if name not in self._found:
            try:
                function = getattr(self._handle, f"{name}_info")
            except AttributeError:
                raise RecurError(f"'{self.path}' has no recurrence '{name}'") from None
            function.restype = ctypes.POINTER(_abi.Info)
            self._found[name] = Recurrence(self, function())
        return self._found[name]

    def __repr__(self):
        return f"<recur.Library {self.path}>"


class Recurrence:
    """One compiled recurrence.

    `arguments` describes all arguments in the order of the C function; those that are
    read come first in a call, in that order, or by name.
    """

    def __init__(self, library, pointer):
        info = pointer.contents
        if info.abi_version != _abi.ABI_VERSION:
            raise RecurError(f"'{library.path}' has version {info.abi_version} of Recur's ABI, "
                             f"expected {_abi.ABI_VERSION}")
        self._library = library  # the code lives as long as this object
        self._handle = library._handle
        self._info = pointer
        self.name = info.name.decode()
        self.targets = info.targets.decode().split(",")
        dims = [info.dims[k] for k in range(info.n_dims)]
        self.dims = {dim.name.decode(): None if dim.size < 0 else dim.size for dim in dims}
        names = list(self.dims)
        self.arguments = []
        for k in range(info.n_arguments):
            argument = info.arguments[k]
            self.arguments.append(Argument(
                argument.name.decode(), _abi.ROLES[argument.role],
                _arrays.dtype_name(argument.dtype),
                tuple(names[argument.dims[axis]] for axis in range(argument.rank))))
        self.inputs = [a for a in self.arguments if a.role not in ("result", "final")]
        self.results = [a for a in self.arguments if a.role in ("result", "final")]
        self.gpu_variants = list(dict.fromkeys(
            info.gpu_variants[k].name.decode() for k in range(info.n_gpu_variants)))
        self._workspaces = {}
        self._lock = threading.Lock()

    def __repr__(self):
        def show(argument):
            return f"{argument.name}[{','.join(argument.dims)}]: {argument.dtype}"
        return (f"<recur.Recurrence {self.name}({', '.join(map(show, self.inputs))}) -> "
                f"({', '.join(map(show, self.results))})>")

    def __call__(self, *inputs, out=None, stream=None, workspace=None, **named):
        """Computes the results, a tuple of them (one alone is returned as it is).

        `out` maps names of results to arrays to write; the others are made by the library
        of the first argument. `stream` is a CUDA stream as a number; by default PyTorch's or
        CuPy's current one. Arrays of other libraries on a device are computed on the
        legacy stream, which is waited for. `workspace` is an array of bytes on the device; by
        default one is kept for each device and stream.
        """
        call = self.bind(*inputs, out=out, stream=stream, workspace=workspace, **named)
        call()
        return call.results[0] if len(call.results) == 1 else call.results

    def bind(self, *inputs, out=None, stream=None, workspace=None, **named):
        """Prepares a call, to be made often: `call = f.bind(x, a); call(); call.results`.

        The arrays, their memory, the stream and the workspace are those of now.
        """
        arrays = self._order(inputs, named)
        results = self._make_results(arrays, dict(out or {}))
        return Call(self, arrays + results, tuple(results), stream, workspace)

    def workspace_bytes(self, *arrays):
        """Bytes of workspace that a call with all of `arguments` needs."""
        views, list_ = self._views(arrays, -1)
        count = ctypes.c_size_t()
        self._check(self._handle.recur_workspace(self._info, list_, len(views),
                                                 ctypes.byref(count)))
        return count.value

    def variant(self, *arrays):
        """Name of the schedule that would run for all of `arguments`."""
        views, list_ = self._views(arrays, -1)
        name = ctypes.c_char_p()
        self._check(self._handle.recur_select(self._info, list_, len(views),
                                              ctypes.byref(name)))
        return name.value.decode()

    # The steps of a call.

    def _order(self, inputs, named):
        if len(inputs) > len(self.inputs):
            raise RecurError(f"recurrence '{self.name}': expected at most {len(self.inputs)} "
                             f"arguments, found {len(inputs)}; results are given by out")
        arrays = list(inputs)
        for argument in self.inputs[len(inputs):]:
            if argument.name not in named:
                raise RecurError(f"recurrence '{self.name}': argument '{argument.name}' is "
                                 "missing")
            arrays.append(named.pop(argument.name))
        if named:
            known = ", ".join(a.name for a in self.inputs[len(inputs):]) or "none"
            raise RecurError(f"recurrence '{self.name}': no further argument is called "
                             f"'{next(iter(named))}', expected: {known}")
        return arrays

    def _sizes(self, arrays):
        sizes = {name: size for name, size in self.dims.items() if size is not None}
        for argument, array in zip(self.inputs, arrays):
            extra = argument.role == "segments"
            for dim, size in zip(argument.dims, array.shape):
                sizes.setdefault(dim, size - extra)
        return sizes

    def _make_results(self, arrays, out):
        results = []
        sizes = None
        for argument in self.results:
            if argument.name in out:
                array = out.pop(argument.name)
                if _arrays.is_read_only(array):
                    raise RecurError(f"recurrence '{self.name}': argument '{argument.name}': "
                                     "expected an array to write, found a read-only one")
                results.append(array)
                continue
            if not arrays:
                raise RecurError(f"recurrence '{self.name}': result '{argument.name}' must be "
                                 "given by out, there is no argument to make it like")
            sizes = sizes or self._sizes(arrays)
            shape = tuple(sizes.get(dim, 0) for dim in argument.dims)
            results.append(_arrays.empty(shape, argument.dtype, arrays[0]))
        if out:
            known = ", ".join(a.name for a in self.results)
            raise RecurError(f"recurrence '{self.name}': no result is called "
                             f"'{next(iter(out))}', expected: {known}")
        return results

    def _views(self, arrays, stream):
        if len(arrays) != len(self.arguments):
            raise RecurError(f"recurrence '{self.name}': expected {len(self.arguments)} "
                             f"arguments, found {len(arrays)}")
        views = []
        for argument, array in zip(self.arguments, arrays):
            try:
                views.append(_arrays.view(array, stream))
            except RecurError as error:
                raise RecurError(f"recurrence '{self.name}': argument '{argument.name}': "
                                 f"{error}", error.status) from None
        list_ = (ctypes.POINTER(_abi.DLTensor) * len(views))(
            *(ctypes.pointer(v.tensor) for v in views))
        return views, list_

    def _check(self, status):
        if status:
            raise RecurError(self._handle.recur_last_error().decode(), status)

    def _find_workspace(self, views, list_, like, stream, given):
        """A view of the workspace (or None) and its bytes."""
        if given is not None:
            memory = _arrays.view(given)
            count = memory.tensor.dtype.bits // 8
            for axis in range(memory.tensor.ndim):
                count *= memory.tensor.shape[axis]
            return memory, count
        count = ctypes.c_size_t()
        self._check(self._handle.recur_workspace(self._info, list_, len(views),
                                                 ctypes.byref(count)))
        if count.value == 0:
            return None, 0
        if _arrays.is_capturing(like):
            # It belongs to the graph, which uses it whenever it is launched.
            return _arrays.view(_arrays.empty_bytes(count.value, like)), count.value
        key = (views[0].tensor.device.device_id, stream)
        with self._lock:
            kept = self._workspaces.get(key)
            if kept is None or kept[1] < count.value:
                kept = (_arrays.view(_arrays.empty_bytes(count.value, like)), count.value)
                self._workspaces[key] = kept
        return kept


class Call:
    """A call with its arguments; `results` are the arrays that it writes."""

    def __init__(self, recurrence, arrays, results, stream, workspace):
        # A producer that does not know our stream waits for the legacy one (1).
        views, list_ = recurrence._views(arrays, 1 if stream is None else stream or 1)
        self.results = results
        self._recurrence, self._views = recurrence, views
        self._must_wait = False
        memory, count = None, 0
        if views and views[0].tensor.device.device_type not in (_abi.CPU, _abi.CUDA_HOST):
            if stream is None:
                stream = _arrays.current_stream(arrays[0], views[0].tensor)
                self._must_wait = stream is None
            memory, count = recurrence._find_workspace(views, list_, arrays[0], stream, workspace)
        self._memory = memory
        self._arguments = (recurrence._info, list_, len(views),
                           memory.tensor.data if memory else None, count, stream or None)
        self._call = recurrence._handle.recur_call

    def __call__(self):
        status = self._call(*self._arguments)
        if status:
            self._recurrence._check(status)
        if self._must_wait:
            _wait_for_legacy_stream(self._views[0].tensor.device.device_id)

    def report(self):
        """What Newton's method found in the last call, once its stream has done the work: a
        dict with `variant`, `channels` (0: the variant runs one step after the other),
        `passes`, `residual`, `finished_in_order` and `not_finite`; recur/runtime.h says what
        they mean.
        """
        found = _abi.Report()
        self._recurrence._check(self._recurrence._handle.recur_read_report(
            *self._arguments[:-1], ctypes.byref(found), None, 0))
        report = {name: getattr(found, name) for name, _ in found._fields_
                  if name != "reserved"}
        report["variant"] = found.variant.decode()
        return report


def _wait_for_legacy_stream(device):
    """Of the device's primary context, which may not be this thread's."""
    driver = ctypes.CDLL(os.environ.get("RECUR_CUDA_LIBRARY") or "libcuda.so.1")
    context = ctypes.c_void_p()

    def check(name, *arguments):
        status = getattr(driver, name)(*arguments)
        if status:
            raise RecurError(f"{name}: CUDA error {status}", 6)

    check("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        check("cuCtxPushCurrent_v2", context)
        try:
            check("cuStreamSynchronize", None)
        finally:
            check("cuCtxPopCurrent_v2", ctypes.byref(context))
    finally:
        check("cuDevicePrimaryCtxRelease_v2", device)
