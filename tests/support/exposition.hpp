#pragma once
// Reads what Prometheus would read, and is as strict.

#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace authex::test {

/// Series (`name{labels}`) → value.
struct Scrape {
    std::map<std::string, double> series;
    std::set<std::string> families;
    std::string problem; ///< the first line that Prometheus would not take, and why; else empty

    [[nodiscard]] std::optional<double> value(const std::string& name) const {
        const auto found = series.find(name);
        return found == series.end() ? std::nullopt : std::optional(found->second);
    }
    /// Over all series of that name.
    [[nodiscard]] double sum(const std::string& name) const {
        double total = 0;
        for (const auto& [key, value] : series) {
            total += key.substr(0, key.find('{')) == name ? value : 0;
        }
        return total;
    }
};

/// Text format 0.0.4: HELP and TYPE before samples, each family once, each series once, labels well
/// formed, histograms cumulative and ending in +Inf with their count.
class ExpositionReader {
  public:
    Scrape read(const std::string& text) {
        if (!text.empty() && text.back() != '\n') {
            refuse(text.substr(text.rfind('\n') + 1), "the last line does not end");
        }
        std::istringstream lines(text);
        for (std::string line; scrape_.problem.empty() && std::getline(lines, line);) {
            line_ = line;
            std::smatch match;
            static const std::regex comment(R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*))");
            static const std::regex sample(
                R"(([a-zA-Z_:][a-zA-Z0-9_:]*)((?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\S+))");
            if (std::regex_match(line, match, comment)) {
                take_comment(match[1] == "HELP", match[2], match[3]);
            } else if (std::regex_match(line, match, sample)) {
                take_sample(match[1], match[2], match[3]);
            } else {
                refuse(line, "no sample");
            }
        }
        return scrape_;
    }

  private:
    void refuse(const std::string& line, const std::string& why) {
        scrape_.problem = why + ": " + line;
    }

    void take_comment(bool help, const std::string& name, const std::string& text) {
        if (help) {
            family_ = name;
            if (!scrape_.families.insert(name).second) {
                refuse(line_, "a family twice");
            }
            return;
        }
        type_ = text;
        bucket_ = 0;
        const bool known = text == "counter" || text == "gauge" || text == "histogram";
        if (name != family_ || !known) {
            refuse(line_, "a type that does not follow its help");
        } else if (text == "counter" && !name.ends_with("_total")) {
            refuse(line_, "a counter without _total");
        }
    }

    void take_sample(const std::string& name, const std::string& labels, const std::string& text) {
        const std::string suffix =
            name.size() > family_.size() ? name.substr(family_.size()) : std::string();
        const bool fits = type_ == "histogram"
                              ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
                              : suffix.empty();
        if (family_.empty() || !name.starts_with(family_) || !fits) {
            return refuse(line_, "a sample outside its family");
        }
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        if (*end != '\0' || (type_ == "counter" && value < 0)) {
            return refuse(line_, "no value");
        }
        if (!scrape_.series.emplace(name + labels, value).second) {
            return refuse(line_, "a series twice");
        }
        if (suffix == "_bucket") {
            take_bucket(value, labels.find("le=\"+Inf\"") != std::string::npos);
        } else if (suffix == "_count" && value != infinite_) {
            refuse(line_, "a count that is not the last bucket's");
        }
    }

    void take_bucket(double value, bool last) {
        if (value < bucket_) {
            refuse(line_, "a bucket below the one before");
        }
        infinite_ = last ? value : infinite_;
        bucket_ = last ? 0 : value;
    }

    Scrape scrape_;
    std::string line_;
    std::string family_;
    std::string type_;
    double bucket_ = 0;
    double infinite_ = 0;
};

inline Scrape read_exposition(const std::string& text) {
    return ExpositionReader().read(text);
}

} // namespace authex::test
