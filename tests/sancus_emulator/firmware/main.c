/* Unprotected: makes the enclaves and uses them. `results` is what the test looks at. */
#include <stdint.h>

struct layout {
    uint16_t text_start, text_end, data_start, data_end;
};

extern char __sm_counter_public_start[], __sm_counter_public_end[];
extern char __sm_counter_secret_start[], __sm_counter_secret_end[];
extern char __sm_gate_public_start[], __sm_gate_public_end[];
extern char __sm_gate_secret_start[], __sm_gate_secret_end[];
extern uint16_t counter_count;

void counter_entry(void);
void gate_entry(void);
uint16_t ask(void (*entry)(void), uint16_t argument);
uint16_t protect(const struct layout* of);

volatile uint16_t results[8];

static uint16_t make(char* ps, char* pe, char* ss, char* se) {
    struct layout of = {(uint16_t)(uintptr_t)ps,
                        (uint16_t)(uintptr_t)pe,
                        (uint16_t)(uintptr_t)ss,
                        (uint16_t)(uintptr_t)se};
    return protect(&of);
}

void main(void) {
    results[0] = make(__sm_counter_public_start,
                      __sm_counter_public_end,
                      __sm_counter_secret_start,
                      __sm_counter_secret_end);
    results[1] = make(
        __sm_gate_public_start, __sm_gate_public_end, __sm_gate_secret_start, __sm_gate_secret_end);
    results[2] = ask(counter_entry, 0); /* a foreign caller: refused */
    results[3] = ask(gate_entry, 0);    /* 1 */
    results[4] = ask(gate_entry, 0);    /* 2 */
    results[5] = ask(counter_entry, 0); /* refused */
    results[6] = 0x7777;
    results[7] = counter_count; /* what is the enclave's own: a violation */
    results[6] = 0;
}
