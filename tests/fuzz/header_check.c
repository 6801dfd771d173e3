#include "tests/fuzz/header_check.h"

#include "base/bytes.h"
#include "remoting/headers.h"

#define HEADER_BYTES_MAX 1024

struct any_header {
	_Alignas(16) char bytes[HEADER_BYTES_MAX];
};

static struct command decode_frame(const struct buf *b)
{
	struct command cmd;
	const char *why = NULL;
	size_t bytes;

	ASSERT(frame_size(buf_slice(b), &bytes) == RC_OK && bytes == b->len);
	ASSERT(command_decode(buf_slice(b), &cmd, &why) == RC_OK);
	return cmd;
}

static void check_same(const struct schema *s, const struct any_header *a, const struct any_header *b)
{
	char x[SCHEMA_TEXT_MAX], y[SCHEMA_TEXT_MAX];

	ASSERT(*(const uint64_t *)(const void *)a == *(const uint64_t *)(const void *)b);
	for (size_t row = 0; row < s->count; row++)
		ASSERT(slice_eq(schema_text(s, a, row, x), schema_text(s, b, row, y)));
}

/* The binary header has 16 bits for code and version, and what does not fit is never written by us. */
static bool fits_binary(const struct command *cmd) { return cmd->version >= INT16_MIN && cmd->version <= INT16_MAX; }

static void check_again(const struct command *cmd, enum codec codec, const struct schema *s, const struct any_header *header,
			struct arena *arena)
{
	struct any_header again;
	struct command out = *cmd;
	struct buf b = {0};
	const char *bad;
	enum rc rc;

	out.codec = codec;
	out.remark = command_remark(cmd, arena);
	command_encode(&b, &out, s, header, NULL, 0, 0);
	if (b.len <= HEADER_MAX_BYTES) { /* escaping can make it longer than what we read */
		out = decode_frame(&b);
		ASSERT(out.code == cmd->code && out.opaque == cmd->opaque && out.flag == cmd->flag);
		ASSERT(out.language == cmd->language && out.version == cmd->version);
		ASSERT(slice_eq(out.body, cmd->body));
		rc = command_decode_ext(&out, s, &again, arena, &bad);
		ASSERT(rc == RC_OK || rc == RC_MISSING);
		check_same(s, header, &again);
	}
	buf_free(&b);
}

static void check_schema(const struct command *cmd, const struct schema *s)
{
	struct any_header header;
	struct arena arena;
	const char *bad = NULL;
	enum rc rc;

	ASSERT(s->size <= sizeof(header));
	arena_init(&arena);
	rc = command_decode_ext(cmd, s, &header, &arena, &bad);
	ASSERT((rc == RC_OK) == (bad == NULL));
	if (rc == RC_OK || rc == RC_MISSING) {
		check_again(cmd, CODEC_JSON, s, &header, &arena);
		if (fits_binary(cmd))
			check_again(cmd, CODEC_BINARY, s, &header, &arena);
	}
	arena_reset(&arena);
}

static const struct schema *always(const struct header_reader *reader, int32_t code)
{
	(void)code;
	return reader->ctx;
}

/* In one walk or in two: the same. */
static void check_one_walk(struct slice frame, const struct command *cmd, enum rc decoded, const struct schema *s)
{
	struct any_header two;
	struct arena arena;
	struct header_reader r = {.schema_of = always, .ctx = (void *)s, .arena = &arena};
	struct command with;
	const char *why = NULL, *bad = NULL;
	enum rc rc;

	arena_init(&arena);
	rc = command_decode_with(frame, &with, &r, &why);
	ASSERT(rc == decoded && (rc == RC_OK) == (why == NULL));
	if (rc == RC_OK) {
		ASSERT(with.code == cmd->code && with.flag == cmd->flag && slice_eq(with.ext, cmd->ext));
		rc = command_decode_ext(cmd, s, &two, &arena, &bad);
		ASSERT(r.rc == rc && r.bad == bad);
		check_same(s, r.header, &two);
	}
	arena_reset(&arena);
}

void check_header(enum codec codec, struct slice header)
{
	struct buf b = {0};
	struct command cmd;
	const char *why = NULL;
	enum rc rc;

	if (header.len > HEADER_MAX_BYTES)
		return;
	buf_put_u32(&b, (uint32_t)(4 + header.len));
	buf_put_u32(&b, (uint32_t)codec << 24 | (uint32_t)header.len);
	buf_put_slice(&b, header);
	rc = command_decode(buf_slice(&b), &cmd, &why);
	ASSERT((rc == RC_OK) == (why == NULL));
	for (size_t i = 0; i < header_schema_count; i++) {
		check_one_walk(buf_slice(&b), &cmd, rc, header_schemas[i]);
		if (rc == RC_OK)
			check_schema(&cmd, header_schemas[i]);
	}
	buf_free(&b);
}
