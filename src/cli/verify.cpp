#include "cli/verify.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "tee/sgx/collateral_service.hpp"
#include "tee/sgx/verifier/attested_certificate.hpp"
#include "tee/sgx/verifier/quote_verifier.hpp"
#include "tee/sgx/verifier/signed_json.hpp"
#include "tee/sgx/verifier/utc.hpp"

namespace authex::cli {
namespace {

using nlohmann::json;
namespace sgx = tee::sgx;
using sgx::Outcome;
using sgx::Step;
using sgx::Verdict;

/// Digits of exactly `bytes` bytes, or empty.
CLI::Validator digits_of(std::size_t bytes) {
    return {[bytes](const std::string& text) {
                const auto decoded = sgx::bytes_of_hex(text);
                return decoded && decoded->size() == bytes
                           ? std::string()
                           : fmt::format("{} hexadecimal digits are wanted", 2 * bytes);
            },
            ""};
}

template <std::size_t size>
std::optional<std::array<std::uint8_t, size>> array_of(const std::string& digits) {
    if (digits.empty()) {
        return std::nullopt;
    }
    std::array<std::uint8_t, size> bytes{};
    copy(*sgx::bytes_of_hex(digits), bytes);
    return bytes;
}

Expected<std::string> read_file(const std::filesystem::path& file) {
    constexpr std::size_t bytes_max = std::size_t{1} << 20U;
    std::ifstream stream(file, std::ios::binary);
    std::string content(bytes_max + 1, '\0');
    stream.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(stream.gcount()));
    if ((!stream && !stream.eof()) || content.size() > bytes_max) {
        return failure("unreadable",
                       fmt::format("cannot read {}", file.string()),
                       "name a file of at most 1 MiB that can be read");
    }
    return content;
}

sgx::Policy policy_of(const VerifyArguments& arguments) {
    sgx::Policy policy;
    for (const std::string& word : arguments.accept) {
        policy.accepted.insert(*sgx::parse_tcb_status(word));
    }
    if (!arguments.mitigated.empty()) {
        policy.mitigated.emplace(arguments.mitigated.begin(), arguments.mitigated.end());
    }
    policy.allow_debug = arguments.allow_debug;
    policy.mrenclave = array_of<sgx::measurement_bytes>(arguments.mrenclave);
    policy.mrsigner = array_of<sgx::measurement_bytes>(arguments.mrsigner);
    policy.report_data = array_of<sgx::sgx_report_data_bytes>(arguments.report_data);
    if (arguments.product >= 0) {
        policy.isv_prod_id = static_cast<std::uint16_t>(arguments.product);
    }
    policy.isv_svn_min = arguments.svn;
    policy.evaluation_min = arguments.evaluation;
    return policy;
}

Expected<sgx::TrustAnchor> anchor_of(const VerifyArguments& arguments) {
    sgx::TrustAnchor anchor;
    anchor.check_revocation = !arguments.no_crl;
    if (arguments.root.empty()) {
        return anchor;
    }
    const Expected<sgx::Point> point = sgx::read_root(arguments.root);
    if (!point) {
        return tl::make_unexpected(point.error());
    }
    anchor.root_key = *point;
    return anchor;
}

/// Something that is needed could not even be read.
Verdict not_checked(const char* step, const Diagnostic& why) {
    Verdict verdict;
    verdict.steps.failed(step, why);
    verdict.outcome = Outcome::could_not_check;
    return verdict;
}

sgx::UnixTime time_of(const VerifyArguments& arguments) {
    return arguments.at.empty() ? std::chrono::duration_cast<std::chrono::seconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count()
                                : *sgx::parse_utc(arguments.at);
}

Verdict verdict_on_quote(const VerifyArguments& arguments, ByteView quote) {
    const bool online = !arguments.pccs.empty();
    Expected<sgx::Collateral> collateral =
        online ? sgx::CollateralService(
                     {.url = arguments.pccs, .authority = arguments.pccs_certificate})
                     .fetch(quote)
               : sgx::read_collateral(arguments.collateral);
    if (!collateral) {
        return not_checked(online ? "collateral-service" : "collateral-folder", collateral.error());
    }
    if (online && !arguments.collateral.empty()) {
        const Expected<bool> kept = sgx::write_collateral(*collateral, arguments.collateral);
        if (!kept) {
            return not_checked("collateral-folder", kept.error());
        }
    }
    const Expected<sgx::TrustAnchor> anchor = anchor_of(arguments);
    if (!anchor) {
        return not_checked("root-certificate", anchor.error());
    }
    return sgx::QuoteVerifier(std::move(*collateral), *anchor)
        .verify(quote, policy_of(arguments), time_of(arguments));
}

/// Of the file's quote, or of the quote in the file's certificate.
struct Verified {
    Verdict verdict;
    std::optional<bool> key_bound; ///< of a certificate: whether its quote is about its key
};

Verified verify_file(const VerifyArguments& arguments) {
    const Expected<std::string> content = read_file(arguments.quote);
    if (!content) {
        return {not_checked("quote-file", content.error()), {}};
    }
    if (!sgx::looks_like_certificate(*content)) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(content->data());
        return {verdict_on_quote(arguments, {bytes, content->size()}), {}};
    }
    Verified verified;
    sgx::Steps& steps = verified.verdict.steps;
    const auto quote = sgx::quote_of_certificate(*content, time_of(arguments), steps);
    verified.key_bound = quote.has_value();
    if (quote) {
        Verdict verdict = verdict_on_quote(arguments, *quote);
        steps.append(verdict.steps);
        verdict.steps = std::move(steps);
        verified.verdict = std::move(verdict);
    }
    return verified;
}

