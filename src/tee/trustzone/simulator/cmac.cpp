#include "tee/trustzone/simulator/cmac.hpp"

#include <algorithm>

namespace authex::tee::trustzone {
namespace {

using Block = std::array<std::uint8_t, Cmac::bytes>;

/// Times x, in the field of 2^128.
void double_it(Block& block) {
    constexpr std::uint8_t polynomial = 0x87;
    const bool carries = (block[0] & 0x80U) != 0;
    for (std::size_t i = 0; i < block.size(); ++i) {
        const unsigned next = i + 1 < block.size() ? unsigned{block[i + 1]} >> 7U : 0U;
        block[i] = static_cast<std::uint8_t>(unsigned{block[i]} << 1U | next);
    }
    block.back() = static_cast<std::uint8_t>(block.back() ^ (carries ? polynomial : 0));
}

} // namespace

void Cmac::begin(ByteView key) {
    br_aes_ct64_ctrcbc_init(&keys_, key.data(), key.size());
    chain_ = {};
    held_ = 0;
}

void Cmac::chain(Bytes blocks) {
    br_aes_ct64_ctrcbc_mac(&keys_, chain_.data(), blocks.data(), blocks.size());
}

void Cmac::update(ByteView data) {
    while (!data.empty()) {
        if (held_ == bytes) {
            chain(last_);
            held_ = 0;
        }
        const std::size_t count = std::min(data.size(), bytes - held_);
        copy(data.first(count), Bytes(last_).subspan(held_));
        held_ += count;
        data = data.subspan(count);
    }
}

void Cmac::end(Bytes tag) {
    Block subkey{};
    static constexpr Block zero{};
    br_aes_ct64_ctrcbc_mac(&keys_, subkey.data(), zero.data(), zero.size());
    double_it(subkey);
    if (held_ != bytes) {
        double_it(subkey);
        last_[held_] = 0x80;
        std::fill(last_.begin() + static_cast<std::ptrdiff_t>(held_ + 1), last_.end(), 0);
    }
    for (std::size_t i = 0; i < bytes; ++i) {
        last_[i] = static_cast<std::uint8_t>(last_[i] ^ subkey[i]);
    }
    chain(last_);
    copy(chain_, tag);
}

} // namespace authex::tee::trustzone
