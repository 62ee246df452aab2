// Each method of the control plane × each kind of certificate.
#include <csignal>

#include <gmock/gmock.h>

#include "certificates.hpp"
#include "em/control/methods.hpp"
#include "server_fixture.hpp"

namespace authex::em {
namespace {

using test::Client;
using test::PemPair;
using testing::HasSubstr;

const std::string image_i(1000, 'i');
const std::string image_j(1000, 'j');

/// Reads the first message, if there is one.
std::string changes_of(Client& client) {
    v1::ChangesRequest request;
    request.set_deployment(client.deployment());
    const auto context = test::with_deadline();
    const auto reader = client.stub().Changes(context.get(), request);
    v1::Changed message;
    const bool told = reader->Read(&message);
    if (told) {
        context->TryCancel(); // else it has ended, and says why
    }
    client.status = reader->Finish();
    return told ? std::string("ok") : rpc::to_diagnostic(client.status).code;
}

/// Calls the method once, with an empty request. @return "ok", or the diagnostic's code
std::string call_of(Method method, Client& client) {
    using Stub = Client::Stub;
    const auto unary = [&](auto function, auto request, auto reply) {
        return client.call(function, request, &reply);
    };
    const auto nameless = [&](auto function, auto request, auto reply) {
        const grpc::Status status =
            (client.stub().*function)(test::with_deadline().get(), request, &reply);
        return status.ok() ? std::string("ok") : rpc::to_diagnostic(status).code;
    };
    switch (method) {
    case Method::hello:
        return client.hello();
    case Method::load:
        return client.load("a", image_i).code();
    case Method::start:
        return client.start("a");
    case Method::stop:
        return client.stop("a");
    case Method::remove:
        return client.remove("a");
    case Method::kept_state:
        return unary(&Stub::KeptState, v1::ModuleRequest(), v1::KeptStateReply());
    case Method::control:
        return unary(&Stub::Control, v1::ControlRequest(), v1::ControlReply());
    case Method::certify:
        return client.certify("a", 0);
    case Method::connect:
        return client.connect({});
    case Method::disconnect:
        return unary(&Stub::Disconnect, v1::DisconnectRequest(), v1::DisconnectReply());
    case Method::deliver:
        return unary(&Stub::Deliver, v1::DeliverRequest(), v1::DeliverReply());
    case Method::call:
        return client.enter("a", 0, "");
    case Method::add_periodic:
        return unary(&Stub::Register, v1::RegisterRequest(), v1::RegisterReply());
    case Method::remove_periodic:
        return unary(&Stub::Unregister, v1::UnregisterRequest(), v1::UnregisterReply());
    case Method::status:
        return unary(&Stub::Status, v1::StatusRequest(), v1::StatusReply());
    case Method::changes:
        return changes_of(client);
    case Method::logs: {
        test::LogReader logs(client, "", false);
        (void)logs.next();
        return logs.code();
    }
    case Method::record: {
        v1::RecordRequest request;
        request.set_deployment(client.deployment());
        const auto context = test::with_deadline();
        const auto reader = client.stub().Record(context.get(), request);
        v1::Recorded message;
        (void)reader->Read(&message);
        client.status = reader->Finish();
        return client.status.ok() ? std::string("ok") : rpc::to_diagnostic(client.status).code;
    }
    case Method::metrics:
        return unary(&Stub::Metrics, v1::MetricsRequest(), v1::MetricsReply());
    case Method::reset:
        return client.reset();
    case Method::deployments:
        return nameless(&Stub::Deployments, v1::DeploymentsRequest(), v1::DeploymentsReply());
    case Method::revoke:
        return nameless(&Stub::Revoke, v1::RevokeRequest(), v1::RevokeReply());
    }
    return "unknown";
}

class RolesTest : public test::ServerTest {
  protected:
    void SetUp() override {
        (void)std::signal(SIGPIPE, SIG_IGN);
        const PemPair node = authority.issue("node", {.uris = {}});
        folder.write("tls/node.crt", node.certificate);
        folder.write("tls/node.key", node.key);
        folder.write("tls/ca.crt", authority.pem() + other_authority.pem());
        open(tls_files_in(folder.path() / "tls"));
    }
    std::unique_ptr<Client> client(const PemPair& own, std::uint32_t deployment = 1) {
        const std::string roots = authority.pem();
        return std::make_unique<Client>(
            server->address(), grpc::SslCredentials({roots, own.key, own.certificate}), deployment);
    }
    std::unique_ptr<Client> client_as(const std::string& role) {
        return client(authority.issue(role, {.uris = {"urn:authex:role:" + role}}));
    }
    std::string revoke(Client& owner, const std::vector<std::string>& serials) {
        v1::RevokeRequest request;
        request.mutable_serials()->Add(serials.begin(), serials.end());
        v1::RevokeReply reply;
        const grpc::Status status =
            owner.stub().Revoke(test::with_deadline().get(), request, &reply);
        return status.ok() ? std::to_string(reply.revoked()) : rpc::to_diagnostic(status).code;
    }
    test::Authority authority{"authority"};
    test::Authority other_authority{"other authority"};
};

TEST(MethodRules, NameEveryMethodOfTheProtocolOnce) {
    const auto* service = v1::HelloRequest::descriptor()->file()->FindServiceByName("Node");
    ASSERT_NE(service, nullptr);
    EXPECT_EQ(static_cast<std::size_t>(service->method_count()), method_rules.size());
    for (const MethodRule& rule : method_rules) {
        EXPECT_NE(service->FindMethodByName(std::string(rule.name)), nullptr) << rule.name;
    }
}

TEST_F(RolesTest, EachMethodIsForItsLeastRoleAndThoseAbove) {
    ASSERT_EQ(client_as("owner")->hello(), "ok");
    for (const std::string role : {"observer", "operator", "owner"}) {
        const auto caller = client_as(role);
        for (const MethodRule& rule : method_rules) {
            if (rule.method == Method::load) {
                continue; // below
            }
            const bool allowed = *rpc::role_of(role) >= rule.least;
            EXPECT_EQ(call_of(rule.method, *caller) != "role-too-low", allowed)
                << rule.name << " by " << role;
        }
    }
}

TEST_F(RolesTest, NodesCertificateIsNoClientOfAnyMethod) {
    ASSERT_EQ(client_as("owner")->hello(), "ok");
    const auto node = client(authority.issue("node", {.uris = {}}));
    for (const MethodRule& rule : method_rules) {
        EXPECT_EQ(call_of(rule.method, *node), "certificate-without-role") << rule.name;
    }
    EXPECT_EQ(node->status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(RolesTest, RolesThatAreNotClearAreNone) {
    using Uris = std::vector<std::string>;
    for (const Uris& uris : {Uris{"urn:authex:role:"},
                             Uris{"urn:authex:role:root"},
                             Uris{"urn:authex:role:Owner"},
                             Uris{"urn:authex:role:owner", "urn:authex:role:observer"},
                             Uris{"urn:authex:role:owner", "urn:authex:role:owner"},
                             Uris{"https://example.org/urn:authex:role:owner"}}) {
        EXPECT_EQ(client(authority.issue("mallory", {.uris = uris}))->hello(),
                  "certificate-without-role")
            << uris.front();
    }
    EXPECT_EQ(client(authority.issue("urn:authex:role:owner", {.uris = {}}))->hello(),
              "certificate-without-role")
        << "a common name is no role";
}

TEST_F(RolesTest, OnlyAnOwnerClaimsADeployment) {
    EXPECT_EQ(client_as("operator")->hello(), "no-hello");
    EXPECT_EQ(client_as("observer")->hello(), "no-hello");
    EXPECT_EQ(client_as("owner")->hello(), "ok");
    EXPECT_EQ(client_as("operator")->hello(), "ok");
    EXPECT_EQ(client_as("observer")->hello(), "ok");
}

TEST_F(RolesTest, OperatorStartsWhatIsThereAndBringsNothing) {
    const auto owner = client_as("owner");
    const auto operating = client_as("operator");
    ASSERT_EQ(owner->hello(), "ok");
    EXPECT_EQ(operating->load("a", image_i).code(), "role-too-low");
    ASSERT_EQ(owner->load("a", image_i).code(), "ok");
    ASSERT_EQ(operating->stop("a"), "ok");
    EXPECT_EQ(operating->load("a", image_j).code(), "role-too-low");
    EXPECT_EQ(operating->load("a", image_i).code(), "ok") << "the image is on the node";
    EXPECT_EQ(operating->load("b", image_i).code(), "role-too-low");
    EXPECT_EQ(client_as("observer")->load("a", image_i).code(), "role-too-low");
    EXPECT_EQ(owner->module("a").state(), v1::ModuleStatus::RUNNING);
}

TEST_F(RolesTest, ObserverChangesNothing) {
    const auto owner = client_as("owner");
    ASSERT_EQ(owner->hello(), "ok");
    ASSERT_EQ(owner->load("a", image_i).code(), "ok");
    const auto observer = client_as("observer");
    for (const MethodRule& rule : method_rules) {
        (void)call_of(rule.method, *observer);
    }
    EXPECT_EQ(owner->module("a").state(), v1::ModuleStatus::RUNNING);
    EXPECT_EQ(owner->module("a").instance(), 1U);
    EXPECT_EQ(observer->module("a").state(), v1::ModuleStatus::RUNNING) << "it may look";
}

TEST_F(RolesTest, OwnersOfOtherAuthoritiesSeeAndTouchNothing) {
    ASSERT_EQ(client_as("owner")->hello(), "ok");
    const auto other = client(other_authority.issue("owner", {.uris = {"urn:authex:role:owner"}}));
    EXPECT_EQ(other->hello(), "deployment-taken");
    for (const Method method : {Method::status, Method::reset, Method::logs, Method::stop}) {
        EXPECT_EQ(call_of(method, *other), "not-owner");
    }
    v1::DeploymentsReply reply;
    ASSERT_TRUE(other->stub()
                    .Deployments(test::with_deadline().get(), v1::DeploymentsRequest(), &reply)
                    .ok());
    EXPECT_EQ(reply.deployments_size(), 0);
}

TEST_F(RolesTest, DeploymentsAreThoseOfTheCallersOwner) {
    const auto owner = client_as("owner");
    ASSERT_EQ(owner->hello(), "ok");
    v1::DeploymentsReply reply;
    ASSERT_TRUE(client_as("observer")
                    ->stub()
                    .Deployments(test::with_deadline().get(), v1::DeploymentsRequest(), &reply)
                    .ok());
    ASSERT_EQ(reply.deployments_size(), 1);
    EXPECT_EQ(reply.deployments(0).deployment(), 1U);
    EXPECT_EQ(reply.deployments(0).application(), "test");
}

TEST_F(RolesTest, RevokedCertificateIsRefusedFromTheNextCallOnAndAfterARestart) {
    const auto owner = client_as("owner");
    ASSERT_EQ(owner->hello(), "ok");
    const PemPair mallory = authority.issue("mallory", {.uris = {"urn:authex:role:operator"}});
    const auto revoked = client(mallory);
    ASSERT_EQ(revoked->hello(), "ok");
    test::LogReader logs(*revoked, "", true);
    EXPECT_EQ(revoke(*owner, {authority.last_serial()}), "1");
    EXPECT_EQ(revoke(*owner, {authority.last_serial()}), "1") << "once more changes nothing";
    EXPECT_EQ(revoked->hello(), "certificate-revoked");
    EXPECT_EQ(revoked->status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(owner->hello(), "ok");
    EXPECT_EQ(owner->greeting.revoked(), 1U);
    ASSERT_EQ(owner->load("a", image_i).code(), "ok");
    EXPECT_EQ(owner->enter("a", test::fake_log, "line"), "ok");
    while (!logs.next().empty()) {
    }
    EXPECT_EQ(logs.code(), "certificate-revoked")
        << "what it reads already ends with the next line";
    reopen();
    EXPECT_EQ(client(mallory)->hello(), "certificate-revoked");
    EXPECT_EQ(client(authority.renew(mallory, "mallory", {.uris = {"urn:authex:role:operator"}}))
                  ->hello(),
              "ok")
        << "a new certificate has a new serial number";
}

TEST_F(RolesTest, ImageThatComesWhileItsSenderIsRevokedIsNotTaken) {
    const auto owner = client_as("owner");
    ASSERT_EQ(owner->hello(), "ok");
    const auto mallory = client_as("owner");
    const std::string serial = authority.last_serial();
    const auto context = test::with_deadline();
    const auto stream = mallory->stub().Load(context.get());
    v1::LoadRequest request;
    *request.mutable_spec() = mallory->spec("a", image_i);
    ASSERT_TRUE(stream->Write(request));
    request.set_chunk(image_i.substr(0, 1));
    ASSERT_TRUE(stream->Write(request));
    EXPECT_EQ(revoke(*owner, {serial}), "1");
    request.set_chunk(image_i.substr(1));
    (void)stream->Write(request);
    for (v1::LoadProgress progress; stream->Read(&progress);) {
    }
    EXPECT_EQ(rpc::to_diagnostic(stream->Finish()).code, "certificate-revoked");
    EXPECT_EQ(owner->module("a").state(), v1::ModuleStatus::ABSENT);
}

/// TLS looks at the time only when a connection begins, and connections may stay for long.
TEST_F(RolesTest, CertificateThatHasEndedIsRefusedOnAnOpenConnectionToo) {
    const auto access = Access::open(folder.path() / "tls" / "ca.crt", folder.path() / "revoked");
    ASSERT_TRUE(access);
    const PemPair valid = authority.issue("anna", {.valid_s = 3600});
    auto identity = (*access)->identify(valid.certificate);
    ASSERT_TRUE(identity);
    EXPECT_TRUE((*access)->still_valid(*identity));
    identity->valid_until = std::chrono::system_clock::now() - std::chrono::seconds(1);
    EXPECT_EQ((*access)->still_valid(*identity).error().code, "certificate-expired");
    const PemPair ended = authority.issue("otto", {.valid_s = -60});
    EXPECT_EQ((*access)->identify(ended.certificate).error().code, "certificate-expired");
}

TEST_F(RolesTest, RevocationsThatCannotBeReadAreNotTakenForNone) {
    const auto ca = folder.path() / "tls" / "ca.crt";
    const auto unreadable = folder.path() / "revoked";
    std::filesystem::create_symlink(unreadable, unreadable); // a link to itself opens for nobody
    EXPECT_EQ(Access::open(ca, unreadable).error().code, "store");
    EXPECT_EQ(Access::open(ca, folder.path()).error().code, "store") << "a folder";
    EXPECT_TRUE(Access::open(ca, folder.path() / "none"));
}

TEST_F(RolesTest, RevocationIsTheBusinessOfOneAuthority) {
    const auto owner = client_as("owner");
    ASSERT_EQ(owner->hello(), "ok");
    const PemPair other = other_authority.issue("owner", {.uris = {"urn:authex:role:owner"}});
    const std::string serial = other_authority.last_serial();
    EXPECT_EQ(revoke(*owner, {serial}), "1");
    EXPECT_EQ(client(other, 2)->hello(), "ok");
}

TEST_F(RolesTest, SerialNumbersThatAreNoneAreRefusedAndNothingIsRevoked) {
    const auto owner = client_as("owner");
    for (const std::string& serial : {std::string(),
                                      std::string("0x1"),
                                      std::string("ab"),
                                      std::string("1 2"),
                                      std::string("1\n2"),
                                      std::string(41, '1')}) {
        EXPECT_EQ(revoke(*owner, {"ABCD", serial}), "bad-request") << serial;
    }
    EXPECT_EQ(owner->hello(), "ok");
    EXPECT_EQ(owner->greeting.revoked(), 0U);
}

TEST_F(RolesTest, RevocationThatCannotBeKeptIsNotSaidToBeDone) {
    const auto owner = client_as("owner");
    std::filesystem::create_directories(options.state_directory / "revoked");
    EXPECT_EQ(revoke(*owner, {"ABCD"}), "store");
    EXPECT_EQ(owner->hello(), "ok");
    EXPECT_EQ(owner->greeting.revoked(), 0U);
}

TEST_F(RolesTest, PlaintextHasOneOwner) {
    server.reset();
    open({});
    Client anyone(server->address());
    EXPECT_EQ(anyone.hello(), "ok");
    EXPECT_EQ(anyone.load("a", image_i).code(), "ok");
}

} // namespace
} // namespace authex::em
