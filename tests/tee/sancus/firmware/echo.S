; A module as small as can be: gives back each frame that it is given, and counts its interrupts. Linked with `data`.
; A frame whose body begins with one of these bytes makes it misbehave:
#define VIOLATE 0xe0       /* it writes into its own text */
#define INTERRUPTIBLE 0xe1 /* it lets itself be interrupted */
#define NO_FRAMES 0xe2     /* what it gives is no frame */
#define TOO_MUCH 0xe3      /* it says that it gave more than there was room for */
#define NOTHING 0xe4       /* it takes nothing and gives nothing */
#define FAILS 0xe5         /* it answers with an error */
#define MANY 0xe6          /* it gives the frame twelve times */
#define STAYS 0xe7         /* from now on it does not leave */
#define SLOW 0xe8          /* it takes its time: about 5 ms */
#define ACKS 0xe9          /* from now on it acknowledges events */
#define LINGERS 0xea       /* from now on its interrupts take 2 ms: on a busy line another one waits at their end */

#define COUNT data
#define ROOM data+2
#define STUBBORN data+4
#define ACKING data+6
#define PAUSE data+8
#define SAVED_AT data+36    /* the last word: where hardware saves what it interrupts, from there downwards */

    .text
    .global entry
entry:
    dint
    nop
    mov r15, &ROOM
    .short 0x1387
    cmp #0xfff0, r15
    jhs interrupt
    cmp #1, r6
    jeq goes
    tst r13
    jz looked_at
    tst &ACKING
    jz 1f
    cmp.b #3, 1(r12)
    jeq acknowledge
1:  cmp #21, r13
    jlo once
    mov.b 20(r12), r11
    cmp.b #VIOLATE, r11
    jeq violates
    cmp.b #INTERRUPTIBLE, r11
    jeq interruptible
    cmp.b #NO_FRAMES, r11
    jeq no_frames
    cmp.b #TOO_MUCH, r11
    jeq too_much
    cmp.b #NOTHING, r11
    jeq nothing
    cmp.b #FAILS, r11
    jeq fails
    cmp.b #MANY, r11
    jeq many
    cmp.b #STAYS, r11
    jeq stays
    cmp.b #SLOW, r11
    jeq slow
    cmp.b #ACKS, r11
    jeq acks
    cmp.b #LINGERS, r11
    jeq lingers
once:
    mov #1, r10
    jmp give
many:
    mov #12, r10
give:
    clr r5
again:
    mov r12, r9
    mov r13, r11
copy:
    mov.b @r9+, r8
    mov.b r8, 0(r14)
    inc r14
    inc r5
    dec r11
    jnz copy
    dec r10
    jnz again
    mov r13, r12
    mov r5, r13
    clr r14
done:
    clr r4
    clr r5
    clr r8
    clr r9
    clr r10
    clr r11
    clr r15
    mov #-1, r6
    br r7

; With nothing to take: a frame of kind log whose channel is the number of interrupts, if there were any.
looked_at:
    clr r12
    mov &COUNT, r11
    tst r11
    jz nothing
    clr &COUNT
    mov #0x0e01, 0(r14)
    mov #0, 2(r14)
    mov r11, 4(r14)
    mov #0, 6(r14)
    mov #0, 8(r14)
    mov #0, 10(r14)
    mov #0, 12(r14)
    mov #0, 14(r14)
    mov #0, 16(r14)
    mov #0, 18(r14)
    mov #20, r13
    clr r14
    jmp done

goes:
    tst &STUBBORN
    jnz nothing
    mov r7, r15
    .short 0x1380

; From unprotected code, whose registers are kept; it does not go back to sleep, and enables interrupts itself.
interrupt:
    mov &PAUSE, r15
1:  tst r15
    jz 2f
    dec r15
    jmp 1b
2:  mov &ROOM, r15
    inc &COUNT
    mov.b #0, &0x23
    bic #0xf8, 0(r1)
    reti

violates:
    mov #0, &entry
    jmp nothing
interruptible:
    mov #data+34, &SAVED_AT
endless:
    eint
    jmp endless
no_frames:
    mov #30, r13
    mov r13, r12
    mov.b #9, 0(r14)
    clr r14
    jmp done
too_much:
    mov r13, r12
    mov #2000, r13
    clr r14
    jmp done
fails:
    mov r13, r12
    clr r13
    mov #17, r14
    jmp done
nothing:
    clr r12
    clr r13
    clr r14
    jmp done
stays:
    mov #1, &STUBBORN
    jmp once
lingers:
    mov #2000, &PAUSE
    jmp once
acks:
    mov #1, &ACKING
    mov r13, r12
    clr r13
    clr r14
    jmp done
acknowledge:
    mov r12, r9
    mov #10, r11
2:  mov @r9+, r8
    mov r8, 0(r14)
    incd r14
    dec r11
    jnz 2b
    mov.b #6, -19(r14)
    mov #4, -12(r14)
    inc -8(r14)
    adc -6(r14)
    mov #0, 0(r14)
    mov #0, 2(r14)
    mov r13, r12
    mov #24, r13
    clr r14
    jmp done
slow:
    mov #13000, r11
1:  dec r11
    jnz 1b
    jmp once
    .balign 2
