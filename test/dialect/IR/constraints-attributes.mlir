// RUN: recur-opt %s --verify-diagnostics --split-input-file

// Constraints of the attributes: each case breaks one.

// (I1) a size is not negative
// expected-error@+1 {{expected dim 'n' to have a size of at least 0, found -3}}
func.func private @f() attributes {a = #recur.space<[t, n = -3] over t>}

// -----

// (I2) names are distinct
// expected-error@+1 {{dim 'b' occurs twice}}
func.func private @f() attributes {a = #recur.space<[b, b, t] over t>}

// -----

// (I2) names are not empty
// expected-error@+1 {{expected every dim to have a name}}
func.func private @f() attributes {a = #recur.space<["", t] over t>}

// -----

// (I3) time is a dim
// expected-error@+1 {{expected time and segments to be dims of the space}}
func.func private @f() attributes {a = #recur.space<[b] over t>}

// -----

// (I3) segments is a dim
// expected-error@+1 {{expected time and segments to be dims of the space}}
func.func private @f() attributes {a = #recur.space<[b, t] over t, segments s>}

// -----

// (I3) time does not count segments
// expected-error@+1 {{expected time and segments to be different dims}}
func.func private @f() attributes {a = #recur.space<[t] over t, segments t>}

// -----

// (I4) time is dynamic
// expected-error@+1 {{expected time and segments to have dynamic sizes}}
func.func private @f() attributes {a = #recur.space<[t = 4] over t>}

// -----

// (I4) segments are dynamic
// expected-error@+1 {{expected time and segments to have dynamic sizes}}
func.func private @f() attributes {a = #recur.space<[s = 4, t] over t, segments s>}

// -----

// (H1) a state holds numbers
// expected-error@+1 {{expected state 'h' to be a float, a signless integer or a complex number, found 'tensor<2xf32>'}}
func.func private @f() attributes {a = #recur.state<h[] : tensor<2xf32> = dense<0.0> : tensor<2xf32>>}

// -----

// (H1) an index could not be told from the number of an init
// expected-error@+1 {{expected state 'h' to be a float, a signless integer or a complex number, found 'index'}}
func.func private @f() attributes {a = #recur.state<h[] : index = 0 : index>}

// -----

// (H3) a literal has the state's type
// expected-error@+1 {{expected the start of state 'h' to be a literal of type 'i1', found 1 : i32}}
func.func private @f() attributes {a = #recur.state<h[] : i1 = 1 : i32>}

// -----

// (H3) a literal is a number
// expected-error@+1 {{expected the start of state 'h' to be a literal of type 'i1', found "true"}}
func.func private @f() attributes {a = #recur.state<h[] : i1 = "true">}

// -----

// (H3) a complex start is a pair
// expected-error@+1 {{expected the start of state 'h' to be a literal of type 'complex<f32>', found [0.000000e+00 : f32]}}
func.func private @f() attributes {a = #recur.state<h[] : complex<f32> = [0.0 : f32]>}

// -----

// (H3) of parts of the right type
// expected-error@+1 {{expected the start of state 'h' to be a literal of type 'complex<f32>', found [0.000000e+00, 0.000000e+00]}}
func.func private @f() attributes {a = #recur.state<h[] : complex<f32> = [0.0 : f64, 0.0 : f64]>}

// -----

// (H3) an init has a number of at least 0
// expected-error@+1 {{expected the number of an init for state 'h', found -1}}
func.func private @f() attributes {a = #recur.state<h[] : f32 = init -1>}

// -----

// (H3) that is not absurd
// expected-error@+1 {{expected the number of an init for state 'h', found 4294967296}}
func.func private @f() attributes {a = #recur.state<h[] : f32 = init 4294967296>}

// -----

// (O1) dims are distinct
// expected-error@+1 {{result 'y' has index 'b' twice}}
func.func private @f() attributes {a = #recur.result<y[b, b]>}

// -----

// (O2) a lag is at least 1
// expected-error@+1 {{expected the lag of result 'y' to be at least 1, found 0}}
func.func private @f() attributes {a = #recur.result<y[b] final h lag 0>}

// -----

// (A1) a diagonal has order 1
// expected-error@+1 {{expected diagonal to have an order of 1, found 2}}
func.func private @f() attributes {a = #recur.algebra<diagonal 2>}

// -----

// (A1) an outer product has order 1
// expected-error@+1 {{expected outer_product to have an order of 1, found 3}}
func.func private @f() attributes {a = #recur.algebra<outer_product 3>}

// -----

// (A1) a block has rows
// expected-error@+1 {{expected block to have an order of 1 to 1024, found 0}}
func.func private @f() attributes {a = #recur.algebra<block 0>}

// -----

// (A1) and not too many
// expected-error@+1 {{expected companion to have an order of 1 to 1024, found 1025}}
func.func private @f() attributes {a = #recur.algebra<companion 1025>}

// -----

// (A1) structures have names
// expected-error@+1 {{expected a structure (diagonal, block, companion, outer_product), found 'dense'}}
func.func private @f() attributes {a = #recur.algebra<dense>}

// -----

// (A1) semirings have names
// expected-error@+1 {{expected a semiring (plus_times, max_plus, min_plus, log_sum_exp, or_and), found 'max_times'}}
func.func private @f() attributes {a = #recur.algebra<diagonal, max_times>}

// -----

// (C1) the target has a name
// expected-error@+1 {{expected a schedule to name its target and lanes}}
func.func private @f() attributes {a = #recur.schedule<target = "", algorithm = "serial", lanes = "d", width = 1, contiguous = true, segment = 0>}

// -----

// (C1) the lanes have a name
// expected-error@+1 {{expected a schedule to name its target and lanes}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "", width = 1, contiguous = true, segment = 0>}

// -----

// (C2) the algorithm is known
// expected-error@+1 {{expected algorithm 'segments', 'serial', 'shooting', 'tile', 'lookback', 'wave', 'newton' or 'split', found 'magic'}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "magic", lanes = "d", width = 1, contiguous = true, segment = 0>}

// -----

// (C3) there is a lane
// expected-error@+1 {{expected a width of 1 to 1024, found 0}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d", width = 0, contiguous = true, segment = 0>}

// -----

// (C3) there are not too many
// expected-error@+1 {{expected a width of 1 to 1024, found 2048}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d", width = 2048, contiguous = true, segment = 0>}

// -----

// (C4) a segment has steps
// expected-error@+1 {{expected a segment of at least 0, found -1}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d", width = 1, contiguous = true, segment = -1>}

// -----

// (C5) only tiles are divided
// expected-error@+1 {{expected no steps, group, chunks and warps with algorithm 'serial'}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "serial", lanes = "d", width = 1, contiguous = true, warps = 4>}

// -----

// (C5) a split is of threads of a warp
// expected-error@+1 {{expected a group that divides 32, found 3}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "split", lanes = "n", width = 1, contiguous = true, group = 3>}

// -----

// (C5) a split has no tiles
// expected-error@+1 {{expected no steps, group, chunks and warps with algorithm 'split'}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "split", lanes = "n", width = 1, contiguous = true, group = 4, steps = 2>}

// -----

// (C5) tiles are
// expected-error@+1 {{expected 1 to 64 steps, a group that divides 32, 1 to 64 chunks (1 with a group) and 1 to 32 warps, found 16, 5, 1 and 8}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "lookback", lanes = "d", width = 1, contiguous = true, steps = 16, group = 5, chunks = 1, warps = 8>}

// -----

// (C5) a warp with a group has one chunk
// expected-error@+1 {{found 16, 8, 2 and 8}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "tile", lanes = "d", width = 1, contiguous = true, steps = 16, group = 8, chunks = 2, warps = 8>}

// -----

// (C5) a newton has segments to find the entries of
// expected-error@+1 {{expected at least 2 segments of 'warps' warps of 'group' channels with algorithm 'newton', found 1 and 32}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "newton", lanes = "d", width = 1, contiguous = true, steps = 16, group = 32, chunks = 1, warps = 1>}

// -----

// (C6) only tiles that look back wait in shared memory
// expected-error@+1 {{expected 0 stages, up to 1 with algorithm 'lookback' or up to 8 with 'tile', found 2 with algorithm 'lookback'}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "lookback", lanes = "d", width = 1, contiguous = true, steps = 16, group = 8, chunks = 1, warps = 8, stages = 2>}

// -----

// (C6) waves have stages of their own
// expected-error@+1 {{expected 0 stages, up to 1 with algorithm 'lookback' or up to 8 with 'tile', found 1 with algorithm 'wave'}}
func.func private @f() attributes {a = #recur.schedule<target = "sm_90a", algorithm = "wave", lanes = "d", width = 1, contiguous = true, steps = 16, group = 8, chunks = 1, warps = 8, stages = 1>}
