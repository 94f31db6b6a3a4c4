/*===-- recur/runtime.h - the C ABI of generated recurrences ------*- C -*-===*\
|* Part of Recur, under the Apache License v2.0 with LLVM Exceptions.         *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
\*===----------------------------------------------------------------------===*/
/// \file
/// What a generated artifact (an object or a library made by recurc) and the
/// program that embeds it share: the description of a recurrence, the kernels
/// that fold, combine and replay its segments, and the calls that check
/// arguments and launch. C11 and C++17. Nothing here depends on LLVM.
#ifndef RECUR_RUNTIME_H
#define RECUR_RUNTIME_H

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RECUR_ABI_VERSION 5

#if defined(_WIN32)
#define RECUR_EXPORT
#else
#define RECUR_EXPORT __attribute__((visibility("default")))
#endif

/// Status of every call; 0 is success. `recur_last_error` has the text.
typedef enum recur_status {
  RECUR_OK = 0,
  /// An argument is missing or has a wrong rank, shape, stride, dtype, device
  /// or alias. Nothing was written.
  RECUR_INVALID_ARGUMENT = 1,
  /// The workspace is missing or too small.
  RECUR_INVALID_WORKSPACE = 2,
  /// No code in the artifact runs on this machine or device.
  RECUR_UNSUPPORTED = 3,
  /// Memory could not be had.
  RECUR_OUT_OF_MEMORY = 4,
  /// The artifact was made for another version of this ABI.
  RECUR_ABI_MISMATCH = 5,
  /// The device driver reported an error.
  RECUR_DEVICE_ERROR = 6,
  RECUR_INTERNAL = 7
} recur_status;

/// Text of the last error on this thread; never NULL, empty after success.
RECUR_EXPORT const char *recur_last_error(void);
/// Version of the runtime's ABI (RECUR_ABI_VERSION when it was built).
RECUR_EXPORT int32_t recur_abi_version(void);

/*===-- Description of a recurrence ---------------------------------------===*/

#define RECUR_DYNAMIC (-1)
/** Most arguments and dimensions a recurrence can have. */
#define RECUR_MAX_ARGUMENTS 64
#define RECUR_MAX_DIMS 64
/** DLPack's type code of bool (8 bits), which headers before 0.8 lack. An
    argument declared so also takes unsigned 8-bit integers. */
#define RECUR_DL_BOOL 6

/// One dimension (index name) of the recurrence.
typedef struct recur_dim {
  const char *name;
  int64_t size; /**< static size, or RECUR_DYNAMIC */
} recur_dim;

typedef enum recur_role {
  RECUR_INPUT = 0,    /**< read */
  RECUR_SEGMENTS = 1, /**< cumulative lengths cu[s + 1], int32 or int64, where the other tensors are */
  RECUR_RESULT = 2,   /**< written */
  RECUR_FINAL = 3,    /**< written: the last value of a state */
  RECUR_INITIAL = 4   /**< read, only as start state: a RECUR_FINAL argument may be the same memory */
} recur_role;

/// One tensor argument. `dims[k]` is the index of the dimension that tensor
/// dimension k runs over. For RECUR_SEGMENTS the one tensor dimension has
/// size (number of segments + 1).
typedef struct recur_argument {
  const char *name;
  int32_t role; /**< recur_role */
  DLDataType dtype;
  int32_t rank;
  const int32_t *dims;
} recur_argument;

/// An access the step makes to an argument with an index other than the plain
/// dimension: tensor dimension `axis` of argument `argument` is read at
/// ((dim + offset) / divisor) % modulus (modulus 0: none; dim < 0: the constant
/// `offset`). The runtime checks that all of it lies inside the tensor; time
/// lags are not listed, they are guarded in the kernels.
typedef struct recur_access {
  int32_t argument, axis, dim;
  int64_t offset, divisor, modulus;
} recur_access;

/*===-- Kernels on the CPU ------------------------------------------------===*/

