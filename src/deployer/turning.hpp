#pragma once
// Connections that are set go on under other keys, and neither end waits: the one that opens has
// the key before the other seals under it.                  (docs/protocol.md "Turning keys")

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "deployer/state.hpp"
#include "deployer/survey.hpp"
#include "wire/control_owner.hpp"

namespace authex::deployer {

struct EngineContext;

class Turning {
  public:
    explicit Turning(const EngineContext& context) : context_(context) {}

    struct Result {
        std::set<std::uint16_t> turned;
        /// Those that are not; the next run goes on where an order was not answered.
        std::map<std::uint16_t, Diagnostic> problems;
    };
    /// One key is left behind: what was sealed under the one before the present must have arrived.
    Result run(const std::vector<std::uint16_t>& connections);
    /// What an earlier run has begun; where that cannot be, the next one tries again.
    void finish();

    /// Why the key of a connection stays as long as its epoch; empty: it does not.
    static std::string
    hindrance(const ConnectionRecord& record, const State& state, const Survey& survey);
    /// The end with a module that has no room for two keys of a connection; null: neither.
    static const EndRecord*
    end_with_one_key(const ConnectionRecord& record, const State& state, const Survey& survey);
    /// Why nothing can be done with a connection of which one end may have the newest key, and the
    /// other one not.
    static Diagnostic unfinished(const ConnectionRecord& record);

  private:
    enum class Told : std::uint8_t { to_open, to_seal };
    void tell(Told told, wire::Role role);
    [[nodiscard]] bool lives(const EndRecord& end) const;
    void look();
    [[nodiscard]] bool has_arrived(const ConnectionRecord& record);
    void tell_all();

    const EngineContext& context_;
    std::map<std::uint16_t, ConnectionRecord> turning_;
    std::map<std::string, std::vector<wire::AuditEntry>> audits_;
    Result result_;
};

} // namespace authex::deployer
