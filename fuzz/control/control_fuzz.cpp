// Any bytes have an answer from the parsers of orders, answers and audits; an order that is taken
// is written back as it was.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "wire/control_owner.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex;
    const ByteView bytes(data, size);
    wire::ControlMessage message;
    if (wire::parse_control(bytes, message) == Error::none) {
        std::uint8_t again[wire::control_message_max_bytes];
        const Result<std::size_t> written = wire::write_control(message, again);
        if (!written || *written != size || !std::equal(data, data + size, again)) {
            std::abort();
        }
    }
    wire::ControlAnswer answer;
    if (wire::parse_answer(bytes, answer) == Error::none &&
        answer.data.size() + wire::control_answer_bytes != size) {
        std::abort();
    }
    Reader reader(bytes);
    wire::AuditEntry entry;
    std::size_t entries = 0;
    while (wire::parse_audit_entry(reader, entry) == Error::none) {
        ++entries;
    }
    if (entries * wire::audit_entry_bytes > size) {
        std::abort();
    }
    return 0;
}
