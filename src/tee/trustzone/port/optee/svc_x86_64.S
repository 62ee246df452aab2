# The same on a development machine: OP-TEE is not there, and its stand-in answers at an address that both know
# (simulator/gate.hpp). The number is the sixth argument, as in C.
    .text
    .globl  authex_svc
    .hidden authex_svc
    .type   authex_svc, @function
authex_svc:
    movl    $0x50000000, %eax
    jmpq    *%rax
    .size   authex_svc, . - authex_svc
    .section .note.GNU-stack, "", @progbits