const char* word_of(Outcome outcome) {
    switch (outcome) {
    case Outcome::accepted:
        return "accepted";
    case Outcome::refused:
        return "refused";
    case Outcome::could_not_check:
        return "could not check";
    }
    return "refused";
}

json word_or_null(const std::optional<sgx::TcbStatus>& status) {
    return status ? json(sgx::to_text(*status)) : json();
}

json json_of(const Verified& verified) {
    const Verdict& verdict = verified.verdict;
    const Step* failed = verdict.steps.failure();
    json steps = json::array();
    for (const Step& step : verdict.steps.all()) {
        steps.push_back(
            {{"step", step.name}, {"found", step.found}, {"passed", !step.problem.has_value()}});
    }
    json all = {{"genuine", verdict.genuine},
                {"accepted", verdict.outcome == Outcome::accepted},
                {"outcome", word_of(verdict.outcome)},
                {"tcb_status", word_or_null(verdict.tcb_status)},
                {"qe_status", word_or_null(verdict.qe_status)},
                {"combined_status", word_or_null(verdict.combined_status)},
                {"advisories", verdict.advisories},
                {"failed_step", failed == nullptr ? json() : json(failed->name)},
                {"error", failed == nullptr ? json() : to_json(*failed->problem)},
                {"fmspc", verdict.pck ? json(to_hex(verdict.pck->fmspc)) : json()},
                {"certificate_key_bound", verified.key_bound ? json(*verified.key_bound) : json()},
                {"steps", steps}};
    const auto& body = verdict.body;
    all["mrenclave"] = body ? json(to_hex(body->mrenclave)) : json();
    all["mrsigner"] = body ? json(to_hex(body->mrsigner)) : json();
    all["isv_prod_id"] = body ? json(body->isv_prod_id) : json();
    all["isv_svn"] = body ? json(body->isv_svn) : json();
    all["debug"] = body ? json(body->debug()) : json();
    all["report_data"] = body ? json(to_hex(body->report_data)) : json();
    return all;
}

std::string explanation(const Verdict& verdict, const Terminal& terminal) {
    std::size_t width = 0;
    for (const Step& step : verdict.steps.all()) {
        width = std::max(width, step.name.size());
    }
    std::string text;
    for (const Step& step : verdict.steps.all()) {
        text += fmt::format("  {}  {:<{}}  {}\n",
                            step.problem ? terminal.paint(Colour::red, "fail")
                                         : terminal.paint(Colour::green, "ok  "),
                            step.name,
                            width,
                            step.found);
    }
    return text + '\n';
}

std::string summary(const Verified& verified, const Terminal& terminal) {
    const Verdict& verdict = verified.verdict;
    std::string text =
        terminal.paint(verdict.outcome == Outcome::accepted ? Colour::green : Colour::red,
                       word_of(verdict.outcome));
    text += verdict.genuine ? ": a genuine quote" : ": not known to be genuine";
    if (verdict.combined_status) {
        text += fmt::format(", the platform is {}", sgx::to_text(*verdict.combined_status));
    }
    if (!verdict.advisories.empty()) {
        text += fmt::format(" ({})", fmt::join(verdict.advisories, ", "));
    }
    text += '\n';
    if (verdict.genuine && verified.key_bound) {
        text += "  the certificate's key is that enclave's\n";
    }
    if (verdict.genuine) {
        text += fmt::format("  MRENCLAVE    {}\n  MRSIGNER     {}\n  product {}, security version "
                            "{}{}\n  report data  {}\n",
                            to_hex(verdict.body->mrenclave),
                            to_hex(verdict.body->mrsigner),
                            verdict.body->isv_prod_id,
                            verdict.body->isv_svn,
                            verdict.body->debug() ? ", debug" : "",
                            to_hex(verdict.body->report_data));
    }
    return text;
}

