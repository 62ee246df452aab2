// Each tries in its own way to keep the processor from the driver.
#include <utility>

#include <fmt/format.h>

#include "tee/sancus/scheduler/scheduled_node.hpp"

namespace authex::test {
namespace {

std::string clix(unsigned cycles) {
    return fmt::format("mov #{}, r15\n .short 0x1389\n", cycles);
}

/// A section, and a wait until it is over.
std::string section(unsigned cycles) {
    return clix(cycles) + fmt::format("mov #{}, r5\n 1: dec r5\n jnz 1b\n", cycles / 3 + 1);
}

std::string nops(unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
        text += "nop\n";
    }
    return text;
}

/// Makes an enclave of the text from `name`_begin to `name`_end.
std::string made(const std::string& name, unsigned data) {
    return fmt::format("mov #{0}_begin, r12\n mov #{0}_end, r13\n mov #{1}, r14\n mov #{2}, r15\n"
                       " call #protect\n",
                       name,
                       data,
                       data + 0x20);
}

std::string enclave(const std::string& name, const std::string& text) {
    return name + "_begin:\n" + text + name + "_end:\n nop\n";
}

std::string loop(const std::string& body) {
    return "again:\n" + body + " jmp again\n";
}

/// An enclave that registers itself when it is called with r6 = 0, then goes on at `name`_there,
/// and whose handler is the text.
std::string job(const std::string& name, const std::string& handler) {
    return enclave(
        name,
        fmt::format("cmp #2, r6\n jeq {0}_works\n cmp #-1, r6\n jeq {0}_left\n"
                    " mov #1, r6\n mov #{0}_begin, r12\n mov #{0}_begin, r7\n"
                    " br #authex_scheduler_enter\n {0}_left: br #{0}_there\n {0}_works:\n",
                    name) +
            handler);
}

std::string registered(const std::string& name, unsigned data) {
    return made(name, data) +
           fmt::format("clr r6\n br #{0}_begin\n {0}_there: mov #0x2000, r1\n", name);
}

/// Three jobs beside the driver, all with this handler.
Adversary of_jobs(const std::string& name, const std::string& handler, const std::string& then) {
    const auto text = [&](const char* job_name) {
        std::string own = handler;
        for (std::size_t at = 0; (at = own.find('@', at)) != std::string::npos;) {
            own.replace(at, 1, job_name);
        }
        return job(job_name, own);
    };
    return {name,
            loop(then),
            "",
            text("e") + text("f") + text("g"),
            4,
            registered("e", 0x0a00) + registered("f", 0x0a20) + registered("g", 0x0a40)};
}

std::vector<Adversary> who_holds_back(unsigned limit) {
    const std::string longest = section(limit);
    const std::string to_wrap = "mov #0x1000, r9\n mov #0x4000, r10\n mov #0x5000, r11\n"
                                " mov #0x4000, r12\n mov #0x4800, r13\n mov #0x1000, r14\n"
                                " mov #0x1800, r15\n";
    return {
        {"Nothing", loop("nop\n"), "", ""},
        {"InterruptsDisabled", loop("dint\n nop\n clr r2\n bic #8, r2\n nop\n"), "", ""},
        {"ReturnsWithInterruptsDisabled", "again: push #again\n push #0\n reti\n nop\n", "", ""},
        {"Sections", loop(longest + "nop\n"), "", ""},
        {"SectionsOfCrypto", loop(clix(limit) + to_wrap + ".short 0x1384\n"), "", ""},
        {"Wrap", loop(to_wrap + ".short 0x1384\n"), "", ""},
        {"Unwrap", loop(to_wrap + ".short 0x1385\n"), "", ""},
        {"Protect",
         loop("clr r9\n clr r10\n mov #0x1234, r11\n mov #0x5000, r12\n mov #0xf000, r13\n"
              " mov #0x1000, r14\n mov #0x1100, r15\n .short 0x1381\n"),
         "",
         ""},
        {"Attest",
         loop("mov #authex_scheduler_text_begin, r14\n mov #tag, r15\n .short 0x1382\n"),
         "",
         ""},
        {"Unprotect",
         // Hardware clears the text, so it is written anew: mov #e_there, r15; unprotect.
         loop("mov #0x403f, &e_begin\n mov #e_there, &e_begin+2\n mov #0x1380, &e_begin+4\n" +
              made("e", 0x0a00) + longest +
              "br #e_begin\n"
              " e_there: mov #0x2000, r1\n"),
         "",
         enclave("e", "mov #e_there, r15\n .short 0x1380\n" + nops(200))}};
}

std::vector<Adversary> who_breaks_rules(unsigned limit) {
    const std::string longest = section(limit);
    return {{"TooLongSections", loop(clix(limit + 1)), "", ""},
            {"NestedSections", loop(clix(limit) + "nop\n" + clix(limit)), "", ""},
            {"Violations", loop("mov &0x0900, r5\n"), "mov &0x0900, r5\n mov r5, &0x0200", ""},
            {"ViolationsInSections",
             loop(clix(limit) + nops(20) + "mov r5, &0x0160\n"),
             clix(limit) + "clr &0x0120",
             ""},
            {"TheTimer", loop("clr &0x0160\n mov #-1, &0x0172\n"), "clr &0x0164", ""},
            {"TheClocks", loop("bis #0xb0, r2\n" + longest + "bis #0xb0, r2\n"), "", ""},
            {"Watchdog", loop("clr &0x0120\n"), "mov #0x5a00, &0x0120", ""},
            {"TheVectors",
             loop("mov #again, &0xfff2\n mov #again, &0xffe4\n"),
             "mov.b #0, &0xfff4",
             ""},
            {"Calls", loop("clr r6\n mov #again, r7\n br #authex_scheduler_enter\n"), "", ""},
            {"CallsThatReturnInside",
             loop("mov #1, r6\n mov #authex_scheduler_enter+4, r7\n br #authex_scheduler_enter\n"),
             "",
             ""},
            {"Stack",
             loop("mov #0x0204, r1\n nop\n mov #0x0122, r1\n nop\n mov #0xfff2, r1\n nop\n"
                  " mov #0x0904, r1\n nop\n mov #2, r1\n nop\n mov #0x3000, r1\n nop\n"),
             "mov #0x0202, r1\n nop\n mov #0x0906, r1\n nop",
             ""},
            {"StackGuard", loop("mov #-2, r1\n mov #-2, r15\n .short 0x1388\n nop\n"), "", ""},
            {"Sleep", loop("bis #0x10, r2\n bis #0xf0, r2\n mov #0x10, r2\n"), "", ""},
            {"AnotherDevice", "mov #1, &0x00b2\n" + loop("nop\n"), "", ""},
            {"AnotherDeviceAndSections", "mov #1, &0x00b2\n" + loop(longest + "nop\n"), "", ""},
            {"DataOverTheSchedulers",
             loop("clr r9\n clr r10\n mov #0x1234, r11\n mov #e_begin, r12\n mov #e_end, r13\n"
                  " mov #0x0120, r14\n mov #0x0300, r15\n .short 0x1381\n"),
             "",
             enclave("e", "nop\n")},
            {"TextOverTheSchedulers",
             loop("clr r9\n clr r10\n mov #0x1234, r11\n mov #authex_scheduler_enter, r12\n"
                  " mov #0xffff, r13\n mov #0x1000, r14\n mov #0x1000, r15\n .short 0x1381\n"),
             "",
             ""}};
}

std::vector<Adversary> who_has_enclaves(unsigned limit) {
    const std::string longest = section(limit);
    return {{"PingPong",
             made("e", 0x0a00) + "br #e_begin\n",
             "br #e_begin",
             enclave("e", "mov #e_begin, r7\n br #authex_scheduler_enter\n")},
            {"PingPongOfTwo",
             made("e", 0x0a00) + made("f", 0x0a20) + "br #e_begin\n",
             "br #e_begin",
             enclave("e", "mov #f_begin, r7\n br #authex_scheduler_enter\n") +
                 enclave("f", "mov #e_begin, r7\n br #authex_scheduler_enter\n")},
            {"EnclaveAndSection",
             made("e", 0x0a00) + loop("mov #2f, r7\n br #e_begin\n 2:\n"),
             "br #again",
             enclave("e", nops(7) + longest + "br r7\n")},
            {"EnclaveAfterEnclave",
             made("e", 0x0a00) + made("f", 0x0a20) + "br #e_begin\n",
             "br #e_begin",
             enclave("e", nops(12) + "br #f_begin\n") + enclave("f", nops(12) + "br #e_begin\n")},
            {"EnclaveThatIsGoneBackTo",
             made("e", 0x0a00) + "mov #1, &0x00b2\n br #e_begin\n",
             "br #e_begin",
             // The state area lies below 0x0a1e, and is never looked at.
             enclave("e", nops(6) + longest + "mov #0x0a1c, &0x0a1e\n 1: nop\n jmp 1b\n")}};
}

std::vector<Adversary> who_has_jobs(unsigned limit) {
    const std::string longest = section(limit);
    std::vector<Adversary> all;
    all.push_back(of_jobs("JobsThatSection", longest + "1: nop\n jmp 1b\n", longest + "nop\n"));
    all.push_back(of_jobs(
        "JobsThatReturn", clix(limit) + nops(5) + "eint\n br #authex_scheduler_enter\n", "nop\n"));
    all.push_back(of_jobs(
        "JobsThatSectionLate", nops(14) + longest + "1: nop\n jmp 1b\n", longest + "nop\n"));
    all.push_back(of_jobs("JobsThatLoop", "1: dint\n jmp 1b\n", "nop\n"));
    all.push_back(of_jobs("JobsThatViolate", "mov &0x0200, r5\n", longest + "nop\n"));
    all.push_back(of_jobs("JobsThatLeave", "br #@_out\n", "nop\n"));
    all.back().enclaves += "e_out: f_out: g_out:\n" + nops(13) + longest + "1: jmp 1b\n";
    all.push_back(of_jobs("JobsAndAnotherDevice",
                          longest + "1: nop\n jmp 1b\n",
                          "mov #1, &0x00b2\n" + longest + "nop\n"));
    return all;
}

} // namespace

std::vector<Adversary> adversaries(unsigned limit) {
    std::vector<Adversary> all;
    for (const auto& kind : {who_holds_back, who_breaks_rules, who_has_enclaves, who_has_jobs}) {
        for (Adversary& each : std::vector(kind(limit))) {
            all.push_back(std::move(each));
        }
    }
    return all;
}

} // namespace authex::test
