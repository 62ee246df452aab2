// New code for a module that runs, or another node.
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/run.hpp"
#include "deployer/private_file.hpp"
#include "descriptor/edit.hpp"

namespace authex::cli {

using deployer::Application;

namespace {

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

} // namespace

/// A move is tried with a descriptor beside the real one, which takes its place when it holds.
int Run::update() {
    if (arguments_.node.empty()) {
        return with_application();
    }
    std::vector<Diagnostic> warnings;
    const auto descriptor = Application::check(arguments_.file, warnings);
    if (!descriptor) {
        fail(descriptor.error());
        return exit_usage;
    }
    const descriptor::Module* module = descriptor->find_module(arguments_.subject);
    if (module == nullptr || module->node.name == arguments_.node) {
        return with_application();
    }
    const std::string text = text_of(arguments_.file);
    const auto edited = descriptor::with_node_of(text, *module, arguments_.node);
    if (!edited) {
        return fail(edited.error());
    }
    std::filesystem::path beside = arguments_.file;
    beside += ".moved";
    if (const auto made = deployer::create_file(beside, *edited, deployer::FileAccess::owner_only);
        !made) {
        return fail(made.error());
    }
    return update_by(beside, text);
}

int Run::update_by(const std::filesystem::path& descriptor, const std::string& before) {
    const int status = with_application(descriptor);
    std::error_code error;
    if (moved_) {
        if (text_of(arguments_.file) == before) {
            const auto real = std::filesystem::canonical(arguments_.file, error);
            const auto mode = std::filesystem::status(real, error).permissions();
            std::filesystem::permissions(descriptor, mode, error);
            std::filesystem::rename(descriptor, real, error);
        } else {
            error = std::make_error_code(std::errc::device_or_resource_busy);
        }
        if (error) {
            std::error_code leftover;
            std::filesystem::remove(descriptor, leftover);
            return fail(make_error(
                "file-unwritable",
                fmt::format("cannot write {}: {}", arguments_.file.string(), error.message()),
                fmt::format("write `node: {}` for module {} there yourself, or "
                            "the next authex up moves it back",
                            arguments_.node,
                            arguments_.subject)));
        }
    } else {
        std::filesystem::remove(descriptor, error);
    }
    return status;
}

int Run::update(Application& application) {
    const deployer::Selection selection{.modules = {arguments_.subject}, .hand_over_or_fail = true};
    if (arguments_.dry_run) {
        return show_plan(application.plan(selection));
    }
    const auto outcome = application.up(selection);
    moved_ = outcome.has_value() || outcome.error().front().code == "handover-unfinished";
    return done_plan(
        outcome,
        fmt::format("nothing to do: {} runs this code on this node already", arguments_.subject));
}

} // namespace authex::cli
