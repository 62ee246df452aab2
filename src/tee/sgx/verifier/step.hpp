#pragma once
// What a verifier looked at, in order.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/diagnostic.hpp"

namespace authex::tee::sgx {

/// One thing that was looked at. `problem` is empty where it is as it should be.
struct Step {
    std::string name;  ///< stable, kebab-case, e.g. "pck-chain"
    std::string found; ///< for people
    std::optional<Diagnostic> problem;
};

class Steps {
  public:
    void passed(std::string name, std::string found) {
        all_.push_back({.name = std::move(name), .found = std::move(found), .problem = {}});
    }
    void failed(std::string name, Diagnostic problem) {
        all_.push_back(
            {.name = std::move(name), .found = problem.summary, .problem = std::move(problem)});
    }
    /// @return whether it passed
    template <typename T>
    bool note(std::string name, const Expected<T>& result, std::string found) {
        if (result) {
            passed(std::move(name), std::move(found));
        } else {
            failed(std::move(name), result.error());
        }
        return result.has_value();
    }
    void append(const Steps& others) {
        all_.insert(all_.end(), others.all_.begin(), others.all_.end());
    }
    [[nodiscard]] const std::vector<Step>& all() const { return all_; }
    /// The last one, where it failed.
    [[nodiscard]] const Step* failure() const {
        return all_.empty() || !all_.back().problem ? nullptr : &all_.back();
    }

  private:
    std::vector<Step> all_;
};

} // namespace authex::tee::sgx
