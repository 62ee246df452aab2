; What the compiler calls where the processor has no instruction: products, quotients, remainders and
; shifts of 16, 32 and 64 bits. Registers as in "MSP430 Embedded Application Binary Interface"
; (Texas Instruments SLAA534) §6.3, and as clang 14 passes them: operands from r12, the second one
; behind; of 64 bits the first in r8 to r11, where it is the dividend, the other in r12 to r15; the
; result from r12. r4 to r10 are the caller's. No branch depends on an operand but on the sign of a
; dividend or divisor, and on how far is shifted; what is divided by 0 is any number.
;
; A mask of 0 or -1 comes from a carry: subc x, x. Neither mov nor bic changes the flags between an
; addition and the next one.

    .macro function name
    .section .text.\name, "ax"
    .global \name
\name:
    .endm

    .macro save_all
    push r4
    push r5
    push r6
    push r7
    push r8
    push r9
    push r10
    .endm
    .macro restore_all
    pop r10
    pop r9
    pop r8
    pop r7
    pop r6
    pop r5
    pop r4
    ret
    .endm

; r12 = r12 × r13
    function __mspabi_mpyi
    push r10
    mov r12, r14
    clr r12
    mov #16, r15
1:  clrc
    rrc r13
    subc r11, r11
    mov r14, r10
    bic r11, r10
    add r10, r12
    rla r14
    dec r15
    jnz 1b
    pop r10
    ret

; r12:r13 = r12:r13 × r14:r15
    function __mspabi_mpyl
    push r7
    push r8
    push r9
    push r10
    mov r12, r8
    mov r13, r9
    clr r12
    clr r13
    mov #32, r10
1:  clrc
    rrc r15
    rrc r14
    subc r11, r11
    mov r8, r7
    bic r11, r7
    add r7, r12
    mov r9, r7
    bic r11, r7
    addc r7, r13
    rla r8
    rlc r9
    dec r10
    jnz 1b
    pop r10
    pop r9
    pop r8
    pop r7
    ret

; r12 to r15 = r12 to r15 × r8 to r11
    function __mspabi_mpyll
    save_all
    push r15
    push r14
    push r13
    push r12
    clr r12
    clr r13
    clr r14
    clr r15
    mov #64, r6
1:  clrc
    rrc 6(r1)
    rrc 4(r1)
    rrc 2(r1)
    rrc 0(r1)
    subc r4, r4
    mov r8, r5
    bic r4, r5
    add r5, r12
    mov r9, r5
    bic r4, r5
    addc r5, r13
    mov r10, r5
    bic r4, r5
    addc r5, r14
    mov r11, r5
    bic r4, r5
    addc r5, r15
    rla r8
    rlc r9
    rlc r10
    rlc r11
    dec r6
    jnz 1b
    add #8, r1
    restore_all

; r12 = r12 / r13, and in r14 what is left
    function __mspabi_divu
    push r10
    clr r14
    mov #16, r15
1:  rla r12
    rlc r14
    subc r11, r11           ; 0: one bit more than fits
    sub r13, r14
    subc r10, r10           ; 0: it was large enough
    and r10, r11
    inv r11                 ; -1: a bit of the quotient
    mov r13, r10
    bic r11, r10
    add r10, r14
    sub r11, r12
    dec r15
    jnz 1b
    pop r10
    ret

    function __mspabi_remu
    call #__mspabi_divu
    mov r14, r12
    ret

; Both operands without their signs.
    function authex_magnitudes_16
    tst r12
    jge 1f
    inv r12
    inc r12
1:  tst r13
    jge 2f
    inv r13
    inc r13
2:  ret

    function __mspabi_divi
    mov r12, r11
    xor r13, r11
    push r11
    call #authex_magnitudes_16
    call #__mspabi_divu
    pop r11
    tst r11
    jge 1f
    inv r12
    inc r12
1:  ret

    function __mspabi_remi
    push r12
    call #authex_magnitudes_16
    call #__mspabi_remu
    pop r11
    tst r11
    jge 1f
    inv r12
    inc r12
1:  ret

; r12:r13 = r12:r13 / r14:r15, and in r14:r15 what is left
    function __mspabi_divul
    push r7
    push r8
    push r9
    push r10
    clr r8
    clr r9
    mov #32, r10
