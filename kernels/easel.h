// The whole C ABI between TypeScript and a backend. Every function that can fail returns 0 or a status and leaves one
// line of text on the device handle (calls may run on other threads, so nothing is thread-local). No exceptions, no
// exits and no printing cross this boundary.
#pragma once
#include "easel_ops.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)  // the only names a library exports

typedef struct easel_device easel_device;
typedef struct easel_buffer easel_buffer;
typedef struct easel_program easel_program;

enum easel_status { EASEL_OK = 0, EASEL_FAILED = 1, EASEL_OUT_OF_MEMORY = 2, EASEL_IO = 3, EASEL_UNSUPPORTED = 4,
                    EASEL_NOT_FINITE = 5 };

// Raised with every change of this file or of the structs.
#define EASEL_ABI 3
uint32_t easel_abi(void);
// sizeof(easel_tensor) << 32 | sizeof(easel_instruction): the caller checks its own idea of them.
uint64_t easel_record_sizes(void);

// Opens the backend's device `ordinal` (CPU: 0). threads: worker threads, 0 for all cores. limit: most bytes that the
// caller will take, 0 for what there is; the backend's own passing needs stay within it too. vendor_folder: where the
// choices between vendor libraries and easel's kernels are remembered, "" for nowhere; null keeps the libraries out.
int32_t easel_device_open(int32_t ordinal, int32_t threads, uint64_t limit, const char* vendor_folder,
                          easel_device** out);
void easel_device_close(easel_device*);
// One JSON object (name, threads, features, oneDNN version, memory...); returns the bytes needed, terminator included.
int64_t easel_device_info(easel_device*, char* text, int64_t capacity);
// The text of the last failure on this device (or of the last failed open when device is null).
const char* easel_error(easel_device*);

// Device memory, 64-byte aligned, zeroed.
int32_t easel_buffer_alloc(easel_device*, uint64_t bytes, easel_buffer** out);
void easel_buffer_free(easel_device*, easel_buffer*);
int32_t easel_buffer_upload(easel_device*, easel_buffer*, uint64_t offset, const void* source, uint64_t bytes);
int32_t easel_buffer_download(easel_device*, easel_buffer*, uint64_t offset, void* target, uint64_t bytes);
// `count` elements of file_dtype at `file_offset` of the file, converted to device_dtype at `offset`: a checkpoint
// never passes through the caller's memory. file_dtype: easel_dtype, or 16 for float64, 17 for int64. A floating-point
// element of the file that is no finite number ends the reading with EASEL_NOT_FINITE and the text "VALUE at INDEX".
int32_t easel_buffer_read_file(easel_device*, easel_buffer*, uint64_t offset, const char* path, uint64_t file_offset,
                               uint64_t count, int32_t file_dtype, int32_t device_dtype);

// Buffers are the table that easel_tensor.buffer points into. Everything slow (primitive creation, repacking of frozen
// weights) happens here, nothing is allocated by easel_program_run.
int32_t easel_program_create(easel_device*, const easel_tensor*, int32_t tensors, const easel_instruction*,
                             int32_t instructions, easel_buffer* const*, int32_t buffers, easel_program** out);
void easel_program_destroy(easel_device*, easel_program*);
int32_t easel_program_run(easel_device*, easel_program*);
// Bytes the executor holds for this program beyond the buffers: repacked weights (shared ones counted once, with the
// program that made them) and scratch.
void easel_program_memory(easel_program*, uint64_t* packed, uint64_t* scratch);
// Runs once and stores the seconds each instruction took.
int32_t easel_program_profile(easel_device*, easel_program*, double* seconds);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
