//===-- Arguments.cpp - checked arguments of one call ---------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Checks arguments one by one (device, dtype, rank, sizes, memory), then what
/// they must satisfy together (segments, accesses, overlaps). Nothing is
/// written to any of them.
#include "runtime/lib/Arguments.h"

#include "runtime/lib/Error.h"

#include <cinttypes>
#include <cstdio>

using namespace recur::runtime;

namespace {

/// Short texts for messages: a dtype, a list of dims.
struct Text {
  char characters[160];
};

Text describe(DLDataType type) {
  Text text;
  const char *prefix = nullptr;
  switch (type.code) {
  case kDLInt:
    prefix = "i";
    break;
  case kDLUInt:
    prefix = "u";
    break;
  case kDLFloat:
    prefix = "f";
    break;
  case kDLBfloat:
    prefix = "bf";
    break;
  case kDLComplex:
    prefix = "c";
    break;
  case RECUR_DL_BOOL:
    if (type.bits == 8 && type.lanes == 1) {
      std::snprintf(text.characters, sizeof text.characters, "bool");
      return text;
    }
    break;
  default:
    break;
  }
  if (prefix && type.lanes == 1)
    std::snprintf(text.characters, sizeof text.characters, "%s%d", prefix,
                  type.bits);
  else
    std::snprintf(text.characters, sizeof text.characters,
                  "DLPack type code %d with %d bits and %d lanes", type.code,
                  type.bits, type.lanes);
  return text;
}

const char *describe(DLDeviceType device) {
  switch (static_cast<int>(device)) {
  case kDLCUDA:
    return "CUDA";
  case kDLCUDAHost:
    return "CUDA pinned host";
  case 13: // kDLCUDAManaged, which DLPack before 0.6 lacks
    return "CUDA managed";
  case kDLOpenCL:
    return "OpenCL";
  case kDLVulkan:
    return "Vulkan";
  case kDLMetal:
    return "Metal";
  case kDLROCM:
    return "ROCm";
  default:
    return "unknown";
  }
}

bool isHost(DLDeviceType device) {
  return device == kDLCPU || device == kDLCUDAHost;
}

bool isCuda(DLDeviceType device) {
  return device == kDLCUDA || static_cast<int>(device) == 13; // kDLCUDAManaged
}

/// "[b,t,d]", as the spec declares the argument.
Text describeDims(const recur_info &info, const recur_argument &argument) {
  Text text;
  char *at = text.characters, *end = at + sizeof text.characters;
  at += std::snprintf(at, end - at, "[");
  for (int32_t k = 0; k < argument.rank && at < end - 8; ++k)
    at += std::snprintf(at, end - at, "%s%s%s", k ? "," : "",
                        info.dims[argument.dims[k]].name,
                        argument.role == RECUR_SEGMENTS ? "+1" : "");
  if (at < end - 1)
    std::snprintf(at, end - at, "]");
  return text;
}

bool sameType(DLDataType x, DLDataType y) {
  return x.code == y.code && x.bits == y.bits && x.lanes == y.lanes;
}

bool isWritten(const recur_argument &argument) {
  return argument.role == RECUR_RESULT || argument.role == RECUR_FINAL;
}

/// False when x * y does not fit; `product` has it otherwise.
bool multiplies(int64_t x, int64_t y, int64_t &product) {
  return !__builtin_mul_overflow(x, y, &product);
}

} // namespace

StridedView CheckedArguments::view(int32_t argument) const {
  int32_t first = firstStride[argument];
  return {reinterpret_cast<uintptr_t>(data[argument]), elementBytes[argument],
          recurrence->arguments[argument].rank, shapes + first,
          strides + first};
}

