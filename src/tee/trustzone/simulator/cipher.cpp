#include "tee/trustzone/simulator/cipher.hpp"

#include <cstring>

#include "tee/trustzone/simulator/operation.hpp"

namespace authex::tee::trustzone {
namespace {

void count(Cipher& cipher, Bytes data) {
    for (std::uint8_t& byte : data) {
        if (cipher.stream_used == cipher.stream.size()) {
            cipher.stream = {};
            br_aes_ct64_ctrcbc_ctr(
                &cipher.counting, cipher.vector.data(), cipher.stream.data(), cipher.stream.size());
            cipher.stream_used = 0;
        }
        byte = static_cast<std::uint8_t>(byte ^ cipher.stream[cipher.stream_used++]);
    }
}

void chain(Operation& operation, Block& vector, Bytes blocks) {
    if (operation.mode == mode_encrypt) {
        br_aes_ct64_cbcenc_run(
            &operation.cipher.encrypting, vector.data(), blocks.data(), blocks.size());
    } else {
        br_aes_ct64_cbcdec_run(
            &operation.cipher.decrypting, vector.data(), blocks.data(), blocks.size());
    }
}

/// @pre whole blocks, unless it counts
void run(Operation& operation, Bytes data) {
    if (operation.algorithm == aes_ctr) {
        count(operation.cipher, data);
    } else if (operation.algorithm == aes_cbc) {
        chain(operation, operation.cipher.vector, data);
    } else {
        for (std::size_t at = 0; at < data.size(); at += aes_block_bytes) {
            Block none{};
            chain(operation, none, data.subspan(at, aes_block_bytes));
        }
    }
}

std::uint32_t move_on(const Core& core, const Arguments& arguments, Operation& operation) {
    const bool known_mode = operation.mode == mode_encrypt || operation.mode == mode_decrypt;
    if (!known_mode || (operation.algorithm != aes_ctr && arguments[2] % aes_block_bytes != 0)) {
        return tee_bad_parameters;
    }
    const Transfer moved = transfer(core, arguments);
    if (moved.result == tee_success && !moved.from.empty()) {
        std::memmove(moved.to.data(), moved.from.data(), moved.from.size());
        run(operation, moved.to);
    }
    return moved.result;
}

} // namespace

std::uint32_t begin_cipher(const Core& core, const Arguments& arguments) {
    Operation* const operation = operation_of(arguments);
    if (operation == nullptr) {
        return tee_bad_parameters;
    }
    if (operation->kind() != Class::cipher) {
        return tee_bad_state;
    }
    const KeyObject* const key = operation->filled_key();
    if (key == nullptr) {
        return tee_bad_parameters;
    }
    const std::optional<ByteView> vector = core.readable(arguments[1], arguments[2]);
    if (!vector) {
        return tee_access_denied;
    }
    Cipher& cipher = operation->cipher;
    cipher = {};
    if (operation->algorithm != aes_ecb) {
        if (vector->size() != cipher.vector.size()) {
            return tee_bad_parameters;
        }
        copy(*vector, cipher.vector);
    }
    const ByteView secret = key->secret();
    br_aes_ct64_cbcenc_init(&cipher.encrypting, secret.data(), secret.size());
    br_aes_ct64_cbcdec_init(&cipher.decrypting, secret.data(), secret.size());
    br_aes_ct64_ctrcbc_init(&cipher.counting, secret.data(), secret.size());
    operation->phase = Phase::begun;
    return tee_success;
}

std::uint32_t update_cipher(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    const std::uint32_t result = begun_operation(arguments, Class::cipher, operation);
    return result == tee_success ? move_on(core, arguments, *operation) : result;
}

std::uint32_t end_cipher(const Core& core, const Arguments& arguments) {
    Operation* operation = nullptr;
    if (const std::uint32_t result = begun_operation(arguments, Class::cipher, operation)) {
        return result;
    }
    const std::uint32_t result = move_on(core, arguments, *operation);
    if (result == tee_success) {
        operation->cipher = {};
        operation->phase = Phase::allocated;
    }
    return result;
}

} // namespace authex::tee::trustzone
