#if defined(__aarch64__)
// uint64_t authex_ta_call(entry, stack_top, what, session, params, command): into the TA on its own stack; back when it
// leaves: then the trap's handler continues at authex_ta_gate, with the caller's stack and the result in X0.
    .text
    .globl  authex_ta_call
    .type   authex_ta_call, %function
authex_ta_call:
    sub     sp, sp, #160
    stp     x19, x20, [sp]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    adrp    x9, authex_host_stack
    mov     x10, sp
    str     x10, [x9, :lo12:authex_host_stack]
    mov     x9, x0
    mov     sp, x1
    mov     x0, x2
    mov     x1, x3
    mov     x2, x4
    mov     x3, x5
    mov     x29, xzr
    mov     x30, xzr
    br      x9
    .size   authex_ta_call, . - authex_ta_call

    .globl  authex_ta_gate
    .type   authex_ta_gate, %function
authex_ta_gate:
    ldp     x19, x20, [sp]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #160
    ret
    .size   authex_ta_gate, . - authex_ta_gate

    .bss
    .balign 8
    .globl  authex_host_stack
    .hidden authex_host_stack
authex_host_stack:
    .skip   8
    .section .note.GNU-stack, "", %progbits
#endif
