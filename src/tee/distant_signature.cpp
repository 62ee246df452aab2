#include "tee/distant_signature.hpp"

#include <fstream>
#include <system_error>

#include <fmt/format.h>

namespace authex::tee {

std::vector<std::uint8_t> DistantSignature::read() const {
    std::ifstream stream(file_, std::ios::binary);
    std::vector<std::uint8_t> bytes(distant_signature_bytes_max + 1);
    stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

tl::unexpected<Diagnostic> DistantSignature::ask(ByteView message) const {
    std::error_code error;
    std::filesystem::create_directories(request_.parent_path(), error);
    std::ofstream out(request_, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(message.data()),
              static_cast<std::streamsize>(message.size()));
    if (!out.flush()) {
        return failure("file-unwritable",
                       fmt::format("cannot write {}", request_.string()),
                       "check owner and mode of its folder");
    }
    return failure("signature-missing",
                   fmt::format("module `{}`: {} {}",
                               name_,
                               file_.string(),
                               std::filesystem::exists(file_, error)
                                   ? "signs something else, or with another key"
                                   : "is not there"),
                   fmt::format("sign {} where the vendor's key is (openssl dgst -sha256 -sign KEY "
                               "-out {} {}), then build again",
                               request_.string(),
                               file_.string(),
                               request_.string()));
}

} // namespace authex::tee
