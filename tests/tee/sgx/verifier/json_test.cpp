// What is taken for JSON means to other readers what it means here.
#include "tee/sgx/verifier/json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tee/sgx/verifier/signed_json.hpp"

namespace authex::tee::sgx {
namespace {

bool taken(std::string_view text) {
    return JsonDocument::parse(text).has_value();
}

TEST(Json, ValuesOfEachKindAreReadAsTheyStandInTheText) {
    const std::string text = R"( { "a" : [ 1 , "two" , { } , [ ] ] , "b":{"c":true},"d":null } )";
    const auto document = JsonDocument::parse(text);
    ASSERT_TRUE(document);
    const JsonValue& root = document->root();
    EXPECT_EQ(root.kind, JsonKind::object);
    EXPECT_EQ(root.text, std::string_view(text).substr(1, text.size() - 2));
    EXPECT_EQ(root.children().count(), 3U);
    EXPECT_EQ(root.member("none"), nullptr);

    const JsonValue* list = root.member("a");
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(list->kind, JsonKind::array);
    EXPECT_EQ(list->text, R"([ 1 , "two" , { } , [ ] ])");
    EXPECT_EQ(list->member("a"), nullptr) << "an array has no members";
    std::vector<std::pair<JsonKind, std::string_view>> elements;
    for (const JsonValue& each : list->children()) {
        elements.emplace_back(each.kind, each.text);
    }
    EXPECT_EQ(elements,
              (std::vector<std::pair<JsonKind, std::string_view>>{{JsonKind::number, "1"},
                                                                  {JsonKind::string, "two"},
                                                                  {JsonKind::object, "{ }"},
                                                                  {JsonKind::array, "[ ]"}}));
    ASSERT_NE(root.member("b"), nullptr);
    ASSERT_NE(root.member("b")->member("c"), nullptr);
    EXPECT_EQ(root.member("b")->member("c")->text, "true");
    EXPECT_EQ(root.member("d")->kind, JsonKind::literal);
}

TEST(Json, WhatTwoReadersCouldUnderstandDifferentlyIsRefused) {
    for (const char* text : {R"({"a":1,"a":2})",
                             R"({"b":{"a":1,"c":{},"a":1}})",
                             R"({"\u0061":1})",
                             R"({"a":"\""})",
                             "{\"a\":\"\xC3\xA4\"}",
                             "{\"a\":\"\xFF\"}",
                             "{\"a\":\"\x01\"}",
                             "{\"a\":\"\n\"}",
                             "{\"a\":\"\x7F\"}",
                             R"({"a":-1})",
                             R"({"a":1.0})",
                             R"({"a":1e3})",
                             R"({"a":01})",
                             R"({"a":00})"}) {
        EXPECT_FALSE(taken(text)) << text;
    }
    EXPECT_FALSE(taken(std::string_view("{\"a\":\"b\0c\"}", 11)));
    EXPECT_TRUE(taken(R"({"a":{"a":0},"b":{"a":10}})")) << "the same name in other objects";
}

TEST(Json, WhatIsNoneIsRefused) {
    for (const char* text : {"",          " ",          "{",
                             "}",         "[",          "]",
                             "{]",        "[}",         "{}{}",
                             "{},",       "{,}",        "[,]",
                             "[1,]",      "[1 2]",      "{\"a\"}",
                             "{\"a\":}",  "\"a",        "{a:1}",
                             "{\"a\" 1}", "{\"a\":1,}", "{1:2}",
                             "'a'",       "tru",        "TRUE",
                             "nan",       "{} x",       "\xEF\xBB\xBF{}",
                             "/**/{}",    "{\"a\":+1}", "\f{}",
                             "1 1",       "truefalse"}) {
        EXPECT_FALSE(taken(text)) << text;
    }
    const std::string good = R"({"a":[1,{"b":"c"}],"d":false})";
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(taken(std::string_view(good).substr(0, size))) << size;
    }
    EXPECT_TRUE(taken(good));
}

TEST(Json, DepthAndMembersHaveABound) {
    const auto nested = [](std::size_t deep) {
        return std::string(deep, '[') + std::string(deep, ']');
    };
    EXPECT_TRUE(taken(nested(17)));
    EXPECT_FALSE(taken(nested(18)));
    EXPECT_FALSE(taken(nested(100'000)));
    const auto members = [](int count) {
        nlohmann::json object;
        for (int i = 0; i < count; ++i) {
            object[std::to_string(i)] = i;
        }
        return object.dump();
    };
    EXPECT_TRUE(taken(members(64)));
    EXPECT_FALSE(taken(members(65)));
}

TEST(JsonReader, NumbersHaveABound) {
    const auto document =
        JsonDocument::parse(R"({"a":255,"b":256,"c":18446744073709551616,"d":"1"})");
    ASSERT_TRUE(document);
    JsonReader reader(document->root());
    EXPECT_EQ(reader.number("a", 255), 255U);
    EXPECT_TRUE(reader.ok());
    for (const char* wrong : {"b", "c", "d", "none"}) {
        JsonReader one(document->root());
        EXPECT_EQ(one.number(wrong, 255), 0U);
        EXPECT_EQ(one.wrong(), wrong);
    }
}

} // namespace
} // namespace authex::tee::sgx
