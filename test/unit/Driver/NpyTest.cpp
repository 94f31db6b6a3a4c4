//===-- NpyTest.cpp - reading and writing .npy files
//-----------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Round trips, every header version, and what each kind of broken file is
/// told.
#include "compiler/Driver/Npy.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

using namespace recur;

namespace {

/// A file of the given version with this dictionary and data.
std::string npy(const std::string &dictionary, const std::string &data,
                int version = 1) {
  std::string file("\x93NUMPY", 6);
  file += static_cast<char>(version);
  file += '\0';
  for (int k = 0; k < (version == 1 ? 2 : 4); ++k)
    file += static_cast<char>(dictionary.size() >> (8 * k) & 0xff);
  return file + dictionary + data;
}

std::string dictionary(const std::string &descr, const std::string &shape,
                       const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }\n";
}

template <typename T> std::string bytesOf(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char *>(std::data(values)),
                     values.size() * sizeof(T));
}

std::string errorOf(const std::string &bytes) {
  std::string error;
  std::optional<Tensor> tensor = parseNpy(bytes, "x.npy", error);
  return tensor ? "no error" : error;
}

class NpyFile : public testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("recur-npy-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string &name) const { return folder / name; }
  int64_t filesInFolder() const {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  }
  std::filesystem::path folder;
};

} // namespace

TEST(Npy, ReadsEveryHeaderVersion) {
  for (int version : {1, 2, 3}) {
    std::string error;
    std::optional<Tensor> tensor =
        parseNpy(npy(dictionary("<f4", "(2, 3)"),
                     bytesOf<float>({1, 2, 3, 4, 5, 6}), version),
                 "x.npy", error);
    ASSERT_TRUE(tensor) << error;
    EXPECT_EQ(tensor->dtype(), Dtype::F32);
    EXPECT_EQ(tensor->shape(), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(tensor->at({1, 2}).real(), 6);
  }
}

TEST(Npy, ReadsEveryDtype) {
  const std::pair<const char *, Dtype> types[] = {
      {"<f8", Dtype::F64}, {"<f4", Dtype::F32},   {"<f2", Dtype::F16},
      {"<c8", Dtype::C64}, {"<c16", Dtype::C128}, {"|i1", Dtype::I8},
      {"<i4", Dtype::I32}, {"<i8", Dtype::I64},   {"|b1", Dtype::Bool},
      {"?", Dtype::Bool},  {"=f4", Dtype::F32},   {"f4", Dtype::F32}};
  for (auto [descr, dtype] : types) {
    Tensor one(dtype, {1});
    one.store(0, 1.0);
    std::string error;
    std::optional<Tensor> tensor =
        parseNpy(npy(dictionary(descr, "(1,)"),
                     std::string(static_cast<char *>(one.data()),
                                 static_cast<size_t>(dtypeBytes(dtype)))),
                 "x.npy", error);
    ASSERT_TRUE(tensor) << error;
    EXPECT_EQ(tensor->dtype(), dtype) << descr;
    EXPECT_EQ(tensor->load(0), 1.0) << descr;
  }
}

TEST(Npy, SwapsBigEndian) {
  std::string error;
  std::optional<Tensor> tensor = parseNpy(
      npy(dictionary(">i4", "(1,)"), std::string("\x01\x02\x03\x04", 4)),
      "x.npy", error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->as<int32_t>()[0], 0x01020304);
  // Each part of a complex number is swapped by itself.
  tensor = parseNpy(
      npy(dictionary(">c8", "()"), std::string("\x3f\x80\0\0\x40\0\0\0", 8)),
      "x.npy", error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->load(0), std::complex<double>(1, 2));
}

TEST(Npy, ReadsFortranOrderAsStrides) {
  std::string error;
  std::optional<Tensor> tensor =
      parseNpy(npy(dictionary("<i4", "(2, 3)", "True"),
                   bytesOf<int32_t>({0, 10, 1, 11, 2, 12})),
               "x.npy", error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->shape(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensor->strides(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(tensor->at({1, 2}).real(), 12);
}

// Kernels may rely on bools being 0 or 1.
TEST(Npy, NormalizesBools) {
  std::string error;
  std::optional<Tensor> tensor = parseNpy(
      npy(dictionary("|b1", "(3,)"), std::string("\0\x02\xff", 3)), "x", error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->as<uint8_t>()[1], 1);
  EXPECT_EQ(tensor->as<uint8_t>()[2], 1);
}

TEST(Npy, ReadsEmptyAndScalarArrays) {
  std::string error;
  std::optional<Tensor> empty = parseNpy(
      npy(dictionary("<f4", "(0, 1125899906842624)"), ""), "x.npy", error);
  ASSERT_TRUE(empty) << error;
  EXPECT_EQ(empty->count(), 0);
  std::optional<Tensor> scalar = parseNpy(
      npy(dictionary("<f8", "()"), bytesOf<double>({2.5})), "x.npy", error);
  ASSERT_TRUE(scalar) << error;
  EXPECT_EQ(scalar->rank(), 0);
  EXPECT_EQ(scalar->load(0), 2.5);
}

TEST(Npy, SaysWhatIsWrong) {
  std::string data = bytesOf<float>({1, 2});
  EXPECT_EQ(errorOf(""), "x.npy: expected a .npy file, found only 0 bytes");
  EXPECT_EQ(errorOf("garbage that is long enough"),
            "x.npy: expected a .npy file, found other first bytes than "
            "\\x93NUMPY");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(2,)"), data, 4)),
            "x.npy: expected .npy version 1, 2 or 3, found 4.0");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(2,)"), data).substr(0, 20)),
            "x.npy: the header is truncated: expected 58 bytes, found 10");
  EXPECT_EQ(errorOf(std::string("\x93NUMPY\x02\0\xff\xff\xff\x7f", 12)),
            "x.npy: expected a header of at most 1048576 bytes, found "
            "2147483647");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(3,)"), data)),
            "x.npy: the data is truncated: expected 12 bytes, found 8");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(1,)"), data)),
            "x.npy: there are bytes after the data: expected 4 bytes, found 8");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(-2,)"), data)),
            "x.npy: expected non-negative sizes in the shape, found -2");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(99999999999999999999,)"), data)),
            "x.npy: a size in the shape does not fit 64 bits");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(4294967296, 4294967296)"), data)),
            "x.npy: expected an array below 2^61 bytes, found a larger shape");
  EXPECT_EQ(errorOf(npy(dictionary("<u2", "(2,)"), data)),
            "x.npy: expected dtype f8, f4, f2, c16, c8, i8, i4, i1 or b1, "
            "found '<u2'");
  EXPECT_EQ(errorOf(npy("{'descr': [('a', '<f4')], 'fortran_order': False, "
                        "'shape': (2,)}",
                        data)),
            "x.npy: expected one number an element, found a structured dtype");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(2)"), data)),
            "x.npy: expected a tuple as the shape, found one number in "
            "parentheses");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(2,)", "Maybe"), data)),
            "x.npy: expected True or False at character 34 of the header, "
            "found 'M'");
  EXPECT_EQ(errorOf(npy("{'descr': '<f4', 'shape': (2,)}", data)),
            "x.npy: the header lacks the key 'fortran_order'");
  EXPECT_EQ(errorOf(npy("{'descr': '<f4', 'descr': '<f4'}", data)),
            "x.npy: key 'descr' occurs twice in the header");
  EXPECT_EQ(errorOf(npy("{'order': 1}", data)),
            "x.npy: unexpected key 'order' in the header");
  EXPECT_EQ(errorOf(npy("{'descr: 1}", data)),
            "x.npy: a string in the header does not end");
  EXPECT_EQ(errorOf(npy(dictionary("<f4", "(2,)") + "x", data)),
            "x.npy: expected the end of the header at character 58 of the "
            "header, found 'x'");
}

