//===-- Jit.cpp - loads an object into this process -----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// One LLJIT for the process, one library in it for each object.
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Jit.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include <atomic>

using namespace recur;
namespace orc = llvm::orc;

namespace {
/// What the JIT has reported on this thread since it was last asked. Its
/// errors only say that symbols failed; the report says why.
thread_local std::string reported;

/// The process's JIT, made on first use. It is never destroyed: other static
/// objects may hold code until the very end.
llvm::Expected<orc::LLJIT &> getJit() {
  struct Process {
    std::unique_ptr<orc::LLJIT> jit;
    std::string error;
  };
  static const Process &process = *[] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto *made = new Process;
    if (auto jit = orc::LLJITBuilder().create()) {
      made->jit = std::move(*jit);
      made->jit->getExecutionSession().setErrorReporter([](llvm::Error error) {
        reported += llvm::toString(std::move(error));
      });
    } else
      made->error = llvm::toString(jit.takeError());
    return made;
  }();
  if (!process.jit)
    return llvm::createStringError("cannot start the JIT: " + process.error);
  return *process.jit;
}

/// What generated code may call: the runtime, and the C library through the
/// process's symbols. The runtime's entries are given by address, since a
/// program may have loaded this library without making them global.
llvm::Error defineRuntime(orc::LLJIT &jit, orc::JITDylib &library) {
  orc::SymbolMap symbols;
  auto define = [&](llvm::StringRef name, auto *function) {
    symbols[jit.mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(function),
                                          llvm::JITSymbolFlags::Exported |
                                              llvm::JITSymbolFlags::Callable};
  };
  define("recur_call", &recur_call);
  define("recur_workspace", &recur_workspace);
  define("recur_select", &recur_select);
  define("recur_read_report", &recur_read_report);
  define("recur_last_error", &recur_last_error);
  if (llvm::Error error =
          library.define(orc::absoluteSymbols(std::move(symbols))))
    return error;
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  return llvm::Error::success();
}
} // namespace

llvm::Expected<std::unique_ptr<JitObject>>
JitObject::load(llvm::StringRef object) {
  auto jit = getJit();
  if (!jit)
    return jit.takeError();
  static std::atomic<uint64_t> count = 0;
  std::string name = "recur." + std::to_string(count++);
  auto library = jit->createJITDylib(name);
  if (!library)
    return library.takeError();
  std::unique_ptr<JitObject> loaded(new JitObject(*library));
  if (llvm::Error error = defineRuntime(*jit, *library))
    return error;
  if (llvm::Error error = jit->addObjectFile(
          *library, llvm::MemoryBuffer::getMemBufferCopy(object, name)))
    return error;
  return loaded;
}

JitObject::~JitObject() {
  if (auto jit = getJit())
    llvm::consumeError(jit->getExecutionSession().removeJITDylib(library));
  else
    llvm::consumeError(jit.takeError());
}

llvm::Expected<void *> JitObject::find(llvm::StringRef symbol) const {
  auto jit = getJit();
  if (!jit)
    return jit.takeError();
  reported.clear();
  auto address = jit->lookup(library, symbol);
  if (!address) {
    std::string text = llvm::toString(address.takeError());
    return llvm::createStringError("cannot load the code: " +
                                   (reported.empty() ? text : reported));
  }
  return address->toPtr<void *>();
}

llvm::Expected<const recur_info *> JitObject::info(llvm::StringRef name) const {
  auto function = find((name + "_info").str());
  if (!function)
    return function.takeError();
  return reinterpret_cast<const recur_info *(*)()>(*function)();
}
