#include "test_module.hpp"

#include <fstream>
#include <iterator>
#include <string>

namespace authex::tee::sancus {
namespace {

std::vector<std::uint8_t> linked_for(const std::string& place) {
    std::ifstream file(std::string(AUTHEX_TEST_MODULE) + "-" + place + ".bin", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::uint16_t> words_that_differ(const std::vector<std::uint8_t>& one,
                                             const std::vector<std::uint8_t>& other) {
    std::vector<std::uint16_t> words;
    for (std::size_t at = 0; at != one.size(); at += 2) {
        if (one[at] != other[at] || one[at + 1] != other[at + 1]) {
            words.push_back(static_cast<std::uint16_t>(at));
        }
    }
    return words;
}

} // namespace

SancusImage test_module() {
    SancusImage image;
    image.vendor_id = 0x1234;
    image.data_bytes = test_module_data_bytes;
    image.text = linked_for("0-0");
    image.text_bytes = static_cast<std::uint16_t>(image.text.size());
    image.text_relocations = words_that_differ(image.text, linked_for("0x1000-0"));
    image.data_relocations = words_that_differ(image.text, linked_for("0-0x1000"));
    return image;
}

} // namespace authex::tee::sancus
