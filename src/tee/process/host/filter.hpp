#pragma once
// The words of a filter of system calls. (Linux, `Documentation/userspace-api/seccomp_filter.rst`)

#include <cstddef>
#include <cstdint>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

namespace authex::tee::process {

#if defined(__x86_64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_AARCH64;
#endif
constexpr std::uint32_t number_offset = offsetof(seccomp_data, nr);
constexpr std::uint32_t machine_offset = offsetof(seccomp_data, arch);
/// The low half of an argument, on a little-endian machine.
constexpr std::uint32_t argument_offset(std::uint32_t index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * index;
}

constexpr sock_filter load(std::uint32_t offset) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
}
/// Skips `otherwise` instructions where the loaded value is another.
constexpr sock_filter unless_equal(std::uint32_t value, std::uint8_t otherwise) {
    return {BPF_JMP | BPF_JEQ | BPF_K, 0, otherwise, value};
}
/// Skips `then` instructions where it is this.
constexpr sock_filter if_equal(std::uint32_t value, std::uint8_t then) {
    return {BPF_JMP | BPF_JEQ | BPF_K, then, 0, value};
}
constexpr sock_filter unless_at_most(std::uint32_t value, std::uint8_t otherwise) {
    return {BPF_JMP | BPF_JGT | BPF_K, otherwise, 0, value};
}
constexpr sock_filter verdict(std::uint32_t action) {
    return {BPF_RET | BPF_K, 0, 0, action};
}

constexpr sock_filter allow = verdict(SECCOMP_RET_ALLOW);
constexpr sock_filter kill = verdict(SECCOMP_RET_KILL_PROCESS);

} // namespace authex::tee::process
