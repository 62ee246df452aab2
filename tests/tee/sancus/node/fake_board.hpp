#pragma once
// A microcontroller with a firmware that knows one answer, as one of another version does.

#include <array>
#include <atomic>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/sancus/link/link.hpp"

namespace authex::tee::sancus {

/// Answers all that it is told with `results`. @param line not blocking
class FakeBoard {
  public:
    FakeBoard(process::Descriptor line, std::vector<std::uint8_t> results)
        : line_(std::move(line)), results_(std::move(results)), thread_([this] { run(); }) {}
    ~FakeBoard() {
        stop_ = true;
        thread_.join();
    }
    FakeBoard(const FakeBoard&) = delete;
    FakeBoard& operator=(const FakeBoard&) = delete;

  private:
    void run() {
        std::array<link::Packet, link::window_to_board + 1> received;
        std::array<link::Packet, link::window_to_host> sending;
        link::BoardLink link(received, sending);
        while (!stop_) {
            pollfd polled{line_.get(), POLLIN, 0};
            (void)::poll(&polled, 1, 10);
            for (std::uint8_t byte = 0; ::read(line_.get(), &byte, 1) == 1;) {
                link.receive(byte);
            }
            while (!link.message().empty() && !link.room().empty()) {
                const Bytes room = link.room();
                copy(link.message().first(2), room);
                room[2] = 0;
                copy(results_, room.subspan(3));
                link.send(3 + results_.size());
                link.take();
            }
            for (std::uint8_t byte = 0; link.next(byte);) {
                EXPECT_EQ(::write(line_.get(), &byte, 1), 1);
            }
        }
    }

    process::Descriptor line_;
    std::vector<std::uint8_t> results_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

} // namespace authex::tee::sancus
