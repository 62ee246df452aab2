#include "tee/skeleton/builder.hpp"

#include <utility>

namespace authex::tee::skeleton {

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths) {
    return std::make_unique<compile::ImageBuilder>(
        std::move(paths),
        compile::Recipe{.name = "skeleton",
                        .flags = {"-target",
                                  "x86_64-linux-gnu",
                                  "-fPIC",
                                  "-fvisibility=hidden",
                                  "-fno-stack-protector",
                                  "-fcf-protection=none"},
                        .port_source = "src/tee/skeleton/port/port.cpp",
                        .port_sources = {"src/tee/skeleton/port/libc.cpp"},
                        // Complete (-z defs), deaf to the process's own symbols (-Bsymbolic), and
                        // with the endpoint records readable in the file (--apply-dynamic-relocs).
                        .link_flags = {"-shared",
                                       "-Bsymbolic",
                                       "--exclude-libs=ALL",
                                       "--apply-dynamic-relocs",
                                       "-z",
                                       "defs",
                                       "-z",
                                       "noexecstack"}});
}

} // namespace authex::tee::skeleton
