#include "tee/native/builder.hpp"

#include <utility>

namespace authex::tee::native {

std::unique_ptr<Builder> make_builder(compile::BuilderPaths paths) {
    return std::make_unique<compile::ImageBuilder>(
        std::move(paths),
        compile::Recipe{.name = "native",
                        .flags = {"-target",
                                  "x86_64-linux-gnu",
                                  "-fno-pic",
                                  "-mcmodel=small",
                                  "-fno-stack-protector",
                                  "-fcf-protection=none"},
                        .port_source = "src/tee/native/port/port.cpp",
                        .port_sources = {"src/tee/native/port/libc.cpp",
                                         "src/tee/native/port/libc_compare.cpp",
                                         "src/tee/native/port/entry.S"},
                        // The loader takes images at this place alone (host/image.hpp).
                        .link_flags = {"-static", "--image-base=0x10000000", "-z", "noexecstack"}});
}

} // namespace authex::tee::native
