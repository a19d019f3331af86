// The conventions of the whole C ABI.
//
// Every function that can fail returns a ctorch_status and takes `char **error` last: on failure it receives a
// malloc'ed text (free it with ctorch_free_text) and no other output is written. Handles that a function writes to
// `out` are owned by the caller. No C++ exception leaves this library.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ctorch_status {
  CTORCH_OK = 0,
  CTORCH_ERROR = 1,
  CTORCH_OUT_OF_MEMORY = 2,
  CTORCH_COMMUNICATION = 3, // a peer, the store or the network failed
  CTORCH_TIMEOUT = 4,       // no answer within the given time
} ctorch_status;

#define CTORCH_CHECKED __attribute__((warn_unused_result))

// A reference to an at::Tensor.
typedef struct ctorch_tensor_s *ctorch_tensor;
// A reference to an at::Generator.
typedef struct ctorch_generator_s *ctorch_generator;

typedef enum ctorch_dtype {
  CTORCH_UINT8 = 0,
  CTORCH_INT8 = 1,
  CTORCH_INT16 = 2,
  CTORCH_INT32 = 3,
  CTORCH_INT64 = 4,
  CTORCH_FLOAT16 = 5,
  CTORCH_FLOAT32 = 6,
  CTORCH_FLOAT64 = 7,
  CTORCH_BOOL = 11,
  CTORCH_BFLOAT16 = 15,
} ctorch_dtype; // the values of c10::ScalarType

typedef enum ctorch_device_type { CTORCH_CPU = 0, CTORCH_CUDA = 1 } ctorch_device_type; // the values of c10::DeviceType

typedef struct ctorch_device {
  ctorch_device_type type;
  int32_t index; // -1: the current one
} ctorch_device;

void ctorch_free_text(char *text);

#ifdef __cplusplus
}
#endif
