#include "tee/sgx/verifier/library.hpp"

#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace authex::tee::sgx {
namespace {

using Algorithms = std::vector<OSSL_ALGORITHM>;

/// Of OpenSSL's default provider, in a context of its own.
OSSL_PROVIDER* whole() {
    static OSSL_PROVIDER* const provider = OSSL_PROVIDER_load(OSSL_LIB_CTX_new(), "default");
    return provider;
}

/// Its algorithms of this name for the operation, ended as OpenSSL wants it. (provider-base(7))
Algorithms only(int operation, std::string_view name) {
    Algorithms chosen;
    int not_to_be_kept = 0;
    const OSSL_ALGORITHM* each = OSSL_PROVIDER_query_operation(whole(), operation, &not_to_be_kept);
    for (; each != nullptr && each->algorithm_names != nullptr; ++each) {
        const std::string_view names(each->algorithm_names);
        if (names.substr(0, names.find(':')) == name) {
            chosen.push_back(*each);
        }
    }
    chosen.push_back({});
    return chosen;
}

const OSSL_ALGORITHM* query(void* /*context*/, int operation, int* not_to_be_kept) {
    static const Algorithms digests = only(OSSL_OP_DIGEST, "SHA2-256");
    static const Algorithms keys = only(OSSL_OP_KEYMGMT, "EC");
    static const Algorithms signatures = only(OSSL_OP_SIGNATURE, "ECDSA");
    *not_to_be_kept = 0;
    switch (operation) {
    case OSSL_OP_DIGEST:
        return digests.data();
    case OSSL_OP_KEYMGMT:
        return keys.data();
    case OSSL_OP_SIGNATURE:
        return signatures.data();
    default:
        return nullptr;
    }
}

/// A provider whose algorithms are the default one's, and so is their context.
int begin(const OSSL_CORE_HANDLE* /*handle*/,
          const OSSL_DISPATCH* /*core*/,
          const OSSL_DISPATCH** functions,
          void** context) {
    static const OSSL_DISPATCH all[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)}, {0, nullptr}};
    *functions = all;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole());
    return 1;
}

OSSL_LIB_CTX* make() {
    constexpr const char* name = "authex-p256";
    OSSL_LIB_CTX* const library = whole() == nullptr ? nullptr : OSSL_LIB_CTX_new();
    if (library == nullptr || OSSL_PROVIDER_add_builtin(library, name, begin) != 1 ||
        OSSL_PROVIDER_load(library, name) == nullptr) {
        OSSL_LIB_CTX_free(library);
        return nullptr;
    }
    return library;
}

} // namespace

OSSL_LIB_CTX* p256_library() {
    static OSSL_LIB_CTX* const library = make();
    return library;
}

} // namespace authex::tee::sgx
