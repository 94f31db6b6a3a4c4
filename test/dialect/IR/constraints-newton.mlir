// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.newton: each case breaks one.

// (N1) the head is that of a recurrence
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{two states are called 'h'}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>, <h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N1) the reset too
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the reset tensor to be read at time t}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t - 1] : tensor<?xf32>) last_is_reset
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N1) the step yields states and outputs
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the step region to yield 2 values, found 1}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N1) tangent takes the inputs and the states
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the tangent region to have 2 arguments, found 1}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N2) an entry for each state of a diagonal
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the tangent region to yield 1 values, found 2}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p, %p : f32, f32
  }
  return
}

// -----

// (N2) a block has a row for each state
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a Jacobian that is diagonal or a block of an order of 1, found #recur.algebra<block 2>}}
  %r = recur.newton <block 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N2) Jacobians have no other structure
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a Jacobian that is diagonal or a block of an order of 1, found #recur.algebra<companion 2>}}
  %r = recur.newton <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N3) the tolerance is positive
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a positive tolerance, found 0}}
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 0.0 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
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
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 0 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    recur.yield %p : f32
  }
  return
}

// -----

// (N4) the tangent has its states as arguments
func.func @f(%x: tensor<?xf32>) {
  %r = recur.newton <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {tolerance = 1.0e-6 : f64, maxIterations = 10 : i64} step {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } tangent {
  ^bb0(%0: f32, %p: f32):
    // expected-error@+1 {{cannot occur in a tangent}}
    %q = recur.prev h : f32
    recur.yield %p : f32
  }
  return
}
