//===-- JoinObjectsTest.cpp - object files to one -------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Symbols of joined objects find each other, and only what was global stays
/// so.
//===----------------------------------------------------------------------===//

#include "compiler/Target/JoinObjects.h"

#include "compiler/Target/HostObject.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

#include <map>

using namespace recur;

static std::string compile(llvm::StringRef text) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic error;
  auto module = llvm::parseAssemblyString(text, error, context);
  if (!module) {
    ADD_FAILURE() << error.getMessage().str();
    return "";
  }
  auto bytes = emitHostObject(*module);
  if (!bytes) {
    ADD_FAILURE() << llvm::toString(bytes.takeError());
    return "";
  }
  return std::string(bytes->begin(), bytes->end());
}

static const char *const caller = R"(
@table = constant ptr @helper
declare hidden void @helper()
declare void @elsewhere()
define void @entry() {
  call void @helper()
  call void @elsewhere()
  ret void
}
)";

static const char *const callee = R"(
define internal void @own() noinline {
  call void @elsewhere()
  ret void
}
define hidden void @helper() {
  call void @own()
  ret void
}
declare void @elsewhere()
)";

TEST(JoinObjects, ResolvesSymbols) {
  std::string first = compile(caller), second = compile(callee);
  auto joined = joinObjects({first, second});
  ASSERT_TRUE(bool(joined)) << llvm::toString(joined.takeError());
  auto object = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef({joined->data(), joined->size()}, "joined"));
  ASSERT_TRUE(bool(object)) << llvm::toString(object.takeError());
  std::map<std::string, std::pair<bool, bool>> found; // global, undefined
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    std::string name = llvm::cantFail(symbol.getName()).str();
    if (name.empty() || flags & llvm::object::SymbolRef::SF_FormatSpecific)
      continue;
    EXPECT_EQ(found.count(name), 0u) << name;
    found[name] = {(flags & llvm::object::SymbolRef::SF_Global) != 0,
                   (flags & llvm::object::SymbolRef::SF_Undefined) != 0};
  }
  std::map<std::string, std::pair<bool, bool>> expected = {
      {"entry", {true, false}},
      {"table", {true, false}},
      {"helper", {false, false}},
      {"own", {false, false}},
      {"elsewhere", {true, true}}};
  EXPECT_EQ(found, expected);
  // Relocations of both name the one symbol.
  std::map<std::string, int> relocations;
  for (const llvm::object::SectionRef &section : (*object)->sections())
    for (const llvm::object::RelocationRef &relocation : section.relocations())
      ++relocations[llvm::cantFail(relocation.getSymbol()->getName()).str()];
  EXPECT_EQ(relocations["helper"], 2);
  EXPECT_EQ(relocations["elsewhere"], 2);
}

TEST(JoinObjects, RefusesTwoDefinitions) {
  std::string object = compile(callee);
  auto joined = joinObjects({object, object});
  ASSERT_FALSE(bool(joined));
  EXPECT_EQ(llvm::toString(joined.takeError()),
            "objects to join both define 'helper'");
}

TEST(JoinObjects, RefusesWhatIsNoObject) {
  std::string text(200, 'x');
  auto joined = joinObjects({text});
  ASSERT_FALSE(bool(joined));
  EXPECT_NE(llvm::toString(joined.takeError()), "");
}
