// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.prev, recur.reduce and recur.at: each case breaks one.

// (P1) the state exists
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{names unknown state 'g'}}
    %1 = recur.prev g : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P1) and has the result's type
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected type 'f32' of state 'h', found 'f64'}}
    %1 = recur.prev h : f64
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P2) the lag is positive
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a lag of at least 1, found 0}}
    %1 = recur.prev h lag 0 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P2) and has a start
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0, 1.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{has lag 3 but state 'h' has 2 start values}}
    %1 = recur.prev h lag 3 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P3) an index for each dim
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected 1 indices of state 'h', found 2}}
    %1 = recur.prev h[n, m] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P3) not time
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "t"}}
    %1 = recur.prev h[t] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P3) a dim of the space
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "k"}}
    %1 = recur.prev h[k] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P3) a constant inside the dim
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{position 4 is outside dim 'n'}}
    %1 = recur.prev h[4] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P3) or a position at all
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found 1.000000e+00}}
    %1 = "recur.prev"() <{state = "h", indices = [1.0 : f32]}> : () -> f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (P1) a state has a recurrence
func.func @f() {
  // expected-error@+1 {{expected to be in a recurrence}}
  %0 = recur.prev h : f32
  return
}

// -----

// (D1) a dim to reduce
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected at least one dim}}
    %1 = recur.reduce sum over [] %0 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (D1) of the space
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "k"}}
    %1 = recur.reduce sum over [k] %0 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (D1) not time
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "t"}}
    %1 = recur.reduce sum over [t] %0 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (D1) once
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{has dim "n" twice}}
    %1 = recur.reduce sum over [n, n] %0 : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (D1) in a recurrence
func.func @f(%0: f32) {
  // expected-error@+1 {{expected to be in a recurrence}}
  %1 = recur.reduce sum over [n] %0 : f32
  return
}

// -----

// (T1) as many to as from
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected as many new positions as dims, found 2 for 1}}
    %1 = "recur.at"(%0) <{from = ["n"], to = ["m", "n"]}> : (f32) -> f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (T1) from dims
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "t"}}
    %1 = recur.at %0 [t -> n] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (T1) to dims
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "t"}}
    %1 = recur.at %0 [n -> t] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (T1) or constants inside
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{position 7 is outside dim 'n'}}
    %1 = recur.at %0 [n -> 7] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (T1) each once
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{has dim "n" twice}}
    %1 = recur.at %0 [n -> m, n -> 0] : f32
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (T1) in a recurrence
func.func @f(%0: f32) {
  // expected-error@+1 {{expected to be in a recurrence}}
  %1 = recur.at %0 [n -> m] : f32
  return
}

// -----

// (E1) positions along dims of the space
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected a dim of the space other than time and segments, found "t"}}
    %1 = recur.same n, t
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (E1) two of them
func.func @f(%x: tensor<?x4xf32>) {
  %r = recur.recurrence <[n = 4, m = 5, t] over t>
      ins(%x[t, n] : tensor<?x4xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t, n]> : tensor<?x4xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{expected two dims, found 'n' twice}}
    %1 = recur.same n, n
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (E1) in a recurrence
func.func @f() {
  // expected-error@+1 {{expected to be in a recurrence}}
  %1 = recur.same n, m
  return
}
