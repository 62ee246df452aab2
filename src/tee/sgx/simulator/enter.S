# int authex_simulated_enter(rdi, rsi, rdx, u32 function, r8, r9, EnclaveRun*): the contract of __vdso_sgx_enter_enclave of Linux.
#                                                                     (Documentation of the kernel, "Software Guard eXtensions")
    .set    run, 16                 # argument, above the saved RBP and the return address
    .set    run_tcs, 0
    .set    run_function, 8
    .set    enclu_eexit, 4

    .text
    .globl  authex_simulated_enter
    .type   authex_simulated_enter, @function
authex_simulated_enter:
    pushq   %rbp
    movq    %rsp, %rbp
    pushq   %rbx
    movl    %ecx, %eax
    movq    run(%rbp), %rbx
    movq    run_tcs(%rbx), %rbx
    leaq    authex_simulated_aep(%rip), %rcx
    .globl  authex_simulated_aep
authex_simulated_aep:
    enclu
    # EEXIT comes here.
    movq    run(%rbp), %rbx
    movl    $enclu_eexit, run_function(%rbx)
leave:
    xorl    %eax, %eax
    popq    %rbx
    popq    %rbp
    ret
    # An exception comes here, with RBP and RSP of the caller, and the run's fields filled in.
    .globl  authex_simulated_exception
authex_simulated_exception:
    jmp     leave
    .size   authex_simulated_enter, . - authex_simulated_enter
    .section .note.GNU-stack, "", @progbits
