#include "cli/enclave.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hex.hpp"
#include "cli/arguments.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/image/sgxs.hpp"

namespace authex::cli {
namespace {

using nlohmann::json;
namespace sgx = tee::sgx;

Expected<std::vector<std::uint8_t>> read_file(const std::filesystem::path& file) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    std::ifstream stream(file, std::ios::binary);
    if (error || !stream || size > sgx::sgxs_bytes_max) {
        return failure("unreadable",
                       fmt::format("cannot read {}", file.string()),
                       "name a file of at most 512 MiB that can be read");
    }
    return std::vector<std::uint8_t>(std::istreambuf_iterator<char>(stream),
                                     std::istreambuf_iterator<char>());
}

/// An enclave, and the vendor's word on it where there is one.
struct Found {
    sgx::SgxsSummary summary;
    std::vector<std::uint8_t> stream;
    std::vector<std::uint8_t> sigstruct;
};

Expected<Found> from_image(ByteView bytes) {
    sgx::ImageFile image;
    sgx::EnclavePlan plan;
    if (!sgx::parse_image_file(bytes, image)) {
        return failure("image-malformed",
                       "this is neither an image of an enclave nor SGXS",
                       "authex build makes images; `authex build --json` says where they are");
    }
    sgx::plan_enclave(image.program, image.stack_bytes, plan);
    if (plan.refusal != nullptr) {
        return failure("image-malformed", fmt::format("the image's program {}", plan.refusal));
    }
    Found found;
    found.stream = sgx::write_sgxs(plan);
    found.sigstruct.assign(image.sigstruct.begin(), image.sigstruct.end());
    const Expected<sgx::SgxsSummary> summary = sgx::read_sgxs(found.stream);
    if (!summary) {
        return tl::make_unexpected(summary.error());
    }
    found.summary = *summary;
    return found;
}

Expected<Found> find(const EnclaveArguments& arguments) {
    Expected<std::vector<std::uint8_t>> bytes = read_file(arguments.file);
    if (!bytes) {
        return tl::make_unexpected(bytes.error());
    }
    if (!sgx::is_sgxs(*bytes)) {
        return from_image(*bytes);
    }
    const Expected<sgx::SgxsSummary> summary = sgx::read_sgxs(*bytes);
    if (!summary) {
        return tl::make_unexpected(summary.error());
    }
    Found found{.summary = *summary, .stream = std::move(*bytes), .sigstruct = {}};
    if (!arguments.sigstruct.empty()) {
        Expected<std::vector<std::uint8_t>> sigstruct = read_file(arguments.sigstruct);
        if (!sigstruct) {
            return tl::make_unexpected(sigstruct.error());
        }
        found.sigstruct = std::move(*sigstruct);
    }
    return found;
}

json json_of(const sgx::SgxsSummary& summary) {
    return {{"mrenclave", to_hex(summary.mrenclave)},
            {"size", summary.size},
            {"ssa_frame_pages", summary.ssa_frame_pages},
            {"pages", summary.pages},
            {"threads", summary.threads},
            {"measured_chunks", summary.measured_chunks}};
}

/// @return nothing where it is no SIGSTRUCT
std::optional<json> json_of(ByteView sigstruct, const sgx::Measurement& measured) {
    sgx::Sigstruct fields;
    if (!sgx::parse_sigstruct(sigstruct, fields)) {
        return std::nullopt;
    }
    return json{{"mrsigner", to_hex(sgx::signer_of(fields))},
                {"isv_prod_id", fields.isv_prod_id},
                {"isv_svn", fields.isv_svn},
                {"debug", (fields.attributes.flags & sgx::attribute::debug) != 0},
                {"attributes", fmt::format("{:#x}", fields.attributes.flags)},
                {"attributes_mask", fmt::format("{:#x}", fields.attributes_mask.flags)},
                {"xfrm", fmt::format("{:#x}", fields.attributes.xfrm)},
                {"xfrm_mask", fmt::format("{:#x}", fields.attributes_mask.xfrm)},
                {"date", fmt::format("{:08x}", fields.date)},
                {"signature_holds", sgx::signature_holds(sigstruct)},
                {"of_this_enclave", fields.enclave_hash == measured}};
}

Expected<bool> write_stream(const std::filesystem::path& file, ByteView stream) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(stream.data()),
              static_cast<std::streamsize>(stream.size()));
    return out.flush() ? Expected<bool>(true)
                       : failure("unwritable",
                                 fmt::format("cannot write {}", file.string()),
                                 "name a file in a folder that can be written");
}

int fail(const Diagnostic& diagnostic) {
    std::cerr << to_text(diagnostic) << '\n';
    return exit_failed;
}

} // namespace

void declare_enclave(CLI::App& command, EnclaveArguments& arguments) {
    command.add_option("file", arguments.file, "image of an enclave (authex build), or SGXS")
        ->required()
        ->option_text(" ");
    command.add_option("--sigstruct", arguments.sigstruct, "the SIGSTRUCT beside an SGXS file")
        ->type_name("FILE");
    command.add_option("--sgxs", arguments.sgxs_out, "also write it as SGXS to this file")
        ->type_name("FILE");
}

int show_enclave(const EnclaveArguments& arguments, bool as_json) {
    const Expected<Found> found = find(arguments);
    if (!found) {
        return fail(found.error());
    }
    json all = json_of(found->summary);
    bool good = true;
    if (!found->sigstruct.empty()) {
        const auto vendor = json_of(found->sigstruct, found->summary.mrenclave);
        if (!vendor) {
            return fail(
                make_error("image-malformed", "the SIGSTRUCT is none", "it has 1808 bytes"));
        }
        good =
            vendor->at("signature_holds").get<bool>() && vendor->at("of_this_enclave").get<bool>();
        all.update(*vendor);
    }
    if (!arguments.sgxs_out.empty()) {
        const Expected<bool> written = write_stream(arguments.sgxs_out, found->stream);
        if (!written) {
            return fail(written.error());
        }
    }
    if (as_json) {
        std::cout << all.dump(2) << '\n';
    } else {
        for (const auto& [name, value] : all.items()) {
            std::cout << fmt::format(
                "{:<16}  {}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
        }
    }
    return good ? exit_done : exit_failed;
}

} // namespace authex::cli
