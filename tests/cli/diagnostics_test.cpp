// One object, as people see it and as programs do.
#include <nlohmann/json.hpp>

#include "cli/views.hpp"
#include "golden.hpp"
#include "support/temporary_folder.hpp"

namespace authex::cli {
namespace {

class DiagnosticGoldens : public testing::Test {
  protected:
    /// All shapes that a diagnostic has: with and without place, excerpt, detail and fix.
    std::vector<Diagnostic> all() const {
        const std::string file = folder_.path() / "authex.yaml";
        return {{.severity = Severity::error,
                 .code = "unknown-key",
                 .summary = "node «edge» has no key «adress»",
                 .detail = "",
                 .fix = "did you mean «address»?",
                 .where = {.file = file, .line = 3, .column = 24, .length = 6}},
                {.severity = Severity::warning,
                 .code = "lossy-delivery",
                 .summary = "events of this connection may be lost without notice",
                 .detail = "what arrives is still authentic and in order, but not all need arrive",
                 .fix = "leave «delivery» out unless only the newest event counts",
                 .where = {.file = file, .line = 5, .column = 1, .length = 400}},
                {.severity = Severity::error,
                 .code = "compile-failed",
                 .summary = "module `button`: does not compile",
                 .detail = "button.cpp:3:1: error: expected ';'\n    3 | }\n      | ^",
                 .fix = "",
                 .where = {}},
                {.severity = Severity::error,
                 .code = "unreadable-file",
                 .summary = "cannot read «authex.yaml»",
                 .detail = "",
                 .fix = "name a descriptor with -f, or make one with «authex init»",
                 .where = {.file = file}},
                {.severity = Severity::note,
                 .code = "beyond-the-end",
                 .summary = "a place that is not in the file has no excerpt",
                 .detail = "",
                 .fix = "",
                 .where = {.file = file, .line = 90, .column = 1, .length = 1}}};
    }
    void SetUp() override {
        folder_.write("authex.yaml",
                      "application: demo\n"
                      "nodes:\n"
                      "  edge: { tee: native, adress: 127.0.0.1:6000 }\n"
                      "connections:\n"
                      "- { direct: true, to: größe.x, delivery: lossy }\n");
    }
    /// Without the folder's name, which is another each time.
    [[nodiscard]] std::string placed(std::string text) const {
        const std::string folder = folder_.path().string() + "/";
        for (std::size_t at = 0; (at = text.find(folder)) != std::string::npos;) {
            text.erase(at, folder.size());
        }
        return text;
    }

    test::TemporaryFolder folder_;
};

TEST_F(DiagnosticGoldens, AsText) {
    std::string text;
    for (const Diagnostic& diagnostic : all()) {
        text += diagnostic_text(diagnostic, Terminal()) + "\n\n";
    }
    test::expect_golden("diagnostics.txt", placed(text));
}

TEST_F(DiagnosticGoldens, AsJson) {
    test::expect_golden("diagnostics.json", placed(diagnostics_json(all()).dump(2) + "\n"));
}

TEST_F(DiagnosticGoldens, ProgramsReadBackWhatPeopleSee) {
    const nlohmann::json list = diagnostics_json(all())["diagnostics"];
    const std::vector<Diagnostic> diagnostics = all();
    ASSERT_EQ(list.size(), diagnostics.size());
    for (std::size_t i = 0; i < diagnostics.size(); ++i) {
        const std::string text = diagnostic_text(diagnostics[i], Terminal());
        for (const char* part : {"severity", "summary"}) {
            EXPECT_NE(text.find(list[i][part].get<std::string>()), std::string::npos) << part;
        }
    }
}

} // namespace
} // namespace authex::cli
