// uint64_t authex_svc(a0, a1, a2, a3, a4, number): the only SVC of the image.
    .text
    .globl  authex_svc
    .hidden authex_svc
    .type   authex_svc, %function
authex_svc:
    mov     x8, x5
    svc     #0
    ret
    .size   authex_svc, . - authex_svc
    .section .note.GNU-stack, "", %progbits
