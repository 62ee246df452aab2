#include "tee/sgx/verifier/pck_extension.hpp"

#include <algorithm>
#include <optional>

#include "tee/sgx/verifier/der.hpp"

namespace authex::tee::sgx {
namespace {

/// 1.2.840.113741.1.13.1, in front of every member's own OID.
constexpr std::array<std::uint8_t, 9> prefix = {
    0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01};
constexpr std::uint8_t member_tcb = 2;
constexpr std::uint8_t member_pce_id = 3;
constexpr std::uint8_t member_fmspc = 4;
constexpr std::uint8_t tcb_pce_svn = 17;
constexpr std::uint8_t tcb_cpu_svn = 18;

tl::unexpected<Diagnostic> bad(const std::string& what) {
    Diagnostic diagnostic = make_error("pck-extension",
                                       "the PCK certificate's SGX extension " + what,
                                       "get the platform's PCK certificate again");
    diagnostic.detail = "expected: FMSPC, PCE id and 18 TCB members, each once";
    return tl::make_unexpected(std::move(diagnostic));
}

/// The numbers behind the prefix: one for a member of the extension, two for one of its TCB.
std::optional<ByteView> suffix_of(ByteView oid) {
    if (oid.size() <= prefix.size() || !std::equal(prefix.begin(), prefix.end(), oid.begin())) {
        return std::nullopt;
    }
    return oid.subspan(prefix.size());
}

struct Member {
    ByteView suffix;
    DerReader value;
};

std::optional<Member> next_member(DerReader& reader) {
    const auto content = reader.take(der::sequence);
    if (!content) {
        return std::nullopt;
    }
    DerReader inner(*content);
    const auto oid = inner.take(der::object_identifier);
    const auto suffix = oid ? suffix_of(*oid) : std::nullopt;
    return suffix ? std::optional(Member{*suffix, inner}) : std::nullopt;
}

bool take_octets(DerReader& value, Bytes into) {
    const auto octets = value.take(der::octet_string);
    if (!octets || octets->size() != into.size() || !value.done()) {
        return false;
    }
    copy(*octets, into);
    return true;
}

bool take_number(TcbSvns& tcb, std::uint8_t which, DerReader& value) {
    if (which == tcb_cpu_svn) {
        std::array<std::uint8_t, 16> cpu_svn{}; // the same again, as the processor writes it
        return take_octets(value, cpu_svn);
    }
    const auto number = value.unsigned_integer();
    const std::uint32_t limit = which == tcb_pce_svn ? 0xFFFF : 0xFF;
    if (!number || *number > limit || !value.done()) {
        return false;
    }
    if (which == tcb_pce_svn) {
        tcb.pce = static_cast<std::uint16_t>(*number);
    } else {
        tcb.components.at(which - 1U) = static_cast<std::uint8_t>(*number);
    }
    return true;
}

bool take_tcb(DerReader& value, TcbSvns& tcb) {
    const auto content = value.take(der::sequence);
    if (!content || !value.done()) {
        return false;
    }
    DerReader members(*content);
    std::array<bool, tcb_cpu_svn + 1> seen{};
    while (!members.done()) {
        auto member = next_member(members);
        if (!member || member->suffix.size() != 2 || member->suffix[0] != member_tcb) {
            return false;
        }
        const std::uint8_t which = member->suffix[1];
        if (which == 0 || which > tcb_cpu_svn || seen.at(which) ||
            !take_number(tcb, which, member->value)) {
            return false;
        }
        seen.at(which) = true;
    }
    return std::all_of(seen.begin() + 1, seen.end(), [](bool each) { return each; });
}

} // namespace

bool TcbSvns::covers(const TcbSvns& other) const {
    return pce >= other.pce &&
           std::equal(components.begin(),
                      components.end(),
                      other.components.begin(),
                      [](std::uint8_t own, std::uint8_t least) { return own >= least; });
}

Expected<PckExtension> parse_pck_extension(ByteView content) {
    DerReader outer(content);
    const auto list = outer.take(der::sequence);
    if (!list || !outer.done()) {
        return bad("is not a DER sequence");
    }
    PckExtension extension;
    std::array<bool, member_fmspc + 1> seen{};
    DerReader members(*list);
    while (!members.done()) {
        auto member = next_member(members);
        if (!member || member->suffix.size() != 1) {
            return bad("has a member that is none");
        }
        const std::uint8_t which = member->suffix[0];
        if (which < member_tcb || which > member_fmspc) {
            continue;
        }
        const bool taken = !seen.at(which) &&
                           (which == member_tcb      ? take_tcb(member->value, extension.tcb)
                            : which == member_pce_id ? take_octets(member->value, extension.pce_id)
                                                     : take_octets(member->value, extension.fmspc));
        if (!taken) {
            return bad("has a member that is malformed or there twice");
        }
        seen.at(which) = true;
    }
    if (!seen[member_tcb] || !seen[member_pce_id] || !seen[member_fmspc]) {
        return bad("lacks a member");
    }
    return extension;
}

} // namespace authex::tee::sgx
