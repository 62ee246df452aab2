#include "sancus_emulator/devices/uart.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator {
namespace {

constexpr std::uint16_t registers_bytes = 8;

/// Offsets of words.
constexpr std::uint16_t control_and_status = 0;
constexpr std::uint16_t baud = 2;
constexpr std::uint16_t data = 4;

constexpr std::uint8_t control_writable = 0x73;
constexpr std::uint8_t receives = 0x01;
constexpr std::uint8_t sends = 0x04;
constexpr std::uint8_t full = 0x08;
constexpr std::uint8_t byte_received = 0x10;
constexpr std::uint8_t overflow = 0x20;
constexpr std::uint8_t byte_sent = 0x40;
constexpr std::uint8_t all_sent = 0x80;

/// Bits of a byte on the line: start, eight of data, stop.
constexpr std::uint64_t frame_bits = 10;
/// From the edge of the start bit until the receiver has seen it: two flip-flops that
/// synchronise, three samples of which the majority counts.
constexpr std::uint64_t edge_cycles = 4;

std::uint16_t bit_of(const std::optional<unsigned>& vector) {
    return vector ? static_cast<std::uint16_t>(1U << *vector) : std::uint16_t{0};
}

} // namespace

bool Uart::has(std::uint16_t address) const {
    return address >= settings_.base && address < settings_.base + registers_bytes;
}

std::uint8_t Uart::status() const {
    const bool busy = sent_at_ != never || next_waits_;
    return static_cast<std::uint8_t>(pending_ | (busy ? sends : 0U) | (next_waits_ ? full : 0U) |
                                     (arrived_at_ != never ? receives : 0U));
}

std::uint16_t Uart::read(std::uint16_t address, std::uint64_t cycle) {
    advance(cycle);
    switch (address - settings_.base) {
    case control_and_status:
        return static_cast<std::uint16_t>(control_ | status() << 8U);
    case baud:
        return baud_;
    case data:
        return static_cast<std::uint16_t>(transmit_data_ | receive_data_ << 8U);
    default:
        return 0;
    }
}

void Uart::write(std::uint16_t address,
                 std::uint16_t value,
                 std::uint16_t mask,
                 std::uint64_t cycle) {
    advance(cycle);
    const bool low = (mask & 0x00FFU) != 0;
    const bool high = (mask & 0xFF00U) != 0;
    const auto low_byte = static_cast<std::uint8_t>(value);
    switch (address - settings_.base) {
    case control_and_status:
        if (low) {
            control(low_byte, cycle);
        }
        if (high) {
            pending_ &= static_cast<std::uint8_t>(~(value >> 8U));
        }
        break;
    case baud:
        baud_ = low ? value : baud_; // both halves are latched when the low one is written
        break;
    case data:
        if (low) {
            transmit_data_ = low_byte;
            next_waits_ = is_on();
            if (sent_at_ == never && next_waits_) {
                transmit(cycle);
            }
        }
        break;
    default:
        break;
    }
}

void Uart::control(std::uint8_t value, std::uint64_t cycle) {
    control_ = value & control_writable;
    if (!is_on()) {
        next_waits_ = false;
        sent_at_ = never;
        begins_at_ = never;
        arrived_at_ = never;
    }
    now_ = cycle;
    begin_receiving();
}

void Uart::transmit(std::uint64_t cycle) {
    next_waits_ = false;
    // One cycle to begin, one to end (txfer_start, txfer_done).
    sent_at_ = cycle + 1 + frame_bits * bit_cycles() + 1;
    tell(true, transmit_data_, cycle);
    send(transmit_data_, cycle);
}

void Uart::sent(std::uint64_t cycle) {
    pending_ |= byte_sent | (next_waits_ ? 0U : all_sent);
    sent_at_ = never;
    if (next_waits_) {
        transmit(cycle);
    }
}

void Uart::begin_receiving() {
    if (is_on() && arrived_at_ == never && begins_at_ == never && !waiting_.empty()) {
        begins_at_ = std::max(now_, line_free_at_);
    }
}

void Uart::received() {
    pending_ |= (pending_ & byte_received) != 0 ? overflow | byte_received : byte_received;
    receive_data_ = arriving_;
    arrived_at_ = never;
}

