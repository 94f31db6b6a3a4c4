// What has no kernels is refused at the scan.
// RUN: recur-opt %s --recur-convert-to-cpu --split-input-file --verify-diagnostics

func.func @narrow(%x: tensor<?xf16>) -> tensor<?xf16> {
  // expected-error @below {{state 'h' of type f16 has no kernels yet, expected f32 or f64}}
  %y = recur.scan <diagonal, max_plus> <[t] over t> ins(%x[t] : tensor<?xf16>)
      states(<h[] : f16 = 0.0>) outs(<y[t]> : tensor<?xf16>)
  attributes {schedules = [#recur.schedule<target = "x86-64-v3", algorithm = "segments", lanes = "t", width = 8, contiguous = true>]}
  elements {
  ^bb0(%x0: f16):
    recur.yield %x0, %x0 : f16, f16
  } readout {
  ^bb0(%x0: f16, %p: f16, %h: f16):
    recur.yield %h : f16
  }
  return %y : tensor<?xf16>
}

// -----

// Without f16 conversions in the instruction set there would be calls.
// expected-error @below {{f16 arguments need x86-64-v3 or later}}
func.func @half(%x: tensor<?xf16>) -> tensor<?xf32> {
  %y = recur.scan <diagonal> <[t] over t> ins(%x[t] : tensor<?xf16>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
  attributes {schedules = [#recur.schedule<target = "x86-64-v2", algorithm = "segments", lanes = "t", width = 4, contiguous = true>]}
  elements {
  ^bb0(%x0: f16):
    %0 = arith.extf %x0 : f16 to f32
    recur.yield %0, %0 : f32, f32
  } readout {
  ^bb0(%x0: f16, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return %y : tensor<?xf32>
}

// -----

// Kernels take their operands from the caller.
func.func @local(%x: tensor<?xf32>) -> tensor<?xf32> {
  %z = tensor.cast %x : tensor<?xf32> to tensor<?xf32>
  // expected-error @below {{expected every operand to be an argument of the function}}
  %y = recur.scan <diagonal> <[t] over t> ins(%z[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
  attributes {schedules = [#recur.schedule<target = "x86-64-v3", algorithm = "segments", lanes = "t", width = 8, contiguous = true>]}
  elements {
  ^bb0(%x0: f32):
    recur.yield %x0, %x0 : f32, f32
  } readout {
  ^bb0(%x0: f32, %p: f32, %h: f32):
    recur.yield %h : f32
  }
  return %y : tensor<?xf32>
}
