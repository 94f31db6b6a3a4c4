//===-- LiteratureModelsTest.cpp - gates and returns against their papers -===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Prefix sums, gated recurrent networks, selective scans and discounted
/// returns as their papers define them.
//===----------------------------------------------------------------------===//

#include "Literature.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace recur::literature;

namespace {

class Models : public testing::TestWithParam<Case> {};

TEST_P(Models, AgreeWithThePaper) { compare(GetParam()); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log(1 + std::exp(x)); }

/// One state for each (b, d) that starts at `start` and that `step` moves on.
void runCells(Arrays &a, const char *start, const char *result,
              std::function<double(double, int64_t, int64_t, int64_t)> step,
              bool logarithm = false) {
  forEach(
      [&](int64_t b, int64_t d) {
        double h = !start      ? 0
                   : logarithm ? std::exp(a.real(start, {b, d}))
                               : a.real(start, {b, d});
        for (int64_t t = 0; t < a["t"]; ++t)
          a.at(result, {b, t, d}) = h = step(h, b, t, d);
      },
      a["b"], a["d"]);
}

// Gu and Dao 2023, algorithm 2 with equation 4's discretisation of A; Gu et al.
// 2022 with time-invariant B, C and steps.
void runStates(Arrays &a, bool selective) {
  forEach(
      [&](int64_t b, int64_t d) {
        std::vector<double> state(a["n"]);
        for (int64_t t = 0; t < a["t"]; ++t) {
          double u = a.real("u", {b, t, d}), y = a.real("D", {d}) * u;
          double dt =
              selective
                  ? softplus(a.real("delta", {b, t, d}) + a.real("bias", {d}))
                  : std::exp(a.real("log_dt", {d}));
          for (int64_t n = 0; n < a["n"]; ++n) {
            double A = a.real("A", {d, n});
            double B = selective
                           ? dt * a.real("B", {b, t, n})
                           : (std::exp(dt * A) - 1) / A * a.real("B", {d, n});
            state[n] = std::exp(dt * A) * state[n] + B * u;
            y += (selective ? a.real("C", {b, t, n}) : a.real("C", {d, n})) *
                 state[n];
          }
          if (selective)
            y *= a.real("z", {b, t, d}) * sigmoid(a.real("z", {b, t, d}));
          a.at("y", {b, t, d}) = y;
        }
      },
      a["b"], a["d"]);
}

// Dao and Gu 2024, equation 16 with the decay a number a head; eight heads
// share B and C.
void runSsd(Arrays &a) {
  forEach(
      [&](int64_t b, int64_t h, int64_t p) {
        std::vector<double> state(a["n"]);
        for (int64_t t = 0; t < a["t"]; ++t) {
          double dt =
              softplus(a.real("delta", {b, t, h}) + a.real("bias", {h}));
          double x = a.real("x", {b, t, h, p}), y = a.real("D", {h}) * x;
          for (int64_t n = 0; n < a["n"]; ++n) {
            state[n] = std::exp(dt * a.real("A", {h})) * state[n] +
                       dt * a.real("B", {b, t, h / 8, n}) * x;
            y += a.real("C", {b, t, h / 8, n}) * state[n];
          }
          a.at("y", {b, t, h, p}) = y;
        }
      },
      a["b"], a["h"], a["p"]);
}

// All prefixes anew: what is combined, and from where.
void runPrefixes(Arrays &a, const char *result, double empty,
                 std::function<double(double, double)> combine) {
  for (int64_t b = 0; b < a["b"]; ++b)
    for (int64_t t = 0; t < a["t"]; ++t) {
      double total = empty;
      for (int64_t s = 0; s <= t; ++s)
        total = combine(total, a.real("x", {b, s}));
      a.at(result, {b, t}) = total;
    }
}

// The best, or the total, weight of all paths that enter at some step: Mohri
// 2002, section 2, without a semiring.
void runPaths(Arrays &a, bool best) {
  for (int64_t b = 0; b < a["b"]; ++b)
    for (int64_t t = 0; t < a["t"]; ++t) {
      double weight = 0, most = -INFINITY, total = 0;
      for (int64_t s = t; s >= 0; --s) {
        most = std::max(most, a.real("x", {b, s}) + weight);
        total += std::exp(a.real("x", {b, s}) + weight);
        weight += a.real("a", {b, s});
      }
      a.at("v", {b, t}) = best ? most : std::log(total);
    }
}

const Case kCases[] = {
    {"cumulative_sum",
     {{"b", 3}},
     {},
     [](Arrays &a) {
       runPrefixes(a, "y", 0, [](double x, double y) { return x + y; });
     }},
    {"cumulative_product",
     {{"b", 3}},
     {{"x", {0.95, 1.05}}},
     [](Arrays &a) {
       runPrefixes(a, "y", 1, [](double x, double y) { return x * y; });
     }},
    {"max_plus", {{"b", 3}}, {}, [](Arrays &a) { runPaths(a, /*best=*/true); }},
    {"log_semiring",
     {{"b", 3}},
     {},
     [](Arrays &a) { runPaths(a, /*best=*/false); }},
    {"discounted_returns",
     {{"b", 3}},
     {{"gamma", {0.8, 0.99}}},
     [](Arrays &a) {
       // Equation 3.8: a sum over what comes until the episode is done.
       double gamma = a.real("gamma", {});
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t s = 0; s < a["t"]; ++s) {
           double total = 0, weight = 1;
           int64_t t = s;
           for (; t < a["t"]; ++t) {
             total += weight * a.real("reward", {b, t});
             if (a.real("done", {b, t}) != 0)
               break;
             weight *= gamma;
           }
           a.at("G", {b, s}) =
               total + (t == a["t"] ? weight * a.real("bootstrap", {b}) : 0);
         }
     },
     [](Arrays &a) {
       for (Complex &done : a.arrays.at("done").values)
         done = done.real() > 0.9;
     }},
    {"s4d_real",
     {{"b", 2}, {"d", 5}, {"n", 4}},
     {{"A", {-1, -0.1}}, {"log_dt", {-3, -1}}},
     [](Arrays &a) { runStates(a, /*selective=*/false); }},
    {"selective_scan",
     {{"b", 2}, {"d", 5}, {"n", 4}},
     {{"A", {-1, -0.1}}},
     [](Arrays &a) { runStates(a, /*selective=*/true); }},
    {"ssd",
     {{"b", 2}, {"h", 16}, {"p", 3}, {"g", 2}, {"n", 4}},
     {{"A", {-1, -0.1}}},
     runSsd},
    {"mingru",
     {{"b", 2}, {"d", 3}},
     {{"k", {-3, 3}}},
     [](Arrays &a) {
       runCells(a, "h0", "h", [&](double h, int64_t b, int64_t t, int64_t d) {
         double z = sigmoid(a.real("k", {b, t, d}));
         return h + z * (a.real("v", {b, t, d}) - h);
       });
     }},
    {"minlstm",
     {{"b", 2}, {"d", 3}},
     {{"forget", {-3, 3}}, {"input", {-3, 3}}},
     [](Arrays &a) {
       runCells(a, "h0", "h", [&](double h, int64_t b, int64_t t, int64_t d) {
         double f = sigmoid(a.real("forget", {b, t, d}));
         double i = sigmoid(a.real("input", {b, t, d}));
         return (f * h + i * a.real("v", {b, t, d})) / (f + i);
       });
     }},
    {"minlstm_log",
     {{"b", 2}, {"d", 3}},
     {{"forget", {-3, 3}}, {"input", {-3, 3}}, {"v", {-3, 3}}},
     [](Arrays &a) {
       runCells(
           a, "log_h0", "h",
           [&](double h, int64_t b, int64_t t, int64_t d) {
             double f = sigmoid(a.real("forget", {b, t, d}));
             double i = sigmoid(a.real("input", {b, t, d}));
             double v = a.real("v", {b, t, d});
             return (f * h + i * (v >= 0 ? v + 0.5 : sigmoid(v))) / (f + i);
           },
           /*logarithm=*/true);
     }},
    {"rg_lru",
     {{"b", 2}, {"d", 3}},
     {{"recurrence_gate", {-3, 3}}, {"Lambda", {-5, -2}}},
     [](Arrays &a) {
       // Equations 3 to 6: a = sigmoid(-Lambda)^(8 r).
       runCells(
           a, nullptr, "h", [&](double h, int64_t b, int64_t t, int64_t d) {
             double r = sigmoid(a.real("recurrence_gate", {b, t, d}));
             double i = sigmoid(a.real("input_gate", {b, t, d}));
             double decay = std::pow(sigmoid(-a.real("Lambda", {d})), 8 * r);
             return decay * h +
                    std::sqrt(1 - decay * decay) * i * a.real("x", {b, t, d});
           });
     }},
    {"rc_filter",
     {{"c", 3}},
     {{"resistance", {1, 2}},
      {"capacitance", {0.5, 1}},
      {"interval", {0.1, 1}}},
     [](Arrays &a) {
       // C (y_t - y_{t-1}) / T = (x_t - y_t) / R, solved for y_t.
       double R = a.real("resistance", {}), C = a.real("capacitance", {}),
              T = a.real("interval", {});
       for (int64_t c = 0; c < a["c"]; ++c) {
         double y = 0;
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("y", {c, t}) = y =
               (C / T * y + a.real("x", {c, t}) / R) / (C / T + 1 / R);
       }
     }},
};

INSTANTIATE_TEST_SUITE_P(Specs, Models, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
