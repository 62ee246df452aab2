// The instructions that Sancus adds: keys, tags and results, against the library and known answers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crypto/spongent.hpp"
#include "sancus_emulator/guest.hpp"
#include "support/vectors.hpp"

namespace authex::sancus_emulator::test {
namespace {

using authex::test::from_hex;
using Octets = std::vector<std::uint8_t>;
namespace spongent = crypto::spongent;

Key key_of(const std::string& hex) {
    Key key{};
    const Octets bytes = from_hex(hex);
    std::copy(bytes.begin(), bytes.end(), key.begin());
    return key;
}

/// MAC(MAC(node key, vendor), text ‖ layout), from the library.
Key module_key(const Key& node, std::uint16_t vendor, ByteView text, const Layout& layout) {
    const auto little = [](Octets& to, std::uint16_t value) {
        to.push_back(static_cast<std::uint8_t>(value));
        to.push_back(static_cast<std::uint8_t>(value >> 8U));
    };
    Octets id;
    little(id, vendor);
    Key vendor_key{};
    spongent::wrap(node, id, {}, vendor_key);
    Octets message(text.begin(), text.end());
    for (const std::uint16_t address :
         {layout.text_start, layout.text_end, layout.data_start, layout.data_end}) {
        little(message, address);
    }
    Key key{};
    spongent::wrap(vendor_key, message, {}, key);
    return key;
}

Octets memory_at(const Guest& guest, std::uint16_t address, std::size_t size) {
    const auto& bytes = guest.machine.core().memory.bytes;
    return {bytes.begin() + address, bytes.begin() + address + static_cast<std::ptrdiff_t>(size)};
}

std::string words(const Octets& bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        text += fmt::format(" .short {:#x}\n", bytes[i] | bytes[i + 1] << 8U);
    }
    return text;
}

const char* const vectors = ".org 0xbffa\n .short handler\n .short 0\n .short 0x4000\n";
const char* const handler =
    ".org 0x800\n handler: add #1, &0x0202\n bis #0x10, r2\n .short 0x3fff\n";

TEST(VendorKey, IsTheKnownOne) {
    EXPECT_EQ(vendor_key(Security::bits128, reference_configuration().node_key, 0x1234),
              key_of("0b7bf3ae40880a8be430d0da34fb76f0"));
}

TEST(Protect, DerivesTheKeyThatTheVendorComputes) {
    for (const unsigned words_of_text : {1U, 2U, 17U, 100U}) {
        const Program program(std::string(prologue) + protect("a", 0x300, 0x340, 0x4321) + end +
                              handler + ".org 0x1000\n a_start: .rept " +
                              std::to_string(words_of_text) +
                              "\n .short 0x4303\n .endr\n a_end:\n" + vectors);
        Guest guest(program);
        guest.run_to_end();
        const Enclave& enclave = guest.machine.core().enclaves.at(1);
        ASSERT_TRUE(enclave.enabled);
        EXPECT_EQ(enclave.id, 1);
        EXPECT_EQ(guest.machine.core().r[15], 1);
        const Layout layout{
            0x5000, static_cast<std::uint16_t>(0x5000 + 2 * words_of_text), 0x300, 0x340};
        EXPECT_EQ(enclave.layout, layout);
        EXPECT_EQ(enclave.key,
                  module_key(reference_configuration().node_key,
                             0x4321,
                             memory_at(guest, 0x5000, 2 * words_of_text),
                             layout));
    }
}

/// protect with these registers R12 to R15, then what R15 holds goes to 0x0204.
std::string
try_protect(unsigned text_start, unsigned text_end, unsigned data_start, unsigned data_end) {
    return fmt::format(
        "clr r9\n clr r10\n mov #1, r11\n mov #{}, r12\n mov #{}, r13\n mov #{}, r14\n"
        " mov #{}, r15\n .short 0x1381\n mov r15, &0x0204\n",
        text_start,
        text_end,
        data_start,
        data_end);
}

struct Refusal {
    const char* name;
    std::array<unsigned, 4> layout;
    bool violates;
};

class Protect : public ::testing::TestWithParam<Refusal> {};

TEST_P(Protect, Refuses) {
    const auto& [name, l, violates] = GetParam();
    Guest guest(Program(std::string(prologue) + protect("a", 0x300, 0x340) +
                        "mov #0x7777, &0x0204\n" + try_protect(l[0], l[1], l[2], l[3]) + end +
                        ".org 0x800\n handler: reti\n .org 0x1000\n a_start: .space 32\n a_end:\n" +
                        vectors));
    guest.run_to_end();
    const EnclaveTable& enclaves = guest.machine.core().enclaves;
    EXPECT_EQ(guest.word(0x0204), 0);
    EXPECT_FALSE(enclaves.at(2).enabled);
    EXPECT_EQ(enclaves.next_id(), 2) << "the number was not used";
    EXPECT_EQ(guest.witness.violations.size(), violates ? 1U : 0U);
    const Layout old{0x5000, 0x5020, 0x300, 0x340};
    EXPECT_EQ(enclaves.at(1).layout, old);
    EXPECT_EQ(enclaves.at(1).key,
              module_key(reference_configuration().node_key, 0x1234, Octets(32), old))
        << "nobody changes the key of another";
}

INSTANTIATE_TEST_SUITE_P(
    Layouts,
    Protect,
    ::testing::Values(Refusal{"EmptyText", {0x5100, 0x5100, 0x400, 0x440}, false},
                      Refusal{"InvertedText", {0x5110, 0x5100, 0x400, 0x440}, false},
                      Refusal{"InvertedData", {0x5100, 0x5110, 0x440, 0x400}, false},
                      Refusal{"SameText", {0x5000, 0x5020, 0x400, 0x440}, true},
                      Refusal{"TextThatEndsInAnother", {0x4F00, 0x5002, 0x400, 0x440}, true},
                      Refusal{"TextThatBeginsInAnother", {0x501E, 0x5040, 0x400, 0x440}, true},
                      Refusal{"TextAroundAnother", {0x4F00, 0x5100, 0x400, 0x440}, true},
                      Refusal{"InvertedDataInAnothersText", {0x5000, 0x5010, 0x440, 0x400}, true}));

TEST(Protect, TakesSlotsUpToTheirNumber) {
    std::string text = prologue;
    for (unsigned i = 0; i < 5; ++i) {
        text += try_protect(0x5000 + 16 * i, 0x5010 + 16 * i, 0x300 + 16 * i, 0x310 + 16 * i) +
                fmt::format("mov r15, &{}\n", 0x210 + 2 * i);
    }
    Guest guest(Program(text + end + handler + vectors));
    guest.run_to_end();
    EXPECT_EQ(memory_at(guest, 0x210, 10), (Octets{1, 0, 2, 0, 3, 0, 4, 0, 0, 0}));
}

TEST(Protect, OfTheCodeThatRunsGoesOnInside) {
    const Program program(std::string(prologue) + protect("a", 0x300, 0x340) +
                          "mov #5, &0x300\n mov &0x300, &0x0204\n br #out\n a_end:\n out:" + end +
                          handler + ".set a_start, 0x4000\n" + vectors);
    Guest guest(program);
    guest.run_to_end();
    EXPECT_TRUE(guest.witness.violations.empty());
    EXPECT_EQ(guest.word(0x0204), 5);
}

TEST(Protect, DecryptsTextThatItsVendorEncrypted) {
    const Key node = reference_configuration().node_key;
    Key vendor{};
    spongent::wrap(node, Octets{0x34, 0x12}, {}, vendor);
    const Octets plain = {0x03, 0x43, 0x15, 0x43, 0x03, 0x43, 0x30, 0x41};
    for (const bool genuine : {true, false}) {
        Octets text = plain;
        Key tag{};
        spongent::wrap(vendor, Octets{0x77, 0x00}, text, tag);
        tag[5] ^= genuine ? 0 : 1;
        const std::string source = std::string(prologue) +
                                   "mov #tag, r9\n mov #0x77, r10\n mov #0x1234, r11\n"
                                   " mov #a_start, r12\n mov #a_end, r13\n mov #0x300, r14\n"
                                   " mov #0x340, r15\n .short 0x1381\n" +
                                   end + handler + "tag:\n" +
                                   words(Octets(tag.begin(), tag.end())) +
                                   ".org 0x1000\n a_start:\n" + words(text) + "a_end:\n" + vectors;
        Guest guest{Program(source)};
        guest.run_to_end();
        const Enclave& enclave = guest.machine.core().enclaves.at(1);
        EXPECT_EQ(enclave.enabled, genuine);
        EXPECT_EQ(guest.machine.core().r[15], genuine ? 1 : 0);
        EXPECT_EQ(memory_at(guest, 0x5000, plain.size()), genuine ? plain : text);
        if (genuine) {
            EXPECT_EQ(enclave.key, module_key(node, 0x1234, plain, {0x5000, 0x5008, 0x300, 0x340}));
        }
    }
}

TEST(Unprotect, ClearsTextAndDataAndGoesOn) {
    const Program program(std::string(prologue) + protect("a", 0x300, 0x340) +
                          "br #a_start\n back: mov #7, &0x0204\n mov &0x300, &0x0206\n" + end +
                          handler +
                          ".org 0x1000\n a_start: mov #0x5555, &0x300\n mov #back, r15\n"
                          " .short 0x1380\n a_end:\n" +
                          vectors);
    Guest guest(program);
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0204), 7);
    EXPECT_EQ(guest.word(0x0300), 0);
    EXPECT_EQ(guest.word(0x5000), 0);
    EXPECT_FALSE(guest.machine.core().enclaves.at(1).enabled);
    EXPECT_TRUE(guest.witness.violations.empty());
}

