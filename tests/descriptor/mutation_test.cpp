// Whatever is done to a descriptor, there is an answer: a model or an error, never both or neither.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "descriptor/files.hpp"
#include "descriptor/parse.hpp"

namespace authex::descriptor {
namespace {

const std::vector<std::string>& seeds() {
    static const std::vector<std::string> texts = [] {
        std::vector<std::string> read;
        for (const auto& file : test::files_in("good")) {
            read.push_back(test::read(file));
        }
        return read;
    }();
    return texts;
}

void require_answer(const std::string& text) {
    const ParseResult result = parse(text, "mutant.yaml");
    bool has_error = false;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        has_error = has_error || diagnostic.severity == Severity::error;
    }
    RC_ASSERT(result.descriptor.has_value() != has_error);
}

RC_GTEST_PROP(Parse, AnswersToAnyByteThatIsChanged, ()) {
    std::string text = *rc::gen::elementOf(seeds());
    const auto changes = *rc::gen::inRange(1, 8);
    for (int i = 0; i < changes; ++i) {
        text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
    }
    require_answer(text);
}

RC_GTEST_PROP(Parse, AnswersToAnyPieceThatIsPutElsewhere, ()) {
    const std::string from = *rc::gen::elementOf(seeds());
    std::string text = *rc::gen::elementOf(seeds());
    const auto begin = *rc::gen::inRange<std::size_t>(0, from.size());
    const auto bytes = *rc::gen::inRange<std::size_t>(0, 80);
    text.insert(*rc::gen::inRange<std::size_t>(0, text.size()), from.substr(begin, bytes));
    require_answer(text);
}

RC_GTEST_PROP(Parse, AnswersToAnyPieceThatIsTakenOut, ()) {
    std::string text = *rc::gen::elementOf(seeds());
    text.erase(*rc::gen::inRange<std::size_t>(0, text.size()),
               *rc::gen::inRange<std::size_t>(0, 200));
    require_answer(text);
}

RC_GTEST_PROP(Parse, AnswersToAnyText, (const std::string& text)) {
    require_answer(text);
}

} // namespace
} // namespace authex::descriptor
