// What libutee asks of a TA, where a dev kit of OP-TEE brings it. (OP-TEE OS 4.10,
// `ta/user_ta_header.c`)
extern "C" {
extern int trace_level;
extern const char trace_ext_prefix[];
int trace_level = 0; // nothing is said
const char trace_ext_prefix[] = "TA";
}
