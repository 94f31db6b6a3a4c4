// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.recurrence: each case breaks one.

// (R1) there is a map for each input
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a map for each input, found 0 for 1}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R1) maps are maps
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the map of input 0 to have 1 dims}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [42], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R1) of the space
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the map of input 0 to have 1 dims}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0, d1) -> (d0)>], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R1) without symbols
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the map of input 0 to have 1 dims}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0)[s0] -> (s0)>], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R1) a result for each dim of the tensor
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{input 0 is read at 2 indices but has rank 1}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R2) one dim an index
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{index 1 of input 0 is not a dim, a shifted, divided or wrapped dim, or a constant}}
  %r = recur.recurrence <[a, b, t] over t>
      ins(%x[t, a + b] : tensor<?x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R2) no scaled dims
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{index 1 of input 0 is not a dim, a shifted, divided or wrapped dim, or a constant}}
  %r = recur.recurrence <[a, t] over t>
      ins(%x[t, a * 2] : tensor<?x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R2) no look into the future
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{input 0 reads time at other than t or t - k}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t + 1] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R2) no divided time
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{input 0 reads time at other than t or t - k}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t floordiv 2] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R2) time once
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{input 0 reads time at two of its dims}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t, t - 1] : tensor<?x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R3) an init does not vary over time
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>) {
  // expected-error@+1 {{init 0 varies over time}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      inits(%i[t] : tensor<?xf32>)
      states(<h[] : f32 = init 0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R3) an input does not vary over segments
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>, %cu: tensor<?xi32>) {
  // expected-error@+1 {{input 1 varies over segments, only an init may}}
  %r = recur.recurrence <[s, t] over t, segments s>
      ins(%x[t], %i[s] : tensor<?xf32>, tensor<?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R4) an argument for each input
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the step region to have 1 arguments, found 2}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R4) of the element type
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{argument 0 of the step region has type 'f64', expected 'f32'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f64):
    recur.yield %0, %0 : f64, f64
  }
  return
}

// -----

// (R5) a state's dims are dims
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{state 'h' has index 'n', expected a dim other than time and segments}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R5) other than time
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{state 'h' has index 't', expected a dim other than time and segments}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[t] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R5) each once
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{state 'h' has index 'b' twice}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[b, b] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R5) names are distinct
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{two states are called 'h'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>, <h[] : f32 = 1.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  }
  return
}

// -----

// (R6) the init exists
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{state 'h' starts at init 0, but there are 0}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = init 0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R6) and has the state's type
func.func @f(%x: tensor<?xf32>, %i: tensor<f64>) {
  // expected-error@+1 {{init 0 has elements of type 'f64', expected 'f32' for state 'h'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      inits(%i[] : tensor<f64>)
      states(<h[] : f32 = init 0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R7) a history number for each input
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a history number for each input}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0) -> (d0)>], initMaps = [], historyMaps = [], inputHistories = array<i32>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R7) that is -1 or more
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{input 0 has history -2, but there are 0}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0) -> (d0)>], initMaps = [], historyMaps = [], inputHistories = array<i32: -2>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R7) the history exists
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{input 0 has history 0, but there are 0}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 1] before 0 : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R7) only lagged inputs have a history
func.func @f(%x: tensor<?xf32>, %p: tensor<2xf32>) {
  // expected-error@+1 {{input 0 has a history but no lag}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] before 0 : tensor<?xf32>)
      histories(%p[1] : tensor<2xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R7) of the same element type
func.func @f(%x: tensor<?xf32>, %p: tensor<2xf64>) {
  // expected-error@+1 {{history 0 has another element type than input 0}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 1] before 0 : tensor<?xf32>)
      histories(%p[1] : tensor<2xf64>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) one attribute a result
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{has 1 results but describes 2}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]>, <z[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  }
  return
}

// -----

// (R8) of its rank
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' has 1 indices but rank 2}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?x?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) of dims of the space
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' cannot have index 'n'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[n]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) no segments
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>, %cu: tensor<?xi32>) {
  // expected-error@+1 {{result 'y' cannot have index 's'}}
  %r = recur.recurrence <[s, t] over t, segments s>
      ins(%x[t] : tensor<?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[s]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) a final result has no time
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' cannot have index 't'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t] final h> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R8) every other one has
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' lacks index 't'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[]> : tensor<f32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) static sizes agree
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{dim 0 of result 'y' has size 3, expected 4 for 'n'}}
  %r = recur.recurrence <[n = 4, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[n, t]> : tensor<3x?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R8) names are distinct
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{two results are called 'y'}}
  %r:2 = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]>, <y[t]> : tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  }
  return
}