1:  rla r12
    rlc r13
    rlc r8
    rlc r9
    subc r11, r11
    sub r14, r8
    subc r15, r9
    subc r7, r7
    and r7, r11
    inv r11
    mov r14, r7
    bic r11, r7
    add r7, r8
    mov r15, r7
    bic r11, r7
    addc r7, r9
    sub r11, r12
    dec r10
    jnz 1b
    mov r8, r14
    mov r9, r15
    pop r10
    pop r9
    pop r8
    pop r7
    ret

    function __mspabi_remul
    call #__mspabi_divul
    mov r14, r12
    mov r15, r13
    ret

    function authex_magnitudes_32
    tst r13
    jge 1f
    inv r12
    inv r13
    inc r12
    adc r13
1:  tst r15
    jge 2f
    inv r14
    inv r15
    inc r14
    adc r15
2:  ret

    function __mspabi_divli
    mov r13, r11
    xor r15, r11
    push r11
    call #authex_magnitudes_32
    call #__mspabi_divul
    pop r11
    tst r11
    jge 1f
    inv r12
    inv r13
    inc r12
    adc r13
1:  ret

    function __mspabi_remli
    push r13
    call #authex_magnitudes_32
    call #__mspabi_remul
    pop r11
    tst r11
    jge 1f
    inv r12
    inv r13
    inc r12
    adc r13
1:  ret

; r8 to r11 = r8 to r11 / r12 to r15, and in r4 to r7 what is left
    function authex_divide_64
    push r15
    push r14
    push r13
    push r12
    clr r4
    clr r5
    clr r6
    clr r7
    mov #64, r14
1:  rla r8
    rlc r9
    rlc r10
    rlc r11
    rlc r4
    rlc r5
    rlc r6
    rlc r7
    subc r12, r12
    sub 0(r1), r4
    subc 2(r1), r5
    subc 4(r1), r6
    subc 6(r1), r7
    subc r13, r13
    and r13, r12
    inv r12
    mov 0(r1), r13
    bic r12, r13
    add r13, r4
    mov 2(r1), r13
    bic r12, r13
    addc r13, r5
    mov 4(r1), r13
    bic r12, r13
    addc r13, r6
    mov 6(r1), r13
    bic r12, r13
    addc r13, r7
    sub r12, r8
    dec r14
    jnz 1b
    add #8, r1
    ret

    function __mspabi_divull
    save_all
    call #authex_divide_64
    mov r8, r12
    mov r9, r13
    mov r10, r14
    mov r11, r15
    restore_all

    function __mspabi_remull
    save_all
    call #authex_divide_64
    mov r4, r12
    mov r5, r13
    mov r6, r14
    mov r7, r15
    restore_all

    .macro negate_64
    inv r12
    inv r13
    inv r14
    inv r15
    inc r12
    adc r13
    adc r14
    adc r15
    .endm

    function authex_magnitudes_64
    tst r11
    jge 1f
    inv r8
    inv r9
    inv r10
    inv r11
    inc r8
    adc r9
    adc r10
    adc r11
1:  tst r15
    jge 2f
    negate_64
2:  ret

; The caller's r8 to r11 come back as they were, though magnitudes are made of them.
    function __mspabi_divlli
    save_all
    push r11
    xor r15, 0(r1)          ; the sign of the quotient
    call #authex_magnitudes_64
    call #authex_divide_64
    mov r8, r12
    mov r9, r13
    mov r10, r14
    mov r11, r15
    pop r11
    tst r11
    jge 1f
    negate_64
1:  restore_all

    function __mspabi_remlli
    save_all
    push r11
    call #authex_magnitudes_64
    call #authex_divide_64
    mov r4, r12
    mov r5, r13
    mov r6, r14
    mov r7, r15
    pop r11
    tst r11
    jge 1f
    negate_64
1:  restore_all

; r12:r13, by r14
    function __mspabi_slll
    tst r14
    jz 2f
1:  rla r12
    rlc r13
    dec r14
    jnz 1b
2:  ret

    function __mspabi_srll
    tst r14
    jz 2f
1:  clrc
    rrc r13
    rrc r12
    dec r14
    jnz 1b
2:  ret

    function __mspabi_sral
    tst r14
    jz 2f
1:  rra r13
    rrc r12
    dec r14
    jnz 1b
2:  ret

; r12 to r15, by what lies on the stack
    function __ashldi3
    mov 2(r1), r11
    tst r11
    jz 2f
1:  rla r12
    rlc r13
    rlc r14
    rlc r15
    dec r11
    jnz 1b
2:  ret

    function __lshrdi3
    mov 2(r1), r11
    tst r11
    jz 2f
1:  clrc
    rrc r15
    rrc r14
    rrc r13
    rrc r12
    dec r11
    jnz 1b
2:  ret

    function __ashrdi3
    mov 2(r1), r11
    tst r11
    jz 2f
1:  rra r15
    rrc r14
    rrc r13
    rrc r12
    dec r11
    jnz 1b
2:  ret
