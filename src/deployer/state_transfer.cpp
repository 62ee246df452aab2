#include "deployer/state_transfer.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace authex::deployer {
namespace {

using tee::StateLayout;
using tee::StateVariable;

constexpr std::size_t name_max_bytes = 255;
/// Of a piece without a name on the wire.
constexpr std::size_t piece_bytes = 2 + 2 + 4 + 1;

std::vector<const StateVariable*> named(const StateLayout& layout, const std::string& name) {
    std::vector<const StateVariable*> found;
    for (const StateVariable& variable : layout.variables) {
        if (variable.name == name) {
            found.push_back(&variable);
        }
    }
    return found;
}

tl::unexpected<Diagnostic> refused(const std::string& module, const std::string& why) {
    return failure("state-layout",
                   fmt::format("module {} does not take over its own state: {}", module, why),
                   fmt::format("give it AUTHEX_MIGRATE with a new version, or begin anew without "
                               "what it knows: authex deploy --module {}",
                               module));
}

/// Where the variable goes by itself; nothing: the module has to take it.
/// @return why it cannot
std::string why_not_alone(const StateLayout& before,
                          const StateVariable& variable,
                          const StateLayout& next,
                          const StateVariable*& to) {
    const auto now = named(next, variable.name);
    to = now.size() == 1 ? now.front() : nullptr;
    if (named(before, variable.name).size() > 1 || now.size() > 1) {
        return fmt::format("more than one variable is called `{}`", variable.name);
    }
    if (before.version != next.version) {
        return fmt::format(
            "it has version {}, and the new source has {}", before.version, next.version);
    }
    if (to == nullptr) {
        return fmt::format("the new source has no variable `{}`", variable.name);
    }
    if (to->bytes != variable.bytes) {
        return fmt::format("`{}` has {} bytes, and {} in the new source",
                           variable.name,
                           variable.bytes,
                           to->bytes);
    }
    return "";
}

class Chunks {
  public:
    explicit Chunks(const TransferLimits& limits) : limits_(limits) {}

    void copy(const StateVariable& from, std::uint32_t to) {
        for (std::uint32_t done = 0; done < from.bytes;) {
            const std::uint32_t at = from.offset + done;
            const std::size_t begin = at - at % limits_.chunk_bytes;
            const auto bytes = static_cast<std::uint32_t>(
                std::min<std::size_t>(from.bytes - done, begin + limits_.chunk_bytes - at));
            add(static_cast<std::uint32_t>(begin), at, bytes, to + done, "");
            done += bytes;
        }
    }
    void migrate(const StateVariable& from) {
        chunks_.push_back({.offset = from.offset});
        add(from.offset, from.offset, from.bytes, wire::state_migrates, from.name);
    }
    [[nodiscard]] std::vector<StateChunk> take() { return std::move(chunks_); }

  private:
    void add(std::uint32_t chunk,
             std::uint32_t from,
             std::uint32_t bytes,
             std::uint32_t to,
             const std::string& name) {
        const std::size_t needed = piece_bytes + name.size();
        if (chunks_.empty() || chunks_.back().offset != chunk ||
            chunks_.back().pieces.size() + needed > limits_.pieces_bytes) {
            chunks_.push_back({.offset = chunk});
        }
        std::array<std::uint8_t, piece_bytes + name_max_bytes> piece{};
        Writer writer(piece);
        writer.u16(static_cast<std::uint16_t>(from - chunk))
            .u16(static_cast<std::uint16_t>(bytes))
            .u32(to)
            .u8(static_cast<std::uint8_t>(name.size()))
            .bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
        chunks_.back().pieces.insert(
            chunks_.back().pieces.end(), writer.written().begin(), writer.written().end());
    }

    const TransferLimits limits_;
    std::vector<StateChunk> chunks_;
};

} // namespace

Expected<std::vector<StateChunk>> plan_transfer(const std::string& module,
                                                const tee::StateLayout& before,
                                                const tee::StateLayout& next,
                                                const TransferLimits& limits) {
    Chunks chunks(limits);
    std::vector<const StateVariable*> migrating;
    for (const StateVariable& variable : before.variables) {
        const StateVariable* to = nullptr;
        const std::string why = why_not_alone(before, variable, next, to);
        if (why.empty()) {
            chunks.copy(variable, to->offset);
            continue;
        }
        if (!next.migrates) {
            return refused(module, why);
        }
        const std::size_t name_most = std::min(name_max_bytes, limits.pieces_bytes - piece_bytes);
        if (variable.bytes > limits.chunk_bytes || variable.name.size() > name_most) {
            return refused(
                module,
                fmt::format("`{}` is too large to be taken by AUTHEX_MIGRATE", variable.name));
        }
        migrating.push_back(&variable);
    }
    // After what goes over by itself, so that the module sees that already.
    for (const StateVariable* variable : migrating) {
        chunks.migrate(*variable);
    }
    return chunks.take();
}

} // namespace authex::deployer
