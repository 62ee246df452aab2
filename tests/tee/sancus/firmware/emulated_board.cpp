#include "emulated_board.hpp"

#include <cstring>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace authex::tee::sancus {
namespace {

constexpr std::uint64_t cycles_per_ms = 8000;

ByteString read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

EmulatedBoard::EmulatedBoard() {
    using namespace sancus_emulator;
    auto board = open_board("default");
    auto firmware =
        read_firmware(read(std::string(AUTHEX_BINARY_DIR) + "/lib/authex/sancus/event-manager.elf"),
                      "event-manager.elf");
    if (!board || !firmware) {
        ADD_FAILURE() << (firmware ? "no board" : to_text(firmware.error()));
        std::abort();
    }
    firmware_ = std::move(*firmware);
    auto devices = make_devices(*board, nullptr, {});
    machine_ = std::make_unique<Machine>(board->configuration, std::move(devices->devices));
    EXPECT_TRUE(load_firmware(*machine_, firmware_));
    machine_->observe(this);
    for (const NamedPort& port : devices->ports) {
        if (port.name == "uart1") {
            port_ = port.port;
            port_->attach(this);
        }
    }
    begin_session();
}

void EmulatedBoard::sent(std::uint8_t byte, std::uint64_t cycle) {
    ++line_bytes;
    host_.receive(byte, cycle / cycles_per_ms);
}

void EmulatedBoard::violated(const sancus_emulator::Core&, const sancus_emulator::Violation&) {
    ++violations;
}

void EmulatedBoard::step() {
    const std::uint64_t until =
        machine_->core().cycle / cycles_per_ms * cycles_per_ms + cycles_per_ms;
    host_.tick(now_ms());
    if (host_.state() == link::HostLink::State::lost && recover) {
        begin_session();
    }
    while (!waiting_.empty() && host_.state() == link::HostLink::State::up &&
           !host_.room().empty()) {
        copy(waiting_.front(), host_.room());
        host_.send(waiting_.front().size());
        waiting_.pop_front();
    }
    line_.insert(line_.end(), noise_.begin(), noise_.end());
    noise_.clear();
    for (std::uint8_t byte = 0; host_.next(byte, now_ms());) {
        line_.push_back(byte);
    }
    const std::size_t taken = port_->give(line_, machine_->core().cycle);
    line_.erase(line_.begin(), line_.begin() + static_cast<long>(taken));
    const sancus_emulator::Stop stop = machine_->run(until);
    if (stop == sancus_emulator::Stop::asleep) {
        machine_->core().cycle = std::max(machine_->core().cycle, until);
        machine_->devices().advance(machine_->core().cycle);
    } else {
        EXPECT_EQ(stop, sancus_emulator::Stop::limit);
    }
    take_messages();
}

bool EmulatedBoard::run_until(const std::function<bool()>& done, unsigned ms) {
    for (unsigned i = 0; i != ms && !done() && !testing::Test::HasFailure(); ++i) {
        step();
    }
    return done();
}

void EmulatedBoard::run(unsigned ms) {
    (void)run_until([] { return false; }, ms);
}

void EmulatedBoard::take_messages() {
    for (ByteView message = host_.message(); !message.empty(); message = host_.message()) {
        const auto slot = static_cast<std::uint8_t>(message[0] & link::slot_mask);
        const auto code = static_cast<link::Code>(message[0] >> link::slot_bits);
        if (slot != link::slot_commands) {
            std::array<std::uint8_t, wire::header_bytes> header{};
            const std::size_t head = link::restore_header(message, 9, header.data());
            Given given{.slot = slot};
            EXPECT_EQ(wire::parse_header(header, given.header), Error::none);
            given.body.assign(message.begin() + static_cast<long>(head), message.end());
            frames.push_back(given);
        } else if (code == link::Code::failed && message[1] == 0) {
            failures.push_back({message[2], static_cast<link::Failure>(message[3])});
        } else if (code == link::Code::called && message[1] == 0 && message.size() == 12) {
            Called& counts = called[{message[2], message[3]}];
            std::memcpy(&counts.calls, &message[4], sizeof counts.calls);
            std::memcpy(&counts.missed, &message[8], sizeof counts.missed);
        } else if (code == link::Code::carried && message[1] == 0 && message.size() == 19) {
            Reader reader(message.subspan(3));
            Kept& kept_there = kept[{message[2], reader.u16()}];
            kept_there.events += reader.u16();
            kept_there.bytes += reader.u32();
            kept_there.next = reader.u64();
        } else if (message[1] == number_) {
            answer_ = Answer{.refusal = static_cast<link::Refusal>(message[2]),
                             .results = ByteString(message.begin() + 3, message.end())};
        }
        host_.take();
    }
}

void EmulatedBoard::send(const ByteString& message) {
    waiting_.push_back(message);
}

std::optional<Answer> EmulatedBoard::command(link::Code code, const ByteString& arguments) {
    ByteString message = {static_cast<std::uint8_t>(static_cast<unsigned>(code) << link::slot_bits |
                                                    link::slot_commands),
                          ++number_};
    message.insert(message.end(), arguments.begin(), arguments.end());
    answer_.reset();
    send(message);
    (void)run_until([this] { return answer_.has_value(); }, 5000);
    return answer_;
}

void EmulatedBoard::send_frame(std::uint8_t slot,
                               const wire::FrameHeader& header,
                               const ByteString& body) {
    wire::FrameHeader complete = header;
    complete.length = static_cast<std::uint32_t>(body.size());
    std::array<std::uint8_t, wire::header_bytes> bytes{};
    wire::write_header(complete, bytes);
    ByteString message(link::compressed_bytes_max);
    message.resize(link::compress_header(bytes.data(), slot, message.data()));
    message.insert(message.end(), body.begin(), body.end());
    send(message);
}

} // namespace authex::tee::sancus
