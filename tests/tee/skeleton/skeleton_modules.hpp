#pragma once
// Real skeleton modules for tests.

#include <filesystem>
#include <memory>

#include "support/owner.hpp"
#include "tee/modules.hpp"
#include "tee/skeleton/builder.hpp"
#include "tee/skeleton/loader.hpp"

namespace authex::test {

inline std::unique_ptr<tee::Builder> skeleton_builder() {
    return tee::skeleton::make_builder({.home = AUTHEX_SOURCE_DIR, .cache = AUTHEX_TEST_CACHE});
}

/// Its endpoints by id: what comes in goes out.
enum RelayId : std::uint16_t { relay_out, relay_in, relay_count };
constexpr const char* relay_source = "#include <authex/module.hpp>\n"
                                     "static unsigned taken;\n"
                                     "AUTHEX_OUTPUT(out);\n"
                                     "AUTHEX_INPUT(in, event) { ++taken; out(event.data); }\n"
                                     "AUTHEX_ENTRY(count, call) { call.result.u32(taken); }\n";

/// For the owner of tests (support/owner.hpp).
inline const tee::Image& relay_image() {
    static const tee::Image image = build_module(*skeleton_builder(), relay_source, owner_public());
    return image;
}

} // namespace authex::test
