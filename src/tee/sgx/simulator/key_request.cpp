#include "tee/sgx/simulator/key_request.hpp"

#include <algorithm>

namespace authex::tee::sgx {
namespace {

constexpr std::size_t reserved_at_6_bytes = 2;
constexpr std::size_t reserved_tail_bytes = 436;

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// No component later than the processor's own.
bool exceeds(ByteView wanted, ByteView own) {
    for (std::size_t i = 0; i < own.size(); ++i) {
        if (wanted[i] > own[i]) {
            return true;
        }
    }
    return false;
}

std::uint32_t
seal_key(const CpuKey& root, const ReportBody& self, const KeyRequest& request, DerivedKey& key) {
    if (exceeds(request.cpu_svn, self.cpu_svn)) {
        return key_error::invalid_cpu_svn;
    }
    if (request.isv_svn > self.isv_svn) {
        return key_error::invalid_isv_svn;
    }
    // An enclave in debug mode never has the keys of one that is not.
    const std::uint64_t mask = request.attribute_mask.flags | attribute::init | attribute::debug;
    const Measurement none{};
    std::array<std::uint8_t, 256> inputs{};
    Writer writer(inputs);
    writer.u16(key_name::seal)
        .u64(self.attributes.flags & mask)
        .u64(self.attributes.xfrm & request.attribute_mask.xfrm)
        .u64(mask)
        .u64(request.attribute_mask.xfrm)
        .bytes((request.policy & key_policy::mrenclave) != 0 ? self.mrenclave : none)
        .bytes((request.policy & key_policy::mrsigner) != 0 ? self.mrsigner : none)
        .u16(self.isv_prod_id)
        .u16(request.isv_svn)
        .bytes(request.cpu_svn)
        .bytes(request.key_id)
        .u32(self.misc_select & request.misc_mask)
        .u32(request.misc_mask);
    key = cmac(root, ByteView(inputs).first(writer.size()));
    return key_error::none;
}

} // namespace

bool parse_key_request(ByteView bytes, KeyRequest& into) {
    Reader reader(bytes);
    into.name = reader.u16();
    into.policy = reader.u16();
    into.isv_svn = reader.u16();
    const bool first_is_zero = all_zero(reader.take(reserved_at_6_bytes));
    copy(reader.take(into.cpu_svn.size()), into.cpu_svn);
    into.attribute_mask.flags = reader.u64();
    into.attribute_mask.xfrm = reader.u64();
    copy(reader.take(into.key_id.size()), into.key_id);
    into.misc_mask = reader.u32();
    return first_is_zero && all_zero(reader.take(reserved_tail_bytes)) && reader.done() &&
           (into.policy & ~(key_policy::mrenclave | key_policy::mrsigner)) == 0;
}

std::uint32_t
derive_key(const CpuKey& root, const ReportBody& self, const KeyRequest& request, DerivedKey& key) {
    switch (request.name) {
    case key_name::report:
        key = report_key(root,
                         {.mrenclave = self.mrenclave,
                          .attributes = self.attributes,
                          .misc_select = self.misc_select},
                         request.key_id);
        return key_error::none;
    case key_name::seal:
        return seal_key(root, self, request, key);
    case key_name::einit_token:
    case key_name::provision:
    case key_name::provision_seal:
        // Their attributes are not given to any enclave here (host/enclave.cpp).
        return key_error::invalid_attribute;
    default:
        return key_error::invalid_key_name;
    }
}

} // namespace authex::tee::sgx