int CheckedArguments::check(const recur_info &info,
                            const DLTensor *const *tensors, int32_t count) {
  recurrence = &info;
  if (int status = checkShapeOfInfo())
    return status;
  if (count != info.n_arguments)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': expected %d arguments, found %d", info.name,
                info.n_arguments, count);
  if (!tensors && count > 0)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': expected an array of %d arguments, found a "
                "null pointer",
                info.name, count);
  for (int32_t d = 0; d < info.n_dims; ++d) {
    sizes[d] = info.dims[d].size;
    sizeBoundBy[d] = -1;
  }
  segmented = false;
  firstResult = firstResultStride = 0;
  for (int32_t a = 0, next = 0; a < count; ++a) {
    const recur_argument &argument = info.arguments[a];
    firstStride[a] = next;
    if (!isWritten(argument)) {
      firstResult = a + 1;
      firstResultStride = next + argument.rank;
    }
    next += argument.rank;
    if (!tensors[a])
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected a tensor, found a "
                  "null pointer",
                  info.name, argument.name);
    const DLTensor &tensor = *tensors[a];
    if (int status = checkDevice(a, tensor))
      return status;
    if (int status = checkType(a, tensor))
      return status;
    if (int status = bindSizes(a, tensor))
      return status;
    if (int status = bindMemory(a, tensor))
      return status;
  }
  for (int32_t d = 0; d < info.n_dims; ++d)
    if (sizes[d] < 0)
      return fail(RECUR_INTERNAL,
                  "recurrence '%s': no argument gives dimension '%s' a size",
                  info.name, info.dims[d].name);
  if (int status = checkAccesses())
    return status;
  if (int status = checkSegments())
    return status;
  return checkOverlaps();
}

int CheckedArguments::checkShapeOfInfo() const {
  const recur_info &info = *recurrence;
  if (info.abi_version != RECUR_ABI_VERSION)
    return fail(RECUR_ABI_MISMATCH,
                "the artifact was made for version %d of the runtime's ABI, "
                "this runtime has version %d",
                info.abi_version, RECUR_ABI_VERSION);
  if (info.n_arguments > RECUR_MAX_ARGUMENTS || info.n_dims > RECUR_MAX_DIMS)
    return fail(RECUR_UNSUPPORTED,
                "recurrence '%s': expected at most %d arguments and %d "
                "dimensions, found %d and %d",
                info.name, RECUR_MAX_ARGUMENTS, RECUR_MAX_DIMS,
                info.n_arguments, info.n_dims);
  int64_t ranks = 0;
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    ranks += info.arguments[a].rank;
    if (info.arguments[a].rank > RECUR_MAX_DIMS || ranks > maxStrides)
      return fail(RECUR_UNSUPPORTED,
                  "recurrence '%s': argument '%s': expected ranks that add up "
                  "to at most %d, found %" PRId64,
                  info.name, info.arguments[a].name, maxStrides, ranks);
  }
  return RECUR_OK;
}

int CheckedArguments::checkDevice(int32_t a, const DLTensor &tensor) {
  DLDeviceType type = tensor.device.device_type;
  bool cuda = isCuda(type) && recurrence->n_gpu_variants > 0;
  if (!isHost(type) && !cuda)
    return fail(
        RECUR_UNSUPPORTED,
        "recurrence '%s': argument '%s': expected a tensor on the CPU%s, "
        "found one on %s device %d; no code in the artifact runs there "
        "(its targets: %s)",
        recurrence->name, recurrence->arguments[a].name,
        recurrence->n_gpu_variants > 0 ? " or a CUDA device" : "",
        describe(type), tensor.device.device_id,
        recurrence->targets ? recurrence->targets : "cpu");
  DLDevice found = {cuda ? kDLCUDA : kDLCPU,
                    cuda ? tensor.device.device_id : 0};
  if (a == 0)
    device = found;
  if (found.device_type == device.device_type &&
      found.device_id == device.device_id)
    return RECUR_OK;
  auto name = [](DLDevice where) {
    Text text;
    if (where.device_type == kDLCPU)
      std::snprintf(text.characters, sizeof text.characters, "the CPU");
    else
      std::snprintf(text.characters, sizeof text.characters, "CUDA device %d",
                    where.device_id);
    return text;
  };
  return fail(RECUR_INVALID_ARGUMENT,
              "recurrence '%s': argument '%s': expected a tensor on %s, as "
              "argument '%s', found one on %s",
              recurrence->name, recurrence->arguments[a].name,
              name(device).characters, recurrence->arguments[0].name,
              name(found).characters);
}

