#include "sancus_emulator/program/node.hpp"

#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sancus_emulator/module_keys.hpp"
#include "sancus_emulator/program/files.hpp"
#include "sancus_emulator/program/reporter.hpp"
#include "sancus_emulator/text.hpp"

namespace authex::sancus_emulator {
namespace {

using Json = nlohmann::ordered_json;

Expected<std::string> digits_of(const NodeOptions& options) {
    if (options.key_file.empty()) {
        return options.key;
    }
    auto text = read_file(options.key_file);
    if (text) {
        text->erase(text->find_last_not_of(" \r\n\t") + 1);
    }
    return text;
}

std::string hex(Security security, const Key& key) {
    std::string digits;
    for (std::size_t i = 0; i < key_bytes(security); ++i) {
        digits += fmt::format("{:02x}", key[i]);
    }
    return digits;
}

Json to_json(Security security, const ModuleKeys& module) {
    return {{"name", module.name},
            {"text", {module.layout.text_start, module.layout.text_end}},
            {"data", {module.layout.data_start, module.layout.data_end}},
            {"key", hex(security, module.key)},
            {"measurement", hex(security, module.measurement)}};
}

std::string to_text(Security security, const ModuleKeys& module) {
    const Layout& layout = module.layout;
    return fmt::format("module {}: text 0x{:04x}–0x{:04x}, data 0x{:04x}–0x{:04x}\n"
                       "  key          {}\n  measurement  {}\n",
                       module.name,
                       layout.text_start,
                       layout.text_end,
                       layout.data_start,
                       layout.data_end,
                       hex(security, module.key),
                       hex(security, module.measurement));
}

Expected<std::vector<ModuleKeys>> modules_of(const KeysOptions& options, const Board& board) {
    if (options.firmware.empty()) {
        return std::vector<ModuleKeys>();
    }
    const auto content = read_file(options.firmware);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const auto firmware = read_firmware(view(*content), options.firmware);
    if (!firmware) {
        return tl::unexpected(firmware.error());
    }
    return module_keys(
        *firmware, board.configuration.security, board.configuration.node_key, options.vendor);
}

} // namespace

tl::expected<Board, std::vector<Diagnostic>> open_node(const NodeOptions& options) {
    auto board = open_board(options.board);
    const auto digits = digits_of(options);
    if (!digits) {
        return tl::unexpected(std::vector{digits.error()});
    }
    if (!board || (options.key.empty() && options.key_file.empty())) {
        return board;
    }
    const auto key = bytes_of_hex(*digits);
    const std::size_t wanted = key_bytes(board->configuration.security);
    if (!key || key->size() != wanted) {
        return tl::unexpected(std::vector{make_error(
            "invalid-key", fmt::format("the node key is {} hexadecimal digits", 2 * wanted))});
    }
    copy(*key, board->configuration.node_key);
    return board;
}

int show_keys(const KeysOptions& options) {
    const Reporter reporter(options.json, /*quiet=*/false);
    const auto board = open_node(options.node);
    if (!board) {
        for (const Diagnostic& diagnostic : board.error()) {
            reporter.error(diagnostic);
        }
        return exit_usage;
    }
    const auto modules = modules_of(options, *board);
    if (!modules) {
        reporter.error(modules.error());
        return exit_usage;
    }
    const Security security = board->configuration.security;
    const std::string vendor =
        hex(security, vendor_key(security, board->configuration.node_key, options.vendor));
    if (options.json) {
        Json all = {{"vendor", options.vendor}, {"vendor-key", vendor}, {"modules", Json::array()}};
        for (const ModuleKeys& module : *modules) {
            all["modules"].push_back(to_json(security, module));
        }
        std::cout << all.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
        return exit_ended;
    }
    std::cout << fmt::format("vendor 0x{:04x}\n  key          {}\n", options.vendor, vendor);
    for (const ModuleKeys& module : *modules) {
        std::cout << to_text(security, module);
    }
    return exit_ended;
}

} // namespace authex::sancus_emulator