// Who may not enter there asks for the enclave's end, while nothing can be written: by the hardware
// description it ends, and what it had lies open.
TEST(Unprotect, IsRefusedToAnIntruder) {
    const Program program(std::string(prologue) + protect("a", 0x300, 0x340) +
                          "br #a_start\n back: mov #1, r15\n br #a_leave\n" + end +
                          ".org 0x800\n handler: mov &0x300, &0x0206\n here: jmp here\n" +
                          ".org 0x1000\n a_start: mov #0x5555, &0x300\n br #back\n"
                          " a_leave: .short 0x1380\n a_end:\n" +
                          vectors);
    for (const Variant variant : {Variant::base, Variant::legacy, Variant::aion}) {
        for (const Rules rules : {Rules::documented, Rules::rtl}) {
            Configuration configuration = reference_configuration();
            configuration.variant = variant;
            configuration.rules = rules;
            Guest guest(program, configuration);
            (void)guest.machine.run(100'000);
            const bool ends = rules == Rules::rtl;
            ASSERT_FALSE(guest.witness.violations.empty());
            EXPECT_EQ(guest.witness.violations[0].kind, Violation::Kind::execute);
            EXPECT_EQ(guest.machine.core().enclaves.at(1).enabled, !ends);
            EXPECT_EQ(guest.word(0x0300), 0x5555);
            EXPECT_EQ(guest.word(0x0206), ends ? 0x5555 : 0);
        }
    }
}

// A text that is said to be encrypted and does not decrypt makes no enclave. By the hardware
// description it also ends the one in whose text it was to begin, and what that had lies open: also
// where no byte was asked for, so that nothing overlaps (seen on it with and without
// ATOMICITY_MONITOR).
TEST(Protect, ThatFailsEndsNobodyElse) {
    for (const char* end_of_text : {"a_start", "a_end"}) {
        const Program program(std::string(prologue) + protect("a", 0x300, 0x340) +
                              "br #a_start\n back: mov #1, r10\n mov #0x3000, r9\n"
                              " mov #a_start, r12\n mov #" +
                              end_of_text +
                              ", r13\n mov #0x400, r14\n mov #0x400, r15\n .short 0x1381\n"
                              " look: mov &0x300, &0x0206\n" +
                              end + ".org 0x800\n handler: mov #0x2800, r1\n br #look\n" +
                              ".org 0x1000\n a_start: mov #0x5555, &0x300\n br #back\n a_end:\n" +
                              vectors);
        for (const Variant variant : {Variant::base, Variant::legacy, Variant::aion}) {
            for (const Rules rules : {Rules::documented, Rules::rtl}) {
                Configuration configuration = reference_configuration();
                configuration.variant = variant;
                configuration.rules = rules;
                Guest guest(program, configuration);
                (void)guest.machine.run(100'000);
                const bool ends = rules == Rules::rtl;
                EXPECT_EQ(guest.machine.core().enclaves.at(1).enabled, !ends);
                EXPECT_EQ(guest.word(0x0300), 0x5555);
                EXPECT_EQ(guest.word(0x0206), ends ? 0x5555 : 0);
            }
        }
    }
}

// Hardware lets an enclave's data lie over another's, which then cannot be cleared.
TEST(Unprotect, DoesNotEndAnEnclaveThatItCannotClear) {
    for (const char* data : {"#0x310, r14\n mov #0x312", "#a_start, r14\n mov #a_next"}) {
        const Program program(std::string(prologue) + protect("a", 0x300, 0x340) +
                              "mov #b_start, r12\n mov #b_end, r13\n mov " + data +
                              ", r15\n .short 0x1381\n br #a_start\n back:" + end +
                              ".org 0x800\n handler:" + end +
                              ".org 0x1000\n a_start: mov #0x5555, &0x320\n a_next: mov #back, "
                              "r15\n .short 0x1380\n a_end:\n" +
                              ".org 0x1100\n b_start: nop\n b_end:\n" + vectors);
        Guest guest(program);
        guest.run_to_end();
        EXPECT_EQ(guest.witness.violations.size(), 1U);
        EXPECT_TRUE(guest.machine.core().enclaves.at(1).enabled);
    }
}

TEST(Unprotect, IsRefusedOutside) {
    Guest guest(Program(std::string(prologue) + protect("a", 0x300, 0x340) +
                        "mov #0x4000, r15\n .short 0x1380\n mov r15, &0x0204\n" + end + handler +
                        ".org 0x1000\n a_start: nop\n a_end:\n" + vectors));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0204), 0);
    EXPECT_TRUE(guest.machine.core().enclaves.at(1).enabled);
}