int CheckedArguments::checkType(int32_t a, const DLTensor &tensor) const {
  const recur_argument &argument = recurrence->arguments[a];
  if (sameType(tensor.dtype, argument.dtype))
    return RECUR_OK;
  bool isByte = tensor.dtype.code == kDLUInt && tensor.dtype.bits == 8 &&
                tensor.dtype.lanes == 1;
  if (argument.dtype.code == RECUR_DL_BOOL && isByte)
    return RECUR_OK;
  return fail(RECUR_INVALID_ARGUMENT,
              "recurrence '%s': argument '%s': expected dtype %s, found %s",
              recurrence->name, argument.name,
              describe(argument.dtype).characters,
              describe(tensor.dtype).characters);
}

int CheckedArguments::bindSizes(int32_t a, const DLTensor &tensor) {
  const recur_info &info = *recurrence;
  const recur_argument &argument = info.arguments[a];
  if (tensor.ndim != argument.rank)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected rank %d %s, found "
                "rank %d",
                info.name, argument.name, argument.rank,
                describeDims(info, argument).characters, tensor.ndim);
  if (argument.rank > 0 && !tensor.shape)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected a shape, found a "
                "null pointer",
                info.name, argument.name);
  for (int32_t k = 0; k < argument.rank; ++k) {
    int32_t d = argument.dims[k];
    const char *dim = info.dims[d].name;
    int64_t size = tensor.shape[k];
    shapes[firstStride[a] + k] = size;
    if (argument.role == RECUR_SEGMENTS) {
      if (size < 1)
        return fail(RECUR_INVALID_ARGUMENT,
                    "recurrence '%s': argument '%s': expected at least one "
                    "cumulative length, found size %" PRId64,
                    info.name, argument.name, size);
      --size;
    } else if (size < 0) {
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected a non-negative "
                  "size of dimension %d (%s), found %" PRId64,
                  info.name, argument.name, k, dim, size);
    }
    if (sizes[d] < 0) {
      sizes[d] = size;
      sizeBoundBy[d] = a;
    } else if (sizes[d] != size && sizeBoundBy[d] >= 0) {
      bool cumulative = argument.role == RECUR_SEGMENTS;
      return fail(
          RECUR_INVALID_ARGUMENT,
          "recurrence '%s': argument '%s': expected size %" PRId64
          " of dimension %d (%s%s, as in argument '%s'), found %" PRId64,
          info.name, argument.name, sizes[d] + cumulative, k, dim,
          cumulative ? "+1" : "", info.arguments[sizeBoundBy[d]].name,
          size + cumulative);
    } else if (sizes[d] != size) {
      return fail(
          RECUR_INVALID_ARGUMENT,
          "recurrence '%s': argument '%s': expected size %" PRId64
          " of dimension %d (%s, fixed by the recurrence), found %" PRId64,
          info.name, argument.name, sizes[d], k, dim, size);
    }
  }
  return RECUR_OK;
}

