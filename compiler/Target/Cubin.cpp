//===-- Cubin.cpp - PTX to machine code -----------------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// libnvJitLink through dlopen, ptxas as a process.
//===----------------------------------------------------------------------===//

#include "compiler/Target/Cubin.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>

using namespace recur;
using llvm::SmallString;
using llvm::SmallVector;
using llvm::StringRef;

/// Where a CUDA toolkit may be, first the one that the user names.
static SmallVector<std::string> getToolkitRoots() {
  SmallVector<std::string> roots;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> root = llvm::sys::Process::GetEnv(variable))
      roots.push_back(*root);
  roots.push_back("/usr/local/cuda");
  return roots;
}

static Cubin makeFailure(const llvm::Twine &message) {
  return {Cubin::Status::Failed, "", StringRef(message.str()).rtrim().str()};
}

//===----------------------------------------------------------------------===//
// libnvJitLink
//===----------------------------------------------------------------------===//

namespace {
/// The entry points of libnvJitLink that are used, by their unversioned names;
/// null when the library is absent. Result codes are int, 0 is success.
struct NvJitLink {
  using Handle = void *;
  int (*create)(Handle *, uint32_t, const char **) = nullptr;
  int (*destroy)(Handle *) = nullptr;
  int (*addData)(Handle, int, const void *, size_t, const char *) = nullptr;
  int (*complete)(Handle) = nullptr;
  int (*getCubinSize)(Handle, size_t *) = nullptr;
  int (*getCubin)(Handle, void *) = nullptr;
  int (*getLogSize)(Handle, size_t *) = nullptr;
  int (*getLog)(Handle, char *) = nullptr;
  bool loaded = false;

  static const NvJitLink &get() {
    static const NvJitLink library;
    return library;
  }

private:
  NvJitLink() {
    void *handle = open();
    if (!handle)
      return;
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
          dlsym(handle, name));
      return function != nullptr;
    };
    loaded = find(create, "nvJitLinkCreate") &&
             find(destroy, "nvJitLinkDestroy") &&
             find(addData, "nvJitLinkAddData") &&
             find(complete, "nvJitLinkComplete") &&
             find(getCubinSize, "nvJitLinkGetLinkedCubinSize") &&
             find(getCubin, "nvJitLinkGetLinkedCubin") &&
             find(getLogSize, "nvJitLinkGetErrorLogSize") &&
             find(getLog, "nvJitLinkGetErrorLog");
  }

  static void *open() {
    static constexpr StringRef names[] = {
        "libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so"};
    for (const std::string &root : getToolkitRoots())
      for (StringRef folder : {"lib64", "lib"})
        for (StringRef name : names) {
          SmallString<128> path(root);
          llvm::sys::path::append(path, folder, name);
          if (void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
            return handle;
        }
    for (StringRef name : names)
      if (void *handle = dlopen(name.data(), RTLD_NOW | RTLD_LOCAL))
        return handle;
    return nullptr;
  }
};
} // namespace

static Cubin assembleWithNvJitLink(StringRef ptx, const TargetSpec &target) {
  const NvJitLink &library = NvJitLink::get();
  if (!library.loaded)
    return {};
  constexpr int inputPtx = 2; // NVJITLINK_INPUT_PTX
  std::string arch = "-arch=" + target.chip;
  const char *options[] = {arch.c_str(), "-O3"};
  NvJitLink::Handle handle = nullptr;
  if (int code = library.create(&handle, std::size(options), options))
    return makeFailure("libnvJitLink refuses " + arch + " (code " +
                       llvm::Twine(code) + ")");
  llvm::scope_exit destroy([&] { library.destroy(&handle); });

  // The library wants a terminated string and counts the terminator.
  std::string text = ptx.str();
  int code =
      library.addData(handle, inputPtx, text.c_str(), text.size() + 1, "recur");
  if (!code)
    code = library.complete(handle);
  size_t size = 0;
  if (!code)
    code = library.getCubinSize(handle, &size);
  Cubin cubin{Cubin::Status::Ok, std::string(size, '\0'), ""};
  if (!code)
    code = library.getCubin(handle, cubin.bytes.data());
  if (!code)
    return cubin;

  std::string log;
  if (!library.getLogSize(handle, &size) && size) {
    log.resize(size);
    if (library.getLog(handle, log.data()))
      log.clear();
    log = StringRef(log.c_str()).rtrim().str();
  }
  return makeFailure("libnvJitLink failed with code " + llvm::Twine(code) +
                     (log.empty() ? "" : ": " + log));
}

//===----------------------------------------------------------------------===//
// ptxas
//===----------------------------------------------------------------------===//

static std::string findPtxas() {
  for (const std::string &root : getToolkitRoots()) {
    // PATH goes before the default root, after the roots a user names.
    if (root == "/usr/local/cuda")
      if (auto path = llvm::sys::findProgramByName("ptxas"))
        return *path;
    SmallString<128> bin(root);
    llvm::sys::path::append(bin, "bin");
    if (auto path = llvm::sys::findProgramByName("ptxas", {bin.str()}))
      return *path;
  }
  return "";
}

static Cubin assembleWithPtxas(StringRef ptx, const TargetSpec &target) {
  std::string ptxas = findPtxas();
  if (ptxas.empty())
    return {};
  SmallString<128> paths[3];
  SmallVector<llvm::FileRemover, 3> removers(3);
  StringRef suffixes[] = {"ptx", "cubin", "log"};
  for (int i = 0; i < 3; ++i) {
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("recur", suffixes[i], paths[i]))
      return makeFailure("cannot make a temporary file: " + error.message());
    removers[i].setFile(paths[i]);
  }
  auto [input, output, log] = std::tie(paths[0], paths[1], paths[2]);
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(input, error);
    stream << ptx;
    stream.close();
    if (error || stream.has_error())
      return makeFailure("cannot write '" + input +
                         "': " + (error ? error : stream.error()).message());
  }
  std::string arch = "-arch=" + target.chip;
  StringRef arguments[] = {ptxas, arch, "-O3", input, "-o", output};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  auto readFile = [](StringRef path) -> std::string {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "";
  };
  if (code)
    return makeFailure("'" + ptxas + "' failed with exit code " +
                       llvm::Twine(code) + ": " + message + readFile(log));
  return {Cubin::Status::Ok, readFile(output), ""};
}

Cubin recur::assembleCubin(StringRef ptx, const TargetSpec &target,
                           Assembler assembler) {
  assert(target.isGpu() && "a cubin is for a GPU");
  Cubin linked, assembled;
  if (assembler != Assembler::Ptxas)
    linked = assembleWithNvJitLink(ptx, target);
  if (linked.status == Cubin::Status::Ok || assembler == Assembler::NvJitLink)
    return linked;
  // A library older than the PTX may stand beside a newer ptxas.
  assembled = assembleWithPtxas(ptx, target);
  if (assembled.status == Cubin::Status::NotAvailable &&
      linked.status == Cubin::Status::Failed)
    return linked;
  return assembled;
}
