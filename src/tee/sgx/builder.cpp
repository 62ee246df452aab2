#include "tee/sgx/builder.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tee/compile/compiler.hpp"
#include "tee/sgx/image/enclave.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/signer.hpp"

namespace authex::tee::sgx {
namespace {

constexpr std::uint32_t release_date = 0x20260101; ///< of every SIGSTRUCT: it says nothing

compile::Recipe recipe() {
    return {.name = "sgx",
            .flags = {"-target",
                      "x86_64-linux-gnu",
                      "-fno-pic",
                      "-mcmodel=small",
                      "-mno-red-zone",
                      "-fno-stack-protector",
                      // The page below the stack is met before anything else is.
                      "-fstack-clash-protection",
                      "-fcf-protection=none",
                      // What the hardware gives, and what it forbids to ask (CPUID).
                      "-DAUTHEX_WITH_OWN_ENTROPY=1",
                      "-DAUTHEX_WITH_REPORTS=1",
                      "-DAUTHEX_WITH_HOST_MEMORY_RULES=1",
                      "-DAUTHEX_CPU_HAS_AES=1"},
            .port_source = "src/tee/sgx/port/port.cpp",
            .port_sources = {"src/tee/sgx/port/host_memory.cpp",
                             "src/tee/sgx/port/entry.S",
                             "src/tee/native/port/libc.cpp",
                             "src/tee/native/port/libc_compare.cpp"},
            .link_flags = {
                "-static", fmt::format("--image-base={:#x}", enclave_base), "-z", "noexecstack"}};
}

Sigstruct unsigned_fields(const BuildSpec& spec, const Measurement& measured) {
    Sigstruct fields;
    fields.date = release_date;
    // Both may be asked for and neither by the host: all of it is under the signature's mask.
    fields.attributes = {.flags = attribute::mode64 | (spec.debug ? attribute::debug : 0),
                         .xfrm = enclave_xfrm};
    fields.attributes_mask = {.flags = ~std::uint64_t{attribute::init}, .xfrm = ~std::uint64_t{0}};
    fields.enclave_hash = measured;
    fields.isv_prod_id = spec.product;
    fields.isv_svn = spec.svn;
    return fields;
}

Expected<bool> sign(const BuildSpec& spec, Sigstruct& fields) {
    if (!spec.signing.public_key.empty()) {
        return take_signature(
            fields,
            {.public_key = spec.signing.public_key, .signatures = spec.signing.signatures},
            spec.module);
    }
    const Expected<SigningKey> key = SigningKey::open(spec.signing.key);
    return key ? key->sign(fields) : tl::make_unexpected(key.error());
}

std::vector<Label> labels_of(const Sigstruct& fields) {
    return {{"mrsigner", fmt::format("{:02x}", fmt::join(signer_of(fields), ""))},
            {"isv_prod_id", std::to_string(fields.isv_prod_id)},
            {"isv_svn", std::to_string(fields.isv_svn)},
            {"debug", (fields.attributes.flags & attribute::debug) != 0 ? "true" : "false"}};
}

class SgxBuilder final : public Builder {
  public:
    explicit SgxBuilder(compile::BuilderPaths paths)
        : cache_(paths.cache / "sgx"), programs_(std::move(paths), recipe()) {}

    Expected<Image> build(const BuildSpec& spec) override {
        BuildSpec program_spec = spec;
        program_spec.max_image_bytes = 0; // of the whole, below
        Expected<Image> image = programs_.build(program_spec);
        if (!image) {
            return image;
        }
        const Expected<std::string> program = compile::read_file(image->path);
        if (!program) {
            return tl::make_unexpected(program.error());
        }
        const Expected<bool> enclosed = enclose(spec, *program, *image);
        return enclosed ? std::move(image) : tl::make_unexpected(enclosed.error());
    }

  private:
    /// Makes an enclave of the program.
    Expected<bool> enclose(const BuildSpec& spec, const std::string& program, Image& image) {
        const ByteView bytes(reinterpret_cast<const std::uint8_t*>(program.data()), program.size());
        const std::uint64_t wanted = spec.stack_bytes == 0 ? stack_bytes_default : spec.stack_bytes;
        const std::uint64_t stack = (wanted + page_bytes - 1) / page_bytes * page_bytes;
        EnclavePlan plan;
        plan_enclave(bytes, stack, plan);
        if (plan.refusal != nullptr) {
            return failure("image-malformed",
                           fmt::format("module `{}`: {}", spec.module, plan.refusal),
                           "look at its `max: stack`");
        }
        Sigstruct fields = unsigned_fields(spec, measure(plan));
        const Expected<bool> is_signed = sign(spec, fields);
        if (!is_signed) {
            return is_signed;
        }
        std::array<std::uint8_t, sigstruct_bytes> sigstruct{};
        write_sigstruct(fields, sigstruct);
        const std::vector<std::uint8_t> file =
            write_image_file({.sigstruct = sigstruct,
                              .stack_bytes = static_cast<std::uint32_t>(stack),
                              .program = bytes});
        if (spec.max_image_bytes != 0 && file.size() > spec.max_image_bytes) {
            return failure("image-too-large",
                           fmt::format("module `{}`: the image has {} bytes, more than its `max: "
                                       "image` of {}",
                                       spec.module,
                                       file.size(),
                                       spec.max_image_bytes));
        }
        image.bytes = file.size();
        image.labels = labels_of(fields);
        image.identity.assign(fields.enclave_hash.begin(), fields.enclave_hash.end());
        return keep({reinterpret_cast<const char*>(file.data()), file.size()}, image);
    }

    Expected<bool> keep(std::string_view file, Image& image) const {
        image.path = cache_ / (compile::sha256_hex(file) + ".enclave");
        std::error_code error;
        return std::filesystem::exists(image.path, error) ? Expected<bool>(true)
                                                          : compile::write_file(image.path, file);
    }

    std::filesystem::path cache_;
    compile::ImageBuilder programs_;
};

} // namespace

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths) {
    return std::make_unique<SgxBuilder>(std::move(paths));
}

} // namespace authex::tee::sgx
