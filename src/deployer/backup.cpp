#include "deployer/backup.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "crypto/kdf.hpp"
#include "deployer/private_file.hpp"
#include "deployer/sealed_file.hpp"
#include "deployer/state.hpp"
#include "deployer/state_copy.hpp"
#include "deployer/state_marks.hpp"

namespace authex::deployer {
namespace {

namespace fs = std::filesystem;

constexpr int content_version = 1;
constexpr const char* state_file = "state.db";

/// A file as the backup has it: its place below the state directory, and whether others may read
/// it.
struct StoredFile {
    std::string name;
    bool everyone_reads = false;
    std::vector<std::uint8_t> content;

    StoredFile() = default;
    StoredFile(StoredFile&&) = default;
    StoredFile& operator=(StoredFile&&) = default;
    StoredFile(const StoredFile&) = delete;
    StoredFile& operator=(const StoredFile&) = delete;
    ~StoredFile() { wipe(content); }
};

/// What belongs to this machine alone: its lock, its database, its nodes.
bool stays_here(const fs::path& name) {
    const std::string first = name.begin()->string();
    return first == "lock" || first == "dev" || first == "moved" || first == "delegated" ||
           first.rfind(state_file, 0) == 0 || name.extension() == ".new";
}

/// A relative name that leads nowhere else.
bool is_safe(const std::string& name) {
    const fs::path path(name);
    return !name.empty() && path.is_relative() && path.lexically_normal().string() == name &&
           std::none_of(path.begin(), path.end(), [](const fs::path& part) {
               return part == ".." || part == "." || part.empty();
           });
}

Expected<std::vector<StoredFile>> collect(const fs::path& directory) {
    std::vector<StoredFile> files;
    std::error_code error;
    for (fs::recursive_directory_iterator each(directory, error), end; !error && each != end;
         each.increment(error)) {
        const fs::path name = each->path().lexically_relative(directory);
        if (stays_here(name)) {
            if (each->is_directory()) {
                each.disable_recursion_pending();
            }
            continue;
        }
        if (!each->is_regular_file()) {
            continue;
        }
        std::ifstream stream(each->path(), std::ios::binary);
        StoredFile file;
        file.name = name.string();
        const std::uintmax_t bytes = each->file_size(error);
        file.content.reserve(error ? 0 : bytes); // grown, it would leave copies behind
        file.content.assign(std::istreambuf_iterator<char>(stream),
                            std::istreambuf_iterator<char>());
        file.everyone_reads =
            (each->status().permissions() & fs::perms::others_read) != fs::perms::none;
        if (!stream.is_open() || stream.bad()) {
            return failure("file-unreadable", fmt::format("cannot read {}", each->path().string()));
        }
        files.push_back(std::move(file));
    }
    if (error) {
        return failure("file-unreadable",
                       fmt::format("cannot read {}: {}", directory.string(), error.message()));
    }
    return files;
}

std::string content_of(const BackupRequest& request, const std::vector<StoredFile>& files) {
    nlohmann::json list = nlohmann::json::array();
    constexpr std::size_t overhead_bytes = 256;
    std::size_t bytes = overhead_bytes + request.application.size();
    for (const StoredFile& file : files) {
        bytes += overhead_bytes + file.name.size() + file.content.size();
        list.push_back({{"name", file.name},
                        {"everyone_reads", file.everyone_reads},
                        {"content", nlohmann::json::binary(file.content)}});
    }
    nlohmann::json json = {{"version", content_version}, {"application", request.application}};
    json["files"] = std::move(list);
    std::string content;
    content.reserve(bytes); // grown, it would leave copies behind
    nlohmann::json::to_cbor(json, content);
    for (nlohmann::json& each : json["files"]) {
        wipe(each["content"].get_binary());
    }
    return content;
}

tl::unexpected<Diagnostic> malformed() {
    return failure("export-malformed",
                   "the file opens, but what is in it is not what authex export writes",
                   "export again");
}

struct Content {
    std::string application;
    std::vector<StoredFile> files;
};

Expected<Content> parse_content(std::string_view bytes) {
    nlohmann::json json = nlohmann::json::from_cbor(bytes, true, false);
    if (!json.is_object() || !json.contains("version") || json["version"] != content_version ||
        !json.contains("application") || !json["application"].is_string() ||
        !json.contains("files") || !json["files"].is_array()) {
        return malformed();
    }
    Content content{.application = json["application"].get<std::string>(), .files = {}};
    std::set<std::string> names;
    for (nlohmann::json& each : json["files"]) {
        const bool whole = each.is_object() && each.contains("name") && each["name"].is_string() &&
                           each.contains("content") && each["content"].is_binary() &&
                           each.contains("everyone_reads") && each["everyone_reads"].is_boolean();
        StoredFile file;
        if (whole) {
            file.name = each["name"].get<std::string>();
            file.everyone_reads = each["everyone_reads"].get<bool>();
            file.content = std::move(each["content"].get_binary());
        }
        const bool is_state = file.name == state_file;
        if (!whole || !is_safe(file.name) || (stays_here(file.name) && !is_state) ||
            !names.insert(file.name).second) {
            return malformed();
        }
        content.files.push_back(std::move(file));
    }
    return names.contains(state_file) && names.contains("owner.key")
               ? Expected<Content>(std::move(content))
               : malformed();
}

Expected<bool> place(const fs::path& directory, const StoredFile& file) {
    const fs::path target = directory / file.name;
    Expected<bool> folder = create_private_folder(target.parent_path());
    if (!folder) {
        return folder;
    }
    return replace_file(target,
                        {reinterpret_cast<const char*>(file.content.data()), file.content.size()},
                        file.everyone_reads ? FileAccess::everyone_reads : FileAccess::owner_only);
}

/// Given keys that must not be taken again: those of the state that is here now, as far as it can
/// be read, and those of the descriptor, which may have been used since the backup was made.
std::vector<crypto::Hash> keys_to_mark(const fs::path& directory,
                                       const descriptor::Descriptor& descriptor) {
    std::vector<crypto::Hash> keys;
    if (const auto state = State::open(directory, StateUse::look)) {
        keys = (*state)->used_keys().value_or(keys);
    }
    for (const descriptor::Connection& connection : descriptor.connections) {
        if (connection.key) {
            keys.push_back(crypto::sha256(*connection.key));
        }
    }
    return keys;
}

/// The database under its name at last, once it has all that it must.
Expected<bool>
place_state(const fs::path& directory, StoredFile& file, const std::vector<crypto::Hash>& keys) {
    file.name = fmt::format("{}.restored", state_file);
    const Expected<bool> placed = place(directory, file);
    auto database =
        placed ? Database::open(directory / file.name) : tl::make_unexpected(placed.error());
    if (!database) {
        return tl::make_unexpected(database.error());
    }
    {
        const auto state = State::open(std::shared_ptr<Database>(std::move(*database)));
        Change change;
        change.used_keys = keys;
        Expected<bool> kept = state ? (*state)->commit(change) : tl::make_unexpected(state.error());
        if (!kept) {
            return kept;
        }
    }
    std::error_code error;
    fs::rename(directory / file.name, directory / state_file, error);
    return error ? failure("file-unwritable",
                           fmt::format("cannot write {}: {}",
                                       (directory / state_file).string(),
                                       error.message()))
                 : Expected<bool>(true);
}

Expected<Content> read_backup(const RestoreRequest& request) {
    std::ifstream stream(request.file, std::ios::binary);
    const std::string sealed((std::istreambuf_iterator<char>(stream)),
                             std::istreambuf_iterator<char>());
    if (!stream.is_open() || stream.bad()) {
        return failure("file-unreadable", fmt::format("cannot read {}", request.file.string()));
    }
    auto opened = open_file(sealed, request.passphrase);
    if (!opened) {
        return tl::make_unexpected(opened.error());
    }
    auto content = parse_content(*opened);
    wipe_text(*opened);
    return content;
}

} // namespace

Expected<bool> write_backup(const BackupRequest& request) {
    // To be alone: no command changes the state between its copy and the mark.
    const auto state = State::open(request.state_directory, StateUse::change);
    if (!state) {
        return tl::make_unexpected(state.error());
    }
    auto files = collect(request.state_directory);
    const auto database = copy_without_keys(**state);
    if (!files || !database) {
        return tl::make_unexpected(files ? database.error() : files.error());
    }
    const bool has_owner = std::any_of(files->begin(), files->end(), [](const StoredFile& file) {
        return file.name == "owner.key";
    });
    if (!has_owner) {
        return failure("owner-key-missing",
                       fmt::format("{} has no owner key", request.state_directory.string()),
                       "run this in the application's folder, or name the folder with --state");
    }
    auto bytes = (*database)->bytes();
    if (!bytes) {
        return tl::make_unexpected(bytes.error());
    }
    StoredFile copied;
    copied.name = state_file;
    copied.content = std::move(*bytes);
    files->push_back(std::move(copied));
    std::string content = content_of(request, *files);
    const auto sealed = seal_file(content, request.passphrase);
    wipe_text(content);
    if (!sealed) {
        return tl::make_unexpected(sealed.error());
    }
    Expected<bool> written = create_file(request.file, *sealed, FileAccess::owner_only);
    if (written && request.move) {
        written = replace_file(moved_mark(request.state_directory),
                               fmt::format("to {}\n", request.file.string()),
                               FileAccess::owner_only);
    }
    return written;
}

Expected<std::string> restore_backup(const RestoreRequest& request,
                                     const descriptor::Descriptor& descriptor) {
    auto content = read_backup(request);
    if (!content) {
        return tl::make_unexpected(content.error());
    }
    if (content->application != descriptor.application) {
        return failure("application-differs",
                       fmt::format("the file is of the application {}, and the descriptor of {}",
                                   content->application,
                                   descriptor.application),
                       "name the application's descriptor with -f");
    }
    const fs::path& directory = request.state_directory;
    std::error_code error;
    const bool exists =
        fs::exists(directory / "owner.key", error) || fs::exists(directory / state_file, error);
    if (exists && !request.replace) {
        return failure("state-exists",
                       fmt::format("{} has an owner key or a state already", directory.string()),
                       "to put the file in its place: authex restore FILE --replace");
    }
    const Expected<bool> folder = create_private_folder(directory);
    const auto lock = folder ? StateLock::take(directory) : tl::make_unexpected(folder.error());
    if (!lock) {
        return tl::make_unexpected(lock.error());
    }
    if (fs::exists(delegated_mark(directory), error)) {
        return tl::make_unexpected(may_change(directory).error());
    }
    const std::vector<crypto::Hash> keys = keys_to_mark(directory, descriptor);
    // Without a database nothing of the old state is used again; the new one comes last.
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        fs::remove(directory / (std::string(state_file) + suffix), error);
    }
    for (StoredFile& file : content->files) {
        const Expected<bool> placed =
            file.name == state_file ? Expected<bool>(true) : place(directory, file);
        if (!placed) {
            return tl::make_unexpected(placed.error());
        }
    }
    fs::remove(moved_mark(directory), error);
    const auto state = std::find_if(content->files.begin(),
                                    content->files.end(),
                                    [](const auto& file) { return file.name == state_file; });
    const Expected<bool> placed = place_state(directory, *state, keys);
    return placed ? Expected<std::string>(content->application)
                  : tl::make_unexpected(placed.error());
}

} // namespace authex::deployer
