; What the event manager's C++ cannot say: the vectors, the way into enclaves and back, and what happens when one
; breaks the rules of the hardware. The stack pointer of whoever was inside is then lost, so this side's is in memory.

; A module's own handler clears what has to do with sleep in the status register of the code that it interrupts, so
; that it goes on, and GIE, since an interrupt that waits when the handler returns would hit the module (port/entry.S):
; main() enables interrupts again. OSCOFF, which does nothing else here, is always set outside of modules: where it is
; clear, a module has had an interrupt.
#define UNDISTURBED 0x20 /* OSCOFF */

#define WATCHDOG 0x0120
#define P1IE 0x25
#define P2IE 0x2d
#define TACTL 0x0160
#define TACCTL1 0x0164
#define TACCTL2 0x0166

    .section .startup, "ax"
    .global start
start:
    mov #0x5a80, &WATCHDOG
    mov #__stack_top, r1
    mov #__bss_begin, r12
1:  mov #0, 0(r12)
    incd r12
    cmp #__bss_end, r12
    jlo 1b
    mov #default_vectors, r12      ; an earlier run may have bound some to modules
    mov #__vectors, r13
2:  mov @r12+, r14
    mov r14, 0(r13)
    incd r13
    tst r13
    jnz 2b
    bis #UNDISTURBED, r2
    call #main

; A byte has come in. Wakes the event manager.
    .text
uart_received:
    tst r1
    jz module_interrupted
    push r12
    push r13
    mov.b #0x10, &AUTHEX_UART+1
    mov.b &AUTHEX_UART+5, r12
    mov.b &ring_head, r13
    mov.b r12, ring(r13)
    inc.b r13
    cmp.b &ring_tail, r13
    jeq 1f
    mov.b r13, &ring_head
    jmp 2f
1:  mov.b #1, &ring_lost
2:  bic #0x10, 4(r1)
    pop r13
    pop r12
    reti

; A byte has gone out; asked for only while the event manager waits for that.
uart_sent:
    tst r1
    jz module_interrupted
    mov.b #0x40, &AUTHEX_UART+1
    bic #0x10, 0(r1)
    reti

; The alarm of the event manager's timer.
alarm:
    tst r1
    jz module_interrupted
    mov.b #1, &timer_rang
    bic #0x10, 0(r1)
    reti

; An interrupt that nobody is bound to: a driver has left its device behind. The ports are told to be quiet.
unexpected:
    tst r1
    jz module_interrupted
    mov.b #0, &P1IE
    mov.b #0, &P2IE
    bic #0x02, &TACTL
    mov #0, &TACCTL1
    mov #0, &TACCTL2
    reti

; Hardware has found a violation: of a module that runs, else of the event manager itself, for which it then has no effect.
violated:
    tst &running
    jnz module_interrupted
    reti

; A module that breaks the rules or lets itself be interrupted is not gone back to. Its call ends with 0.
module_interrupted:
    mov &caller_sp, r1
    clr &running
    pop r11
    clr r12
    jmp leave

; bool enter(Call *call): r12. Interrupts stay disabled.
    .global enter
enter:
    push r4
    push r5
    push r6
    push r7
    push r8
    push r9
    push r10
    push r12
    dint
    nop
    bit #UNDISTURBED, r2
    jnz 1f
    mov.b #1, &disturbed
1:  mov r1, &caller_sp
    mov #1, &running
    mov r12, r11
    mov @r11+, r8
    mov @r11+, r6
    mov @r11+, r12
    mov @r11+, r13
    mov @r11+, r14
    mov @r11+, r15
    mov #back, r7
    br r8
back:
    mov &caller_sp, r1
    clr &running
    pop r11
    mov r12, 12(r11)
    mov r13, 14(r11)
    mov r14, 16(r11)
    mov #1, r12
leave:
    bis #UNDISTURBED, r2
    pop r10
    pop r9
    pop r8
    pop r7
    pop r6
    pop r5
    pop r4
    ret

; uint16_t protect(const Layout *layout): r12 points to vendor, text begin, end, data begin, end
    .global protect
protect:
    push r9
    push r10
    clr r9
    clr r10
    mov r12, r15
    mov @r15+, r11
    mov @r15+, r12
    mov @r15+, r13
    mov @r15+, r14
    mov @r15, r15
    .short 0x1381
    mov r15, r12
    pop r10
    pop r9
    ret

; uint16_t enclave_at(uint16_t address)
    .global enclave_at
enclave_at:
    mov r12, r15
    .short 0x1386
    mov r15, r12
    ret

; uint16_t take_disturbance(): interrupts are disabled afterwards
    .global take_disturbance
take_disturbance:
    dint
    nop
    mov.b &disturbed, r12
    bit #UNDISTURBED, r2
    jnz 1f
    mov #1, r12
1:  mov.b #0, &disturbed
    bis #UNDISTURBED, r2
    ret

; void sleep_until_interrupt()
    .global sleep_until_interrupt
sleep_until_interrupt:
    bis #0x18, r2
    nop
    ret

; The product of r12 and r13, in r12: for the compiler.
    .global __mspabi_mpyi
__mspabi_mpyi:
    mov r12, r14
    clr r12
1:  clrc
    rrc r13
    jnc 2f
    add r14, r12
2:  rla r14
    tst r13
    jnz 1b
    ret

    .global memset
memset:
    mov r12, r15
    tst r14
    jz 2f
1:  mov.b r13, 0(r15)
    inc r15
    dec r14
    jnz 1b
2:  ret

    .global memcpy
memcpy:
    mov r12, r15
    tst r14
    jz 2f
1:  mov.b @r13+, r11
    mov.b r11, 0(r15)
    inc r15
    dec r14
    jnz 1b
2:  ret

    .macro table
    .short unexpected, unexpected, unexpected, unexpected, unexpected, unexpected
    .short uart_sent
    .short uart_received
    .short unexpected, alarm, unexpected, unexpected, unexpected
    .short violated
    .short unexpected
    .short start
    .endm

    .section .rodata, "a"
    .balign 2
    .global default_vectors
default_vectors:
    table
    .section .vectors, "a"
    table

    .section .bss, "aw", @nobits
    .balign 2
caller_sp: .space 2
running: .space 2
    .global ring, ring_head, ring_tail, ring_lost
ring: .space 256
ring_head: .space 1
ring_tail: .space 1
ring_lost: .space 1
disturbed: .space 1
    .global timer_rang
timer_rang: .space 1
