// What the simulated TEE answers to system calls of a TA, as OP-TEE does: a TA makes them. On both
// processors, where they are.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "tee/trustzone/caller.hpp"
#include "tee/trustzone/machines.hpp"
#include "tee/trustzone/simulator/core.hpp"
#include "tee/trustzone/simulator/tee.hpp"

namespace authex::tee::trustzone {
namespace {

using optee::Call;
using test::Caller;
using test::CallerMemory;
using test::place;

constexpr std::uint64_t of_tee = 0xFFFFFFFD;
constexpr std::uint64_t of_client = 0xFFFFFFFE;
constexpr std::uint64_t of_ta = 0xFFFFFFFF;
constexpr std::uint64_t elsewhere = 0x1000; ///< no memory of the TA's

class InternalApi : public testing::TestWithParam<const char*> {
  protected:
    static Image build(const char* module = "m") {
        return test::build_ta(test::caller_source, {.machine = GetParam(), .module = module});
    }
    Caller start(const Image& image, const char* name = "m") {
        return Caller(
            test::require(loader_->start(test::spec_of_file(test::content_of(image), name),
                                         test::module_folder(folder_, name, image.path))));
    }
    /// As TEE_UUID lies in memory.
    static std::vector<std::uint8_t> uuid_of(const Image& image) {
        const std::string content = test::content_of(image);
        SignedTa ta;
        EXPECT_TRUE(parse_signed_ta(test::view_of(content), ta));
        const TaPlan plan = plan_ta(ta.elf);
        const auto* const head = reinterpret_cast<const std::uint8_t*>(&plan.head);
        return {head, head + 16};
    }

