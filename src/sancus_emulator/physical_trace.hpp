#pragma once
// What a person could have seen and done, as lines of JSON:
//   {"cycle":81734,"direction":"output","device":"led0","value":"on"}
// The inputs of such a file can be given again, each in its cycle.

#include <deque>
#include <fstream>
#include <functional>
#include <string>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator {

/// One line, without a line feed.
[[nodiscard]] std::string to_line(const PhysicalEvent& event);
/// Reads all lines; their cycles never fall.
/// @param file its name, for messages. @error trace-malformed, with the line
Expected<std::deque<PhysicalEvent>> read_physical_trace(std::string_view text,
                                                        const std::string& file);

/// Writes to a file what happens, and tells whoever listens.
class PhysicalTrace : public PhysicalWorld {
  public:
    using Listener = std::function<void(const PhysicalEvent&)>;

    /// @error trace-unwritable
    Expected<bool> open(const std::string& file);
    void listen(Listener listener) { listener_ = std::move(listener); }
    void happened(const PhysicalEvent& event) override;
    /// Brings the file up to date. @error trace-unwritable: not all of it could be written
    Expected<bool> flush();

  private:
    std::string name_;
    std::ofstream file_;
    Listener listener_;
};

} // namespace authex::sancus_emulator
