#include "em/control/node_metrics.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <sys/resource.h>

namespace authex::em {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Type;

constexpr double second_us = 1e6;

Labels of(std::uint16_t deployment, const char* name, std::string value) {
    return {{"deployment", std::to_string(deployment)}, {name, std::move(value)}};
}

void add_modules(const std::vector<Module>& modules, std::vector<Family>& families) {
    Family up{"authex_module_up", Type::gauge, "Whether the module runs and has answered.", {}};
    Family starts{"authex_module_starts_total", Type::counter, "Starts of the module.", {}};
    Family image{"authex_module_image_bytes", Type::gauge, "Size of the module's image.", {}};
    for (const Module& module : modules) {
        const Labels labels = of(module.spec.deployment, "module", module.spec.name);
        up.add(labels, module.state == ModuleState::running ? 1.0 : 0.0);
        starts.add(labels, std::uint64_t{module.instance});
        image.add(labels, module.image_bytes);
    }
    families.insert(families.end(), {std::move(up), std::move(starts), std::move(image)});
}

void add_held_up(const std::vector<Module>& modules,
                 const Snapshot& traffic,
                 std::vector<Family>& families) {
    Family held_up{"authex_module_held_up",
                   Type::gauge,
                   "1: the disk does not keep what the module says, so nothing is taken of it.",
                   {}};
    for (const Module& module : modules) {
        const bool waits =
            std::any_of(traffic.held_up.begin(), traffic.held_up.end(), [&](const HeldUp& each) {
                return each.module == module.name();
            });
        held_up.add(of(module.spec.deployment, "module", module.spec.name), waits ? 1.0 : 0.0);
    }
    Family failures{"authex_disk_failures_total",
                    Type::counter,
                    "Vain attempts of a durable node to have its disk keep what modules say.",
                    {}};
    failures.add({}, traffic.disk_failures);
    families.insert(families.end(), {std::move(held_up), std::move(failures)});
}

void add_entries(const Snapshot& traffic, std::vector<Family>& families) {
    Family entries{"authex_module_entries_total",
                   Type::counter,
                   "Entries into the module's TEE, each for all frames that waited, up to 16 KiB.",
                   {}};
    for (const EntryCount& each : traffic.entries) {
        entries.add(of(each.module.deployment, "module", each.module.name), each.entries);
    }
    families.push_back(std::move(entries));
}

void add_connections(const Snapshot& traffic, std::vector<Family>& families) {
    Family forwarded{"authex_connection_forwarded_total",
                     Type::counter,
                     "Events, requests and replies taken from their sender, each direction.",
                     {}};
    Family bytes{"authex_connection_forwarded_bytes_total",
                 Type::counter,
                 "Bytes of those frames, with headers and tags.",
                 {}};
    Family again{"authex_connection_retransmitted_total",
                 Type::counter,
                 "Frames that were sent once more.",
                 {}};
    Family refused{"authex_connection_refused_total",
                   Type::counter,
                   "Frames that the receiving module refused, by cause.",
                   {}};
    Family waiting{"authex_connection_waiting_frames",
                   Type::gauge,
                   "Frames that are kept because the receiving module has not acknowledged them.",
                   {}};
    Family waiting_bytes{"authex_connection_waiting_bytes", Type::gauge, "Bytes of those.", {}};
    for (const ConnectionCounters& each : traffic.connections) {
        const Labels labels = of(each.deployment, "connection", std::to_string(each.channel));
        forwarded.add(labels, each.forwarded);
        bytes.add(labels, each.forwarded_bytes);
        again.add(labels, each.retransmitted);
        waiting.add(labels, each.waiting_frames);
        waiting_bytes.add(labels, each.waiting_bytes);
        for (const auto& [cause, count] : each.refused_by) {
            Labels with_cause = labels;
            with_cause.emplace_back("cause", error_text(cause));
            refused.add(std::move(with_cause), count);
        }
    }
    families.insert(families.end(),
                    {std::move(forwarded),
                     std::move(bytes),
                     std::move(again),
                     std::move(refused),
                     std::move(waiting),
                     std::move(waiting_bytes)});
}

void add_links(const Snapshot& traffic, std::vector<Family>& families) {
    Family up{"authex_link_up", Type::gauge, "Whether the link to a peer's events is up.", {}};
    Family drops{"authex_link_drops_total", Type::counter, "How often that link was lost.", {}};
    for (const LinkState& link : traffic.links) {
        const Labels labels = {{"address", link.address}};
        up.add(labels, link.up ? 1.0 : 0.0);
        drops.add(labels, link.drops);
    }
    families.insert(families.end(), {std::move(up), std::move(drops)});
}

void add_periodic(const Snapshot& traffic, std::vector<Family>& families) {
    Family fired{"authex_periodic_fired_total", Type::counter, "Calls of a periodic event.", {}};
    Family missed{"authex_periodic_missed_total",
                  Type::counter,
                  "Times at which the module still had the call before.",
                  {}};
    for (const PeriodicState& each : traffic.periodic) {
        const Labels labels = of(each.deployment, "name", each.name);
        fired.add(labels, each.fired);
        missed.add(labels, each.missed);
    }
    families.insert(families.end(), {std::move(fired), std::move(missed)});
}

/// The value of one line of /proc/self/status, in KiB; 0 if it is not there.
std::uint64_t status_kib(const std::string& key) {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;) {
        if (word == key) {
            std::uint64_t kib = 0;
            file >> kib;
            return kib;
        }
    }
    return 0;
}

