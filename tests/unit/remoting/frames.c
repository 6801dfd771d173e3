#include "tests/unit/remoting/frames.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

void put_frame(struct buf *out, enum codec codec, struct slice header, struct slice body)
{
	buf_put_u32(out, (uint32_t)(4 + header.len + body.len));
	buf_put_u32(out, (uint32_t)codec << 24 | (uint32_t)header.len);
	buf_put_slice(out, header);
	buf_put_slice(out, body);
}

void put_json_frame(struct buf *out, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ck_assert(n >= 0 && (size_t)n < sizeof(text));
	put_frame(out, CODEC_JSON, (struct slice){text, (size_t)n}, (struct slice){0});
}

void put_binary_field(struct buf *ext, const char *name, struct slice value)
{
	buf_put_u16(ext, (uint16_t)strlen(name));
	buf_put_text(ext, name);
	buf_put_u32(ext, (uint32_t)value.len);
	buf_put_slice(ext, value);
}

void put_binary_header(struct buf *out, int16_t code, int32_t opaque, int32_t flag, struct slice remark, struct slice ext)
{
	buf_put_u16(out, (uint16_t)code);
	buf_put_u8(out, LANGUAGE_JAVA);
	buf_put_u16(out, 409);
	buf_put_u32(out, (uint32_t)opaque);
	buf_put_u32(out, (uint32_t)flag);
	buf_put_u32(out, (uint32_t)remark.len);
	buf_put_slice(out, remark);
	buf_put_u32(out, (uint32_t)ext.len);
	buf_put_slice(out, ext);
}

struct command take_frame(struct slice *in)
{
	struct command cmd;
	const char *why = NULL;
	size_t bytes = 0;

	ck_assert_int_eq(frame_size(*in, &bytes), RC_OK);
	ck_assert_uint_le(bytes, in->len);
	ck_assert_msg(command_decode(slice_sub(*in, 0, bytes), &cmd, &why) == RC_OK, "%s", why);
	*in = slice_sub(*in, bytes, in->len);
	return cmd;
}
