#pragma once
// The simulators' file port (sancus-core, core/bench/verilog/file_io.v).
//
//   +0 STATUS (byte, read only) bit 0: a byte waits
//   +2 DATA   (byte) write: the next byte of the output; read: takes the byte that waits, 0xAB
//             where none does

#include "sancus_emulator/devices/serial.hpp"

namespace authex::sancus_emulator {

class FileIo : public Device, public SerialPort {
  public:
    /// @param base a multiple of 4
    explicit FileIo(std::uint16_t base) : base_(base) {}

    [[nodiscard]] bool has(std::uint16_t address) const override;
    std::uint16_t read(std::uint16_t address, std::uint64_t cycle) override;
    void write(std::uint16_t address,
               std::uint16_t value,
               std::uint16_t mask,
               std::uint64_t cycle) override;
    void reset(std::uint64_t cycle) override { (void)cycle; }
    void save(Writer& writer) const override { waiting_.save(writer); }
    void load(Reader& reader) override { waiting_.load(reader); }

    std::size_t give(ByteView bytes, std::uint64_t cycle) override;

  private:
    std::uint16_t base_;
    WaitingBytes waiting_;
};

} // namespace authex::sancus_emulator
