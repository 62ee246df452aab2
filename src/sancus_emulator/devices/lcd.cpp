#include "sancus_emulator/devices/lcd.hpp"

#include <algorithm>

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t registers_bytes = 6;
constexpr std::uint16_t control = 0;
constexpr std::uint16_t cursor = 2;
constexpr std::uint16_t data = 4;
constexpr std::uint16_t clear = 1;
constexpr std::uint16_t appear = 2;

char printable(std::uint8_t byte) {
    return byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '?';
}

std::string trimmed(const std::string& row) {
    return row.substr(0, row.find_last_not_of(' ') + 1);
}

} // namespace

bool Lcd::has(std::uint16_t address) const {
    return address >= base_ && address < base_ + registers_bytes;
}

std::uint16_t Lcd::read(std::uint16_t address, std::uint64_t cycle) {
    (void)cycle;
    return address - base_ == cursor ? cursor_ : std::uint16_t{0};
}

void Lcd::write(std::uint16_t address,
                std::uint16_t value,
                std::uint16_t mask,
                std::uint64_t cycle) {
    if ((mask & 0x00FFU) == 0) {
        return;
    }
    switch (address - base_) {
    case control:
        if ((value & clear) != 0) {
            written_.assign(written_.size(), ' ');
            cursor_ = 0;
        }
        if ((value & appear) != 0) {
            show(cycle);
        }
        break;
    case cursor:
        cursor_ = static_cast<std::uint8_t>(value % written_.size());
        break;
    case data:
        written_[cursor_] = printable(static_cast<std::uint8_t>(value));
        cursor_ = static_cast<std::uint8_t>((cursor_ + 1U) % written_.size());
        break;
    default:
        break;
    }
}

void Lcd::show(std::uint64_t cycle) {
    if (shown_ == written_) {
        return;
    }
    shown_ = written_;
    if (world_ != nullptr) {
        world_->happened({cycle, true, name_, shown()});
    }
}

void Lcd::reset(std::uint64_t cycle) {
    cursor_ = 0;
    written_.assign(written_.size(), ' ');
    show(cycle);
}

std::string Lcd::shown() const {
    const std::string first = trimmed(shown_.substr(0, columns));
    const std::string second = trimmed(shown_.substr(columns));
    return second.empty() ? first : first + "\n" + second;
}

void Lcd::save(Writer& writer) const {
    writer.u8(cursor_);
    for (const std::string* text : {&written_, &shown_}) {
        for (const char c : *text) {
            writer.u8(static_cast<std::uint8_t>(c));
        }
    }
}

void Lcd::load(Reader& reader) {
    cursor_ = static_cast<std::uint8_t>(reader.u8() % written_.size());
    for (std::string* text : {&written_, &shown_}) {
        for (char& c : *text) {
            c = printable(reader.u8());
        }
    }
}

} // namespace authex::sancus_emulator