int CheckedArguments::bindMemory(int32_t a, const DLTensor &tensor) {
  const recur_info &info = *recurrence;
  const recur_argument &argument = info.arguments[a];
  const int64_t *shape = shapes + firstStride[a];
  int64_t *stride = strides + firstStride[a];
  elementBytes[a] = (int64_t(argument.dtype.bits) + 7) / 8;

  // Rules out overflow for every later offset, in bytes and in both
  // directions.
  int64_t count = 1, bytes;
  bool fits = true, empty = false;
  for (int32_t k = argument.rank - 1; k >= 0; --k) {
    stride[k] = tensor.strides ? tensor.strides[k] : count;
    empty |= shape[k] == 0;
    fits &= multiplies(count, shape[k] > 0 ? shape[k] : 1, count);
  }
  fits &= multiplies(count, elementBytes[a], bytes);
  int64_t reach = 0;
  for (int32_t k = 0; k < argument.rank && fits && !empty; ++k) {
    int64_t extent;
    fits &= stride[k] != INT64_MIN &&
            multiplies(shape[k] - 1, stride[k] < 0 ? -stride[k] : stride[k],
                       extent) &&
            !__builtin_add_overflow(reach, extent, &reach);
  }
  int64_t doubled;
  fits &= multiplies(reach, 2 * elementBytes[a], doubled);
  if (!fits)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected a size in bytes "
                "below 2^63, found a shape and strides that overflow it",
                info.name, argument.name);

  if (!tensor.data && !empty)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected memory, found a null "
                "data pointer",
                info.name, argument.name);
  uintptr_t address =
      reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset;
  data[a] = reinterpret_cast<void *>(address);
  // Both parts of a complex number are numbers of their own in memory.
  int64_t alignment =
      argument.dtype.code == kDLComplex ? elementBytes[a] / 2 : elementBytes[a];
  if (!empty && alignment > 1 && address % alignment != 0)
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected memory aligned to "
                "%" PRId64 " bytes, found address %#" PRIxPTR,
                info.name, argument.name, alignment, address);
  if (!isWritten(argument))
    return RECUR_OK;
  for (int32_t k = 0; k < argument.rank && !empty; ++k)
    if (shape[k] > 1 && stride[k] == 0)
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected a result whose "
                  "elements are distinct memory, found stride 0 in dimension "
                  "%d (%s) of size %" PRId64,
                  info.name, argument.name, k, info.dims[argument.dims[k]].name,
                  shape[k]);
  if (overlapsItself(view(a)))
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected a result whose "
                "elements are distinct memory, found strides that make it "
                "overlap itself",
                info.name, argument.name);
  return RECUR_OK;
}

int CheckedArguments::checkSegments() {
  const recur_info &info = *recurrence;
  longest = time();
  if (onGpu()) // the bounds are in the device's memory; kernels keep them
               // inside
    return RECUR_OK;
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    const recur_argument &argument = info.arguments[a];
    if (argument.role != RECUR_SEGMENTS)
      continue;
    segmented = true;
    segmentCount = sizes[argument.dims[0]];
    segmentBounds =
        SegmentBounds(data[a], stride(a, 0), argument.dtype.bits == 64);
    longest = 0;
    int64_t previous = segmentBounds[0];
    if (previous != 0)
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected cumulative lengths "
                  "that start at 0, found %" PRId64,
                  info.name, argument.name, previous);
    for (int64_t k = 1; k <= segmentCount; ++k) {
      int64_t bound = segmentBounds[k];
      if (bound < previous)
        return fail(RECUR_INVALID_ARGUMENT,
                    "recurrence '%s': argument '%s': expected non-decreasing "
                    "cumulative lengths, found %" PRId64 " at %" PRId64
                    " after %" PRId64,
                    info.name, argument.name, bound, k, previous);
      if (bound - previous > longest)
        longest = bound - previous;
      previous = bound;
    }
    if (previous != time())
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected cumulative lengths "
                  "that end at %" PRId64 " (the size of '%s'), found %" PRId64,
                  info.name, argument.name, time(),
                  info.dims[info.time_dim].name, previous);
  }
  return RECUR_OK;
}

