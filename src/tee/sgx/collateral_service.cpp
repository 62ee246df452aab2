#include "tee/sgx/collateral_service.hpp"

#include <array>
#include <httplib.h>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/sgx/verifier/quote.hpp"

namespace authex::tee::sgx {
namespace {

namespace file = collateral_file;

constexpr auto fresh = std::chrono::hours(1);
constexpr time_t patience_seconds = 10; ///< for each step of an exchange
constexpr std::size_t answer_bytes_max = std::size_t{4} * 1024 * 1024;

/// What collateral depends on.
struct Platform {
    std::string fmspc;     ///< hexadecimal digits
    std::string authority; ///< the word for who issued its PCK: "processor" or "platform"
};

Expected<Platform> platform_of(ByteView bytes) {
    const Expected<Quote> quote = parse_quote(bytes);
    if (!quote) {
        return tl::make_unexpected(quote.error());
    }
    const Expected<std::vector<Certificate>> chain = parse_certificates(quote->pck_chain);
    if (!chain) {
        return tl::make_unexpected(chain.error());
    }
    for (const Certificate& certificate : *chain) {
        const Expected<ByteView> content = extension_of(*certificate, pck_extension_oid);
        if (!content) {
            continue;
        }
        const Expected<PckExtension> pck = parse_pck_extension(*content);
        if (!pck) {
            return tl::make_unexpected(pck.error());
        }
        const bool by_processor = issuer_of(*certificate).find("Processor CA") != std::string::npos;
        return Platform{.fmspc = fmt::format("{:02X}", fmt::join(pck->fmspc, "")),
                        .authority = by_processor ? "processor" : "platform"};
    }
    return failure("pck-extension",
                   "no certificate in the quote says what platform it is of",
                   "do not trust this quote; ask the node for another");
}

/// One thing to ask for: the body goes into a file, and, where there is a header, the chain of who
/// signed it into another.
struct Item {
    std::string path;
    const char* body;
    const char* header; ///< may be null
    const char* chain;
};

const std::string base = "/sgx/certification/v4/";

Item qe_identity_item() {
    return {base + "qe/identity",
            file::qe_identity,
            "SGX-Enclave-Identity-Issuer-Chain",
            file::qe_chain};
}

std::array<Item, 4> items_of(const Platform& platform) {
    return {{{base + "tcb?fmspc=" + platform.fmspc,
              file::tcb_info,
              "TCB-Info-Issuer-Chain",
              file::tcb_chain},
             qe_identity_item(),
             {base + "pckcrl?ca=" + platform.authority + "&encoding=der",
              file::pck_crl,
              "SGX-PCK-CRL-Issuer-Chain",
              file::pck_ca_chain},
             {base + "rootcacrl", file::root_ca_crl, nullptr, nullptr}}};
}

int digit_of(char c) {
    const bool is_letter = (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    return c >= '0' && c <= '9' ? c - '0' : is_letter ? (c & 0x1F) + 9 : -1;
}

/// Percent-encoding undone (RFC 3986 §2.1); nothing where it is broken off.
std::optional<std::string> decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        plain += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return plain;
}

tl::unexpected<Diagnostic> missing(const ServiceAddress& address, const std::string& what) {
    return failure("collateral-missing",
                   fmt::format("{}: {}", address.url, what),
                   "look at the service and its certificate (policy: pccs), or name a folder of "
                   "collateral");
}

Expected<bool> fetch_item(httplib::Client& client,
                          const ServiceAddress& address,
                          const Item& item,
                          Collateral& into) {
    std::string body;
    const httplib::Result answer =
        client.Get(item.path, [&body](const char* data, std::size_t size) {
            if (body.size() + size > answer_bytes_max) {
                return false;
            }
            body.append(data, size);
            return true;
        });
    if (!answer) {
        return missing(address,
                       fmt::format("no answer to {} ({})", item.path, to_string(answer.error())));
    }
    if (answer->status != 200) {
        return missing(address, fmt::format("{}: status {}", item.path, answer->status));
    }
    into.files[item.body] = std::move(body);
    if (item.header == nullptr) {
        return true;
    }
    std::optional<std::string> chain = decoded(answer->get_header_value(item.header));
    if (!answer->has_header(item.header) || !chain) {
        return missing(address, fmt::format("{}: no header {}", item.path, item.header));
    }
    into.files[item.chain] = std::move(*chain);
    return true;
}

/// Gives a client of the service to `use`, whose result it passes on.
template <typename Use>
auto with_client(const ServiceAddress& address, const Use& use)
    -> decltype(use(std::declval<httplib::Client&>())) {
    httplib::Client client(address.url);
    std::error_code error;
    if (!address.authority.empty()) {
        if (!std::filesystem::is_regular_file(address.authority, error)) {
            return missing(address, fmt::format("there is no file {}", address.authority.string()));
        }
        client.set_ca_cert_path(address.authority.string());
    }
    client.set_connection_timeout(patience_seconds);
    client.set_read_timeout(patience_seconds);
    client.set_write_timeout(patience_seconds);
    return use(client);
}

} // namespace

CollateralService::CollateralService(ServiceAddress address) : address_(std::move(address)) {}

Expected<Collateral> CollateralService::fetch(ByteView quote) {
    const Expected<Platform> platform = platform_of(quote);
    if (!platform) {
        return tl::make_unexpected(platform.error());
    }
    const std::string key = platform->fmspc + platform->authority;
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    const auto kept = kept_.find(key);
    if (kept != kept_.end() && now - kept->second.since < fresh) {
        return kept->second.collateral;
    }
    return with_client(address_, [&](httplib::Client& client) -> Expected<Collateral> {
        Collateral collateral;
        for (const Item& item : items_of(*platform)) {
            const Expected<bool> fetched = fetch_item(client, address_, item, collateral);
            if (!fetched) {
                return tl::make_unexpected(fetched.error());
            }
        }
        kept_[key] = {.collateral = collateral, .since = now};
        return collateral;
    });
}

Expected<bool> CollateralService::probe() const {
    return with_client(address_, [&](httplib::Client& client) {
        Collateral nowhere;
        return fetch_item(client, address_, qe_identity_item(), nowhere);
    });
}

} // namespace authex::tee::sgx
