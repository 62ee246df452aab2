#include "tee/sancus/loader.hpp"

#include <fstream>
#include <future>
#include <iterator>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "tee/process/link.hpp"

namespace authex::tee::sancus {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds order_time{5000};
/// Frames of connections between boards; Sancus states no more. (DESIGN "Frames")
constexpr std::uint32_t body_bytes_max = 256;
constexpr std::uint32_t image_file_bytes_max = 128U << 10U;
/// Where slots begin in the answer to Code::status, and the bytes of each. (link/messages.hpp)
constexpr std::size_t status_slots_at = 4;
constexpr std::size_t status_slot_bytes = 5;

/// A gate has no frames. Its place is taken all the same.
class GatePlace final : public SlotUser {
  public:
    bool take(ByteView) override { return true; }
    ByteView next() override { return {}; }
    void sent() override {}
    void failed(link::Failure) override {}
    void lost() override {}
};

std::vector<std::uint8_t> words(std::initializer_list<std::uint16_t> values) {
    std::vector<std::uint8_t> bytes(2 * values.size());
    Writer writer(bytes);
    for (const std::uint16_t value : values) {
        writer.u16(value);
    }
    return bytes;
}

std::vector<std::uint8_t> with(std::initializer_list<std::uint8_t> first,
                               const std::vector<std::uint8_t>& rest) {
    std::vector<std::uint8_t> bytes(first);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return bytes;
}

Expected<std::vector<std::uint8_t>> read_image(const ModuleSpec& spec, const fs::path& path) {
    std::error_code error;
    std::ifstream file(path, std::ios::binary);
    if (!file || fs::file_size(path, error) > image_file_bytes_max || error) {
        return failure("image-unreadable",
                       fmt::format("cannot read {}", path.string()),
                       "load the module again");
    }
    std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    Sha256 hash{};
    if (file.bad() ||
        EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        return failure("image-unreadable",
                       fmt::format("cannot read {}", path.string()),
                       "load the module again");
    }
    if (hash != spec.image_sha256) {
        return failure(
            "image-mismatch",
            fmt::format("module `{}`: the image is not the one that was asked for", spec.name),
            "load the module again");
    }
    return bytes;
}

tl::unexpected<Diagnostic> not_running(const ModuleSpec& spec, const char* why) {
    return failure("not-running", fmt::format("module `{}`: {}", spec.name, why), "run authex up");
}

/// What no manager and firmware of one version ask of each other.
constexpr const char* when_refused =
    "run authex up; if it says so again, put lib/authex/sancus/event-manager.elf of this version "
    "on the microcontroller";

bool is_full(const Diagnostic& diagnostic) {
    return diagnostic.code == "board-full";
}

} // namespace

SancusLoader::SancusLoader(LoaderOptions options)
    : simulated_(options.simulated), board_(std::move(options.board)) {}

Expected<std::unique_ptr<SancusLoader>> SancusLoader::open(LoaderOptions options) {
    const milliseconds patience = options.patience;
    std::unique_ptr<SancusLoader> loader(new SancusLoader(std::move(options)));
    if (const Expected<BoardFacts> facts = loader->board_.facts(patience); !facts) {
        return tl::make_unexpected(facts.error());
    }
    return loader;
}

TeeInfo SancusLoader::info() const {
    return {.name = "sancus",
            .simulated = simulated_,
            .max_body_bytes = body_bytes_max,
            .max_image_bytes = image_file_bytes_max};
}

Expected<std::vector<std::uint8_t>> SancusLoader::evidence(const ModuleSpec&, ByteView) {
    return std::vector<std::uint8_t>();
}

/// @error as Board::order | board-full | board-refused
Expected<Reply> SancusLoader::must(link::Code code, std::vector<std::uint8_t> arguments) {
    Expected<Reply> reply = board_.order(code, std::move(arguments), order_time);
    if (!reply || reply->refusal == link::Refusal::none) {
        return reply;
    }
    const bool full =
        reply->refusal == link::Refusal::memory || reply->refusal == link::Refusal::hardware;
    return failure(full ? "board-full" : "board-refused",
                   fmt::format("the microcontroller refuses: {}", to_text(reply->refusal)),
                   full ? "remove modules from this node, or make them smaller" : when_refused);
}

