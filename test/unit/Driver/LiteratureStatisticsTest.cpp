//===-- LiteratureStatisticsTest.cpp - statistics against their papers ----===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Prefix sums, moments, Kalman filters and smoothers as their papers define
/// them.
//===----------------------------------------------------------------------===//

#include "Literature.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <array>

using namespace recur::literature;

namespace {

class Statistics : public testing::TestWithParam<Case> {};

TEST_P(Statistics, AgreeWithThePaper) { compare(GetParam()); }

using Vector = std::array<double, 2>;
using Matrix = std::array<Vector, 2>;

Matrix operator*(const Matrix &x, const Matrix &y) {
  Matrix z{};
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      z[i][j] = x[i][0] * y[0][j] + x[i][1] * y[1][j];
  return z;
}
Vector operator*(const Matrix &x, const Vector &v) {
  return {x[0][0] * v[0] + x[0][1] * v[1], x[1][0] * v[0] + x[1][1] * v[1]};
}
Matrix transpose(const Matrix &x) {
  return {{{x[0][0], x[1][0]}, {x[0][1], x[1][1]}}};
}
Matrix add(const Matrix &x, const Matrix &y, double factor = 1) {
  Matrix z = x;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      z[i][j] += factor * y[i][j];
  return z;
}
Matrix invert(const Matrix &x) {
  double det = x[0][0] * x[1][1] - x[0][1] * x[1][0];
  return {{{x[1][1] / det, -x[0][1] / det}, {-x[1][0] / det, x[0][0] / det}}};
}
Matrix load(Arrays &a, const char *name, std::vector<int64_t> at = {}) {
  Matrix m;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j)
      m[i][j] = at.empty() ? a.real(name, {i, j})
                           : a.real(name, {at[0], at[1], i, j});
  return m;
}
/// A symmetric matrix with positive eigenvalues, in place of what is there.
void makeCovariance(Arrays &a, const char *name, double scale) {
  Matrix m = load(a, name);
  Matrix c = m * transpose(m);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 2; ++j)
      a.at(name, {i, j}) = scale * (c[i][j] + (i == j));
}

// Kalman 1960: predict, then correct by the gain.
void runKalman(Arrays &a) {
  double F = a.real("F", {}), H = a.real("H", {}), Q = a.real("Q", {}),
         R = a.real("R", {});
  for (int64_t b = 0; b < a["b"]; ++b) {
    double x = a.real("m0", {b}), P = a.real("P0", {b});
    for (int64_t t = 0; t < a["t"]; ++t) {
      x = F * x;
      P = F * P * F + Q;
      double K = P * H / (H * P * H + R);
      x += K * (a.real("z", {b, t}) - H * x);
      P -= K * H * P;
      a.at("x", {b, t}) = x;
      a.at("P", {b, t}) = P;
    }
  }
}

void runKalman2(Arrays &a) {
  Matrix F = load(a, "F"), Q = load(a, "Q");
  Vector H{a.real("H", {0}), a.real("H", {1})};
  double R = a.real("R", {});
  for (int64_t b = 0; b < a["b"]; ++b) {
    Vector x{a.real("m0", {b}), a.real("v0", {b})};
    Matrix P{{{a.real("p11", {b}), a.real("p12", {b})},
              {a.real("p12", {b}), a.real("p22", {b})}}};
    for (int64_t t = 0; t < a["t"]; ++t) {
      x = F * x;
      P = add(F * P * transpose(F), Q);
      Vector PH = P * H;
      double S = H[0] * PH[0] + H[1] * PH[1] + R;
      double residual = a.real("z", {b, t}) - H[0] * x[0] - H[1] * x[1];
      for (int i = 0; i < 2; ++i)
        x[i] += PH[i] / S * residual;
      P = add(P,
              Matrix{{{PH[0] * PH[0], PH[0] * PH[1]},
                      {PH[1] * PH[0], PH[1] * PH[1]}}},
              -1 / S);
      a.at("x1", {b, t}) = x[0];
      a.at("x2", {b, t}) = x[1];
      a.at("P11", {b, t}) = P[0][0];
      a.at("P12", {b, t}) = P[0][1];
      a.at("P22", {b, t}) = P[1][1];
    }
  }
}

