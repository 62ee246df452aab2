#include "tee/sancus/image.hpp"

#include <authex/abi.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>

#include "crypto/spongent.hpp"

namespace authex::tee::sancus {
namespace {

namespace spongent = crypto::spongent;

constexpr std::array<std::uint8_t, 4> magic = {'A', 'X', 'S', 'I'};
constexpr std::uint16_t version = 1;
constexpr std::size_t words_in_header = 13;
/// struct authex_endpoint on a 16-bit target (sdk/include/authex/abi.h): name, function, kind, and
/// a word of padding.
constexpr std::size_t endpoint_bytes = 8;

tl::unexpected<Diagnostic> malformed(const char* why) {
    return failure("image-malformed",
                   fmt::format("not an image for Sancus: {}", why),
                   "build the module again, with authex of the node's version");
}

std::uint16_t word_at(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] | bytes[offset + 1] << 8U);
}

/// The zero-terminated text there; none that ends within the image: empty.
std::string text_at(const SancusImage& image, std::uint16_t offset) {
    const auto first =
        std::next(image.text.begin(), std::min<std::ptrdiff_t>(offset, std::ssize(image.text)));
    const auto last = std::find(first, image.text.end(), 0);
    return last == image.text.end() ? std::string() : std::string(first, last);
}

void set_word(std::vector<std::uint8_t>& bytes, std::size_t offset, unsigned value) {
    bytes[offset] = static_cast<std::uint8_t>(value);
    bytes[offset + 1] = static_cast<std::uint8_t>(value >> 8U);
}

void add_at(std::vector<std::uint8_t>& text,
            const std::vector<std::uint16_t>& offsets,
            std::uint16_t address) {
    for (const std::uint16_t offset : offsets) {
        set_word(text, offset, word_at(text, offset) + address);
    }
}

struct Range {
    std::uint32_t begin;
    std::uint32_t end;
    [[nodiscard]] bool over(const Range& other) const {
        return begin < other.end && other.begin < end;
    }
};

Range range(std::uint16_t begin, std::uint16_t bytes) {
    return {begin, std::uint32_t{begin} + bytes};
}

Key mac(const Key& key, ByteView message) {
    Key tag{};
    spongent::wrap(spongent::KeyView(key), message, {}, spongent::Tag(tag));
    return tag;
}

Key mac_of_section(const Key& key,
                   std::vector<std::uint8_t> text,
                   const std::array<std::uint16_t, 4>& layout) {
    for (const std::uint16_t bound : layout) {
        text.push_back(static_cast<std::uint8_t>(bound));
        text.push_back(static_cast<std::uint8_t>(bound >> 8U));
    }
    return mac(key, text);
}

std::uint16_t end_of(std::uint16_t begin, std::uint16_t bytes) {
    return static_cast<std::uint16_t>(begin + bytes);
}

std::array<std::uint16_t, 4> layout_of(const SancusImage& image, const Placement& placement) {
    return {placement.text,
            end_of(placement.text, image.text_bytes),
            placement.data,
            end_of(placement.data, image.data_bytes)};
}

bool words_within(const std::vector<std::uint16_t>& offsets, std::uint16_t bytes) {
    return std::all_of(offsets.begin(), offsets.end(), [bytes](std::uint16_t offset) {
        return offset % 2 == 0 && offset + 2U <= bytes;
    });
}

/// What the header says is within the text.
bool consistent(const SancusImage& image) {
    const bool device = image.device_begin < image.device_end && image.device_end <= 0x200 &&
                        image.device_begin % 2 == 0 && image.device_end % 2 == 0;
    return image.text_bytes % 2 == 0 && image.data_bytes % 2 == 0 && image.gate_bytes % 2 == 0 &&
           image.text_bytes != 0 && image.placed_offset % 2 == 0 &&
           image.placed_offset + std::uint32_t{placed_bytes} <= image.text_bytes &&
           image.endpoints_offset + std::size_t{image.endpoints} * endpoint_bytes <=
               image.text_bytes &&
           image.vector < 16 && device == (image.gate_bytes != 0) &&
           words_within(image.text_relocations, image.text_bytes) &&
           words_within(image.data_relocations, image.text_bytes);
}

} // namespace

