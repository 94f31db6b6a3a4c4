# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The diagonal scan h[t] = a[t] h[t-1] + x[t] by Recur's peers, for peers.py.

Each peer runs in the layouts that it takes without a copy. One that is not there, or
does not run, is named as missing.
"""

import contextlib
import ctypes
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import torch
import triton
import triton.language as tl

HERE = pathlib.Path(__file__).resolve().parent


@triton.jit
def stream_kernel(a, x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    value = tl.load(a + at, mask) * 1.5 + tl.load(x + at, mask)
    tl.store(y + at, value.to(y.dtype.element_ty), mask)


@triton.jit
def compose(p0, e0, p1, e1):
    return p0 * p1, e0 * p1 + e1


@triton.jit
def scan_kernel(a, x, y, steps, BLOCK: tl.constexpr):
    """One row of time a program, which walks it in blocks."""
    row = tl.program_id(0).to(tl.int64) * steps
    carry = tl.zeros((1,), tl.float32)
    last = tl.arange(0, BLOCK) == BLOCK - 1
    for begin in range(0, steps, BLOCK):
        at = begin + tl.arange(0, BLOCK)
        mask = at < steps
        p = tl.load(a + row + at, mask, 1.0).to(tl.float32)
        e = tl.load(x + row + at, mask, 0.0).to(tl.float32)
        p, e = tl.associative_scan((p, e), 0, compose)
        h = p * carry + e
        tl.store(y + row + at, h.to(y.dtype.element_ty), mask)
        carry = tl.sum(tl.where(last, h, 0.0), 0, keep_dims=True)


@contextlib.contextmanager
def quiet():
    """Without what compilers print that an import calls."""
    sys.stdout.flush()
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)


def streaming(count):
    """y = 1.5 a + x over all of a set."""
    def run(s):
        stream_kernel[(triton.cdiv(count, 2048),)](*s.flat, count, BLOCK=2048, num_warps=8)
    return run


class Cub:
    """CUB through cub_scan.so, which nvcc makes of cub_scan.cu beside this file."""

    _library = None

    @classmethod
    def load(cls, folder):
        if cls._library is None:
            path = folder / "cub_scan.so"
            if not path.exists():
                nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
                if not os.path.exists(nvcc):
                    raise RuntimeError("neither cub_scan.so nor nvcc is there")
                major, minor = torch.cuda.get_device_capability()
                done = subprocess.run(
                    [nvcc, "-O3", "-std=c++17", "-shared", "-Xcompiler", "-fPIC",
                     f"-gencode=arch=compute_{major}{minor},code=sm_{major}{minor}",
                     HERE / "cub_scan.cu", "-o", path], capture_output=True, text=True)
                if done.returncode:
                    raise RuntimeError("nvcc: " + (done.stderr.strip() or "failed"))
            cls._library = ctypes.CDLL(str(path))
        return cls._library

    def __init__(self, folder):
        library = self.load(folder)
        self.functions = library.recur_cub_scan, library.recur_cub_sum
        self.memory = None

    def _call(self, function, tensor, *arguments):
        """First for the bytes of memory that it needs, then with them."""
        kind = ctypes.c_int(0 if tensor.dtype == torch.float32 else 1)
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        need = ctypes.c_size_t()
        for memory in (None, ctypes.c_void_p()):
            if memory is not None:
                if self.memory is None or self.memory.numel() < need.value:
                    self.memory = torch.empty(max(need.value, 1), dtype=torch.uint8,
                                              device="cuda")
                memory.value = self.memory.data_ptr()
            status = function(kind, memory, ctypes.byref(need), *arguments, stream)
            if status:
                raise RuntimeError(f"CUB: CUDA error {status}")

    def scan(self, s, rows, steps):
        pointers = (ctypes.c_void_p(t.data_ptr()) for t in s.flat)
        self._call(self.functions[0], s.flat[0], *pointers, ctypes.c_longlong(rows),
                   ctypes.c_longlong(steps))

    def sum(self, s):
        pointers = (ctypes.c_void_p(t.data_ptr()) for t in s.flat[1:])
        self._call(self.functions[1], s.flat[0], *pointers,
                   ctypes.c_longlong(s.flat[0].numel()))


def associative_scan(dim):
    """torch's associative_scan, compiled; it makes its result."""
    from torch._higher_order_ops.associative_scan import associative_scan as scan
    torch._dynamo.reset()

    def combine(left, right):
        return left[0] * right[0], left[1] * right[0] + right[1]

    @torch.compile(dynamic=False, fullgraph=True)
    def run(a, x):
        return scan(combine, (a, x), dim=dim, combine_mode="pointwise")[1]
    return lambda s: run(s.dense[0], s.dense[1])


