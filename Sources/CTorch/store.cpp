#include "distributed.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>

using namespace ctorch;

namespace {

std::vector<uint8_t> bytes_of(const void *bytes, size_t count) {
  const auto *first = static_cast<const uint8_t *>(bytes);
  return count == 0 ? std::vector<uint8_t>() : std::vector<uint8_t>(first, first + count);
}

void give(const std::vector<uint8_t> &value, void **bytes, size_t *count) {
  void *copy = std::malloc(std::max<size_t>(value.size(), 1));
  if (!copy) throw std::bad_alloc();
  if (!value.empty()) std::memcpy(copy, value.data(), value.size());
  *bytes = copy;
  *count = value.size();
}

} // namespace

ctorch_status ctorch_store_tcp(const char *host, uint16_t port, bool hosts, int listening_descriptor,
                               int64_t timeout_ms, ctorch_store *out, char **error) {
  return communicating(error, [&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = hosts;
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout_ms);
    if (hosts && listening_descriptor >= 0) options.masterListenFd = listening_descriptor;
    *out = new ctorch_store_s{c10::make_intrusive<c10d::TCPStore>(host, options)};
  });
}

ctorch_status ctorch_store_prefixed(ctorch_store store, const char *prefix, ctorch_store *out, char **error) {
  return communicating(
      error, [&] { *out = new ctorch_store_s{c10::make_intrusive<c10d::PrefixStore>(prefix, store->value)}; });
}

ctorch_status ctorch_store_clone(ctorch_store store, ctorch_store *out, char **error) {
  return communicating(error, [&] { *out = new ctorch_store_s{store->value->clone()}; });
}

ctorch_status ctorch_store_set(ctorch_store store, const char *key, const void *bytes, size_t count, char **error) {
  return communicating(error, [&] { store->value->set(key, bytes_of(bytes, count)); });
}

ctorch_status ctorch_store_get(ctorch_store store, const char *key, int64_t timeout_ms, void **bytes, size_t *count,
                               char **error) {
  return communicating(error, [&] {
    store->value->wait({key}, std::chrono::milliseconds(timeout_ms));
    give(store->value->get(key), bytes, count);
  });
}

ctorch_status ctorch_store_get_all(ctorch_store store, const char *const *keys, size_t key_count, void **bytes,
                                   size_t *lengths, char **error) {
  return communicating(error, [&] {
    std::vector<uint8_t> joined;
    const auto values = store->value->multiGet(std::vector<std::string>(keys, keys + key_count));
    for (size_t i = 0; i < key_count; ++i) {
      lengths[i] = values[i].size();
      joined.insert(joined.end(), values[i].begin(), values[i].end());
    }
    size_t total = 0;
    give(joined, bytes, &total);
  });
}

ctorch_status ctorch_store_check(ctorch_store store, const char *key, bool *exists, char **error) {
  return communicating(error, [&] { *exists = store->value->check({key}); });
}

ctorch_status ctorch_store_add(ctorch_store store, const char *key, int64_t amount, int64_t *sum, char **error) {
  return communicating(error, [&] { *sum = store->value->add(key, amount); });
}

ctorch_status ctorch_store_compare_set(ctorch_store store, const char *key, const void *expected, size_t expected_count,
                                       const void *desired, size_t desired_count, void **bytes, size_t *count,
                                       char **error) {
  return communicating(error, [&] {
    give(store->value->compareSet(key, bytes_of(expected, expected_count), bytes_of(desired, desired_count)), bytes,
         count);
  });
}

void ctorch_store_free(ctorch_store store) { delete store; }

void ctorch_free_bytes(void *bytes) { std::free(bytes); }
