// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.scan: each case breaks one.

// (S1) the head is that of a recurrence
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{state 'h' has index 'n', expected a dim other than time and segments}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S1) elements take the inputs
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to have 1 arguments, found 2}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S1) readout takes inputs, old and new states
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the readout region to have 3 arguments, found 2}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S2) a and b for each state
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to yield 2 values, found 1}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S2) of the state's type
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a of state 'h' to have type 'f64', found 'f32'}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f64 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f64, %n: f64):
    recur.yield %0 : f32
  }
  return
}

// -----

// (S2) k coefficients and b of a companion
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to yield 3 values, found 2}}
  %r = recur.scan <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %q: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S2) of one state
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a companion scan to have one state, found 2}}
  %r = recur.scan <companion 2> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>, <g[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (S2) a block has a state for each row
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a block of order 3 to have as many states, found 1}}
  %r = recur.scan <block 3> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S3) readout yields the outputs
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the readout region to yield 1 values, found 2}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n, %n : f32, f32
  }
  return
}

// -----

// (S4) a varies over the state's dims
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{a of state 'h' varies over 'b', which is not one of its indices}}
  %r = recur.scan <diagonal> <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S4) outputs over theirs
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{output 'y' varies over 'b', which is not one of its indices}}
  %r = recur.scan <diagonal> <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf32>)
      states(<h[b] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S5) no earlier states in the elements
func.func @f(%x: tensor<?xf32>) {
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    // expected-error@+1 {{cannot occur in a scan}}
    %p = recur.prev h : f32
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S6) schedules are schedules
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected schedules to be #recur.schedule attributes, found 1 : i64}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {schedules = [1]} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S6) with lanes of the space
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the lanes of a schedule to be a dim, found 'd'}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {schedules = [#recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d", width = 1, contiguous = true, segment = 0>]} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S7) blocks have a row and a column
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a block over dims to have one state with the row's dim and without the column's}}
  %r = recur.scan <block 4> <[i = 4, j = 4, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[i] : f32 = 0.0>)
      outs(<y[i, t]> : tensor<4x?xf32>) attributes {blockDims = ["i"]} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S7) the state has the row
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a block over dims to have one state with the row's dim and without the column's}}
  %r = recur.scan <block 4> <[i = 4, j = 4, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[i] : f32 = 0.0>)
      outs(<y[i, t]> : tensor<4x?xf32>) attributes {blockDims = ["j", "i"]} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S7) and the column is a dim
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a block over dims to have one state with the row's dim and without the column's}}
  %r = recur.scan <block 4> <[i = 4, j = 4, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[i] : f32 = 0.0>)
      outs(<y[i, t]> : tensor<4x?xf32>) attributes {blockDims = ["i", "k"]} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S9) where states start anew is a truth value
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected whether the states start anew to have type 'i1', found 'f32'}}
  %r = recur.scan <diagonal> <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S9) over dims of all states
func.func @f(%x: tensor<?x?xf32>, %z: tensor<?x?xi1>) {
  // expected-error@+1 {{whether the states start anew varies over 'b', which is not one of its indices}}
  %r = recur.scan <diagonal> <[b, t] over t>
      ins(%x[b, t], %z[b, t] : tensor<?x?xf32>, tensor<?x?xi1>)
      states(<h[b] : f32 = 0.0>, <g[] : f32 = 0.0>)
      outs(<y[b, t]> : tensor<?x?xf32>) elements {
  ^bb0(%0: f32, %1: i1):
    %c = arith.constant 1.0 : f32
    recur.yield %0, %0, %c, %c, %1 : f32, f32, f32, f32, i1
  } readout {
  ^bb0(%0: f32, %1: i1, %p: f32, %n: f32, %q: f32, %m: f32):
    recur.yield %n : f32
  }
  return
}
