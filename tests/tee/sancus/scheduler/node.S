; A node with the scheduler and one driver, `driver`, whose handler answers a bell at 0x00b0. Once both are there, the
; program goes on at `attack`, which an adversary writes, as it does what comes before the driver, `prepare`, and what
; comes after violations.
    .equ    BELL, 0x00b0

    .section .text, "ax"
    .global authex_scheduler_boot
authex_scheduler_boot:
    mov     #0x5a80, &0x0120
    mov     #0x2000, r1
    mov     #authex_scheduler_data_end, r5
1:  decd    r5
    clr     0(r5)
    cmp     #0x0200, r5
    jne     1b
    mov     #authex_scheduler_text_begin, r12
    mov     #authex_scheduler_text_end, r13
    mov     #authex_scheduler_data_begin, r14
    mov     #authex_scheduler_data_end, r15
    call    #protect
    clr     r6
    mov     #challenge, r12
    mov     #tag, r13
    mov     #started, r7
    br      #authex_scheduler_enter
started:
    mov     r15, &start_answer
    br      #prepare
    .global prepared
prepared:
    mov     #driver_begin, r12
    mov     #driver_end, r13
    mov     #0x0900, r14
    mov     #0x0920, r15
    call    #protect
    clr     r6
    br      #driver_begin
driver_is_back:
    mov     r15, &register_answer
    mov     #0x2000, r1
    br      #attack

; r12 to r15: layout. Again, where it was interrupted. r15: its number
    .global protect
protect:
    mov     r15, r8
1:  clr     r9
    clr     r10
    mov     #0x1234, r11
    mov     r8, r15
    .short  0x1381
    jeq     1b
    ret

    .global driver_begin, driver_end
driver_begin:
    cmp     #2, r6
    jeq     handler
    cmp     #-1, r6
    jeq     driver_is_back
    mov     #1, r6
    mov     #driver_begin, r12
    mov     #driver_begin, r7
    br      #authex_scheduler_enter
handler:
    mov     #200, r15
    .short  0x1389
    add     #1, &0x0900
    tst     &BELL
    jz      1f
    clr     &BELL
    add     #1, &0x0902
1:  eint
    br      #authex_scheduler_enter
driver_end:

    .section .bss, "aw", @nobits
    .balign 2
    .global tag, start_answer, register_answer
challenge: .space 16
tag:    .space 16
start_answer: .space 2
register_answer: .space 2