void Uart::advance(std::uint64_t cycle) {
    for (std::uint64_t next = next_event(); next <= cycle; next = next_event()) {
        now_ = next;
        if (sent_at_ == next) {
            sent(next);
        } else if (arrived_at_ == next) {
            received();
            begin_receiving();
        } else {
            begins_at_ = never;
            arriving_ = waiting_.take();
            line_free_at_ = next + frame_bits * bit_cycles();
            // Sampled in the middle of each bit; the stop bit is not waited for.
            arrived_at_ = next + edge_cycles + baud_ / 2U + 1 + 8 * bit_cycles() + 1;
            tell(false, arriving_, next);
        }
    }
    now_ = std::max(now_, cycle);
}

std::uint64_t Uart::next_event() const {
    return std::min({sent_at_, arrived_at_, begins_at_});
}

std::uint16_t Uart::requests() const {
    // An enable bit of CTL stands where the pending bit of STAT does.
    const unsigned wanted = control_ & pending_;
    unsigned requested = (wanted & (byte_received | overflow)) != 0
                             ? unsigned{bit_of(settings_.receive_vector)}
                             : 0U;
    requested |=
        (wanted & (byte_sent | all_sent)) != 0 ? unsigned{bit_of(settings_.transmit_vector)} : 0U;
    return static_cast<std::uint16_t>(requested);
}

void Uart::reset(std::uint64_t cycle) {
    control_ = 0;
    pending_ = 0;
    baud_ = 0;
    transmit_data_ = 0;
    receive_data_ = 0;
    next_waits_ = false;
    sent_at_ = never;
    begins_at_ = never;
    arrived_at_ = never;
    now_ = std::max(now_, cycle);
}

std::size_t Uart::give(ByteView bytes, std::uint64_t cycle) {
    now_ = std::max(now_, cycle);
    const std::size_t taken = waiting_.put(bytes);
    begin_receiving();
    return taken;
}

Expected<bool> Uart::input(std::string_view value, std::uint64_t cycle) {
    const auto bytes = bytes_of_hex(value);
    if (!bytes || bytes->empty()) {
        return failure("input-unknown", "a UART takes bytes in hexadecimal", "e.g. «ff01»");
    }
    if (give(*bytes, cycle) != bytes->size()) {
        return failure("line-full", "more bytes wait for the program than the line holds");
    }
    return true;
}

void Uart::drain(std::uint64_t cycle) {
    if (next_waits_) {
        transmit(cycle);
    }
}

void Uart::tell(bool output, std::uint8_t byte, std::uint64_t cycle) {
    if (settings_.world != nullptr) {
        settings_.world->happened({cycle, output, settings_.name, fmt::format("{:02x}", byte)});
    }
}

void Uart::save(Writer& writer) const {
    writer.u8(control_).u8(pending_).u16(baud_).u8(transmit_data_).u8(receive_data_);
    writer.u8(next_waits_ ? 1 : 0).u8(arriving_);
    writer.u64(sent_at_).u64(begins_at_).u64(arrived_at_).u64(line_free_at_).u64(now_);
    waiting_.save(writer);
}

void Uart::load(Reader& reader) {
    control_ = reader.u8() & control_writable;
    pending_ = reader.u8() & 0xF0U;
    baud_ = reader.u16();
    transmit_data_ = reader.u8();
    receive_data_ = reader.u8();
    next_waits_ = reader.u8() != 0;
    arriving_ = reader.u8();
    sent_at_ = reader.u64();
    begins_at_ = reader.u64();
    arrived_at_ = reader.u64();
    line_free_at_ = reader.u64();
    now_ = reader.u64();
    waiting_.load(reader);
    if (waiting_.empty()) {
        begins_at_ = never;
    }
}

bool PrintUart::has(std::uint16_t address) const {
    return address >= base_ && address < base_ + registers_bytes;
}

std::uint16_t PrintUart::read(std::uint16_t address, std::uint64_t cycle) {
    (void)address;
    (void)cycle;
    return 0;
}

void PrintUart::write(std::uint16_t address,
                      std::uint16_t value,
                      std::uint16_t mask,
                      std::uint64_t cycle) {
    if (address - base_ == data && (mask & 0x00FFU) != 0) {
        send(value & 0x7FU, cycle);
    }
}

std::size_t PrintUart::give(ByteView bytes, std::uint64_t cycle) {
    (void)cycle;
    return bytes.size();
}

} // namespace authex::sancus_emulator
