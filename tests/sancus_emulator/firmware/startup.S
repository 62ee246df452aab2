; Start-up, the handler of violations, and the way into enclaves.
;   at an enclave's entry: r6 what is asked (-1: a call of its own returns), r7 where to go on, r12 argument
;   after it: r12 result
    .section .startup, "ax"
    .global start
start:
    mov #0x5a80, &0x0120
    mov #0x2800, r1
    call #main
    bis #0x10, r2
1:  jmp 1b

; uint16_t ask(void (*entry)(void), uint16_t argument)
    .text
    .global ask
ask:
    push r4
    push r5
    push r6
    push r7
    mov r1, &ask_sp
    mov r12, r14
    mov r13, r12
    clr r6
    mov #1f, r7
    br r14
1:  mov &ask_sp, r1
    pop r7
    pop r6
    pop r5
    pop r4
    ret

; uint16_t protect(const struct layout *of): r12 points to text start, text end, data start, data end
    .global protect
protect:
    push r9
    push r10
    mov r12, r8
    clr r9
    clr r10
    mov #0x1234, r11
    mov @r8+, r12
    mov @r8+, r13
    mov @r8+, r14
    mov @r8+, r15
    .short 0x1381
    mov r15, r12
    pop r10
    pop r9
    ret

    .global violated
violated:
    add #1, &violations
    bis #0x10, r2
1:  jmp 1b

    .section .vectors, "a"
    .short 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .short violated
    .short 0
    .short start

    .section .bss, "aw", @nobits
    .global violations
violations: .space 2
ask_sp: .space 2
