// A processor without AES and carry-less multiplication: the linker puts these in the place of
// BearSSL's questions about it.
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hash.h>

extern "C" const br_block_ctr_class*
__wrap_br_aes_x86ni_ctr_get_vtable() { // NOLINT(bugprone-reserved-identifier): ld
    return nullptr;
}

extern "C" br_ghash __wrap_br_ghash_pclmul_get() { // NOLINT(bugprone-reserved-identifier): ld
    return nullptr;
}
