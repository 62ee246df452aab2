#pragma once
// The web page of examples/button-led.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "world.hpp"

namespace authex::test {

/// What the example shows over HTTPS to who trusts the certificate that its owner got.
class Page {
  public:
    explicit Page(World& world) {
        const std::string port = std::to_string(free_port());
        const Result certificate = world.authex({"request", "init-server", "--u16", port, "--raw"});
        EXPECT_EQ(certificate.status, 0) << certificate.err;
        world.write("server.pem", certificate.out);
        curl_ = {"/usr/bin/curl",
                 "-sS",
                 "--max-time",
                 "5",
                 "--cacert",
                 world.folder() / "server.pem",
                 "https://127.0.0.1:" + port + "/"};
    }
    bool becomes(const std::string& text) {
        return eventually([&] {
            last_ = run({.words = curl_, .folder = {}, .input = {}});
            return last_.out == text;
        });
    }
    [[nodiscard]] std::string error() const { return last_.err; }

  private:
    std::vector<std::string> curl_;
    Result last_;
};

} // namespace authex::test
