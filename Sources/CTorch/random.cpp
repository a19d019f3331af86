#include "ctorch_random.h"
#include "ctorch_handles.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/multinomial.h>

#include <mutex>

using namespace ctorch;

ctorch_status ctorch_generator_new(ctorch_device device, uint64_t seed, ctorch_generator *out, char **error) {
  return guarded(error, [&] {
    at::Generator generator = device.type == CTORCH_CPU
                                  ? at::detail::createCPUGenerator()
                                  : at::globalContext().defaultGenerator(device_of(device)).clone();
    generator.set_current_seed(seed);
    *out = new ctorch_generator_s{std::move(generator)};
  });
}

void ctorch_generator_free(ctorch_generator generator) { delete generator; }

ctorch_status ctorch_generator_state(ctorch_generator generator, ctorch_tensor *out, char **error) {
  return produce(out, error, [&] {
    std::lock_guard<std::mutex> lock(generator->value.mutex());
    return generator->value.get_state();
  });
}

ctorch_status ctorch_generator_set_state(ctorch_generator generator, ctorch_tensor state, char **error) {
  return guarded(error, [&] {
    std::lock_guard<std::mutex> lock(generator->value.mutex());
    generator->value.set_state(state->value);
  });
}

ctorch_status ctorch_normal_in_place(ctorch_tensor a, double mean, double deviation, ctorch_generator generator,
                                     char **error) {
  return guarded(error, [&] { a->value.normal_(mean, deviation, generator->value); });
}

ctorch_status ctorch_uniform_in_place(ctorch_tensor a, double low, double high, ctorch_generator generator,
                                      char **error) {
  return guarded(error, [&] { a->value.uniform_(low, high, generator->value); });
}

ctorch_status ctorch_multinomial(ctorch_tensor probabilities, int64_t count, ctorch_generator generator,
                                 ctorch_tensor *out, char **error) {
  return produce(out, error,
                 [&] { return at::multinomial(probabilities->value, count, /*replacement=*/false, generator->value); });
}
