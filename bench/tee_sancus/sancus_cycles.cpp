// Cycles of drivers on a microcontroller with Sancus, protected and not. They are counted as the
// hardware counts them, so each run gives the same. Prints one JSON object.
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "tee/sancus/driven.hpp"

namespace authex::test {
namespace {

using sancus_emulator::Core;
namespace reg = sancus_emulator::reg;

/// The node's own code, where calls come from and return to. (sancus_node.cpp)
constexpr std::uint16_t outside_begin = 0x5c00;
constexpr std::uint16_t outside_end = 0x5c80;

/// Where the cycles of a call or of an interrupt go.
class Account : public sancus_emulator::Observer {
  public:
    void instruction(const Core& core) override {
        const std::uint64_t cycle = core.cycle;
        if (spent_on_ != nullptr) {
            *spent_on_ += cycle - since_;
        }
        const std::uint16_t pc = core.r[reg::pc];
        const bool outside = pc >= outside_begin && pc < outside_end;
        if (interrupted_at_ != 0 && outside) {
            service = cycle - interrupted_at_;
            interrupted_at_ = 0;
        }
        spent_on_ = part_of(core, pc, outside);
        since_ = cycle;
    }
    void was_reset(const Core&) override { throw std::runtime_error("the board was reset"); }
    void violated(const Core&, const sancus_emulator::Violation&) override {
        throw std::runtime_error("a violation");
    }
    void interrupt(const Core& core, unsigned) override { interrupted_at_ = core.cycle; }
    [[nodiscard]] bool wants_instructions() const override { return true; }

    void begin() {
        proof = open = seal = gate = rest = service = 0;
        spent_on_ = nullptr;
    }
    [[nodiscard]] std::uint64_t total() const { return proof + open + seal + gate + rest; }

    std::uint64_t proof = 0; ///< that the module's memory is its own, at each entry
    std::uint64_t open = 0;
    std::uint64_t seal = 0;
    std::uint64_t gate = 0; ///< in the gate; the ways there and back are entries
    std::uint64_t rest = 0;
    std::uint64_t service = 0; ///< from the last interrupt until the interrupted code goes on

  private:
    std::uint64_t* part_of(const Core& core, std::uint16_t pc, bool outside) {
        constexpr std::uint16_t wrap = 0x1384;
        constexpr std::uint16_t unwrap = 0x1385;
        const std::uint16_t word = core.memory.word(pc);
        if (outside) {
            return nullptr;
        }
        if (word == wrap || word == unwrap) {
            const bool own_key = core.r[9] == 0; // else r9 is the key's address
            return own_key ? &proof : word == wrap ? &seal : &open;
        }
        return pc >= first_place.gate && pc < first_place.text ? &gate : &rest;
    }