TEST_F(NpyFile, WritesWhatItReads) {
  for (Dtype dtype :
       {Dtype::F64, Dtype::F32, Dtype::F16, Dtype::C64, Dtype::C128, Dtype::I8,
        Dtype::I32, Dtype::I64, Dtype::Bool})
    for (const std::vector<int64_t> &shape :
         {std::vector<int64_t>{}, {5}, {3, 4, 5}, {0, 7}, {1, 1}}) {
      Tensor tensor(dtype, shape);
      for (int64_t k = 0; k < tensor.count(); ++k)
        tensor.store(k, static_cast<double>(k));
      std::string error;
      ASSERT_TRUE(writeNpy(path("a.npy"), tensor, error)) << error;
      std::optional<Tensor> back = readNpy(path("a.npy"), error);
      ASSERT_TRUE(back) << error;
      EXPECT_EQ(back->dtype(), dtype);
      EXPECT_EQ(back->shape(), shape);
      EXPECT_EQ(std::memcmp(back->data(), tensor.data(),
                            static_cast<size_t>(tensor.bytes())),
                0);
      EXPECT_EQ(std::filesystem::file_size(path("a.npy")) % 64,
                static_cast<uintmax_t>(tensor.bytes()) % 64)
          << "data does not start at a multiple of 64";
    }
  EXPECT_EQ(filesInFolder(), 1);
}

