/* requests: the frames of a load, built for the options it has.
 *
 * Sends come from templates, one for each topic, queue, size and tag, made when first needed; what is rare is encoded each time.
 * Thread: the load's. Memory: requests_init .. requests_free; the options outlive it. */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include "bench/frame_template.h"
#include "bench/options.h"

#define TEMPLATES_MAX 65536                      /* kept; further ones are encoded each time */
#define TEMPLATES_BYTES_MAX (256u * 1024 * 1024) /* all together */

struct requests {
	const struct options *o;
	char **topics;
	struct mix sizes, tags; /* copies: they are counted through */
	struct frame_template *templates;
	size_t template_count, template_bytes;
	struct frame_template scratch; /* for what has no place among the templates */
	uint64_t number;               /* of the last message */
	uint64_t run;
};

/* What half a transaction needs to be ended; from the answer to the half message. */
struct half_message {
	int64_t queue_offset, log_offset;
	char transaction_id[64];
};

void requests_init(struct requests *r, const struct options *o);
void requests_free(struct requests *r);

/* Append a request to out. `opaque` is what its answer will bring back. */
void put_send(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue, const struct stamp *stamp);
void put_commit(struct requests *r, struct buf *out, int32_t opaque, int topic, const struct half_message *half);
void put_pull(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue, int64_t offset, bool is_held);
void put_route(struct requests *r, struct buf *out, int32_t opaque, int topic);
void put_registration(struct requests *r, struct buf *out, int32_t opaque, int broker);
void put_heartbeat(struct requests *r, struct buf *out, int32_t opaque, int connection);
void put_max_offset(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue);
void put_create_topic(struct requests *r, struct buf *out, int32_t opaque, int topic);

#endif
