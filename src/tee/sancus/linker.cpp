#include "tee/sancus/linker.hpp"

#include <atomic>
#include <unistd.h>

#include <fmt/format.h>

#include "tee/compile/compiler.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;

constexpr const char* program = "ld.lld-14";

} // namespace

Expected<LinkedElf> Linker::link(const Job& job) {
    std::vector<std::string> command{program, "-m", "msp430elf"};
    std::string identity = program;
    for (const std::string& option : job.options) {
        command.push_back(option);
        identity += "\n" + option;
    }
    if (!job.script.empty()) {
        const Expected<std::string> script = compile::read_file(job.script);
        if (!script) {
            return tl::make_unexpected(script.error());
        }
        command.insert(command.end(), {"-T", job.script.string()});
        identity += "\n" + compile::sha256_hex(*script);
    }
    for (const fs::path& object : job.objects) {
        command.push_back(object.string());
        identity += "\n" + object.filename().string();
    }
    const fs::path kept = folder_ / (compile::sha256_hex(identity) + ".elf");
    if (Expected<LinkedElf> elf = read_linked_elf(kept)) {
        return elf;
    }
    static std::atomic<unsigned> serial{0};
    const fs::path output = folder_ / fmt::format("linked.{}.{}", ::getpid(), serial++);
    command.insert(command.end(), {"-o", output.string()});
    const Expected<compile::CommandResult> result = compile::run_command(command, folder_);
    if (!result) {
        return tl::make_unexpected(result.error());
    }
    std::error_code error;
    if (result->status != 0) {
        Diagnostic diagnostic = make_error("link-failed", "the objects do not link");
        diagnostic.detail = result->output;
        fs::remove(output, error);
        return tl::make_unexpected(std::move(diagnostic));
    }
    fs::rename(output, kept, error);
    if (error) {
        return failure("file-unwritable",
                       fmt::format("cannot write {}: {}", kept.string(), error.message()));
    }
    return read_linked_elf(kept);
}

} // namespace authex::tee::sancus