// -----

// (R9) a value for each state and output
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the step region to yield 2 values, found 1}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R9) of the state's type
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected state 'h' to have type 'f64', found 'f32'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f64 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R9) of the output's type
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected output 'y' to have type 'f64', found 'f32'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf64>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R10) a state varies over its dims
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{state 'h' varies over 'b', which is not one of its indices}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[b, t]> : tensor<?x?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R10) an output over its own
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{output 'y' varies over 'b', which is not one of its indices}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf32>)
      states(<h[b] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R11) a segment dim needs lengths
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a segments tensor exactly when the space has a segment dim}}
  %r = recur.recurrence <[s, t] over t, segments s>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R11) and lengths a segment dim
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>, %cu: tensor<?xi32>) {
  // expected-error@+1 {{expected a segments tensor exactly when the space has a segment dim}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R11) lengths are integers
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>, %cu: tensor<?xi32>) {
  // expected-error@+1 {{expected segments to be a rank-1 tensor of i32 or i64, found 'tensor<?xf32>'}}
  %r = recur.recurrence <[s, t] over t, segments s>
      ins(%x[t] : tensor<?xf32>)
      segments(%x : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R12) static sizes agree
func.func @f(%x: tensor<3x?xf32>) {
  // expected-error@+1 {{dim 0 of input 0 has size 3, expected 4 for 'n'}}
  %r = recur.recurrence <[n = 4, t] over t>
      ins(%x[n, t] : tensor<3x?xf32>)
      states(<h[n] : f32 = 0.0>)
      outs(<y[n, t]> : tensor<4x?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R12) constants are inside
func.func @f(%x: tensor<3x?xf32>) {
  // expected-error@+1 {{constant index 3 of input 0 is outside its dim of size 3}}
  %r = recur.recurrence <[t] over t>
      ins(%x[3, t] : tensor<3x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R12) and not negative
func.func @f(%x: tensor<3x?xf32>) {
  // expected-error@+1 {{constant index -1 of input 0 is outside its dim of size 3}}
  %r = recur.recurrence <[t] over t>
      ins(%x[-1, t] : tensor<3x?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R13) a final result's state exists
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' is the final value of unknown state 'g'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[] final g> : tensor<f32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R13) has its type
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' has elements of type 'f64', expected 'f32' of state 'h'}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[] final h> : tensor<f64>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R13) and its dims
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' must have the indices of state 'h'}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[b] final h> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R13) and that of segments
func.func @f(%x: tensor<?xf32>, %i: tensor<?xf32>, %cu: tensor<?xi32>) {
  // expected-error@+1 {{result 'y' must have the indices of state 'h' and that of segments}}
  %r = recur.recurrence <[s, t] over t, segments s>
      ins(%x[t] : tensor<?xf32>)
      segments(%cu : tensor<?xi32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[] final h> : tensor<f32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R13) and a lag with a start
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' has lag 3 but state 'h' has 2 start values}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0, 1.0>)
      outs(<y[] final h lag 3> : tensor<f32>) {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  }
  return
}

// -----

// (R14) a history of one step serves lag 1
func.func @f(%x: tensor<?xf32>, %p: tensor<f32>) {
  // expected-error@+1 {{input 0 has lag 2, but history 0 holds one step}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 2] before 0 : tensor<?xf32>)
      histories(%p[] : tensor<f32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R14) it has the rank of the input
func.func @f(%x: tensor<?xf32>, %p: tensor<2x2xf32>) {
  // expected-error@+1 {{expected history 0 to have rank 1 or 0, found 2}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 1] before 0 : tensor<?xf32>)
      histories(%p[1, 1] : tensor<2x2xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R14) and is read from where the first step reads
func.func @f(%x: tensor<?xf32>, %p: tensor<2xf32>) {
  // expected-error@+1 {{expected history 0 to be read at its size - 2 on dim 0}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 2] before 0 : tensor<?xf32>)
      histories(%p[1] : tensor<2xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R15) a reset needs a tensor
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a reset tensor, found no inputs}}
  %r = recur.recurrence <[t] over t>
      last_is_reset
      states(<h[] : f32 = 0.0>)
      outs(<y[] final h> : tensor<f32>) {
  ^bb0:
    %0 = arith.constant 0.0 : f32
    recur.yield %0 : f32
  }
  return
}

// -----

// (R15) a real one
func.func @f(%x: tensor<?xcomplex<f32>>) {
  // expected-error@+1 {{expected the reset tensor to be real}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xcomplex<f32>>)
      last_is_reset
      states(<h[] : complex<f32> = [0.0 : f32, 0.0 : f32]>)
      outs(<y[t]> : tensor<?xcomplex<f32>>) {
  ^bb0(%0: complex<f32>):
    recur.yield %0, %0 : complex<f32>, complex<f32>
  }
  return
}

// -----

// (R15) at time t
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the reset tensor to be read at time t}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t - 1] : tensor<?xf32>)
      last_is_reset
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R15) over dims of every state
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{the reset tensor varies over 'b', which state 'h' does not have}}
  %r = recur.recurrence <[b, t] over t>
      ins(%x[b, t] : tensor<?x?xf32>)
      last_is_reset
      states(<h[] : f32 = 0.0>)
      outs(<y[b, t]> : tensor<?x?xf32>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R16) inputs hold numbers
