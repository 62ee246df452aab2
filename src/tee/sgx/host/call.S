# void authex_call_enclave(enter function, Invocation*, EnclaveRun*): EENTER through the function of the vDSO or the simulated one, which keep
# RBX and RBP alone where the enclave ends in an exception.
    .text
    .globl  authex_call_enclave
    .type   authex_call_enclave, @function
authex_call_enclave:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   %rdx                    # seventh argument
    movq    %rdi, %rax
    movq    %rsi, %rdi
    xorl    %esi, %esi
    xorl    %edx, %edx
    movl    $2, %ecx                # EENTER
    xorl    %r8d, %r8d
    xorl    %r9d, %r9d
    callq   *%rax
    cld
    addq    $8, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    ret
    .size   authex_call_enclave, . - authex_call_enclave
    .section .note.GNU-stack, "", @progbits
