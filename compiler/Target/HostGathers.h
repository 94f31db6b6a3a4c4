//===-- HostGathers.h - gathers that are no instruction ---------*- C++ -*-===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Loops over the lanes of gathers and scatters that are no instruction.
//===----------------------------------------------------------------------===//
#ifndef RECUR_COMPILER_TARGET_HOSTGATHERS_H
#define RECUR_COMPILER_TARGET_HOSTGATHERS_H

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace recur {

/// Turns masked gathers and scatters that functions of `module` have no
/// instruction for into loops.
void expandGathers(llvm::Module &module, const llvm::TargetMachine &machine);

} // namespace recur

#endif // RECUR_COMPILER_TARGET_HOSTGATHERS_H
