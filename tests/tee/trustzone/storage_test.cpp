// Persistent objects of TAs in the simulated TEE, where it has a folder for them, and cancellation
// by a client: a TA makes the system calls.
#include <fstream>

#include <gmock/gmock.h>

#include "tee/trustzone/caller.hpp"
#include "tee/trustzone/machine_with_library.hpp"
#include "tee/trustzone/simulator/core.hpp"

namespace authex::tee::trustzone {
namespace {

namespace fs = std::filesystem;
using optee::Call;
using test::Caller;
using test::CallerMemory;
using test::place;

constexpr std::uint64_t storage = 1;
constexpr std::uint64_t elsewhere = 0x1000; ///< no memory of the TA's

// Flags of handles.
constexpr std::uint64_t read_it = 1;
constexpr std::uint64_t write_it = 2;
constexpr std::uint64_t write_meta = 4;
constexpr std::uint64_t share_read = 0x10;
constexpr std::uint64_t share_write = 0x20;
constexpr std::uint64_t overwrite = 0x400;
constexpr std::uint64_t all_rights = read_it | write_it | write_meta;

class Objects : public test::MachineWithLibrary {
  protected:
    void begin(const char* module = "m") {
        call_.reset();
        loader_ = open();
        const Image image = test::build_ta(test::caller_source, {.module = module});
        call_ = std::make_unique<Caller>(start(*loader_, image));
    }
    /// The handle, or the error.
    std::uint64_t create(std::string_view id, std::string_view data, std::uint64_t flags) {
        CallerMemory memory;
        memory.put_text(0, id);
        memory.put_text(100, data);
        const std::uint32_t result =
            (*call_)(Call::storage_create,
                     {storage, place(0), id.size(), flags, 0, place(100), data.size(), place(80)},
                     memory);
        return result == tee_success ? memory.take<std::uint32_t>(80) : result;
    }
    std::uint64_t open_object(std::string_view id, std::uint64_t flags) {
        CallerMemory memory;
        memory.put_text(0, id);
        const std::uint32_t result =
            (*call_)(Call::storage_open, {storage, place(0), id.size(), flags, place(80)}, memory);
        return result == tee_success ? memory.take<std::uint32_t>(80) : result;
    }
    std::uint32_t write(std::uint64_t handle, std::string_view data) {
        CallerMemory memory;
        memory.put_text(0, data);
        return (*call_)(Call::storage_write, {handle, place(0), data.size()}, memory);
    }
    std::uint32_t rename(std::uint64_t handle, std::string_view id) {
        CallerMemory memory;
        memory.put_text(0, id);
        return (*call_)(Call::storage_rename, {handle, place(0), id.size()}, memory);
    }
    std::uint32_t seek(std::uint64_t handle, std::int32_t offset, std::uint64_t whence) {
        return (*call_)(Call::storage_seek, {handle, static_cast<std::uint32_t>(offset), whence});
    }
    /// From the handle's position on.
    std::string read(std::uint64_t handle) {
        CallerMemory memory;
        EXPECT_EQ((*call_)(Call::storage_read, {handle, place(0), 512, place(600)}, memory),
                  tee_success);
        const auto bytes = memory.part(0, memory.take<std::uint64_t>(600));
        return {bytes.begin(), bytes.end()};
    }
    std::string content(std::string_view id) {
        const std::uint64_t handle = open_object(id, read_it);
        std::string found = read(handle);
        EXPECT_EQ(close(handle), tee_success);
        return found;
    }
    std::uint32_t close(std::uint64_t handle) { return (*call_)(Call::object_close, {handle}); }
    /// As whoever has the machine's disk, while the TEE has the file open.
    void put(const std::string& all) const {
        std::ofstream(file(), std::ios::binary | std::ios::trunc) << all;
    }
    [[nodiscard]] fs::path file() const {
        const fs::directory_iterator files(folder_.path() / "objects");
        return files == fs::directory_iterator() ? fs::path() : files->path();
    }

