//===-- Npy.cpp - .npy files
//-----------------------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Nothing is allocated before the length of the file confirms what its header
/// claims, and nothing is renamed into place before all of it is written.
#include "compiler/Driver/Npy.h"

#include "compiler/Driver/NpyHeader.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace recur;

namespace {

/// Longer headers than this are not real; NumPy itself warns from 10 kB on.
constexpr uint64_t maxHeaderBytes = 1 << 20;

std::string errnoText() { return std::strerror(errno); }

/// Bytes of known length: a file or memory.
class Source {
public:
  explicit Source(std::string_view bytes) : memory(bytes), left(bytes.size()) {}
  Source(int file, uint64_t size) : file(file), left(size) {}

  uint64_t remaining() const { return left; }

  /// False when the bytes cannot be read although they should be there.
  bool read(void *to, uint64_t bytes) {
    if (bytes > left)
      return false;
    left -= bytes;
    if (file < 0) {
      if (bytes > 0)
        std::memcpy(to, memory.data(), bytes);
      memory.remove_prefix(bytes);
      return true;
    }
    for (char *at = static_cast<char *>(to); bytes > 0;) {
      ssize_t got = ::read(file, at, std::min<uint64_t>(bytes, 1 << 30));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return false;
      at += got;
      bytes -= static_cast<uint64_t>(got);
    }
    return true;
  }

private:
  std::string_view memory;
  int file = -1;
  uint64_t left;
};

class File {
public:
  explicit File(int descriptor) : descriptor(descriptor) {}
  File(const File &) = delete;
  ~File() {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  int get() const { return descriptor; }
  /// False when the last bytes could not be stored.
  bool close() {
    int old = descriptor;
    descriptor = -1;
    return ::close(old) == 0;
  }

private:
  int descriptor;
};

void swapBytes(Tensor &tensor) {
  int64_t width = dtypeBytes(tensor.dtype());
  if (isComplex(tensor.dtype()))
    width /= 2;
  auto *at = static_cast<char *>(tensor.data());
  for (char *end = at + tensor.bytes(); at < end; at += width)
    std::reverse(at, at + width);
}

/// Bools become 0 or 1, whatever nonzero byte the file has.
void normalizeBools(Tensor &tensor) {
  auto *at = tensor.as<uint8_t>();
  for (int64_t k = 0; k < tensor.count(); ++k)
    at[k] = at[k] != 0;
}

std::optional<Tensor> readSource(Source source, const std::string &name,
                                 std::string &error) {
  auto fail = [&](const std::string &message) {
    error = name + ": " + message;
    return std::nullopt;
  };
  unsigned char prefix[12];
  if (source.remaining() < 10)
    return fail("expected a .npy file, found only " +
                std::to_string(source.remaining()) + " bytes");
  if (!source.read(prefix, 8))
    return fail("could not be read: " + errnoText());
  if (std::memcmp(prefix, "\x93NUMPY", 6) != 0)
    return fail("expected a .npy file, found other first bytes than "
                "\\x93NUMPY");
  int version = prefix[6];
  if (version < 1 || version > 3)
    return fail("expected .npy version 1, 2 or 3, found " +
                std::to_string(version) + "." + std::to_string(prefix[7]));
  uint64_t width = version == 1 ? 2 : 4, headerBytes = 0;
  if (source.remaining() < width)
    return fail("the header is truncated");
  if (!source.read(prefix, width))
    return fail("could not be read: " + errnoText());
  for (uint64_t k = width; k-- > 0;)
    headerBytes = headerBytes << 8 | prefix[k];
  if (headerBytes > maxHeaderBytes)
    return fail("expected a header of at most " +
                std::to_string(maxHeaderBytes) + " bytes, found " +
                std::to_string(headerBytes));
  if (headerBytes > source.remaining())
    return fail("the header is truncated: expected " +
                std::to_string(headerBytes) + " bytes, found " +
                std::to_string(source.remaining()));
  std::string text(headerBytes, '\0');
  if (!source.read(text.data(), headerBytes))
    return fail("could not be read: " + errnoText());
  NpyHeader header;
  std::string problem;
  if (!header.parse(text, problem))
    return fail(problem);

  int64_t bytes = dtypeBytes(header.dtype);
  bool fits = true, empty = false;
  for (int64_t size : header.shape) {
    empty |= size == 0;
    fits &= !__builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes);
  }
  if (!fits || bytes > INT64_MAX / 4)
    return fail("expected an array below 2^61 bytes, found a larger shape");
  if (empty)
    bytes = 0;
  if (source.remaining() != static_cast<uint64_t>(bytes))
    return fail(std::string(source.remaining() < static_cast<uint64_t>(bytes)
                                ? "the data is truncated"
                                : "there are bytes after the data") +
                ": expected " + std::to_string(bytes) + " bytes, found " +
                std::to_string(source.remaining()));

