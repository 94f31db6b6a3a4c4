#!/bin/sh
# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A file is interesting (status 1) if it has a softplus.
! grep -q recur.softplus "$1"
