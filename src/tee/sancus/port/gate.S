; The gate of a driver: the enclave whose data are a device's registers. It does what the driver asks, and
; nothing for anybody else. It has no stack and no memory.
;   r6 0: read a byte; 1: write one; 2: read a word; 3: write one; 4: read a byte and clear it; 5: leave;
;      6: write r13 bytes, 1 to 8, one after another to one register, from r8 … r11, low bytes first
;   r12 address, r13 value; answer in r13. r7 where to go on, with 0xffff in r6. Other registers keep, but r15, and of 6
;   r8 … r10.
    .section .gate, "ax"
    .global authex_gate_enter
authex_gate_enter:
    .short  0x1387                   ; r15: who asks
    cmp     authex_gate_owner, r15   ; wherever the gate lies
    jne     die
    cmp     #4, r6
    jeq     take
    cmp     #5, r6
    jeq     leave
    cmp     #6, r6
    jeq     feed
    jhs     die
    bit     #1, r6
    jnz     write
    bit     #2, r6
    jnz     1f
    mov.b   @r12, r13
    jmp     out
1:  mov     @r12, r13
    jmp     out
write:
    bit     #2, r6
    jnz     1f
    mov.b   r13, 0(r12)
    jmp     out
1:  mov     r13, 0(r12)
    jmp     out
feed:
    mov.b   r8, 0(r12)
    dec     r13
    jz      out
    swpb    r8
    mov.b   r8, 0(r12)
    mov     r9, r8
    mov     r10, r9
    mov     r11, r10
    dec     r13
    jnz     feed
    jmp     out
take:
    mov.b   @r12, r13
    clr.b   0(r12)
out:
    mov     #0xffff, r6
    br      r7
leave:
    mov     #0xffff, r6
    mov     r7, r15
    .short  0x1380
die:
    clr     &0x0120                  ; resets the processor: nobody returns from here to where he chose
    jmp     die
    .global authex_gate_owner
authex_gate_owner:
    .short  0                        ; the number of the driver, filled in with its place
