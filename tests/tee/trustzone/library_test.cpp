// TEEs that are reached through a library of the GP TEE Client API: modules on such a node, and any
// client program beside them.
#include <array>
#include <cerrno>
#include <cstring>
#include <sched.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tee/trustzone/client/library_client.hpp"
#include "tee/trustzone/machine_with_library.hpp"
#include "tee/trustzone/verifier.hpp"

namespace authex::tee::trustzone {
namespace {

using LibraryTest = test::MachineWithLibrary;
using test::frame;
using wire::Kind;

TEST_F(LibraryTest, TheDevicesKeyIsAskedThroughIt) {
    const auto loader = open();
    EXPECT_FALSE(loader->info().simulated);
    EXPECT_EQ(loader->info().evidence_key,
              std::vector<std::uint8_t>(device_.modulus.begin(), device_.modulus.end()));
}

TEST_F(LibraryTest, AModuleAnswersAndIsFoundAgain) {
    auto loader = open();
    auto link = start(*loader, image_);
    const auto call = [&](const std::vector<std::uint8_t>& data) {
        EXPECT_TRUE(test::send(*link, frame(Kind::call, 0, 7, data)));
        const auto answer = test::receive(*link);
        return answer.size() >= data.size() &&
               std::equal(data.rbegin(), data.rend(), answer.rbegin());
    };
    for (std::uint32_t i = 0; i < 500; ++i) {
        ASSERT_TRUE(call(std::vector<std::uint8_t>(i, static_cast<std::uint8_t>(i)))) << i;
    }
    link.reset();
    loader = open();
    link = test::require(loader->adopt(spec(image_), folder_.path() / "m"));
    EXPECT_TRUE(call({1, 2, 3}));
    end(*link);
}

TEST_F(LibraryTest, ItsEvidenceIsThatOfTheDevice) {
    const auto loader = open();
    const auto link = start(*loader, image_);
    const auto report = test::report_of(*link);
    const auto evidence = test::require(loader->evidence(spec(image_), report));
    const auto claims = TrustZoneVerifier().verify(evidence, expectation(image_, report));
    ASSERT_TRUE(claims) << to_text(claims.error());
    EXPECT_EQ(claims->identity, image_.identity);
    end(*link);
}

TEST_F(LibraryTest, ATaThatTheTeeDoesNotTakeIsRefusedWithItsCause) {
    LoaderOptions elsewhere = options();
    elsewhere.ta_folder = folder_.path() / "forgotten";
    std::filesystem::create_directories(elsewhere.ta_folder);
    const auto loader = test::require(TrustZoneLoader::open(elsewhere));
    const auto refused =
        loader->start(spec(image_), test::module_folder(folder_, "m", image_.path));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "tee-missing") << to_text(refused.error());
    EXPECT_THAT(refused.error().fix, testing::HasSubstr("--ta-folder"));
}

TEST_F(LibraryTest, AFaultEndsTheModule) {
    const auto loader = open();
    const auto link =
        start(*loader, build("AUTHEX_ENTRY(crash, call) { __builtin_trap(); (void)call; }\n"));
    EXPECT_TRUE(test::send(*link, frame(Kind::call, 1, 7)));
    EXPECT_TRUE(test::wait_exit(*link));
}

/// The simulated TEE is in the process, and its TA a part of it: it can do there what the process
/// can.
constexpr const char* probing = R"cpp(
AUTHEX_ENTRY(probe, call) {
    const auto word = [&](unsigned at) {
        std::uint64_t value = 0;
        for (unsigned i = 8; i-- > 0;) { value = value << 8U | call.data[8 * at + i]; }
        return value;
    };
    register std::uint64_t fourth asm("r10") = word(4);
    register std::uint64_t fifth asm("r8") = 0;
    register std::uint64_t sixth asm("r9") = 0;
    std::uint64_t result = word(0);
    asm volatile("syscall" : "+a"(result) : "D"(word(1)), "S"(word(2)), "d"(word(3)), "r"(fourth), "r"(fifth), "r"(sixth)
        : "rcx", "r11", "memory");
    call.result.u32(static_cast<std::uint32_t>(result));
}
)cpp";

