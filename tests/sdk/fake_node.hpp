#pragma once
// What a module has beneath it, without a runtime: the SDK's functions write down what was asked of
// them. One node at a time.

#include <authex/module.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace authex::test {

struct FakeNode {
    FakeNode();
    ~FakeNode();
    FakeNode(const FakeNode&) = delete;
    FakeNode& operator=(const FakeNode&) = delete;

    std::optional<std::uint16_t> listening;
    std::map<std::uint64_t, std::string> written; ///< by stream: what was not looked at yet
    std::set<std::uint64_t> pulled;               ///< streams of which a piece may come
    std::set<std::uint64_t> closed;
    std::optional<std::uint64_t> timer_us;
    std::vector<std::string> log;
    std::map<std::string, std::string> config;
    std::map<std::string, std::string> secrets;
    bool attested = true;
    std::size_t report_bytes = 432; ///< 0: this TEE makes none
    std::string reported;           ///< what the last report was over
    std::size_t room = SIZE_MAX;    ///< bytes that may still be written
    std::uint8_t random = 1;

    static FakeNode* current;
};

} // namespace authex::test
