#pragma once
// An enclave that does what its calls say, over the simulated processor.

#include <algorithm>

#include <gtest/gtest.h>

#include "support/owner.hpp"
#include "tee/compile/compiler.hpp"
#include "tee/sgx/sgx_modules.hpp"
#include "tee/sgx/verifier.hpp"
#include "wire/handshake.hpp"

namespace authex::tee::sgx {

using test::frame;
using wire::Kind;

inline constexpr const char* source =
    "#include <authex/module.hpp>\n"
    "AUTHEX_ENTRY(echo, call) { call.result.bytes(call.data); }\n"
    "AUTHEX_ENTRY(crash, call) { *reinterpret_cast<volatile int*>(8) = 1; call.result.u8(1); }\n"
    "AUTHEX_ENTRY(trap, call) { call.result.u8(1); __builtin_trap(); }\n"
    "AUTHEX_ENTRY(ask_processor, call) {\n"
    "    unsigned a = 0, c = 0; asm volatile(\"cpuid\" : \"+a\"(a), \"+c\"(c) : : \"ebx\", "
    "\"edx\");\n"
    "    call.result.u32(a);\n"
    "}\n"
    "AUTHEX_ENTRY(door, call) {\n" // of its own thread
    "    const std::uint64_t tcs = call.reader().u64(); std::uint32_t byte = 0;\n"
    "    asm volatile(\"movl (%1), %0\" : \"=r\"(byte) : \"r\"(tcs)); call.result.u32(byte);\n"
    "}\n"
    "AUTHEX_ENTRY(write_code, call) {\n"
    "    *reinterpret_cast<volatile char*>(0x10001000) = 1; call.result.u8(1);\n"
    "}\n"
    "AUTHEX_ENTRY(deep, call) {\n"
    "    std::uint8_t large[1 << 17]; large[0] = 1;\n"
    "    asm volatile(\"\" : : \"r\"(large) : \"memory\"); call.result.u8(large[9]);\n"
    "}\n"
    "AUTHEX_ENTRY(segments, call) {\n"
    "    std::uint64_t fs = 0, gs = 0;\n"
    "    asm volatile(\"rdfsbase %0; rdgsbase %1\" : \"=r\"(fs), \"=r\"(gs));\n"
    "    call.result.u64(fs); call.result.u64(gs);\n"
    "}\n"
    "alignas(512) std::uint8_t request[1024];\n"
    "AUTHEX_ENTRY(key, call) {\n" // EGETKEY, of the request in the call
    "    const authex::ByteView wanted = call.data;\n"
    "    for (std::size_t i = 0; i < 512; ++i) request[i] = i < wanted.size() ? wanted[i] : 0;\n"
    "    alignas(16) std::uint8_t out[16] = {}; std::uint32_t error = 1; bool failed = false;\n"
    "    asm volatile(\"enclu\" : \"+a\"(error), \"=@ccz\"(failed)\n"
    "                 : \"b\"(request + (wanted.size() > 512 ? 8 : 0)), \"c\"(out) : \"memory\");\n"
    "    call.result.u32(error); call.result.u8(failed); call.result.bytes(out);\n"
    "}\n"
    "AUTHEX_ENTRY(key_to, call) {\n" // EGETKEY and EREPORT into where the call says
    "    const std::uint64_t out = call.reader().u64(); std::uint32_t error = 1;\n"
    "    asm volatile(\"enclu\" : \"+a\"(error) : \"b\"(request), \"c\"(out) : \"memory\", "
    "\"cc\");\n"
    "    call.result.u32(error);\n"
    "}\n"
    "AUTHEX_ENTRY(report_to, call) {\n"
    "    const std::uint64_t out = call.reader().u64();\n"
    "    asm volatile(\"enclu\" : : \"a\"(0), \"b\"(request), \"c\"(request), \"d\"(out) : "
    "\"memory\", \"cc\");\n"
    "    call.result.u8(1);\n"
    "}\n"
    "AUTHEX_ENTRY(vouch, call) {\n" // in as many bytes as the call's first two say, for the others
    "    std::uint8_t report[432]; authex::Reader reader = call.reader();\n"
    "    const std::size_t room = reader.u16(); const authex::ByteView data = reader.rest();\n"
    "    const std::size_t size = authex_report(data.data(), data.size(), report, room);\n"
    "    call.result.bytes(authex::ByteView(report).first(size));\n"
    "}\n"
    "AUTHEX_RECORD(certify, AUTHEX_KIND_EVIDENCE, [](authex_message* message) {\n"
    "    message->result[0] = 42; message->result_size = 1;\n"
    "});\n";
enum Entry : std::uint16_t {
    echo,
    crash,
    trap,
    ask_processor,
    door,
    write_code,
    deep,
    segments,
    key,
    key_to,
    report_to,
    vouch,
    certify
};

inline const Image& image() {
    static const Image built = test::build_enclave(source);
    return built;
}

class EnclaveTest : public testing::Test {
  protected:
    static ModuleSpec spec_of(const Image& built, const std::string& name) {
        ModuleSpec spec{.name = name, .deployment = 1};
        const std::vector<std::uint8_t> hash =
            compile::sha256(test::require(compile::read_file(built.path)));
        std::copy(hash.begin(), hash.end(), spec.image_sha256.begin());
        return spec;
    }
    static ModuleSpec spec(const std::string& name = "enclave") { return spec_of(image(), name); }
    std::unique_ptr<ModuleLink> start(const std::string& name = "enclave") {
        return test::require(
            loader_->start(spec(name), test::module_folder(folder_, name, image().path)));
    }
    std::string start_content(const std::string& content) {
        folder_.write("odd/image", content);
        ModuleSpec odd = spec("odd");
        const std::vector<std::uint8_t> hash = compile::sha256(content);
        std::copy(hash.begin(), hash.end(), odd.image_sha256.begin());
        const auto started = loader_->start(odd, folder_.path() / "odd");
        return started ? "" : started.error().code;
    }
    static std::vector<std::uint8_t> call(ModuleLink& link, Entry entry, ByteView data) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 7, data)));
        const std::vector<std::uint8_t> answer = test::receive(link);
        wire::FrameView view;
        if (wire::parse_frame(answer, view) != Error::none) {
            return {};
        }
        return {view.body.begin(), view.body.end()};
    }
    static void expect_exception(ModuleLink& link, Entry entry, ByteView data = {}) {
        EXPECT_TRUE(test::send(link, frame(Kind::call, entry, 7, data)));
        const auto exit = test::wait_exit(link);
        ASSERT_TRUE(exit);
        EXPECT_EQ(to_text(*exit), "exit status 72: an exception inside the enclave");
    }
    /// What the module answers to a handshake behind the Noise message.
    static std::vector<std::uint8_t> report_of(ModuleLink& link) {
        std::vector<std::uint8_t> report;
        test::Owner owner(1, [&](ByteView order) {
            EXPECT_TRUE(test::send(link, order));
            std::vector<std::uint8_t> answer = test::receive(link);
            wire::FrameView view;
            if (report.empty() && wire::parse_frame(answer, view) == Error::none) {
                Reader body(view.body);
                (void)body.take(body.u16());
                const ByteView rest = body.rest();
                report.assign(rest.begin(), rest.end());
            }
            return answer;
        });
        // The image is not this owner's, so the second message does not verify; the report is
        // there.
        EXPECT_THROW(owner.attest(), std::runtime_error);
        return report;
    }
    Expectation expectation(ByteView report) {
        return {.identity = image().identity,
                .report_data = {report.begin(), report.begin() + wire::report_data_bytes},
                .evidence_key = loader_->info().evidence_key,
                .simulation_allowed = true};
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<SgxLoader> loader_ = test::open_sgx_loader(folder_);
};

} // namespace authex::tee::sgx
