#pragma once
// Bytes that are wiped when they go.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace authex::deployer {

/// For text that some interface wants as a string.
inline void wipe_text(std::string& text) {
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

class Secret {
  public:
    Secret() = default;
    explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    /// What is handed over, whose only copy it is then.
    explicit Secret(std::vector<std::uint8_t>&& bytes) : bytes_(std::exchange(bytes, {})) {}
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
    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

  private:
    std::vector<std::uint8_t> bytes_;
};

} // namespace authex::deployer
