; `gate` calls `counter`, but only after it has seen that it is the genuine one.
    .section .sm.gate.entry, "ax"
    .global gate_entry
gate_entry:
    dint
    nop
    cmp #-1, r6
    jeq returned
    mov r7, &gate_return
    mov #counter_entry, r14
    mov #gate_tag, r15
    .short 0x1382          ; r15: its number, or 0
    tst r15
    jz refused
    mov #1, &gate_waits
    clr r6
    mov #gate_entry, r7
    br #counter_entry
returned:
    cmp #1, &gate_waits    ; nobody can pretend that a call returns
    jne refused
    clr &gate_waits
    mov &gate_return, r7
    br r7
refused:
    mov #0xeeee, r12
    br r7
    .global gate_tag
gate_tag: .space 16        ; the measurement of `counter`, filled in after linking

    .section .sm.gate.data, "aw", @nobits
gate_return: .space 2
gate_waits: .space 2