/// Enclave a, whose measurement lies at 0x0240 unless `harm` changes it; `body` is run, and R15
/// goes to 0x0204.
Guest measured(const std::string& body, bool harm) {
    const Octets text = {0x03, 0x43, 0x03, 0x43, 0x30, 0x40, 0x00, 0x00}; // the last: br #back
    const auto source = [&](const Octets& tag) {
        return std::string(prologue) + protect("a", 0x300, 0x340) + body +
               "back: mov r15, &0x0204\n" + end + handler + "tag:\n" + words(tag) +
               ".org 0x1000\n a_start: nop\n nop\n br #asked\n a_end:\n" + vectors;
    };
    // The text holds an address that depends on nothing that follows: assemble twice.
    const Program first(source(Octets(16)));
    const ByteView content = first.bytes().subspan(0x1000, text.size());
    Octets message(content.begin(), content.end());
    for (const unsigned address : {0x5000U, 0x5008U, 0x300U, 0x340U}) {
        message.push_back(static_cast<std::uint8_t>(address));
        message.push_back(static_cast<std::uint8_t>(address >> 8U));
    }
    Key tag{};
    spongent::wrap(Key{}, message, {}, tag);
    tag[0] ^= harm ? 1 : 0;
    return Guest(Program(source(Octets(tag.begin(), tag.end()))));
}

