#include "tee/sgx/aesm.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tee/process/descriptor.hpp"
#include "tee/sgx/protobuf.hpp"

namespace authex::tee::sgx {
namespace {

/// Numbers of the requests, which are those of their answers too; and of fields in them.
namespace request {
constexpr std::uint32_t init_quote_ex = 15;
constexpr std::uint32_t get_quote_size_ex = 16;
constexpr std::uint32_t get_quote_ex = 17;
constexpr std::uint32_t get_key_ids = 22;
constexpr std::uint32_t get_key_id_count = 21;
} // namespace request
constexpr std::uint32_t field_timeout = 9;
constexpr std::uint32_t field_error = 1;

constexpr std::uint64_t timeout_us = 10'000'000;
constexpr std::size_t answer_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t key_id_bytes_whole = 256;
constexpr std::size_t key_id_algorithm_at = 154;
constexpr std::uint32_t algorithm_ecdsa_p256 = 2;
constexpr std::uint64_t key_ids_max = 64;

tl::unexpected<Diagnostic> missing(const std::filesystem::path& socket, int error) {
    return failure("aesm-missing",
                   fmt::format("no quoting service answers on {}: {}",
                               socket.string(),
                               std::generic_category().message(error)),
                   "install Intel's sgx-aesm-service with its ECDSA plugin, and start aesmd");
}

tl::unexpected<Diagnostic> malformed() {
    return failure("aesm-malformed",
                   "the quoting service gives an answer that is none",
                   "look at the version of aesmd");
}

bool send_all(int socket, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
}

bool receive_all(int socket, Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
        if (got <= 0) {
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

Expected<process::Descriptor> connect_to(const std::filesystem::path& path) {
    process::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path.string();
    if (name.size() >= sizeof address.sun_path) {
        return missing(path, ENAMETOOLONG);
    }
    name.copy(address.sun_path, name.size());
    const timeval limit{.tv_sec = 2 * timeout_us / 1'000'000, .tv_usec = 0};
    if (!socket.open() ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return missing(path, errno);
    }
    return socket;
}

/// What AESM answers to one request: its fields, and the bytes that they borrow.
struct Answer {
    std::vector<std::uint8_t> bytes;
    ProtobufFields fields;
};

Expected<Answer> ask(const std::filesystem::path& path, std::uint32_t which, ProtobufWriter inner) {
    const Expected<process::Descriptor> socket = connect_to(path);
    if (!socket) {
        return tl::make_unexpected(socket.error());
    }
    inner.number(field_timeout, timeout_us);
    ProtobufWriter outer;
    outer.bytes(which, inner.written());
    const auto size = static_cast<std::uint32_t>(outer.written().size());
    std::uint32_t answer_size = 0;
    if (!send_all(socket->get(), bytes_of(size)) || !send_all(socket->get(), outer.written()) ||
        !receive_all(socket->get(),
                     {reinterpret_cast<std::uint8_t*>(&answer_size), sizeof answer_size})) {
        return missing(path, errno);
    }
    if (answer_size > answer_bytes_max) {
        return malformed();
    }
    Answer answer;
    answer.bytes.resize(answer_size);
    if (!receive_all(socket->get(), answer.bytes)) {
        return missing(path, errno);
    }
    const auto all = parse_protobuf(answer.bytes);
    if (!all || !all->bytes.contains(which)) {
        return malformed();
    }
    const auto fields = parse_protobuf(all->bytes.at(which));
    if (!fields) {
        return malformed();
    }
    const auto error = fields->numbers.find(field_error);
    if (error != fields->numbers.end() && error->second != 0) {
        return failure(
            "aesm-refused",
            fmt::format(
                "the quoting service refuses request {} with error {}", which, error->second),
            "look at the log of aesmd: are the provisioning data of this machine there?");
    }
    answer.fields = *fields;
    return answer;
}

std::uint64_t number(const Answer& answer, std::uint32_t field) {
    const auto found = answer.fields.numbers.find(field);
    return found == answer.fields.numbers.end() ? 0 : found->second;
}

ByteView bytes(const Answer& answer, std::uint32_t field) {
    const auto found = answer.fields.bytes.find(field);
    return found == answer.fields.bytes.end() ? ByteView() : found->second;
}

/// The id of the ECDSA P-256 key among those that AESM offers.
Expected<std::vector<std::uint8_t>> choose_key(const std::filesystem::path& socket) {
    const auto count = ask(socket, request::get_key_id_count, {});
    if (!count) {
        return tl::make_unexpected(count.error());
    }
    const std::uint64_t offered = std::min(number(*count, 2), key_ids_max);
    const auto ids =
        ask(socket, request::get_key_ids, ProtobufWriter().number(1, offered * key_id_bytes_whole));
    if (!ids) {
        return tl::make_unexpected(ids.error());
    }
    for (ByteView left = bytes(*ids, 2); left.size() >= key_id_bytes_whole;
         left = left.subspan(key_id_bytes_whole)) {
        const ByteView id = left.first(key_id_bytes_whole);
        if (Reader(id.subspan(key_id_algorithm_at)).u32() == algorithm_ecdsa_p256) {
            return std::vector<std::uint8_t>(id.begin(), id.end());
        }
    }
    return failure("aesm-refused",
                   "the quoting service offers no ECDSA P-256 key",
                   "install its ECDSA plugin (sgx-aesm-ecdsa-plugin)");
}

} // namespace

/// Chooses the key and makes AESM ready for it. With the lock held.
Expected<TargetInfo> Aesm::prepare() {
    if (key_id_.empty()) {
        auto chosen = choose_key(socket_);
        if (!chosen) {
            return tl::make_unexpected(chosen.error());
        }
        key_id_ = std::move(*chosen);
    }
    const auto size =
        ask(socket_, request::init_quote_ex, ProtobufWriter().bytes(1, key_id_).number(3, 0));
    if (!size) {
        return tl::make_unexpected(size.error());
    }
    const auto ready =
        ask(socket_,
            request::init_quote_ex,
            ProtobufWriter().bytes(1, key_id_).number(3, 1).number(4, number(*size, 3)));
    if (!ready) {
        return tl::make_unexpected(ready.error());
    }
    TargetInfo target{};
    if (bytes(*ready, 2).size() != target.size()) {
        return malformed();
    }
    copy(bytes(*ready, 2), target);
    return target;
}

Expected<TargetInfo> Aesm::target() {
    const std::lock_guard lock(mutex_);
    return prepare();
}

Expected<Evidence> Aesm::quote(ByteView report) {
    const std::lock_guard lock(mutex_);
    // After a restart of AESM it has to be made ready again; it does no harm where it is.
    if (const auto ready = prepare(); !ready) {
        return tl::make_unexpected(ready.error());
    }
    const auto size = ask(socket_, request::get_quote_size_ex, ProtobufWriter().bytes(1, key_id_));
    if (!size) {
        return tl::make_unexpected(size.error());
    }
    const auto made =
        ask(socket_,
            request::get_quote_ex,
            ProtobufWriter().bytes(1, report).bytes(2, key_id_).number(4, number(*size, 2)));
    if (!made) {
        return tl::make_unexpected(made.error());
    }
    const ByteView whole = bytes(*made, 2);
    const std::size_t length = quote_length(whole);
    if (length == 0) {
        return malformed();
    }
    return Evidence{.quote = {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)},
                    .collateral = {}};
}

} // namespace authex::tee::sgx