Expected<std::unique_ptr<ModuleLink>> SancusLoader::start(const ModuleSpec& spec,
                                                          const fs::path& directory) {
    const auto file = read_image(spec, directory / process::image_file);
    if (!file) {
        return tl::make_unexpected(file.error());
    }
    const Expected<SancusImage> image = parse_image(*file);
    if (!image) {
        return tl::make_unexpected(image.error());
    }
    const std::lock_guard lock(mutex_);
    const auto mailbox = Mailbox::make(directory);
    if (!mailbox) {
        return tl::make_unexpected(mailbox.error());
    }
    Expected<BoardRecord> record = load(spec, *image);
    if (!record) {
        Diagnostic diagnostic = record.error();
        diagnostic.summary = fmt::format("module `{}`: {}", spec.name, diagnostic.summary);
        return tl::make_unexpected(std::move(diagnostic));
    }
    if (!write_record(directory, *record)) {
        remove(*record);
        return failure(
            "module-files",
            fmt::format("{} cannot be written", (directory / board_record_file).string()),
            "is the state directory writable, the disk not full?");
    }
    return attach(spec, *record, *mailbox, true);
}

/// What nobody has any more, of managers whose state was lost, goes where there is no room.
Expected<BoardRecord> SancusLoader::load(const ModuleSpec& spec, const SancusImage& image) {
    Expected<BoardRecord> record = reserve(image);
    if (!record && is_full(record.error()) && evict_orphans()) {
        record = reserve(image);
    }
    if (!record) {
        return record;
    }
    record->image = spec.image_sha256;
    Expected<bool> filled = fill(image, *record);
    if (!filled && is_full(filled.error()) && evict_orphans()) {
        filled = protect(image, *record);
    }
    if (!filled) {
        remove(*record);
        return tl::make_unexpected(filled.error());
    }
    return record;
}

/// A slot with memory. @param slot in: one that may not be it
Expected<bool> SancusLoader::reserve_slot(std::uint8_t& slot,
                                          std::uint16_t text_bytes,
                                          std::uint16_t data_bytes,
                                          Placement& placement) {
    const Expected<Reply> status = must(link::Code::status, {});
    if (!status) {
        return tl::make_unexpected(status.error());
    }
    slot = 0;
    while (slot < link::slots_max && status->byte(status_slots_at + status_slot_bytes * slot) !=
                                         static_cast<std::uint8_t>(link::SlotState::free)) {
        ++slot;
    }
    if (slot == link::slots_max) {
        return failure("board-full",
                       "the microcontroller has no place for another module",
                       "remove modules from this node");
    }
    const Expected<Reply> reserved =
        must(link::Code::reserve, with({slot}, words({text_bytes, data_bytes})));
    if (!reserved) {
        slot = link::slots_max;
        return tl::make_unexpected(reserved.error());
    }
    placement.text = reserved->word(0);
    placement.data = reserved->word(2);
    return true;
}

Expected<BoardRecord> SancusLoader::reserve(const SancusImage& image) {
    const Expected<BoardFacts> facts = board_.facts(order_time);
    if (!facts) {
        return tl::make_unexpected(facts.error());
    }
    BoardRecord record{.boot = facts->boot};
    Placement gate;
    Expected<bool> done = true;
    if (image.gate_bytes != 0) {
        done = reserve_slot(record.gate_slot, image.gate_bytes, 0, gate);
    }
    if (done) {
        done = reserve_slot(record.slot, image.text_bytes, image.data_bytes, record.placement);
    }
    if (!done) {
        remove(record);
        Diagnostic diagnostic = done.error();
        if (is_full(diagnostic)) {
            diagnostic.detail = fmt::format("it needs {} bytes of text and {} of data; all modules "
                                            "together can have {} and {}",
                                            image.text_bytes + image.gate_bytes,
                                            image.data_bytes,
                                            facts->text_end - facts->text_begin,
                                            facts->data_end - facts->data_begin);
        }
        return tl::make_unexpected(std::move(diagnostic));
    }
    record.placement.gate = gate.text;
    return record;
}

