// Keys, certificates and nodes of an application.
#include <algorithm>
#include <array>
#include <memory>
#include <netdb.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "deployer/credentials.hpp"
#include "deployer/doctor.hpp"
#include "deployer/grpc_node.hpp"
#include "deployer/private_file.hpp"
#include "wire/frame.hpp"

namespace authex::deployer {
namespace {

using Level = Examined::Level;
using Time = std::chrono::system_clock::time_point;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr int near_end_days = 30;
constexpr auto skew_warned = std::chrono::seconds(5);
constexpr auto skew_refused = std::chrono::minutes(5);

Time end_of(const X509& certificate) {
    int days = 0;
    int seconds = 0;
    // From now to then: independent of how the time is written.
    ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(&certificate));
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()) +
           std::chrono::hours(24) * days + std::chrono::seconds(seconds);
}

Examined judge_end(std::string what, Time end, Time now, std::string fix) {
    const auto days = std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24;
    Examined found{.area = "certificates", .what = std::move(what)};
    found.level = end <= now ? Level::failure : days < near_end_days ? Level::warning : Level::ok;
    found.text = end <= now ? "has ended: no connection with it is taken"
                            : fmt::format("{} days left", days);
    found.fix = found.level == Level::ok ? "" : std::move(fix);
    return found;
}

/// The certificate that a node shows, without judging it. Null: none was seen.
Certificate served_by(const descriptor::Address& address, const TlsFiles& tls) {
    Certificate none(nullptr, &X509_free);
    addrinfo* found = nullptr;
    const addrinfo hints{.ai_socktype = SOCK_STREAM};
    const std::string port = std::to_string(address.port);
    if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) {
        return none;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    const int file = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
    // gRPC is spoken over HTTP/2 only.                                        (RFC 7301, RFC 9113)
    constexpr std::array<unsigned char, 3> h2 = {2, 'h', '2'};
    SSL_set_alpn_protos(ssl.get(), h2.data(), static_cast<unsigned>(h2.size()));
    if (file >= 0 && ::connect(file, found->ai_addr, found->ai_addrlen) == 0) {
        SSL_set_fd(ssl.get(), file);
        (void)SSL_connect(ssl.get());
        none.reset(SSL_get1_peer_certificate(ssl.get()));
    }
    ::close(file);
    return none;
}

bool is_port_free(const descriptor::Address& address) {
    addrinfo* found = nullptr;
    const addrinfo hints{.ai_socktype = SOCK_STREAM};
    const std::string port = std::to_string(address.port);
    if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) {
        return true;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    const int file = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int again = 1;
    ::setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    const bool free = ::bind(file, found->ai_addr, found->ai_addrlen) == 0;
    ::close(file);
    return free;
}

struct NodeQuestion {
    const descriptor::Node* node = nullptr;
    Expected<v1::HelloReply> answer;
    Time sent;
    Time received;
};

Examined silent(const NodeQuestion& question) {
    const descriptor::Node& node = *question.node;
    const std::string address = to_string(node.address);
    const Diagnostic& problem = question.answer.error();
    Examined found{.level = Level::failure,
                   .area = "nodes",
                   .what = node.name,
                   .text = problem.summary,
                   .fix = problem.fix};
    if (is_loopback_address(address) && problem.code == "node-unreachable" &&
        is_port_free(node.address)) {
        found.text = fmt::format("no manager at {}; the port is free", address);
        found.fix = "authex dev, or authex-em --tee … --listen " + address;
    }
    return found;
}

/// Half of what the call took is the least that can be wrong with this.
std::chrono::microseconds skew_of(const NodeQuestion& question) {
    const auto middle = question.sent + (question.received - question.sent) / 2;
    return std::chrono::duration_cast<std::chrono::microseconds>(
        Time(std::chrono::microseconds(question.answer->time_us())) - middle);
}

void judge_clock(const NodeQuestion& question, std::vector<Examined>& all) {
    if (question.answer->time_us() == 0) {
        return; // an older manager, which the version tells of
    }
    const auto skew = skew_of(question);
    const auto size = std::chrono::abs(skew);
    Examined found{.area = "nodes", .what = question.node->name + " clock"};
    found.level = size >= skew_refused  ? Level::failure
                  : size >= skew_warned ? Level::warning
                                        : Level::ok;
    found.text = size < std::chrono::milliseconds(100)
                     ? "right"
                     : fmt::format("{:.1f} s {}",
                                   static_cast<double>(size.count()) / 1e6,
                                   skew.count() > 0 ? "ahead" : "behind");
    found.fix = found.level == Level::ok ? "" : "set the clock there: certificates depend on it";
    all.push_back(std::move(found));
}

