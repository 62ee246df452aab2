; Tries on a board what enclaves rest on (docs/security.md, "Sancus"), says on its UART what holds, and ends. It is the
; board's whole program: unprotected code, which does what an attacker's would.
;
; Each attempt has an enclave of its own, the probe, in memory of its own, so that what an earlier one has left there
; does not matter. Calls of a probe, which come back at r7:
;   r6   0: the word at r12 into r13; 1: leave; 2: r13 into the word at r12

#define WATCHDOG 0x0120
#define UART_CONTROL AUTHEX_UART
#define UART_STATUS AUTHEX_UART + 1
#define UART_BAUD AUTHEX_UART + 2
#define UART_TRANSMIT AUTHEX_UART + 4
#define UART_FULL 0x08
#define DEVICE 0x0172                /* a register that every core has: Timer A's TACCR0 */
#define SECRET 0x5ec2
#define OTHER 0x1111

    .equ    vendor, 0x1234
    .equ    other_vendor, 0x4321
    .equ    place_bytes, 0x40        ; of a probe's text, and of its data
    .equ    kept, 0                  ; outcomes of attempts, in r12
    .equ    broken, 1
    .equ    not_tried, 2

    .macro  check attempt, rule
    mov     #\attempt, r4
    mov     #\rule, r12
    call    #run
    .endm

; Of an attempt: it needs a probe.
    .macro  with probe
    call    #\probe
    tst     r12
    jz      skipped
    .endm

; Whether it is a violation or not, what follows ends at the label.
    .macro  then label
    mov     r1, &stack
    mov     #\label, &resume
    .endm

    .section .startup, "ax"
    .global start
start:
    mov     #0x5a80, &WATCHDOG
    mov     #__stack_top, r1
    mov     #AUTHEX_CLOCK_HZ / AUTHEX_BAUD - 1, &UART_BAUD
    mov.b   #1, &UART_CONTROL
    mov     #texts, &text
    mov     #datas, &data
    clr     &failures
    mov     #heading, r12
    call    #say
    mov     #nothing_left, r12
    cmp     #SECRET, &left_behind
    jne     1f
    cmp     #OTHER, &left_behind + 2
    jne     1f
    inc     &failures
    mov     #something_left, r12
    cmp     #SECRET, &attempting
    jne     1f
    mov     #reset_meanwhile, r12
    clr     &attempting
    br      #last_words
1:  call    #say
    mov     #SECRET, &left_behind
    mov     #OTHER, &left_behind + 2
    check   read, rule_read
    check   write, rule_write
    check   enter, rule_enter
    check   leave, rule_leave
    check   leave_by_jump, rule_leave_by_jump
    check   protect_nothing, rule_protect_nothing
    check   protect_encrypted, rule_protect_encrypted
    check   protect_plain, rule_protect_plain
    check   write_device, rule_write_device
    check   enter_device, rule_enter_device
    check   overlay, rule_overlay
    mov     #sound, r12
    tst     &failures
    jz      1f
    mov     #unsound, r12
1:
last_words:
    call    #say
    .global ended
ended:
    mov     #0x10, r2                ; CPUOFF, no interrupts
    jmp     ended

; Says the rule at r12, makes the attempt at r4, and says what came of it.
run:
    push    r4
    call    #say
    pop     r4
    mov     #SECRET, &attempting
    call    r4
    clr     &attempting
    mov     #said_kept, r5
    cmp     #kept, r12
    jeq     1f
    mov     #said_not_tried, r5
    cmp     #not_tried, r12
    jeq     1f
    mov     #said_broken, r5
    inc     &failures
1:  mov     r5, r12
    br      #say

; The attempts.

read:
    with    memory_probe
    jmp     end_if_readable

write:
    with    memory_probe
    then    end_if_changed
    mov     &data, r5
    mov     #OTHER, 0(r5)
    jmp     end_if_changed

enter:
    with    memory_probe
    mov     #SECRET, &open_word
    then    end_if_open_word_changed
    mov     #open_word, r12
    jmp     enter_where_it_stores

leave:
    with    memory_probe
    mov     #1, r6
    call    #ask
    mov     &text, r5
    tst     0(r5)
    jnz     end_broken
    mov     &data, r5
    tst     0(r5)
    jnz     end_broken
    jmp     end_kept

leave_by_jump:
    with    memory_probe
    then    end_if_readable
    mov     #end_if_readable, r15
    mov     &text, r5
    add     #probe_leaves - probe, r5
    br      r5

protect_nothing:
    with    memory_probe
    mov     #1, r10
    mov     &text, r13
    jmp     protect_another
protect_encrypted:
    with    memory_probe
    mov     #1, r10
    jmp     1f
protect_plain:
    with    memory_probe
    clr     r10
1:  mov     &text, r13
    add     #place_bytes, r13
protect_another:
    then    end_if_readable
    mov     #no_tag, r9
    mov     #other_vendor, r11
    mov     &text, r12
    mov     #open_word, r14
    mov     r14, r15
    .short  0x1381
    jmp     end_if_readable

write_device:
    with    device_probe
    then    end_if_device_changed
    mov     #OTHER, &DEVICE
    jmp     end_if_device_changed

enter_device:
    with    device_probe
    then    end_if_device_changed
    mov     #DEVICE, r12
enter_where_it_stores:
    mov     #OTHER, r13
    mov     &resume, r7
    mov     &text, r5
    add     #probe_stores - probe, r5
    br      r5

; A second probe, over the data of the first. Neither may be able to leave afterwards: the last attempt.
overlay:
    with    memory_probe
    mov     #kept, &outcome
    mov     &data, r14
    mov     r14, r15
    incd    r15
    add     #place_bytes, &text
    then    end_overlay
    call    #make_probe
    tst     r12
    jz      end_overlay
    mov     &data, r12
    clr     r6
    call    #ask
    cmp     #SECRET, r13
    jne     end_overlay
    mov     #broken, &outcome