    std::unique_ptr<TrustZoneLoader> loader_;
    std::unique_ptr<Caller> call_;
};

TEST_F(Objects, OutliveTheTa) {
    begin();
    const std::uint64_t handle = create("key", "first", all_rights);
    EXPECT_EQ(handle, 1U);
    EXPECT_EQ(read(handle), "first");
    EXPECT_EQ(close(handle), tee_success);
    EXPECT_EQ(create("", "of no name", 0), 1U);
    begin();
    EXPECT_EQ(content("key"), "first");
    EXPECT_EQ(content(""), "of no name");
    EXPECT_EQ(open_object("other", read_it), tee_item_not_found);
}

TEST_F(Objects, AreReadAndWrittenWhereTheHandleStands) {
    begin();
    const std::uint64_t handle = create("o", "0123456789", all_rights);
    EXPECT_EQ(seek(handle, 4, 0), tee_success);
    EXPECT_EQ(write(handle, "ab"), tee_success);
    EXPECT_EQ(read(handle), "6789");
    EXPECT_EQ(seek(handle, -3, 2), tee_success);
    EXPECT_EQ(write(handle, "vwxyz"), tee_success) << "over the end";
    EXPECT_EQ(seek(handle, -100, 1), tee_success) << "no further than the begin";
    EXPECT_EQ(read(handle), "0123ab6vwxyz");
    EXPECT_EQ(seek(handle, 3, 2), tee_success);
    EXPECT_EQ(read(handle), "") << "behind the end";
    EXPECT_EQ(write(handle, "!"), tee_success);
    EXPECT_EQ(open_object("o", read_it), tee_access_conflict) << "it is open for another";
    EXPECT_EQ(seek(handle, 0, 0), tee_success);
    EXPECT_EQ(read(handle), std::string("0123ab6vwxyz\0\0\0!", 16));
    EXPECT_EQ((*call_)(Call::storage_truncate, {handle, 4}), tee_success);
    EXPECT_EQ((*call_)(Call::storage_truncate, {handle, 6}), tee_success);
    EXPECT_EQ(seek(handle, 0, 0), tee_success);
    EXPECT_EQ(read(handle), std::string("0123\0\0", 6));
    CallerMemory memory;
    EXPECT_EQ((*call_)(Call::object_get_info, {handle, place(0)}, memory), tee_success);
    EXPECT_EQ(memory.take<std::uint32_t>(0), 0xA00000BFU);
    EXPECT_EQ(memory.take<std::uint32_t>(16), 6U);
    EXPECT_EQ(memory.take<std::uint32_t>(20), 6U);
    EXPECT_EQ(memory.take<std::uint32_t>(24), 0x30007U);
}

TEST_F(Objects, AreRenamedAndDeletedByThoseWhoMay) {
    begin();
    EXPECT_EQ(close(create("a", "A", all_rights)), tee_success);
    EXPECT_EQ(close(create("b", "B", all_rights)), tee_success);
    std::uint64_t handle = open_object("a", read_it | write_it);
    EXPECT_EQ(rename(handle, "c"), tee_bad_state);
    EXPECT_EQ((*call_)(Call::storage_delete, {handle}), tee_access_conflict);
    EXPECT_EQ(close(handle), tee_success);
    handle = open_object("a", write_meta | read_it);
    EXPECT_EQ(rename(handle, "b"), tee_access_conflict) << "there is one";
    EXPECT_EQ(rename(handle, std::string(65, 'x')), tee_bad_parameters);
    EXPECT_EQ(rename(handle, std::string(64, 'x')), tee_success);
    EXPECT_EQ(read(handle), "A");
    EXPECT_EQ((*call_)(Call::storage_delete, {handle}), tee_success);
    EXPECT_EQ(close(handle), tee_bad_state) << "gone with it";
    EXPECT_EQ(open_object(std::string(64, 'x'), read_it), tee_item_not_found);
    EXPECT_EQ(open_object("a", read_it), tee_item_not_found);
    EXPECT_EQ(content("b"), "B");
}

TEST_F(Objects, AreNotOpenForTwoWhoDoNotShareThem) {
    begin();
    const std::uint64_t handle = create("o", "x", read_it | share_read);
    const std::uint64_t other = open_object("o", read_it | share_read);
    EXPECT_EQ(other, handle + 1);
    EXPECT_EQ(open_object("o", read_it), tee_access_conflict);
    EXPECT_EQ(open_object("o", write_it | share_write), tee_access_conflict);
    EXPECT_EQ(open_object("o", write_meta), tee_access_conflict);
    EXPECT_EQ(open_object("o", 0), tee_access_conflict);
    EXPECT_EQ(create("o", "y", read_it | share_read), tee_access_conflict);
    EXPECT_EQ(write(handle, "z"), tee_access_conflict) << "not opened for that";
    EXPECT_EQ(close(handle), tee_success);
    EXPECT_EQ(close(other), tee_success);
    EXPECT_EQ(create("o", "y", all_rights), tee_access_conflict) << "it exists";
    EXPECT_EQ(close(create("o", "yy", all_rights | overwrite)), tee_success);
    EXPECT_EQ(content("o"), "yy");
}

TEST_F(Objects, WhatNoTeeTakesIsRefused) {
    begin();
    EXPECT_EQ(create("o", "", 0x1000), tee_bad_parameters);
    EXPECT_EQ(open_object("o", overwrite), tee_bad_parameters);
    EXPECT_EQ(create(std::string(65, 'i'), "", 0), tee_bad_parameters);
    EXPECT_EQ(open_object(std::string(65, 'i'), 0), tee_bad_parameters);
    Caller& call = *call_;
    EXPECT_EQ(call(Call::storage_open, {7, place(0), 1, 0, place(80)}), tee_item_not_found);
    EXPECT_EQ(call(Call::storage_create, {7, place(0), 1, 0, 0, 0, 0, 0}), tee_item_not_found);
    EXPECT_EQ(call(Call::storage_open, {storage, elsewhere, 1, 0, place(80)}), tee_access_denied);
    EXPECT_EQ(call(Call::storage_create, {storage, place(0), 1, 0, 0, elsewhere, 1, 0}),
              tee_access_denied);
    EXPECT_EQ(call(Call::storage_create, {storage, place(0), 1, 0, 0, 0, 1, 0}),
              tee_bad_parameters);
    EXPECT_EQ(call(Call::storage_create, {storage, place(0), 1, 0, 0, 0, 0, elsewhere}),
              tee_access_denied);
    EXPECT_EQ(call(Call::storage_create, {storage, place(0), 1, 0, 5, 0, 0, 0}), tee_bad_state)
        << "no object has attributes";
    const std::uint64_t handle = create("o", "x", all_rights);
    EXPECT_EQ(call(Call::storage_read, {handle, elsewhere, 1, place(80)}), tee_access_denied);
    EXPECT_EQ(call(Call::storage_read, {handle, place(0), 1, elsewhere}), tee_access_denied);
    EXPECT_EQ(call(Call::storage_write, {handle, elsewhere, 1}), tee_access_denied);
    EXPECT_EQ(call(Call::object_get_info, {handle, elsewhere}), tee_access_denied);
    EXPECT_EQ(call(Call::storage_truncate, {handle, std::uint64_t{1} << 40U}), tee_generic);
    EXPECT_EQ(seek(handle, 0x7FFFFFFF, 0), tee_success);
    EXPECT_EQ(write(handle, "x"), tee_storage_no_space);
    EXPECT_EQ(seek(handle, 0, 3), tee_bad_parameters);
    for (const std::uint64_t none : {std::uint64_t{0}, handle + 1, ~std::uint64_t{0}}) {
        for (const Call number : {Call::storage_read,
                                  Call::storage_write,
                                  Call::storage_delete,
                                  Call::storage_rename,
                                  Call::storage_truncate,
                                  Call::storage_seek,
                                  Call::object_get_info,
                                  Call::object_close}) {
            EXPECT_EQ(call(number, {none, place(0), 0, place(80)}), tee_bad_state);
        }
    }
    for (std::uint64_t next = handle + 1; next <= 32; ++next) {
        EXPECT_EQ(create("o" + std::to_string(next), "", 0), next);
    }
    EXPECT_EQ(create("one more", "", 0), tee_out_of_memory);
}

TEST_F(Objects, ThatSomebodyElseHasMadeOrDamagedAreCorrupt) {
    begin();
    EXPECT_EQ(close(create("o", "mine", all_rights)), tee_success);
    const std::string mine = test::require(compile::read_file(file()));
    for (const std::size_t at : {std::size_t{0}, std::size_t{8}, mine.size() - 1}) {
        std::string damaged = mine;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        put(damaged);
        EXPECT_EQ(open_object("o", read_it), tee_corrupt_object) << at;
        EXPECT_EQ(create("p", "", 0), tee_corrupt_object) << at;
    }
    put(mine.substr(0, 12));
    EXPECT_EQ(open_object("o", read_it), tee_corrupt_object);
    put("");
    EXPECT_EQ(open_object("o", read_it), tee_item_not_found) << "as if there never were any";
    put(mine);
    EXPECT_EQ(content("o"), "mine");
    // Another TA under another key: the file of the first in its place.
    fs::remove_all(folder_.path() / "objects");
    begin("other");
    EXPECT_EQ(close(create("o", "other", all_rights)), tee_success);
    put(mine);
    EXPECT_EQ(open_object("o", read_it), tee_corrupt_object);
}

TEST_F(Objects, OfOldComeBackWithAnOldFile) {
    begin();
    EXPECT_EQ(close(create("counter", "1", all_rights)), tee_success);
    const std::string old = test::require(compile::read_file(file()));
    EXPECT_EQ(close(create("counter", "2", all_rights | overwrite)), tee_success);
    EXPECT_EQ(content("counter"), "2");
    put(old);
    EXPECT_EQ(content("counter"), "1") << "as on OP-TEE's storage in the normal world's files";
}

TEST_F(Objects, AChangeThatIsCutOffLeavesTheOldOnes) {
    begin();
    EXPECT_EQ(close(create("o", "old", all_rights)), tee_success);
    // What a power cut leaves of the next change, which goes into slot 0.
    std::string cut = test::require(compile::read_file(file()));
    cut.replace(4096, 20, "a part of the next..");
    put(cut);
    begin();
    EXPECT_EQ(content("o"), "old");
    EXPECT_EQ(close(create("o", "new", all_rights | overwrite)), tee_success);
    EXPECT_EQ(content("o"), "new");
    // A disk that forgot the change, but not that it counts.
    std::string torn = test::require(compile::read_file(file()));
    std::fill(torn.begin() + 4096 + 100, torn.begin() + 4096 + 120, '\0');
    put(torn);
    EXPECT_EQ(open_object("o", read_it), tee_corrupt_object);
}

TEST_F(Objects, ATaThatLetsItselfBeCancelledStopsWaiting) {
    const Image image = test::build_ta(test::caller_source);
    const auto wait = test::frame(wire::Kind::call, 1, 7);
    const auto frame =
        folder_.write("frame", {reinterpret_cast<const char*>(wait.data()), wait.size()});
    const auto result =
        run_client("hostile_client", {install(image), frame.string(), "ends-a-wait"});
    EXPECT_EQ(result.status, 0) << result.output;
}

} // namespace
} // namespace authex::tee::trustzone
