#include "simulation/shape.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace authex::simulation {
namespace {

using descriptor::Connection;
using descriptor::EndpointReference;

EndpointReference end_of(const std::string& text) {
    const std::size_t dot = text.find('.');
    EndpointReference end;
    end.module = text.substr(0, dot);
    end.endpoint = text.substr(dot + 1);
    return end;
}

class Drawing {
  public:
    explicit Drawing(Random& random) : random_(random) {
        descriptor().application = "simulated";
        descriptor().simulation_allowed = true;
        const std::uint64_t nodes = random.between(2, 3);
        for (std::uint16_t i = 0; i < nodes; ++i) {
            descriptor::Node node;
            node.name = fmt::format("n{}", i);
            node.address.host = "127.0.0.1";
            node.address.port = static_cast<std::uint16_t>(control_port + i);
            descriptor().nodes.push_back(node);
        }
    }

    Shape example() {
        for (const char* name : {"button", "controller", "led", "db"}) {
            module(name, name);
        }
        connect("button.pressed", "controller.button_pressed");
        connect("controller.set_led", "led.set");
        connect("controller.count", "db.increment");
        direct("button.trigger", false);
        direct("db.read_count", true);
        direct("led.read_state", true);
        return std::move(shape_);
    }

    /// Every module but the first hears of an earlier one.
    Shape mixers() {
        const std::uint64_t modules = random_.between(2, 4);
        for (std::uint64_t i = 0; i < modules; ++i) {
            module(name_of(i), "mixer");
        }
        std::vector<bool> asks(modules, false);
        for (std::uint64_t to = 1; to < modules; ++to) {
            const std::uint64_t ways = random_.between(1, 2);
            for (std::uint64_t way = 0; way < ways; ++way) {
                join(random_.below(to), to, asks);
            }
        }
        direct(name_of(0) + ".in", false);
        direct(name_of(random_.below(modules)) + ".other", false);
        if (random_.one_in(2)) {
            direct(name_of(random_.below(modules)) + ".answer", true);
        }
        return std::move(shape_);
    }

  private:
    descriptor::Descriptor& descriptor() { return shape_.descriptor; }
    static std::string name_of(std::uint64_t module) { return fmt::format("m{}", module); }

    void module(const std::string& name, const std::string& program) {
        descriptor::Module module;
        module.name = name;
        module.node.name = descriptor().nodes[random_.below(descriptor().nodes.size())].name;
        module.sources.push_back({.path = program + ".cpp", .where = {}});
        descriptor().modules.push_back(std::move(module));
    }

    /// Events go to later modules only, so that they end; a request may go anywhere but home.
    void join(std::uint64_t from, std::uint64_t to, std::vector<bool>& asks) {
        if (!asks[from] && random_.one_in(3)) {
            asks[from] = true;
            connect(name_of(from) + ".ask", name_of(to) + ".answer");
            return;
        }
        const char* output = random_.one_in(2) ? ".out" : ".echo";
        const char* input = random_.one_in(3) ? ".other" : ".in";
        const std::string source = name_of(from) + output;
        const std::string destination = name_of(to) + input;
        const auto& all = descriptor().connections;
        const bool there = std::any_of(all.begin(), all.end(), [&](const Connection& each) {
            return each.name == source + "->" + destination;
        });
        if (!there) {
            connect(source, destination);
        }
    }

    Connection& add(const std::string& name, const std::string& to) {
        Connection connection;
        connection.name = name;
        connection.to = end_of(to);
        connection.id = static_cast<std::uint16_t>(descriptor().connections.size() + 1);
        descriptor().connections.push_back(std::move(connection));
        return descriptor().connections.back();
    }
    void connect(const std::string& from, const std::string& to) {
        add(from + "->" + to, to).from = end_of(from);
    }
    void direct(const std::string& to, bool request) {
        const std::string name = "direct->" + to;
        add(name, to);
        (request ? shape_.direct_handlers : shape_.direct_inputs).push_back(name);
    }

    Random& random_;
    Shape shape_;
};

} // namespace

const Connection* Shape::connection(std::uint16_t channel) const {
    return channel == 0 || channel > descriptor.connections.size()
               ? nullptr
               : &descriptor.connections[channel - 1U];
}

std::string Shape::program_of(const std::string& module) const {
    const descriptor::Module* found = descriptor.find_module(module);
    if (found == nullptr) {
        throw std::logic_error("no module " + module);
    }
    return found->sources[0].path.stem().string();
}

Shape draw_shape(Random& random) {
    Drawing drawing(random);
    Shape shape = random.one_in(4) ? drawing.example() : drawing.mixers();
    for (descriptor::Module& module : shape.descriptor.modules) {
        module.persist = random.one_in(2);
    }
    return shape;
}

} // namespace authex::simulation
