#!/usr/bin/env python3
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python module on NumPy arrays, and on a fake device's memory.

    recur_test.py RECURC FAKE_GPU

The fake driver's memory is the host's, and the CPU's kernels stand in for the
GPU's, so all but the kernel is run.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import types
import unittest

import numpy as np

RECURC, FAKE_GPU = sys.argv[1:3]
os.environ["RECUR_CUDA_LIBRARY"] = FAKE_GPU
# Arrays of the fake cannot make the workspace that other schedules need.
os.environ["RECUR_SCHEDULE"] = "serial"

import recur  # noqa: E402

TEXT = """
recurrence smooth over t (x[b,t,d], a[d]) -> (y[b,t,d], final h) {
  state h[b,d]
  h = a * prev(h) + x
  y = 2 * h
}
recurrence half over t (x[b,t]: bf16) -> (h[b,t]: bf16) {
  state h[b]
  h = 0.5 * prev(h) + x
}
recurrence packed over t (x[t,d]) -> (h[t,d], final h) segments cu[s] {
  state h[d]
  h = 0.5 * prev(h) + x
}
"""


def expected_smooth(x, a):
    h = np.zeros((x.shape[0], x.shape[2]))
    y = np.zeros(x.shape)
    for t in range(x.shape[1]):
        h = a * h + x[:, t]
        y[:, t] = 2 * h
    return y, h


class DeviceArray:
    """Memory of the fake device, known by DLPack alone."""

    driver = ctypes.CDLL(FAKE_GPU)

    def __init__(self, values, device=0):
        values = np.ascontiguousarray(values)
        self.shape, self.dtype, self.device_id = values.shape, values.dtype, device
        address = ctypes.c_uint64()
        assert not self.driver.cuInit(0)
        context = ctypes.c_void_p()
        assert not self.driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
        assert not self.driver.cuCtxSetCurrent(context)
        assert not self.driver.cuMemAlloc_v2(ctypes.byref(address),
                                             ctypes.c_size_t(max(values.nbytes, 1)))
        self.address = address.value
        ctypes.memmove(self.address, values.ctypes.data, values.nbytes)
        self.streams = []

    def numpy(self):
        values = np.empty(self.shape, self.dtype)
        ctypes.memmove(values.ctypes.data, self.address, values.nbytes)
        return values

    def __dlpack_device__(self):
        return (2, self.device_id)

    def __dlpack__(self, stream=None):
        self.streams.append(stream)
        size = len(self.shape)
        shape = (ctypes.c_int64 * size)(*self.shape)
        code = {"f": 2, "i": 0, "u": 1}[self.dtype.kind]
        tensor = recur._abi.DLTensor(
            self.address, (2, self.device_id), size,
            recur._abi.DLDataType(code, 8 * self.dtype.itemsize, 1), shape, None, 0)
        self.kept = (tensor, shape)
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(tensor), b"dltensor", None)


def setUpModule():
    global folder, path, library, x_values, a_values
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    spec = os.path.join(folder.name, "specs.recur")
    with open(spec, "w") as file:
        file.write(TEXT)
    path = os.path.join(folder.name, "specs.so")
    subprocess.run([RECURC, spec, "--target", "cpu", "--target", "sm_80", "-o", path],
                   check=True)
    # The fake driver looks for the CPU's kernels among the global symbols.
    ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
    library = recur.load(path)
    random = np.random.default_rng(5)
    x_values = random.uniform(-1, 1, (2, 9, 5)).astype(np.float32)
    a_values = random.uniform(0, 1, 5).astype(np.float32)