    std::uint64_t* spent_on_ = nullptr;
    std::uint64_t since_ = 0;
    std::uint64_t interrupted_at_ = 0;
};

std::string row(const std::string& name, const Account& account) {
    return fmt::format(
        R"("{}": {{"total": {}, "proof": {}, "open": {}, "seal": {}, "gate": {}, "rest": {}}})",
        name,
        account.total(),
        account.proof,
        account.open,
        account.seal,
        account.gate,
        account.rest);
}

/// One event into the module, after a first one that is not counted.
template <typename Do>
std::string measured(const std::string& name, Driven& driven, Do act) {
    act();
    Account account;
    driven.node.machine->observe(&account);
    account.begin();
    act();
    driven.node.machine->observe(nullptr);
    return row(name, account);
}

std::string button() {
    Driven driven("button", {"button0"});
    driven.listen("pressed");
    driven.press("button0");
    (void)driven.look();
    Account account;
    driven.node.machine->observe(&account);
    driven.press("button0");
    const std::uint64_t service = account.service;
    account.begin();
    (void)driven.look();
    driven.node.machine->observe(nullptr);
    return fmt::format(
        R"("button_interrupt": {{"total": {}}}, {})", service, row("button_deferred", account));
}

/// The same without protection: a handler of the interrupt, one that makes a frame without tag of
/// it, an event in that switches the LED, and a text that is shown. r12 is the body of an event,
/// r13 where it ends, r14 room.
constexpr const char* unprotected = R"(
    .global service, deferred, set, show, done
service:  bic.b #1, &0x23
          bis   #1, &0x0300
          bic   #0xf0, 0(r1)
          reti
deferred: tst   &0x0300
          jz    done
          clr   &0x0300
          mov   #0x0401, 0(r14)     ; version, kind
          mov   #1, 2(r14)          ; deployment
          mov   #2, 4(r14)          ; channel
          clr   6(r14)
          mov   #1, 8(r14)          ; length
          clr   10(r14)
          mov   &0x0302, 12(r14)    ; counter
          mov   &0x0304, 14(r14)
          clr   16(r14)
          clr   18(r14)
          mov.b #1, 20(r14)
          inc   &0x0302
          adc   &0x0304
          jmp   done
set:      mov.b @r12, r15
          tst.b r15
          jz    1f
          mov.b #1, r15
1:        mov.b r15, &0x29
          jmp   done
show:     mov   #1, &0x1c0
1:        cmp   r13, r12
          jhs   2f
          mov.b @r12+, r15
          cmp   #10, r15
          jeq   3f
          mov   r15, &0x1c4
          jmp   1b
3:        mov   #16, &0x1c2
          jmp   1b
2:        mov   #2, &0x1c0
done:     br    r7
)";

class Unprotected {
  public:
    Unprotected() : program_(unprotected, 0x7000) {
        node_.machine->load(program_.origin(), program_.bytes());
        node_.bind(2, program_.label("service"));
    }
    std::string rows() {
        return fmt::format(
            R"("unprotected_interrupt": {{"total": {}}}, "unprotected_deferred": {{"total": {}}}, )"
            R"("unprotected_set": {{"total": {}}}, "unprotected_show": {{"total": {}}})",
            interrupt(),
            call("deferred", {}),
            call("set", {1}),
            call("show", text()));
    }
    static Octets text() {
        const std::string shown = "3 of 40 are free";
        return {shown.begin(), shown.end()};
    }

  private:
    std::uint64_t interrupt() {
        auto& devices = node_.machine->devices();
        devices.write(0x24, 0x0100, 0xff00, 0); // P1IE, in the high byte of the word
        Account account;
        node_.machine->observe(&account);
        node_.input("button0", "pressed");
        node_.idle(100'000);
        node_.machine->observe(nullptr);
        return account.service;
    }
    std::uint64_t call(const char* label, const Octets& body) {
        constexpr std::uint16_t buffer = 0x3000;
        node_.machine->load(buffer, body);
        ModuleCall in;
        in.in = buffer;
        in.in_bytes = static_cast<std::uint16_t>(buffer + body.size());
        Account account;
        node_.machine->observe(&account);
        if (!node_.call(program_.label(label), in)) {
            throw std::runtime_error("the unprotected handler has not returned");
        }
        node_.machine->observe(nullptr);
        return account.total();
    }

    SancusNode node_;
    sancus_emulator::test::Program program_;
};

std::string all() {
    Driven led("led", {"led0"});
    led.connect("set");
    Driven display("display", {"lcd"});
    display.connect("show");
    Driven sensor("sensor", {"soil"});
    sensor.connect("ask");
    sensor.listen("value");
    return "{" + measured("led_set", led, [&] { (void)led.send("set", {1}); }) + ", " +
           measured(
               "display_show", display, [&] { (void)display.send("show", Unprotected::text()); }) +
           ", " + measured("sensor_ask", sensor, [&] { (void)sensor.send("ask", {}); }) + ", " +
           button() + ", " + Unprotected().rows() + "}";
}

} // namespace
} // namespace authex::test

int main() {
    try {
        std::puts(authex::test::all().c_str());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sancus_cycles: %s\n", error.what());
        return 1;
    }
}
