#include "descriptor/model.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace authex::descriptor {
namespace {

template <typename T>
const T* find(const std::vector<T>& list, std::string_view name) {
    const auto found = std::find_if(
        list.begin(), list.end(), [name](const T& element) { return element.name == name; });
    return found == list.end() ? nullptr : &*found;
}

} // namespace

std::string_view to_string(Tee tee) {
    switch (tee) {
    case Tee::native:
        return "native";
    case Tee::sgx:
        return "sgx";
    case Tee::trustzone:
        return "trustzone";
    case Tee::sancus:
        return "sancus";
    }
    return "?";
}

std::string_view to_string(Machine machine) {
    return machine == Machine::x86_64 ? "x86-64" : "aarch64";
}

std::string_view to_string(Delivery delivery) {
    switch (delivery) {
    case Delivery::ordered:
        return "ordered";
    case Delivery::lossy:
        return "lossy";
    }
    return "?";
}

std::string_view to_string(crypto::Algorithm algorithm) {
    switch (algorithm) {
    case crypto::Algorithm::aes_128_gcm:
        return "aes-128-gcm";
    case crypto::Algorithm::spongent_128:
        return "spongent-128";
    case crypto::Algorithm::aes_256_gcm:
        return "aes-256-gcm";
    }
    return "?";
}

std::string to_string(const Address& address) {
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    return is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                   : fmt::format("{}:{}", address.host, address.port);
}

std::string to_string(const EndpointReference& reference) {
    return reference.id ? fmt::format("{}.{}", reference.module, *reference.id)
                        : fmt::format("{}.{}", reference.module, reference.endpoint);
}

const Node* Descriptor::find_node(std::string_view name) const {
    return find(nodes, name);
}
const Module* Descriptor::find_module(std::string_view name) const {
    return find(modules, name);
}
const Connection* Descriptor::find_connection(std::string_view name) const {
    return find(connections, name);
}

} // namespace authex::descriptor
