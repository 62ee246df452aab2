// Two data planes in one process, real sockets, modules in memory.
#include <atomic>
#include <condition_variable>

#include "em/checksum.hpp"
#include "em/data/plane_nodes.hpp"
#include "em/link.hpp"
#include "support/hostile_proxy.hpp"
#include "support/temporary_folder.hpp"

namespace authex::em {
namespace {

using namespace plane_test;

TEST(DataPlane, CallsAnEntryAndGivesItsResult) {
    Node node;
    node.add("m", Node::attested());
    const Expected<Bytestring> result = node.call("m", test::endpoint_echo, {1, 2, 3});
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(*result, (Bytestring{1, 2, 3}));
}

TEST(DataPlane, TellsWhyACallFailed) {
    Node node;
    node.add("m", Node::attested());
    EXPECT_EQ(node.call("m", test::endpoint_refuse).error().code, "entry-refused");
    EXPECT_EQ(node.call("m", 60'000).error().code, "entry-refused");
    EXPECT_EQ(node.call("other", test::endpoint_echo).error().code, "unknown-module");
    EXPECT_EQ(node.call("m", test::endpoint_echo, Bytestring(70'000)).error().code, "call-refused");
}

TEST(DataPlane, EndsCallsOfASilentModuleAtTheirDeadlineAndOfADeadOneAtOnce) {
    Node node;
    auto module = Node::attested();
    MemoryLink* link = node.add("m", module);
    std::promise<void> asleep;
    node.plane->call({1, "m"}, test::endpoint_echo, {}, soon(), [&](Expected<Bytestring>) {
        module->set_asleep(true); // on the data plane's thread, which runs the module
        asleep.set_value();
    });
    asleep.get_future().get();
    EXPECT_EQ(node.call("m", test::endpoint_echo, {}, soon(20ms)).error().code, "deadline");
    std::promise<Expected<Bytestring>> late;
    node.plane->call({1, "m"}, test::endpoint_echo, {}, soon(), [&](Expected<Bytestring> done) {
        late.set_value(std::move(done));
    });
    link->die();
    EXPECT_EQ(late.get_future().get().error().code, "module-ended");
    EXPECT_TRUE(eventually([&] {
        const std::scoped_lock lock(node.watcher.mutex);
        return node.watcher.ended == std::vector<std::string>{"m"};
    }));
    EXPECT_EQ(node.call("m", test::endpoint_echo).error().code, "unknown-module");
    EXPECT_NE(node.plane->remove_module({1, "m"}), nullptr);
    EXPECT_EQ(node.plane->remove_module({1, "m"}), nullptr);
}

TEST(DataPlane, PassesControlFramesAndRefusesOthers) {
    Node node;
    node.add("m", std::make_shared<MemoryModule>(1));
    Bytestring handshake(wire::header_bytes + 32, 5);
    wire::write_header({.kind = wire::Kind::handshake, .deployment = 1, .length = 32}, handshake);
    std::promise<Expected<Bytestring>> answer;
    node.plane->control({1, "m"}, handshake, 1, soon(), [&](Expected<Bytestring> done) {
        answer.set_value(std::move(done));
    });
    const Expected<Bytestring> done = answer.get_future().get();
    ASSERT_TRUE(done.has_value());
    wire::FrameView view;
    ASSERT_EQ(wire::parse_frame(*done, view), Error::none);
    EXPECT_EQ(view.header.kind, wire::Kind::handshake);
    for (const Bytestring& bad : {Bytestring{1, 2, 3}, Bytestring(wire::header_bytes, 1)}) {
        std::promise<Expected<Bytestring>> refused;
        node.plane->control({1, "m"}, bad, 1, soon(), [&](Expected<Bytestring> result) {
            refused.set_value(std::move(result));
        });
        EXPECT_EQ(refused.get_future().get().error().code, "malformed-frames");
    }
}

TEST(DataPlane, PassesARefusalOfOrdersBackAtOnce) {
    Node node;
    node.add("m", std::make_shared<MemoryModule>(1));
    // Three orders to a module that knows no key: nothing that it could answer.
    Bytestring orders;
    for (std::uint64_t counter = 0; counter < 3; ++counter) {
        Bytestring order(wire::header_bytes + 32, 7);
        wire::write_header(
            {.kind = wire::Kind::control, .deployment = 1, .length = 32, .counter = counter},
            order);
        orders.insert(orders.end(), order.begin(), order.end());
    }
    for (int i = 0; i < 2; ++i) { // the second time, nothing of the first is in its way
        std::promise<Expected<Bytestring>> answer;
        node.plane->control({1, "m"}, orders, 3, soon(), [&](Expected<Bytestring> done) {
            answer.set_value(std::move(done));
        });
        const Expected<Bytestring> done = answer.get_future().get();
        ASSERT_FALSE(done.has_value());
        EXPECT_EQ(done.error().code, "order-refused");
        EXPECT_NE(done.error().summary.find("not attested"), std::string::npos)
            << done.error().summary;
    }
}

// What it says late is nobody's answer, and no later order's.
TEST(DataPlane, DropsAnswersThatComeAfterTheirDeadline) {
    Node node;
    auto module = std::make_shared<MemoryModule>(1);
    node.add("m", module);
    std::promise<void> asleep;
    node.plane->call({1, "m"}, test::endpoint_echo, {}, soon(), [&](Expected<Bytestring>) {
        module->set_asleep(true); // on the data plane's thread, which runs the module
        asleep.set_value();
    });
    asleep.get_future().get();
    Bytestring handshake(wire::header_bytes + 32, 5);
    wire::write_header({.kind = wire::Kind::handshake, .deployment = 1, .length = 32}, handshake);
    Bytestring order(wire::header_bytes + 32, 7);
    wire::write_header({.kind = wire::Kind::control, .deployment = 1, .length = 32}, order);
    const auto code_of = [&](const Bytestring& frames,
                             std::uint32_t answers,
                             DataPlane::Deadline deadline,
                             bool wakes = false) {
        std::promise<std::string> code;
        node.plane->control({1, "m"}, frames, answers, deadline, [&](Expected<Bytestring> done) {
            if (wakes) {
                module->set_asleep(false);
            }
            code.set_value(done ? "" : done.error().code);
        });
        return code.get_future().get();
    };
    EXPECT_EQ(code_of(handshake, 1, soon(20ms)), "deadline");
    EXPECT_EQ(code_of(handshake, 0, soon()), "") << "nobody waits for that answer";
    EXPECT_EQ(code_of(handshake, 1, soon(20ms), true), "deadline");
    EXPECT_EQ(code_of(order, 1, soon()), "order-refused");
    EXPECT_EQ(code_of(handshake, 1, soon()), "");
    EXPECT_EQ(code_of(handshake, 2, soon()), "malformed-frames") << "it would never come";
}

// P38
TEST(DataPlane, IsNotKeptAwakeByAModuleThatRingsForNothing) {
    Node node;
    MemoryLink* noisy = node.add("noisy", std::make_shared<MemoryModule>(1));
    node.add("quiet", std::make_shared<MemoryModule>(1));
    std::atomic<bool> stop = false;
    std::thread hostile([&] {
        while (!stop) {
            noisy->ring();
        }
    });
    const auto processor_ms = [&] {
        std::promise<double> used;
        node.plane->call({1, "quiet"}, test::endpoint_echo, {}, soon(), [&](const auto&) {
            timespec now{};
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); // of the plane's thread
            used.set_value(static_cast<double>(now.tv_sec) * 1e3 +
                           static_cast<double>(now.tv_nsec) / 1e6);
        });
        return used.get_future().get();
    };
    const double before = processor_ms();
    const auto begin = std::chrono::steady_clock::now();
    for (int calls = 0; calls < 100; ++calls) {
        EXPECT_TRUE(node.call("quiet", test::endpoint_echo, {1}).has_value())
            << "others are served";
        std::this_thread::sleep_for(10ms);
    }
    const double used = processor_ms() - before;
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - begin;
    stop = true;
    hostile.join();
    EXPECT_LT(used, passed.count() / 2) << "ms of processor";
    // What it has to say is still heard.
    EXPECT_TRUE(node.call("noisy", test::endpoint_echo, {1}).has_value());
}

TEST(DataPlane, CarriesEventsBetweenManagersByNameAndByAddress) {
    for (const std::string host : {"127.0.0.1", "localhost", "[::1]"}) {
        SCOPED_TRACE(host);
        Node from;
        Node to({.listen = host + ":0"});
        join(from, to, to.plane->events_address());
        expect_arrives(from, to, 20'000);
        const Snapshot snapshot = from.plane->snapshot();
        ASSERT_EQ(snapshot.links.size(), 1U);
        EXPECT_TRUE(snapshot.links[0].up);
        EXPECT_TRUE(eventually(
            [&] { return from.plane->snapshot().connections.at(0).waiting_frames == 0; }));
    }
}

TEST(DataPlane, CarriesEventsThroughAHostileNetwork) {
    test::TemporaryFolder folder;
    Node from({.state_directory = folder.path() / "from"});
    Node to({.state_directory = folder.path() / "to"});
    test::HostileProxy proxy(to.port(), 1);
    join(from, to, proxy.address());
    proxy.set_harm({.delay = 5, .drop = 3, .duplicate = 3, .reorder = 3, .corrupt = 3, .cut = 2});
    for (int i = 0; i < 50; ++i) {
        from.emit("a", 200);
        std::this_thread::sleep_for(5ms);
    }
    proxy.set_harm({});
    proxy.cut_all();
    EXPECT_TRUE(eventually([&] { return to.report("b").taken_in >= 10'000; }, 60s));
    EXPECT_EQ(to.report("b").taken_in, 10'000U);
    EXPECT_EQ(to.report("b").out_of_order, 0U);
    EXPECT_GT(proxy.connections(), 1U);
}

// P34
TEST(DataPlane, NoticesASilentPeerAndGoesOnWhenItIsBack) {
    Node from({.dead_peer_us = 300'000});
    Node to({.dead_peer_us = 300'000});
    test::HostileProxy proxy(to.port(), 2);
    join(from, to, proxy.address());
    expect_arrives(from, to, 100);
    proxy.set_frozen(true);
    EXPECT_TRUE(eventually([&] { return !from.plane->snapshot().links.at(0).up; }));
    from.emit("a", 100);
    proxy.set_frozen(false);
    proxy.cut_all();
    EXPECT_TRUE(eventually([&] { return to.report("b").taken_in == 200; }));
    EXPECT_EQ(to.report("b").out_of_order, 0U);
}

TEST(DataPlane, IsNotHarmedByGarbageAndHalfOpenClients) {
    Node from;
    Node to;
    std::vector<int> clients;
    for (int i = 0; i < 400; ++i) {
        clients.push_back(connect_to(to.port()));
    }
    for (std::size_t i = 0; i < clients.size(); i += 2) {
        const std::string garbage(200 + i, static_cast<char>(i));
        (void)!::send(clients[i], garbage.data(), garbage.size(), MSG_NOSIGNAL);
    }
    join(from, to, to.plane->events_address());
    expect_arrives(from, to, 1000);
    for (const int client : clients) {
        ::close(client);
    }
    expect_arrives(from, to, 1000);
    EXPECT_GT(to.plane->snapshot().dropped_garbage, 0U);
}

// P28
// P34
TEST(DataPlane, ClosesALinkThatSpeaksForeverWithoutSayingHello) {
    Node node;
    const int slow = connect_to(node.port());
    ASSERT_GE(slow, 0);
    // The largest record that is allowed before the hello comes byte by byte.
    std::array<std::uint8_t, record_header_bytes> header{};
    Writer writer(header);
    writer.u32(greeting_max_bytes).u32(0);
    writer.u32(crc32c(writer.written()));
    EXPECT_EQ(::send(slow, header.data(), header.size(), MSG_NOSIGNAL), 12);
    EXPECT_TRUE(eventually([&] {
        std::this_thread::sleep_for(200ms);
        return ::send(slow, "x", 1, MSG_NOSIGNAL) != 1;
    })) << "slow loris";
    ::close(slow);
}

TEST(DataPlane, TakesAPeerThoughStrangersHaveAllPlacesEvenPolitely) {
    Node from;
    Node to;
    std::vector<int> strangers;
    Bytestring hello = greeting_frame({1, "127.0.0.1:1", false});
    RecordWriter writer;
    writer.add_alone(hello);
    const ByteView record = writer.pending();
    for (int i = 0; i < 400; ++i) {
        strangers.push_back(connect_to(to.port()));
        ASSERT_GE(strangers.back(), 0);
        EXPECT_EQ(::send(strangers.back(), record.data(), record.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(record.size()));
    }
    join(from, to, to.plane->events_address());
    expect_arrives(from, to, 1000);
    for (const int fd : strangers) {
        ::close(fd);
    }
}

TEST(DataPlane, KeepsWhatWaitsOverItsOwnRestart) {
    test::TemporaryFolder folder;
    auto a = Node::attested();
    a->connect(7, test::endpoint_out, true, 1);
    auto b = Node::attested();
    b->connect(7, test::endpoint_in, false, 1);
    Node to;
    to.add("b", b);
    const Route route{.deployment = 1,
                      .channel = 7,
                      .epoch = 1,
                      .source_module = "a",
                      .destination_address = to.plane->events_address()};
    {
        Node from({.state_directory = folder.path()});
        from.add("a", a);
        ASSERT_TRUE(from.plane->connect(route));
        from.emit("a", 5000);
        EXPECT_TRUE(eventually(
            [&] { return from.plane->snapshot().connections.at(0).waiting_frames == 5000; }));
    }
    Node from({.state_directory = folder.path()});
    from.add("a", a);
    ASSERT_TRUE(from.plane->connect(route));
    ASSERT_TRUE(to.plane->connect({.deployment = 1,
                                   .channel = 7,
                                   .epoch = 1,
                                   .destination_module = "b",
                                   .source_address = from.plane->events_address()}));
    EXPECT_TRUE(eventually([&] { return to.report("b").taken_in == 5000; }));
    EXPECT_EQ(to.report("b").out_of_order, 0U);
}

TEST(DataPlane, DeliversDirectEventsAndTheirReplies) {
    Node node;
    auto module = Node::attested();
    module->connect(3, test::endpoint_answer, false, 1);
    node.add("m", module);
    const Route route{.deployment = 1,
                      .channel = 3,
                      .epoch = 1,
                      .destination_module = "m",
                      .request = true,
                      .direct = true};
    ASSERT_TRUE(node.plane->connect(route));
    const Bytestring body(8);
    const Bytestring first = module->seal_direct(3, 1, {.kind = wire::Kind::request}, body);
    const Expected<DirectResult> done = node.deliver(3, first, true);
    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(done->expected, 1U);
    EXPECT_EQ(done->refused, Error::none);
    EXPECT_FALSE(done->replies.empty());
    // The deployer that did not hear of it says it again.
    const Expected<DirectResult> again = node.deliver(3, first, true);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->expected, 1U);
    EXPECT_EQ(again->replies, done->replies);
    Bytestring forged =
        module->seal_direct(3, 2, {.kind = wire::Kind::request, .counter = 1}, body);
    const Expected<DirectResult> refused = node.deliver(3, forged, true);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->refused, Error::forged);
    const Expected<DirectResult> early = node.deliver(
        3, module->seal_direct(3, 1, {.kind = wire::Kind::request, .counter = 9}, body), true);
    ASSERT_TRUE(early.has_value());
    EXPECT_EQ(early->refused, Error::too_early);
    EXPECT_EQ(node.deliver(4, first, false).error().code, "unknown-connection");
    EXPECT_EQ(node.deliver(3, {1, 2}, false).error().code, "malformed-frames");
}

TEST(DataPlane, FiresTimersAndPeriodicCalls) {
    Node node;
    node.add("m", Node::attested());
    Bytestring delay(8);
    Writer(delay).u64(1000);
    ASSERT_TRUE(node.call("m", test::endpoint_start_timer, delay).has_value());
    EXPECT_TRUE(eventually([&] { return node.report("m").ticks == 1; }));
    ASSERT_TRUE(node.plane->add_periodic("p", {1, "m"}, test::endpoint_echo, 2000));
    EXPECT_EQ(node.plane->add_periodic("p", {1, "m"}, test::endpoint_echo, 1).error().code,
              "duplicate-name");
    EXPECT_TRUE(eventually([&] { return node.plane->snapshot().periodic.at(0).fired > 20; }));
    ASSERT_TRUE(node.plane->remove_periodic(1, "p"));
    EXPECT_TRUE(node.plane->snapshot().periodic.empty());
    EXPECT_EQ(node.plane->remove_periodic(1, "p").error().code, "unknown-periodic");
}

TEST(DataPlane, LeavesPeriodicCallsToANodeWithItsOwnClock) {
    Node node;
    MemoryLink* link = node.add(
        "m",
        Node::attested(),
        tee::OwnClock{
            .unit_us = 1000, .period_us_min = 5000, .period_us_max = 1'000'000, .calls_max = 2});
    const auto add = [&](const char* name, std::uint64_t every_us) {
        const auto added = node.plane->add_periodic(name, {1, "m"}, test::endpoint_echo, every_us);
        return added ? "" : added.error().code;
    };
    EXPECT_EQ(add("p", 5000), "");
    EXPECT_EQ(add("fast", 4000), "bad-period");
    EXPECT_EQ(add("odd", 5001), "bad-period");
    EXPECT_EQ(add("slow", 2'000'000), "bad-period");
    EXPECT_EQ(add("q", 7000), "");
    EXPECT_EQ(add("r", 7000), "too-many-periodic");
    EXPECT_EQ(node.plane->snapshot().periodic.size(), 2U);
    EXPECT_EQ(node.plane->snapshot().periodic.at(1).fired, 7U) << "as the node counts";
    EXPECT_EQ(link->periodic(), (std::vector<std::string>{"p", "q"}));
    ASSERT_TRUE(node.plane->remove_periodic(1, "p"));
    EXPECT_EQ(link->periodic(), (std::vector<std::string>{"q"}));
    node.plane->clear(1);
    EXPECT_TRUE(link->periodic().empty());
}

TEST(DataPlane, LeavesEventsToANodeThatCarriesThemWheneverNoneWaits) {
    Node node;
    const tee::OwnClock clock{
        .unit_us = 1000, .period_us_min = 1, .period_us_max = 2, .calls_max = 0};
    auto from = Node::attested();
    auto to = Node::attested();
    from->connect(7, test::endpoint_out, true, 1);
    to->connect(7, test::endpoint_in, false, 1);
    MemoryLink* link = node.add("a", from, clock);
    ASSERT_TRUE(node.plane->connect({.deployment = 1,
                                     .channel = 7,
                                     .epoch = 1,
                                     .source_module = "a",
                                     .destination_module = "b"}));
    EXPECT_TRUE(link->left_to_node().empty()) << "one end is not there";
    node.add("b", to);
    EXPECT_TRUE(eventually([&] { return link->left_to_node()[7] == 1; }));
    Bytestring count(4);
    Writer(count).u32(1);
    ASSERT_TRUE(node.call("a", test::endpoint_emit, count));
    EXPECT_TRUE(eventually([&] { return node.report("b").taken_in == 1; })) << "it was not carried";
    EXPECT_TRUE(eventually([&] { return link->left_to_node()[7] == 2; })) << "and was acknowledged";
    link->has_carried({.channel = 7, .events = 4, .bytes = 200, .next = 5});
    const ConnectionCounters counters = node.plane->snapshot().connections.at(0);
    EXPECT_EQ(counters.forwarded, 5U);
    EXPECT_EQ(counters.acknowledged, 5U);
    node.plane->disconnect(1, 7);
    EXPECT_TRUE(eventually([&] { return link->left_to_node().empty(); }));
}

TEST(DataPlane, SaysWhyItCannotListen) {
    Watcher watcher;
    EXPECT_EQ(DataPlane::open({.listen = "nonsense"}, watcher).error().code, "address");
    Node node;
    EXPECT_EQ(DataPlane::open({.listen = node.plane->events_address()}, watcher).error().code,
              "listen");
}

} // namespace
} // namespace authex::em
