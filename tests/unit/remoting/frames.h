/* frames: frames for tests, made by hand and not by the encoder under test, and a peer that remembers what it was sent. */
#ifndef TESTS_UNIT_REMOTING_FRAMES_H
#define TESTS_UNIT_REMOTING_FRAMES_H

#include "base/buf.h"
#include "base/timers.h"
#include "remoting/command.h"
#include "remoting/peer.h"
#include "remoting/request.h"

/* Append a frame around header bytes. */
void put_frame(struct buf *out, enum codec codec, struct slice header, struct slice body);
/* Append a JSON frame around printf-formatted header text, no body. */
void put_json_frame(struct buf *out, const char *fmt, ...) PRINTF(2, 3);
/* Append one binary ext field. */
void put_binary_field(struct buf *ext, const char *name, struct slice value);
/* Append the header's fixed part, remark and ext. */
void put_binary_header(struct buf *out, int16_t code, int32_t opaque, int32_t flag, struct slice remark, struct slice ext);

/* Take the frame at the front of `in` off and decode it; asserts that there is one. */
struct command take_frame(struct slice *in);

#endif