TEST_F(NpyFile, WritesStridedTensorsAndBf16) {
  Tensor tensor(Dtype::BF16, {2, 3});
  for (int64_t k = 0; k < 6; ++k)
    tensor.store(k, static_cast<double>(k) + 0.5);
  std::string error;
  ASSERT_TRUE(writeNpy(path("a.npy"), tensor.permuted({1, 0}), error)) << error;
  std::optional<Tensor> back = readNpy(path("a.npy"), error);
  ASSERT_TRUE(back) << error;
  EXPECT_EQ(back->dtype(), Dtype::F32);
  EXPECT_EQ(back->shape(), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(back->at({2, 1}).real(), 5.5);
}

TEST_F(NpyFile, LeavesNothingAfterAnError) {
  Tensor tensor(Dtype::F32, {4});
  std::string error;
  EXPECT_FALSE(writeNpy(path("missing/a.npy"), tensor, error));
  EXPECT_EQ(error, path("missing/a.npy") +
                       ": could not be created: No such file or directory");
  EXPECT_FALSE(writeNpy(folder, tensor, error));
  EXPECT_EQ(error,
            folder.string() + ": expected a file to write, found a directory");
  EXPECT_EQ(filesInFolder(), 0);
  // A full device fails on writing, and stays a device.
  EXPECT_FALSE(writeNpy("/dev/full", tensor, error));
  EXPECT_EQ(error, "/dev/full: could not be written: No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(NpyFile, FollowsLinks) {
  Tensor tensor(Dtype::F32, {4});
  std::string error;
  ASSERT_TRUE(writeNpy(path("a.npy"), tensor, error)) << error;
  std::filesystem::create_symlink("a.npy", path("link.npy"));
  tensor.store(0, 3.0);
  ASSERT_TRUE(writeNpy(path("link.npy"), tensor, error)) << error;
  EXPECT_TRUE(std::filesystem::is_symlink(path("link.npy")));
  EXPECT_EQ(readNpy(path("a.npy"), error)->load(0), 3.0);
}

TEST_F(NpyFile, ReadsPipes) {
  std::string name = path("pipe");
  ASSERT_EQ(mkfifo(name.c_str(), 0600), 0);
  std::string file = npy(dictionary("<f4", "(2,)"), bytesOf<float>({1, 2}));
  if (pid_t child = fork(); child == 0) {
    std::ofstream(name) << file;
    _exit(0);
  }
  std::string error;
  std::optional<Tensor> tensor = readNpy(name, error);
  ASSERT_TRUE(tensor) << error;
  EXPECT_EQ(tensor->load(1), 2.0);
}

TEST_F(NpyFile, SaysWhyAFileCannotBeRead) {
  std::string error;
  EXPECT_FALSE(readNpy(path("missing.npy"), error));
  EXPECT_EQ(error, path("missing.npy") +
                       ": could not be opened: No such file or directory");
  EXPECT_FALSE(readNpy(folder, error));
  EXPECT_EQ(error,
            folder.string() + ": expected a .npy file, found a directory");
}

// Mutations of valid files never crash, and what is accepted can be written
// and read again.
TEST(Npy, SurvivesMutations) {
  std::mt19937 random(20240607);
  const std::string seeds[] = {
      npy(dictionary("<f4", "(2, 3)"), std::string(24, 'x')),
      npy(dictionary(">c16", "(1, 2)", "True"), std::string(32, 'x'), 2),
      npy(dictionary("|b1", "(0, 3, 1)"), "", 3),
      npy(dictionary("<i8", "()"), std::string(8, 'x')),
  };
  const std::string alphabet = "{}(),:'\"<>|=-0123456789 \nLTruealsdc?fib";
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes = seeds[random() % std::size(seeds)];
    for (uint32_t edits = 1 + random() % 4; edits > 0; --edits) {
      size_t at = random() % (bytes.size() + 1);
      char c = random() % 2 ? alphabet[random() % alphabet.size()]
                            : static_cast<char>(random());
      switch (random() % 4) {
      case 0:
        bytes.insert(at, 1, c);
        break;
      case 1:
        bytes.erase(at, 1 + random() % 3);
        break;
      case 2:
        if (at < bytes.size())
          bytes[at] = c;
        break;
      default:
        bytes.resize(random() % 8 ? bytes.size() : at);
      }
    }
    std::string error;
    std::optional<Tensor> tensor = parseNpy(bytes, "x", error);
    EXPECT_EQ(error.empty(), tensor.has_value());
    accepted += tensor.has_value();
  }
  EXPECT_GT(accepted, 1000);
}
