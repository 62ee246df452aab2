#pragma once
// What physical events a device has told, as text: "12 led0 on", inputs with a < before the name.

#include <string>
#include <vector>

#include "sancus_emulator/device.hpp"

namespace authex::sancus_emulator::test {

class World : public PhysicalWorld {
  public:
    void happened(const PhysicalEvent& event) override {
        told.push_back(std::to_string(event.cycle) + (event.output ? " " : " <") + event.device +
                       " " + event.value);
    }
    std::vector<std::string> told;
};

/// A device's state, through save() and load() of another of its kind.
template <typename T>
[[nodiscard]] bool copy_state(const T& from, T& to) {
    std::vector<std::uint8_t> buffer(1U << 14U);
    Writer writer(buffer);
    from.save(writer);
    Reader reader(writer.written());
    to.load(reader);
    return writer.ok() && reader.done();
}

} // namespace authex::sancus_emulator::test
