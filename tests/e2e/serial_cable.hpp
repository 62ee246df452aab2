#pragma once
// A serial cable between a board and its manager, which can be pulled and plugged in again, and lie
// beside something that disturbs it.

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace authex::test {

/// At the manager's end a device, which is there while the cable is plugged in; at the other the
/// board's socket.
class SerialCable {
  public:
    SerialCable(std::filesystem::path device, const std::string& board);
    ~SerialCable();
    SerialCable(const SerialCable&) = delete;
    SerialCable& operator=(const SerialCable&) = delete;

    void pull();
    void plug_in();
    /// Of so many bytes one arrives with another bit; 0: none.
    void set_noise(unsigned of_bytes) { noise_ = of_bytes; }

  private:
    void carry(int device, int board) const;

    std::filesystem::path device_;
    std::string board_;
    std::atomic<bool> plugged_{false};
    std::atomic<unsigned> noise_{0};
    std::thread thread_;
};

} // namespace authex::test