/// What the kernels of one call see. Results follow inputs in the order of
/// the arguments. Strides are in elements; those of argument a start at
/// strides[sum of the ranks of the arguments before a]. sizes[] has one entry
/// a dimension of the recurrence (time: the whole extent). The results' part of
/// data and strides has pointers of its own: recurrences that differ in start
/// values only can then share kernels.
typedef struct recur_frame {
  void *const *data;
  const int64_t *strides;
  const int64_t *sizes;
  void *const *result_data;
  const int64_t *result_strides;
} recur_frame;

/// A part of the work: items [item_begin, item_end) of the flattened parallel
/// space and times [begin, end) inside the sequence that occupies
/// [sequence_begin, sequence_end) of the time dimension. Without packed
/// segments the sequence is [0, T) and `segment` is 0. A reverse recurrence
/// walks its tile from end - 1 down to begin.
typedef struct recur_tile {
  int64_t item_begin, item_end;
  int64_t segment, sequence_begin, sequence_end;
  int64_t begin, end;
  /// Where lanes are segments: how many steps each begins behind the one before
  /// it; begin and end are those of the first. 0: all run the same steps.
  int64_t segment_steps;
} recur_tile;

/// A kernel. `carry` points at item_begin's entry state, `summary` at
/// item_begin's segment summary (transition P and exit state E); both are
/// opaque, `carry_bytes` / `summary_bytes` an item (see recur_cpu_variant).
/// `scratch` is per-thread memory of `scratch_bytes`.
typedef void (*recur_cpu_kernel)(const recur_frame *frame, const recur_tile *tile,
                                 void *carry, void *summary, void *scratch);

/// Bytes that depend on the sizes: constant + per_product * (product of the
/// sizes of the dims whose bit is set in dim_mask). Always a multiple of 64.
typedef struct recur_extent {
  int64_t constant, per_product;
  uint64_t dim_mask;
} recur_extent;

/// Instruction sets a variant needs; the runtime never picks one that the
/// machine lacks, nor one above the environment's RECUR_CPU_LEVEL (baseline,
/// avx2 or avx512).
typedef enum recur_cpu_level {
  RECUR_CPU_BASELINE = 0, /**< x86-64-v2, or the architecture's baseline */
  RECUR_CPU_AVX2 = 3,     /**< x86-64-v3 */
  RECUR_CPU_AVX512 = 4    /**< x86-64-v4 */
} recur_cpu_level;

/// One schedule of a recurrence on the CPU, as the five steps of the engine.
/// The parallel space is the row-major product of `parallel_dims`; the dim
/// `lane_dim` (an element of it, or -1) counts in units of `item_lanes`,
/// rounded up.
/// Pointers a step has no use for are NULL. start and finish get the whole
/// sequence as their tile.
///   start:   carry  := start state
///   fold:    summary := transition and exit (from the zero state) of the tile
///   advance: carry  := P (x) carry (+) E      (combine)
///   replay:  runs the tile from carry, writes results, carry := exit state
///   finish:  writes the final states from carry (also for empty sequences)
/// fold and advance may be NULL: time is then never split.
/// With `segment_lanes` the lanes of an item, one element of the parallel space,
/// are so many segments of time (multiple shooting; for steps that are not
/// affine), and
///   fold:    runs the tile from carry, without results, carry := exit state
///   finish:  writes the final states of the last lane,
/// advance is NULL. A carry then has a vector of `segment_lanes` numbers of
/// `number_bytes` for each number of a state, and nothing else. The runtime guesses
/// exits by folding the last `warm_up` steps of each segment from the start state,
/// hands each to the segment behind, replays, and again, up to `max_passes` times,
/// until every segment begins, to the last bit, where the one before it ended. What
/// does not get there runs in order.
/// A variant applies when the machine has `level` and every argument whose bit
/// is set in `unit_stride_mask` has stride 1 (or size <= 1) along
/// `contiguous_dim`, or along `lane_dim` when `contiguous_dim` is -1.
typedef struct recur_cpu_variant {
  const char *name; /**< the schedule, as --explain prints it */
  int32_t level;    /**< recur_cpu_level */
  int32_t parallel_rank;
  const int32_t *parallel_dims;
  int32_t lane_dim;
  int32_t contiguous_dim;
  int64_t item_lanes;
  uint64_t unit_stride_mask;
  recur_extent carry_bytes, summary_bytes, scratch_bytes;
  int32_t segment_lanes; /**< 0: lanes are no segments */
  int32_t number_bytes, warm_up, max_passes;
  /// Estimated nanoseconds of computing for one item (all its lanes) at one
  /// time, in a replay and in a fold. Folding a matrix of k x k costs k times as
  /// much as applying it: time is split only where it still pays.
  double step_cost_ns, fold_cost_ns;
  /// Estimated nanoseconds from the states before a step to those after it.
  double step_latency_ns;
  /// Bytes one item moves at one time: tiles are sized to stay in L2.
  double step_bytes;
  recur_cpu_kernel start, fold, advance, replay, finish;
} recur_cpu_variant;

