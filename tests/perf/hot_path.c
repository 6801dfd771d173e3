/* hot_path: the same work in every run, for counting its instructions (tests/perf/instructions.sh runs it under callgrind).
 *
 *   hot_path send|pull|heartbeat     TOP_SRCDIR/tests/unit/golden has the frames; prints how many operations were measured
 *
 * The broker's core runs without sockets, threads or clock: frames go into peer_receive(), 64 a turn, then the turn ends and its jobs
 * (the write to the log, files) run at once. Only measured_turn() is counted: the answers are checked outside of it. The kernel is not
 * counted, nor is the loop that reads and writes sockets: this is what a message costs the core.
 * Exit status 77, with the reason on standard output, in a build whose counts say nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remoting/request_code.h"
#include "remoting/response_code.h"
#include "tests/fuzz/broker_core.h"

#define TURN 64 /* sends in a turn: what a Java producer that sends asynchronously has under way */
#define WARM_TURNS 8
#define TURNS 16
#define BODY_BYTES 1024
#define PULL_MESSAGES "32"

struct load {
	const char *name;
	void (*make)(struct buf *frame);
	int frames; /* in a turn */
};

static struct fuzz_core core;

static void put_frame(struct buf *frame, struct slice header, struct slice body)
{
	buf_put_u32(frame, (uint32_t)(4 + header.len + body.len));
	buf_put_u32(frame, (uint32_t)header.len);
	buf_put_slice(frame, header);
	buf_put_slice(frame, body);
}

static void read_golden(const char *name, struct buf *frame)
{
	const char *top = getenv("top_srcdir");
	char path[1024], bytes[8192];
	size_t got;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/golden/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	ASSERT(f != NULL);
	got = fread(bytes, 1, sizeof(bytes), f);
	ASSERT(got > 8 && got < sizeof(bytes));
	fclose(f);
	buf_put(frame, bytes, got);
}

/* The Java client's header, before a body of BODY_BYTES. */
static void make_send(struct buf *frame)
{
	struct buf golden = {0};
	char body[BODY_BYTES];

	read_golden("5.5.0-client-310-send_message_v2-request.bin", &golden);
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	put_frame(frame, slice_sub(buf_slice(&golden), 8, get_u32(golden.data + 4)), (struct slice){body, sizeof(body)});
	buf_free(&golden);
}

/* The Java client's header, of a consumer that sends its subscription along (sysFlag 4), for what make_send sent. */
static void make_pull(struct buf *frame)
{
	put_frame(
		frame,
		SLICE_LIT(
			"{\"code\":11,\"extFields\":{\"queueId\":\"0\",\"maxMsgBytes\":\"262144\",\"maxMsgNums\":\"" PULL_MESSAGES
			"\",\"sysFlag\":\"6\",\"suspendTimeoutMillis\":\"15000\",\"commitOffset\":\"-1\",\"bname\":\"broker-a\","
			"\"topic\":\"b_Topic\",\"queueOffset\":\"0\",\"expressionType\":\"TAG\",\"subscription\":\"*\","
			"\"subVersion\":\"1795253159399\",\"consumerGroup\":\"b_Consumer\"},\"flag\":0,\"language\":\"JAVA\","
			"\"opaque\":63,\"serializeTypeCurrentRPC\":\"JSON\",\"version\":513}"),
		(struct slice){0});
}

static void make_heartbeat(struct buf *frame) { read_golden("5.5.0-client-34-heart_beat-request-2.bin", frame); }

static const struct load loads[] = {
	{"send", make_send, TURN},
	{"pull", make_pull, 1},
	{"heartbeat", make_heartbeat, 1},
};

/* Not inlined and not static: callgrind finds it by its name. */
void measured_turn(struct peer *peer, struct slice frame, int frames);

__attribute__((noinline)) void measured_turn(struct peer *peer, struct slice frame, int frames)
{
	const char *why;

	for (int i = 0; i < frames; i++)
		ASSERT(peer_receive(peer, frame, &why) == RC_OK);
	fuzz_core_end_turn(&core);
}

static void plain_turn(struct peer *peer, struct slice frame, int frames)
{
	const char *why;

	for (int i = 0; i < frames; i++)
		ASSERT(peer_receive(peer, frame, &why) == RC_OK);
	fuzz_core_end_turn(&core);
	ASSERT(fuzz_core_answers(peer) >= 0); /* a first heartbeat brings a call of the broker too */
}

static void run(const struct load *load)
{
	struct peer *peer = fuzz_core_connect(&core, 40000);
	struct buf frame = {0}, first = {0};
	const char *why;

	make_send(&first);
	load->make(&frame);
	for (int i = 0; i < TURN; i++) /* something to pull */
		ASSERT(peer_receive(peer, buf_slice(&first), &why) == RC_OK);
	fuzz_core_pass_time(&core); /* the topic is new: the answers wait for its file */
	ASSERT(fuzz_core_answers(peer) == SUCCESS);
	for (int i = 0; i < WARM_TURNS; i++)
		plain_turn(peer, buf_slice(&frame), load->frames);
	for (int i = 0; i < TURNS; i++) {
		measured_turn(peer, buf_slice(&frame), load->frames);
		ASSERT(fuzz_core_answers(peer) == SUCCESS);
	}
	printf("%d\n", TURNS * load->frames);
	peer_close(peer);
	buf_free(&first);
	buf_free(&frame);
}

static const char *unfit(void)
{
#if !defined(__x86_64__)
	return "the budget was measured on x86-64";
#elif !defined(__OPTIMIZE__) || defined(FUSEE_CHECKS)
	return "this build is not optimised, or has sanitizers";
#else
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx2")
		       ? NULL
		       : "the budget was measured with PCLMULQDQ and AVX2";
#endif
}

int main(int argc, char **argv)
{
	const char *why = unfit();

	if (why != NULL) {
		puts(why);
		return 77;
	}
	for (size_t i = 0; argc == 2 && i < COUNT_OF(loads); i++) {
		if (strcmp(argv[1], loads[i].name) != 0)
			continue;
		fuzz_core_start_broker(&core);
		core.set_time(core.core, core.wall_ms);
		run(&loads[i]);
		return 0;
	}
	fprintf(stderr, "usage: hot_path send|pull|heartbeat\n");
	return 2;
}