std::vector<std::uint8_t> serialize(const SancusImage& image) {
    std::vector<std::uint8_t> file(magic.begin(), magic.end());
    const auto append = [&](std::size_t word) {
        file.push_back(static_cast<std::uint8_t>(word));
        file.push_back(static_cast<std::uint8_t>(word >> 8U));
    };
    for (const std::size_t word : {std::size_t{version},
                                   std::size_t{image.vendor_id},
                                   std::size_t{image.text_bytes},
                                   std::size_t{image.data_bytes},
                                   std::size_t{image.gate_bytes},
                                   std::size_t{image.device_begin},
                                   std::size_t{image.device_end},
                                   std::size_t{image.vector},
                                   std::size_t{image.placed_offset},
                                   std::size_t{image.endpoints_offset},
                                   std::size_t{image.endpoints},
                                   image.text_relocations.size(),
                                   image.data_relocations.size()}) {
        append(word);
    }
    file.insert(file.end(), image.text.begin(), image.text.end());
    file.insert(file.end(), image.gate.begin(), image.gate.end());
    for (const auto* offsets : {&image.text_relocations, &image.data_relocations}) {
        std::for_each(offsets->begin(), offsets->end(), append);
    }
    return file;
}

Expected<SancusImage> parse_image(ByteView file) {
    Reader reader(file);
    const ByteView start = reader.take(magic.size());
    if (!std::equal(start.begin(), start.end(), magic.begin(), magic.end())) {
        return malformed("it does not begin as one");
    }
    std::array<std::uint16_t, words_in_header> words{};
    for (std::uint16_t& word : words) {
        word = reader.u16();
    }
    if (!reader.ok() || words[0] != version) {
        return malformed("it is cut, or of another version");
    }
    SancusImage image{.vendor_id = words[1],
                      .text_bytes = words[2],
                      .data_bytes = words[3],
                      .gate_bytes = words[4],
                      .device_begin = words[5],
                      .device_end = words[6],
                      .vector = words[7],
                      .placed_offset = words[8],
                      .endpoints_offset = words[9],
                      .endpoints = words[10],
                      .text = {},
                      .gate = {},
                      .text_relocations = std::vector<std::uint16_t>(words[11]),
                      .data_relocations = std::vector<std::uint16_t>(words[12])};
    const ByteView text = reader.take(image.text_bytes);
    const ByteView gate = reader.take(image.gate_bytes);
    for (auto* offsets : {&image.text_relocations, &image.data_relocations}) {
        for (std::uint16_t& offset : *offsets) {
            offset = reader.u16();
        }
    }
    if (!reader.done()) {
        return malformed("it has another length than it says");
    }
    if (!consistent(image)) {
        return malformed("what it says is not within its text");
    }
    image.text.assign(text.begin(), text.end());
    image.gate.assign(gate.begin(), gate.end());
    return image;
}

Expected<std::vector<descriptor::Endpoint>> endpoints_of(const SancusImage& image) {
    std::vector<descriptor::Endpoint> endpoints;
    std::set<std::string> names;
    for (std::uint16_t id = 0; id < image.endpoints; ++id) {
        const std::size_t record = image.endpoints_offset + id * endpoint_bytes;
        const std::uint16_t kind = word_at(image.text, record + 4);
        const std::string name = text_at(image, word_at(image.text, record));
        if (!name.empty() && kind == AUTHEX_KIND_STATE) {
            continue;
        }
        if (name.empty() || kind < 1 || kind > 8) {
            return malformed("an endpoint record has no name or an unknown kind");
        }
        if (!names.insert(name).second) {
            return failure("endpoint-duplicate",
                           fmt::format("endpoint `{}` is declared twice in one module", name),
                           "give each endpoint of a module its own name");
        }
        endpoints.push_back(
            {.name = name, .kind = static_cast<descriptor::EndpointKind>(kind), .id = id});
    }
    return endpoints;
}