func.func @f(%x: tensor<?xindex>) {
  // expected-error@+1 {{input 0 has elements of type 'index', expected floats, signless integers or complex numbers}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xindex>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: index):
    recur.yield %0, %0 : index, index
  }
  return
}

// -----

// (R16) results too
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{result 'y' has elements of type 'ui8', expected floats, signless integers or complex numbers}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xui8>) {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R17) no side effects in a step
func.func private @effect(f32)
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    // expected-error@+1 {{cannot occur in a step: it has a region or side effects}}
    func.call @effect(%0) : (f32) -> ()
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R17) no control flow in a step
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %c = arith.constant true
    // expected-error@+1 {{cannot occur in a step: it has a region or side effects}}
    %1 = scf.if %c -> f32 {
    scf.yield %0 : f32
    } else {
    scf.yield %0 : f32
    }
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R5) states are states
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected states to be #recur.state and outputs to be #recur.result attributes}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0) -> (d0)>], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [1], outputs = [#recur.result<y[t]>], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R8) outputs are results
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected states to be #recur.state and outputs to be #recur.result attributes}}
  %r = "recur.recurrence"(%x) <{space = #recur.space<[t] over t>, inputMaps = [affine_map<(d0) -> (d0)>], initMaps = [], historyMaps = [], inputHistories = array<i32: -1>, states = [#recur.state<h[] : f32 = 0.0>], outputs = [1], operandSegmentSizes = array<i32: 1, 0, 0, 0>}> ({
  ^bb0(%0: f32):
    "recur.yield"(%0, %0) : (f32, f32) -> ()
  }) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (R18) what is guessed is a state
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{guesses 'g', which is no state}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t], %x[t - 1] : tensor<?xf32>, tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {guesses = {g = 1 : i64}} {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R18) a guess is an input, and no reset
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the guess of 'h' to be one of 1 inputs, found 1}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t], %x[t] : tensor<?xf32>, tensor<?xf32>) last_is_reset
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {guesses = {h = 1 : i64}} {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R18) a guess is of an earlier step
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the guess of 'h' to be floats at the dims of the state and an earlier time}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {guesses = {h = 0 : i64}} {
  ^bb0(%0: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R18) a guess has all dims of the state
func.func @f(%x: tensor<?x?xf32>, %g: tensor<?xf32>) {
  // expected-error@+1 {{expected the guess of 'h' to be floats at the dims of the state and an earlier time}}
  %r = recur.recurrence <[t, d] over t>
      ins(%x[t, d], %g[t - 1] : tensor<?x?xf32>, tensor<?xf32>)
      states(<h[d] : f32 = 0.0>)
      outs(<y[t, d]> : tensor<?x?xf32>) attributes {guesses = {h = 1 : i64}} {
  ^bb0(%0: f32, %1: f32):
    recur.yield %0, %0 : f32, f32
  }
  return
}

// -----

// (R18) a guess is made of floats
func.func @f(%x: tensor<?xf32>, %g: tensor<?xi32>) {
  // expected-error@+1 {{expected the guess of 'h' to be floats at the dims of the state and an earlier time}}
  %r = recur.recurrence <[t] over t>
      ins(%x[t], %g[t - 1] : tensor<?xf32>, tensor<?xi32>)
      states(<h[] : f32 = 0.0>)
      outs(<y[t]> : tensor<?xf32>) attributes {guesses = {h = 1 : i64}} {
  ^bb0(%0: f32, %1: i32):
    recur.yield %0, %0 : f32, f32
  }
  return
}
