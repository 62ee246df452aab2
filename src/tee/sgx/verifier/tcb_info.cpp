#include "tee/sgx/verifier/tcb_info.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t levels_max = 64;
constexpr std::size_t advisories_max = 256;
constexpr auto tcb_info_name = "the TCB info";
constexpr auto qe_identity_name = "the QE identity";

tl::unexpected<Diagnostic> wrong_member(const char* what, const std::string& member) {
    return malformed_json(what, fmt::format("lacks \"{}\", or has a wrong one", member));
}

tl::unexpected<Diagnostic> other(const std::string& what, const std::string& expected) {
    Diagnostic diagnostic =
        make_error("collateral-other", what, "get the collateral of SGX and its Quoting Enclave");
    diagnostic.detail = "expected: " + expected;
    return tl::make_unexpected(std::move(diagnostic));
}

tl::unexpected<Diagnostic> disordered(const char* what) {
    return failure("collateral-order",
                   fmt::format("{} has a level after a lower one", what),
                   "get the collateral again");
}

/// What both kinds of level have beside their numbers.
template <typename Level>
Expected<bool> read_standing(JsonReader& reader, Level& level, const char* what) {
    const std::string_view word = reader.text("tcbStatus");
    const auto status = parse_tcb_status(word);
    if (reader.ok() && !status) {
        return malformed_json(what, fmt::format("has the unknown status \"{}\"", word));
    }
    level.status = status.value_or(TcbStatus::not_supported);
    for (const JsonValue& advisory : reader.optional_list("advisoryIDs")) {
        if (advisory.kind != JsonKind::string || level.advisories.size() == advisories_max) {
            return wrong_member(what, "advisoryIDs");
        }
        level.advisories.emplace_back(advisory.text);
    }
    return true;
}

/// Version 2 has a member for each component, version 3 a list.
void read_components(JsonReader& reader, std::uint64_t version, TcbSvns& svns) {
    if (version == 2) {
        std::string name = "sgxtcbcomp..svn";
        for (std::size_t i = 0; i < tcb_components; ++i) {
            name[10] = static_cast<char>('0' + (i + 1) / 10);
            name[11] = static_cast<char>('0' + (i + 1) % 10);
            svns.components.at(i) = static_cast<std::uint8_t>(reader.number(name.c_str(), 0xFF));
        }
        return;
    }
    std::size_t count = 0;
    bool right = true;
    for (const JsonValue& each : reader.list("sgxtcbcomponents")) {
        JsonReader component(each);
        const auto svn = static_cast<std::uint8_t>(component.number("svn", 0xFF));
        right = right && component.ok() && count < tcb_components;
        if (right) {
            svns.components.at(count++) = svn;
        }
    }
    if (!right || count != tcb_components) {
        reader.fail("sgxtcbcomponents");
    }
}

Expected<TcbLevel> read_level(const JsonValue& value, std::uint64_t version) {
    TcbLevel level;
    JsonReader reader(value);
    JsonReader tcb(reader.object("tcb"));
    read_components(tcb, version, level.at_least);
    level.at_least.pce = static_cast<std::uint16_t>(tcb.number("pcesvn", 0xFFFF));
    level.date = reader.time("tcbDate");
    const Expected<bool> standing = read_standing(reader, level, tcb_info_name);
    if (!standing) {
        return tl::make_unexpected(standing.error());
    }
    if (!reader.ok() || !tcb.ok()) {
        return wrong_member(tcb_info_name, reader.ok() ? tcb.wrong() : reader.wrong());
    }
    return level;
}

template <typename Parsed>
void read_dates(JsonReader& reader, Parsed& parsed) {
    parsed.period = {.from = reader.time("issueDate"), .until = reader.time("nextUpdate")};
    parsed.evaluation_number =
        static_cast<std::uint32_t>(reader.number("tcbEvaluationDataNumber", UINT32_MAX));
}

std::uint32_t u32_in_memory_order(const std::vector<std::uint8_t>& bytes) {
    return Reader(bytes).u32();
}

Attributes attributes_of(const std::vector<std::uint8_t>& bytes) {
    Reader reader(bytes);
    const std::uint64_t flags = reader.u64();
    return {.flags = flags, .xfrm = reader.u64()};
}

} // namespace