const char* const by_address =
    "mov #a_start, r14\n mov #tag, r15\n .short 0x1382\n br #back\n asked:\n";
const char* const by_caller = "br #a_start\n asked: mov #tag, r15\n .short 0x1383\n";

TEST(Attest, AnswersWithTheIdOfTheMeasuredOnly) {
    for (const char* body : {by_address, by_caller}) {
        for (const bool harm : {false, true}) {
            Guest guest = measured(body, harm);
            guest.run_to_end();
            EXPECT_EQ(guest.word(0x0204), harm ? 0 : 1) << body;
        }
    }
}

TEST(Attest, OfNobodyIsRefused) {
    Guest guest =
        measured("mov #0x4000, r14\n mov #tag, r15\n .short 0x1382\n br #back\n asked:\n", false);
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0204), 0);
    Guest caller = measured("mov #tag, r15\n .short 0x1383\n br #back\n asked:\n", false);
    caller.run_to_end();
    EXPECT_EQ(caller.word(0x0204), 0) << "the caller is not protected";
}

/// Wraps at 0x1384, or unwraps: key at `key` or the own one, sizes in bytes, in and out at 0x0260
/// and 0x0280, tag at 0x0240.
std::string wrapping(unsigned instruction, unsigned associated, unsigned body, bool own_key) {
    return fmt::format("mov #{}, r9\n mov #ad, r10\n mov #ad+{}, r11\n mov #0x260, r12\n"
                       " mov #0x260+{}, r13\n mov #0x280, r14\n mov #0x240, r15\n .short {:#x}\n"
                       " mov r15, &0x0204\n",
                       own_key ? "0" : "key",
                       associated,
                       body,
                       instruction);
}

