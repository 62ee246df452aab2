#include "sancus_emulator/devices/random_number.hpp"

#include <algorithm>

#include <openssl/sha.h>

namespace authex::sancus_emulator {

void RandomNumber::next_block() {
    std::array<std::uint8_t, std::tuple_size_v<RandomSeed> + sizeof blocks_> input{};
    Writer(input).bytes(seed_).u64(blocks_++);
    SHA256(input.data(), input.size(), block_.data());
    used_ = 0;
}

std::uint16_t RandomNumber::read(std::uint16_t address, std::uint64_t cycle) {
    (void)address;
    (void)cycle;
    if (used_ == block_.size()) {
        next_block();
    }
    const auto value = static_cast<std::uint16_t>(block_[used_] | block_[used_ + 1] << 8U);
    used_ += 2;
    return value;
}

void RandomNumber::write(std::uint16_t address,
                         std::uint16_t value,
                         std::uint16_t mask,
                         std::uint64_t cycle) {
    (void)address;
    (void)value;
    (void)mask;
    (void)cycle;
}

void RandomNumber::save(Writer& writer) const {
    writer.bytes(seed_).u64(blocks_).u8(static_cast<std::uint8_t>(used_));
}

void RandomNumber::load(Reader& reader) {
    const ByteView seed = reader.take(seed_.size());
    std::copy(seed.begin(), seed.end(), seed_.begin());
    blocks_ = reader.u64();
    const std::size_t used = reader.u8() & ~std::size_t{1};
    if (blocks_ == 0 || used >= block_.size()) {
        used_ = block_.size();
        return;
    }
    --blocks_;
    next_block();
    used_ = used;
}

} // namespace authex::sancus_emulator
