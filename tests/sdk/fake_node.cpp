#include "sdk/fake_node.hpp"

#include <algorithm>

namespace authex::test {

FakeNode* FakeNode::current = nullptr;

FakeNode::FakeNode() {
    current = this;
}
FakeNode::~FakeNode() {
    current = nullptr;
}

namespace {
FakeNode& node() {
    return *FakeNode::current;
}
/// A frame of so many bytes, or none.
bool takes(std::size_t bytes) {
    if (bytes > node().room) {
        return false;
    }
    node().room -= node().room == SIZE_MAX ? 0 : bytes;
    return true;
}
} // namespace
} // namespace authex::test

using authex::test::node;
using authex::test::takes;

extern "C" {

authex_status authex_timer_start(const authex_endpoint* /*timer*/, std::uint64_t delay_us) {
    node().timer_us = delay_us;
    return AUTHEX_OK;
}
void authex_timer_stop(const authex_endpoint* /*timer*/) {
    node().timer_us.reset();
}
authex_status authex_stream_listen(const authex_endpoint* /*stream*/, std::uint16_t /*port*/) {
    return AUTHEX_FAILED;
}
authex_status authex_stream_listen_pulled(const authex_endpoint* /*stream*/, std::uint16_t port) {
    node().listening = port;
    return AUTHEX_OK;
}
authex_status authex_stream_pull(const authex_endpoint* /*stream*/, std::uint64_t id) {
    if (!takes(20)) {
        return AUTHEX_NO_SPACE;
    }
    node().pulled.insert(id);
    return AUTHEX_OK;
}
authex_status authex_stream_write(const authex_endpoint* /*stream*/,
                                  std::uint64_t id,
                                  const std::uint8_t* data,
                                  std::size_t size) {
    if (!takes(size + 20)) {
        return AUTHEX_NO_SPACE;
    }
    node().written[id].append(reinterpret_cast<const char*>(data), size);
    return AUTHEX_OK;
}
authex_status authex_stream_close(const authex_endpoint* /*stream*/, std::uint64_t id) {
    if (!takes(20)) {
        return AUTHEX_NO_SPACE;
    }
    node().closed.insert(id);
    return AUTHEX_OK;
}
void authex_log(std::uint8_t /*level*/, const char* text, std::size_t size) {
    node().log.emplace_back(text, size);
}
authex_status authex_random(std::uint8_t* out, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = node().attested ? node().random++ : std::uint8_t{0};
    }
    return node().attested ? AUTHEX_OK : AUTHEX_NOT_ATTESTED;
}
std::size_t
authex_report(const std::uint8_t* data, std::size_t size, std::uint8_t* report, std::size_t room) {
    if (node().report_bytes > room) {
        return 0;
    }
    node().reported.assign(data, data + size);
    std::fill_n(report, node().report_bytes, std::uint8_t{0x5A});
    return node().report_bytes;
}
authex_status authex_value(std::uint8_t kind,
                           const char* name,
                           std::size_t name_size,
                           const std::uint8_t** data,
                           std::size_t* size) {
    const auto& values = kind == AUTHEX_SECRET ? node().secrets : node().config;
    const auto found = values.find(std::string(name, name_size));
    if (found == values.end()) {
        *data = nullptr;
        *size = 0;
        return AUTHEX_NOT_SET;
    }
    *data = reinterpret_cast<const std::uint8_t*>(found->second.data());
    *size = found->second.size();
    return AUTHEX_OK;
}
}
