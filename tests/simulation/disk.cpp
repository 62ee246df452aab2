#include "simulation/disk.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "runtime/runtime.hpp"
#include "tee/process/descriptor.hpp"
#include "tee/process/kept_copy.hpp"

namespace authex::simulation {

/// An outbox's memory that stays when its manager goes.
class DiskFile final : public em::OutboxStore {
  public:
    DiskFile(const Disk& disk, Disk::Words words) : disk_(disk), words_(std::move(words)) {}
    Bytes bytes() override {
        return {reinterpret_cast<std::uint8_t*>(words_->data()), words_->size() * 8};
    }
    bool replace(std::size_t size, const std::function<void(Bytes)>& fill) override {
        if (disk_.full) {
            return false;
        }
        std::vector<std::uint64_t> words(size / 8);
        fill({reinterpret_cast<std::uint8_t*>(words.data()), size});
        words_->swap(words);
        return true;
    }

  private:
    const Disk& disk_;
    Disk::Words words_;
};

/// In memory where there is such a place.
std::filesystem::path fast_place() {
    constexpr const char* memory = "/dev/shm"; // shm_overview(7)
    const bool usable = ::access(memory, W_OK | X_OK) == 0;
    return usable ? memory : std::filesystem::temp_directory_path();
}

std::vector<Disk::Folder>& Disk::spare_folders() {
    static std::vector<Folder> spare;
    return spare;
}

Disk::Disk() {
    if (spare_folders().empty()) {
        spare_folders().push_back(std::make_unique<test::TemporaryFolder>(fast_place()));
    }
    folder_ = std::move(spare_folders().back());
    spare_folders().pop_back();
}

Disk::~Disk() {
    std::error_code ignored;
    for (const std::string& module : keepers_) {
        for (const auto& file :
             std::filesystem::directory_iterator(state_of(module).parent_path(), ignored)) {
            std::filesystem::remove(file, ignored);
        }
    }
    spare_folders().push_back(std::move(folder_));
}

Expected<bool> Disk::written() const {
    return full ? Expected<bool>(failure("store", "the disk is full")) : Expected<bool>(true);
}

template <typename List, typename Item, typename Same>
Expected<bool> Disk::put_in(List& list, const Item& item, const Same& same) {
    const Expected<bool> done = written();
    if (done) {
        const auto found = std::find_if(list.begin(), list.end(), same);
        if (found == list.end()) {
            list.push_back(item);
        } else {
            *found = item;
        }
    }
    return done;
}

Expected<bool> Disk::put_identity(std::uint64_t node_id, std::uint64_t boot) {
    const Expected<bool> done = written();
    if (done) {
        records_.node_id = node_id;
        records_.boot = boot;
    }
    return done;
}

Expected<bool> Disk::put(const em::Deployment& deployment) {
    return put_in(records_.deployments, deployment, [&](const em::Deployment& other) {
        return other.id == deployment.id;
    });
}

Expected<bool> Disk::put(const em::Module& module) {
    return put_in(records_.modules, module, [&](const em::Module& other) {
        return other.name() == module.name();
    });
}

Expected<bool> Disk::put(const em::Route& route) {
    return put_in(records_.routes, route, [&](const em::Route& other) {
        return other.deployment == route.deployment && other.channel == route.channel;
    });
}

Expected<bool> Disk::put(const em::Periodic& periodic) {
    return put_in(records_.periodic, periodic, [&](const em::Periodic& other) {
        return other.module.deployment == periodic.module.deployment && other.name == periodic.name;
    });
}

Expected<bool> Disk::erase_module(const em::ModuleName& module) {
    const Expected<bool> done = written();
    if (done) {
        std::erase_if(records_.modules, [&](const auto& each) { return each.name() == module; });
    }
    return done;
}

Expected<bool> Disk::erase_route(std::uint16_t deployment, std::uint16_t channel) {
    const Expected<bool> done = written();
    if (done) {
        std::erase_if(records_.routes, [&](const em::Route& each) {
            return each.deployment == deployment && each.channel == channel;
        });
    }
    return done;
}

Expected<bool> Disk::erase_periodic(std::uint16_t deployment, const std::string& name) {
    const Expected<bool> done = written();
    if (done) {
        std::erase_if(records_.periodic, [&](const em::Periodic& each) {
            return each.module.deployment == deployment && each.name == name;
        });
    }
    return done;
}

Expected<bool> Disk::erase_all_of(std::uint16_t deployment) {
    const Expected<bool> done = written();
    if (done) {
        std::erase_if(records_.modules,
                      [&](const auto& each) { return each.spec.deployment == deployment; });
        std::erase_if(records_.routes,
                      [&](const auto& each) { return each.deployment == deployment; });
        std::erase_if(records_.periodic,
                      [&](const auto& each) { return each.module.deployment == deployment; });
    }
    return done;
}

Expected<bool> Disk::take_image(const em::ModuleName&, const std::filesystem::path&) {
    return written();
}

Expected<std::unique_ptr<em::Outbox>> Disk::open_outbox(const em::OutboxName& name,
                                                        em::SpillBudget& budget) {
    const Key key{name.deployment, name.channel, name.direction, name.epoch};
    for (int attempt = 0;; ++attempt) {
        Words& words = outboxes_[key];
        if (words == nullptr) {
            words = std::make_shared<std::vector<std::uint64_t>>();
        }
        auto outbox = em::Outbox::open(std::make_unique<DiskFile>(*this, words), name, budget);
        if (outbox || outbox.error().code != "outbox-damaged" || attempt > 0) {
            return outbox;
        }
        outboxes_.erase(key);
    }
}

void Disk::remove_outboxes(const em::OutboxName& name) {
    std::erase_if(outboxes_, [&](const auto& item) {
        const auto& [deployment, channel, direction, epoch] = item.first;
        return deployment == name.deployment && channel == name.channel &&
               direction == name.direction && epoch != name.epoch;
    });
}

Expected<tee::process::KeptArea> Disk::keep_state(const std::string& module) {
    const std::filesystem::path path = state_of(module);
    if (keepers_.insert(module).second) {
        std::filesystem::create_directory(path.parent_path());
    }
    if (full && !std::filesystem::exists(path)) {
        return failure("module-files", "the disk is full");
    }
    const Expected<bool> made =
        tee::process::make_kept(path.parent_path(), 2 * runtime::output_min_bytes);
    if (!made) {
        return tl::make_unexpected(made.error());
    }
    const tee::process::Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    return tee::process::KeptArea::map(file.get());
}

std::string Disk::kept_state(const std::string& module) const {
    std::ostringstream content;
    if (std::ifstream file(state_of(module), std::ios::binary); file) {
        content << file.rdbuf();
    }
    return content.str();
}

void Disk::put_state(const std::string& module, const std::string& content) const {
    const std::filesystem::path path = state_of(module);
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << content;
}

void Disk::lose_state(const std::string& module) const {
    std::filesystem::remove(state_of(module));
}

void Disk::damage(std::uint64_t which) {
    if (outboxes_.empty()) {
        return;
    }
    const auto file =
        std::next(outboxes_.begin(), static_cast<std::ptrdiff_t>(which % outboxes_.size()));
    const std::uint64_t rest = which / outboxes_.size();
    if (!file->second->empty()) {
        // Most of it lies in the positions and the first frames.
        const std::uint64_t word = (rest / 64) % std::min<std::size_t>(file->second->size(), 64);
        (*file->second)[word] ^= std::uint64_t{1} << (rest % 64);
    }
}

void Disk::lose(std::uint64_t which) {
    if (!outboxes_.empty()) {
        outboxes_.erase(
            std::next(outboxes_.begin(), static_cast<std::ptrdiff_t>(which % outboxes_.size())));
    }
}

} // namespace authex::simulation

/// The linker puts it in the place of the real one: files of the simulation need no blocks, and
/// finding them takes a twentieth of a run.
extern "C" int __wrap_posix_fallocate(int file, off_t offset, off_t bytes) {
    return ::ftruncate(file, offset + bytes) == 0 ? 0 : errno;
}
