// The dashboard asks for nothing that is not there.
#include <fstream>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "cli/metrics_view.hpp"
#include "em/control/node_metrics.hpp"

namespace authex::metrics {
namespace {

std::set<std::string> names_that_exist() {
    std::set<std::string> names;
    for (const auto& families :
         {em::traffic_metrics({}, {}),
          std::vector<Family>{em::delivery_metrics({}), em::lateness_metrics({})},
          em::process_metrics(),
          cli::application_metrics({})}) {
        for (const Family& family : families) {
            const std::string name(family.name);
            names.insert(name);
            if (family.type == Type::histogram) {
                names.insert({name + "_bucket", name + "_sum", name + "_count"});
            }
        }
    }
    return names;
}

void collect_expressions(const nlohmann::json& value, std::vector<std::string>& expressions) {
    for (const auto& [key, inner] : value.items()) {
        const bool text = inner.is_string();
        // A variable's query calls a function; the kind of a data source is a word.
        if (text &&
            (key == "expr" || (key == "query" && inner.get<std::string>().ends_with(')')))) {
            expressions.push_back(inner.get<std::string>());
        } else if (inner.is_structured()) {
            collect_expressions(inner, expressions);
        }
    }
}

TEST(Dashboard, NamesOnlyMetricsThatExist) {
    std::ifstream file(AUTHEX_SOURCE_DIR "/share/grafana/authex.json");
    const nlohmann::json dashboard = nlohmann::json::parse(file);
    std::vector<std::string> expressions;
    for (const auto& panel : dashboard.at("panels")) {
        collect_expressions(panel, expressions);
    }
    collect_expressions(dashboard.at("templating"), expressions);
    EXPECT_GE(expressions.size(), 10U);
    const std::set<std::string> exist = names_that_exist();
    const std::regex name(R"((authex|process)_[a-z_]+)");
    for (const std::string& expression : expressions) {
        const std::sregex_iterator first(expression.begin(), expression.end(), name);
        EXPECT_NE(first, std::sregex_iterator()) << expression;
        for (auto match = first; match != std::sregex_iterator(); ++match) {
            EXPECT_TRUE(exist.contains(match->str())) << match->str() << " in " << expression;
        }
    }
}

TEST(Metrics, EveryNameStandsOnce) {
    std::vector<std::string> all;
    for (const auto& families : {em::traffic_metrics({}, {}), em::process_metrics()}) {
        for (const Family& family : families) {
            all.emplace_back(family.name);
        }
    }
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
    EXPECT_GT(all.size(), 15U);
}

} // namespace
} // namespace authex::metrics
