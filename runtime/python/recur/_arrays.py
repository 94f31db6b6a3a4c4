# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays of other libraries as DLTensors, and new arrays of the same library.

No library is imported here: what an array belongs to is told by where its type
comes from, and that library is then there.
"""

import ctypes
import sys

from . import _abi
from ._abi import DLDataType, DLTensor, RecurError

#: DLDataType (code, bits) by the name that specs have for it.
DTYPES = {"f64": (2, 64), "f32": (2, 32), "f16": (2, 16), "bf16": (4, 16), "c64": (5, 64),
          "c128": (5, 128), "i8": (0, 8), "i32": (0, 32), "i64": (0, 64), "bool": (6, 8)}
NAMES = {value: name for name, value in DTYPES.items()}
#: The names that libraries have.
LIBRARY_NAMES = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16",
                 "c64": "complex64", "c128": "complex128", "i8": "int8", "i32": "int32",
                 "i64": "int64", "bool": "bool"}

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = ctypes.c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def dtype_name(dtype):
    """`bf16` for the DLDataType of it."""
    return NAMES.get((dtype.code, dtype.bits), f"code {dtype.code} of {dtype.bits} bits")


def owner(array):
    """The library that an array belongs to: `torch`, `jax`, `numpy`, ..."""
    package = type(array).__module__.split(".")[0]
    return "jax" if package in ("jaxlib", "jaxlib_cuda") else package


class View:
    """An array as a DLTensor; `keep` holds what must outlive the call."""

    __slots__ = ("tensor", "keep")

    def __init__(self, data, device, dtype, shape, strides, keep):
        size = len(shape)
        shape = (ctypes.c_int64 * size)(*shape)
        if strides is not None:
            strides = (ctypes.c_int64 * size)(*strides)
        self.tensor = DLTensor(data, device, size, DLDataType(*dtype, 1), shape, strides, 0)
        self.keep = (shape, strides, keep)


class Capsule:
    """A DLTensor that an array's __dlpack__ has made."""

    __slots__ = ("tensor", "keep")

    def __init__(self, array, stream):
        kind, _ = array.__dlpack_device__()
        # A stream is for devices; -1 says that the producer need not wait for it.
        capsule = array.__dlpack__(stream=stream) if kind in (_abi.CUDA, _abi.ROCM) \
            else array.__dlpack__()
        pointer = _get_pointer(capsule, b"dltensor")
        self.tensor = DLTensor.from_address(pointer)
        self.keep = (capsule, array)


_torch_codes = {}


def _view_torch(array):
    torch = sys.modules["torch"]
    if not _torch_codes:
        for name, code in DTYPES.items():
            _torch_codes[getattr(torch, LIBRARY_NAMES[name])] = code
        _torch_codes[torch.uint8] = (1, 8)  # a workspace, and bytes for bool
    if array.requires_grad and torch.is_grad_enabled():
        raise RecurError("expected a tensor that needs no gradient, found one with "
                         "requires_grad: call under torch.no_grad() or detach it")
    code = _torch_codes.get(array.dtype)
    if code is None:
        raise RecurError(f"expected a dtype that recurrences have, found {array.dtype}")
    device = array.device
    if device.type == "cuda":
        kind = _abi.ROCM if getattr(torch.version, "hip", None) else _abi.CUDA
        where = (kind, device.index)
    elif device.type == "cpu":
        where = (_abi.CPU, 0)
    else:
        raise RecurError(f"expected a tensor on the CPU or on CUDA, found one on {device}")
    return View(array.data_ptr(), where, code, array.shape, array.stride(), array)


def _view_interface(array):
    interface = array.__array_interface__
    kind, bits = interface["typestr"][1], 8 * int(interface["typestr"][2:])
    code = {"f": 2, "c": 5, "i": 0, "u": 1, "b": 6}.get(kind)
    if kind == "V" and str(getattr(array, "dtype", "")) == "bfloat16":  # of ml_dtypes
        code = 4
    if code is None or (interface["typestr"][0] == ">" and bits > 8):
        raise RecurError("expected a dtype that recurrences have, found "
                         f"'{interface['typestr']}'")
    shape, strides = interface["shape"], interface.get("strides")
    if strides is not None:
        item = bits // 8
        if any(stride % item for stride, size in zip(strides, shape) if size > 1):
            raise RecurError(f"expected strides in whole elements of {item} bytes, found "
                             f"{strides} bytes")
        strides = [stride // item for stride in strides]
    return View(interface["data"][0], (_abi.CPU, 0), (code, bits), shape, strides, array)


def view(array, stream=-1):
    """An array as something with a `tensor`; it stays good as long as that."""
    if owner(array) == "torch":
        return _view_torch(array)
    if hasattr(array, "__array_interface__"):
        return _view_interface(array)
    if hasattr(array, "__dlpack__"):
        return Capsule(array, stream)
    raise RecurError("expected an array with __dlpack__ or __array_interface__, found "
                     f"{type(array).__name__}")


def is_read_only(array):
    interface = getattr(array, "__array_interface__", None) if owner(array) != "torch" else None
    return bool(interface and interface["data"][1])


def empty(shape, dtype, like):
    """A new array of the library and on the device of `like`."""
    package = owner(like)
    name = LIBRARY_NAMES[dtype]
    if package == "torch":
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, name), device=like.device)
    if package == "jax":
        jax = sys.modules["jax"]
        return jax.device_put(jax.numpy.empty(shape, dtype=name), list(like.devices())[0])
    if package == "cupy":
        return sys.modules["cupy"].empty(shape, dtype=name)
    if package == "numpy":
        try:
            return sys.modules["numpy"].empty(shape, dtype=name)
        except TypeError:
            raise RecurError(f"NumPy has no {name}: pass the array to write as out, or import "
                             "ml_dtypes") from None
    raise RecurError(f"cannot make arrays of {package}: pass those to write as out, and the "
                     "workspace")


def empty_bytes(count, like):
    package = owner(like)
    if package == "torch":
        torch = sys.modules["torch"]
        return torch.empty((count,), dtype=torch.uint8, device=like.device)
    if package == "cupy":
        return sys.modules["cupy"].empty((count,), dtype="uint8")
    if package == "jax":
        jax = sys.modules["jax"]
        return jax.device_put(jax.numpy.empty((count,), dtype="uint8"),
                              list(like.devices())[0])
    raise RecurError(f"expected a workspace of {count} bytes on the device: memory of "
                     f"{package} cannot be made here, pass workspace")


def current_stream(like, tensor):
    """The stream on which arrays like `like` are computed now; None: unknown."""
    if owner(like) == "torch":
        return sys.modules["torch"].cuda.current_stream(tensor.device.device_id).cuda_stream
    if owner(like) == "cupy":
        return sys.modules["cupy"].cuda.get_current_stream().ptr
    return None


def is_capturing(like):
    return owner(like) == "torch" and \
        sys.modules["torch"].cuda.is_current_stream_capturing()