int status_of(Outcome outcome) {
    switch (outcome) {
    case Outcome::accepted:
        return exit_done;
    case Outcome::refused:
        return exit_failed;
    case Outcome::could_not_check:
        return exit_not_checked;
    }
    return exit_failed;
}

void declare_policy(CLI::App& command, VerifyArguments& arguments) {
    command.add_flag("--allow-debug", arguments.allow_debug, "take enclaves in debug mode");
    command
        .add_option(
            "--accept", arguments.accept, "take this status beside UpToDate (may be repeated)")
        ->check(CLI::IsMember(std::vector<std::string>{"SWHardeningNeeded",
                                                       "ConfigurationNeeded",
                                                       "ConfigurationAndSWHardeningNeeded",
                                                       "OutOfDate",
                                                       "OutOfDateConfigurationNeeded"}))
        ->allow_extra_args(false)
        ->option_text("STATUS");
    command
        .add_option("--mitigated",
                    arguments.mitigated,
                    "advisory that the enclave mitigates; once one is named, all must be (may be "
                    "repeated)")
        ->allow_extra_args(false)
        ->type_name("ADVISORY");
    command.add_option("--mrenclave", arguments.mrenclave, "the measurement that it must have")
        ->check(digits_of(sgx::measurement_bytes))
        ->option_text("HEX");
    command.add_option("--mrsigner", arguments.mrsigner, "the signer that it must have")
        ->check(digits_of(sgx::measurement_bytes))
        ->option_text("HEX");
    command.add_option("--product", arguments.product, "the product id that it must have")
        ->check(CLI::Range(0, 0xFFFF))
        ->option_text("N");
    command.add_option("--svn", arguments.svn, "the least security version")->option_text("N");
    command
        .add_option("--report-data", arguments.report_data, "the 64 bytes that it must have chosen")
        ->check(digits_of(sgx::sgx_report_data_bytes))
        ->option_text("HEX");
    command
        .add_option(
            "--evaluation", arguments.evaluation, "the least TCB evaluation of the collateral")
        ->option_text("N");
}

} // namespace

void declare_verify(CLI::App& command, VerifyArguments& arguments) {
    command
        .add_option("quote",
                    arguments.quote,
                    "file with an ECDSA quote, or with a certificate that carries one")
        ->required()
        ->option_text(" ");
    CLI::Option* folder =
        command
            .add_option("--collateral",
                        arguments.collateral,
                        "folder with tcb_info.json, qe_identity.json, tcb_chain.pem, qe_chain.pem, "
                        "pck_crl.der, root_ca_crl.der, pck_ca_chain.pem; with --pccs, what was "
                        "fetched is kept there")
            ->type_name("DIR");
    CLI::Option* service =
        command
            .add_option("--pccs",
                        arguments.pccs,
                        "fetch the collateral from this caching service: https://host:port")
            ->check(CLI::Validator(
                [](const std::string& url) {
                    return url.starts_with("https://") && url.find('/', 8) == std::string::npos
                               ? std::string()
                               : std::string("https://host:port is wanted, without a path");
                },
                ""))
            ->option_text("URL");
    command
        .add_option("--pccs-certificate",
                    arguments.pccs_certificate,
                    "authority of the service's certificate; else the system's")
        ->needs(service)
        ->type_name("FILE");
    command.callback([folder, service] {
        if (folder->count() + service->count() == 0) {
            throw CLI::RequiredError("--collateral DIR or --pccs URL");
        }
    });
    command.add_option("--at", arguments.at, "verify as if it were this time (RFC 3339)")
        ->check(CLI::Validator(
            [](const std::string& text) {
                return sgx::parse_utc(text)
                           ? std::string()
                           : std::string("a time like 2026-01-31T12:00:00Z is wanted");
            },
            ""))
        ->option_text("TIME");
    command.add_option("--root", arguments.root, "trust this root in place of Intel's")
        ->type_name("CERT");
    command.add_flag("--no-crl", arguments.no_crl, "do not ask whether certificates are revoked");
    declare_policy(command, arguments);
}

int verify_quote(const VerifyArguments& arguments, bool as_json, bool explain) {
    const Verified verified = verify_file(arguments);
    const Verdict& verdict = verified.verdict;
    if (as_json) {
        std::cout << json_of(verified).dump(2) << '\n';
        return status_of(verdict.outcome);
    }
    const Terminal out(STDOUT_FILENO);
    std::cout << (explain ? explanation(verdict, out) : std::string()) << summary(verified, out);
    const Step* failed = verdict.steps.failure();
    if (failed != nullptr) {
        std::cout << std::flush;
        std::cerr << to_text(*failed->problem) << '\n';
    }
    return status_of(verdict.outcome);
}

} // namespace authex::cli