Expected<StateLayout> stated_version(const SancusImage& image) {
    constexpr std::string_view prefix = "state ";
    StateLayout layout;
    bool found = false;
    for (std::uint16_t id = 0; id < image.endpoints; ++id) {
        const std::size_t record = image.endpoints_offset + id * endpoint_bytes;
        if (word_at(image.text, record + 4) != AUTHEX_KIND_STATE) {
            continue;
        }
        const std::string name = text_at(image, word_at(image.text, record));
        const bool begins = name.starts_with(prefix);
        const char* begin = name.data() + (begins ? prefix.size() : 0);
        const char* end = name.data() + name.size();
        const auto [at, error] = std::from_chars(begin, end, layout.version);
        if (found || !begins || at != end || error != std::errc{}) {
            return malformed(found ? "the version of its state is said twice"
                                   : "the version of its state is no number below 2^32");
        }
        found = true;
        layout.migrates = word_at(image.text, record + 2) != 0;
    }
    return layout;
}

std::array<std::uint8_t, placement_bytes> serialize(const Placement& placement) {
    std::array<std::uint8_t, placement_bytes> bytes{};
    Writer(bytes).u16(placement.text).u16(placement.data).u16(placement.gate).u16(placement.id);
    return bytes;
}

Expected<Placement> parse_placement(ByteView bytes, const SancusImage& image) {
    Reader reader(bytes);
    const Placement placement{
        .text = reader.u16(), .data = reader.u16(), .gate = reader.u16(), .id = reader.u16()};
    const Range text = range(placement.text, image.text_bytes);
    const Range data = range(placement.data, image.data_bytes);
    const Range gate = range(placement.gate, image.gate_bytes);
    const bool has_gate = image.gate_bytes != 0;
    // The last word of the address space is the reset vector.
    const bool within = text.end < 0x10000 && data.end < 0x10000 && gate.end < 0x10000;
    const bool even = placement.text % 2 == 0 && placement.data % 2 == 0 && placement.gate % 2 == 0;
    const bool apart = !text.over(data) && !(has_gate && (gate.over(text) || gate.over(data)));
    const bool none_without_gate = has_gate || (placement.gate == 0 && placement.id == 0);
    if (!reader.done() || !within || !even || !apart || !none_without_gate) {
        return failure("placement-malformed",
                       "the node says that the module lies where it cannot",
                       "its event manager is not to be trusted, or of another version");
    }
    return placement;
}

std::vector<std::uint8_t> placed_gate(const SancusImage& image, const Placement& placement) {
    std::vector<std::uint8_t> gate = image.gate;
    if (!gate.empty()) {
        set_word(gate, gate.size() - 2, placement.id);
    }
    return gate;
}

std::vector<std::uint8_t> placed_text(const SancusImage& image, const Placement& placement) {
    std::vector<std::uint8_t> text = image.text;
    add_at(text, image.text_relocations, placement.text);
    add_at(text, image.data_relocations, placement.data);
    if (image.gate_bytes != 0) {
        const Key gate = mac_of_section(Key{},
                                        placed_gate(image, placement),
                                        {placement.gate,
                                         end_of(placement.gate, image.gate_bytes),
                                         image.device_begin,
                                         image.device_end});
        set_word(text, image.placed_offset, placement.gate);
        set_word(text, image.placed_offset + 2U, placement.id);
        std::copy(gate.begin(), gate.end(), text.begin() + image.placed_offset + 4);
    }
    return text;
}

Key measurement(const SancusImage& image, const Placement& placement) {
    return mac_of_section(Key{}, placed_text(image, placement), layout_of(image, placement));
}

Key vendor_key(const Key& node_key, std::uint16_t vendor_id) {
    const std::array<std::uint8_t, 2> number = {static_cast<std::uint8_t>(vendor_id),
                                                static_cast<std::uint8_t>(vendor_id >> 8U)};
    return mac(node_key, number);
}

Key module_key(const Key& vendor, const SancusImage& image, const Placement& placement) {
    return mac_of_section(vendor, placed_text(image, placement), layout_of(image, placement));
}

} // namespace authex::tee::sancus