Expected<TcbInfo> parse_tcb_info(const JsonValue& value) {
    JsonReader reader(value);
    TcbInfo info;
    const std::uint64_t version = reader.number("version", UINT32_MAX);
    if (reader.ok() && version != 2 && version != 3) {
        return malformed_json(tcb_info_name, fmt::format("has version {}", version));
    }
    const std::string_view id = version == 3 ? reader.text("id") : "SGX";
    if (reader.ok() && id != "SGX") {
        return other(fmt::format("the TCB info is of \"{}\"", id), "\"SGX\"");
    }
    info.has_advisories = version == 3;
    read_dates(reader, info);
    copy(reader.hex("fmspc", info.fmspc.size()), info.fmspc);
    copy(reader.hex("pceId", info.pce_id.size()), info.pce_id);
    if (reader.number("tcbType", UINT32_MAX) != 0) {
        return malformed_json(tcb_info_name, "counts its components in an unknown way (tcbType)");
    }
    const JsonChildren levels = reader.list("tcbLevels");
    if (const std::size_t count = levels.count();
        !reader.ok() || count == 0 || count > levels_max) {
        return wrong_member(tcb_info_name, reader.ok() ? "tcbLevels" : reader.wrong());
    }
    for (const JsonValue& each : levels) {
        Expected<TcbLevel> level = read_level(each, version);
        if (!level) {
            return tl::make_unexpected(level.error());
        }
        for (const TcbLevel& earlier : info.levels) {
            if (level->at_least.covers(earlier.at_least)) {
                return disordered(tcb_info_name);
            }
        }
        info.levels.push_back(std::move(*level));
    }
    return info;
}

const TcbLevel* level_of(const TcbInfo& info, const TcbSvns& platform) {
    const auto found =
        std::find_if(info.levels.begin(), info.levels.end(), [&](const TcbLevel& level) {
            return platform.covers(level.at_least);
        });
    return found == info.levels.end() ? nullptr : &*found;
}

Expected<QeIdentity> parse_qe_identity(const JsonValue& value) {
    JsonReader reader(value);
    QeIdentity identity;
    const std::string_view id = reader.text("id");
    if (reader.ok() && id != "QE") {
        return other(fmt::format("the enclave identity is of \"{}\"", id), "\"QE\"");
    }
    const std::uint64_t version = reader.number("version", UINT32_MAX);
    if (reader.ok() && version != 2) {
        return malformed_json(qe_identity_name, fmt::format("has version {}", version));
    }
    read_dates(reader, identity);
    identity.misc_select = u32_in_memory_order(reader.hex("miscselect", 4));
    identity.misc_select_mask = u32_in_memory_order(reader.hex("miscselectMask", 4));
    identity.attributes = attributes_of(reader.hex("attributes", 16));
    identity.attributes_mask = attributes_of(reader.hex("attributesMask", 16));
    copy(reader.hex("mrsigner", measurement_bytes), identity.mrsigner);
    identity.isv_prod_id = static_cast<std::uint16_t>(reader.number("isvprodid", 0xFFFF));
    const JsonChildren levels = reader.list("tcbLevels");
    if (const std::size_t count = levels.count();
        !reader.ok() || count == 0 || count > levels_max) {
        return wrong_member(qe_identity_name, reader.ok() ? "tcbLevels" : reader.wrong());
    }
    for (const JsonValue& each : levels) {
        EnclaveLevel level;
        JsonReader entry(each);
        JsonReader tcb(entry.object("tcb"));
        level.at_least = static_cast<std::uint16_t>(tcb.number("isvsvn", 0xFFFF));
        (void)entry.time("tcbDate");
        const Expected<bool> standing = read_standing(entry, level, qe_identity_name);
        if (!standing) {
            return tl::make_unexpected(standing.error());
        }
        if (!entry.ok() || !tcb.ok()) {
            return wrong_member(qe_identity_name, entry.ok() ? tcb.wrong() : entry.wrong());
        }
        if (!identity.levels.empty() && identity.levels.back().at_least <= level.at_least) {
            return disordered(qe_identity_name);
        }
        identity.levels.push_back(std::move(level));
    }
    return identity;
}

const EnclaveLevel* level_of(const QeIdentity& identity, std::uint16_t isv_svn) {
    const auto found =
        std::find_if(identity.levels.begin(),
                     identity.levels.end(),
                     [&](const EnclaveLevel& level) { return isv_svn >= level.at_least; });
    return found == identity.levels.end() ? nullptr : &*found;
}

} // namespace authex::tee::sgx
