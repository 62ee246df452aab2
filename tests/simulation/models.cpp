#include "simulation/models.hpp"

#include <stdexcept>

namespace authex::simulation {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets little_endian(std::uint64_t value, std::size_t bytes) {
    Octets out;
    for (std::size_t i = 0; i < bytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    return out;
}
Model::Sent output(const char* endpoint, Octets data) {
    return {.what = Sending::What::output, .endpoint = endpoint, .data = std::move(data)};
}
Model::Sent line(std::string_view text) {
    return {.what = Sending::What::log, .endpoint = {}, .data = Octets(text.begin(), text.end())};
}

/// A model is all of its state.
template <typename Self>
class Copied : public Model {
  public:
    [[nodiscard]] std::unique_ptr<Model> copy() const override {
        return std::make_unique<Self>(static_cast<const Self&>(*this));
    }
};

class Button final : public Copied<Button> {
    bool take(const Given&, std::vector<Sent>& sent, Octets&) override {
        sent = {line("button pressed"), output("pressed", {})};
        return true;
    }
};

class Controller final : public Copied<Controller> {
    bool take(const Given&, std::vector<Sent>& sent, Octets&) override {
        lit_ = !lit_;
        sent = {output("set_led", {static_cast<std::uint8_t>(lit_ ? 1 : 0)}), output("count", {})};
        return true;
    }
    bool lit_ = false;
};

class Led final : public Copied<Led> {
    bool take(const Given& given, std::vector<Sent>& sent, Octets& answer) override {
        if (given.endpoint == "set") {
            lit_ = !given.data.empty() && given.data[0] != 0;
            sent = {line(lit_ ? "LED is on" : "LED is off")};
        } else {
            answer = {static_cast<std::uint8_t>(lit_ ? 1 : 0)};
        }
        return true;
    }
    bool lit_ = false;
};

class Db final : public Copied<Db> {
    bool take(const Given& given, std::vector<Sent>&, Octets& answer) override {
        if (given.endpoint == "increment") {
            ++presses_;
        } else {
            answer = little_endian(presses_, 4);
        }
        return true;
    }
    std::uint32_t presses_ = 0;
};

/// modules/mixer.cpp
class Mixer final : public Copied<Mixer> {
    bool take(const Given& given, std::vector<Sent>& sent, Octets& answer) override {
        if (given.endpoint == "in") {
            add(1, given.data);
            sent = {output("out", little_endian(state_, 8))};
        } else if (given.endpoint == "other") {
            add(2, given.data);
            sent = {output("echo", Octets(given.data.begin(), given.data.end())),
                    {.what = Sending::What::request,
                     .endpoint = "ask",
                     .data = little_endian(state_, 8)}};
        } else if (given.endpoint == "ask") {
            fold(3);
            fold(given.id);
            fold(given.status);
            fold(given.data);
            sent = {output("out", little_endian(state_, 8))};
        } else if (given.endpoint == "answer") {
            add(4, given.data);
            answer = little_endian(state_, 8);
            return state_ % 8 != 0;
        } else {
            answer = little_endian(state_, 8);
        }
        return true;
    }
    void add(std::uint64_t what, ByteView data) {
        fold(what);
        fold(data);
    }
    void fold(ByteView data) {
        fold(data.size());
        const std::size_t in_words = data.size() / 8 * 8;
        for (std::size_t at = 0; at < in_words; at += 8) {
            fold(Reader(data.subspan(at)).u64());
        }
        for (const std::uint8_t byte : data.subspan(in_words)) {
            fold(std::uint64_t{byte});
        }
    }
    void fold(std::uint64_t number) {
        const std::uint64_t product = (state_ ^ number) * 0x9E3779B97F4A7C15U;
        state_ = product ^ (product >> 29U);
    }
    std::uint64_t state_ = 0;
};

} // namespace

std::unique_ptr<Model> make_model(const std::string& program) {
    if (program == "button") {
        return std::make_unique<Button>();
    }
    if (program == "controller") {
        return std::make_unique<Controller>();
    }
    if (program == "led") {
        return std::make_unique<Led>();
    }
    if (program == "db") {
        return std::make_unique<Db>();
    }
    if (program == "mixer") {
        return std::make_unique<Mixer>();
    }
    throw std::logic_error("no model of " + program);
}

} // namespace authex::simulation