TEST_F(LibraryTest, ItsProcessOpensAndBeginsNothingOnceTheSessionStands) {
    const auto loader = open();
    const auto link = start(*loader, build(probing));
    const auto call = [&](std::array<std::uint64_t, 5> words) {
        std::vector<std::uint8_t> data(sizeof words);
        std::memcpy(data.data(), words.data(), data.size());
        EXPECT_TRUE(test::send(*link, frame(Kind::call, 1, 7, data)));
        const auto answer = test::receive(*link);
        std::int32_t result = 0;
        EXPECT_GE(answer.size(), sizeof result) << "the process has ended";
        if (answer.size() >= sizeof result) {
            std::memcpy(&result, answer.data() + answer.size() - sizeof result, sizeof result);
        }
        return result;
    };
    constexpr std::uint64_t x32 = 0x40000000; // the same processor's other numbers
    for (const std::uint64_t number : {std::uint64_t{SYS_open},
                                       std::uint64_t{SYS_openat},
                                       std::uint64_t{SYS_openat2},
                                       std::uint64_t{SYS_creat},
                                       std::uint64_t{SYS_memfd_create},
                                       std::uint64_t{SYS_socket},
                                       std::uint64_t{SYS_connect},
                                       std::uint64_t{SYS_execve},
                                       std::uint64_t{SYS_execveat},
                                       std::uint64_t{SYS_fork},
                                       std::uint64_t{SYS_vfork},
                                       std::uint64_t{SYS_clone},
                                       std::uint64_t{SYS_ptrace},
                                       std::uint64_t{SYS_process_vm_readv},
                                       std::uint64_t{SYS_kill},
                                       std::uint64_t{SYS_unlink},
                                       std::uint64_t{SYS_rename},
                                       std::uint64_t{SYS_mkdir},
                                       std::uint64_t{SYS_mount},
                                       std::uint64_t{SYS_bpf},
                                       std::uint64_t{SYS_io_uring_setup},
                                       std::uint64_t{SYS_userfaultfd},
                                       std::uint64_t{SYS_prlimit64},
                                       std::uint64_t{SYS_prctl},
                                       std::uint64_t{SYS_pidfd_open},
                                       std::uint64_t{SYS_shmat},
                                       x32 + SYS_open,
                                       x32 + SYS_getpid}) {
        EXPECT_EQ(call({number, 0, 0, 0, 0}), -EPERM) << number;
    }
    EXPECT_EQ(call({SYS_clone3, 0, 0, 0, 0}), -ENOSYS) << "the C library takes clone then";
    constexpr std::uint64_t code = PROT_READ | PROT_EXEC;
    EXPECT_EQ(call({SYS_mmap, 0, 4096, code, MAP_PRIVATE | MAP_ANONYMOUS}), -EPERM);
    EXPECT_EQ(call({SYS_mprotect, 0, 4096, code, 0}), -EPERM);
    EXPECT_EQ(call({SYS_mprotect, 0, 0, PROT_READ, 0}), 0);
    EXPECT_EQ(call({SYS_sched_yield, 0, 0, 0, 0}), 0);
    EXPECT_EQ(call({SYS_clone, CLONE_THREAD, 0, 0, 0}), -EINVAL)
        << "threads are the kernel's to judge";
    end(*link);
}

TEST_F(LibraryTest, WithoutALibraryOrATeeBehindItNothingBegins) {
    const auto code = [](const LoaderOptions& options) {
        const auto loader = TrustZoneLoader::open(options);
        return loader ? std::string() : loader.error().code;
    };
    EXPECT_EQ(code(options()), "");
    LoaderOptions wrong = options();
    wrong.client = ClientWay::device;
    EXPECT_EQ(code(wrong), "tee-missing") << "a device was asked for";
    wrong = options();
    wrong.library = folder_.path() / "none.so";
    EXPECT_EQ(code(wrong), "tee-missing");
    wrong.library = "libm.so.6"; // has no function of the standard's
    EXPECT_EQ(code(wrong), "tee-missing");
    wrong = options();
    wrong.host_program = "/bin/true";
    EXPECT_EQ(code(wrong), "host-missing");
    std::filesystem::remove(folder_.path() / "device-key");
    EXPECT_EQ(code(options()), "tee-missing") << "no TEE answers";
}

TEST_F(LibraryTest, SharedMemoryAndSessionsAreBounded) {
    LibraryClient client;
    std::uint32_t session = 0;
    Parameters parameters = {Parameter{.kind = Parameter::Kind::memory_input, .memory = 0}};
    EXPECT_EQ(client.share(1).id, -1) << "before anything is loaded";
    EXPECT_EQ(client.open({}, session), client_failed);
    client.load(library_.c_str());
    ASSERT_TRUE(client.is_there());
    EXPECT_EQ(client.invoke(1, 0, parameters), client_failed) << "no session";
    const Uuid attestation = {0x39,
                              0x80,
                              0x08,
                              0x61,
                              0x18,
                              0x2A,
                              0x47,
                              0x20,
                              0x9B,
                              0x67,
                              0x2B,
                              0xCD,
                              0x62,
                              0x2B,
                              0xC0,
                              0xB5};
    EXPECT_EQ(client.open({9}, session), TEEC_ERROR_ITEM_NOT_FOUND);
    ASSERT_EQ(client.open(attestation, session), TEEC_SUCCESS);
    EXPECT_EQ(client.open(attestation, session), client_failed) << "one at a time";
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed) << "no such memory";
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(client.share(100).id, i);
    }
    EXPECT_EQ(client.share(100).id, -1);
    parameters[0].bytes = 101;
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed) << "behind its end";
    parameters[0].bytes = 100;
    parameters[0].offset = 1;
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed);
    parameters[0].offset = 0;
    EXPECT_EQ(client.invoke(session, 0, parameters), TEEC_ERROR_BAD_PARAMETERS);
    client.close(session);
    EXPECT_EQ(client.invoke(session, 0, parameters), client_failed);
}

TEST_F(LibraryTest, AClientProgramInCRunsWithIt) {
    const auto result = run_client("client", {install(image_), "100"});
    EXPECT_EQ(result.status, 0) << result.output;
}

} // namespace
} // namespace authex::tee::trustzone