int CheckedArguments::checkAccesses() const {
  const recur_info &info = *recurrence;
  for (int32_t k = 0; k < info.n_accesses; ++k) {
    const recur_access &access = info.accesses[k];
    const recur_argument &argument = info.arguments[access.argument];
    int64_t extent = shapes[firstStride[access.argument] + access.axis];
    const char *axisName = info.dims[argument.dims[access.axis]].name;
    int64_t first = access.offset, last = access.offset;
    if (access.dim >= 0) {
      if (sizes[access.dim] == 0)
        continue;
      if (__builtin_add_overflow(access.offset, sizes[access.dim] - 1, &last))
        last = INT64_MAX;
      if (access.divisor > 1 && first >= 0) {
        first /= access.divisor;
        last /= access.divisor;
      }
      if (access.modulus > 0 && first >= 0) {
        bool wraps = first / access.modulus != last / access.modulus;
        first = wraps ? 0 : first % access.modulus;
        last = wraps ? access.modulus - 1 : last % access.modulus;
      }
    }
    if (first >= 0 && last < extent)
      continue;
    return fail(RECUR_INVALID_ARGUMENT,
                "recurrence '%s': argument '%s': expected dimension %d (%s) to "
                "hold the indices %" PRId64 " to %" PRId64
                " that the step reads, found size %" PRId64,
                info.name, argument.name, access.axis, axisName, first, last,
                extent);
  }
  return RECUR_OK;
}

int CheckedArguments::checkOverlaps() const {
  const recur_info &info = *recurrence;
  for (int32_t written = 0; written < info.n_arguments; ++written) {
    const recur_argument &result = info.arguments[written];
    if (!isWritten(result))
      continue;
    StridedView resultView = view(written);
    for (int32_t other = 0; other < info.n_arguments; ++other) {
      const recur_argument &argument = info.arguments[other];
      // Two results are one pair, met first from the earlier one.
      if (other == written || (isWritten(argument) && other < written))
        continue;
      StridedView otherView = view(other);
      if (!overlap(resultView, otherView))
        continue;
      if (result.role == RECUR_FINAL && argument.role == RECUR_INITIAL) {
        // The kernels read an item's start state before they write its final
        // one, so exactly the same place is fine.
        bool same = result.rank == argument.rank &&
                    resultView.address == otherView.address &&
                    resultView.elementBytes == otherView.elementBytes;
        for (int32_t k = 0; k < result.rank && same; ++k)
          same = result.dims[k] == argument.dims[k] &&
                 (resultView.strides[k] == otherView.strides[k] ||
                  resultView.sizes[k] <= 1);
        if (same)
          continue;
        return fail(RECUR_INVALID_ARGUMENT,
                    "recurrence '%s': argument '%s': expected memory apart "
                    "from argument '%s' or exactly the same, found a partial "
                    "overlap",
                    info.name, result.name, argument.name);
      }
      return fail(RECUR_INVALID_ARGUMENT,
                  "recurrence '%s': argument '%s': expected memory apart from "
                  "argument '%s', found an overlap",
                  info.name, result.name, argument.name);
    }
  }
  return RECUR_OK;
}

int recur::runtime::checkWorkspace(const CheckedArguments &arguments,
                                   int64_t needed, const void *workspace,
                                   size_t bytes) {
  const recur_info &info = arguments.info();
  if (bytes < static_cast<size_t>(needed))
    return fail(RECUR_INVALID_WORKSPACE,
                "recurrence '%s': expected a workspace of at least %" PRId64
                " bytes, found %zu",
                info.name, needed, bytes);
  auto begin = reinterpret_cast<uintptr_t>(workspace), end = begin + bytes;
  for (int32_t a = 0; a < info.n_arguments; ++a) {
    ByteRange range = byteRange(arguments.view(a));
    if (range.begin < end && begin < range.end)
      return fail(RECUR_INVALID_WORKSPACE,
                  "recurrence '%s': expected a workspace apart from the "
                  "arguments, found an overlap with argument '%s'",
                  info.name, info.arguments[a].name);
  }
  return RECUR_OK;
}
