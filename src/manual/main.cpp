// Makes one manual page from its source, or one completion script. Part of the build; not
// installed.
#include <fstream>
#include <iostream>
#include <iterator>

#include "manual/manual.hpp"

namespace {

authex::Expected<std::string> page_of(const std::string& name) {
    std::ifstream source(name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(source),
                           std::istreambuf_iterator<char>()};
    if (!source) {
        return authex::failure("file-unreadable", name + " cannot be read");
    }
    return authex::manual::make_page(text);
}

} // namespace

int main(int argc, char** argv) {
    const bool completion = argc == 4 && std::string(argv[1]) == "--completion";
    if (argc != 3 && !completion) {
        std::cerr << "usage: authex-manual SOURCE PAGE\n"
                     "       authex-manual --completion SHELL FILE\n";
        return 2;
    }
    const authex::Expected<std::string> text =
        completion ? authex::manual::sancus_completion(argv[2]) : page_of(argv[1]);
    if (!text) {
        std::cerr << "authex-manual: " << authex::to_text(text.error()) << '\n';
        return 1;
    }
    const std::string name = argv[argc - 1];
    std::ofstream out(name, std::ios::binary | std::ios::trunc);
    out << *text;
    out.close();
    if (!out) {
        std::cerr << "authex-manual: cannot write " << name << '\n';
        return 1;
    }
    return 0;
}
