//===-- LiteratureTest.cpp - example specs against their papers -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Compiled example specs against sequential implementations in f64 that follow
/// the papers' equations and share nothing with the compiler.
//===----------------------------------------------------------------------===//

#include <recur/compiler.h>
#include <recur/tensor.h>

#include "gtest/gtest.h"

#include <cmath>
#include <complex>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>

using namespace recur;

namespace {

using Complex = std::complex<double>;

/// Arrays by name: what a spec reads and what it should write.
class Arrays {
public:
  explicit Arrays(std::map<std::string, int64_t> sizes)
      : sizes(std::move(sizes)) {}

  int64_t operator[](const std::string &dim) const { return sizes.at(dim); }
  /// The number of an argument at a position.
  Complex &at(const std::string &name, std::initializer_list<int64_t> index) {
    auto &array = arrays.at(name);
    int64_t offset = 0, axis = 0;
    for (int64_t i : index)
      offset = offset * array.shape[axis++] + i;
    return array.values.at(offset);
  }
  double real(const std::string &name, std::initializer_list<int64_t> index) {
    return at(name, index).real();
  }

  struct Array {
    std::vector<int64_t> shape;
    std::vector<Complex> values;
  };
  std::map<std::string, int64_t> sizes;
  std::map<std::string, Array> arrays;
};

struct Case {
  const char *name;
  std::map<std::string, int64_t> sizes;
  std::map<std::string, std::pair<double, double>> ranges;
  /// Writes the results that are compared.
  std::function<void(Arrays &)> reference;
};
void PrintTo(const Case &test, std::ostream *out) { *out << test.name; }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

class Literature : public testing::TestWithParam<Case> {};

TEST_P(Literature, AgreesWithThePaper) {
  const Case &test = GetParam();
  std::ifstream file(std::string(RECUR_SPECS "/") + test.name + ".recur");
  std::stringstream text;
  text << file.rdbuf();
  Program program = Program::compile(text.str());
  ASSERT_TRUE(program) << program.errors();
  Function function = program[program.names().front()];
  const recur_info &info = function.info();
  for (int64_t steps : {1, 2, 33, 500}) {
    Arrays arrays(test.sizes);
    arrays.sizes["t"] = steps;
    std::mt19937_64 random(steps);
    std::vector<Tensor> tensors;
    for (int i = 0; i < info.n_arguments; ++i) {
      const recur_argument &argument = info.arguments[i];
      auto &array = arrays.arrays[argument.name];
      int64_t count = 1;
      for (int k = 0; k < argument.rank; ++k) {
        const recur_dim &dim = info.dims[argument.dims[k]];
        int64_t size = dim.size >= 0 ? dim.size : arrays[dim.name];
        arrays.sizes[dim.name] = size;
        array.shape.push_back(size);
        count *= size;
      }
      Dtype dtype;
      ASSERT_TRUE(dtypeOf(argument.dtype, dtype));
      Tensor tensor(dtype, array.shape);
      auto range = test.ranges.find(argument.name);
      auto [low, high] =
          range == test.ranges.end() ? std::pair(-1.0, 1.0) : range->second;
      std::uniform_real_distribution<double> uniform(low, high);
      array.values.assign(count, NAN);
      int64_t next = 0;
      tensor.forEach([&](int64_t offset) {
        bool output =
            argument.role == RECUR_RESULT || argument.role == RECUR_FINAL;
        bool isComplex = argument.dtype.code == kDLComplex;
        double re = uniform(random);
        tensor.store(offset, output      ? Complex(NAN)
                             : isComplex ? Complex(re, uniform(random))
                                         : Complex(re));
        if (!output)
          array.values[next] = tensor.load(offset);
        ++next;
      });
      tensors.push_back(tensor);
    }
    std::vector<DLTensor> views;
    std::vector<const DLTensor *> pointers;
    for (const Tensor &tensor : tensors)
      views.push_back(tensor.dl());
    for (const DLTensor &view : views)
      pointers.push_back(&view);
    ASSERT_EQ(function.call(pointers.data(), int(pointers.size())), RECUR_OK)
        << recur_last_error();
    test.reference(arrays);
    int compared = 0;
    for (int i = 0; i < info.n_arguments; ++i) {
      const recur_argument &argument = info.arguments[i];
      if (argument.role != RECUR_RESULT && argument.role != RECUR_FINAL)
        continue;
      const std::vector<Complex> &expected =
          arrays.arrays[argument.name].values;
      if (expected.empty() || std::isnan(expected[0].real()))
        continue;
      ++compared;
      double error = 0, norm = 0;
      int64_t next = 0;
      tensors[i].forEach([&](int64_t offset) {
        error += std::norm(tensors[i].load(offset) - expected[next]);
        norm += std::norm(expected[next++]);
      });
      EXPECT_LE(std::sqrt(error / (norm > 0 ? norm : 1)), 1e-5)
          << argument.name << " after " << steps << " steps";
    }
    EXPECT_GT(compared, 0);
  }
}

/// Calls `body` for every index below the sizes.
template <typename... Sizes, typename Body>
void forEach(Body body, int64_t size, Sizes... rest) {
  for (int64_t i = 0; i < size; ++i) {
    if constexpr (sizeof...(rest) == 0)
      body(i);
    else
      forEach([&](auto... more) { body(i, more...); }, rest...);
  }
}

// S4D: the state is discretised at every step, as in the paper's equations 2
// (zero-order hold) and 3 (bilinear).
void runS4d(Arrays &a, bool bilinear) {
  forEach(
      [&](int64_t b, int64_t d) {
        double dt = std::exp(a.real("log_dt", {d}));
        std::vector<Complex> state(a["n"]);
        for (int64_t t = 0; t < a["t"]; ++t) {
          double u = a.real("u", {b, t, d}), y = a.real("D", {d}) * u;
          for (int64_t n = 0; n < a["n"]; ++n) {
            Complex A = a.at("A", {d, n}), B = a.at("B", {d, n});
            Complex decay = bilinear ? (1.0 + dt / 2 * A) / (1.0 - dt / 2 * A)
                                     : std::exp(dt * A);
            Complex input =
                bilinear ? dt * B / (1.0 - dt / 2 * A) : (decay - 1.0) * B / A;
            state[n] = decay * state[n] + input * u;
            y += 2 * (a.at("C", {d, n}) * state[n]).real();
          }
          a.at("y", {b, t, d}) = y;
        }
      },
      a["b"], a["d"]);
}

// Linear attention with a decay for each row of the state.
void runAttention(
    Arrays &a,
    std::function<double(int64_t, int64_t, int64_t, int64_t)> decay) {
  forEach(
      [&](int64_t b, int64_t h, int64_t p) {
        std::vector<double> state(a["k"]);
        for (int64_t t = 0; t < a["t"]; ++t) {
          double o = 0;
          for (int64_t k = 0; k < a["k"]; ++k) {
            state[k] = decay(b, t, h, k) * state[k] +
                       a.real("key", {b, t, h, k}) * a.real("v", {b, t, h, p});
            o += a.real("q", {b, t, h, k}) * state[k];
          }
          a.at("o", {b, t, h, p}) = o;
        }
      },
      a["b"], a["h"], a["p"]);
}

// Probabilities themselves, scaled at every step (Rabiner 1989, section V.A).
void runForward(Arrays &a) {
  for (int64_t b = 0; b < a["b"]; ++b) {
    double scale = 0;
    std::vector<double> p(4), next(4);
    for (int64_t i = 0; i < 4; ++i)
      p[i] = std::exp(a.real("log_p0", {b, i}));
    for (int64_t t = 0; t < a["t"]; ++t) {
      double total = 0;
      for (int64_t i = 0; i < 4; ++i) {
        next[i] = 0;
        for (int64_t j = 0; j < 4; ++j)
          next[i] += std::exp(a.real("A", {i, j})) * p[j];
        total += next[i] *= std::exp(a.real("log_e", {b, t, i}));
      }
      scale += std::log(total);
      for (int64_t i = 0; i < 4; ++i) {
        p[i] = next[i] / total;
        a.at("log_f", {b, t, i}) = std::log(p[i]) + scale;
      }
      a.at("evidence", {b, t}) = scale;
    }
  }
}

// The best path to each state, by following every path's predecessor.
void runViterbi(Arrays &a) {
  for (int64_t b = 0; b < a["b"]; ++b) {
    std::vector<double> v(4), next(4);
    for (int64_t i = 0; i < 4; ++i)
      v[i] = a.real("log_p0", {b, i});
    for (int64_t t = 0; t < a["t"]; ++t) {
      for (int64_t i = 0; i < 4; ++i) {
        int64_t from = 0;
        for (int64_t j = 1; j < 4; ++j)
          if (a.real("A", {i, j}) + v[j] > a.real("A", {i, from}) + v[from])
            from = j;
        next[i] = a.real("A", {i, from}) + v[from] + a.real("log_e", {b, t, i});
      }
      v = next;
      for (int64_t i = 0; i < 4; ++i)
        a.at("v", {b, t, i}) = v[i];
      a.at("best", {b, t}) = *std::max_element(v.begin(), v.end());
    }
  }
}

// Two sections of order 2, one after the other over the whole signal.
void runButterworth(Arrays &a) {
  for (int64_t c = 0; c < a["c"]; ++c) {
    std::vector<double> signal;
    for (int64_t t = 0; t < a["t"]; ++t)
      signal.push_back(a.real("x", {c, t}));
    for (int64_t s = 0; s < 2; ++s) {
      std::vector<double> out;
      auto past = [](const std::vector<double> &from, int64_t t) {
        return t < 0 ? 0 : from[t];
      };
      for (int64_t t = 0; t < a["t"]; ++t)
        out.push_back(a.real("b", {s, 0}) * past(signal, t) +
                      a.real("b", {s, 1}) * past(signal, t - 1) +
                      a.real("b", {s, 2}) * past(signal, t - 2) -
                      a.real("a", {s, 0}) * past(out, t - 1) -
                      a.real("a", {s, 1}) * past(out, t - 2));
      signal = out;
    }
    for (int64_t t = 0; t < a["t"]; ++t)
      a.at("y", {c, t}) = signal[t];
  }
}

const Case kCases[] = {
    {"s4d",
     {{"b", 2}, {"d", 5}, {"n", 4}},
     {{"A", {-1, -0.1}}, {"log_dt", {-3, -1}}},
     [](Arrays &a) { runS4d(a, false); }},
    {"s4d_bilinear",
     {{"b", 2}, {"d", 5}, {"n", 4}},
     {{"A", {-1, -0.1}}, {"log_dt", {-3, -1}}},
     [](Arrays &a) { runS4d(a, true); }},
    {"lru",
     {{"b", 2}, {"d", 3}, {"n", 6}, {"m", 4}},
     {{"nu", {-3, 0}}, {"theta", {-2, 1}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         std::vector<Complex> x(a["n"]);
         for (int64_t t = 0; t < a["t"]; ++t) {
           for (int64_t n = 0; n < a["n"]; ++n) {
             Complex lambda = std::polar(std::exp(-std::exp(a.real("nu", {n}))),
                                         std::exp(a.real("theta", {n})));
             Complex input = 0;
             for (int64_t m = 0; m < a["m"]; ++m)
               input += a.at("B", {n, m}) * a.at("u", {b, t, m});
             x[n] = lambda * x[n] + std::sqrt(1 - std::norm(lambda)) * input;
           }
           for (int64_t d = 0; d < a["d"]; ++d) {
             double y = 0;
             for (int64_t n = 0; n < a["n"]; ++n)
               y += (a.at("C", {d, n}) * x[n]).real();
             for (int64_t m = 0; m < a["m"]; ++m)
               y += a.real("D", {d, m}) * a.real("u", {b, t, m});
             a.at("y", {b, t, d}) = y;
           }
         }
       }
     }},
    {"gla",
     {{"b", 2}, {"h", 2}, {"k", 5}, {"p", 3}},
     {},
     [](Arrays &a) {
       runAttention(a, [&](int64_t b, int64_t t, int64_t h, int64_t k) {
         return sigmoid(a.real("gate", {b, t, h, k}));
       });
     }},
    {"retnet",
     {{"b", 2}, {"h", 2}, {"k", 5}, {"p", 3}},
     {{"gamma", {0.5, 0.97}}},
     [](Arrays &a) {
       runAttention(a, [&](int64_t, int64_t, int64_t h, int64_t) {
         return a.real("gamma", {h});
       });
     }},
    {"holt",
     {{"b", 3}},
     {{"alpha", {0.2, 0.6}}, {"beta", {0.1, 0.4}}},
     [](Arrays &a) {
       double alpha = a.real("alpha", {}), beta = a.real("beta", {});
       for (int64_t b = 0; b < a["b"]; ++b) {
         double level = a.real("level0", {b}), trend = a.real("trend0", {b});
         for (int64_t t = 0; t < a["t"]; ++t) {
           double before = level;
           level = alpha * a.real("x", {b, t}) + (1 - alpha) * (level + trend);
           trend = beta * (level - before) + (1 - beta) * trend;
           a.at("forecast", {b, t}) = level + trend;
         }
       }
     }},
    {"butterworth", {{"c", 3}}, {{"a", {-0.4, 0.4}}}, runButterworth},
    {"vtrace",
     {{"b", 3}},
     {{"discount", {0.5, 0.99}}, {"rho_bar", {1, 1.5}}, {"c_bar", {0.8, 1}}},
     [](Arrays &a) {
       // Equation 1: a sum over all later steps of products of the weights.
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t s = 0; s < a["t"]; ++s) {
           double total = a.real("value", {b, s}), weight = 1;
           for (int64_t t = s; t < a["t"]; ++t) {
             double ratio = std::exp(a.real("log_rho", {b, t}));
             double rho = std::min(ratio, a.real("rho_bar", {}));
             total +=
                 weight * rho *
                 (a.real("reward", {b, t}) +
                  a.real("discount", {b, t}) * a.real("next_value", {b, t}) -
                  a.real("value", {b, t}));
             weight *= a.real("discount", {b, t}) *
                       std::min(ratio, a.real("c_bar", {}));
           }
           a.at("target", {b, s}) = total;
         }
     }},
    {"hmm_forward",
     {{"b", 3}},
     {{"A", {-3, -0.5}}, {"log_e", {-3, 0}}},
     runForward},
    {"viterbi",
     {{"b", 3}},
     {{"A", {-3, -0.5}}, {"log_e", {-3, 0}}},
     runViterbi},
    {"rts_smoother",
     {{"b", 3}},
     {{"gain", {0.3, 0.9}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double next = a.real("last", {b});
         for (int64_t t = a["t"]; t-- > 0;)
           a.at("smoothed", {b, t}) = next =
               a.real("filtered", {b, t}) +
               a.real("gain", {b, t}) * (next - a.real("predicted", {b, t}));
       }
     }},
    {"cusum",
     {{"b", 3}},
     {{"target", {-0.1, 0.1}}, {"slack", {0, 0.1}}},
     [](Arrays &a) {
       // Page's definition: how far the sum is above its least value so far.
       for (int64_t b = 0; b < a["b"]; ++b) {
         double sum = 0, least = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           sum +=
               a.real("x", {b, t}) - a.real("target", {}) - a.real("slack", {});
           least = std::min(least, sum);
           a.at("up", {b, t}) = sum - least;
         }
       }
     }},
    {"heinsen",
     {{"b", 2}, {"d", 3}},
     {{"log_a", {-2, -0.1}}},
     [](Arrays &a) {
       forEach(
           [&](int64_t b, int64_t d) {
             double x = std::exp(a.real("log_x0", {b, d}));
             for (int64_t t = 0; t < a["t"]; ++t)
               a.at("x", {b, t, d}) = x =
                   std::exp(a.real("log_a", {b, t, d})) * x +
                   std::exp(a.real("log_b", {b, t, d}));
           },
           a["b"], a["d"]);
     }},
    {"mingru_log",
     {{"b", 2}, {"d", 3}},
     {{"k", {-3, 3}}, {"v", {-3, 3}}},
     [](Arrays &a) {
       // Feng et al. 2024, section 3.1.2: h = (1 - z) h + z g(v).
       forEach(
           [&](int64_t b, int64_t d) {
             double h = std::exp(a.real("log_h0", {b, d}));
             for (int64_t t = 0; t < a["t"]; ++t) {
               double z = sigmoid(a.real("k", {b, t, d}));
               double v = a.real("v", {b, t, d});
               double g = v >= 0 ? v + 0.5 : sigmoid(v);
               a.at("h", {b, t, d}) = h = (1 - z) * h + z * g;
             }
           },
           a["b"], a["d"]);
     }},
    {"gae",
     {{"b", 3}},
     {{"gamma", {0.9, 0.99}}, {"lambda", {0.8, 0.95}}, {"done", {0, 0}}},
     [](Arrays &a) {
       // Equation 16: a sum of discounted residuals over all later steps.
       double gamma = a.real("gamma", {}), lambda = a.real("lambda", {});
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t s = 0; s < a["t"]; ++s) {
           double total = 0, weight = 1;
           for (int64_t t = s; t < a["t"]; ++t) {
             double next = t + 1 < a["t"] ? a.real("V", {b, t + 1})
                                          : a.real("bootstrap", {b});
             total += weight * (a.real("reward", {b, t}) + gamma * next -
                                a.real("V", {b, t}));
             weight *= gamma * lambda;
           }
           a.at("A", {b, s}) = total;
         }
     }},
};

INSTANTIATE_TEST_SUITE_P(Specs, Literature, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
