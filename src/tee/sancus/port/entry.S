; The one way into a module, from everywhere: calls, the return of its gate, and interrupts.
;
; What hardware gives (docs/sancus-nodes.md, "Modules"): execution enters at the first byte of the
; text only; instruction 0x1387 says who was executing before: 0 unprotected code, n enclave n, 0xfff0 + v the
; interrupt logic with vector v. Memory keeps what it held when the enclave was made: so nothing of the data is
; believed before `life` has been opened under the module's own key, under which nobody else can seal.
;
; A call, from any code:
;   r6   0: invoke (port.cpp); 1: leave, the module unprotects itself: hardware zeroes text and data
;   r7   where to go on, outside of the module
;   r12 address and r13 bytes of frames, r14 address and r15 bytes of room for frames
; Back at r7, interrupts disabled, the caller's stack pointer:
;   r12 bytes consumed, r13 bytes produced, r14 an Error (0: none); r6 = 0xffff, all else zero.

    .equ    WDTCTL, 0x0120
    .equ    SLEEPING, 0x00f0         ; CPUOFF and the clocks, in SR
    .equ    INTERRUPTS, 0x0008       ; GIE, in SR
    .equ    NO_OPERATION, 0xffff     ; of r6: the gate comes back
    .equ    UNKNOWN_OPERATION, 2     ; Error::malformed
    .equ    FIRST_INTERRUPT, 0xfff0  ; of who was before
    .equ    FIRST_RESET, 0xffff      ; nobody was yet

    .section .entry, "ax"
    .global authex_enter
authex_enter:
    dint                             ; hardware holds interrupts back until this is done
    mov     r1, &context
    mov     #context + 26, r1        ; below it, not in it, from here on
    push    r15
    push    r14
    push    r13
    push    r12
    push    r11
    push    r10
    push    r9
    push    r8
    push    r7
    push    r6
    push    r5
    push    r4
; Is the data this module's own? Then `life` opens under the module's own key.
    mov     #life_label, r10
    mov     #life_label + 2, r11
prove:
    clr     r9                       ; the module's own key
    mov     #life, r12
    mov     #life + 2, r13
    mov     #life_opened, r14
    mov     r13, r15
    .short  0x1385
    tst     r15
    jnz     alive
; The first entry: what is here was there before the module.
    mov     #authex_data_end, r1
1:  push    #0
    cmp     #authex_variables_begin, r1
    jne     1b
    mov     #authex_initial_begin, r4
    mov     #authex_initialised_begin, r5
1:  cmp     #authex_initial_end, r4
    jeq     2f
    mov     @r4+, r6
    mov     r6, 0(r5)
    incd    r5
    jmp     1b
2:  mov     r12, r14
    mov     r13, r15
    .short  0x1384
alive:
    .short  0x1387
    mov     r15, r11                 ; who was executing before
    cmp     #FIRST_RESET, r11
    jeq     1f
    cmp     #FIRST_INTERRUPT, r11
    jhs     interrupted
1:  cmp     #NO_OPERATION, &context + 6
    jeq     from_gate
    mov     &context + 8, r7
    cmp     #authex_text_end, r7
    jhs     1f
    cmp     #authex_text_begin, r7
    jhs     die                      ; it would go on with our rights where we do not
1:  mov     #UNKNOWN_OPERATION, r14
    tst     &busy
    jnz     refuse
    cmp     #1, &context + 6
    jeq     leave
    jhs     refuse
    mov     #authex_invoke, r9
    mov     #context + 8, r8         ; r1 … r7: all that is needed on the way back
    jmp     run
interrupted:
    ; RETI will read two words of the interrupted code's stack: none of ours.
    mov     &context, r12
    mov     r12, r13
    add     #4, r13
    cmp     #authex_data_end, r12
    jhs     1f
    cmp     #authex_data_begin + 1, r13
    jhs     die
1:  tst     &busy
    jnz     die
    ; Whoever slept until this wakes up, with interrupts disabled: hardware counts RETI as ours, and would save
    ; the state of an interrupt that waits then as that of this module.
    bic     #SLEEPING | INTERRUPTS, 0(r12)
    mov     #authex_interrupted, r9
    mov     #context + 24, r8
run:
    mov     #1, &busy
    mov     #authex_stack_end, r1
    mov     #authex_data_begin, r15
    .short  0x1388                   ; a stack that runs over is a violation
1:  mov     @r8, r10
    push    r10
    decd    r8
    cmp     #context - 2, r8
    jne     1b
    mov     &context + 18, r12
    mov     &context + 20, r13
    mov     &context + 22, r14
    mov     &context + 24, r15
    call    r9
    clr     r15
    .short  0x1388
    clr     &busy
    cmp     #authex_interrupted, r9
    jeq     return_from_interrupt
    mov     8(r1), r7
    mov     @r1, r1
    mov     &authex_answer, r12
    mov     &authex_answer + 2, r13
    mov     &authex_answer + 4, r14
out:
    clr     r4
    clr     r5
    clr     r8
    clr     r9
    clr     r10
    clr     r11
    clr     r15
    mov     #NO_OPERATION, r6
    clr     r2
    br      r7
