/* header_codec: the two forms of a command header, behind command.c. Private to remoting/.
 *
 * A decoder takes the header bytes and fills every member of the command except `body`; it also walks the ext fields once, so that
 * their syntax and their count are known to be good before anything looks at them.
 * Thread: any. Memory: none; slices point into the header. Errors: RC_MALFORMED, RC_TOO_BIG (EXT_FIELDS_MAX), *why static. */
#ifndef REMOTING_HEADER_CODEC_H
#define REMOTING_HEADER_CODEC_H

#include "remoting/command.h"

/* Called for each ext field in the order of the wire. `is_escaped`: value is JSON text whose escapes are still there.
 * Anything but RC_OK stops the walk and is its result. */
typedef enum rc ext_field_fn(void *ctx, struct slice name, struct slice value, bool is_escaped);

/* `reader`, where there is one, gets the ext fields as they are walked: see header_reader.h. */
enum rc header_json_decode(struct slice header, struct command *out, struct header_reader *reader, const char **why);
enum rc header_json_each_ext(struct slice ext, ext_field_fn *on_field, void *ctx);
enum rc header_binary_decode(struct slice header, struct command *out, struct header_reader *reader, const char **why);
enum rc header_binary_each_ext(struct slice ext, ext_field_fn *on_field, void *ctx);

/* What is to be encoded. */
struct header_source {
	const struct command *cmd;
	const struct schema *schema; /* NULL: no header */
	const void *header;
	const struct ext_field *extra;
	size_t extra_count;
};

/* Most bytes the header can take; room for so many must be at `out` of the encoder, which returns how many it wrote. */
size_t header_json_bound(const struct header_source *src);
size_t header_json_encode(const struct header_source *src, char *out);
size_t header_binary_bound(const struct header_source *src);
size_t header_binary_encode(const struct header_source *src, char *out);

#endif
