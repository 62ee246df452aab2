# The only way in, EENTER, and the only way out, EEXIT.                     (Intel SDM vol. 3D, chapters 36 and 38)
#
# In:  RAX number of the state save area, RBX this thread's TCS (both from the processor), RDI the host's invocation.
# Out: every register cleared but those that the caller keeps.
#
# The enclave was linked to one place, so that no code needs to be relocated and all pointers lie in read-only memory. The host
# chooses where it lies: anywhere else it ends itself before it has used an address.
#
# Whatever the host leaves in flags and floating-point state is replaced: DF (string instructions would run backwards), AC (the
# host would single out accesses), TF, x87 control, tags and MXCSR.   (Van Bulck et al., "A Tale of Two Worlds", CCS 2019,
# attacks 1 to 3; Alder et al., "Faulty Point Unit", ACSAC 2020)  XCR0 is 3 in here (x87 and SSE), so there is no other state.
#
# There are no calls out and no handlers of exceptions: an exception leaves a used state save area behind, of which there is one,
# so that the processor refuses every later EENTER.   (Cui et al., "SmashEx", CCS 2021)
    .set    enclu_eexit, 4
    .set    page, 4096

    .text
    .globl  authex_enter
    .type   authex_enter, @function
authex_enter:
    cld
    testl   %eax, %eax
    jne     refuse
    leaq    __ehdr_start(%rip), %rax
    cmpq    $__ehdr_start, %rax
    jne     refuse

    movq    %rsp, %rax
    leaq    -page(%rbx), %rsp       # this thread's stack ends one guard page below its TCS
    pushq   %rax
    pushq   %rcx                    # where to exit to
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   $2                      # all flags clear
    popfq
    movl    $3, %eax
    xorl    %edx, %edx
    xrstor  initial_state(%rip)
    xorl    %ebp, %ebp
    subq    $8, %rsp
    lfence                          # nothing below runs before the checks are known to hold
    callq   authex_door

    addq    $8, %rsp
    movl    $3, %eax                # no secret stays in a vector register
    xorl    %edx, %edx
    xrstor  initial_state(%rip)
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    popq    %rsp
    xorl    %edx, %edx
    xorl    %esi, %esi
    xorl    %edi, %edi
    xorl    %r8d, %r8d
    xorl    %r9d, %r9d
    xorl    %r10d, %r10d
    xorl    %r11d, %r11d
    movl    $enclu_eexit, %eax
    enclu                           # to RBX; RCX becomes the AEP
refuse:
    ud2
    .size   authex_enter, . - authex_enter

# XSAVE area of which no component is in use (XSTATE_BV is 0), so that each gets its initial value; MXCSR alone is taken from here.
#                                                                           (Intel SDM vol. 1, §13.4 and §13.8.1)
    .section .rodata
    .balign 64
initial_state:
    .skip   24
    .long   0x1f80                  # MXCSR
    .skip   484                     # rest of the legacy area
    .skip   64                      # header
    .section .note.GNU-stack, "", @progbits