class RecurTest(unittest.TestCase):
    def setUp(self):
        self.compiled, self.x, self.a = library, x_values, a_values

    def test_describes_arguments(self):
        smooth = self.compiled["smooth"]
        self.assertEqual(smooth.inputs, [
            recur.Argument("x", "input", "f32", ("b", "t", "d")),
            recur.Argument("a", "input", "f32", ("d",))])
        self.assertEqual([a.role for a in smooth.results], ["result", "final"])
        self.assertEqual(smooth.targets[1], "sm_80")
        self.assertTrue(smooth.gpu_variants)
        self.assertIn("smooth(x[b,t,d]: f32, a[d]: f32)", repr(smooth))

    def test_computes_on_numpy(self):
        y, h = self.compiled["smooth"](self.x, self.a)
        for found, expected in zip((y, h), expected_smooth(self.x, self.a)):
            self.assertEqual(found.dtype, np.float32)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_takes_strides_and_names(self):
        wide = np.zeros((2, 5, 18), np.float32)
        x = wide.transpose(0, 2, 1)[:, ::2]
        x[:] = self.x
        y = np.empty((5, 9, 2), np.float32).transpose(2, 1, 0)
        found, h = self.compiled["smooth"](x, a=self.a[::-1][::-1], out={"y": y})
        self.assertIs(found, y)
        np.testing.assert_allclose(y, expected_smooth(self.x, self.a)[0], rtol=1e-5, atol=1e-6)

    def test_takes_read_only_inputs(self):
        x = self.x.copy()
        x.flags.writeable = False
        self.compiled["smooth"](x, self.a)
        with self.assertRaisesRegex(recur.RecurError, "'y': expected an array to write"):
            self.compiled["smooth"](self.x, self.a, out={"y": x})

    def test_binds_arguments(self):
        x = self.x.copy()
        call = self.compiled["smooth"].bind(x, self.a)
        for scale in (1, 2):
            x[:] = scale * self.x
            call()
            np.testing.assert_allclose(call.results[0],
                                       scale * expected_smooth(self.x, self.a)[0], rtol=1e-5,
                                       atol=1e-6)

    def test_takes_segments(self):
        cu = np.array([0, 3, 3, 7], np.int32)
        h, last = self.compiled["packed"](cu=cu, x=np.ones((7, 2), np.float32))
        self.assertEqual(last.shape, (3, 2))
        np.testing.assert_allclose(last[:, 0], [1.75, 0, 1.875])

    def test_variant_and_workspace(self):
        smooth = self.compiled["smooth"]
        y, h = smooth(self.x, self.a)
        self.assertIn("lanes", smooth.variant(self.x, self.a, y, h))
        self.assertGreaterEqual(smooth.workspace_bytes(self.x, self.a, y, h), 0)

    def test_errors(self):
        smooth = self.compiled["smooth"]
        cases = [
            (lambda: self.compiled["none"], "has no recurrence 'none'"),
            (lambda: recur.load("/nowhere.so"), "cannot load '/nowhere.so'"),
            (lambda: smooth(self.x), "argument 'a' is missing"),
            (lambda: smooth(self.x, self.a, self.x, self.x), "expected at most 2"),
            (lambda: smooth(self.x, self.a, b=1), "no further argument is called 'b'"),
            (lambda: smooth(self.x, self.a, out={"z": 1}), "no result is called 'z'"),
            (lambda: smooth(self.x.astype(np.float64), self.a),
             "argument 'x': expected dtype f32, found f64"),
            (lambda: smooth(self.x, self.a[:4]), "argument 'a': expected size 5"),
            (lambda: smooth(self.x, "text", out={"y": self.x, "h_last": self.a}),
             "argument 'a': expected an array with __dlpack__"),
            (lambda: smooth.variant(self.x), "expected 4 arguments, found 1"),
            (lambda: smooth(self.x.astype(">f4"), self.a), "argument 'x': .*'>f4'"),
        ]
        for call, text in cases:
            with self.assertRaisesRegex(recur.RecurError, text):
                call()
        with self.assertRaises(recur.RecurError) as caught:
            smooth(self.x, self.a[:4])
        self.assertEqual(caught.exception.status, 1)

    def test_numpy_has_no_bf16(self):
        half = self.compiled["half"]
        with self.assertRaisesRegex(recur.RecurError, "NumPy has no bfloat16"):
            half(np.zeros((2, 3), np.uint16))

    def test_library_of_another_kind(self):
        with self.assertRaisesRegex(recur.RecurError, "not linked with Recur's runtime"):
            recur.load(path_of_libc())

    # On a device.

    def on_device(self):
        y, h = np.zeros((2, 9, 5), np.float32), np.zeros((2, 5), np.float32)
        return [DeviceArray(v) for v in (self.x, self.a, y, h)]

    def test_computes_on_a_device(self):
        x, a, y, h = self.on_device()
        names = [r.name for r in self.compiled["smooth"].results]
        self.compiled["smooth"](x, a, out=dict(zip(names, (y, h))))
        for found, expected in zip((y, h), expected_smooth(self.x, self.a)):
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
        self.assertEqual(x.streams, [1])  # made ready for the legacy stream

    def test_a_thread_without_a_context(self):
        x, a, y, h = self.on_device()
        names = [r.name for r in self.compiled["smooth"].results]
        thread = threading.Thread(target=lambda: self.compiled["smooth"](
            x, a, out=dict(zip(names, (y, h)))))
        thread.start()
        thread.join()
        np.testing.assert_allclose(y.numpy(), expected_smooth(self.x, self.a)[0], rtol=1e-5,
                                   atol=1e-6)

    def test_passes_the_stream(self):
        x, a, y, h = self.on_device()
        names = [r.name for r in self.compiled["smooth"].results]
        self.compiled["smooth"](x, a, out=dict(zip(names, (y, h))), stream=0x77)
        self.assertEqual(x.streams, [0x77])

    def test_device_errors(self):
        x, a, y, h = self.on_device()
        names = [r.name for r in self.compiled["smooth"].results]
        with self.assertRaisesRegex(recur.RecurError, "argument 'a': expected a tensor on CUDA"):
            self.compiled["smooth"](x, self.a, out=dict(zip(names, (y, h))))
        with self.assertRaisesRegex(recur.RecurError, "cannot make arrays of"):
            self.compiled["smooth"](x, a)
        os.environ["RECUR_SCHEDULE"] = "nonesuch"
        try:
            with self.assertRaisesRegex(recur.RecurError, "found 'nonesuch'"):
                self.compiled["smooth"](x, a, out=dict(zip(names, (y, h))))
        finally:
            os.environ["RECUR_SCHEDULE"] = "serial"


