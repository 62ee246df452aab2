#include "sdk/tls_client.hpp"

#include <stdexcept>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace authex::test {

TlsClient::TlsClient(WebServer& web,
                     std::uint64_t stream,
                     const std::string& trusted,
                     const std::string& name)
    : web_(web), stream_(stream), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    BIO* pem = BIO_new_mem_buf(trusted.data(), static_cast<int>(trusted.size()));
    X509* certificate = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
    BIO_free(pem);
    if (certificate == nullptr) {
        throw std::runtime_error("not a certificate: " + trusted);
    }
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate);
    X509_free(certificate);
    ssl_.reset(SSL_new(context_.get()));
    X509_VERIFY_PARAM* terms = SSL_get0_param(ssl_.get());
    if (name.find(':') != std::string::npos || (name[0] >= '0' && name[0] <= '9')) {
        X509_VERIFY_PARAM_set1_ip_asc(terms, name.c_str());
    } else {
        SSL_set1_host(ssl_.get(), name.c_str());
    }
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
}

std::string TlsClient::outgoing() {
    std::string bytes(1 << 16, '\0');
    const int count =
        BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
}

void TlsClient::move() {
    for (bool moves = true; moves;) {
        const std::string from_server = web_.take(stream_);
        BIO_write(
            SSL_get_rbio(ssl_.get()), from_server.data(), static_cast<int>(from_server.size()));
        if (!SSL_is_init_finished(ssl_.get())) {
            (void)SSL_do_handshake(ssl_.get());
        }
        const std::string from_client = outgoing();
        if (!from_client.empty()) {
            web_.data(stream_, from_client);
        }
        moves = !from_server.empty() || !from_client.empty();
    }
}

bool TlsClient::shake_hands() {
    move();
    return SSL_is_init_finished(ssl_.get()) == 1;
}

void TlsClient::say(const std::string& text) {
    (void)SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    move();
}

std::string TlsClient::hear() {
    move();
    std::string all;
    char piece[4096];
    for (int count = 0; (count = SSL_read(ssl_.get(), piece, sizeof piece)) > 0;) {
        all.append(piece, static_cast<std::size_t>(count));
    }
    return all;
}

} // namespace authex::test