void judge(const NodeQuestion& question,
           const std::filesystem::path& state_directory,
           std::vector<Examined>& all) {
    const descriptor::Node& node = *question.node;
    if (!question.answer) {
        all.push_back(silent(question));
        return;
    }
    const v1::HelloReply& hello = *question.answer;
    const std::string ours = "authex-em " AUTHEX_VERSION;
    Examined found{.area = "nodes", .what = node.name};
    found.text = fmt::format("{} at {}, {}{}",
                             hello.software(),
                             to_string(node.address),
                             hello.tee(),
                             hello.simulated() ? ", simulated" : "");
    if (hello.tee() != to_string(node.tee)) {
        found.level = Level::failure;
        found.text += fmt::format("; the descriptor says {}", to_string(node.tee));
        found.fix = "correct `tee` or `address` in the descriptor";
    } else if (hello.software() != ours) {
        found.level = Level::warning;
        found.text += fmt::format("; here is {}", AUTHEX_VERSION);
        found.fix = "install the same version on both";
    }
    all.push_back(std::move(found));
    judge_clock(question, all);
    const std::filesystem::path folder = state_directory / "tls";
    const TlsFiles tls{.authority = folder / "ca.crt",
                       .certificate = folder / "deployer.crt",
                       .key = folder / "deployer.key"};
    if (!std::filesystem::exists(tls.key)) {
        return;
    }
    if (const Certificate served = served_by(node.address, tls)) {
        all.push_back(judge_end("of node " + node.name,
                                end_of(*served),
                                std::chrono::system_clock::now(),
                                fmt::format("authex node bundle {}, bring it there, and start its "
                                            "manager again",
                                            node.name)));
    }
}

/// The number in whose name nodes are asked. An application that has none yet gets it.
Expected<std::uint16_t> deployment_of(const Outside& outside) {
    const auto seen = outside.open_state(StateUse::look);
    if (seen && (*seen)->deployment() != 0) {
        return (*seen)->deployment();
    }
    const auto state =
        seen ? outside.open_state(StateUse::change) : tl::make_unexpected(seen.error());
    return state ? (*state)->claim_deployment(outside.random) : tl::make_unexpected(state.error());
}

} // namespace

Expected<Time> end_of_certificate(const std::filesystem::path& file) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(file.c_str(), "r"), &BIO_free);
    if (bio == nullptr) {
        return failure("file-unreadable", fmt::format("cannot read {}", file.string()));
    }
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                  &X509_free);
    if (certificate == nullptr) {
        return failure("tls", fmt::format("{} holds no certificate", file.string()));
    }
    return end_of(*certificate);
}

std::vector<Examined> examine_keys(const std::filesystem::path& state_directory, Time now) {
    std::vector<Examined> all;
    const std::filesystem::path owner = state_directory / "owner.key";
    std::error_code error;
    const bool guest = is_guest(state_directory);
    if (guest && !std::filesystem::exists(owner, error)) {
        all.push_back({.area = "keys",
                       .what = "owner key",
                       .text = "none, as it should be: this folder has a certificate with a role"});
    } else if (!std::filesystem::exists(owner, error)) {
        all.push_back({.level = Level::warning,
                       .area = "keys",
                       .what = "owner key",
                       .text = fmt::format("no {}", owner.string()),
                       .fix = "the next command makes one; if the application runs already, put "
                              "back its own: authex restore FILE"});
    } else if (const auto read = read_private_file(owner); !read) {
        all.push_back({.level = Level::failure,
                       .area = "keys",
                       .what = "owner key",
                       .text = read.error().summary,
                       .fix = read.error().fix});
    } else {
        all.push_back({.area = "keys",
                       .what = "owner key",
                       .text = "there, for its owner only; is there a copy? authex export FILE"});
    }
    const std::filesystem::path folder = state_directory / "tls";
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end;
         each.increment(error)) {
        if (each->path().extension() == ".crt") {
            files.push_back(each->path());
        }
    }
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) {
        const auto end = end_of_certificate(file);
        if (end) {
            all.push_back(judge_end(file.filename().string(),
                                    *end,
                                    now,
                                    guest
                                        ? std::string("ask the owner for another: authex role add")
                                        : fmt::format("remove {} and its key: the next command "
                                                      "makes another",
                                                      file.string())));
        } else {
            all.push_back({.level = Level::failure,
                           .area = "certificates",
                           .what = file.filename().string(),
                           .text = end.error().summary,
                           .fix = "put back a copy: authex restore FILE"});
        }
    }
    return all;
}

std::vector<Examined> examine_nodes(const descriptor::Descriptor& descriptor,
                                    const std::filesystem::path& state_directory,
                                    const Outside& outside) {
    std::vector<NodeQuestion> questions;
    const auto deployment = deployment_of(outside);
    if (!deployment) {
        return {{.level = Level::failure,
                 .area = "keys",
                 .what = "state",
                 .text = deployment.error().summary,
                 .fix = deployment.error().fix}};
    }
    for (const descriptor::Node& node : descriptor.nodes) {
        questions.push_back({.node = &node});
    }
    std::vector<std::function<void()>> work;
    work.reserve(questions.size());
    for (NodeQuestion& question : questions) {
        work.emplace_back([&] {
            const auto node = outside.reach(question.node->name, to_string(question.node->address));
            v1::HelloRequest hello;
            hello.set_deployment(*deployment);
            hello.set_application(descriptor.application);
            hello.add_protocol_versions(wire::protocol_version);
            question.sent = outside.now();
            question.answer = node ? (*node)->hello(hello) : tl::make_unexpected(node.error());
            question.received = outside.now();
        });
    }
    outside.executor->run(std::move(work));
    std::vector<Examined> all;
    for (const NodeQuestion& question : questions) {
        judge(question, state_directory, all);
    }
    return all;
}

} // namespace authex::deployer