std::string copy_in(const Octets& bytes, unsigned to) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        text += fmt::format("mov #{}, &{}\n", bytes[i] | bytes[i + 1] << 8U, to + i);
    }
    return text;
}

const Octets some_key = from_hex("000102030405060708090a0b0c0d0e0f");
const Octets some_data = from_hex("101112131415161718191a1b1c1d1e1f");

TEST(Wrap, EqualsTheLibrary) {
    for (const std::size_t associated : {2U, 6U, 16U}) {
        for (const std::size_t size : {0U, 2U, 16U}) {
            const Octets body(some_data.begin(),
                              some_data.begin() + static_cast<std::ptrdiff_t>(size));
            Guest guest(Program(
                std::string(prologue) + copy_in(body, 0x260) +
                wrapping(
                    0x1384, static_cast<unsigned>(associated), static_cast<unsigned>(size), false) +
                end + handler + "key:\n" + words(some_key) + "ad:\n" + words(some_data) + vectors));
            guest.run_to_end();
            Octets cipher = body;
            Key tag{};
            spongent::wrap(spongent::KeyView(some_key.data(), 16),
                           ByteView(some_data).first(associated),
                           cipher,
                           tag);
            EXPECT_EQ(guest.word(0x0204), 1);
            EXPECT_EQ(memory_at(guest, 0x280, size), cipher);
            EXPECT_EQ(memory_at(guest, 0x240, 16), Octets(tag.begin(), tag.end()));
        }
    }
}

