// authex-manual SOURCE PAGE: makes one manual page. Part of the build; not installed.
#include <fstream>
#include <iostream>
#include <iterator>

#include "manual/manual.hpp"

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: authex-manual SOURCE PAGE\n";
        return 2;
    }
    std::ifstream source(argv[1], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(source),
                           std::istreambuf_iterator<char>()};
    const authex::Expected<std::string> page = authex::manual::make_page(text);
    if (!source || !page) {
        std::cerr << "authex-manual: " << argv[1] << ": "
                  << (page ? "cannot be read" : authex::to_text(page.error())) << '\n';
        return 1;
    }
    std::ofstream out(argv[2], std::ios::binary | std::ios::trunc);
    out << *page;
    out.close();
    if (!out) {
        std::cerr << "authex-manual: cannot write " << argv[2] << '\n';
        return 1;
    }
    return 0;
}
