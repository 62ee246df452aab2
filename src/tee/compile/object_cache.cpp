#include "tee/compile/object_cache.hpp"

#include <sstream>
#include <unistd.h>

#include <fmt/format.h>

#include "tee/compile/compiler.hpp"

namespace authex::tee::compile {
namespace {

namespace fs = std::filesystem;

/// The prerequisites in a make rule as `clang -MD` writes it. Spaces in names are escaped with a
/// backslash.
std::vector<std::string> prerequisites(const std::string& rule) {
    std::vector<std::string> names;
    std::string name;
    for (std::size_t i = rule.find(": ") + 1; i < rule.size(); ++i) {
        const char character = rule[i];
        if (character == '\\' && i + 1 < rule.size() && rule[i + 1] == '\n') {
            ++i;
        } else if (character == '\\' && i + 1 < rule.size() && rule[i + 1] == ' ') {
            name += rule[++i];
        } else if (character == ' ' || character == '\n') {
            if (!name.empty()) {
                names.push_back(std::move(name));
                name.clear();
            }
        } else {
            name += character;
        }
    }
    return names;
}

} // namespace

Expected<std::string> ObjectCache::file_digest(const fs::path& path) {
    const std::string key = path.string();
    {
        const std::scoped_lock lock(mutex_);
        const auto known = digests_.find(key);
        if (known != digests_.end()) {
            return known->second;
        }
    }
    const Expected<std::string> content = read_file(path);
    if (!content) {
        return tl::make_unexpected(content.error());
    }
    std::string digest = sha256_hex(*content);
    const std::scoped_lock lock(mutex_);
    digests_.emplace(key, digest);
    return digest;
}

/// A manifest has the object's digest on its first line, then `<sha256> <path>` for each file that
/// was read.
bool ObjectCache::manifest_holds(const fs::path& manifest, Object& object) {
    const Expected<std::string> content = read_file(manifest);
    if (!content) {
        return false;
    }
    std::istringstream lines(*content);
    if (!std::getline(lines, object.digest) || object.digest.size() != 64) {
        return false;
    }
    for (std::string line; std::getline(lines, line);) {
        if (line.size() < 66) {
            return false;
        }
        const Expected<std::string> digest = file_digest(line.substr(65));
        if (!digest || line.compare(0, 64, *digest) != 0) {
            return false;
        }
    }
    object.path = folder_ / (object.digest + ".o");
    return fs::exists(object.path);
}

Expected<bool> ObjectCache::remember(const fs::path& manifest,
                                     const fs::path& dependencies,
                                     const fs::path& directory,
                                     const Object& object) {
    const Expected<std::string> rule = read_file(dependencies);
    if (!rule) {
        return tl::make_unexpected(rule.error());
    }
    std::string content = object.digest + "\n";
    for (const std::string& name : prerequisites(*rule)) {
        const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : directory / name;
        const Expected<std::string> digest = file_digest(path);
        if (!digest) {
            return tl::make_unexpected(digest.error());
        }
        content += fmt::format("{} {}\n", *digest, path.string());
    }
    return write_file(manifest, content);
}

Expected<ObjectCache::Object> ObjectCache::compile(const CompileJob& job,
                                                   const fs::path& directory) {
    const Expected<std::string> source = file_digest(job.source);
    if (!source) {
        return tl::make_unexpected(source.error());
    }
    std::string identity = *source + "\n" + job.source.string() + "\n" + directory.string() + "\n";
    for (const std::string& argument : job.arguments) {
        identity += argument + "\n";
    }
    std::error_code error;
    fs::create_directories(folder_, error);
    const std::string name = sha256_hex(identity);
    const std::shared_ptr<std::mutex> turn = turn_of(name);
    const std::lock_guard compiling(*turn);
    Object object;
    if (manifest_holds(folder_ / (name + ".manifest"), object)) {
        object.cached = true;
        return object;
    }
    return compile_anew(job, directory, name);
}

std::shared_ptr<std::mutex> ObjectCache::turn_of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<std::mutex>& turn = turns_[name];
    if (turn == nullptr) {
        turn = std::make_shared<std::mutex>();
    }
    return turn;
}

Expected<ObjectCache::Object> ObjectCache::compile_anew(const CompileJob& job,
                                                        const fs::path& directory,
                                                        const std::string& name) {
    std::error_code error;
    const fs::path stem = folder_ / fmt::format("{}.{}", name, ::getpid());
    const std::string object_file = stem.string() + ".tmp.o";
    const std::string dependency_file = stem.string() + ".tmp.d";
    std::vector<std::string> command = job.arguments;
    command.insert(command.end(),
                   {"-MD", "-MF", dependency_file, "-c", job.source.string(), "-o", object_file});
    const Expected<CommandResult> result = run_command(command, directory);
    if (!result) {
        return tl::make_unexpected(result.error());
    }
    if (result->status != 0) {
        Diagnostic diagnostic =
            make_error("compile-failed", fmt::format("{} does not compile", job.display));
        diagnostic.detail = result->output;
        diagnostic.where.file = job.display;
        fs::remove(object_file, error);
        fs::remove(dependency_file, error);
        return tl::make_unexpected(std::move(diagnostic));
    }
    const Expected<std::string> bytes = read_file(object_file);
    if (!bytes) {
        return tl::make_unexpected(bytes.error());
    }
    Object object;
    object.digest = sha256_hex(*bytes);
    object.path = folder_ / (object.digest + ".o");
    fs::rename(object_file, object.path, error);
    if (error) {
        return failure("file-unwritable",
                       fmt::format("cannot write {}: {}", object.path.string(), error.message()));
    }
    const Expected<bool> remembered =
        remember(folder_ / (name + ".manifest"), dependency_file, directory, object);
    fs::remove(dependency_file, error);
    if (!remembered) {
        return tl::make_unexpected(remembered.error());
    }
    return object;
}

} // namespace authex::tee::compile
