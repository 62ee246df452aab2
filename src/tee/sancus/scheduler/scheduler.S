; The trusted scheduler of a microcontroller with bounded atomicity (docs/sancus-emulator.md, "Bounded
; atomicity"; docs/sancus.md, "Availability"): enclave 1, which owns all vectors and the timer. Enclaves that have
; registered, four at most, are called in each of its rounds; a round begins with whatever enters it: an interrupt, a
; violation, a call. So no interrupt has to be remembered, and none can hide another.
;
; Its text ends with the vectors, which nobody can then change. Its data begin with the registers of watchdog,
; multiplier and Timer A. It is never interrupted, has no stack, and never uses that of others but to read what
; hardware saved there.
;
; A call, not within a section and not within the first ten cycles of another enclave's:
;   r6   0: start, once, by the program that has made the enclave, before all else, and has cleared its data:
;           r12 address of 16 bytes, r13 where their MAC under the scheduler's key goes (both outside of it)
;        1: register the enclave that calls: r12 its entry
;   r7   where to go on; back there r15 is 1, or 0: refused; r6 0xffff, other registers 0, interrupts enabled
; A registered enclave is entered with
;   r6   2, r7 the scheduler's entry, r12 the vector that began the round (15: a call), no stack, interrupts enabled
; and ends with a jump to r7, outside of a section. It begins its section (clix) in its first ten cycles: its handler
; is that section. Any interrupt after it ends the handler all the same, and it is not gone back to.
; An enclave that was interrupted is gone back to at its entry, with r6 = 3. Who causes a violation is not:
; unprotected code goes on at authex_scheduler_fallback.

    .equ    WDTCTL, 0x0120
    .equ    TACTL, 0x0160
    .equ    TACCTL0, 0x0162
    .equ    TACCTL1, 0x0164
    .equ    TACCTL2, 0x0166
    .equ    TAR, 0x0170
    .equ    TACCR0, 0x0172
    .equ    TACCR1, 0x0174
    .equ    INTERRUPT, 0x0010        ; in a channel of the timer: it may interrupt
    .equ    CONTINUOUS, 0x02e4       ; each eighth cycle of SMCLK, on and on, from 0
    .equ    GIE, 0x0008
    .equ    FLAGS, 0x0107
    .equ    FIRST_INTERRUPT, 0xfff0
    .equ    VIOLATION, 13
    .equ    CALL, 15
    .equ    BUDGET, 6                ; counts of the timer until it asks for the end of a handler
    .equ    STARTED, 0x5aa5
    .equ    AFTER_VIOLATION, 0       ; of context: how to go on, once the round is over
    .equ    AFTER_UNPROTECTED, 2
    .equ    AFTER_ENCLAVE, 4
    .equ    AFTER_CALL, 6

    .section .scheduler, "ax"
    .global authex_scheduler_enter
authex_scheduler_enter:
    mov     r15, &entry_r15
    clr     r15
    .short  0x1388                   ; the stack guard is whoever's was before
    .short  0x1387                   ; r15: who was before
    cmp     #STARTED, &started
    jne     unstarted
    clr     &TACCTL0
    tst     &running
    jz      1f
    clr     &running
    mov     &next, r11
    jmp     next_job
1:  mov     r1, &saved_sp
    mov     r4, &saved
    mov     r5, &saved + 2
    mov     r6, &saved + 4
    mov     r7, &saved + 6
    mov     r8, &saved + 8
    mov     r9, &saved + 10
    mov     r10, &saved + 12
    mov     r11, &saved + 14
    mov     r12, &saved + 16
    mov     r13, &saved + 18
    mov     r14, &saved + 20
    mov     &entry_r15, &saved_r15
    cmp     #FIRST_INTERRUPT, r15
    jlo     called
    and     #15, r15
    mov     r15, &reason
    clr     &context
    cmp     #VIOLATION, r15
    jeq     round
    mov     #AFTER_UNPROTECTED, &context
    bit     #0x8000, r2              ; hardware interrupted an enclave, and r15 was its entry
    jz      round
    mov     #AFTER_ENCLAVE, &context
    jmp     round

called:
    clr     &saved_r15
    mov     #CALL, &reason
    mov     #AFTER_CALL, &context
    tst     r15
    jz      round
    cmp     #1, r6
    jne     round
    mov     r15, r10
    mov     r12, r9
    mov     r12, r15
    .short  0x1386                   ; r15: whose text that is
    cmp     r10, r15
    jne     round
    mov     #jobs, r11
1:  cmp     #jobs_end, r11
    jeq     round
    mov     @r11+, r14
    mov     @r11+, r15
    cmp     r10, r14
    jeq     2f
    tst     r14
    jz      2f
    .short  0x1386
    cmp     r15, r14                 ; whoever had this place may have gone
    jeq     1b
2:  mov     r10, -4(r11)
    mov     r9, -2(r11)
    mov     #1, &saved_r15

round:
    bit     #1, &TACCTL1
    jz      1f
    mov     #INTERRUPT, &TACCTL1
1:  mov     #jobs, r11
next_job:
    cmp     #jobs_end, r11
    jeq     go_on
    mov     @r11+, r10
    mov     @r11+, r9
    tst     r10
    jz      next_job
    mov     r9, r15
    .short  0x1386
    cmp     r10, r15
    jne     next_job                 ; it has gone
    mov     r11, &next
    mov     #1, &running
    mov     &reason, r12
    mov     &TAR, r8
    add     #BUDGET, r8
    mov     r8, &TACCR0
    mov     #INTERRUPT, &TACCTL0
    mov     #2, r6
    clr     r1
enter_enclave:
    mov     #authex_scheduler_enter, r7
    clr     r15
enter_at_r9:
    cmp     #authex_scheduler_text_begin, r9
    jhs     fallback                 ; nobody enters this enclave but at its entry
    clr     r4
    clr     r5
    clr     r8
    clr     r10
    clr     r11
    clr     r13
    clr     r14
    mov     #GIE, r2
    br      r9

go_on:
    add     &context, r0
    jmp     fallback
    jmp     to_unprotected
    jmp     to_enclave
    jmp     to_caller
to_enclave:
    mov     &saved_r15, r9
    mov     #3, r6
    clr     r12
    jmp     enter_enclave
to_caller:
    mov     &saved + 6, r9
    mov     &saved_sp, r1
    mov     &saved_r15, r15
    mov     #0xffff, r6
    clr     r7
    clr     r12
    jmp     enter_at_r9
to_unprotected:
    mov     &saved_sp, r14           ; anything: the stack that hardware has saved to, or tried to
    cmp     #authex_scheduler_data_end, r14
    jhs     1f
    cmp     #authex_scheduler_data_begin - 3, r14
    jhs     fallback
1:  mov     @r14+, r13
    mov     @r14+, r12
    cmp     #authex_scheduler_text_begin, r12
    jhs     fallback
    and     #FLAGS, r13
    bis     #GIE, r13                ; whatever was read there
    mov     r12, &resumed
    mov     r13, &resumed_status
    mov     r14, r1
    mov     &saved, r4
    mov     &saved + 2, r5
    mov     &saved + 4, r6
    mov     &saved + 6, r7
    mov     &saved + 8, r8
    mov     &saved + 10, r9
    mov     &saved + 12, r10
    mov     &saved + 14, r11
    mov     &saved + 16, r12
    mov     &saved + 18, r13
    mov     &saved + 20, r14
    mov     &saved_r15, r15
    mov     &resumed_status, r2
    mov     &resumed, r0

; Before the start: its data are whatever memory held.
unstarted:
    cmp     #FIRST_INTERRUPT, r15
    jhs     fallback
    tst     r6
    jnz     fallback
    cmp     #authex_scheduler_data_end, r12
    jlo     fallback
    cmp     #authex_scheduler_text_begin - 16, r12
    jhs     fallback
    cmp     #authex_scheduler_data_end, r13
    jlo     fallback
    cmp     #authex_scheduler_text_begin - 16, r13
    jhs     fallback
    mov     #variables, r11
1:  clr     0(r11)
    incd    r11
    cmp     #authex_scheduler_data_end, r11
    jne     1b
    mov     #0x5a80, &WDTCTL         ; no watchdog
    clr     &TACCTL0
    clr     &TACCTL2
    clr     &TACCR1                  ; a round at least each time that the timer has gone round, 524,288 cycles:
    mov     #INTERRUPT, &TACCTL1     ; it aborts crypto instructions, so those that take longer would never end
    mov     #CONTINUOUS, &TACTL
    mov     #STARTED, &started
    mov     r1, &saved_sp
    mov     r7, &saved + 6
    clr     r9                       ; the scheduler's own key
    mov     r12, r10
    mov     r12, r11
    add     #16, r11
    mov     r13, r15
    clr     r12
    clr     r13
    .short  0x1384
    mov     r15, &saved_r15
    jmp     to_caller
fallback:
    mov     #GIE, r2
    br      #authex_scheduler_fallback

    .section .scheduler.vectors, "a"
    .rept   15
    .short  authex_scheduler_enter
    .endr
    .short  authex_scheduler_boot    ; a reset ends all enclaves

    .section .scheduler.data, "aw", @nobits
    .balign 2
variables:
started: .space 2
running: .space 2                    ; a handler has been called and has not ended
reason: .space 2
context: .space 2
next:   .space 2                     ; the job after the one that runs
jobs:   .space 16                    ; number and entry of each
jobs_end:
saved_sp: .space 2
saved:  .space 22                    ; r4 … r14
saved_r15: .space 2                  ; or the answer of a call
entry_r15: .space 2
resumed: .space 2
resumed_status: .space 2