// Rauch, Tung and Striebel 1965, equations 3.28 to 3.30, in matrices. The last
// step keeps what the filter found.
void runSmoother2(Arrays &a) {
  Matrix F = load(a, "F"), Q = load(a, "Q");
  for (int64_t b = 0; b < a["b"]; ++b) {
    Vector x{};
    Matrix V{};
    for (int64_t t = a["t"]; t-- > 0;) {
      Matrix P = load(a, "P", {b, t}), predicted = add(F * P * transpose(F), Q);
      Vector m{a.real("m", {b, t, 0}), a.real("m", {b, t, 1})};
      if (t + 1 == a["t"]) {
        x = m;
        V = P;
      } else {
        Matrix G = P * transpose(F) * invert(predicted);
        Vector ahead = F * m;
        Vector change = G * Vector{x[0] - ahead[0], x[1] - ahead[1]};
        x = {m[0] + change[0], m[1] + change[1]};
        V = add(P, G * add(V, predicted, -1) * transpose(G));
      }
      a.at("x1", {b, t}) = x[0];
      a.at("x2", {b, t}) = x[1];
      a.at("V11", {b, t}) = V[0][0];
      a.at("V12", {b, t}) = V[0][1];
      a.at("V22", {b, t}) = V[1][1];
    }
  }
}

/// Covariances, and the gains that go with them; no gain at the last step.
void prepareSmoother2(Arrays &a) {
  makeCovariance(a, "Q", 0.2);
  Matrix F = load(a, "F"), Q = load(a, "Q");
  for (int64_t b = 0; b < a["b"]; ++b)
    for (int64_t t = 0; t < a["t"]; ++t) {
      Matrix m = load(a, "P", {b, t}), P = m * transpose(m);
      P[0][0] += 0.1;
      P[1][1] += 0.1;
      Matrix G = P * transpose(F) * invert(add(F * P * transpose(F), Q));
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 2; ++j) {
          a.at("P", {b, t, i, j}) = P[i][j];
          a.at("G", {b, t, i, j}) = t + 1 < a["t"] ? G[i][j] : 0;
        }
    }
}

void runSmoother(Arrays &a) {
  double F = a.real("F", {}), Q = a.real("Q", {});
  for (int64_t b = 0; b < a["b"]; ++b) {
    double x = 0, V = 0;
    for (int64_t t = a["t"]; t-- > 0;) {
      double m = a.real("m", {b, t}), P = a.real("P", {b, t});
      double predicted = F * P * F + Q, gain = P * F / predicted;
      bool last = t + 1 == a["t"];
      x = last ? m : m + gain * (x - F * m);
      V = last ? P : P + gain * (V - predicted) * gain;
      a.at("x", {b, t}) = x;
      a.at("V", {b, t}) = V;
    }
  }
}

// Two passes over all samples so far; where they are many, one over what is
// left of them without the first.
void runMoments(Arrays &a) {
  bool isLong = a["t"] > 1000;
  for (int64_t b = 0; b < a["b"]; ++b) {
    double first = a.real("x", {b, 0}), sum = 0, sumOfSquares = 0;
    for (int64_t t = 0; t < a["t"]; ++t) {
      if (isLong) {
        double x = a.real("x", {b, t}) - first, n = double(t + 1);
        sum += x;
        sumOfSquares += x * x;
        a.at("mean", {b, t}) = first + sum / n;
        a.at("variance", {b, t}) = sumOfSquares / n - sum / n * (sum / n);
        continue;
      }
      double mean = 0, squares = 0;
      for (int64_t s = 0; s <= t; ++s)
        mean += a.real("x", {b, s}) / double(t + 1);
      for (int64_t s = 0; s <= t; ++s)
        squares += std::pow(a.real("x", {b, s}) - mean, 2);
      a.at("mean", {b, t}) = mean;
      a.at("variance", {b, t}) = squares / double(t + 1);
    }
  }
}

// Winters: one loop with the last four seasons in a ring.
void runHoltWinters(Arrays &a) {
  double alpha = a.real("alpha", {}), beta = a.real("beta", {}),
         gamma = a.real("gamma", {});
  for (int64_t b = 0; b < a["b"]; ++b) {
    double level = a.real("level0", {b}), trend = a.real("trend0", {b});
    std::array<double, 4> season;
    for (int64_t k = 0; k < 4; ++k) // season1 is that of the step before
      season[3 - k] = a.real("season" + std::to_string(k + 1), {b});
    for (int64_t t = 0; t < a["t"]; ++t) {
      double x = a.real("x", {b, t}), before = level;
      double &now = season[t % 4];
      level = alpha * (x - now) + (1 - alpha) * (level + trend);
      trend = beta * (level - before) + (1 - beta) * trend;
      now = gamma * (x - level) + (1 - gamma) * now;
      a.at("forecast", {b, t}) = level + trend + season[(t + 1) % 4];
    }
  }
}