/// Numbers are given one after the other: what a driver's gate answers to is known before.
Expected<bool> SancusLoader::fill(const SancusImage& image, BoardRecord& record) {
    const Expected<Reply> status = must(link::Code::status, {});
    if (!status) {
        return tl::make_unexpected(status.error());
    }
    if (image.gate_bytes != 0) {
        record.placement.id = static_cast<std::uint16_t>(status->word(0) + 2);
    }
    Expected<bool> written = write(record.placement.text, placed_text(image, record.placement));
    if (written && image.gate_bytes != 0) {
        written = write(record.placement.gate, placed_gate(image, record.placement));
    }
    return written ? protect(image, record) : written;
}

Expected<bool> SancusLoader::write(std::uint16_t address, ByteView bytes) {
    // A line of 1000 bytes a second is the slowest.
    const milliseconds time = order_time + milliseconds(bytes.size());
    std::vector<std::promise<Expected<Reply>>> replies((bytes.size() + link::write_bytes_max - 1) /
                                                       link::write_bytes_max);
    for (auto& reply : replies) {
        const ByteView piece =
            bytes.first(std::min<std::size_t>(link::write_bytes_max, bytes.size()));
        bytes = bytes.subspan(piece.size());
        std::vector<std::uint8_t> arguments = words({address});
        arguments.insert(arguments.end(), piece.begin(), piece.end());
        board_.post(link::Code::write, std::move(arguments), time, [&reply](Expected<Reply> got) {
            reply.set_value(std::move(got));
        });
        address = static_cast<std::uint16_t>(address + piece.size());
    }
    Expected<bool> written = true;
    for (auto& reply : replies) {
        const Expected<Reply> got = reply.get_future().get();
        if (!got) {
            written = tl::make_unexpected(got.error());
        } else if (got->refusal != link::Refusal::none) {
            written = failure("board-refused",
                              fmt::format("the microcontroller refuses what is written to it: {}",
                                          to_text(got->refusal)),
                              when_refused);
        }
    }
    return written;
}

Expected<bool> SancusLoader::protect(const SancusImage& image, BoardRecord& record) {
    const Placement& at = record.placement;
    board_.detach(record.slot); // what came from an earlier module there
    if (image.gate_bytes != 0) {
        const Expected<Reply> gate = must(
            link::Code::protect,
            with({record.gate_slot, static_cast<std::uint8_t>(link::Role::gate)},
                 words({image.vendor_id, image.gate_bytes, image.device_begin, image.device_end})));
        if (!gate) {
            return tl::make_unexpected(gate.error());
        }
    }
    const Expected<Reply> module =
        must(link::Code::protect,
             with({record.slot, static_cast<std::uint8_t>(link::Role::module)},
                  words({image.vendor_id,
                         image.text_bytes,
                         at.data,
                         static_cast<std::uint16_t>(at.data + image.data_bytes)})));
    if (!module) {
        return tl::make_unexpected(module.error());
    }
    record.id = module->word(0);
    if (at.id != 0 && at.id != record.id) {
        return failure(
            "board-refused",
            fmt::format("the module has become number {} and was made for {}", record.id, at.id),
            when_refused);
    }
    if (image.vector != 0) {
        const Expected<Reply> bound =
            must(link::Code::bind, {record.slot, static_cast<std::uint8_t>(image.vector)});
        if (!bound) {
            return tl::make_unexpected(bound.error());
        }
    }
    return true;
}

/// @return whether there is more room now
bool SancusLoader::evict_orphans() {
    const Expected<Reply> status = must(link::Code::status, {});
    bool any = false;
    for (std::uint8_t slot = 0; status && slot != link::slots_max; ++slot) {
        const auto state =
            static_cast<link::SlotState>(status->byte(status_slots_at + status_slot_bytes * slot));
        const bool protected_now = state == link::SlotState::module ||
                                   state == link::SlotState::gate ||
                                   state == link::SlotState::failed;
        if (protected_now && !board_.attached(slot)) {
            any = must(link::Code::leave, {slot}).has_value() || any;
        }
    }
    return any;
}

/// The driver before its gate. Does not wait: what is loaded next comes after it.
void SancusLoader::remove(const BoardRecord& record) {
    for (const std::uint8_t slot : {record.slot, record.gate_slot}) {
        if (slot < link::slots_max) {
            board_.post(link::Code::leave,
                        {slot},
                        order_time,
                        [this, slot](const Expected<Reply>&) { board_.detach(slot); });
        }
    }
}

