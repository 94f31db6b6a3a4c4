// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of recur.monoid, recur.combine and the scans over them: each case
// breaks one.

// (M1) a tuple has members
// expected-error@+1 {{expected at least one member}}
recur.monoid @m [] identity [] combine {
  recur.yield
}

// -----

// (M1) the members' names are distinct
// expected-error@+1 {{has member "a" twice}}
recur.monoid @m ["a", "a"] identity [0.0 : f32, 0.0 : f32] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0, %1 : f32, f32
}

// -----

// (M2) a neutral number for each member
// expected-error@+1 {{expected a neutral number for each of 2 members, found 1}}
recur.monoid @m ["a", "b"] identity [0.0 : f32] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0, %1 : f32, f32
}

// -----

// (M2) neutral numbers have one type
// expected-error@+1 {{expected neutral numbers of one type, f32 or f64, found 0.000000e+00 : f64}}
recur.monoid @m ["a", "b"] identity [0.0 : f32, 0.0 : f64] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0, %1 : f32, f32
}

// -----

// (M2) neutral numbers are f32 or f64
// expected-error@+1 {{expected neutral numbers of one type, f32 or f64, found 0 : i32}}
recur.monoid @m ["a"] identity [0 : i32] combine {
^bb0(%0: i32, %1: i32):
  recur.yield %0 : i32
}

// -----

// (M3) the operator takes two tuples
// expected-error@+1 {{expected the combine region to have 4 arguments of type 'f32'}}
recur.monoid @m ["a", "b"] identity [0.0 : f32, 0.0 : f32] combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0, %1 : f32, f32
}

// -----

// (M3) the operator yields a tuple
// expected-error@+1 {{expected the combine region to yield 2 values of type 'f32'}}
recur.monoid @m ["a", "b"] identity [0.0 : f32, 0.0 : f32] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0 : f32
}

// -----

// (M4) the domain is about one tuple
// expected-error@+1 {{expected the where region to have 1 arguments of type 'f32'}}
recur.monoid @m ["a"] identity [0.0 : f32] where {
^bb0(%0: f32, %1: f32):
  %2 = arith.cmpf ogt, %0, %1 : f32
  recur.yield %2 : i1
} combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0 : f32
}

// -----

// (M4) the domain is a condition
// expected-error@+1 {{expected the where region to yield 1 values of type 'i1'}}
recur.monoid @m ["a"] identity [0.0 : f32] where {
^bb0(%0: f32):
  recur.yield %0 : f32
} combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0 : f32
}

// -----

// (M5) members are combined by arithmetic
recur.monoid @m ["a"] identity [0.0 : f32] combine {
^bb0(%0: f32, %1: f32):
  // expected-error@+1 {{cannot occur in a monoid}}
  %2 = recur.combine @m[0](%0)(%1) : f32
  recur.yield %2 : f32
}

// -----

// (B1) the symbol is a monoid
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %h = recur.prev h : f32
    // expected-error@+1 {{expected @f to be a recur.monoid}}
    %1 = recur.combine @f[0](%h)(%0) : f32
    recur.yield %1, %1 : f32, f32
  }
  return
}

// -----

// (B1) the result has the monoid's type
recur.monoid @m ["a"] identity [0.0 : f64] combine {
^bb0(%0: f64, %1: f64):
  recur.yield %0 : f64
}
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %h = recur.prev h : f32
    // expected-error@+1 {{expected type 'f64' of @m, found 'f32'}}
    %1 = recur.combine @m[0](%h)(%0) : f32
    recur.yield %1, %1 : f32, f32
  }
  return
}

// -----

// (B2) both tuples are the monoid's
recur.monoid @m ["a"] identity [0.0 : f32] combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0 : f32
}
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %h = recur.prev h : f32
    // expected-error@+1 {{expected tuples of 1 members, found 2}}
    %1 = recur.combine @m[0](%h)(%0, %0) : f32
    recur.yield %1, %1 : f32, f32
  }
  return
}

// -----

// (B3) the member exists
recur.monoid @m ["a"] identity [0.0 : f32] combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0 : f32
}
func.func @f(%x: tensor<?xf32>) {
  %r = recur.recurrence <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) {
  ^bb0(%0: f32):
    %h = recur.prev h : f32
    // expected-error@+1 {{expected a member below 1, found 1}}
    %1 = recur.combine @m[1](%h)(%0) : f32
    recur.yield %1, %1 : f32, f32
  }
  return
}

// -----

// (S2) the members, and at most one number more
recur.monoid @m ["a"] identity [0.0 : f32] combine {
^bb0(%0: f32, %1: f32):
  recur.yield %0 : f32
}
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected the elements region to yield 1 values, found 3}}
  %r = recur.scan <monoid 1> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @m} elements {
  ^bb0(%0: f32):
    recur.yield %0, %0, %0 : f32, f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) a scan over a monoid names it
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a monoid exactly for the structure monoid, found #recur.algebra<monoid>}}
  %r = recur.scan <monoid 1> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>) elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) the symbol is a monoid
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected @g to be a recur.monoid}}
  %r = recur.scan <monoid 1> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @g} elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) the order is the number of states
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a monoid of order 2 to have as many states, found 1}}
  %r = recur.scan <monoid 2> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @g} elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) a state for each member
recur.monoid @m ["a", "b"] identity [0.0 : f32, 0.0 : f32] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0, %1 : f32, f32
}
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected a state for each of 2 members of @m, found 1}}
  %r = recur.scan <monoid 1> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @m} elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) states have the monoid's type
recur.monoid @m ["a"] identity [0.0 : f64] combine {
^bb0(%0: f64, %1: f64):
  recur.yield %0 : f64
}
func.func @f(%x: tensor<?xf32>) {
  // expected-error@+1 {{expected state 'h' to have type 'f64' of @m, found 'f32'}}
  %r = recur.scan <monoid 1> <[t] over t> ins(%x[t] : tensor<?xf32>)
      states(<h[] : f32 = 0.0>) outs(<y[t]> : tensor<?xf32>)
      attributes {monoid = @m} elements {
  ^bb0(%0: f32):
    recur.yield %0 : f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32):
    recur.yield %n : f32
  }
  return
}

// -----

// (S8) states have the same indices
recur.monoid @m ["a", "b"] identity [0.0 : f32, 0.0 : f32] combine {
^bb0(%0: f32, %1: f32, %2: f32, %3: f32):
  recur.yield %0, %1 : f32, f32
}
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{expected state 'v' to have the indices of state 'u'}}
  %r = recur.scan <monoid 2> <[t, d] over t> ins(%x[t, d] : tensor<?x?xf32>)
      states(<u[d] : f32 = 0.0>, <v[] : f32 = 0.0>)
      outs(<y[t, d]> : tensor<?x?xf32>)
      attributes {monoid = @m} elements {
  ^bb0(%0: f32):
    %1 = arith.constant 1.0 : f32
    recur.yield %0, %1 : f32, f32
  } readout {
  ^bb0(%0: f32, %p: f32, %n: f32, %q: f32, %m: f32):
    recur.yield %n : f32
  }
  return
}