refuse:
    mov     &context, r1
    clr     r12
    clr     r13
    jmp     out
leave:
    mov     r7, &inner_stack
    mov     &authex_placed, r12
    tst     r12
    jz      gone
    mov     #3, &busy                ; the gate leaves first, and comes back here as nobody
    mov     #5, r6
    mov     #authex_text_begin, r7
    br      r12
; Hardware clears what the module alone may write: not what lies in another enclave's data as well, which would be the
; other's from then on. To write there is a violation, and then this module stays; it begins anew, if ever.
gone:
    mov     &inner_stack, r15
    clr     &life
    mov     #authex_data_end, r1
1:  push    #0
    cmp     #authex_data_begin, r1
    jne     1b
    .short  0x1380
return_from_interrupt:
    pop     r4
    mov     r4, &context
    pop     r4
    pop     r5
    pop     r6
    pop     r7
    pop     r8
    pop     r9
    pop     r10
    pop     r11
    pop     r12
    pop     r13
    pop     r14
    pop     r15
    mov     &context, r1
    reti

; Nobody else can come from the gate while we wait for it: it answers to this module alone (gate.S).
from_gate:
    cmp     #3, &busy
    jeq     gone
    cmp     #2, &busy
    jne     die
    inc     r11
    cmp     &authex_placed + 2, r11
    jne     die
    dec     &busy
    mov     &context + 20, r12
    mov     &inner_stack, r1
    pop     r10
    pop     r9
    pop     r8
    pop     r7
    pop     r6
    pop     r5
    pop     r4
    ret
die:
    clr     &WDTCTL                  ; a write without its password resets the processor
    jmp     die

; std::uint16_t authex_device(operation, address, value): asks the gate (authex/device.h).
    .section .text.authex_device, "ax"
    .global authex_device
authex_device:
    push    r4
    push    r5
    push    r6
    push    r7
    push    r8
    push    r9
    push    r10
    mov     r1, &inner_stack
    inc     &busy
    mov     r12, r6
    mov     r13, r12
    mov     r14, r13
    mov     #authex_enter, r7
    br      &authex_placed

; void authex_device_feed(address, words, bytes): the same with several bytes.
    .section .text.authex_device_feed, "ax"
    .global authex_device_feed
authex_device_feed:
    push    r4
    push    r5
    push    r6
    push    r7
    push    r8
    push    r9
    push    r10
    mov     r1, &inner_stack
    inc     &busy
    mov     @r13+, r8
    mov     @r13+, r9
    mov     @r13+, r10
    mov     @r13+, r11
    mov     r14, r13
    mov     #6, r6
    mov     #authex_enter, r7
    br      &authex_placed

; bool authex_gate_is_ours()
    .section .text.authex_gate_is_ours, "ax"
    .global authex_gate_is_ours
authex_gate_is_ours:
    mov     &authex_placed, r14
    mov     #authex_placed + 4, r15
    .short  0x1382                   ; measures what lies there: its number, or 0
    mov     r15, r13
    inc     r13
    mov     #authex_enter, r15
    .short  0x1386                   ; our own number
    clr     r12
    cmp     &authex_placed + 2, r15
    jne     1f
    cmp     r13, r15
    jne     1f
    inc     r12
1:  ret

; Filled in when the place of the module is known: the gate's first byte, the module's own number, the gate's
; measurement.
    .section .entry.placed, "a"
    .global authex_placed
authex_placed:
    .space  20
life_label:
    .short  0x0301                   ; Kind::handshake, then neither evidence nor session

    .section .context, "aw", @nobits
    .balign 2
context: .space 26                   ; r1, r4 … r15
    .global authex_answer            ; what is given back lies where r12 … r14 came in (port.cpp)
    .equ    authex_answer, context + 18

    .section .bss.entry, "aw", @nobits
    .balign 2
life:   .space 2 + 16               ; sealed by this module, and its tag
life_opened: .space 2
busy:   .space 2                     ; 0: nobody is inside; 1: somebody; 2: and waits for the gate
inner_stack: .space 2

    .section .text.authex_crypto, "ax"
; void authex_own_tag(associated, bytes, tag)
    .global authex_own_tag
authex_own_tag:
    push    r9
    push    r10
    clr     r9
    mov     r14, r15
    mov     r12, r10
    mov     r12, r11
    add     r13, r11
    clr     r12
    clr     r13
    .short  0x1384
    pop     r10
    pop     r9
    ret

; void authex_wrap(key, associated, associated bytes, body; on the stack: body bytes, tag)
; bool authex_unwrap(likewise)
    .global authex_wrap
    .global authex_unwrap
authex_unwrap:
    push    r9
    push    r10
    call    #registers
    .short  0x1385
    jmp     1f
authex_wrap:
    push    r9
    push    r10
    call    #registers
    .short  0x1384
1:  mov     r15, r12
    pop     r10
    pop     r9
    ret
registers:
    mov     r12, r9
    mov     r13, r10
    mov     r13, r11
    add     r14, r11
    mov     r15, r12
    mov     r15, r14
    mov     r15, r13
    add     8(r1), r13
    mov     10(r1), r15
    ret