/// A module that has gone meanwhile has no slot to be called in.
void SancusLoader::every(const std::shared_ptr<Mailbox>& mailbox,
                         std::vector<std::uint8_t> arguments) {
    board_.post(link::Code::every,
                std::move(arguments),
                order_time,
                [mailbox](const Expected<Reply>& reply) {
                    if (!reply || reply->refusal == link::Refusal::memory) {
                        mailbox->note(
                            fmt::format("a periodic entry is not called: {}",
                                        reply ? "the microcontroller has no room for another"
                                              : reply.error().summary));
                    }
                });
}

/// Where the board has no room for it, events go through the manager, as they
/// always may.
void SancusLoader::route(const std::shared_ptr<Mailbox>& mailbox,
                         std::uint8_t slot,
                         std::uint16_t channel,
                         std::uint8_t destination) {
    std::vector<std::uint8_t> arguments = with({slot}, words({channel}));
    arguments.push_back(destination);
    board_.post(link::Code::route,
                std::move(arguments),
                order_time,
                [mailbox](const Expected<Reply>& reply) {
                    if (reply && reply->refusal == link::Refusal::memory) {
                        mailbox->no_more_routes();
                    }
                });
}

std::unique_ptr<ModuleLink> SancusLoader::attach(const ModuleSpec& spec,
                                                 const BoardRecord& record,
                                                 const std::shared_ptr<Mailbox>& mailbox,
                                                 bool fresh) {
    const auto removal = [this, record] { remove(record); };
    mailbox->on_failure(removal);
    if (record.gate_slot < link::slots_max) {
        board_.attach(record.gate_slot, spec.deployment, std::make_shared<GatePlace>());
    }
    board_.attach(record.slot, spec.deployment, mailbox);
    const auto placement = serialize(record.placement);
    return std::make_unique<SancusLink>(
        mailbox,
        SancusLink::Controls{.wake = [this] { board_.wake(); },
                             .kill = removal,
                             .every =
                                 [this, slot = record.slot, mailbox](
                                     std::uint8_t index, std::uint16_t entry, std::uint32_t ms) {
                                     every(mailbox,
                                           with({slot, index},
                                                words({entry,
                                                       static_cast<std::uint16_t>(ms),
                                                       static_cast<std::uint16_t>(ms >> 16U)})));
                                 },
                             .route =
                                 [this, slot = record.slot, mailbox](std::uint16_t channel,
                                                                     std::uint8_t destination) {
                                     route(mailbox, slot, channel, destination);
                                 },
                             .board = &board_,
                             .slot = record.slot,
                             .fresh = fresh},
        std::vector<std::uint8_t>(placement.begin(), placement.end()));
}

Expected<std::unique_ptr<ModuleLink>> SancusLoader::adopt(const ModuleSpec& spec,
                                                          const fs::path& directory) {
    const std::optional<BoardRecord> record = read_record(directory);
    if (!record) {
        return not_running(spec, "it was not loaded");
    }
    if (record->image != spec.image_sha256) {
        return failure("image-mismatch",
                       fmt::format("module `{}`: what was loaded is another image", spec.name),
                       "load the module again");
    }
    const std::lock_guard lock(mutex_);
    const Expected<BoardFacts> facts = board_.facts(order_time);
    const Expected<Reply> status = facts ? must(link::Code::status, {}) : Expected<Reply>(Reply{});
    if (!facts || !status) {
        return tl::make_unexpected(facts ? status.error() : facts.error());
    }
    const std::size_t at = status_slots_at + status_slot_bytes * record->slot;
    if (facts->boot != record->boot || status->word(at + 1) != record->id) {
        return not_running(spec, "the microcontroller was reset since");
    }
    if (status->byte(at) != static_cast<std::uint8_t>(link::SlotState::module)) {
        remove(*record);
        return not_running(spec, "it has failed since");
    }
    const auto mailbox = Mailbox::find(directory);
    if (!mailbox) {
        return tl::make_unexpected(mailbox.error());
    }
    return attach(spec, *record, *mailbox, false);
}

} // namespace authex::tee::sancus
