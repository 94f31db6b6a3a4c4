# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""recur/runtime.h and dlpack.h for ctypes."""

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t
from ctypes import c_uint8, c_uint16, c_uint64, c_void_p

ABI_VERSION = 5

#: recur_status, by number.
STATUS = ("ok", "invalid argument", "invalid workspace", "unsupported", "out of memory",
          "ABI mismatch", "device error", "internal error")

INPUT, SEGMENTS, RESULT, FINAL, INITIAL = range(5)
ROLES = ("input", "segments", "result", "final", "initial")

CPU, CUDA, CUDA_HOST, ROCM, CUDA_MANAGED = 1, 2, 3, 10, 13


class RecurError(RuntimeError):
    """What a call refuses; `status` is its recur_status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


class DLDevice(ctypes.Structure):
    _fields_ = [("device_type", c_int32), ("device_id", c_int32)]


class DLDataType(ctypes.Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("device", DLDevice), ("ndim", c_int32),
                ("dtype", DLDataType), ("shape", POINTER(c_int64)),
                ("strides", POINTER(c_int64)), ("byte_offset", c_uint64)]


class Dim(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("size", c_int64)]


class ArgumentInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("role", c_int32), ("dtype", DLDataType),
                ("rank", c_int32), ("dims", POINTER(c_int32))]


class GpuVariant(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("n_kernels", c_int32), ("n_images", c_int32),
                ("n_parts", c_int32), ("contiguous_dim", c_int32), ("kernels", c_void_p),
                ("images", c_void_p), ("parts", c_void_p), ("unit_stride_mask", c_uint64),
                ("vector_mask", c_uint64), ("vector_bytes", c_int64),
                ("size_multiple", c_int64), ("zeroed_constant", c_int64),
                ("zeroed_per_tile", c_int64), ("tile_steps", c_int64)]


class Info(ctypes.Structure):
    _fields_ = [("abi_version", c_int32), ("flags", c_int32), ("name", c_char_p),
                ("source_hash", c_char_p), ("targets", c_char_p), ("n_dims", c_int32),
                ("n_arguments", c_int32), ("n_accesses", c_int32),
                ("n_cpu_variants", c_int32), ("n_gpu_variants", c_int32),
                ("time_dim", c_int32), ("segment_dim", c_int32), ("n_space_dims", c_int32),
                ("reserved", c_int32), ("dims", POINTER(Dim)),
                ("arguments", POINTER(ArgumentInfo)), ("accesses", c_void_p),
                ("cpu_variants", c_void_p), ("gpu_variants", POINTER(GpuVariant))]


class ChannelReport(ctypes.Structure):
    _fields_ = [("passes", c_int32), ("flags", c_int32), ("residual", c_float),
                ("reserved", c_int32)]


class Report(ctypes.Structure):
    _fields_ = [("variant", c_char_p), ("channels", c_int64), ("finished_in_order", c_int64),
                ("not_finite", c_int64), ("passes", c_int32), ("reserved", c_int32),
                ("residual", c_double)]


def declare(library):
    """Gives the runtime's functions in `library` their types."""
    tensors = POINTER(POINTER(DLTensor))
    library.recur_last_error.restype = c_char_p
    library.recur_last_error.argtypes = []
    library.recur_call.argtypes = [POINTER(Info), tensors, c_int32, c_void_p, c_size_t,
                                   c_void_p]
    library.recur_workspace.argtypes = [POINTER(Info), tensors, c_int32, POINTER(c_size_t)]
    library.recur_select.argtypes = [POINTER(Info), tensors, c_int32, POINTER(c_char_p)]
    library.recur_read_report.argtypes = [POINTER(Info), tensors, c_int32, c_void_p, c_size_t,
                                          POINTER(Report), POINTER(ChannelReport), c_int64]