class Jax:
    """jax.lax.associative_scan, compiled, on the memory of PyTorch's tensors.

    JAX has streams of its own, which no event or graph of ours sees: one program computes
    all sets, and the host's clock takes it from the call to the end.
    """

    def __init__(self, sets, axis):
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax

        def combine(left, right):
            return left[0] * right[0], left[1] * right[0] + right[1]

        def scan(a, x):
            return jax.lax.associative_scan(combine, (a, x), axis=axis)[1]
        self.jax = jax
        self.one = jax.jit(scan)
        self.all = jax.jit(lambda pairs: [scan(a, x) for a, x in pairs])
        self.arrays = [tuple(jax.dlpack.from_dlpack(part) for part in s.dense[:2])
                       for s in sets]

    def run(self, _):
        torch.cuda.synchronize()
        result = self.one(*self.arrays[0])
        result.block_until_ready()
        return torch.utils.dlpack.from_dlpack(result)

    def run_all(self):
        self.jax.block_until_ready(self.all(self.arrays))


def add_rows(bench, shape, time_last, sets, folder, row):
    """All peers that have this layout, by `row(name, run, ...)`; results that a peer makes
    itself are in memory order."""
    b, t, d = shape
    width = sets[0].y.element_size()
    if time_last:
        def scan(s):
            scan_kernel[(b * d,)](*s.flat, t, BLOCK=min(2048, triton.next_power_of_2(t)),
                                  num_warps=8)
        row("Triton tl.associative_scan", scan)
    row("torch associative_scan, compiled", None,
        prepare=lambda: associative_scan(2 if time_last else 1))

    def cumsum(s):
        torch.cumsum(s.x, 1, out=s.y)
    row(f"torch.cumsum ({2 * width} bytes)", cumsum, bytes_each=2, only_sum=True)
    if importlib.util.find_spec("jax") and bench.is_wanted("jax associative_scan"):
        try:
            jax = Jax(sets[:4], 2 if time_last else 1)
        except Exception as why:
            bench.miss("jax associative_scan", why)
        else:
            row("jax associative_scan", jax.run, on_host=(jax.run_all, len(sets[:4])))
    else:
        bench.miss("jax associative_scan", "no module jax")
    if time_last:
        try:
            cub = Cub(folder)
        except Exception as why:
            bench.miss("CUB DeviceScan", why)
        else:
            row("CUB DeviceScan, pairs", lambda s: cub.scan(s, b * d, t))
            row(f"CUB DeviceScan, one sum ({2 * width} bytes)", lambda s: cub.sum(s),
                bytes_each=2, check=False)
        try:
            from accelerated_scan.scalar import scan as scalar_scan
        except Exception as why:
            bench.miss("accelerated-scan scalar", why)
        else:
            row("accelerated-scan scalar", lambda s: scalar_scan(s.dense[0], s.dense[1]))
        try:
            with quiet():
                from accelerated_scan.warp import scan as warp_scan
        except Exception as why:
            bench.miss("accelerated-scan warp", why)
        else:
            row("accelerated-scan warp", lambda s: warp_scan(s.dense[0], s.dense[1]))
        return
    try:
        from fla.ops.hgrn import chunk_hgrn, fused_recurrent_hgrn
    except Exception as why:
        bench.miss("fla hgrn", why)
        return
    # They take the logarithm of a, which is made outside of the time.
    for s in sets:
        s.log_a = s.a.log()
    row("fla chunk_hgrn", lambda s: chunk_hgrn(s.x, s.log_a)[0])
    row("fla fused_recurrent_hgrn", lambda s: fused_recurrent_hgrn(s.x, s.log_a)[0])
