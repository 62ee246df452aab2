# void authex_host_call(void (*entry)(Invocation*), Invocation*, void* stack_top)
# Calls into the image on a stack of its own. What the ABI has callees preserve is kept here too, in
# case the image does not.
    .text
    .globl  authex_host_call
    .type   authex_host_call, @function
authex_host_call:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, host_stack(%rip)
    movq    %rdi, %rax
    movq    %rsi, %rdi
    movq    %rdx, %rsp
    xorl    %ebp, %ebp
    callq   *%rax
    cld
    movq    host_stack(%rip), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   authex_host_call, . - authex_host_call
    .bss
    .balign 8
host_stack:
    .skip   8
    .section .note.GNU-stack, "", @progbits