/*===-- Kernels on GPUs ---------------------------------------------------===*/

/// What an image holds.
typedef enum recur_gpu_format {
  RECUR_GPU_PTX = 0,  /**< text that ends with a NUL; the driver compiles it */
  RECUR_GPU_CUBIN = 1 /**< machine code */
} recur_gpu_format;

/// Code for one GPU target; holds the kernels of every recurrence of the
/// artifact. A device of capability c (90 is 9.0) runs an `exact` image only
/// where c == capability, PTX where c >= capability, and a cubin where c has the
/// same major number and c >= capability.
typedef struct recur_gpu_image {
  const char *target; /**< as recurc knows it, such as sm_90a */
  int32_t format;     /**< recur_gpu_format */
  int32_t capability;
  int32_t exact; /**< 1: uses what only this chip has (sm_90a) */
  int32_t reserved;
  const void *bytes;
  int64_t size;  /**< bytes, without PTX's NUL */
  uint64_t hash; /**< of the bytes: equal images are loaded once */
} recur_gpu_image;

/// Phases of the engine as kernels.
typedef enum recur_gpu_phase {
  RECUR_GPU_SCAN = 0,    /**< one kernel does all */
  RECUR_GPU_FOLD = 1,    /**< transition and exit state of every tile of time */
  RECUR_GPU_COMBINE = 2, /**< entry state of every tile; final states */
  RECUR_GPU_REPLAY = 3   /**< results of every tile from its entry state */
} recur_gpu_phase;

/// One kernel and its launch.
///
/// The parallel space is the row-major product of `parallel_dims`. The dim
/// `lane_dim` (the last of them, or -1: none) counts in units of `lane_tile`
/// positions, rounded up; the others count every position. With T the size of
/// the time dim, at least 1:
///
///   units  = product of those counts
///   blocks = ceil(units / items_per_block) * (time_tile ? ceil(T / time_tile)
///                                                       : 1)
///
/// The grid is (blocks, 1, 1), for a persistent kernel at most what is resident
/// at once. Nothing is launched when there are no units. Every parameter has 8
/// bytes: the data pointer of every argument in their order, the workspace, the
/// variant's `tile_steps` (at least 1), the size of every dim of the recurrence's space (the
/// first `n_space_dims` of recur_info::dims), the strides in elements of every
/// axis of every argument.
typedef struct recur_gpu_kernel {
  const char *symbol;
  int32_t phase; /**< recur_gpu_phase */
  int32_t parallel_rank;
  const int32_t *parallel_dims;
  int32_t lane_dim;
  int32_t block; /**< threads of a block */
  int64_t lane_tile;
  int64_t items_per_block; /**< units of one block */
  int64_t time_tile;       /**< steps of one block; 0: it walks all of time */
  int64_t shared_bytes;    /**< dynamic shared memory of a block */
  int32_t persistent;      /**< 1: any smaller grid does */
  int32_t registers;       /**< of a thread, estimated; 0: unknown */
  /// Steps of a position whose loads a thread has under way, estimated; 0:
  /// what a plain loop has.
  int32_t steps_in_flight;
  /// Dims of the points that `shared_per_point` counts.
  int32_t point_rank;
  double step_cost; /**< estimated cycles of one thread for one step of one
                         position of a unit, its values at hand */
  /// Dynamic shared memory of a block besides: for each point of the product
  /// of `point_dims`; 0: none.
  int64_t shared_per_point;
  const int32_t *point_dims;
  double point_cost; /**< estimated cycles besides: for each of those points */
  /// From so many steps on, the last units may be cut in halves of time; 0:
  /// never. With R units more than a multiple of the M blocks that run at once,
  /// and 0 < 2 R <= M < units, the grid then has R blocks more. Where it has
  /// not, the variant needs no workspace.
  int64_t halves_from;
} recur_gpu_kernel;