def path_of_libc():
    with open("/proc/self/maps") as maps:
        return next(line.split()[-1] for line in maps if "/libc.so" in line or "/libc-" in line)


class TorchTest(unittest.TestCase):
    """A stand-in for PyTorch: its tensors' interface on the fake device."""

    def setUp(self):
        torch = types.ModuleType("torch")

        class Tensor:
            requires_grad = False

            def __init__(self, values):
                self.memory = DeviceArray(values)
                self.shape = self.memory.shape
                self.dtype = getattr(torch, str(self.memory.dtype))
                self.device = types.SimpleNamespace(type="cuda", index=0)

            def data_ptr(self):
                return self.memory.address

            def stride(self):
                strides, step = [], 1
                for size in reversed(self.shape):
                    strides.insert(0, step)
                    step *= size
                return tuple(strides)

        Tensor.__module__ = "torch"
        for name in recur._arrays.LIBRARY_NAMES.values():
            setattr(torch, name, name)
        torch.uint8 = "uint8"
        torch.made = []

        def empty(shape, dtype, device):
            torch.made.append((shape, dtype))
            return Tensor(np.zeros(shape, dtype))

        torch.empty, torch.Tensor = empty, Tensor
        torch.version = types.SimpleNamespace(hip=None)
        torch.is_grad_enabled = lambda: True
        torch.capturing = False
        torch.cuda = types.SimpleNamespace(
            current_stream=lambda device: types.SimpleNamespace(cuda_stream=0x99),
            is_current_stream_capturing=lambda: torch.capturing)
        sys.modules["torch"] = torch
        recur._arrays._torch_codes.clear()
        self.torch = torch

    def tearDown(self):
        del sys.modules["torch"]

    def test_makes_results_on_the_current_stream(self):
        x, a = self.torch.Tensor(x_values), self.torch.Tensor(a_values)
        y, h = library["smooth"](x, a)
        for found, expected in zip((y, h), expected_smooth(x_values, a_values)):
            np.testing.assert_allclose(found.memory.numpy(), expected, rtol=1e-5, atol=1e-6)
        self.assertEqual(self.torch.made, [((2, 9, 5), "float32"), ((2, 5), "float32")])

    def test_keeps_its_workspace(self):
        like = self.torch.Tensor(x_values)
        smooth = library["smooth"]
        views = [recur._arrays.view(like)]

        class Handle:
            """A runtime that asks for memory."""
            bytes = 1000

            def recur_workspace(self, info, tensors, count, answer):
                answer._obj.value = self.bytes
                return 0

        real, smooth._handle = smooth._handle, Handle()
        try:
            first = smooth._find_workspace(views, None, like, 5, None)
            self.assertEqual(first[1], 1000)
            self.assertIs(smooth._find_workspace(views, None, like, 5, None), first)
            self.assertIsNot(smooth._find_workspace(views, None, like, 6, None), first)
            Handle.bytes = 2000
            larger = smooth._find_workspace(views, None, like, 5, None)
            self.assertEqual(larger[1], 2000)
            Handle.bytes = 500
            self.assertIs(smooth._find_workspace(views, None, like, 5, None), larger)
            # A graph gets its own, which is not given to others.
            self.torch.capturing = True
            self.assertIsNot(smooth._find_workspace(views, None, like, 5, None), larger)
            self.torch.capturing = False
            self.assertIs(smooth._find_workspace(views, None, like, 5, None), larger)
            given = smooth._find_workspace(views, None, like, 5, like)
            self.assertEqual(given[1], x_values.nbytes)
        finally:
            smooth._handle = real

    def test_refuses_tensors_that_need_gradients(self):
        x, a = self.torch.Tensor(x_values), self.torch.Tensor(a_values)
        x.requires_grad = True
        with self.assertRaisesRegex(recur.RecurError, "argument 'x': .*needs no gradient"):
            library["smooth"](x, a)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
