#include "tee/sgx/quote_library.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

namespace authex::tee::sgx {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function*& into) {
    into = reinterpret_cast<Function*>(::dlsym(library, name));
    return into != nullptr;
}

tl::unexpected<Diagnostic> refused(const char* function, std::uint32_t error) {
    return failure("quote-library-refused",
                   fmt::format("{} fails with {:#x}", function, error),
                   "look up the number in Intel's sgx_ql_lib_common.h; is a quote provider "
                   "configured (/etc/sgx_default_qcnl.conf)?");
}

} // namespace

Expected<std::unique_ptr<QuoteLibrary>> QuoteLibrary::open(const std::string& name) {
    void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    std::unique_ptr<QuoteLibrary> self(new QuoteLibrary());
    if (library == nullptr || !find(library, "sgx_qe_get_target_info", self->get_target_) ||
        !find(library, "sgx_qe_get_quote_size", self->get_size_) ||
        !find(library, "sgx_qe_get_quote", self->get_quote_)) {
        const char* why = ::dlerror(); // NOLINT(concurrency-mt-unsafe): of this thread alone
        return failure("quote-library-missing",
                       why == nullptr ? name : std::string(why),
                       "install Intel's libsgx-dcap-ql, or sgx-aesm-service");
    }
    return self;
}

Expected<TargetInfo> QuoteLibrary::target() {
    const std::lock_guard lock(mutex_);
    TargetInfo target{};
    const std::uint32_t error = get_target_(target.data());
    return error == 0 ? Expected<TargetInfo>(target) : refused("sgx_qe_get_target_info", error);
}

Expected<Evidence> QuoteLibrary::quote(ByteView report) {
    const std::lock_guard lock(mutex_);
    std::uint32_t size = 0;
    if (const std::uint32_t error = get_size_(&size)) {
        return refused("sgx_qe_get_quote_size", error);
    }
    if (size > quote_bytes_max) {
        return failure("quote-library-malformed",
                       fmt::format("the quote is said to have {} bytes", size),
                       "look at the version of the library");
    }
    std::vector<std::uint8_t> buffer(size);
    if (const std::uint32_t error = get_quote_(report.data(), size, buffer.data())) {
        return refused("sgx_qe_get_quote", error);
    }
    const std::size_t length = quote_length(buffer);
    if (length == 0) {
        return failure("quote-library-malformed",
                       "the library gives a quote that is none",
                       "look at the version of the library");
    }
    buffer.resize(length);
    return Evidence{.quote = std::move(buffer), .collateral = {}};
}

} // namespace authex::tee::sgx