typedef enum recur_gpu_part_kind {
  RECUR_GPU_PER_POSITION = 0, /**< of the parallel space of the first kernel */
  RECUR_GPU_PER_TILE = 1,     /**< and of every tile of `tile_steps` of time */
  /** A recur_channel_report for every position: the first part, and nothing of
      the workspace is zeroed. */
  RECUR_GPU_REPORT = 2
} recur_gpu_part_kind;

/// A part of a variant's workspace: `value_bytes` times the sizes of `dims` for
/// everything that its kind counts.
typedef struct recur_gpu_part {
  int64_t value_bytes;
  int32_t kind; /**< recur_gpu_part_kind */
  int32_t rank;
  const int32_t *dims;
} recur_gpu_part;

/// One schedule of a recurrence on a GPU: kernels that are launched in order.
/// It applies when
///   - one of its images runs on the device, and its blocks fit there;
///   - every argument in `unit_stride_mask` has stride 1 (or size <= 1) along
///     `contiguous_dim`;
///   - the data of every argument in `vector_mask` is aligned to `vector_bytes`,
///     and so are all its strides in bytes but the one along `contiguous_dim`;
///   - the size of `contiguous_dim` is a multiple of `size_multiple`.
/// The workspace, aligned to 256 bytes, starts with a part that is zeroed before
/// every launch, zeroed_constant + zeroed_per_tile * units * ceil(T / tile_steps)
/// bytes (units of the first kernel); then come `parts`, each rounded up to 256.
typedef struct recur_gpu_variant {
  const char *name; /**< the schedule, as --explain prints it */
  int32_t n_kernels, n_images, n_parts;
  int32_t contiguous_dim;
  const recur_gpu_kernel *kernels;
  const recur_gpu_image *images; /**< of one target, best first */
  const recur_gpu_part *parts;
  uint64_t unit_stride_mask, vector_mask;
  int64_t vector_bytes, size_multiple;
  int64_t zeroed_constant, zeroed_per_tile;
  int64_t tile_steps; /**< 0: time is not cut */
} recur_gpu_variant;

/// Everything an artifact says about one recurrence; constant data.
typedef struct recur_info {
  int32_t abi_version;
  int32_t flags; /**< recur_flag */
  const char *name;
  const char *source_hash; /**< of the spec's text, hexadecimal */
  const char *targets;     /**< comma separated */
  int32_t n_dims, n_arguments, n_accesses, n_cpu_variants, n_gpu_variants;
  int32_t time_dim;
  int32_t segment_dim; /**< dimension that counts packed sequences, or -1 */
  /// The first so many dims are the recurrence's space; the others belong to
  /// arguments only (the past steps of a history).
  int32_t n_space_dims;
  int32_t reserved;
  const recur_dim *dims;
  const recur_argument *arguments;
  const recur_access *accesses;
  const recur_cpu_variant *cpu_variants; /**< best first */
  const recur_gpu_variant *gpu_variants; /**< best target first */
} recur_info;

typedef enum recur_flag { RECUR_REVERSE = 1, RECUR_STEP = 2 } recur_flag;

/*===-- Calls -------------------------------------------------------------===*/

