#include "tee/sgx/host/enclave.hpp"

#include <cstring>
#include <unistd.h>

#include <sys/mman.h>

#include "tee/process/exit.hpp"
#include "tee/sgx/host/hardware.hpp"
#include "tee/sgx/host/vdso.hpp"
#include "tee/sgx/image/enclave.hpp"
#include "tee/sgx/image/image_file.hpp"
#include "tee/sgx/simulator/processor.hpp"

using EnterFunction = decltype(authex::tee::sgx::authex_simulated_enter);
extern "C" void authex_call_enclave(EnterFunction* enter,
                                    authex::runtime::Invocation* invocation,
                                    authex::tee::sgx::EnclaveRun* run);

namespace authex::tee::sgx {
namespace {

constexpr Refusal malformed(const char* reason) {
    return {.code = "image-malformed", .reason = reason};
}

void* pointer(std::uint64_t address) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
}

/// @return why not; null: both are filled in
const char* read_image(ByteView file, ImageFile& image, EnclavePlan& plan) {
    if (!parse_image_file(file, image)) {
        return "not an image of an enclave";
    }
    plan_enclave(image.program, image.stack_bytes, plan);
    return plan.refusal;
}

/// What EINIT checks. (Intel SDM vol. 3D, EINIT)
const char* refuse_signature(const EnclavePlan& plan, ByteView sigstruct, Sigstruct& fields) {
    if (!parse_sigstruct(sigstruct, fields) || !signature_holds(sigstruct)) {
        return "the vendor's signature does not hold";
    }
    if (fields.enclave_hash != measure(plan)) {
        return "the vendor signed another enclave";
    }
    if (fields.attributes.xfrm != enclave_xfrm || fields.misc_select != 0 ||
        (fields.attributes.flags & ~attribute::debug) != attribute::mode64) {
        return "asks for attributes that no module needs";
    }
    return nullptr;
}

int rights_of(const Region& region) {
    return ((region.flags & secinfo::read) != 0 ? PROT_READ : 0) |
           ((region.flags & secinfo::write) != 0 ? PROT_WRITE : 0) |
           ((region.flags & secinfo::execute) != 0 ? PROT_EXEC : 0);
}

bool place(const EnclavePlan& plan) {
    void* const base = pointer(enclave_base);
    if (::mmap(base,
               plan.size,
               PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
               -1,
               0) != base) {
        return false;
    }
    for (const Region& region : plan.all()) {
        std::uint8_t* const begin = static_cast<std::uint8_t*>(base) + region.offset;
        if (::mprotect(begin, region.bytes, PROT_READ | PROT_WRITE) != 0) {
            return false;
        }
        copy(region.content, {begin + region.skipped, region.content.size()});
        // Nobody reads a TCS, not even its enclave.
        if (::mprotect(begin, region.bytes, rights_of(region)) != 0) {
            return false;
        }
    }
    return true;
}

EnclaveState state_of(const EnclavePlan& plan, const Sigstruct& fields) {
    EnclaveState state{.base = enclave_base,
                       .size = plan.size,
                       .tcs = enclave_base + plan.tcs_offset,
                       .entry = enclave_base + plan.entry_offset,
                       .state_area = enclave_base + plan.tcs_offset + page_bytes,
                       .identity = {}};
    state.identity.attributes = fields.attributes;
    state.identity.attributes.flags |= attribute::init;
    state.identity.misc_select = fields.misc_select;
    state.identity.mrenclave = fields.enclave_hash;
    state.identity.mrsigner = signer_of(fields);
    state.identity.isv_prod_id = fields.isv_prod_id;
    state.identity.isv_svn = fields.isv_svn;
    return state;
}

/// Of this process's enclave.
struct Way {
    EnterFunction* enter = nullptr;
    std::uint64_t tcs = 0;
};
Way way;

void enter_enclave(const process::Door& door, runtime::Invocation& invocation) {
    EnclaveRun run{.tcs = door.entry};
    authex_call_enclave(way.enter, &invocation, &run);
    if (run.function != leaf::exit) {
        ::_exit(process::exit_enclave_exception);
    }
}

} // namespace

Refusal make_simulated(ByteView file, const CpuKey& key, bool hidden) {
    ImageFile image;
    EnclavePlan plan;
    if (const char* refusal = read_image(file, image, plan)) {
        return malformed(refusal);
    }
    Sigstruct fields;
    if (const char* refusal = refuse_signature(plan, image.sigstruct, fields)) {
        return malformed(refusal);
    }
    if (!place(plan)) {
        return {.code = "host-failed", .reason = "the enclave's place in memory is taken"};
    }
    std::array<PageRange, page_ranges_max> pages{};
    std::size_t count = 0;
    for (const Region& region : plan.all()) {
        pages[count++] = {.begin = enclave_base + region.offset,
                          .bytes = region.bytes,
                          .rights = rights_of(region)};
    }
    if (!simulate(state_of(plan, fields),
                  key,
                  std::span(pages).first(count),
                  hidden ? Curtain::drawn : Curtain::open)) {
        return {.code = "host-failed", .reason = "signals cannot be caught"};
    }
    way = {.enter = authex_simulated_enter, .tcs = simulated_enclave().tcs};
    return {};
}

Refusal make_on_hardware(ByteView file, int device) {
    ImageFile image;
    EnclavePlan plan;
    if (const char* refusal = read_image(file, image, plan)) {
        return malformed(refusal);
    }
    const ByteView vdso = own_vdso();
    const std::uint64_t enter = find_in_vdso(vdso, "__vdso_sgx_enter_enclave");
    if (enter == 0) {
        return {.code = "sgx-missing",
                .reason = "the kernel lends no way into enclaves: Linux 5.11 has it"};
    }
    KernelDriver driver(device);
    const Refusal refusal = build_enclave(driver, plan, image.sigstruct);
    way = {.enter = reinterpret_cast<EnterFunction*>(
               reinterpret_cast<std::uintptr_t>(vdso.data() + enter)),
           .tcs = enclave_base + plan.tcs_offset};
    return refusal;
}

process::Door door_of_enclave() {
    return {.entry = way.tcs, .enter = enter_enclave};
}

} // namespace authex::tee::sgx
