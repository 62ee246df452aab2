#pragma once
// A module that the builder made, in an emulated enclave; the node around it is in the test's
// hands.

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "base/bytes.hpp"
#include "tee/modules.hpp"
#include "tee/sancus/builder.hpp"
#include "tee/sancus/sancus_node.hpp"
#include "wire/control.hpp"

namespace authex::test {

inline tee::Builder& builder() {
    static const auto made = tee::sancus::make_builder(
        {.home = AUTHEX_SOURCE_DIR,
         .cache = std::filesystem::path(AUTHEX_BINARY_DIR) / "test-cache"});
    return *made;
}

inline tee::sancus::SancusImage build(const std::string& source,
                                      std::vector<std::string> devices = {}) {
    const TemporaryFolder folder;
    folder.write("module.cpp", source);
    const tee::Image image = require(builder().build({.module = "m",
                                                      .sources = {"module.cpp"},
                                                      .root = folder.path(),
                                                      .owner_key = {1},
                                                      .devices = std::move(devices),
                                                      .vendor_id = vendor_id}));
    std::ifstream file(image.path, std::ios::binary);
    const Octets bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return require(tee::sancus::parse_image(bytes));
}

/// Makes one end of a connection, under a key that its channel gives.
inline wire::ControlMessage terms(std::uint16_t channel, std::uint16_t endpoint, wire::Role role) {
    wire::ControlMessage message;
    message.type = wire::ControlType::set_connection;
    message.connection = {.channel = channel,
                          .endpoint = endpoint,
                          .role = role,
                          .algorithm = crypto::Algorithm::spongent_128,
                          .epoch = 1};
    message.connection.key.fill(static_cast<std::uint8_t>(channel));
    return message;
}

class SancusEnclave : public testing::Test {
  protected:
    /// Loads it and knows its key, as its owner does.
    void load(const tee::sancus::SancusImage& image, const tee::sancus::Placement& place) {
        id_ = node_.load(image, place);
        ASSERT_NE(id_, 0);
        entry_ = place.text;
        module_key =
            tee::sancus::module_key(tee::sancus::vendor_key(node_key, vendor_id), image, place);
    }
    void attest() {
        const auto frames = node_.give(entry_, owner_.hello());
        ASSERT_EQ(frames.size(), 1U);
        ASSERT_TRUE(owner_.finish(frames[0]));
    }
    Error say(const wire::ControlMessage& message) {
        for (const Frame& frame : node_.give(entry_, owner_.order(message))) {
            if (const auto answer = owner_.open(frame)) {
                return answer->fixed.error;
            }
        }
        return Error::unanswered;
    }

    /// Jumps from the node's code to each word of the text but the first, also to those that would
    /// end the enclave. Where one enables interrupts, hardware saves what it finds, over the node's
    /// vectors.
    void expect_no_other_entry(std::uint16_t text, std::uint16_t bytes) {
        constexpr std::uint16_t vectors = 0xffe0;
        const auto& memory = node_.machine->core().memory.bytes;
        const Octets bound(memory.begin() + vectors, memory.end());
        for (std::uint16_t offset = 2; offset < bytes;
             offset = static_cast<std::uint16_t>(offset + 2)) {
            (void)node_.call(static_cast<std::uint16_t>(text + offset));
            ASSERT_EQ(node_.witness.violations.size(), 1U) << std::hex << offset;
            node_.witness.violations.clear();
            node_.machine->load(vectors, bound);
        }
    }
    /// The node's own code: one instruction on a word of memory. @return R12
    static constexpr std::uint16_t read_into_r12 = 0x421c;
    static constexpr std::uint16_t write_zero = 0x4382;
    std::uint16_t execute_outside(std::uint16_t instruction, std::uint16_t address) {
        constexpr std::uint16_t somewhere = 0x9800;
        constexpr std::uint16_t br_r7 = 0x4700;
        Octets code(6);
        Writer(code).u16(instruction).u16(address).u16(br_r7);
        node_.machine->load(somewhere, code);
        (void)node_.call(somewhere);
        return node_.reg(12);
    }

    SancusNode node_;
    std::uint16_t entry_ = 0;
    std::uint16_t id_ = 0;
    Owner owner_;
};

} // namespace authex::test
