# The only way in: void authex_enter(Invocation*), System V ABI, the image's ELF entry point.
# Flags and floating-point control are set as the ABI has them, whatever the host left there (Alder et al., "Faulty
# Point Unit", ACSAC 2020; Van Bulck et al., "A Tale of Two Worlds", CCS 2019), and every register that may hold a
# secret is cleared on the way out.
    .text
    .globl  authex_enter
    .type   authex_enter, @function
authex_enter:
    cld
    pushfq                          # alignment checks would let the host single out accesses
    andl    $~0x40000, (%rsp)
    popfq
    subq    $24, %rsp
    stmxcsr 8(%rsp)
    fnstcw  12(%rsp)
    movl    $0x1f80, (%rsp)
    ldmxcsr (%rsp)
    movl    $0x37f, (%rsp)
    fldcw   (%rsp)
    call    authex_door
    ldmxcsr 8(%rsp)
    fldcw   12(%rsp)
    addq    $24, %rsp
    xorl    %eax, %eax
    xorl    %ecx, %ecx
    xorl    %edx, %edx
    xorl    %esi, %esi
    xorl    %edi, %edi
    xorl    %r8d, %r8d
    xorl    %r9d, %r9d
    xorl    %r10d, %r10d
    xorl    %r11d, %r11d
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pxor    %xmm\n, %xmm\n
    .endr
    ret
    .size   authex_enter, . - authex_enter
    .section .note.GNU-stack, "", @progbits
