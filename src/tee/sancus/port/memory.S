; The C functions that the compiler calls for memory: r12 to, r13 from or the value, r14 bytes.
; Back in r12: to.

    .section .text.memmove, "ax"
    .global memmove
    .global memcpy
memmove:
memcpy:
    mov     r12, r15
    cmp     r12, r13
    jlo     backwards
1:  sub     #1, r14
    jlo     2f
    .short  0x4dff, 0                ; mov.b @r13+, 0(r15), which the assembler does not know
    inc     r15
    jmp     1b
backwards:
    add     r14, r15
    add     r14, r13
3:  sub     #1, r14
    jlo     2f
    dec     r15
    dec     r13
    mov.b   @r13, 0(r15)
    jmp     3b
2:  ret

    .section .text.memset, "ax"
    .global memset
memset:
    mov     r12, r15
1:  sub     #1, r14
    jlo     2f
    mov.b   r13, 0(r15)
    inc     r15
    jmp     1b
2:  ret
