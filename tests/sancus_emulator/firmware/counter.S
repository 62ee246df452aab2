; The entry of `counter`: its own stack, the caller's number as argument, nothing left in registers.
    .section .sm.counter.entry, "ax"
    .global counter_entry
counter_entry:
    dint
    nop
    mov r1, &outer_sp
    mov #stack_top, r1
    push r7
    .short 0x1387          ; r15: who calls
    mov r15, r12
    call #counter_step
    pop r7
    mov &outer_sp, r1
    clr r11
    clr r13
    clr r14
    clr r15
    mov #-1, r6
    br r7

    .section .sm.counter.data, "aw", @nobits
outer_sp: .space 2
    .space 64
stack_top:
