#pragma once
// Bytes that are wiped when they go.

#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace authex::deployer {

class Secret {
  public:
    Secret() = default;
    explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            assign(other.bytes_);
        }
        return *this;
    }
    Secret& operator=(Secret&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Secret() { wipe(bytes_); }

    void assign(ByteView bytes) {
        wipe(bytes_);
        bytes_.assign(bytes.begin(), bytes.end());
    }
    [[nodiscard]] ByteView view() const { return bytes_; }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

  private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace authex::deployer
