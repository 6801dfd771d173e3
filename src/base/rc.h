/* rc: the one error enum of the project (../docs/architecture.md, "Errors").
 *
 * Functions that can fail return enum rc. Foreign numbers become ours on the line where they are born:
 * rc_from_errno(errno). The wire's response codes are another domain (remoting/response_code.h).
 * Thread: any. */
#ifndef BASE_RC_H
#define BASE_RC_H

#define RC_LIST(X)                                                                                                               \
	X(RC_OK, "ok")                                                                                                           \
	X(RC_AGAIN, "more bytes are needed")                                                                                     \
	X(RC_PENDING, "answered later")                                                                                          \
	X(RC_MALFORMED, "malformed input")                                                                                       \
	X(RC_TOO_BIG, "larger than allowed")                                                                                     \
	X(RC_MISSING, "a required field is missing")                                                                             \
	X(RC_NOT_FOUND, "not found")                                                                                             \
	X(RC_EXISTS, "exists already")                                                                                           \
	X(RC_BUSY, "too much work in hand")                                                                                      \
	X(RC_TIMEOUT, "timed out")                                                                                               \
	X(RC_CANCELED, "canceled")                                                                                               \
	X(RC_CLOSED, "connection closed")                                                                                        \
	X(RC_UNREACHABLE, "cannot connect")                                                                                      \
	X(RC_READ_ONLY, "read-only")                                                                                             \
	X(RC_DISK_FULL, "no space left on device")                                                                               \
	X(RC_IO, "input/output error")                                                                                           \
	X(RC_PERMISSION, "permission denied")                                                                                    \
	X(RC_LOCKED, "locked by another process")                                                                                \
	X(RC_NO_MEMORY, "out of memory")                                                                                         \
	X(RC_TOO_MANY_FILES, "too many open files")                                                                              \
	X(RC_CORRUPT, "damaged on disk")                                                                                         \
	X(RC_UNSUPPORTED, "not supported")                                                                                       \
	X(RC_INVALID, "invalid argument")

#define RC_ENUM(code, text) code,
enum rc { RC_LIST(RC_ENUM) RC_COUNT };
#undef RC_ENUM

/* Text of a code, static, lower case, no full stop. */
const char *rc_text(enum rc rc);

/* Map an errno value; unknown ones become RC_IO, 0 becomes RC_OK. */
enum rc rc_from_errno(int err);

#endif
