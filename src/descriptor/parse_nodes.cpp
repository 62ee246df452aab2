#include <fmt/format.h>

#include "descriptor/sections.hpp"
#include "descriptor/values.hpp"

namespace authex::descriptor {
namespace {

std::optional<Vendor>
read_vendor(const Element& element, const std::string& of, Findings& findings) {
    const MapReader map(element, fmt::format("the vendor of {}", of), {"id", "key-file"}, findings);
    Vendor vendor;
    vendor.where = element.where;
    if (const Element* id = map.require("id", element.where)) {
        // Sancus keeps vendor 0 for unprotected code.
        if (const auto value = read_integer(*id, "a vendor id", {1, 0xFFFF}, findings)) {
            vendor.id = static_cast<std::uint16_t>(*value);
        }
    }
    if (const Element* file = map.require("key-file", element.where)) {
        vendor.key_file = read_path(*file, "«key-file»", findings).value_or("");
    }
    return vendor;
}

void check_vendor(const Element* vendor, const Node& node, Findings& findings) {
    if (node.tee == Tee::sancus && vendor == nullptr) {
        findings.error(node.where,
                       {"missing-key",
                        fmt::format("node {} has no «vendor»", quote(node.name)),
                        "add «vendor: { id: 0x1234, key-file: … }»; Sancus derives keys from it"});
    }
    if (node.tee != Tee::sancus && vendor != nullptr) {
        findings.error(vendor->where,
                       {"vendor-without-sancus",
                        fmt::format("a {} node has no vendor", to_string(node.tee)),
                        "remove it; only Sancus derives keys from a vendor's"});
    }
}

void check_board(const Element& board, const Node& node, Findings& findings) {
    if (node.tee != Tee::sancus) {
        findings.error(board.where,
                       {"board-without-sancus",
                        fmt::format("a {} node has no board", to_string(node.tee)),
                        "remove it; it is what «authex dev» emulates as a Sancus node"});
    }
}

/// What only TrustZone nodes have.
void check_trustzone(const Element& element, const Node& node, Findings& findings) {
    if (node.tee != Tee::trustzone) {
        findings.error(
            element.where,
            {"machine-without-trustzone",
             fmt::format("a {} node has neither machine nor device key", to_string(node.tee)),
             "remove it; both are of TrustZone"});
    }
}

void read_machine(const Element& machine, Node& node, Findings& findings) {
    check_trustzone(machine, node, findings);
    if (const auto index = read_choice(machine, "«machine»", {"aarch64", "x86-64"}, findings)) {
        node.machine = static_cast<Machine>(*index);
    }
}

Node read_node(const Entry& entry, Findings& findings) {
    Node node;
    node.name = entry.key->text;
    node.where = entry.key->where;
    (void)read_name(*entry.key, "name of a node", findings);
    const std::string what = fmt::format("node {}", quote(node.name));
    const MapReader map(
        *entry.value,
        what,
        {"tee", "address", "events", "vendor", "certificate", "board", "machine", "device-key"},
        findings);
    if (const Element* tee = map.require("tee", node.where)) {
        const auto index =
            read_choice(*tee, "«tee»", {"native", "sgx", "trustzone", "sancus"}, findings);
        if (index) {
            node.tee = static_cast<Tee>(*index);
            check_vendor(map.find("vendor"), node, findings);
        }
    }
    if (const Element* address = map.require("address", node.where)) {
        node.address = read_address(*address, "«address»", findings).value_or(Address{});
    }
    if (const Element* events = map.find("events")) {
        node.events = read_address(*events, "«events»", findings);
    }
    if (const Element* vendor = map.find("vendor")) {
        node.vendor = read_vendor(*vendor, what, findings);
    }
    if (const Element* certificate = map.find("certificate")) {
        node.certificate = read_path(*certificate, "«certificate»", findings);
    }
    if (const Element* board = map.find("board")) {
        node.board = read_path(*board, "«board»", findings);
        check_board(*board, node, findings);
    }
    if (const Element* machine = map.find("machine")) {
        read_machine(*machine, node, findings);
    }
    if (const Element* key = map.find("device-key")) {
        node.device_key = read_path(*key, "«device-key»", findings);
        check_trustzone(*key, node, findings);
    }
    return node;
}

} // namespace

void read_nodes(const Element& section, Descriptor& descriptor, Findings& findings) {
    const std::vector<Entry>& entries = read_entries(section, "«nodes»", findings);
    if (section.kind == Element::Kind::map && entries.empty()) {
        findings.error(section.where,
                       {"empty-nodes",
                        "there is no node",
                        "add one: «edge: { tee: native, address: 127.0.0.1:6000 }»"});
    }
    for (const Entry& entry : entries) {
        descriptor.nodes.push_back(read_node(entry, findings));
    }
}

} // namespace authex::descriptor
