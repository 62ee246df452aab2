#pragma once
// A deployer's end of the control plane, as far as tests need it.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/create_channel.h>
#include <openssl/sha.h>

#include "authex/v1/node.grpc.pb.h"
#include "rpc/status.hpp"

namespace authex::test {

constexpr auto call_time = std::chrono::seconds(20);

inline std::unique_ptr<grpc::ClientContext>
with_deadline(std::chrono::milliseconds time = call_time) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + time);
    return context;
}

inline std::string sha256(const std::string& data) {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(data.data()),
           data.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

struct Loaded {
    grpc::Status status;
    std::vector<v1::LoadProgress> progress;
    /// "ok", or the diagnostic's code.
    [[nodiscard]] std::string code() const {
        return status.ok() ? "ok" : rpc::to_diagnostic(status).code;
    }
};

class Client {
  public:
    using Stub = v1::Node::Stub;
    Client(const std::string& address,
           const std::shared_ptr<grpc::ChannelCredentials>& credentials =
               grpc::InsecureChannelCredentials(),
           std::uint32_t deployment = 1)
        : deployment_(deployment) {
        grpc::ChannelArguments arguments;
        // One connection each: a shared one would carry another client's certificate.
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
        stub_ = v1::Node::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
    }

    /// "ok", or the code of the diagnostic that the server sent.
    template <typename Request, typename Reply>
    std::string call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                     Request request,
                     Reply* reply,
                     std::chrono::milliseconds time = call_time) {
        request.set_deployment(deployment_);
        status = (stub_.get()->*method)(with_deadline(time).get(), request, reply);
        return status.ok() ? "ok" : rpc::to_diagnostic(status).code;
    }

    std::string hello() {
        v1::HelloRequest request;
        request.set_application("test");
        request.add_protocol_versions(1);
        return call(&Stub::Hello, request, &greeting);
    }
    v1::StatusReply look() {
        v1::StatusReply reply;
        (void)call(&Stub::Status, v1::StatusRequest(), &reply);
        return reply;
    }
    v1::ModuleStatus module(const std::string& name) {
        const v1::StatusReply reply = look();
        for (const auto& each : reply.modules()) {
            if (each.name() == name) {
                return each;
            }
        }
        return {};
    }
    std::string start(const std::string& name) { return life(&Stub::Start, name); }
    std::string stop(const std::string& name, std::uint64_t started_at_us = 0) {
        return life(&Stub::Stop, name, started_at_us);
    }
    std::string remove(const std::string& name, std::uint64_t started_at_us = 0) {
        return life(&Stub::Remove, name, started_at_us);
    }
    std::string reset() {
        v1::ResetReply reply;
        return call(&Stub::Reset, v1::ResetRequest(), &reply);
    }
    std::string enter(const std::string& module,
                      std::uint32_t entry,
                      const std::string& data,
                      std::chrono::milliseconds time = call_time) {
        v1::CallRequest request;
        request.set_module(module);
        request.set_entry(entry);
        request.set_data(data);
        result.Clear();
        return call(&Stub::Call, request, &result, time);
    }
    std::string certify(const std::string& module, std::uint32_t endpoint) {
        v1::CertifyRequest request;
        request.set_module(module);
        request.set_endpoint(endpoint);
        v1::CertifyReply reply;
        return call(&Stub::Certify, request, &reply);
    }
    std::string connect(v1::ConnectRequest request) {
        v1::ConnectReply reply;
        return call(&Stub::Connect, std::move(request), &reply);
    }

    [[nodiscard]] v1::LoadSpec spec(const std::string& name, const std::string& image) const {
        v1::LoadSpec spec;
        spec.set_deployment(deployment_);
        spec.set_module(name);
        spec.set_image_bytes(image.size());
        spec.set_image_sha256(sha256(image));
        return spec;
    }
    Loaded load(const std::string& name, const std::string& image) {
        return load(spec(name, image), image);
    }
    Loaded load(const v1::LoadSpec& spec,
                const std::string& image,
                std::size_t chunk_bytes = 65'536,
                std::chrono::milliseconds time = call_time) {
        Loaded loaded;
        const auto context = with_deadline(time);
        const auto stream = stub_->Load(context.get());
        v1::LoadRequest request;
        *request.mutable_spec() = spec;
        bool open = stream->Write(request);
        for (std::size_t at = 0; open && at < image.size(); at += chunk_bytes) {
            request.set_chunk(image.substr(at, chunk_bytes));
            open = stream->Write(request);
        }
        stream->WritesDone();
        for (v1::LoadProgress progress; stream->Read(&progress);) {
            loaded.progress.push_back(progress);
        }
        loaded.status = stream->Finish();
        return loaded;
    }

    [[nodiscard]] Stub& stub() { return *stub_; }
    [[nodiscard]] std::uint32_t deployment() const { return deployment_; }

    grpc::Status status; ///< of the last call
    v1::HelloReply greeting;
    v1::CallReply result;
    v1::ModuleStatus module_status; ///< of the last start, stop or remove

  private:
    std::string life(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                  const v1::ModuleRequest&,
                                                  v1::ModuleReply*),
                     const std::string& name,
                     std::uint64_t started_at_us = 0) {
        v1::ModuleRequest request;
        request.set_module(name);
        request.set_started_at_us(started_at_us);
        v1::ModuleReply reply;
        const std::string code = call(method, request, &reply);
        module_status = reply.status();
        return code;
    }

    std::uint32_t deployment_;
    std::unique_ptr<Stub> stub_;
};

} // namespace authex::test