end_overlay:
    then    1f
    call    #let_go
1:  sub     #place_bytes, &text
    jmp     end

; What comes of them.

end_if_readable:
    then    end_kept
    mov     &data, r5
    mov     0(r5), r12
    cmp     #SECRET, r12
    jne     end_kept
    jmp     end_broken
end_if_changed:
    mov     &data, r12
    clr     r6
    call    #ask
    cmp     #SECRET, r13
    jne     end_broken
    jmp     end_kept
end_if_open_word_changed:
    cmp     #SECRET, &open_word
    jne     end_broken
    jmp     end_kept
end_if_device_changed:
    mov     #DEVICE, r12
    clr     r6
    call    #ask
    cmp     #saved_end, r13
    jne     end_broken
end_kept:
    mov     #kept, &outcome
    jmp     end
end_broken:
    mov     #broken, &outcome
    jmp     end
skipped:
    mov     #not_tried, &outcome
; A probe that is still there makes room for the next.
end:
    then    1f
    call    #let_go
1:  add     #place_bytes, &text
    add     #place_bytes, &data
    mov     &outcome, r12
    ret

; Probes: one that keeps SECRET in the first word of its data, and one that owns DEVICE and has written `saved_end`
; there. Hardware that interrupts an enclave looks in its last word for where to save registers (docs/sancus-emulator.md).
; @return r12 0: hardware refused it, or there is no such device

memory_probe:
    mov     &data, r14
    mov     r14, r15
    add     #place_bytes - 2, r15
    mov     r14, r5
1:  clr     0(r5)
    incd    r5
    cmp     r15, r5
    jne     1b
    mov     r15, 0(r15)
    incd    r15
    call    #make_probe
    tst     r12
    jz      2f
    mov     &data, r12
    mov     #SECRET, r13
    mov     #2, r6
    call    #ask
    mov     #1, r12
2:  ret

device_probe:
    clr     r12
    mov     #saved_end, &DEVICE
    cmp     #saved_end, &DEVICE
    jne     1f
    mov     #DEVICE, r14
    mov     #DEVICE + 2, r15
    call    #make_probe
1:  ret

; With the data from r14 to r15.
make_probe:
    mov     &text, r13
    mov     #probe, r5
1:  mov     @r5+, r6
    mov     r6, 0(r13)
    incd    r13
    cmp     #probe_end, r5
    jne     1b
    clr     r9
    clr     r10
    mov     #vendor, r11
    mov     &text, r12
    .short  0x1381
    mov     r15, r12
    ret

; Has the probe leave, if there is one.
let_go:
    mov     &text, r15
    .short  0x1386
    tst     r15
    jnz     1f
    ret
1:  mov     #1, r6
; Calls the probe.
ask:
    mov     #1f, r7
    mov     &text, r5
    br      r5
1:  ret

; The vector of violations.
violated:
    mov     &stack, r1
    br      &resume

; Sends the text at r12.
say:
    tst.b   0(r12)
    jz      2f
1:  bit.b   #UART_FULL, &UART_STATUS
    jnz     1b
    mov.b   @r12+, r13
    mov.b   r13, &UART_TRANSMIT
    jmp     say
2:  ret

; Copied to where it is to lie.
    .section .rodata, "a"
    .balign 2
probe:
    cmp     #1, r6
    jeq     1f
    jhs     probe_stores
    mov     @r12, r13
    br      r7
probe_stores:
    mov     r13, 0(r12)
    br      r7
1:  mov     r7, r15
probe_leaves:
    .short  0x1380
    .balign 2
probe_end:

no_tag: .space 16
heading: .asciz "Authex board check\r\n"
nothing_left: .asciz "Nothing of an earlier run is in memory. Reset the board and see whether it says so again.\r\n"
something_left: .asciz "What an earlier run has left is in memory: IT IS NOT CLEARED at a reset\r\n"
reset_meanwhile:
    .asciz "An attempt has reset the board, and memory is kept: NOTHING IS PROTECTED on this board.\r\n"
rule_read: .asciz "An enclave's data are not read from outside"
rule_write: .asciz "They are not written from outside"
rule_enter: .asciz "A jump into the middle of its text does nothing"
rule_leave: .asciz "Its unprotect clears text and data"
rule_leave_by_jump: .asciz "A jump to its unprotect does not end it"
rule_protect_nothing: .asciz "A protect without text, encrypted, does not end it"
rule_protect_encrypted: .asciz "A protect of its text, encrypted, does not end it"
rule_protect_plain: .asciz "A protect of its text does not end it"
rule_write_device: .asciz "A register that it owns is not written from outside"
rule_enter_device: .asciz "Nor by a jump to where it writes it"
rule_overlay: .asciz "Data of two enclaves are not read by the second one"
said_kept: .asciz ": yes\r\n"
said_broken: .asciz ": NO\r\n"
said_not_tried: .asciz ": not tried, hardware made no enclave\r\n"
sound: .asciz "No rule was seen broken.\r\n"
unsound: .asciz "NOTHING IS PROTECTED on this board.\r\n"

    .section .vectors, "a"
    .space  26
    .short  violated                 ; of NMI on other cores
    .short  violated
    .short  start

    .section .bss, "aw", @nobits
    .balign 2
stack:  .space 2
resume: .space 2
text:   .space 2
data:   .space 2
outcome: .space 2
failures: .space 2
open_word: .space 2
left_behind: .space 4             ; after a run: SECRET, OTHER
attempting: .space 2              ; SECRET: one was being made
saved:  .space 62
saved_end: .space 2