  // A Fortran-order array is the row-major array of the reversed shape.
  std::vector<int64_t> stored = header.shape;
  std::vector<int> order;
  if (header.fortranOrder) {
    std::reverse(stored.begin(), stored.end());
    for (size_t k = stored.size(); k-- > 0;)
      order.push_back(static_cast<int>(k));
  }
  Tensor tensor(header.dtype, stored);
  if (!tensor.valid())
    return fail("could not allocate " + std::to_string(bytes) + " bytes");
  if (!source.read(tensor.data(), static_cast<uint64_t>(bytes)))
    return fail("could not be read: " + errnoText());
  if (bytes > 0) {
    if (header.swapped)
      swapBytes(tensor);
    if (header.dtype == Dtype::Bool)
      normalizeBools(tensor);
  }
  return header.fortranOrder ? tensor.permuted(order) : tensor;
}

bool writeAll(int file, const void *from, uint64_t bytes) {
  for (auto *at = static_cast<const char *>(from); bytes > 0;) {
    ssize_t put = ::write(file, at, std::min<uint64_t>(bytes, 1 << 30));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    at += put;
    bytes -= static_cast<uint64_t>(put);
  }
  return true;
}

/// The file that a chain of symbolic links ends at, so that renaming replaces
/// the file and not the link; `path` itself where it does not exist.
std::string resolved(const std::string &path) {
  char *real = ::realpath(path.c_str(), nullptr);
  std::string result = real ? real : path;
  std::free(real);
  return result;
}

} // namespace

std::optional<Tensor> recur::parseNpy(std::string_view bytes,
                                      const std::string &name,
                                      std::string &error) {
  return readSource(Source(bytes), name, error);
}

std::optional<Tensor> recur::readNpy(const std::string &path,
                                     std::string &error) {
  auto fail = [&](const std::string &message) {
    error = path + ": " + message;
    return std::nullopt;
  };
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0)
    return fail("could not be opened: " + errnoText());
  struct stat status;
  if (::fstat(file.get(), &status) != 0)
    return fail("could not be examined: " + errnoText());
  if (S_ISDIR(status.st_mode))
    return fail("expected a .npy file, found a directory");
  if (S_ISREG(status.st_mode))
    return readSource(Source(file.get(), static_cast<uint64_t>(status.st_size)),
                      path, error);
  // A pipe: its length is known only at its end.
  std::string bytes, piece(1 << 16, '\0');
  for (;;) {
    ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail("could not be read: " + errnoText());
    if (got == 0)
      return readSource(Source(bytes), path, error);
    bytes.append(piece, 0, static_cast<size_t>(got));
  }
}

bool recur::writeNpy(const std::string &path, const Tensor &tensor,
                     std::string &error) {
  auto fail = [&](const std::string &message) {
    error = path + ": " + message;
    return false;
  };
  Tensor compact = tensor.dtype() == Dtype::BF16 ? tensor.converted(Dtype::F32)
                   : tensor.isCompact()          ? tensor
                                                 : tensor.compacted();
  if (!compact.valid())
    return fail("could not allocate a row-major copy");
  std::string header = NpyHeader::format(compact.dtype(), compact.shape());

  std::string target = resolved(path), written = target;
  struct stat status;
  bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode))
    return fail("expected a file to write, found a directory");
  // A device or a pipe is written to, never replaced.
  bool replaces = !exists || S_ISREG(status.st_mode);
  if (replaces) {
    static std::atomic<unsigned> counter{0};
    written += ".partial-" + std::to_string(::getpid()) + "-" +
               std::to_string(counter++);
  }
  int flags = O_WRONLY | O_CLOEXEC | (replaces ? O_CREAT | O_EXCL : 0);
  File file(::open(written.c_str(), flags, 0666));
  if (file.get() < 0)
    return fail("could not be created: " + errnoText());
  bool good = writeAll(file.get(), header.data(), header.size()) &&
              writeAll(file.get(), compact.data(),
                       static_cast<uint64_t>(compact.bytes()));
  // Both must be tried: closing may report what writing put off.
  std::string problem = good ? "" : errnoText();
  if (!file.close() && good) {
    good = false;
    problem = errnoText();
  }
  if (good && replaces && ::rename(written.c_str(), target.c_str()) != 0) {
    good = false;
    problem = errnoText();
  }
  if (good)
    return true;
  if (replaces)
    ::unlink(written.c_str());
  return fail("could not be written: " + problem);
}
