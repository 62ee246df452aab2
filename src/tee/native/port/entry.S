# The only way in: void authex_enter(Invocation*), System V ABI, the image's ELF entry point.
# Flags are cleared on the way in, and every register that may hold a secret on the way out.
    .text
    .globl  authex_enter
    .type   authex_enter, @function
authex_enter:
    cld
    subq    $8, %rsp
    call    authex_door
    addq    $8, %rsp
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
