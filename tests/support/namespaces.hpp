#pragma once
// Namespaces of a test's own (namespaces(7)): a small disk, two machines with a wire between them.
// As root, or as a user where the kernel lets users make namespaces.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace authex::test {

/// Programs that run `inside()` see a disk of its own at a folder, others do not.
class PrivateDisk {
  public:
    /// @param within words before a command, as of `PrivateNetwork::on`, if programs run in both:
    /// these come first then
    /// @return null, and says in `why` what is not permitted
    static std::unique_ptr<PrivateDisk> mount(const std::filesystem::path& at,
                                              std::size_t bytes,
                                              std::string& why,
                                              const std::vector<std::string>& within = {});

    /// Words before a command. Its working folder is `folder`.
    [[nodiscard]] std::vector<std::string> inside(const std::filesystem::path& folder) const;
    /// The folder as this process sees it.
    [[nodiscard]] std::filesystem::path seen_from_outside() const;
    /// Takes all room, and gives it back.
    void fill() const;
    void make_room() const;
    [[nodiscard]] bool set_read_only(bool read_only) const;

  private:
    explicit PrivateDisk(std::filesystem::path at) : at_(std::move(at)) {}

    std::filesystem::path at_;
    std::unique_ptr<Process> keeper_; ///< the namespace lives as long as it does
};

/// Two machines, joined by a wire.
class PrivateNetwork {
  public:
    static constexpr const char* addresses[] = {"10.77.0.1", "10.77.0.2"};

    /// @return null, and says in `why` what is not permitted
    static std::unique_ptr<PrivateNetwork> make(std::string& why);

    /// Words before a command that runs on one of them.
    [[nodiscard]] std::vector<std::string> on(std::size_t machine) const;
    [[nodiscard]] bool set_wire(bool up) const;
    /// Whether what the other machine sends reaches this one; what this one sends reaches the
    /// other.
    [[nodiscard]] bool set_hearing(std::size_t machine, bool hears) const;
    /// Arguments of `tc qdisc add dev DEVICE root`, on both ends; empty: none any more.
    [[nodiscard]] bool shape(const std::vector<std::string>& discipline) const;

  private:
    [[nodiscard]] bool run_on(std::size_t machine, std::vector<std::string> command) const;

    std::unique_ptr<Process> machines_[2];
};

} // namespace authex::test
