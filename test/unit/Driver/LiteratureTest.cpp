//===-- LiteratureTest.cpp - example specs against their papers -----------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Models of sequences, filters and returns as their papers define them.
//===----------------------------------------------------------------------===//

#include "Literature.h"
#include "test/unit/Golden.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace recur::literature;

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

class Literature : public testing::TestWithParam<Case> {};

TEST_P(Literature, AgreesWithThePaper) { compare(GetParam()); }

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

// Mamba-3: the trapezoidal rule in the paper's three terms, for vectors of rank
// r in and q out; rank 1 without these indices.
void runMamba3(Arrays &a, bool many) {
  int64_t in = many ? a["r"] : 1, out = many ? a["q"] : 1;
  auto vector = [&](const char *name, int64_t b, int64_t t, int64_t h,
                    int64_t i, int64_t r) {
    return many ? a.at(name, {b, t, h, i, r}) : a.at(name, {b, t, h, i});
  };
  forEach(
      [&](int64_t b, int64_t h, int64_t p) {
        std::vector<Complex> state(a["n"]);
        for (int64_t t = 0; t < a["t"]; ++t) {
          double dt = std::log1p(std::exp(a.real("delta", {b, t, h})));
          double l = sigmoid(a.real("lambda", {b, t, h}));
          std::vector<double> y(out);
          for (int64_t n = 0; n < a["n"]; ++n) {
            Complex alpha = std::polar(std::exp(dt * a.real("A", {h})),
                                       dt * a.real("theta", {b, t, h, n}));
            Complex before = 0, now = 0;
            for (int64_t r = 0; r < in; ++r) {
              if (t > 0)
                before += vector("B", b, t - 1, h, n, r) *
                          vector("x", b, t - 1, h, p, r);
              now += vector("B", b, t, h, n, r) * vector("x", b, t, h, p, r);
            }
            state[n] =
                alpha * (state[n] + (1 - l) * dt * before) + l * dt * now;
            for (int64_t q = 0; q < out; ++q)
              y[q] += (std::conj(vector("C", b, t, h, n, q)) * state[n]).real();
          }
          for (int64_t q = 0; q < out; ++q)
            (many ? a.at("y", {b, t, h, p, q}) : a.at("y", {b, t, h, p})) =
                y[q];
        }
      },
      a["b"], a["h"], a["p"]);
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

/// Calls `step` for every time of every channel: cells over [b, t, d].
void forEachChannel(Arrays &a,
                    std::function<void(int64_t b, int64_t d)> channel) {
  forEach([&](int64_t b, int64_t d) { channel(b, d); }, a["b"], a["d"]);
}

/// Gated units: the parts of their gates that see the state, and how they mix.
void runGru(Arrays &a, bool resetAfter) {
  forEachChannel(a, [&](int64_t b, int64_t d) {
    double h = a.real("h0", {b, d});
    auto x = [&](int64_t t, int64_t g) { return a.real("x", {b, t, g, d}); };
    auto w = [&](int64_t g) { return a.real("w", {g, d}); };
    for (int64_t t = 0; t < a["t"]; ++t) {
      double z = sigmoid(x(t, 0) + w(0) * h), r = sigmoid(x(t, 1) + w(1) * h);
      double c = resetAfter
                     ? std::tanh(x(t, 2) + r * (w(2) * h + a.real("bias", {d})))
                     : std::tanh(x(t, 2) + w(2) * (r * h));
      a.at("h", {b, t, d}) = h = z * h + (1 - z) * c;
    }
    a.at("h_last", {b, d}) = h;
  });
}

// Beck et al. 2024, eq. 8-17, without the stabiliser: exponentials as they are.
void runSlstm(Arrays &a) {
  forEachChannel(a, [&](int64_t b, int64_t d) {
    double c = 0, n = 0, h = 0;
    for (int64_t t = 0; t < a["t"]; ++t) {
      auto gate = [&](const char *in, const char *w) {
        return a.real(in, {b, t, d}) + a.real(w, {d}) * h;
      };
      double z = std::tanh(gate("z_in", "z_w"));
      double i = std::exp(gate("i_in", "i_w"));
      double f = sigmoid(gate("f_in", "f_w"));
      double o = sigmoid(gate("o_in", "o_w"));
      c = f * c + i * z;
      n = f * n + i;
      a.at("h", {b, t, d}) = h = o * c / n;
    }
  });
}

// Algorithm 1 of Hasani et al. 2021 for one neuron, `unfolds` times a sample.
void runLtc(Arrays &a, int unfolds) {
  forEachChannel(a, [&](int64_t b, int64_t d) {
    double x = 0;
    for (int64_t t = 0; t < a["t"]; ++t) {
      double step = a.real("interval", {b, t}) / unfolds;
      for (int k = 0; k < unfolds; ++k) {
        double f =
            sigmoid(a.real("weight", {d}) * x + a.real("input", {b, t, d}));
        x = (x + step * f * a.real("A", {d})) /
            (1 + step * (1 / a.real("tau", {d}) + f));
      }
      a.at("x", {b, t, d}) = x;
    }
  });
}

const Case kCases[] = {
    //===-- Steps that are not affine -------------------------------------===//
    {"paragru",
     {{"b", 2}, {"d", 19}},
     {},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double h = a.real("h0", {b, d});
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto gate = [&](int64_t g, double of) {
             return a.real("a", {g, d}) * of + a.real("u", {b, t, g, d});
           };
           double z = sigmoid(gate(0, h)), r = sigmoid(gate(1, h));
           double c = std::tanh(gate(2, h * r));
           a.at("h", {b, t, d}) = h = (1 - z) * h + z * c;
         }
         a.at("h_last", {b, d}) = h;
       });
     }},
    {"paralstm",
     {{"b", 2}, {"d", 19}},
     {},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double h = a.real("h0", {b, d}), c = a.real("c0", {b, d});
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto gate = [&](int64_t g) {
             return a.real("a", {g, d}) * h + a.real("u", {b, t, g, d});
           };
           double f = sigmoid(gate(0) + a.real("p", {0, d}) * c);
           double in = std::tanh(gate(2)), before = gate(1);
           c = f * c + (1 - f) * in;
           double o = sigmoid(before + a.real("p", {1, d}) * c);
           a.at("h", {b, t, d}) = h = o * std::tanh(c);
         }
         a.at("h_last", {b, d}) = h;
         a.at("c_last", {b, d}) = c;
       });
     }},
    {"gru",
     {{"b", 2}, {"d", 19}},
     {{"w", {-2, 2}}},
     [](Arrays &a) { runGru(a, false); }},
    {"gru_reset_after",
     {{"b", 2}, {"d", 19}},
     {{"w", {-2, 2}}},
     [](Arrays &a) { runGru(a, true); }},
    {"gru_heads",
     {{"b", 2}, {"h", 3}},
     {},
     [](Arrays &a) {
       forEach(
           [&](int64_t b, int64_t h) {
             std::vector<double> y(8), next(8);
             for (int64_t t = 0; t < a["t"]; ++t) {
               for (int64_t i = 0; i < 8; ++i) {
                 auto dot = [&](const char *R) {
                   double sum = 0;
                   for (int64_t j = 0; j < 8; ++j)
                     sum += a.real(R, {h, i, j}) * y[j];
                   return sum;
                 };
                 auto x = [&](int64_t g) {
                   return a.real("x", {b, t, g, h, i});
                 };
                 double z = sigmoid(x(0) + dot("Rz"));
                 double r = sigmoid(x(1) + dot("Rr"));
                 next[i] = z * y[i] + (1 - z) * std::tanh(x(2) + r * dot("Rc"));
               }
               y = next;
               for (int64_t i = 0; i < 8; ++i)
                 a.at("y", {b, t, h, i}) = y[i];
             }
           },
           a["b"], a["h"]);
     }},
    {"indrnn",
     {{"b", 2}, {"d", 19}},
     {{"u", {-0.9, 0.9}}},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double h = a.real("h0", {b, d});
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("h", {b, t, d}) = h =
               std::max(0.0, a.real("x", {b, t, d}) + a.real("u", {d}) * h);
       });
     }},
    {"mgu",
     {{"b", 2}, {"d", 19}},
     {{"f_w", {-2, 2}}, {"h_w", {-2, 2}}},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double h = a.real("h0", {b, d});
         for (int64_t t = 0; t < a["t"]; ++t) {
           double f =
               sigmoid(a.real("f_in", {b, t, d}) + a.real("f_w", {d}) * h);
           double c = std::tanh(a.real("h_in", {b, t, d}) +
                                a.real("h_w", {d}) * f * h);
           a.at("h", {b, t, d}) = h = (1 - f) * h + f * c;
         }
       });
     }},
    {"slstm",
     {{"b", 2}, {"d", 19}},
     {{"i_in", {-3, 3}}, {"f_in", {-3, 3}}},
     runSlstm},
    {"peephole_lstm",
     {{"b", 2}, {"d", 19}},
     {},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double h = a.real("h0", {b, d}), c = a.real("c0", {b, d});
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto gate = [&](int64_t g) {
             return a.real("x", {b, t, g, d}) + a.real("w", {g, d}) * h;
           };
           auto peep = [&](int64_t k) { return a.real("p", {k, d}) * c; };
           double i = sigmoid(gate(0) + peep(0)),
                  f = sigmoid(gate(1) + peep(1));
           double in = std::tanh(gate(2)), out = gate(3);
           c = f * c + i * in;
           a.at("h", {b, t, d}) = h = sigmoid(out + peep(2)) * std::tanh(c);
         }
         a.at("c_last", {b, d}) = c;
       });
     }},
    {"ltc",
     {{"b", 2}, {"d", 19}},
     {{"interval", {0.1, 2}}, {"tau", {0.5, 2}}, {"weight", {-2, 2}}},
     [](Arrays &a) { runLtc(a, 1); }},
    {"ltc_fused",
     {{"b", 2}, {"d", 19}},
     {{"interval", {0.1, 2}}, {"tau", {0.5, 2}}, {"weight", {-2, 2}}},
     [](Arrays &a) { runLtc(a, 6); }},
    {"cfc",
     {{"b", 2}, {"d", 19}},
     {{"interval", {0.1, 2}}},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double x = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto branch = [&](const char *in, const char *w) {
             return a.real(in, {b, t, d}) + a.real(w, {d}) * x;
           };
           double gate =
               sigmoid(-branch("f_in", "f_w") * a.real("interval", {b, t}));
           double g = std::tanh(branch("g_in", "g_w"));
           double h = std::tanh(branch("h_in", "h_w"));
           a.at("x", {b, t, d}) = x = gate * g + (1 - gate) * h;
         }
       });
     }},
    {"lrcssm",
     {{"b", 2}, {"d", 19}},
     {{"interval", {0.1, 1}}},
     [](Arrays &a) {
       forEachChannel(a, [&](int64_t b, int64_t d) {
         double x = 0;
         for (int64_t t = 0; t < a["t"]; ++t) {
           auto of = [&](const char *name) { return a.real(name, {d}); };
           auto in = [&](const char *name) { return a.real(name, {b, t, d}); };
           double s = sigmoid(of("gain") * x + of("shift"));
           double leak = sigmoid(of("f_w") * s + in("f_in"));
           double drive = std::tanh(of("z_w") * s + in("z_in")) * of("leak");
           double elastance = sigmoid(of("e_w") * x + in("e_in"));
           x += a.real("interval", {}) * elastance * (drive - leak * x);
           a.at("x", {b, t, d}) = x;
         }
       });
     }},
    {"fitzhugh_nagumo",
     {{"b", 5}},
     {{"a", {0.7, 0.7}},
      {"b0", {0.8, 0.8}},
      {"rate", {0.08, 0.08}},
      {"interval", {0.05, 0.1}},
      {"current", {0, 0.2}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double v = a.real("v0", {b}), w = a.real("w0", {b});
         for (int64_t t = 0; t < a["t"]; ++t) {
           double dv = v - v * v * v / 3 - w + a.real("current", {b, t});
           double dw = a.real("rate", {}) *
                       (v + a.real("a", {}) - a.real("b0", {}) * w);
           a.at("v", {b, t}) = v += a.real("interval", {}) * dv;
           a.at("w", {b, t}) = w += a.real("interval", {}) * dw;
         }
       }
     }},
    {"riccati",
     {{"b", 5}},
     {{"q", {0.1, 0.5}}, {"r", {0.5, 1}}, {"P0", {0.5, 2}}},
     [](Arrays &a) {
       // The information form: the inverse variances add up.
       for (int64_t b = 0; b < a["b"]; ++b) {
         double P = a.real("P0", {b});
         for (int64_t t = 0; t < a["t"]; ++t) {
           double c = a.real("c", {b, t}), k = a.real("a", {b});
           double filtered = 1 / (1 / P + c * c / a.real("r", {}));
           a.at("P", {b, t}) = P = k * k * filtered + a.real("q", {b});
         }
       }
     }},
    {"kalman",
     {{"b", 5}},
     {{"a", {0.8, 0.95}}, {"q", {0.1, 0.5}}, {"r", {0.5, 1}}, {"P0", {0.5, 2}}},
     [](Arrays &a) {
       // The posterior of two Gaussians: precisions and weighted means add up.
       double k = a.real("a", {});
       for (int64_t b = 0; b < a["b"]; ++b) {
         double mean = a.real("x0", {b}), P = a.real("P0", {b});
         for (int64_t t = 0; t < a["t"]; ++t) {
           double prior = 1 / (k * k * P + a.real("q", {}));
           double sensor = 1 / a.real("r", {});
           mean = (prior * k * mean + sensor * a.real("z", {b, t})) /
                  (prior + sensor);
           P = 1 / (prior + sensor);
           a.at("x", {b, t}) = mean;
           a.at("P", {b, t}) = P;
         }
       }
     }},
    // Where it settles; beyond, errors of rounding grow like any other.
    {"logistic_map",
     {{"b", 5}},
     {{"r", {2.5, 3.3}}, {"x0", {0.1, 0.9}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         double x = a.real("x0", {b});
         for (int64_t t = 0; t < a["t"]; ++t)
           a.at("x", {b, t}) = x = a.real("r", {b, t}) * (x - x * x);
       }
     }},
    //===-- Affine steps --------------------------------------------------===//

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
    {"s4",
     {{"b", 2}, {"d", 3}},
     {{"Abar", {-0.4, 0.4}}},
     [](Arrays &a) {
       forEach(
           [&](int64_t b, int64_t d) {
             std::vector<double> x(4), next(4);
             for (int64_t t = 0; t < a["t"]; ++t) {
               double u = a.real("u", {b, t, d}), y = a.real("D", {d}) * u;
               for (int64_t i = 0; i < 4; ++i) {
                 next[i] = a.real("Bbar", {i}) * u;
                 for (int64_t j = 0; j < 4; ++j)
                   next[i] += a.real("Abar", {i, j}) * x[j];
                 y += a.real("C", {d, i}) * next[i];
               }
               x = next;
               a.at("y", {b, t, d}) = y;
             }
           },
           a["b"], a["d"]);
     }},
    {"s5",
     {{"b", 2}, {"d", 3}, {"n", 6}, {"m", 4}},
     {{"Lambda", {-1, -0.1}}, {"log_dt", {-3, -1}}},
     [](Arrays &a) {
       for (int64_t b = 0; b < a["b"]; ++b) {
         std::vector<Complex> x(a["n"]);
         for (int64_t t = 0; t < a["t"]; ++t) {
           for (int64_t n = 0; n < a["n"]; ++n) {
             Complex lambda = a.at("Lambda", {n}), input = 0;
             Complex step = std::exp(lambda * std::exp(a.real("log_dt", {n})));
             for (int64_t m = 0; m < a["m"]; ++m)
               input += a.at("B", {n, m}) * a.at("u", {b, t, m});
             x[n] = step * x[n] + (step - 1.0) / lambda * input;
           }
           for (int64_t d = 0; d < a["d"]; ++d) {
             double y = 0;
             for (int64_t n = 0; n < a["n"]; ++n)
               y += 2 * (a.at("C", {d, n}) * x[n]).real();
             for (int64_t m = 0; m < a["m"]; ++m)
               y += a.real("D", {d, m}) * a.real("u", {b, t, m});
             a.at("y", {b, t, d}) = y;
           }
         }
       }
     }},
    {"mamba3",
     {{"b", 2}, {"h", 2}, {"p", 3}, {"n", 4}},
     {{"A", {-1, -0.1}}},
     [](Arrays &a) { runMamba3(a, false); }},
    {"mamba3_mimo",
     {{"b", 2}, {"h", 2}, {"p", 3}, {"n", 4}},
     {{"A", {-1, -0.1}}},
     [](Arrays &a) { runMamba3(a, true); }},
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

// The compiled cells on numbers that are known.
TEST(Golden, AgreesWithKnownNumbers) {
  auto put = [](Arrays &a, const auto &numbers) {
    for (const auto &[name, values] : numbers)
      for (size_t i = 0; i < values.size(); ++i)
        a.arrays.at(name).values.at(i) = values[i];
  };
  for (const recur::golden::Cell &cell : recur::golden::kCells) {
    SCOPED_TRACE(cell.spec);
    compare({cell.spec,
             {{"b", 1}, {"d", 1}},
             {},
             [&](Arrays &a) { put(a, cell.results); },
             [&](Arrays &a) { put(a, cell.inputs); },
             {6}});
  }
}

INSTANTIATE_TEST_SUITE_P(Specs, Literature, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace
