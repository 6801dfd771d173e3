#include "broker/refusals.h"

#include "remoting/response_code.h"

enum outcome refuse_unknown_topic(struct request *req, struct slice topic)
{
	return reply_error(req, TOPIC_NOT_EXIST, "topic[%.*s] not exist, apply first please!", SLICE_ARG(topic));
}
