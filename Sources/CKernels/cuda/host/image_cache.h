// Compiled kernels on disk: a file for each key, complete or absent.
//
// Everything in it can be compiled again, so a failure counts as not found and is not reported.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace ckernels::cuda {

// FNV-1a of 128 bits (Fowler, Noll & Vo), in hexadecimal: it detects mistakes, not attacks.
inline std::string content_hash(std::string_view text) {
  const auto prime = (static_cast<unsigned __int128>(1) << 88) + 0x13b;
  auto hash = (static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64) + 0x62b821756295c58d;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * prime;
  std::string digits;
  for (int shift = 124; shift >= 0; shift -= 4)
    digits.push_back("0123456789abcdef"[static_cast<int>(hash >> shift) & 15]);
  return digits;
}

// The folder `kernels` in MINIMIND_DPO_CACHE, otherwise in minimind-dpo in XDG_CACHE_HOME, otherwise in ~/.cache/minimind-dpo.
// Nothing if there is no home folder or MINIMIND_DPO_CACHE is `off`.
inline std::optional<std::filesystem::path> image_folder() {
  auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return std::filesystem::path(value ? value : "");
  };
  std::filesystem::path root = variable("MINIMIND_DPO_CACHE");
  if (root == "off") return std::nullopt;
  if (root.empty()) {
    // The XDG specification says to ignore relative paths.
    if (const auto caches = variable("XDG_CACHE_HOME"); caches.is_absolute()) {
      root = caches / "minimind-dpo";
    } else if (const auto home = variable("HOME"); !home.empty()) {
      root = home / ".cache" / "minimind-dpo";
    } else {
      return std::nullopt;
    }
  }
  return root / "kernels";
}

// The header of a file: the whole key, in case two keys have the same hash, and a hash of the image, in case it is damaged.
inline std::string image_header(std::string_view key, std::string_view image) {
  return "minimind-dpo kernels\n" + std::string(key) + "\n" + content_hash(image) + "\n";
}

inline std::filesystem::path image_path(const std::filesystem::path &folder, std::string_view key) {
  return folder / (content_hash(key) + ".image");
}

// The cached image of a key.
inline std::optional<std::string> read_image(const std::filesystem::path &folder, std::string_view key) {
  std::ifstream file(image_path(folder, key), std::ios::binary);
  if (!file) return std::nullopt;
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t header = image_header(key, {}).size();
  if (content.size() <= header) return std::nullopt;
  std::string image = content.substr(header);
  if (content.compare(0, header, image_header(key, image)) != 0) return std::nullopt;
  return image;
}

// Stores an image; it is written to a temporary file and renamed, so that other processes find all of it or nothing.
inline bool write_image(const std::filesystem::path &folder, std::string_view key, std::string_view image) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  std::string aside = (folder / ".writing-XXXXXX").string();
  const int descriptor = mkstemp(aside.data());
  if (descriptor < 0) return false;
  const std::string content = image_header(key, image).append(image);
  size_t written = 0;
  while (written < content.size()) {
    const ssize_t count = ::write(descriptor, content.data() + written, content.size() - written);
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  const bool is_complete = written == content.size() && ::fsync(descriptor) == 0;
  const bool is_closed = ::close(descriptor) == 0;
  if (is_complete && is_closed) {
    std::filesystem::rename(aside, image_path(folder, key), failure);
    if (!failure) return true;
  }
  std::filesystem::remove(aside, failure);
  return false;
}

} // namespace ckernels::cuda
