#pragma once
// The owner at the deployer's machine: the real application over simulated nodes. The deployer can
// be killed wherever it speaks to a node or to its disk; its state stays.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deployer/outside.hpp"
#include "simulation/images.hpp"

namespace authex::simulation {

class World;

class Owner {
  public:
    enum class Result : std::uint8_t { done, failed, killed };

    explicit Owner(World& world);
    ~Owner();
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    Result up(const deployer::Selection& selection);
    Result output(const std::string& connection, ByteView data);
    Result request(const std::string& connection, ByteView data);
    Result status();
    /// The module has new code from now on.
    void change_code(const std::string& module) { builder_.change(module); }
    /// Null: he has built none.
    [[nodiscard]] const LoadedImage* newest_image(const std::string& module) const {
        return builder_.newest(module);
    }

    /// It dies at so many places from here; 0: it does not.
    void kill_after(std::uint32_t places) { fuse_ = places; }
    /// A place where it can die.
    void burn();
    std::int64_t date_ahead_us = 0;

    [[nodiscard]] std::shared_ptr<deployer::Database> database() const { return database_; }
    /// What it was told to send and is sending.
    [[nodiscard]] ByteView saying() const { return saying_; }
    /// How often it has looked at its state, which it does before it plans.
    [[nodiscard]] std::uint64_t plans() const { return plans_; }
    /// Outputs and requests that it was told to make.
    [[nodiscard]] std::uint64_t commands() const { return commands_; }
    /// Of the last command that failed.
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    template <typename Work>
    Result run(const Work& work);
    deployer::Outside outside();

    World& world_;
    std::shared_ptr<deployer::Database> database_;
    ImageBuilder builder_;
    std::unique_ptr<tee::Verifier> verifier_;
    std::vector<std::uint8_t> saying_;
    std::uint32_t fuse_ = 0;
    std::uint64_t plans_ = 0;
    std::uint64_t commands_ = 0;
    std::string problem_;
};

} // namespace authex::simulation
