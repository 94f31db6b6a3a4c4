// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.newton: each case breaks one.

// (N1) the head is that of a recurrence
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{two states are called 'h'}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>, <h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N1) the readout is that of a scan
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the readout region to have 3 arguments, found 2}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N1) states are arguments, in both regions
func.func @f(%x: tensor<?xf32>) {
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    // expected-error@+1 {{cannot occur in a newton}}
    %q = recur.prev h : f32
    recur.yield %q : f32
  }
  return
}

// -----

// (N1) lanes run along a dim
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the lanes of a schedule to be a dim, found 'd'}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64, schedules = [#recur.schedule<target = "x86-64-v4", algorithm = "segments", lanes = "d", width = 16, contiguous = true>]} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N2) a block has a row for each state
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a block of order 2 to have as many states, found 1}}
  %r = recur.newton <block 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N2) Jacobians have no other structure
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a Jacobian that is diagonal or a block over the reals, found #recur.algebra<companion 2>}}
  %r = recur.newton <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N2) and no other semiring
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a Jacobian that is diagonal or a block over the reals, found #recur.algebra<diagonal, max_plus>}}
  %r = recur.newton <diagonal, max_plus> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N2) of states that have a resolution
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected state 'h' to be f32 or f64, found 'f16'}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f16 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N3) the tolerance is positive
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a tolerance of at least 1.192093e-07, the resolution of the states, found 0.0}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 0.0 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N3) and no finer than the states
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a tolerance of at least 1.192093e-07, the resolution of the states, found 1.000000e-09}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-9 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N3) there is an iteration
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected at least 1 iteration, found 0}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 0 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N4) elements has the states as arguments
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to have 2 arguments, found 1}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}

// -----

// (N4) and yields J and f
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to yield 2 values, found 1}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} elements {
  ^bb0(%0: f32, %p: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return
}