    test::TemporaryFolder folder_;
    std::unique_ptr<TrustZoneLoader> loader_ = test::open_trustzone_loader(folder_);
    Image image_ = build();
    Caller call_ = start(image_);
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         InternalApi,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(InternalApi, PropertiesAreFoundByNameAndGivenWithTheirType) {
    CallerMemory memory;
    memory.put_text(0, "gpd.tee.apiversion");
    ASSERT_EQ(call_(Call::get_property_name_to_index, {of_tee, place(0), 64, place(100)}, memory),
              tee_success);
    const auto index = memory.take<std::uint32_t>(100);
    memory.put(104, std::uint32_t{200});
    memory.put(108, std::uint32_t{100});
    ASSERT_EQ(call_(Call::get_property,
                    {of_tee, index, place(700), place(104), place(500), place(108), place(112)},
                    memory),
              tee_success);
    EXPECT_EQ(memory.take<std::uint32_t>(112), 4U) << "a string";
    EXPECT_EQ(memory.take<std::uint32_t>(104), 19U);
    EXPECT_EQ(memory.take<std::uint32_t>(108), 12U) << "with its zero";
    EXPECT_STREQ(reinterpret_cast<const char*>(memory.bytes.data() + 500), "GPD-1.1-dev");
    EXPECT_STREQ(reinterpret_cast<const char*>(memory.bytes.data() + 700), "gpd.tee.apiversion");
}

TEST_P(InternalApi, PropertiesOfTheTaAndItsClientAreTheirs) {
    CallerMemory memory;
    memory.put(104, std::uint32_t{16});
    ASSERT_EQ(
        call_(Call::get_property, {of_ta, 0, 0, 0, place(200), place(104), place(108)}, memory),
        tee_success);
    EXPECT_EQ(memory.part(200, 16), uuid_of(image_));
    EXPECT_EQ(memory.take<std::uint32_t>(108), 2U) << "a UUID";
    memory.put(104, std::uint32_t{20});
    memory.bytes[219] = 9;
    ASSERT_EQ(call_(Call::get_property, {of_client, 0, 0, 0, place(200), place(104), 0}, memory),
              tee_success);
    EXPECT_EQ(memory.part(200, 20), std::vector<std::uint8_t>(20)) << "the public";
}

TEST_P(InternalApi, PropertiesWithoutRoomOrInOthersMemoryAreRefused) {
    CallerMemory memory;
    memory.put(104, std::uint32_t{3});
    EXPECT_EQ(call_(Call::get_property, {of_tee, 0, 0, 0, place(200), place(104), 0}, memory),
              tee_short_buffer);
    EXPECT_EQ(memory.take<std::uint32_t>(104), 12U) << "what it takes";
    EXPECT_EQ(call_(Call::get_property, {of_tee, 0, 0, 0, elsewhere, place(104), 0}, memory),
              tee_access_denied);
    EXPECT_EQ(call_(Call::get_property, {of_tee, 0, 0, 0, place(0), elsewhere, 0}),
              tee_access_denied);
    EXPECT_EQ(call_(Call::get_property, {of_tee, 0, 0, 0, 0, 0, elsewhere}), tee_access_denied);
    EXPECT_EQ(call_(Call::get_property, {of_tee, 999, 0, 0, 0, 0, 0}), tee_item_not_found);
    EXPECT_EQ(call_(Call::get_property, {1, 0, 0, 0, 0, 0, 0}), tee_item_not_found);
    EXPECT_EQ(call_(Call::get_property_name_to_index, {of_tee, place(0), 64, place(100)}),
              tee_item_not_found)
        << "no name";
    EXPECT_EQ(call_(Call::get_property_name_to_index, {of_tee, 0, 64, place(100)}),
              tee_bad_parameters);
    EXPECT_EQ(call_(Call::get_property_name_to_index, {of_tee, elsewhere, 64, place(100)}),
              tee_access_denied);
    EXPECT_EQ(call_(Call::get_property_name_to_index, {7, place(0), 64, place(100)}),
              tee_item_not_found);
}

TEST_P(InternalApi, SystemTimeGoesOnAndThatOfTheTaIsSetFirst) {
    const auto millis = [&](std::uint64_t category) {
        CallerMemory memory;
        EXPECT_EQ(call_(Call::get_time, {category, place(0)}, memory), tee_success);
        EXPECT_LT(memory.take<std::uint32_t>(4), 1000U);
        return memory.take<std::uint32_t>(0) * std::uint64_t{1000} + memory.take<std::uint32_t>(4);
    };
    const std::uint64_t before = millis(0);
    EXPECT_EQ(call_(Call::wait, {20}), tee_success);
    EXPECT_GE(millis(0), before + 20);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    EXPECT_GE(millis(2), static_cast<std::uint64_t>(now));
    EXPECT_EQ(call_(Call::get_time, {1, place(0)}), tee_time_not_set);
    CallerMemory memory;
    memory.put(0, std::uint32_t{1'000'000});
    memory.put(4, std::uint32_t{1000});
    EXPECT_EQ(call_(Call::set_ta_time, {place(0)}, memory), tee_bad_parameters);
    memory.put(4, std::uint32_t{999});
    EXPECT_EQ(call_(Call::set_ta_time, {place(0)}, memory), tee_success);
    EXPECT_GE(millis(1), 1'000'000'999U);
    memory.put(0, std::uint32_t{0});
    EXPECT_EQ(call_(Call::set_ta_time, {place(0)}, memory), tee_success) << "before the start";
    EXPECT_LT(millis(1), 1'000'000'000U);
    EXPECT_EQ(call_(Call::get_time, {3, place(0)}), tee_bad_parameters);
    EXPECT_EQ(call_(Call::get_time, {0, elsewhere}), tee_access_denied);
    EXPECT_EQ(call_(Call::set_ta_time, {elsewhere}), tee_access_denied);
}

TEST_P(InternalApi, ATimeThatWrapsIsGivenAndSaidToHaveWrapped) {
    CallerMemory memory;
    memory.put(0, ~std::uint32_t{0});
    memory.put(4, std::uint32_t{990});
    ASSERT_EQ(call_(Call::set_ta_time, {place(0)}, memory), tee_success);
    ASSERT_EQ(call_(Call::wait, {20}), tee_success);
    EXPECT_EQ(call_(Call::get_time, {1, place(0)}, memory), tee_overflow);
    EXPECT_LT(memory.take<std::uint32_t>(0), 1000U);
}

TEST_P(InternalApi, RandomNumbersDifferAndFillWhatIsTheTasAlone) {
    CallerMemory memory;
    ASSERT_EQ(call_(Call::random_number, {place(0), 32}, memory), tee_success);
    const auto first = memory.part(0, 32);
    EXPECT_NE(first, std::vector<std::uint8_t>(32));
    EXPECT_EQ(memory.part(32, 32), std::vector<std::uint8_t>(32));
    ASSERT_EQ(call_(Call::random_number, {place(0), 32}, memory), tee_success);
    EXPECT_NE(memory.part(0, 32), first);
    EXPECT_EQ(call_(Call::random_number, {elsewhere, 32}), tee_access_denied);
    EXPECT_EQ(call_(Call::random_number, {place(0), ~std::uint64_t{0}}), tee_access_denied);
}

TEST_P(InternalApi, CancellationIsMaskedAsEachOperationBegins) {
    CallerMemory memory;
    EXPECT_EQ(call_(Call::unmask_cancellation, {place(0)}, memory), tee_success);
    EXPECT_EQ(memory.take<std::uint32_t>(0), 1U);
    EXPECT_EQ(call_(Call::mask_cancellation, {place(0)}, memory), tee_success);
    EXPECT_EQ(memory.take<std::uint32_t>(0), 1U) << "of the next operation";
    memory.put(0, std::uint32_t{5});
    EXPECT_EQ(call_(Call::get_cancellation_flag, {place(0)}, memory), tee_success);
    EXPECT_EQ(memory.take<std::uint32_t>(0), 0U) << "nobody cancels";
    for (const Call number :
         {Call::unmask_cancellation, Call::mask_cancellation, Call::get_cancellation_flag}) {
        EXPECT_EQ(call_(number, {elsewhere}), tee_access_denied);
    }
}

TEST_P(InternalApi, AccessRightsAreThoseOfTheTasOwnMemory) {
    constexpr std::uint64_t read = 1;
    constexpr std::uint64_t write = 2;
    constexpr std::uint64_t any_owner = 4;
    constexpr std::uint64_t non_secure = 0x10000000;
    constexpr std::uint64_t secure = 0x20000000;
    const auto check = [&](std::uint64_t flags, std::uint64_t at, std::uint64_t bytes) {
        return call_(Call::check_access_rights, {flags, at, bytes});
    };
    EXPECT_EQ(check(read | write, place(0), 1024), tee_success);
    EXPECT_EQ(check(read | write | any_owner | secure, place(0), 1024), tee_success);
    EXPECT_EQ(check(read | non_secure, place(0), 1), tee_access_denied);
    EXPECT_EQ(check(read | non_secure | secure, place(0), 1), tee_access_denied);
    EXPECT_EQ(check(read, elsewhere, 1), tee_access_denied);
    EXPECT_EQ(check(read | any_owner, elsewhere, 1), tee_access_denied);
    EXPECT_EQ(check(read, place(0), std::uint64_t{1} << 30U), tee_access_denied);
    EXPECT_EQ(check(read, ~std::uint64_t{0} >> 2U, ~std::uint64_t{0}), tee_access_denied);
}

class SystemPta : public InternalApi {
  protected:
    static constexpr std::array<std::uint8_t, 16> uuid = {0x78,
                                                          0x89,
                                                          0x2F,
                                                          0x3A,
                                                          0xC0,
                                                          0x5D,
                                                          0xE8,
                                                          0x11,
                                                          0x9C,
                                                          0x2D,
                                                          0xFA,
                                                          0x7A,
                                                          0xE0,
                                                          0x1B,
                                                          0xBE,
                                                          0xBC};
    static std::uint64_t open(Caller& call) {
        CallerMemory memory;
        memory.put(0, uuid);
        EXPECT_EQ(
            call(Call::open_ta_session, {place(0), 0, place(16), place(96), place(100)}, memory),
            tee_success);
        return memory.take<std::uint32_t>(96);
    }
    /// DERIVE_TA_UNIQUE_KEY. Parameters at 0, origin at 80, extra data at 100, key at 200.
    static std::uint32_t derive_key(Caller& call,
                                    std::uint64_t session,
                                    std::string_view extra,
                                    std::uint64_t key_bytes,
                                    CallerMemory& memory) {
        memory.put(0, std::uint64_t{0x65});
        memory.put_address(8, 100);
        memory.put(16, std::uint64_t{extra.size()});
        memory.put_address(24, 200);
        memory.put(32, key_bytes);
        memory.put_text(100, extra);
        return call(Call::invoke_ta_command, {session, 0, 1, place(0), place(80)}, memory);
    }
    static std::vector<std::uint8_t>
    key(Caller& call, std::string_view extra = {}, std::size_t bytes = 32) {
        CallerMemory memory;
        EXPECT_EQ(derive_key(call, open(call), extra, bytes, memory), tee_success);
        return memory.part(200, bytes);
    }
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         SystemPta,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(SystemPta, AKeyOfTheTaFollowsFromHardwareUuidAndWhatItAdds) {
    const DeviceKeyPair device =
        test::require(open_device_key(folder_.path() / "tee-device-key.pem"));
    std::vector<std::uint8_t> data = uuid_of(image_);
    for (const char letter : std::string_view("seal")) {
        data.push_back(static_cast<std::uint8_t>(letter));
    }
    const auto expected = derive(hardware_key_of(device.secret), Subkey::unique_ta, data);
    EXPECT_EQ(key(call_, "seal"), std::vector<std::uint8_t>(expected.begin(), expected.end()));
    EXPECT_EQ(key(call_, "seal", 16),
              std::vector<std::uint8_t>(expected.begin(), expected.begin() + 16));
    EXPECT_NE(key(call_), key(call_, "seal"));
    {
        const Image other = build("other");
        Caller another = start(other, "other");
        EXPECT_NE(key(another, "seal"), key(call_, "seal"));
    }
    const test::TemporaryFolder elsewhere_folder;
    const auto machine = test::open_another_machine(elsewhere_folder);
    Caller same(
        test::require(machine->start(test::spec_of_file(test::content_of(image_), "m"),
                                     test::module_folder(elsewhere_folder, "m", image_.path))));
    EXPECT_NE(key(same, "seal"), key(call_, "seal")) << "other hardware";
}

TEST(HardwareKey, DerivesAsOpteeDoes) {
    // HMAC-SHA-256 under 16 zeros, as QEMU's hardware key is, of 03 00 00 00 ‖ "abc".
    const std::array<std::uint8_t, 3> data = {'a', 'b', 'c'};
    const auto found = derive(HardwareKey{}, Subkey::unique_ta, data);
    const std::vector<std::uint8_t> expected = {0xC0, 0xBB, 0x56, 0xE4, 0x9C, 0xB2, 0x33, 0x3A,
                                                0xF9, 0x24, 0x00, 0x71, 0x8E, 0x09, 0x71, 0xD8,
                                                0x83, 0xB6, 0x38, 0x9D, 0x7D, 0xF4, 0x97, 0x7B,
                                                0x91, 0xD7, 0x12, 0xDD, 0x6C, 0x13, 0x69, 0x81};
    EXPECT_EQ(std::vector<std::uint8_t>(found.begin(), found.end()), expected);
}

TEST_P(SystemPta, ZerosAreMappedForTheTaUntilItUnmapsThem) {
    const std::uint64_t session = open(call_);
    CallerMemory memory;
    const auto invoke = [&](std::uint64_t command,
                            std::uint64_t types,
                            std::uint64_t bytes,
                            std::uint64_t flags,
                            std::uint64_t address) {
        memory = {};
        std::size_t at = 0;
        for (const std::uint64_t value :
             {types, bytes, flags, address >> 32U, address & 0xFFFFFFFFU}) {
            memory.put(at, value);
            at += sizeof value;
        }
        return call_(Call::invoke_ta_command, {session, 0, command, place(0), 0}, memory);
    };
    constexpr std::uint64_t map = 2;
    constexpr std::uint64_t unmap = 3;
    constexpr std::uint64_t map_types = 0x131;
    constexpr std::uint64_t unmap_types = 0x11;
    constexpr std::uint64_t may_write = 3;
    ASSERT_EQ(invoke(map, map_types, 5000, 1, 0), tee_success);
    const std::uint64_t address =
        memory.take<std::uint64_t>(24) << 32U | memory.take<std::uint64_t>(32);
    EXPECT_EQ(call_(Call::check_access_rights, {may_write, address, 8192}), tee_success);
    EXPECT_EQ(call_(Call::check_access_rights, {may_write, address, 8193}), tee_access_denied);
    EXPECT_EQ(call_(Call::random_number, {address, 32}), tee_success) << "it may be written";
    EXPECT_EQ(invoke(unmap, unmap_types, 9000, 0, address), tee_bad_parameters)
        << "more than it is";
    EXPECT_EQ(invoke(unmap, unmap_types, 5000, 1, address), tee_bad_parameters);
    EXPECT_EQ(invoke(unmap, unmap_types, 5000, 0, address), tee_success);
    EXPECT_EQ(invoke(unmap, unmap_types, 5000, 0, address), tee_bad_parameters) << "it is gone";
    EXPECT_EQ(call_(Call::check_access_rights, {may_write, address, 1}), tee_access_denied);
    EXPECT_EQ(invoke(map, map_types, 0, 0, 0), tee_bad_parameters);
    EXPECT_EQ(invoke(map, map_types, 1, 2, 0), tee_bad_parameters) << "unknown flags";
    EXPECT_EQ(invoke(map, unmap_types, 1, 0, 0), tee_bad_parameters);
    EXPECT_EQ(invoke(map, map_types, 1, 0, 0x10000), tee_not_supported) << "a place of its choice";
    EXPECT_EQ(invoke(map, map_types, 0xFFFFFFFF, 0, 0), tee_out_of_memory);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(invoke(map, map_types, 1, 0, 0), tee_success);
    }
    EXPECT_EQ(invoke(map, map_types, 1, 0, 0), tee_out_of_memory);
}

TEST_P(SystemPta, ItRefusesWhatOpteeRefuses) {
    const std::uint64_t session = open(call_);
    CallerMemory memory;
    EXPECT_EQ(derive_key(call_, session, "", 15, memory), tee_bad_parameters);
    memory = {};
    EXPECT_EQ(derive_key(call_, session, "", 33, memory), tee_bad_parameters);
    memory = {};
    EXPECT_EQ(derive_key(call_, session + 1, "", 16, memory), tee_bad_parameters) << "no session";
    const auto invoke = [&](std::uint64_t command,
                            std::uint64_t types,
                            std::uint64_t extra_bytes,
                            std::uint64_t to) {
        CallerMemory given;
        given.put(0, types);
        given.put_address(8, 100);
        given.put(16, extra_bytes);
        given.put(24, to);
        given.put(32, std::uint64_t{16});
        return call_(Call::invoke_ta_command, {session, 0, command, place(0), place(80)}, given);
    };
    EXPECT_EQ(invoke(1, 0x66, 0, 0), tee_bad_parameters);
    EXPECT_EQ(invoke(1, 0x65, 1025, 0), tee_bad_parameters);
    EXPECT_EQ(invoke(1, 0x65, 0, elsewhere), tee_security) << "memory that is not the TA's";
    EXPECT_EQ(invoke(9, 0x65, 0, 0), tee_not_implemented);
    EXPECT_EQ(call_(Call::invoke_ta_command, {session, 0, 1, elsewhere, place(80)}),
              tee_access_denied);
    EXPECT_EQ(call_(Call::close_ta_session, {session}), tee_success);
    EXPECT_EQ(call_(Call::close_ta_session, {session}), tee_bad_parameters);
    memory = {};
    EXPECT_EQ(derive_key(call_, session, "", 16, memory), tee_bad_parameters) << "closed";
    CallerMemory other;
    other.put(0, std::uint64_t{1});
    EXPECT_EQ(call_(Call::open_ta_session, {place(0), 0, place(16), place(96), place(100)}, other),
              tee_item_not_found);
    EXPECT_EQ(call_(Call::open_ta_session, {elsewhere, 0, place(16), place(96), place(100)}),
              tee_access_denied);
}

TEST_P(InternalApi, WhatItDoesNotHaveIsNotSupported) {
    for (const std::uint64_t number : {45U, 49U, 70U, 71U, 1000U}) {
        EXPECT_EQ(call_(static_cast<Call>(number), {}), tee_not_supported) << number;
    }
}

TEST_P(InternalApi, APanicEndsTheInstanceAlone) {
    const auto folder = test::module_folder(folder_, "panicking", image_.path);
    const auto link = test::require(
        loader_->start(test::spec_of_file(test::content_of(image_), "panicking"), folder));
    std::vector<std::uint8_t> data(9 * 8 + 1024);
    data[0] = static_cast<std::uint8_t>(Call::panic);
    EXPECT_TRUE(test::send(*link, test::frame(wire::Kind::call, 0, 7, data)));
    EXPECT_TRUE(test::wait_exit(*link));
    const std::optional<Exit> exit = link->exit();
    ASSERT_TRUE(exit);
    EXPECT_FALSE(exit->signalled);
    EXPECT_EQ(exit->code, exit_ta_panicked);
    EXPECT_EQ(call_(Call::log, {}), tee_success) << "the other one lives";
}

/// Objects of a TA on a simulated node: the file in the module's folder is that of the TA, wherever
/// its module was loaded before.
class NodeObjects : public InternalApi {
  protected:
    static std::uint32_t create(Caller& call, std::string_view id, std::string_view data) {
        constexpr std::uint64_t overwrite_all_rights = 0x400 | 7;
        CallerMemory memory;
        memory.put_text(0, id);
        memory.put_text(100, data);
        return call(Call::storage_create,
                    {1, place(0), id.size(), overwrite_all_rights, 0, place(100), data.size(), 0},
                    memory);
    }
    /// Its content, or the error.
    static std::string content(Caller& call, std::string_view id) {
        CallerMemory memory;
        memory.put_text(0, id);
        const std::uint32_t opened =
            call(Call::storage_open, {1, place(0), id.size(), 1, place(80)}, memory);
        if (opened != tee_success) {
            return std::to_string(opened);
        }
        const auto handle = memory.take<std::uint32_t>(80);
        EXPECT_EQ(call(Call::storage_read, {handle, place(0), 512, place(600)}, memory),
                  tee_success);
        const auto bytes = memory.part(0, memory.take<std::uint64_t>(600));
        EXPECT_EQ(call(Call::object_close, {handle}), tee_success);
        return {bytes.begin(), bytes.end()};
    }
    [[nodiscard]] std::string file(const char* module = "m") const {
        std::ifstream all(folder_.path() / module / "objects", std::ios::binary);
        return {std::istreambuf_iterator<char>(all), std::istreambuf_iterator<char>()};
    }
    void put(const std::string& all, const char* module = "m") const {
        std::ofstream(folder_.path() / module / "objects", std::ios::binary | std::ios::trunc)
            << all;
    }
    const std::string corrupt_ = std::to_string(tee_corrupt_object);
};
INSTANTIATE_TEST_SUITE_P(Machines,
                         NodeObjects,
                         testing::ValuesIn(test::machines()),
                         test::name_of_machine);

TEST_P(NodeObjects, OutliveTheProcessAndTheModulesFolder) {
    EXPECT_EQ(create(call_, "key", "first"), tee_success);
    EXPECT_EQ(create(call_, "key", "second"), tee_success);
    EXPECT_EQ(content(call_, "key"), "second");
    Caller beside = start(image_, "update");
    EXPECT_EQ(content(beside, "key"), "second") << "the same TA, as while it is updated";
    EXPECT_EQ(create(beside, "key", "third"), tee_success);
    EXPECT_EQ(content(call_, "key"), "third");
    EXPECT_EQ(create(call_, "large", std::string(900, 'x')), tee_success);
    EXPECT_EQ(content(beside, "key"), "third");
    Caller other = start(build("other"), "other");
    EXPECT_EQ(content(other, "key"), std::to_string(tee_item_not_found))
        << "another TA's are its own";
}

TEST_P(NodeObjects, OfOldComeBackWithAnOldFile) {
    EXPECT_EQ(create(call_, "counter", "1"), tee_success);
    const std::string old = file();
    EXPECT_EQ(create(call_, "counter", "2"), tee_success);
    put(old);
    EXPECT_EQ(content(call_, "counter"), "1")
        << "as on OP-TEE's storage in the normal world's files";
    put("");
    EXPECT_EQ(content(call_, "counter"), std::to_string(tee_item_not_found));
}

TEST_P(NodeObjects, InAForeignFileAreCorrupt) {
    Caller other = start(build("other"), "other");
    EXPECT_EQ(create(call_, "o", "mine"), tee_success);
    EXPECT_EQ(create(other, "o", "others"), tee_success);
    const std::string mine = file();
    put(file("other"));
    EXPECT_EQ(content(call_, "o"), corrupt_) << "another TA's";
    EXPECT_EQ(create(call_, "o", "new"), static_cast<std::uint32_t>(tee_corrupt_object));
    const test::TemporaryFolder other_state;
    const auto machine = test::open_another_machine(other_state);
    Caller there(test::require(machine->start(test::spec_of_file(test::content_of(image_), "m"),
                                              test::module_folder(other_state, "m", image_.path))));
    std::ofstream(other_state.path() / "m/objects", std::ios::binary) << mine;
    EXPECT_EQ(content(there, "o"), corrupt_) << "another machine's";
    put(mine);
    EXPECT_EQ(content(call_, "o"), "mine");
}

TEST_P(NodeObjects, InATornFileAreCorruptAndHarmNobody) {
    EXPECT_EQ(create(call_, "o", "content"), tee_success);
    const std::string whole = file();
    for (const std::size_t size :
         {whole.size() - 1, whole.size() - 80, std::size_t{4096}, std::size_t{9}}) {
        put(whole.substr(0, size));
        EXPECT_EQ(content(call_, "o"), corrupt_) << size;
    }
    for (std::size_t at = whole.size() - 1; at > whole.size() - 120; at -= 7) {
        std::string torn = whole;
        torn[at] = static_cast<char>(torn[at] ^ 0x40);
        put(torn);
        EXPECT_EQ(content(call_, "o"), corrupt_) << at;
    }
    std::string huge = whole;
    std::fill(huge.end() - 100, huge.end() - 80, '\xFF');
    put(huge);
    EXPECT_EQ(content(call_, "o"), corrupt_) << "sizes beyond the file";
    put(whole);
    EXPECT_EQ(content(call_, "o"), "content");
}

TEST_P(NodeObjects, WithoutRoomOrAFileAreNotStored) {
    constexpr std::uint32_t slot_is_full = tee_storage_no_space;
    EXPECT_EQ(create(call_, "o", "x"), tee_success);
    CallerMemory memory;
    memory.put_text(0, "o");
    EXPECT_EQ(call_(Call::storage_open, {1, place(0), 1, 7, place(80)}, memory), tee_success);
    const auto handle = memory.take<std::uint32_t>(80);
    EXPECT_EQ(call_(Call::storage_seek, {handle, 1 << 20U, 0}), tee_success);
    EXPECT_EQ(call_(Call::storage_write, {handle, place(0), 1}), slot_is_full);
    EXPECT_EQ(call_(Call::object_close, {handle}), tee_success);
    EXPECT_EQ(content(call_, "o"), "x");
}

} // namespace
} // namespace authex::tee::trustzone
