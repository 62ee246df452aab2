#pragma once
// One run of the program: its arguments, and where its words go. One file for each group of
// commands: commands.cpp chooses, commands_make.cpp builds and prepares, commands_use.cpp sends,
// commands_look.cpp shows, commands_trust.cpp gives secrets, roles and keys, commands_copy.cpp
// exports and restores, commands_watch.cpp watches, commands_record.cpp records and replays,
// commands_update.cpp lets new code take over, commands_delegate.cpp gives the state to a delegate
// and takes it back.

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/interrupt.hpp"
#include "cli/roles.hpp"
#include "cli/terminal.hpp"
#include "cli/timing.hpp"
#include "cli/webhook.hpp"
#include "deployer/application.hpp"

namespace authex::cli {

class Run {
  public:
    explicit Run(const Arguments& arguments)
        : arguments_(arguments), progress_(Terminal(STDERR_FILENO),
                                           arguments.verbose ? Talk::all
                                           : arguments.json  ? Talk::nothing
                                                             : Talk::changes) {}

    int dispatch();

  private:
    int init();
    int check();
    int version();
    int node_bundle();
    int dev();
    int build(deployer::Application& application);
    int plan(deployer::Application& application);
    int apply(deployer::Application& application, const deployer::Selection& selection);
    int up(deployer::Application& application);
    int update();
    int update_by(const std::filesystem::path& descriptor, const std::string& before);
    int update(deployer::Application& application);
    int show_plan(const deployer::Outcome<deployer::Plan>& plan);
    int send(deployer::Application& application);
    int request(deployer::Application& application);
    int call(deployer::Application& application);
    int attest(deployer::Application& application);
    int attest_every(deployer::Application& application);
    int status(deployer::Application& application);
    int status_watch(deployer::Application& application);
    int watch();
    int journal();
    /// Where --webhook says so. @return false: it cannot, and that was said
    bool open_webhook();
    /// Of what the owner must hear, wherever he is.
    void alert(const deployer::Progress& progress);
    int metrics(deployer::Application& application);
    int logs(deployer::Application& application);
    int record(deployer::Application& application);
    int replay();
    int graph();
    int doctor();
    int export_state(deployer::Application& application);
    int export_file();
    int restore();
    int secret_set(deployer::Application& application);
    int recover();
    int revoke_role();
    int delegate();
    int give_to_delegate(deployer::Application& application);
    int enroll(deployer::Application& application);
    int say(const Expected<Said>& said);
    int trust(deployer::Application& application);
    int choose();
    int with_application();
    int with_application(const std::filesystem::path& descriptor);
    int operate(deployer::Application& application);

    int fail(const std::vector<Diagnostic>& diagnostics);
    int fail(const Diagnostic& diagnostic) { return fail(std::vector<Diagnostic>{diagnostic}); }
    int done(const std::string& text);
    int done_plan(const deployer::Outcome<deployer::Plan>& outcome, const std::string& nothing);
    int print_reply(const std::vector<std::uint8_t>& reply);
    /// With what --timing asks for.
    void print(nlohmann::json json);
    void warn(const Diagnostic& diagnostic);
    [[nodiscard]] std::filesystem::path state_directory() const;

    const Arguments& arguments_;
    Terminal out_{STDOUT_FILENO};
    Terminal err_{STDERR_FILENO};
    ProgressPrinter progress_;
    std::unique_ptr<Webhook> webhook_;
    Timing timing_;
    bool timing_printed_ = false;
    bool moved_ = false;                 ///< update: the module runs where it was told to
    std::optional<Interrupt> interrupt_; ///< of commands that go on until Ctrl-C
};

} // namespace authex::cli
