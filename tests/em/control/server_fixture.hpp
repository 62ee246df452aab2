#pragma once
// A whole event manager over fake modules, on loopback.

#include <gtest/gtest.h>

#include "client.hpp"
#include "em/control/server.hpp"
#include "fake_loader.hpp"
#include "support/temporary_folder.hpp"

namespace authex::test {

class ServerTest : public testing::Test {
  protected:
    void open(const em::TlsFiles& tls = {}) {
        options.listen = "127.0.0.1:" + port;
        options.state_directory = folder.path() / "state";
        options.tls = tls;
        std::filesystem::create_directories(options.state_directory);
        auto opened = em::Server::open(options, loader);
        ASSERT_TRUE(opened) << to_text(opened.error());
        server = std::move(*opened);
    }
    void reopen() {
        server.reset();
        open(options.tls);
    }

    TemporaryFolder folder;
    FakeLoader loader;
    em::ServerOptions options;
    std::string port = "0";
    std::unique_ptr<em::Server> server;
};

/// Follows the log lines of a module, from the first on.
class LogReader {
  public:
    LogReader(Client& client, const std::string& module, bool follow, std::uint32_t last = 0)
        : context_(with_deadline()) {
        v1::LogsRequest request;
        request.set_deployment(client.deployment());
        request.set_module(module);
        request.set_follow(follow);
        request.set_last(last);
        reader_ = client.stub().Logs(context_.get(), request);
    }
    ~LogReader() { context_->TryCancel(); }
    LogReader(const LogReader&) = delete;
    LogReader& operator=(const LogReader&) = delete;

    /// The next line's text; "" at the end.
    std::string next() {
        line.Clear();
        return reader_->Read(&line) ? line.text() : std::string();
    }
    /// Reads up to the line that holds the text. @return whether it came.
    bool wait_for(const std::string& text) {
        do {
            if (next().find(text) != std::string::npos) {
                return true;
            }
        } while (line.sequence() != 0);
        return false;
    }
    std::string code() {
        const grpc::Status status = reader_->Finish();
        return status.ok() ? "ok" : rpc::to_diagnostic(status).code;
    }
    v1::LogLine line;

  private:
    std::unique_ptr<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientReader<v1::LogLine>> reader_;
};

} // namespace authex::test
