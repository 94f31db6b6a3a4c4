//===-- SpecGenerator.cpp - specs that are mostly right -------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Writes a random spec along the grammar, with names that exist and dtypes
/// that often fit, to reach the emission of IR.
#include "Fuzz.h"
#include <vector>

namespace {

class Generator {
public:
  explicit Generator(std::mt19937_64 &random) : random(random) {}

  std::string spec() {
    reverse = one(6);
    bool segments = one(8), reset = one(6), history = one(4), block = one(3);
    std::string text;
    if (one(3)) {
      text += "def g(p, q) = " + inFunction(2) + "\n";
      hasFunction = true;
    }
    text += "recurrence f over t ";
    if (reverse)
      text += "reverse ";
    text += "(x[b,t,d]" + dtype() +
            ", w[d,n=4], m[b,t]: bool, k[b,t]: i32, "
            "v[b,t,i=2,j=2], c[q=3], past[b,k=3,d], h0[d]" +
            (segments ? ", s0[s,d]" : "") + ") -> (y[b,t,d]" + dtype() +
            (one(2) ? ", final h" : "") + (one(3) ? ", h[d,t,b]" : "") + ")";
    if (reset)
      text += " reset r[b,t]" + std::string(one(2) ? ": i32" : "");
    if (segments)
      text += " segments cu[s]";
    text += " {\n";
    if (history)
      text += "  history x = past\n";
    text += "  state h[b,d]" + std::string(one(5) ? ": f64" : "");
    if (one(2))
      text += pick({" = h0", " = -inf", " = 1", " = 0, 2",
                    segments ? " = s0" : " = nan"});
    text += "\n";
    if (block)
      text += "  state e[b,i]\n  e = sum(j: v * " +
              std::string(reverse ? "e[b,t+1,j]" : "e[b,t-1,j]") + ") + c[1]\n";
    readable = {"x",    "prev(x)", "prev(h)", "c[0]",
                "c[2]", "k",       "h0",      "prev(h, 2)"};
    unsigned locals = random() % 4;
    for (unsigned i = 0; i < locals; ++i) {
      std::string name = "l" + std::to_string(i);
      text += "  " + name + " = " + number(4) + "\n";
      readable.push_back(name);
    }
    text += "  h = " + number(4) + "\n";
    readable.push_back("h");
    text += "  y = " + number(4) + "\n}\n";
    return text;
  }

private:
  bool one(unsigned in) { return random() % in == 0; }
  std::string pick(const std::vector<std::string> &choices) {
    return choices[random() % choices.size()];
  }
  std::string dtype() {
    return one(2) ? "" : pick({": bf16", ": f16", ": f64", ": f32"});
  }

  std::string inFunction(unsigned depth) {
    if (depth == 0)
      return pick({"p", "q", "0.1", "2"});
    return pick({"(", "exp(", "-(", "min(1, ", "tanh("}) +
           inFunction(depth - 1) + pick({" + ", " * ", " / "}) +
           inFunction(depth - 1) + ")";
  }

  std::string truth(unsigned depth) {
    if (depth == 0 || one(4))
      return pick({"m", "true", "prev(m)", "k == 3", "k < prev(k)"});
    switch (random() % 3) {
    case 0:
      return "not (" + truth(depth - 1) + ")";
    case 1:
      return "(" + truth(depth - 1) + pick({" and ", " or ", " == "}) +
             truth(depth - 1) + ")";
    default:
      return number(depth - 1) + pick({" < ", " >= ", " != "}) +
             number(depth - 1);
    }
  }

  std::string complexNumber(unsigned depth) {
    if (depth == 0)
      return "complex(" + pick(readable) + ", 1)";
    return pick({"exp(", "(", "conj(", "-(", "expm1("}) +
           complexNumber(depth - 1) + pick({" * ", " + ", " / "}) +
           number(depth - 1) + ")";
  }

  std::string number(unsigned depth) {
    if (depth == 0 || one(6))
      return one(4) ? pick({"1", "0.1", "2.5e-3", "1 / 3"}) : pick(readable);
    switch (random() % 10) {
    case 0:
      return "select(" + truth(depth - 1) + ", " + number(depth - 1) + ", " +
             number(depth - 1) + ")";
    case 1:
      return pick({"sum", "max", "min", "logsumexp"}) + "(n: w * " +
             number(depth - 1) + ")";
    case 2:
      return pick({"exp", "tanh", "sigmoid", "softplus", "silu", "relu", "abs",
                   "sin", "sqrt"}) +
             "(" + number(depth - 1) + ")";
    case 3:
      return pick({"min(", "max(", "logaddexp("}) + number(depth - 1) + ", " +
             number(depth - 1) + ")";
    case 4:
      return pick({"real(", "imag(", "abs("}) + complexNumber(depth - 1) + ")";
    case 5:
      if (hasFunction)
        return "g(" + number(depth - 1) + ", " + number(depth - 1) + ")";
      [[fallthrough]];
    default:
      return "(" + number(depth - 1) + pick({" + ", " - ", " * ", " / "}) +
             number(depth - 1) + ")";
    }
  }

  std::mt19937_64 &random;
  bool reverse = false, hasFunction = false;
  std::vector<std::string> readable;
};

} // namespace

std::string generateSpec(std::mt19937_64 &random) {
  return Generator(random).spec();
}