const Case kCases[] = {
    {"exclusive_sum",
     {{"b", 3}},
     {},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double sum = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           a.at("y", {b, t}) = sum;
           sum += a.real("x", {b, t});
         }
       }
     }},
    {"segmented_sum",
     {{"b", 3}},
     {},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double sum = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           if (a.real("flag", {b, t}) != 0)
             sum = 0;
           a.at("y", {b, t}) = sum += a.real("x", {b, t});
         }
       }
     },
     [](Arrays &a) {
       for (Complex &flag : a.arrays.at("flag").values)
         flag = flag.real() > 0.8;
     }},
    {"split",
     {{"b", 3}},
     {},
     [](Arrays &a) {
       // Where a stable sort by the bit puts each element.
       for (int64_t b = 0; b < a["b"]; ++b) {
         std::vector<int64_t> order;
         for (int bit : {0, 1})
           for (int64_t t = 0; t < a["t"]; ++t)
             if (a.real("bit", {b, t}) == bit)
               order.push_back(t);
         for (size_t i = 0; i < order.size(); ++i)
           a.at("place", {b, order[i]}) = double(i);
       }
     },
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double zeros = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           Complex &bit = a.at("bit", {b, t});
           bit = bit.real() > 0;
           zeros += bit == 0.0;
         }
         a.at("zeros", {b}) = zeros;
       }
     }},
    {"line_of_sight",
     {{"b", 3}},
     {{"distance", {1, 2}}, {"altitude", {0, 1}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto angle = [&](int64_t s) {
             return std::atan(
                 (a.real("altitude", {b, s}) - a.real("eye", {b})) /
                 a.real("distance", {s}));
           };
           bool visible = true;
           for (int64_t s = 0; s < t; ++s)
             visible = visible && angle(s) < angle(t);
           a.at("visible", {b, t}) = visible;
         }
     }},
    {"continued_fraction",
     {{"c", 3}},
     {{"a", {0.5, 1}}, {"b", {0.2, 0.6}}},
     [](Arrays &a) {
       for (int64_t c = 0; c < a["c"]; ++c) {
         double x = 1; // u_0 / u_{-1}
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("x", {c, t}) = x =
               a.real("a", {c, t}) + a.real("b", {c, t}) / x;
       }
     }},
    {"running_argmax",
     {{"b", 3}},
     {},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t t = 0; t < a["t"]; ++t) {
           int64_t best = 0;
           for (int64_t s = 1; s <= t; ++s)
             if (a.real("x", {b, s}) > a.real("x", {b, best}))
               best = s;
           a.at("best", {b, t}) = a.real("x", {b, best});
           a.at("at", {b, t}) = double(best);
         }
     },
     [](Arrays &a) {
       for (int64_t t = 0; t < a["t"]; ++t)
         a.at("n", {t}) = double(t);
       // Equal numbers: the first one counts.
       for (Complex &x : a.arrays.at("x").values)
         x = std::round(x.real() * 8);
     }},
    {"leaky_queue",
     {{"b", 3}},
     {{"a", {0, 1}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double w = a.real("w0", {b});
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("w", {b, t}) = w =
               std::max(a.real("a", {b, t}) * w + a.real("x", {b, t}), 0.0);
       }
     }},
    {"welford",
     {{"b", 3}},
     {{"x", {3, 5}}},
     runMoments,
     {},
     {1, 2, 33, 500, 262144}},
    {"kalman_scan",
     {{"b", 3}},
     {{"F", {0.8, 1}},
      {"H", {0.5, 1}},
      {"Q", {0.1, 0.3}},
      {"R", {0.5, 1}},
      {"P0", {0.5, 2}}},
     runKalman},
    {"kalman2",
     {{"b", 3}},
     {{"R", {0.5, 1}}, {"p11", {1, 2}}, {"p22", {1, 2}}, {"p12", {-1, 1}}},
     runKalman2,
     [](Arrays &a) {
       // A position that moves with a speed; the position is seen.
       double F[2][2] = {{1, 0.1}, {0, 1}};
       for (int64_t i = 0; i < 2; ++i)
         for (int64_t j = 0; j < 2; ++j)
           a.at("F", {i, j}) = F[i][j];
       a.at("H", {0}) = 1;
       a.at("H", {1}) = 0.25;
       makeCovariance(a, "Q", 0.05);
     }},
    {"smoother_scan",
     {{"b", 3}},
     {{"F", {0.8, 1}}, {"Q", {0.1, 0.3}}, {"P", {0.2, 1}}},
     runSmoother,
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b)
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("last", {b, t}) = t + 1 == a["t"];
     }},
    {"rts_smoother2", {{"b", 3}}, {}, runSmoother2, prepareSmoother2},
    {"holt_winters",
     {{"b", 3}},
     {{"alpha", {0.2, 0.6}}, {"beta", {0.1, 0.3}}, {"gamma", {0.1, 0.4}}},
     runHoltWinters},
};

INSTANTIATE_TEST_SUITE_P(Specs, Statistics, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
