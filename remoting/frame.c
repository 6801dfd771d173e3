/* frame: where one command ends and the next begins. Peers choose both lengths: each is compared as it came. */
#include "base/bytes.h"
#include "remoting/command.h"

#define PREFIX_BYTES 8 /* length, type and header length */

enum rc frame_size(struct slice in, size_t *frame_bytes)
{
	uint32_t length, mark, header_bytes;

	if (in.len < PREFIX_BYTES)
		return RC_AGAIN;
	length = get_u32(in.at);
	if (length > FRAME_MAX_BYTES - 4)
		return RC_TOO_BIG;
	mark = get_u32(in.at + 4);
	/* Mask first: the top byte is the serialize type, not length (Apache RemotingCommand.getHeaderLength). */
	header_bytes = mark & 0xFFFFFF;
	if (mark >> 24 > CODEC_BINARY || length < 4 || header_bytes > length - 4)
		return RC_MALFORMED;
	if (header_bytes > HEADER_MAX_BYTES)
		return RC_TOO_BIG;
	*frame_bytes = 4 + (size_t)length;
	return RC_OK;
}
