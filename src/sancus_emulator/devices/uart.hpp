#pragma once
// A full-duplex UART, 8N1 (sancus-core, core/rtl/verilog/omsp_uart.v), and the device that stands
// in its place in the simulators (core/bench/verilog/omsp_uart_print.v).
//
//   +0 CTL  (byte) bit 0 on, 4 receive and 5 overflow, 6 transmit interrupt; bit 7 is not built in
//   +1 STAT (byte) bit 0 receives, 2 sends, 3 the next byte to send waits, 4 byte received,
//           5 overflow, 6 byte sent, 7 nothing left to send. Bits 4–7 stay until 1 is written.
//   +2 BAUD (word) cycles of a bit, less 1
//   +4 TXD  (byte) a write sends
//   +5 RXD  (byte) the byte received last
//
// Two departures: bytes that come while the UART is off are not lost but wait, and the far end
// always has this end's speed.

#include <optional>
#include <string>

#include "sancus_emulator/devices/serial.hpp"

namespace authex::sancus_emulator {

struct UartSettings {
    std::string name;
    std::uint16_t base = 0x0080; ///< even
    std::optional<unsigned> receive_vector;
    std::optional<unsigned> transmit_vector;
    /// Told of each byte, in hexadecimal; nullptr: bytes are no physical events. Borrowed.
    PhysicalWorld* world = nullptr;
};

class Uart : public Device, public SerialPort {
  public:
    explicit Uart(UartSettings settings) : settings_(std::move(settings)) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override;
    void advance(std::uint64_t cycle) override;
    [[nodiscard]] std::uint64_t next_event() const override;
    [[nodiscard]] std::uint16_t requests() const override;
    /// Bytes in hexadecimal.
    Expected<bool> input(std::string_view value, std::uint64_t cycle) override;
    void save(Writer& writer) const override;
    void load(Reader& reader) override;

    std::size_t give(ByteView bytes, std::uint64_t cycle) override;
    void drain(std::uint64_t cycle) override;

  private:
    [[nodiscard]] std::uint64_t bit_cycles() const { return baud_ + 1U; }
    [[nodiscard]] bool is_on() const { return (control_ & 1U) != 0; }
    [[nodiscard]] std::uint8_t status() const;
    void control(std::uint8_t value, std::uint64_t cycle);
    void transmit(std::uint64_t cycle);
    void sent(std::uint64_t cycle);
    /// A byte that waits begins to come in, if there is one and the line is free.
    void begin_receiving();
    void received();
    void tell(bool output, std::uint8_t byte, std::uint64_t cycle);

    UartSettings settings_;
    std::uint8_t control_ = 0;
    std::uint8_t pending_ = 0; ///< bits 4–7 of STAT
    std::uint16_t baud_ = 0;
    std::uint8_t transmit_data_ = 0;
    std::uint8_t receive_data_ = 0;
    bool next_waits_ = false;         ///< TXD holds a byte that has not begun to go out
    std::uint64_t sent_at_ = never;   ///< when the byte that goes out is out
    std::uint8_t arriving_ = 0;       ///< what comes in
    std::uint64_t begins_at_ = never; ///< when the next byte begins to come in
    std::uint64_t arrived_at_ = never;
    std::uint64_t line_free_at_ = 0; ///< when the byte that came in last is off the line
    std::uint64_t now_ = 0;
    WaitingBytes waiting_;
};

/// A write to TXD shows its low 7 bits; all else reads 0, and nothing is received.
class PrintUart : public Device, public SerialPort {
  public:
    explicit PrintUart(std::uint16_t base) : base_(base) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override { (void)cycle; }
    void save(Writer& writer) const override { (void)writer; }
    void load(Reader& reader) override { (void)reader; }

    std::size_t give(ByteView bytes, std::uint64_t cycle) override;

  private:
    std::uint16_t base_;
};

} // namespace authex::sancus_emulator
