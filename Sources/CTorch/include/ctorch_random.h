// Random generators whose state can be saved, and draws from them.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

CTORCH_CHECKED ctorch_status ctorch_generator_new(ctorch_device device, uint64_t seed, ctorch_generator *out,
                                                  char **error);
void ctorch_generator_free(ctorch_generator generator);
// The state as a tensor of bytes.
CTORCH_CHECKED ctorch_status ctorch_generator_state(ctorch_generator generator, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_generator_set_state(ctorch_generator generator, ctorch_tensor state, char **error);

CTORCH_CHECKED ctorch_status ctorch_normal_in_place(ctorch_tensor a, double mean, double deviation,
                                                    ctorch_generator generator, char **error);
CTORCH_CHECKED ctorch_status ctorch_uniform_in_place(ctorch_tensor a, double low, double high,
                                                     ctorch_generator generator, char **error);
CTORCH_CHECKED ctorch_status ctorch_multinomial(ctorch_tensor probabilities, int64_t count, ctorch_generator generator,
                                                ctorch_tensor *out, char **error);

#ifdef __cplusplus
}
#endif