std::uint64_t open_descriptors() {
    std::error_code error;
    const std::filesystem::directory_iterator all("/proc/self/fd", error);
    return error ? 0 : static_cast<std::uint64_t>(std::distance(begin(all), end(all)));
}

double processor_seconds() {
    rusage used{};
    (void)::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / second_us;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

} // namespace

std::vector<Family> traffic_metrics(const std::vector<Module>& modules, const Snapshot& traffic) {
    std::vector<Family> families;
    add_modules(modules, families);
    add_held_up(modules, traffic, families);
    add_entries(traffic, families);
    add_connections(traffic, families);
    add_links(traffic, families);
    add_periodic(traffic, families);
    Family garbage{"authex_garbage_total",
                   Type::counter,
                   "Frames and bytes that were not acceptable, and frames without a route.",
                   {}};
    garbage.add({}, traffic.dropped_garbage);
    Family spill{"authex_spill_bytes", Type::gauge, "Bytes that outboxes take.", {}};
    spill.add({}, traffic.spill_bytes);
    Family limit{"authex_spill_limit_bytes", Type::gauge, "Bytes that they may take.", {}};
    limit.add({}, traffic.spill_limit_bytes);
    families.insert(families.end(), {std::move(garbage), std::move(spill), std::move(limit)});
    return families;
}

Family delivery_metrics(const Snapshot& traffic) {
    Family delivery{"authex_delivery_seconds",
                    Type::histogram,
                    "From the sender until the receiving module has acknowledged; one frame of a "
                    "connection at a time is watched.",
                    {}};
    delivery.add({}, traffic.delivery);
    return delivery;
}

Family lateness_metrics(const Snapshot& traffic) {
    Family lateness{"authex_periodic_lateness_seconds",
                    Type::histogram,
                    "From a time at which a periodic call was due until the call that was made for "
                    "it.",
                    {}};
    lateness.add({}, traffic.lateness);
    return lateness;
}

std::vector<Family> process_metrics() {
    Family build{"authex_build_info", Type::gauge, "1, with the manager's version.", {}};
    build.add({{"version", AUTHEX_VERSION}}, 1.0);
    Family memory{"process_resident_memory_bytes", Type::gauge, "Resident memory.", {}};
    memory.add({}, status_kib("VmRSS:") * 1024);
    Family processor{"process_cpu_seconds_total", Type::counter, "User and system time.", {}};
    processor.add({}, processor_seconds());
    Family descriptors{"process_open_fds", Type::gauge, "Open descriptors.", {}};
    descriptors.add({}, open_descriptors());
    return {std::move(build), std::move(memory), std::move(processor), std::move(descriptors)};
}

} // namespace authex::em
