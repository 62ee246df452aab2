#include "support/namespaces.hpp"

#include <fstream>
#include <unistd.h>

namespace authex::test {
namespace {

using Words = std::vector<std::string>;

Words operator+(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

bool is_root() {
    return ::geteuid() == 0;
}

/// A process that does nothing but keep its namespaces, once `prepare` (a shell script) has run.
std::unique_ptr<Process> keep(const Words& before, const Words& kinds, const std::string& prepare) {
    const Words owner = is_root() ? Words{} : Words{"--map-root-user"};
    const Words words = before + Words{"/usr/bin/unshare"} + owner + kinds +
                        Words{"/bin/sh", "-c", prepare + " && echo kept && exec sleep infinity"};
    auto keeper = std::make_unique<Process>(Command{.words = words, .folder = {}, .input = {}});
    return keeper->says("kept") ? std::move(keeper) : nullptr;
}

Words enter(const Process& keeper, const Words& kinds) {
    const Words owner = is_root() ? Words{} : Words{"--user", "--preserve-credentials"};
    return Words{"/usr/bin/nsenter", "--target", std::to_string(keeper.pid())} + owner + kinds;
}

bool succeeds(const Words& words) {
    return run({.words = words, .folder = {}, .input = {}}).status == 0;
}

} // namespace

std::unique_ptr<PrivateDisk> PrivateDisk::mount(const std::filesystem::path& at,
                                                std::size_t bytes,
                                                std::string& why,
                                                const Words& within) {
    std::filesystem::create_directories(at);
    std::unique_ptr<PrivateDisk> disk(new PrivateDisk(at));
    disk->keeper_ =
        keep(within,
             {"--mount"},
             "mount -t tmpfs -o mode=0700,size=" + std::to_string(bytes) + " none " + at.string());
    if (disk->keeper_ == nullptr) {
        why = "a disk of its own cannot be mounted here (unshare --mount, tmpfs)";
        return nullptr;
    }
    return disk;
}

Words PrivateDisk::inside(const std::filesystem::path& folder) const {
    return enter(*keeper_, {"--mount", "--wdns=" + folder.string()});
}

std::filesystem::path PrivateDisk::seen_from_outside() const {
    return "/proc/" + std::to_string(keeper_->pid()) + "/root" + at_.string();
}

void PrivateDisk::fill() const {
    std::ofstream file(seen_from_outside() / "ballast", std::ios::binary);
    for (std::size_t piece : {std::size_t{65536}, std::size_t{4096}, std::size_t{1}}) {
        const std::string zeros(piece, '\0');
        while (file.write(zeros.data(), static_cast<std::streamsize>(piece)).flush()) {
        }
        file.clear();
    }
}

void PrivateDisk::make_room() const {
    std::filesystem::remove(seen_from_outside() / "ballast");
}

bool PrivateDisk::set_read_only(bool read_only) const {
    return succeeds(
        enter(*keeper_, {"--mount"}) +
        Words{"/bin/mount", "-o", read_only ? "remount,ro" : "remount,rw", at_.string()});
}

std::unique_ptr<PrivateNetwork> PrivateNetwork::make(std::string& why) {
    std::unique_ptr<PrivateNetwork> network(new PrivateNetwork());
    why = "namespaces of the network are not permitted here, or there is no `ip`";
    if (!std::filesystem::exists("/usr/sbin/ip") && !std::filesystem::exists("/sbin/ip")) {
        return nullptr;
    }
    auto& [left, right] = network->machines_;
    left = keep({}, {"--net"}, "ip link set lo up");
    if (left == nullptr) {
        return nullptr;
    }
    // As a user, both must belong to one user namespace to be joined.
    right = keep(is_root() ? Words{} : enter(*left, {}), {"--net"}, "ip link set lo up");
    if (right == nullptr ||
        !network->run_on(0, {"link", "add", "wire", "type", "veth", "peer", "name", "far"}) ||
        !network->run_on(0, {"link", "set", "far", "netns", std::to_string(right->pid())}) ||
        !network->run_on(1, {"link", "set", "far", "name", "wire"})) {
        return nullptr;
    }
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string address = std::string(addresses[i]) + "/24";
        if (!network->run_on(i, {"address", "add", address, "dev", "wire"})) {
            return nullptr;
        }
    }
    return network->set_wire(true) ? std::move(network) : nullptr;
}

Words PrivateNetwork::on(std::size_t machine) const {
    return enter(*machines_[machine], {"--net"});
}

bool PrivateNetwork::run_on(std::size_t machine, Words command) const {
    const char* ip = std::filesystem::exists("/usr/sbin/ip") ? "/usr/sbin/ip" : "/sbin/ip";
    return succeeds(on(machine) + Words{ip} + command);
}

bool PrivateNetwork::set_wire(bool up) const {
    return run_on(0, {"link", "set", "wire", up ? "up" : "down"}) &&
           run_on(1, {"link", "set", "wire", up ? "up" : "down"});
}

// The other machine takes it for another one's: what it sends is thrown away where it arrives.
bool PrivateNetwork::set_hearing(std::size_t machine, bool hears) const {
    const std::size_t other = 1 - machine;
    return hears ? run_on(other, {"neigh", "del", addresses[machine], "dev", "wire"})
                 : run_on(other,
                          {"neigh",
                           "replace",
                           addresses[machine],
                           "lladdr",
                           "02:00:00:00:00:00",
                           "nud",
                           "permanent",
                           "dev",
                           "wire"});
}

bool PrivateNetwork::shape(const Words& discipline) const {
    const char* tc = std::filesystem::exists("/usr/sbin/tc") ? "/usr/sbin/tc" : "/sbin/tc";
    bool done = true;
    for (std::size_t i = 0; i < 2; ++i) {
        (void)succeeds(on(i) + Words{tc, "qdisc", "del", "dev", "wire", "root"});
        if (!discipline.empty()) {
            done =
                succeeds(on(i) + Words{tc, "qdisc", "add", "dev", "wire", "root"} + discipline) &&
                done;
        }
    }
    return done;
}

} // namespace authex::test