/// Checks the arguments (in the order of info->arguments), picks a variant and
/// runs it. All tensors are in host memory or all on one CUDA device, which then
/// runs the call. All checks pass before the first write; after an error of them
/// nothing has been written. May be called from several threads at once. Calls
/// with equal arguments, strides and number of threads give equal bits.
///
/// On the CPU, `workspace` may be NULL: each calling thread then keeps its own,
/// which grows on first use and is reused. `stream` is ignored.
///
/// On a GPU, `workspace` is memory of the device with the bytes that
/// recur_workspace says, which the kernels use until they are done; NULL where
/// that is 0. `stream` is a CUstream or cudaStream_t of the device (NULL: the
/// legacy default stream). The call only puts work into the stream: it allocates
/// no device memory, creates no stream, waits for nothing, and may be captured in
/// a CUDA graph. The first call of a recurrence in a context loads its code,
/// which takes milliseconds and may wait for the device, but is legal in a
/// capture too. The context is the calling thread's if it is of the tensors'
/// device, else the device's primary one; it is as before after the call.
/// Cumulative lengths of packed sequences are read by the kernels and not checked.
/// The environment's RECUR_SCHEDULE picks among the variants on GPUs: only those
/// are taken whose name is or contains it.
RECUR_EXPORT int recur_call(const recur_info *info, const DLTensor *const *arguments,
                            int32_t n_arguments, void *workspace,
                            size_t workspace_bytes, void *stream);

/// Bytes of workspace `recur_call` needs for these arguments.
RECUR_EXPORT int recur_workspace(const recur_info *info, const DLTensor *const *arguments,
                                 int32_t n_arguments, size_t *bytes);

/// Name of the variant that `recur_call` would run for these arguments.
RECUR_EXPORT int recur_select(const recur_info *info, const DLTensor *const *arguments,
                              int32_t n_arguments, const char **variant);

/*===-- Steps that are not affine -----------------------------------------===*/

/// Flags of a channel. Results are right whatever they are.
typedef enum recur_channel_flag {
  /// Newton's method did not converge on some tile of time within the limit of
  /// passes: that tile was finished one segment after the other, exactly.
  RECUR_FINISHED_IN_ORDER = 1,
  /// A state became infinite or no number.
  RECUR_NOT_FINITE = 2
} recur_channel_flag;

/// What a call found of one channel, a position of the parallel space.
typedef struct recur_channel_report {
  int32_t passes;   /**< the most that a tile of time took */
  int32_t flags;    /**< recur_channel_flag */
  /** The largest gap between where a segment of time ends and where the next
      one begins, in what was written, relative to a state's size above 1. */
  float residual;
  int32_t reserved;
} recur_channel_report;

/// What a call found of all channels.
typedef struct recur_report {
  const char *variant; /**< that ran, as recur_select says it */
  /** Channels that Newton's method solved; 0: the variant runs one step after
      the other, and there is nothing else to say. */
  int64_t channels;
  int64_t finished_in_order; /**< channels with RECUR_FINISHED_IN_ORDER */
  int64_t not_finite;        /**< channels with RECUR_NOT_FINITE */
  int32_t passes;            /**< the most of any channel */
  int32_t reserved;
  double residual; /**< the largest of any channel */
} recur_report;

/// Reads what the last `recur_call` with these arguments left in `workspace`,
/// once its stream has done the call's work: this waits for nothing that a copy
/// from the device does not wait for. On the CPU a NULL workspace is that which
/// this thread's last call kept. `channels`, with room for `n_channels`, gets
/// the channels one by one, row-major; NULL: only the sums.
RECUR_EXPORT int recur_read_report(const recur_info *info, const DLTensor *const *arguments,
                                   int32_t n_arguments, const void *workspace,
                                   size_t workspace_bytes, recur_report *report,
                                   recur_channel_report *channels, int64_t n_channels);

/*===-- Threads -----------------------------------------------------------===*/

/// Runs body(context, i) for i in [0, n), in any order and on any threads, and
/// returns when all are done.
typedef void (*recur_parallel_for)(void *user, int64_t n,
                                   void (*body)(void *context, int64_t i),
                                   void *context);
/// Replaces the runtime's own thread pool by the caller's (NULL: back to the
/// own one). `threads` is how many bodies can run at once.
RECUR_EXPORT void recur_set_parallel_for(recur_parallel_for run, void *user, int32_t threads);
/// Threads of the own pool; 0: as many as the machine has (the default, or the
/// environment's RECUR_NUM_THREADS).
RECUR_EXPORT int recur_set_num_threads(int32_t threads);
RECUR_EXPORT int32_t recur_num_threads(void);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* RECUR_RUNTIME_H */
