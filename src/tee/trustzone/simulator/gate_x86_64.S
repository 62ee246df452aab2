#if defined(__x86_64__)
# uint64_t authex_ta_call(entry, stack_top, what, session, params, command): into the TA on its own stack; back when it
# leaves. authex_ta_gate: where its system calls arrive (port/optee/svc_x86_64.S), on the TA's stack still.
    .text
    .globl  authex_ta_call
    .type   authex_ta_call, @function
authex_ta_call:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $8, %rsp                # so that calls from here are aligned
    movq    %rsp, authex_host_stack(%rip)
    movq    %rsi, %rsp
    movq    %rdi, %rax
    movq    %rdx, %rdi
    movq    %rcx, %rsi
    movq    %r8, %rdx
    movq    %r9, %rcx
    xorl    %ebp, %ebp
    pushq   %rbp                    # it never returns
    jmpq    *%rax
    .size   authex_ta_call, . - authex_ta_call

    .globl  authex_ta_gate
    .type   authex_ta_gate, @function
authex_ta_gate:
    cld
    movq    %rsp, authex_ta_stack(%rip)
    movq    authex_host_stack(%rip), %rsp
    testq   %r9, %r9
    jz      left
    callq   authex_answer@PLT
    movq    authex_ta_stack(%rip), %rsp
    ret
left:
    movl    %edi, %eax
    addq    $8, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   authex_ta_gate, . - authex_ta_gate

    .bss
    .balign 8
    .globl  authex_host_stack
    .hidden authex_host_stack
authex_host_stack:
    .skip   8
    .globl  authex_ta_stack
    .hidden authex_ta_stack
authex_ta_stack:
    .skip   8
    .section .note.GNU-stack, "", @progbits
#endif