TEST(Unwrap, GivesPlainTextOfWhatIsGenuineAlone) {
    Octets cipher = some_data;
    Key tag{};
    spongent::wrap(
        spongent::KeyView(some_key.data(), 16), ByteView(some_data).first(2), cipher, tag);
    for (const Rules rules : {Rules::documented, Rules::rtl}) {
        for (const bool genuine : {true, false}) {
            Octets stored(tag.begin(), tag.end());
            stored[15] ^= genuine ? 0 : 0x80;
            Configuration configuration = reference_configuration();
            configuration.rules = rules;
            Guest guest(Program(std::string(prologue) + copy_in(cipher, 0x260) +
                                copy_in(stored, 0x240) + wrapping(0x1385, 2, 16, false) + end +
                                handler + "key:\n" + words(some_key) + "ad:\n" + words(some_data) +
                                vectors),
                        configuration);
            guest.run_to_end();
            EXPECT_EQ(guest.word(0x0204), genuine ? 1 : 0);
            const bool shows = genuine || rules == Rules::rtl;
            EXPECT_EQ(memory_at(guest, 0x280, 16), shows ? some_data : Octets(16));
        }
    }
}

TEST(Wrap, WithTheOwnKeyIsRefusedOutside) {
    Guest guest(Program(std::string(prologue) + wrapping(0x1384, 2, 2, true) + end + handler +
                        "ad:\n" + words(some_data) + vectors));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0204), 0);
}

TEST(Wrap, WithTheOwnKeyUsesTheModulesKey) {
    Guest guest(Program(std::string(prologue) + protect("a", 0x300, 0x340) +
                        "br #a_start\n back:" + end + handler + "ad:\n" + words(some_data) +
                        ".org 0x1000\n a_start:" + wrapping(0x1384, 4, 0, true) +
                        "br #back\n a_end:\n" + vectors));
    guest.run_to_end();
    Key tag{};
    spongent::wrap(guest.machine.core().enclaves.at(1).key, ByteView(some_data).first(4), {}, tag);
    EXPECT_EQ(guest.word(0x0204), 1);
    EXPECT_EQ(memory_at(guest, 0x240, 16), Octets(tag.begin(), tag.end()));
}

TEST(Wrap, OfAnothersDataIsAViolation) {
    Guest guest(Program(std::string(prologue) + protect("a", 0x260, 0x280) +
                        wrapping(0x1384, 2, 2, false) + end + handler + "key:\n" + words(some_key) +
                        "ad:\n" + words(some_data) + ".org 0x1000\n a_start: nop\n a_end:\n" +
                        vectors));
    guest.run_to_end();
    ASSERT_EQ(guest.witness.violations.size(), 1U);
    EXPECT_EQ(guest.witness.violations[0].kind, Violation::Kind::read);
    EXPECT_EQ(guest.witness.violations[0].address, 0x260);
    EXPECT_EQ(memory_at(guest, 0x240, 16), Octets(16)) << "no tag over what it may not read";
}

TEST(Ids, NameTheTextsOwnerAndTheCaller) {
    Guest guest(
        Program(std::string(prologue) + ".short 0x1387\n mov r15, &0x0210\n" +
                protect("a", 0x300, 0x340) + protect("b", 0x400, 0x440) +
                "mov #b_start, r15\n .short 0x1386\n mov r15, &0x0204\n"
                " mov #0x300, r15\n .short 0x1386\n mov r15, &0x0206\n"
                " br #a_start\n back: .short 0x1387\n mov r15, &0x020c\n" +
                end + handler +
                ".org 0x1000\n a_start: .short 0x1387\n mov r15, &0x0208\n br #b_start\n a_end:\n"
                ".org 0x1100\n b_start: .short 0x1387\n mov r15, &0x020a\n br #back\n b_end:\n" +
                vectors));
    guest.run_to_end();
    EXPECT_EQ(guest.word(0x0210), 0xFFFF) << "after a reset";
    EXPECT_EQ(guest.word(0x0204), 2);
    EXPECT_EQ(guest.word(0x0206), 0) << "data do not count";
    EXPECT_EQ(guest.word(0x0208), 0) << "called by unprotected code";
    EXPECT_EQ(guest.word(0x020A), 1);
    EXPECT_EQ(guest.word(0x020C), 2);
}

} // namespace
} // namespace authex::sancus_emulator::test
